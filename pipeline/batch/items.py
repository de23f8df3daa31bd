"""What a batch is made of: photos from files, folders, patterns, archives and lists of rows."""

import csv
import glob
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from ..base.errors import ClearcutError, Code
from ..pixels.names import RESULTS, count_name, find_kind, is_photo
from . import stores
from .archives import ENDINGS, Member, is_archive, is_compressed_tar, list_members, read_member, unpack_tar
from .places import make_absolute

LISTS = (".csv", ".jsonl")
PATHS = ("path", "file", "photo")  # what the column with the photo's path may be called
LINK: Code = "link_not_followed"  # the error of a folder that is none of the input's own
BEHIND = "background_image"
BESIDE = ("marks", "trimap", BEHIND)  # files that may go with a photo, each a column of a list
MADE = (*RESULTS, ".csv", ".html")  # endings of what a batch leaves in its output folder
Row = tuple[int, dict[str, Any]]  # of a list, with the number of its line
STILL = 2  # times that a photo is read that changes meanwhile


class Source(NamedTuple):
    """Where a photo is read from: a file, an object of a store, or a part of an archive.

    Attributes
    ----------
    path
        Of the file or the archive, or an address.
    member
        Its name in the archive; empty for a file.
    size, offset
        As of `Member`.
    copy
        Of a photo that is wanted more than once, each time otherwise: which time, from 0.
    """

    path: str
    member: str = ""
    size: int = 0
    offset: int = -1
    copy: int = 0

    def stamp(self) -> str:
        """What changes with the file: its size and when it was written; empty where it is not there."""
        try:
            if stores.is_address(self.path):
                return stores.find_object(self.path).stamp
            facts = Path(self.path).stat()
        except (OSError, ValueError):
            return ""
        return f"{facts.st_size} {facts.st_mtime_ns}"

    def make_absolute(self) -> "Source":
        """The same for a process that runs in another folder."""
        return self._replace(path=make_absolute(self.path))

    def read(self, max_mb: float | None = None) -> tuple[bytes, str]:
        """The photo's bytes and the stamp that they were read under.

        Raises
        ------
        ClearcutError
            ``file_missing``, ``file_unreadable``, ``file_changed``, ``too_large``, and those of `read_member`.
        """
        for _ in range(STILL):
            stamp = self.stamp()
            data = self._read(max_mb)
            if stamp == self.stamp():
                return data, stamp
        raise ClearcutError("file_changed", name=self.name)

    @property
    def name(self) -> str:
        """The photo's file name."""
        return (self.member or self.path).replace("\\", "/").rpartition("/")[2]

    def _read(self, max_mb: float | None) -> bytes:
        path = Path(self.path)
        try:
            size = 0 if max_mb is None else self._measure()
            if max_mb is not None and size > max_mb * 1e6:
                raise ClearcutError("too_large", name=self.name, megabytes=round(size / 1e6, 1), limit=max_mb)
            if self.member:
                return read_member(path, Member(self.member, self.size, self.offset))
            if stores.is_address(self.path):
                return stores.read_object(self.path)
            if path.exists() and not path.is_file():
                raise OSError(self.name)  # a pipe would be waited for
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise ClearcutError("file_missing", name=self.name) from None
        except (OSError, ValueError):
            raise ClearcutError("file_unreadable", name=self.name) from None

    def _measure(self) -> int:
        if stores.is_address(self.path):
            return stores.find_object(self.path).size
        return self.size if self.member else Path(self.path).stat().st_size


@dataclass(frozen=True)
class Found:
    """A photo that belongs to a batch.

    Attributes
    ----------
    source
        Where it is read from.
    name
        Its path in the batch, with ``/``, from which that of its cut-out is made.
    options
        Those of its own, by name, as they were given.
    beside
        Files of its own that go with it, each a path or an address by one of the names in `BESIDE`.
    error
        Why it cannot be cut out, where that is known already.
    stamp
        That of its source, where it came with the list of them.
    """

    source: Source
    name: str
    options: dict[str, Any] = field(default_factory=dict)
    beside: dict[str, str] = field(default_factory=dict)
    error: ClearcutError | None = None
    stamp: str = ""


def stamp_all(source: Source, beside: Mapping[str, str]) -> str:
    """What changes with a photo or with a file that goes with it; empty where one of them is not there."""
    stamps = [source.stamp(), *(Source(path).stamp() for path in beside.values())]
    return join_stamps(stamps) if all(stamps) else ""


def join_stamps(stamps: Iterable[str]) -> str:
    """The stamp of a photo with all that goes with it, of those of each."""
    return "; ".join(stamps)


