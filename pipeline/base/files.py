"""The cache folder: readable by this user only, each file written whole or not at all.

Each file ends with its length and a checksum, so that a truncated or damaged one is noticed and deleted. Errors of the
file system are not raised: a cache that cannot be written must not stop the work.
"""

import hashlib
import os
import shutil
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from .machine import is_running

if TYPE_CHECKING:
    import numpy as np

END = struct.Struct("<QI")  # length and CRC-32 of the content
PART = ".part"
SCRATCH = "scratch"  # subfolder of temporary folders
STALE_SECONDS = 3600  # age at which a temporary file was surely left by a killed process


class Entry(NamedTuple):
    """A file of the cache folder: its path, its size in bytes, and when it was written and last used (Unix time)."""

    path: Path
    size: int
    written: float
    used: float


class Store:
    """The cache folder at `folder`. It holds no state, so several stores and processes may share a folder.

    Parameters
    ----------
    folder
        Created when something is first written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, where: str, name: str, content: bytes | memoryview, most: float) -> bool:
        """Write `content` as the file `name` in the subfolder `where`, unless it has more than `most` bytes.

        Returns whether it was written; False also on a full or read-only disk.
        """
        place = self._make_folder(where)
        if place is None or len(content) + END.size > most:
            return False
        part = place / f"{name}.{os.urandom(4).hex()}{PART}"
        try:
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.write(END.pack(len(content), crc32(content)))
            part.replace(place / name)
        except OSError:
            with suppress(OSError):
                part.unlink()
            return False
        return True

    def read(self, where: str, name: str, seconds: float = float("inf")) -> bytes | None:
        """The content of the file `name`, if it was written within the last `seconds`; None if missing or damaged."""
        path = self.folder / where / name
        try:
            old = time.time() - path.stat().st_mtime > seconds
            content = b"" if old else path.read_bytes()
        except OSError:
            return None
        if not _is_whole(content):
            self.delete(where, name)
            return None
        _touch(path)
        return content[: -END.size]

    def map(self, where: str, name: str) -> "np.ndarray | None":
        """The content of the file `name` memory-mapped, ``(bytes,)`` uint8; None as for `read`."""
        import numpy as np

        path = self.folder / where / name
        try:
            content = np.memmap(path, np.uint8, mode="c")
        except (OSError, ValueError):  # ValueError: it is empty
            return None
        if not _is_whole(content.data):
            self.delete(where, name)
            return None
        _touch(path)
        return content[: -END.size]

    def locate(self, where: str, name: str) -> Path | None:
        """The path of the file `name`, whose content is followed by the checksum; None as for `read`."""
        return None if self.map(where, name) is None else self.folder / where / name

    def delete(self, where: str, name: str) -> None:
        """Delete the file `name`, if it is there."""
        with suppress(OSError):
            (self.folder / where / name).unlink()

    def list_entries(self, where: str) -> Iterator[Entry]:
        """Every file in the subfolder `where`; those that another process deletes meanwhile are left out."""
        try:
            entries = list(os.scandir(self.folder / where))
        except OSError:
            return
        for entry in entries:
            with suppress(OSError):
                facts = entry.stat(follow_symlinks=False)
                yield Entry(Path(entry.path), facts.st_size, facts.st_mtime, facts.st_atime)

    def sweep(self, where: str, most: float = float("inf"), seconds: float = float("inf")) -> None:
        """Delete what was written more than `seconds` ago, then the least recently used beyond `most` bytes."""
        now, total = time.time(), 0.0
        for each in sorted(self.list_entries(where), key=lambda each: each.used, reverse=True):
            is_part = each.path.name.endswith(PART)
            total += each.size
            if now - each.written > (STALE_SECONDS if is_part else seconds) or (total > most and not is_part):
                total -= each.size
                with suppress(OSError):
                    each.path.unlink()

    def clear(self, where: str) -> None:
        """Delete every file in the subfolder `where`."""
        for each in self.list_entries(where):
            with suppress(OSError):
                each.path.unlink()

    @contextmanager
    def make_scratch(self) -> Iterator[Path]:
        """A temporary folder, deleted afterwards; folders that killed processes left are deleted first."""
        place = self._make_folder(SCRATCH)
        for each in self.list_entries(SCRATCH) if place else ():
            owner = each.path.name.partition("-")[0]
            is_abandoned = owner.isdigit() and not is_running(int(owner))
            if is_abandoned or time.time() - each.written > STALE_SECONDS:
                shutil.rmtree(each.path, ignore_errors=True)
        prefix = f"{os.getpid()}-"
        with tempfile.TemporaryDirectory(dir=place, prefix=prefix, ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    # ---- counters and marks that all processes share -------------------------------------------------------------

    def count_up(self, name: str) -> None:
        """Add one to the counter `name`, by appending a byte to a file: appends of several processes do not collide."""
        place = self._make_folder(".")
        if place is not None:
            with suppress(OSError):
                handle = os.open(place / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                try:
                    os.write(handle, b".")
                finally:
                    os.close(handle)

    def read_count(self, name: str) -> int:
        """The value of the counter `name`."""
        try:
            return (self.folder / name).stat().st_size
        except OSError:
            return 0

    def reset_count(self, name: str) -> None:
        """Set the counter `name` to 0."""
        self.delete(".", name)

    def set_mark(self, name: str) -> None:
        """Note under `name` that something happened now; other processes see it with `read_mark`."""
        place = self._make_folder(".")
        if place is not None:
            with suppress(OSError):
                (place / name).write_text(os.urandom(8).hex(), encoding="ascii")

    def read_mark(self, name: str) -> int:
        """When the mark `name` was last set, in nanoseconds of Unix time; 0 if never."""
        try:
            return (self.folder / name).stat().st_mtime_ns
        except OSError:
            return 0

    def _make_folder(self, where: str) -> Path | None:
        """The subfolder `where`, created if needed; None where that fails."""
        place = self.folder / where
        try:
            if not place.is_dir():
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                place.mkdir(mode=0o700, exist_ok=True)
        except OSError:
            return None
        return place


def write_part(part: Path, data: bytes, *, lasting: bool = False) -> None:
    """Write a file that is renamed to its target once it is whole; where that fails nothing is left of it.

    `lasting`: return once the disk has it, so that it outlives a power cut.
    """
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            if lasting:
                os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise


def hash_file(path: Path, like: str | None = None) -> str:
    """The SHA-256 of a file's content, in hex; the MD5 where the checksum `like` is one."""
    algorithm = "md5" if like and len(like) == 32 else "sha256"
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


def _is_whole(content: bytes | memoryview) -> bool:
    if len(content) < END.size:
        return False
    length, checksum = END.unpack(content[-END.size :])
    return bool(length == len(content) - END.size and checksum == crc32(content[: -END.size]))


def _touch(path: Path) -> None:
    """Set when the file was last used to now, and leave when it was written."""
    with suppress(OSError):
        os.utime(path, (time.time(), path.stat().st_mtime))
