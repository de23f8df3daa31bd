"""Backgrounds: a gradient, a picture, the photo's own background blurred."""

import math
from typing import Literal

import cv2
import numpy as np

from ..pixels.geometry import Size
from ..pixels.resample import enlarge_photo, shrink
from .layers import Colour, split_strips
from .smoothing import KEPT_SIGMA, enlarge, fill_in, reduce_size

Fit = Literal["fill", "fit"]
WHITE: Colour = (255, 255, 255)
BLUR_PIXELS = 3e6  # the largest size at which is blurred
SURE = 2 / 255  # opacity up to which a pixel is background only


def draw_gradient(size: Size, first: Colour, second: Colour, angle: float = 180.0) -> np.ndarray:
    """A linear gradient, ``(H, W, 3)`` uint8.

    Parameters
    ----------
    size
        Width and height.
    first, second
        The colours at its beginning and end.
    angle
        Its direction in degrees clockwise from upwards, as in CSS: 90 is to the right, 180 downwards.

    Notes
    -----
    W3C, CSS Images Module Level 3, section 3.1 (linear gradients): the line is so long that the corners have the pure
    colours.

    Examples
    --------
    >>> draw_gradient((1, 2), (0, 0, 0), (200, 200, 200))[:, 0, 0].tolist()
    [50, 150]
    """
    width, height = size
    along_x, along_y = math.sin(math.radians(angle)), -math.cos(math.radians(angle))
    length = abs(width * along_x) + abs(height * along_y)
    across = ((np.arange(width) + 0.5 - width / 2) * (along_x / length)).astype(np.float32)
    down = ((np.arange(height) + 0.5 - height / 2) * (along_y / length) + 0.5).astype(np.float32)
    out = np.empty((height, width, 3), np.uint8)
    for rows in split_strips(height, width):
        way = down[rows, None] + across
        planes = [cv2.convertScaleAbs(way, alpha=b - a, beta=a) for a, b in zip(first, second, strict=True)]
        out[rows] = cv2.merge(planes)
    return out


def fit_picture(
    rgb: np.ndarray,
    size: Size,
    fit: Fit = "fill",
    position: tuple[float, float] = (0.5, 0.5),
    colour: Colour = WHITE,
    zoom: float = 1.0,
) -> np.ndarray:
    """A picture fitted to the size of a background, ``(H, W, 3)`` uint8.

    Parameters
    ----------
    rgb
        ``(h, w, 3)`` uint8, without transparency.
    size
        Width and height; a picture of this size is returned itself.
    fit
        ``fill``: the whole background is covered and the picture is cut; ``fit``: the whole picture shows, and the rest
        is `colour`.
    position
        Which part shows, or where it lies, as fractions of the spare width and height; (0, 0) is top left.
    colour
        Around a picture that does not fill.
    zoom
        How many times larger than that the picture is, 1 or more; then a part of it shows.
    """
    whole = rgb.shape[1], rgb.shape[0]
    if whole == size and zoom == 1:
        return rgb
    choose = max if fit == "fill" else min
    scale = choose(size[0] / whole[0], size[1] / whole[1]) * zoom
    seen = [min(side, max(1, round(free / scale))) for side, free in zip(whole, size, strict=True)]
    shown = tuple(min(free, max(1, round(side * scale))) for side, free in zip(whole, size, strict=True))
    left, top = (_find_offset(side - part, at) for side, part, at in zip(whole, seen, position, strict=True))
    part = _resize(rgb[top : top + seen[1], left : left + seen[0]], (shown[0], shown[1]))
    if shown == size:
        return part
    left, top = (_find_offset(side - part, at) for side, part, at in zip(size, shown, position, strict=True))
    out = np.full((size[1], size[0], 3), colour, np.uint8)
    out[top : top + shown[1], left : left + shown[0]] = part
    return out


def blur_background(rgb: np.ndarray, alpha: np.ndarray, radius: float) -> np.ndarray:
    """The photo's background blurred, without the subject, ``(H, W, 3)`` uint8.

    The subject is filled in from around it before the blur, so that it leaves no halo of its colour.

    Parameters
    ----------
    rgb
        The photo, ``(H, W, 3)`` uint8.
    alpha
        The matte, ``(H, W)`` uint8.
    radius
        Reach of the blur (two standard deviations) as a fraction of the photo's longer side, so that a smaller view
        looks like the full size; 0 returns `rgb` itself.
    """
    height, width = alpha.shape
    sigma = radius * max(width, height) / 2
    if sigma < 0.1:
        return rgb
    factor = max(sigma / KEPT_SIGMA, math.sqrt(width * height / BLUR_PIXELS), 1.0)
    small = reduce_size((width, height), factor)
    values = shrink(rgb, small).astype(np.float32)
    margin = 1 + 2 * round(0.004 * max(small) + 1)  # mattes end a little inside the subject
    hidden = cv2.dilate(shrink(alpha / np.float32(255), small), np.ones((margin, margin)))
    filled = fill_in(values, (hidden <= SURE).astype(np.float32))
    if not (hidden <= SURE).any():
        filled = fill_in(values, np.maximum(1 - hidden, 1e-3))
    along = [max(sigma * part / whole, 0.1) for part, whole in zip(small, (width, height), strict=True)]
    soft = cv2.GaussianBlur(filled, (0, 0), along[0], sigmaY=along[1], borderType=cv2.BORDER_REFLECT)
    return enlarge(soft.reshape(values.shape), (width, height))


def _find_offset(pixels: int, fraction: float) -> int:
    return round(pixels * min(max(fraction, 0.0), 1.0))


def _resize(rgb: np.ndarray, size: Size) -> np.ndarray:
    height, width = rgb.shape[:2]
    if (width, height) == size:
        return rgb
    if size[0] <= width and size[1] <= height:
        return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    return enlarge_photo(rgb, size)
