"""Files of several frames or pages: how many there are, and which of them shows something.

Sources: GIF89a, https://www.w3.org/Graphics/GIF/spec-gif89a.txt; TIFF 6.0; BigTIFF, whose numbers are wider.
"""

import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from mmap import mmap

import numpy as np
from PIL import Image

ANIMATED_FORMATS = ("GIF", "WEBP", "PNG", "AVIF", "TIFF")  # the further pictures of a JPEG or HEIC are not for people
KIND_OF_PAGE = 254  # the TIFF tag NewSubfileType
NO_PAGE = 0b101  # its bits for a page made smaller, and for a mask
MOST_FRAMES = 100  # that are looked at
MOST_PIXELS = 250e6  # of all of these together
SAME = 16  # of 255: differences that lossy formats make in one colour, or that nobody sees yet as it fades in
EXTENSION, FRAME, END = b"!,;"  # what a block of a GIF begins with
HEADER, OF_FRAME, HAS_PALETTE = 13, 10, 0x80  # bytes of a GIF before its palette, of a frame before its data; a flag
BIG = 43  # the version that BigTIFF says


def count_frames(image: Image.Image, data: bytes | mmap, most: int) -> int:
    """How many frames or pages the file `data` has, of which `image` has been opened; none of them is decoded.

    No more than ``most + 1`` are counted: Pillow itself walks through all, which takes minutes for a small TIFF of very
    many tiny pages.
    """
    if image.format not in ANIMATED_FORMATS:
        return 1
    lists = {"GIF": _list_frames, "TIFF": _list_pages}
    if image.format in lists:
        return sum(1 for _ in islice(lists[image.format](data), most + 1))
    return int(getattr(image, "n_frames", 1))  # the others have it in their header


def _list_frames(data: bytes | mmap) -> Iterator[int]:
    """Where the frames of a GIF are."""
    with suppress(IndexError):  # it ends early
        at = HEADER + _measure_palette(data[HEADER - 3])
        while (mark := data[at]) != END:
            at += 1
            if mark == FRAME:
                yield at
                at += OF_FRAME + _measure_palette(data[at + OF_FRAME - 2])
            elif mark == EXTENSION:
                at += 1  # its kind
            else:
                continue
            while size := data[at]:
                at += 1 + size
            at += 1


def _measure_palette(flags: int) -> int:
    """The bytes of the palette that some flags tell of."""
    return 3 << (flags & 7) + 1 if flags & HAS_PALETTE else 0


def _list_pages(data: bytes | mmap) -> Iterator[int]:
    """Where the pages of a TIFF are described."""
    order = "<" if data[:2] == b"II" else ">"
    seen: set[int] = set()
    with suppress(struct.error):  # it ends early, or leads out of the file
        is_big = struct.unpack_from(order + "H", data, 2)[0] == BIG
        place, number, size = ("Q", "Q", 20) if is_big else ("I", "H", 12)
        at = int(struct.unpack_from(order + place, data, 8 if is_big else 4)[0])
        while at and at not in seen:
            seen.add(at)
            entries = int(struct.unpack_from(order + number, data, at)[0])
            yield at
            at = int(struct.unpack_from(order + place, data, at + struct.calcsize(number) + size * entries)[0])


def has_several_frames(image: Image.Image) -> bool:
    """Whether `image`, just opened, is animated or has several pages; thumbnails and masks in a TIFF are none."""
    if image.format not in ANIMATED_FORMATS:
        return False
    try:
        count = getattr(image, "n_frames", 1)
        if image.format != "TIFF" or count == 1:
            return int(count) > 1
        pages = sum(_is_page(image, number) for number in range(min(count, MOST_FRAMES)))
        image.seek(0)
        return pages > 1
    except (OSError, EOFError, SyntaxError, ValueError, KeyError):  # broken behind the first frame
        image.seek(0)
        return False


def find_frame(image: Image.Image, check_size: Callable[[tuple[int, int]], None]) -> None:
    """Move `image` to its first frame that shows something; to the very first where none does.

    Parameters
    ----------
    check_size
        Called with the size of each frame before it is read; raises where it is too large.
    """
    count, pixels = min(getattr(image, "n_frames", 1), MOST_FRAMES), 0
    try:
        for number in range(count):
            if not _is_page(image, number):
                continue
            check_size(image.size)
            pixels += image.width * image.height
            if number and pixels > MOST_PIXELS:
                break
            if not _is_blank(image):
                return
    except (OSError, EOFError, SyntaxError, ValueError, KeyError):  # broken behind the first frame
        pass
    image.seek(0)


def _is_page(image: Image.Image, number: int) -> bool:
    """Go to frame `number`, and tell whether it is a picture of its own."""
    image.seek(number)
    tags = getattr(image, "tag_v2", None)
    return tags is None or not int(tags.get(KIND_OF_PAGE, 0)) & NO_PAGE


def _is_blank(image: Image.Image) -> bool:
    """Whether the current frame is one flat colour, or nothing but transparent."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() == (0, 0):
            return True
    elif not (image.mode.startswith("I") or image.mode == "F"):
        image = image.convert("RGB")
    pixels = np.asarray(image)
    lowest, highest = (find(axis=(0, 1)).astype(float) for find in (pixels.min, pixels.max))
    return bool(np.all(highest - lowest <= (0 if image.mode == "F" else SAME)))
