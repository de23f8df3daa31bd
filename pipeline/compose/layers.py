"""Compositing of straight 8-bit colour and alpha, rounded to the nearest, a strip of rows at a time."""

from collections.abc import Iterator

import cv2
import numpy as np

Colour = tuple[int, int, int]  # red, green, blue, 0-255
Layer = tuple[np.ndarray, np.ndarray]  # straight rgb (H, W, 3) and alpha (H, W), both uint8
ROWS = 64  # that are cleared at once
STRIP_PIXELS = 1 << 16  # so that a strip stays in the processor's cache
BLACK: Colour = (0, 0, 0)


def join_alpha(alpha: np.ndarray, own: np.ndarray | None) -> np.ndarray:
    """The product of a matte and the photo's own alpha, ``(H, W)`` uint8; `alpha` itself where there is none."""
    return alpha if own is None else cv2.multiply(alpha, own, scale=1 / 255)


def clear_background(rgb: np.ndarray, alpha: np.ndarray, overwrite: bool = False) -> np.ndarray:
    """A copy of `rgb` ``(H, W, 3)`` that is 0 where `alpha` ``(H, W)`` is 0 and unchanged elsewhere.

    Colours in soft edges are not multiplied by alpha, which would darken them. `overwrite`: in `rgb` itself.
    """
    if overwrite:
        for top in range(0, len(rgb), ROWS):
            rgb[top : top + ROWS] = cv2.copyTo(rgb[top : top + ROWS], alpha[top : top + ROWS])
        return rgb
    return cv2.copyTo(rgb, alpha)


def composite_over(rgb: np.ndarray, alpha: np.ndarray, background: np.ndarray | Colour) -> np.ndarray:
    """Composite a cut-out over an opaque background.

    Parameters
    ----------
    rgb, alpha
        ``(H, W, 3)`` and ``(H, W)`` uint8, straight.
    background
        ``(H, W, 3)`` uint8, or one colour.

    Returns
    -------
    np.ndarray
        ``(H, W, 3)`` uint8; exactly `rgb` where `alpha` is 255 and exactly the background where it is 0.
    """
    out = np.empty_like(rgb)
    flat = None if isinstance(background, np.ndarray) else _fill_strip(background, alpha.shape)
    for rows in split_strips(*alpha.shape):
        strip = background[rows] if flat is None else flat[: rows.stop - rows.start]
        _composite_strip(rgb[rows], alpha[rows], np.asarray(strip), out[rows])
    return out


def _fill_strip(colour: np.ndarray | Colour, shape: tuple[int, ...]) -> np.ndarray:
    """A strip of one colour, as high as the highest strip of a picture of this shape."""
    first = next(split_strips(*shape))
    return np.full((first.stop - first.start, shape[1], 3), colour, np.uint8)


def split_strips(height: int, width: int) -> Iterator[slice]:
    """The rows of each strip of a picture, in order."""
    step = max(1, STRIP_PIXELS // width)
    return (slice(top, min(top + step, height)) for top in range(0, height, step))


def _composite_strip(rgb: np.ndarray, alpha: np.ndarray, behind: np.ndarray, out: np.ndarray) -> None:
    lowest, highest, *_ = cv2.minMaxLoc(alpha)
    if lowest == highest and highest in (0, 255):
        out[:] = rgb if highest else behind
        return
    weight = cv2.cvtColor(alpha, cv2.COLOR_GRAY2BGR)
    front = cv2.multiply(rgb, weight, dtype=cv2.CV_16U)
    back = cv2.multiply(behind, cv2.bitwise_not(weight), dtype=cv2.CV_16U)
    total = cv2.add(front, back, dst=front)  # at most 255 * 255, so 16 bits hold it
    out[:] = cv2.convertScaleAbs(total, alpha=1 / 255)


def composite_under(rgb: np.ndarray, alpha: np.ndarray, shade: np.ndarray, colour: Colour = BLACK) -> Layer:
    """Composite a one-coloured layer, such as a shadow or an outline, under a cut-out.

    Parameters
    ----------
    rgb, alpha
        The cut-out: ``(H, W, 3)`` and ``(H, W)`` uint8.
    shade
        ``(H, W)`` uint8: the layer's alpha. Where it is all 0, `rgb` and `alpha` themselves are returned.
    colour
        The layer's colour.

    Returns
    -------
    rgb, alpha
        Of the same shapes, straight; `rgb` is 0 where `alpha` is 0.
    """
    if not cv2.hasNonZero(shade):
        return rgb, alpha
    joined = cv2.bitwise_not(cv2.multiply(cv2.bitwise_not(alpha), cv2.bitwise_not(shade), scale=1 / 255))
    out = cv2.copyTo(rgb, alpha)
    if colour != BLACK:
        out[(alpha == 0) & (joined > 0)] = colour
    mixed = np.flatnonzero((alpha > 0) & (joined > alpha))
    whole = joined.reshape(-1)[mixed].astype(np.uint32)[:, None]
    front = alpha.reshape(-1)[mixed].astype(np.uint32)[:, None]
    total = rgb.reshape(-1, 3)[mixed] * front + np.array(colour, np.uint32) * (whole - front)
    out.reshape(-1, 3)[mixed] = (total + whole // 2) // whole
    return out, joined
