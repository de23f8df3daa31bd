"""Where photos come from and cut-outs go: folders, patterns, and names that no two of them share."""

import glob
import os
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate, count
from pathlib import Path

from ..base.errors import ClearcutError, as_write_error
from ..pixels.formats import FORMATS, find_formats
from ..pixels.names import count_name, fold_name, is_photo, name_cutout

STREAM = "-"
STDIN, STDOUT = "stdin", "stdout"  # their names in messages
Targets = list[tuple[str, Path | None]]  # each photo with the file that its cut-out goes to; None is standard output


def find_photos(given: Sequence[str]) -> tuple[list[str], list[ClearcutError]]:
    """The photos that are meant by files, folders and patterns, each once, and an error for each that means none.

    What a folder or a pattern brings is in the order in which people count: ``2.jpg`` before ``10.jpg``.
    """
    photos: dict[tuple[str, str], str] = {}
    errors: list[ClearcutError] = []
    streams = [STREAM] * (given.count(STREAM) - 1)  # more than one is told by `choose_targets`
    find_folder = cache(os.path.realpath)
    for each in given:
        try:
            for photo in _expand(each):
                home = "" if photo == STREAM else find_folder(str(Path(photo).parent))
                photos.setdefault((home, Path(photo).name), photo)
        except ClearcutError as error:
            errors.append(error)
    return [*photos.values(), *streams], errors


def choose_format(output: str | None, asked: str | None) -> str | None:
    """The format that the extension of the file `output` asks for; `asked` where there is none, such as of a folder.

    Raises
    ------
    ClearcutError
        ``unknown_extension``; ``format_clash`` where another format was `asked` for.
    """
    suffix = Path("x" + Path(output or "").name).suffix  # also of a name that is nothing but that
    if not output or output == STREAM or is_folder(output) or not suffix:
        return asked
    path = Path(output)
    names = find_formats(suffix)
    if not names:
        known = ", ".join(dict.fromkeys(each for format in FORMATS.values() for each in format.extensions))
        raise ClearcutError("unknown_extension", name=path.name, known=known)
    if asked is None or asked in names:
        return asked or names[0]
    if asked in FORMATS:
        raise ClearcutError("format_clash", name=path.name, format=asked, extension=FORMATS[asked].extension)
    return asked  # which `Options` will refuse


def is_folder(output: str | None) -> bool:
    """Whether what is written goes into `output` as a folder: it is one, or ends like one."""
    return bool(output) and (str(output).endswith(("/", os.sep)) or _is_folder(str(output)))


def choose_targets(photos: Sequence[str], output: str | None, ending: str) -> Targets:
    """Choose the file that each photo's cut-out is written to; no two share one, not even on a disk without case.

    Of photos whose cut-outs would have the same name the first has it. Others are told apart by the photo's extension
    (``a_jpg_cutout.png``), else by its folders (``holiday_a_cutout.png``), else by a number.

    Parameters
    ----------
    output
        A folder, a file for a single photo, `STREAM` for standard output, or None: beside each photo.
    ending
        What the files have after the photos' names, such as ``_cutout.png``.

    Raises
    ------
    ClearcutError
        ``output_clash`` of several photos for one file, ``disk_full`` or ``write_failed`` of a new folder.
    """
    if photos.count(STREAM) > 1:
        raise ClearcutError("output_clash", name=STDIN)
    if output and not is_folder(output):
        if len(photos) > 1:
            raise ClearcutError("output_clash", name=output)
        return [(photo, None if output == STREAM else Path(output)) for photo in photos]
    names = _Names(ending)
    homes = [output if output else None if photo == STREAM else str(Path(photo).parent) for photo in photos]
    chosen = [None if home is None else names.claim(photo, home) for photo, home in zip(photos, homes, strict=True)]
    targets: Targets = []
    for photo, home, name in zip(photos, homes, chosen, strict=True):
        targets.append((photo, None if home is None else Path(home, name or names.tell_apart(photo, home))))
    if output:
        try:
            Path(output).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise as_write_error(error, Path(output).name) from None
    return targets


def name_photo(photo: str) -> str:
    """The photo's file name, for messages."""
    return STDIN if photo == STREAM else Path(photo).name


def is_there(path: str | Path) -> bool:
    """Whether there is a file or a folder; no name is too long to ask."""
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False


class _Names:
    """Names of cut-outs, each given to one photo of its folder only."""

    def __init__(self, ending: str) -> None:
        self._ending = ending
        self._taken: set[tuple[str, str]] = set()
        self._photos: set[tuple[str, ...]] = set()  # that have a name: by where it lies and what they are called
        self._find_place = cache(os.path.realpath)

    def claim(self, photo: str, home: str) -> str | None:
        """The photo's own name in the folder `home`; None where another has it."""
        return self._take(photo, home, self._name(name_photo(photo)))

    def tell_apart(self, photo: str, home: str) -> str:
        """Another name for a photo that could not have its own."""
        names = (self._take(photo, home, name) for name in self._list_others(photo, home))
        return next(filter(None, names))

    def _take(self, photo: str, home: str, name: str) -> str | None:
        place = self._find_place(home)
        if (place, fold_name(name)) in self._taken:
            return None
        self._taken.add((place, fold_name(name)))
        called = fold_name(name_photo(photo))
        self._photos |= {(place, called), (place, called, self._find_place(str(Path(photo).parent)))}
        return name

    def _list_others(self, photo: str, home: str) -> Iterator[str]:
        name, place, folder = name_photo(photo), self._find_place(home), self._find_place(str(Path(photo).parent))
        suffix = Path(name).suffix
        if suffix and (place, fold_name(name)) not in self._photos:
            yield self._name(name, f"_{suffix[1:].lower()}")
        if photo != STREAM and (place, fold_name(name), folder) not in self._photos:
            folders = [each.name for each in (Path(folder), *Path(folder).parents) if each.name]
            for path in accumulate(folders, lambda inner, outer: f"{outer}_{inner}"):
                yield self._name(f"{path}_{name}")
        yield from (self._name(name, f"_{number}") for number in count(2))

    def _name(self, name: str, mark: str = "") -> str:
        return name_cutout(name, self._ending, mark)


def _is_folder(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


def _expand(given: str) -> list[str]:
    """The photos that a word means: those of a folder, those that fit a pattern, else itself."""
    if given and _is_folder(given):
        try:
            paths = [str(path) for path in Path(given).iterdir() if not path.name.startswith(".")]
        except OSError:
            raise ClearcutError("file_unreadable", name=given) from None
        empty = ClearcutError("folder_empty", name=given)
    elif glob.has_magic(given) and not is_there(given):
        paths = glob.glob(given)  # noqa: PTH207 - of absolute patterns too, and without hidden files
        empty = ClearcutError("pattern_empty", name=given)
    else:
        return [given]
    photos = [path for path in paths if is_photo(path) and not _is_folder(path)]
    if not photos:
        raise empty
    return sorted(photos, key=count_name)
