"""Names of files: of photos and cut-outs, in which order people count them, and which a disk takes for the same."""

import re
import unicodedata
from pathlib import PurePosixPath

from .formats import FORMATS, READ

RESULTS = tuple({each.mark + extension for each in FORMATS.values() for extension in each.extensions})  # no photos
UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\ud800-\udfff<>:"|?*]')  # in file names of one system or another
LONGEST_NAME = 150  # bytes of UTF-8 kept of a photo's stem: file systems stop at 255, and ours adds to it


def is_photo(name: str) -> bool:
    """Whether what a folder brings is a photo, not a cut-out or a mask that was made of one.

    >>> is_photo("a.JPG"), is_photo("a_cutout.png"), is_photo("notes.txt")
    (True, False, False)
    """
    lower = name.lower()
    return lower.endswith(tuple(READ)) and not lower.endswith(RESULTS)


def find_kind(name: str) -> str:
    """What tells a file that is no photo: its ending.

    >>> find_kind("a.CR2"), find_kind("a_cutout.png"), find_kind("README")
    ('.cr2', '_cutout.png', 'README')
    """
    lower = name.lower()
    made = next((ending for ending in RESULTS if lower.endswith(ending)), "")
    return made or PurePosixPath(lower).suffix or name[:LONGEST_NAME]


def fold_name(name: str) -> str:
    """The same for names that some disk takes for one.

    >>> fold_name("A.jpg") == fold_name("a.JPG")
    True
    """
    return unicodedata.normalize("NFC", name).casefold()


def count_name(name: str) -> tuple[list[str | int], str]:
    """A key that sorts numbers within names by their value.

    >>> sorted(["10.jpg", "2.jpg"], key=count_name)
    ['2.jpg', '10.jpg']
    """
    parts = re.split(r"(\d+)", fold_name(name))
    return [int(part) if at % 2 else part for at, part in enumerate(parts)], name


def clean_name(name: str, most: int = LONGEST_NAME) -> str:
    """A name that is safe on every file system, of at most `most` bytes of UTF-8; empty where nothing is left.

    >>> clean_name("what?. ")
    'what_'
    """
    safe = UNSAFE.sub("_", unicodedata.normalize("NFC", name)).strip(". ")
    return safe.encode("utf-8", "replace")[:most].decode("utf-8", "ignore")


def name_cutout(name: str, ending: str = "_cutout.png", mark: str = "") -> str:
    """The file name of a cut-out, ``<stem><mark>_cutout.png``, safe on every file system; `name` is the photo's.

    `ending` is what comes after its stem, as `Format.ending` says.

    >>> name_cutout("holiday/cat?.jpg")
    'cat__cutout.png'
    """
    base = unicodedata.normalize("NFC", name.replace("\\", "/")).rstrip("/").rpartition("/")[2]
    mark = UNSAFE.sub("_", mark)
    stem = clean_name(PurePosixPath(UNSAFE.sub("_", base)).stem, LONGEST_NAME - len(mark.encode()))
    return f"{stem or 'photo'}{mark}{ending}"
