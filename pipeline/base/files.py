"""The cache folder: made for this user alone, written whole or not at all, and never a reason to fail.

Each file ends with a checksum of what comes before: whatever is cut short or damaged counts as not there, and goes.
"""

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

if TYPE_CHECKING:
    import numpy as np

END = struct.Struct("<QI")  # length and CRC-32 of the content
PART = ".part"
SCRATCH = "scratch"  # the folder of what is being made
STALE_SECONDS = 3600  # after which what a killed process was writing is nobody's


class Entry(NamedTuple):
    """A file of the cache folder: its path, bytes, when it was written and when last used (seconds of the epoch)."""

    path: Path
    size: int
    written: float
    used: float


class Store:
    """The cache folder at `folder`. Holds nothing itself: several processes, and several stores, may share a folder.

    Parameters
    ----------
    folder
        Made when something is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, where: str, name: str, content: bytes | memoryview, most: float) -> bool:
        """Keep `content` as `name` in the subfolder `where`, unless it is more than `most` bytes.

        Returns whether it could be kept: not on a full or read-only disk.
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
        """What was kept under `name` within the last `seconds`; None where there is nothing, or nothing whole."""
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
        """What was kept under `name`, ``(bytes,)`` uint8 that are read when they are needed; None as `read`."""
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
        """The file of what was kept under `name`, which has the checksum behind it; None as `read`."""
        return None if self.map(where, name) is None else self.folder / where / name

    def delete(self, where: str, name: str) -> None:
        """Remove what was kept under `name`."""
        with suppress(OSError):
            (self.folder / where / name).unlink()

    def list_entries(self, where: str) -> Iterator[Entry]:
        """Every file in `where`; those that another process removes meanwhile are left out."""
        try:
            entries = list(os.scandir(self.folder / where))
        except OSError:
            return
        for entry in entries:
            with suppress(OSError):
                facts = entry.stat(follow_symlinks=False)
                yield Entry(Path(entry.path), facts.st_size, facts.st_mtime, facts.st_atime)

    def sweep(self, where: str, most: float = float("inf"), seconds: float = float("inf")) -> None:
        """Remove what was written more than `seconds` ago, and beyond `most` bytes what was not used for longest."""
        now, total = time.time(), 0.0
        for each in sorted(self.list_entries(where), key=lambda each: each.used, reverse=True):
            is_part = each.path.name.endswith(PART)
            total += each.size
            if now - each.written > (STALE_SECONDS if is_part else seconds) or (total > most and not is_part):
                total -= each.size
                with suppress(OSError):
                    each.path.unlink()

    def clear(self, where: str) -> None:
        """Remove everything in `where`."""
        for each in self.list_entries(where):
            with suppress(OSError):
                each.path.unlink()

    @contextmanager
    def make_scratch(self) -> Iterator[Path]:
        """A folder to work in, gone afterwards. What killed processes left in theirs goes with the next one."""
        place = self._make_folder(SCRATCH)
        for each in self.list_entries(SCRATCH) if place else ():
            if time.time() - each.written > STALE_SECONDS:
                shutil.rmtree(each.path, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=place, ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    # ---- facts that all processes share --------------------------------------------------------------------------

    def count_up(self, name: str) -> None:
        """Count one more under `name`: a byte at the end of a file, which no two processes can get wrong."""
        place = self._make_folder(".")
        if place is not None:
            with suppress(OSError):
                handle = os.open(place / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                try:
                    os.write(handle, b".")
                finally:
                    os.close(handle)

    def read_count(self, name: str) -> int:
        """How many were counted under `name`."""
        try:
            return (self.folder / name).stat().st_size
        except OSError:
            return 0

    def reset_count(self, name: str) -> None:
        """Count anew."""
        self.delete(".", name)

    def set_mark(self, name: str) -> None:
        """Note under `name`, for every process, that something happened now."""
        place = self._make_folder(".")
        if place is not None:
            with suppress(OSError):
                (place / name).write_text(os.urandom(8).hex(), encoding="ascii")

    def read_mark(self, name: str) -> int:
        """When that last happened, in nanoseconds; 0: never."""
        try:
            return (self.folder / name).stat().st_mtime_ns
        except OSError:
            return 0

    def _make_folder(self, where: str) -> Path | None:
        """The subfolder `where`, made if need be; None where there can be none."""
        place = self.folder / where
        try:
            if not place.is_dir():
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                place.mkdir(mode=0o700, exist_ok=True)
        except OSError:
            return None
        return place


def _is_whole(content: bytes | memoryview) -> bool:
    if len(content) < END.size:
        return False
    length, checksum = END.unpack(content[-END.size :])
    return bool(length == len(content) - END.size and checksum == crc32(content[: -END.size]))


def _touch(path: Path) -> None:
    """Note that it was used now; when it was written stays."""
    with suppress(OSError):
        os.utime(path, (time.time(), path.stat().st_mtime))
