"""Photos in ZIP and TAR files, read where they lie; names that lead elsewhere and archives that blow up are refused."""

import bz2
import gzip
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import IO, Any, NamedTuple

from ..base.errors import ClearcutError, as_write_error

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
RATIO = 200  # times its packed size that a photo may have: photos hardly shrink, bombs do a thousandfold
SMALL = 1 << 20  # bytes that are never a bomb
UNPACKED = 64  # times its size that a compressed TAR may have
BLOCK = 1 << 20  # bytes copied at a time
BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, EOFError, OSError, ValueError)


class Member(NamedTuple):
    """A file in an archive.

    Attributes
    ----------
    name
        As the archive has it.
    size
        Bytes of it, unpacked.
    offset
        Where it begins in a TAR; -1 in a ZIP.
    error
        Why it is not read, else None.
    """

    name: str
    size: int
    offset: int = -1
    error: ClearcutError | None = None


def is_archive(path: str) -> bool:
    """Whether a file's name is that of an archive.

    >>> is_archive("Photos.ZIP"), is_archive("photo.gz")
    (True, False)
    """
    return path.lower().endswith(ENDINGS)


def list_members(path: Path) -> Iterator[Member]:
    """The files in a ZIP or an uncompressed TAR, in its order; links and folders are left out.

    Raises
    ------
    ClearcutError
        ``broken_archive``.
    """
    try:
        yield from _list_zip(path) if zipfile.is_zipfile(path) else _list_tar(path)
    except (*BROKEN, tarfile.TarError):
        raise ClearcutError("broken_archive", name=path.name) from None


def read_member(path: Path, member: Member) -> bytes:
    """The content of a file in an archive. Raises ``broken_archive``, ``archive_locked``."""
    try:
        if member.offset >= 0:
            with path.open("rb") as file:
                file.seek(member.offset)
                data = file.read(member.size)
        else:
            with _open_zip(path, path.stat().st_mtime_ns).open(member.name) as packed:
                data = packed.read(member.size + 1)
    except (RuntimeError, NotImplementedError):  # a password, another compression
        raise ClearcutError("archive_locked", name=path.name) from None
    except (*BROKEN, KeyError):
        raise ClearcutError("broken_archive", name=path.name) from None
    if len(data) != member.size:
        raise ClearcutError("broken_archive", name=path.name)
    return data


def is_compressed_tar(path: Path) -> bool:
    """Whether it has to be unpacked by `unpack_tar` before its members can be read."""
    return is_archive(str(path)) and not zipfile.is_zipfile(path) and not _is_plain_tar(path)


def unpack_tar(path: Path, target: Path, room: int | None = None) -> None:
    """Write a compressed TAR to `target` without its compression, whole or not at all, with its time.

    Parameters
    ----------
    room
        How many bytes it may take.

    Raises
    ------
    ClearcutError
        ``archive_bomb``, ``archive_too_large``, ``broken_archive``, ``disk_full``, ``write_failed``.
    """
    most = UNPACKED * path.stat().st_size + SMALL
    part = target.with_name(target.name + ".part")
    try:
        with _decompress(path) as source, part.open("wb") as file:
            while block := _read_block(source, path):
                if file.tell() + len(block) > most:
                    raise ClearcutError("archive_bomb", name=path.name)
                if room is not None and file.tell() + len(block) > room:
                    raise ClearcutError("archive_too_large", name=path.name, room=round(room / 1e6, 1))
                file.write(block)
        part.replace(target)
        changed = path.stat().st_mtime_ns
        os.utime(target, ns=(changed, changed))  # so that it is known by its archive
    except OSError as error:
        raise as_write_error(error, target.name) from None
    finally:
        part.unlink(missing_ok=True)


def _list_zip(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for each in archive.infolist():
            if each.is_dir():
                continue
            bomb = each.file_size > SMALL and each.file_size > RATIO * max(each.compress_size, 1)
            locked = bool(each.flag_bits & 1)
            code = "archive_bomb" if bomb else "archive_locked" if locked else None
            yield Member(each.filename, each.file_size, error=_check_name(each.filename, code))


def _list_tar(path: Path) -> Iterator[Member]:
    with tarfile.open(path, "r:") as archive:
        files: dict[str, tarfile.TarInfo] = {}
        links: dict[str, str] = {}  # other names of files, which may come before these
        for each in archive:
            if each.isreg():
                files[normpath(each.name)] = each
                yield Member(each.name, each.size, each.offset_data, _check_name(each.name))
            elif each.issym() or each.islnk():
                links[each.name] = each.linkname if each.islnk() else join(dirname(each.name), each.linkname)
        for name, meant in links.items():
            held = files.get(normpath(meant))
            place = (held.size, held.offset_data) if held else (0, -1)
            yield Member(name, *place, _check_name(name, None if held else "file_missing"))


def _check_name(name: str, code: str | None = None) -> ClearcutError | None:
    """The error of a name that leads out of the archive's own folder, else that of `code`."""
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or parts[0] == "" or ":" in parts[0]:
        code = "unsafe_name"
    return ClearcutError(code, name=name[:200]) if code else None  # type: ignore[arg-type]


@lru_cache(4)
def _open_zip(path: Path, _changed: int) -> zipfile.ZipFile:
    """Open once for many photos: the list of what is in it is read each time that it is opened."""
    return zipfile.ZipFile(path)


def _is_plain_tar(path: Path) -> bool:
    try:
        with tarfile.open(path, "r:"):
            return True
    except (tarfile.TarError, EOFError, OSError, ValueError):
        return False


def _decompress(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        start = file.read(6)
    openers: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
    for mark, opener in openers.items():
        if start.startswith(mark):
            opened: IO[bytes] = opener(path, "rb")
            return opened
    raise ClearcutError("broken_archive", name=path.name)


def _read_block(source: IO[bytes], path: Path) -> bytes:
    try:
        return source.read(BLOCK)
    except Exception:  # zlib and lzma have errors of their own
        raise ClearcutError("broken_archive", name=path.name) from None
