"""The part of a photo that a person has cropped it to: the value of the option ``crop_box``."""

import math
from typing import NamedTuple

from ..pixels.geometry import Size


class CropBox(NamedTuple):
    """The sides of a part of a photo, in percent of its width and height, so that they mean the same at any size."""

    left: float
    top: float
    right: float
    bottom: float

    def find_pixels(self, size: Size) -> tuple[int, int, int, int]:
        """Left, top, right and bottom in whole pixels of a photo of `size`, at least one pixel wide and high."""
        lows, highs = [], []
        for low, high, whole in zip(self[:2], self[2:], size, strict=True):
            first = min(round(low * whole / 100), whole - 1)
            lows.append(first)
            highs.append(max(first + 1, round(high * whole / 100)))
        return lows[0], lows[1], highs[0], highs[1]

    def find_size(self, size: Size) -> Size:
        """Width and height of the part of a photo of `size`."""
        left, top, right, bottom = self.find_pixels(size)
        return right - left, bottom - top


WHOLE = CropBox(0, 0, 100, 100)


def parse_crop_box(text: str) -> CropBox:
    """Four numbers with commas between them; the whole photo for an empty `text`.

    Raises
    ------
    ValueError
        They are not four, not from 0 to 100, or the right is not beyond the left, or the bottom not beyond the top.

    Examples
    --------
    >>> parse_crop_box("10, 0, 90, 62.5").find_pixels((400, 800))
    (40, 0, 360, 500)
    """
    if not text.strip():
        return WHOLE
    left, top, right, bottom = map(float, text.split(","))
    box = CropBox(left, top, right, bottom)
    if not (all(map(math.isfinite, box)) and 0 <= box.left < box.right <= 100 and 0 <= box.top < box.bottom <= 100):
        raise ValueError(f"no part of a photo: {text[:100]}")
    return box