def find_items(
    given: Sequence[str],
    output: Path | str,
    scratch: Path,
    room: int | None = None,
    left_out: Counter[str] | None = None,
) -> Iterator[Found]:
    """The photos that are meant by files, folders with all that is in them, patterns, archives, and CSV or JSONL lists.

    Each folder's photos in the order in which people count. What is in the folder `output` is left out. Where several
    things were given, the photos of a folder or an archive lie in a folder of its name.

    Parameters
    ----------
    output
        The folder that cut-outs are written to, or its address.
    scratch
        A folder for archives that have to be unpacked before they can be read.
    room
        How many bytes such an archive may take there.
    left_out
        Counts, by their endings, the files in folders and archives that are no photos; hidden ones are not counted.

    Raises
    ------
    ClearcutError
        ``file_missing``, ``folder_empty``, ``pattern_empty``, ``bad_list``, ``needs_package``, ``only_on_disk`` and
        those of archives: of something that was given, as a whole. What is wrong with one photo comes with it.
    """
    left_out = Counter() if left_out is None else left_out
    expanded = [path for each in given for path in _expand(each)]
    homes = _name_homes(expanded) if len(expanded) > 1 else [""] * len(expanded)
    for path, home in zip(expanded, homes, strict=True):
        if stores.is_address(path):
            found = _find_in_store(path, str(output))
            yield from _at_least_one(found, home, ClearcutError("folder_empty", name=path))
        elif os.path.isdir(path):  # noqa: PTH112 - for names that pathlib would change
            found = _find_in_folder(os.path.realpath(path), os.path.realpath(output), left_out)
            yield from _at_least_one(found, home, ClearcutError("folder_empty", name=path))
        elif is_archive(path):
            found = _find_in_archive(Path(spell_path(path)), scratch, room, left_out)
            yield from _at_least_one(found, home, ClearcutError("folder_empty", name=path))
        elif path.lower().endswith(LISTS):
            yield from _at_least_one(_find_in_list(Path(path)), "", ClearcutError("folder_empty", name=path))
        else:
            yield Found(Source(spell_path(path)), Path(path).name)


def spell_path(path: str) -> str:
    """The path of a file, the same however its folder was reached; a file that is a link keeps its own name."""
    folder, name = os.path.split(path)
    return str(Path(os.path.realpath(folder), name))


def _expand(given: str) -> list[str]:
    if stores.is_address(given):
        return _expand_address(given)
    if os.path.exists(given):  # noqa: PTH110 - no name is too long to ask
        return [given]
    if glob.has_magic(given):
        paths = sorted(filter(_is_wanted, _match(given.replace(os.sep, "/"))), key=count_name)
        if not paths:
            raise ClearcutError("pattern_empty", name=given)
        return paths
    raise ClearcutError("file_missing", name=given)


def _match(pattern: str) -> Iterator[str]:
    """What a pattern means; ``**`` follows no link to a folder, which might lead round in a circle."""
    before, recurses, after = re.sub(r"(^|/)\*\*$", r"\1**/*", pattern).partition("**/")
    if not recurses:
        yield from glob.glob(pattern)  # noqa: PTH207
        return
    for base in glob.glob(before) if before else ["."]:  # noqa: PTH207
        for place, folders, _ in os.walk(base):
            folders[:] = [each for each in folders if not each.startswith(".")]
            yield from _match(f"{glob.escape(place)}/{after}")


def _expand_address(given: str) -> list[str]:
    if not glob.has_magic(given):
        return [given.rstrip("/")]
    try:
        found = [path for path in stores.find_objects(given) if is_photo(path)]
    except OSError:
        raise ClearcutError("file_unreadable", name=given) from None
    if not found:
        raise ClearcutError("pattern_empty", name=given)
    return found


def _is_wanted(path: str) -> bool:
    return is_photo(path) and not os.path.isdir(path)  # noqa: PTH112


def _name_homes(paths: list[str]) -> list[str]:
    """The folder that each of several things has in the batch: its name, which no two share."""
    homes: list[str] = []
    for path in paths:
        is_home = os.path.isdir(path) or is_archive(path)  # noqa: PTH112
        is_home |= stores.is_address(path) and not is_photo(path)
        name = Path(os.path.abspath(path)).name.split(".")[0] if is_home else ""  # noqa: PTH100
        number = 2
        home = name
        while home and home in homes:
            home, number = f"{name}_{number}", number + 1
        homes.append(home)
    return homes


def _at_least_one(found: Iterator[Found], home: str, empty: ClearcutError) -> Iterator[Found]:
    is_empty = True
    for each in found:
        is_empty = False
        yield replace(each, name=f"{home}/{each.name}" if home else each.name)
    if is_empty:
        raise empty


def _find_in_folder(folder: str, output: str, left_out: Counter[str]) -> Iterator[Found]:
    refused: list[tuple[str, Code]] = []

    def refuse(error: OSError) -> None:
        if error.filename == folder:
            raise ClearcutError("file_unreadable", name=folder) from None
        refused.append((str(error.filename), "file_unreadable"))

    for place, folders, files in os.walk(folder, onerror=refuse):
        wanted = (each for each in folders if not each.startswith(".") and not _is_same(place, each, output))
        folders[:] = sorted(wanted, key=count_name)
        refused += [(str(Path(place, each)), LINK) for each in folders if Path(place, each).is_symlink()]
        inner = Path(place).relative_to(folder)
        is_output = f"{place}{os.sep}".startswith(f"{output}{os.sep}")
        for name in sorted((each for each in files if not each.startswith(".")), key=count_name):
            if is_photo(name):
                yield Found(Source(str(Path(place, name))), (inner / name).as_posix())
            elif not (is_output and name.lower().endswith(MADE)):
                left_out[find_kind(name)] += 1
    for path, code in refused:
        name = Path(path).relative_to(folder).as_posix()
        yield Found(Source(path), name, error=ClearcutError(code, name=name))


