"""The cache folder: made for this user alone, written whole or not at all, and never a reason to fail.

Each file ends with a checksum of what comes before: whatever is cut short or damaged counts as not there, and goes.
"""

import os
import secrets
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np

from .settings import Settings

END = struct.Struct("<QI")  # length and CRC-32 of the content
PART = ".part"
STALE_SECONDS = 3600  # after which what a killed process was writing is nobody's


class Kept(NamedTuple):
    """A file of the cache folder: its path, bytes, when it was written and when last used (seconds of the epoch)."""

    path: Path
    size: int
    written: float
    used: float


def folder(name: str) -> Path | None:
    """The folder `name` of the cache folder, made if need be; None where there can be none."""
    place = Settings.current().cache_dir / name
    try:
        if not place.is_dir():
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return None
    return place


def keep(where: str, name: str, content: bytes | memoryview, most: float) -> bool:
    """Keep `content`, unless it is more than `most` bytes; whether it could be: not on a full or read-only disk."""
    place = folder(where)
    if place is None or len(content) + END.size > most:
        return False
    part = place / f"{name}.{secrets.token_hex(4)}{PART}"
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


def read(where: str, name: str, seconds: float = float("inf")) -> bytes | None:
    """What was kept under `name` within the last `seconds`; None where there is nothing, or nothing whole."""
    path = Settings.current().cache_dir / where / name
    try:
        old = time.time() - path.stat().st_mtime > seconds
        content = b"" if old else path.read_bytes()
    except OSError:
        return None
    if not _whole(content):
        forget(where, name)
        return None
    _touch(path)
    return content[: -END.size]


def mapped(where: str, name: str) -> np.ndarray | None:
    """What was kept under `name`, as bytes that are read when they are needed; None as `read`."""
    path = Settings.current().cache_dir / where / name
    try:
        content = np.memmap(path, np.uint8, mode="c")
    except (OSError, ValueError):  # ValueError: it is empty
        return None
    if not _whole(content.data):
        forget(where, name)
        return None
    _touch(path)
    return content[: -END.size]


def whole(where: str, name: str) -> Path | None:
    """The file of what was kept under `name`, which has the checksum behind it; None as `read`."""
    return None if mapped(where, name) is None else Settings.current().cache_dir / where / name


def _whole(content: bytes | memoryview) -> bool:
    if len(content) < END.size:
        return False
    length, checksum = END.unpack(content[-END.size :])
    return bool(length == len(content) - END.size and checksum == crc32(content[: -END.size]))


def _touch(path: Path) -> None:
    """Note that it was used now; when it was written stays."""
    with suppress(OSError):
        os.utime(path, (time.time(), path.stat().st_mtime))


def forget(where: str, name: str) -> None:
    """Remove what was kept under `name`."""
    with suppress(OSError):
        (Settings.current().cache_dir / where / name).unlink()


def kept(where: str) -> Iterator[Kept]:
    """Every file in `where`; those that another process removes meanwhile are left out."""
    place = Settings.current().cache_dir / where
    try:
        entries = list(os.scandir(place))
    except OSError:
        return
    for entry in entries:
        with suppress(OSError):
            facts = entry.stat(follow_symlinks=False)
            yield Kept(Path(entry.path), facts.st_size, facts.st_mtime, facts.st_atime)


def sweep(where: str, most: float = float("inf"), seconds: float = float("inf")) -> None:
    """Remove what was written more than `seconds` ago, and beyond `most` bytes what was not used for longest."""
    now, total = time.time(), 0.0
    for each in sorted(kept(where), key=lambda each: each.used, reverse=True):
        is_part = each.path.name.endswith(PART)
        total += each.size
        if now - each.written > (STALE_SECONDS if is_part else seconds) or (total > most and not is_part):
            total -= each.size
            with suppress(OSError):
                each.path.unlink()


def clear(where: str) -> None:
    """Remove everything in `where`."""
    for each in kept(where):
        with suppress(OSError):
            each.path.unlink()


# ---- facts that all processes share ----------------------------------------------------------------------------------


def tally(name: str) -> None:
    """Count one more under `name`: a byte at the end of a file, which no two processes can get wrong."""
    place = folder(".")
    if place is not None:
        with suppress(OSError):
            handle = os.open(place / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(handle, b".")
            finally:
                os.close(handle)


def tallied(name: str) -> int:
    """How many were counted under `name`."""
    try:
        return (Settings.current().cache_dir / name).stat().st_size
    except OSError:
        return 0


def untally(name: str) -> None:
    """Count anew."""
    forget(".", name)


def stamp(name: str) -> None:
    """Note under `name`, for every process, that something happened now."""
    place = folder(".")
    if place is not None:
        with suppress(OSError):
            (place / name).write_text(secrets.token_hex(8), encoding="ascii")


def stamped(name: str) -> int:
    """When that last happened, in nanoseconds; 0: never."""
    try:
        return (Settings.current().cache_dir / name).stat().st_mtime_ns
    except OSError:
        return 0
