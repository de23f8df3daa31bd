"""Files of several frames or pages: which of them shows something."""

from collections.abc import Callable

import numpy as np
from PIL import Image

ANIMATED_FORMATS = ("GIF", "WEBP", "PNG", "AVIF", "TIFF")  # the further pictures of a JPEG or HEIC are not for people
KIND_OF_PAGE = 254  # the TIFF tag NewSubfileType
NO_PAGE = 0b101  # its bits for a page made smaller, and for a mask
MOST_FRAMES = 100  # that are looked at
MOST_PIXELS = 250e6  # of all of these together
SAME = 3  # of 255: differences that lossy formats make in one colour


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