def _find_in_store(address: str, output: str) -> Iterator[Found]:
    """What an address means: an object, or all photos below it."""
    if address.lower().endswith((*ENDINGS, *LISTS)):
        raise ClearcutError("only_on_disk", name=address)
    try:
        objects = stores.list_objects(address)
    except FileNotFoundError:
        raise ClearcutError("file_missing", name=address) from None
    except OSError:
        raise ClearcutError("file_unreadable", name=address) from None
    own = stores.find_inner(output, address) if stores.is_address(output) else None
    for each in objects:
        name = each.name or address.rpartition("/")[2]  # where the address is that of a photo itself
        is_hidden = any(part.startswith(".") for part in name.split("/"))
        is_own = bool(own) and name.startswith(f"{own}/")
        if not each.name or (is_photo(name) and not is_hidden and not is_own):
            yield Found(Source(each.address), name, stamp=each.stamp)


def _is_same(place: str, name: str, other: str) -> bool:
    return os.path.realpath(Path(place, name)) == other


def locate_unpacked(path: Path, scratch: Path) -> Path:
    """Where a compressed TAR lies unpacked, once it is."""
    return scratch / f"{sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:16]}.tar"


def _find_in_archive(path: Path, scratch: Path, room: int | None, left_out: Counter[str]) -> Iterator[Found]:
    plain = path
    if is_compressed_tar(path):
        plain = locate_unpacked(path, scratch)
        if not plain.exists() or plain.stat().st_mtime_ns != path.stat().st_mtime_ns:
            unpack_tar(path, plain, room)
    for member in list_members(plain):
        name = member.name.replace("\\", "/")
        if any(part.startswith((".", "__MACOSX")) for part in name.split("/") if part != ".."):
            continue
        if not is_photo(name):
            left_out[find_kind(name)] += 1
        else:
            yield Found(Source(str(plain), member.name, member.size, member.offset), name, error=member.error)


# ---- lists ----------------------------------------------------------------------------------------------------------


def _find_in_list(path: Path) -> Iterator[Found]:
    """Photos of a CSV or JSONL file: a path a row, from the list's own folder, files that go with it, and options."""
    read: Callable[[Path], Iterator[Row]] = _read_csv if path.suffix.lower() == ".csv" else _read_jsonl
    wanted: dict[str, list[int]] = {}  # of each photo how, each as a hash
    for number, row in read(path):
        values = {_spell_name(name): value for name, value in row.items() if name and value not in (None, "")}
        places = [values.pop(name) for name in PATHS if name in values]
        given = {name: values.pop(name) for name in BESIDE if name in values}
        if len(places) != 1 or not all(isinstance(each, str) for each in (*places, *given.values())):
            raise ClearcutError("bad_list", name=path.name, row=number)
        beside = {name: _locate(each, path.parent) for name, each in given.items()}
        place = _locate(places[0], path.parent)
        ways, way = wanted.setdefault(place, []), hash(json.dumps([values, beside], sort_keys=True))
        if way not in ways:
            ways.append(way)
            yield Found(Source(place, copy=len(ways) - 1), _name_in_batch(places[0]), values, beside)


def _spell_name(given: str) -> str:
    """The name of a column as options are called: ``Background-Color `` is ``background_color``."""
    return re.sub(r"[- ]", "_", given.strip().lower())


def _locate(given: str, folder: Path) -> str:
    """A path of a list from the list's folder; an address as it is."""
    return given if stores.is_address(given) else spell_path(str(Path(folder, given)))


def _name_in_batch(given: str) -> str:
    """Its path as the list has it; of one that leads elsewhere only the file's name."""
    path = Path(given)
    return path.name if stores.is_address(given) or path.is_absolute() or ".." in path.parts else path.as_posix()


def _read_csv(path: Path) -> Iterator[Row]:
    """The rows of a table, each with the number of its line; spreadsheets also part cells by semicolons or tabs."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            head = file.readline()
            file.seek(0)
            rows = csv.DictReader(file, restkey="", delimiter=max(",;\t", key=head.count))
            for row in rows:
                yield rows.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error):
        raise ClearcutError("bad_list", name=path.name, row="–") from None


def _read_jsonl(path: Path) -> Iterator[Row]:
    number = 0
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    row = json.loads(line)
                    if not isinstance(row, dict):
                        raise ValueError(line)
                    yield number, row
    except (OSError, ValueError, RecursionError):
        raise ClearcutError("bad_list", name=path.name, row=number or "–") from None
