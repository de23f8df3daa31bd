"""Changing size: photos down to a network's input or a screen, mattes up to the photo."""

from typing import Literal

import cv2
import numpy as np
from PIL import Image

Size = tuple[int, int]  # width, height
Interpolation = Literal["lanczos", "bilinear", "area"]
AREA_STOPS_AT = 3  # times the wanted size, where averaging ends and LANCZOS takes over


def fitting(size: Size, long_side: int) -> Size:
    """`size` scaled down so that its longer side is at most `long_side`; never up, never below one pixel."""
    scale = min(1.0, long_side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def shrink(array: np.ndarray, size: Size) -> np.ndarray:
    """`array` ``(H, W[, C])`` at a smaller `size`, by averaging."""
    return cv2.resize(array, size, interpolation=cv2.INTER_AREA)


def to_network(rgb: np.ndarray, size: Size, interpolation: Interpolation = "lanczos") -> np.ndarray:
    """A photo at a network's input size, ``(h, w, 3)`` uint8.

    ``lanczos`` is Pillow's, anti-aliased; far larger photos are first averaged down to three times the wanted size,
    which changes the result by far less than a grey level and saves most of the time. ``bilinear`` samples without
    anti-aliasing, as the authors of U-2-Net do; ``area`` averages, as those of MODNet do.
    """
    if interpolation != "lanczos":
        how = cv2.INTER_LINEAR if interpolation == "bilinear" else cv2.INTER_AREA
        return cv2.resize(rgb, size, interpolation=how)
    height, width = rgb.shape[:2]
    halfway = (min(width, AREA_STOPS_AT * size[0]), min(height, AREA_STOPS_AT * size[1]))
    if halfway != (width, height):
        rgb = shrink(rgb, halfway)
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))


def matte_to_photo(matte: np.ndarray, size: Size, hard: bool = False) -> np.ndarray:
    """A network's matte, float32 in [0, 1], at the photo's size as uint8 alpha ``(H, W)``.

    A `hard` matte holds labels, between which there is nothing: it is enlarged by nearest neighbour.
    """
    height, width = matte.shape
    if hard:
        return cv2.convertScaleAbs(cv2.resize(matte, size, interpolation=cv2.INTER_NEAREST_EXACT), alpha=255)
    averaged = (min(size[0], width), min(size[1], height))
    resized = matte if averaged == (width, height) else cv2.resize(matte, averaged, interpolation=cv2.INTER_AREA)
    resized = cv2.resize(resized, size, interpolation=cv2.INTER_CUBIC)
    return cv2.convertScaleAbs(np.maximum(resized, 0, out=resized), alpha=255)
