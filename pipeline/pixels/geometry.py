"""Sizes and how they change: kept apart so that other modules can use them without loading OpenCV."""

from typing import Literal

Size = tuple[int, int]  # width, height, in pixels
Interpolation = Literal["lanczos", "bilinear", "area"]  # how a photo is resized to the input of a network


def fit_size(size: Size, long_side: int) -> Size:
    """`size` scaled down so that its longer side is at most `long_side`; never up, never below one pixel.

    >>> fit_size((4000, 3000), 1600)
    (1600, 1200)
    """
    scale = min(1.0, long_side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
