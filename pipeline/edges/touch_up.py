"""Touching up: a matte with a person's marks on it."""

from typing import NamedTuple

import cv2
import numpy as np

from ..pixels.tiles import Tile
from .marks import Stroke

FAR = 8192  # pixels beyond a photo's sides at which points are cut off
FINE = 4  # bits of a pixel's fraction that lines are drawn with


class Marked(NamedTuple):
    """A matte and how far marks decide it.

    Attributes
    ----------
    alpha
        ``(H, W)`` uint8.
    held
        ``(H, W)`` uint8: 255 where a mark decides alone, whatever ``levels`` or ``clean`` say; None without marks.
    joined
        Whether the photo's own alpha is in `alpha` already.
    """

    alpha: np.ndarray
    held: np.ndarray | None = None
    joined: bool = False


def draw_stroke(marked: Marked, rgb: np.ndarray, stroke: Stroke, reduced: float = 1.0) -> Marked:
    """The matte with one more stroke.

    Parameters
    ----------
    marked
        The matte as it was before.
    rgb
        ``(H, W, 3)`` uint8, the photo.
    reduced
        The size of `rgb` as a fraction of the original's, in whose pixels the stroke is told.
    """
    alpha = marked.alpha.copy()
    held = np.zeros_like(alpha) if marked.held is None else marked.held.copy()
    radius = stroke.radius * reduced
    window = _find_window(stroke, alpha.shape, radius + 2, reduced)
    if window is None:
        return Marked(alpha, held, marked.joined)
    cover = _cover_pixels(stroke, window, reduced)
    if stroke.kind != "unsure":
        wanted = np.float32(255 if stroke.kind == "keep" else 0)
        alpha[window] = _round_to_bytes(alpha[window] + cover * (wanted - alpha[window]))
        held[window] = np.maximum(held[window], _round_to_bytes(255 * cover))
    return Marked(alpha, held, marked.joined)


def _find_window(stroke: Stroke, shape: tuple[int, ...], reach: float, reduced: float) -> Tile | None:
    """The part of a photo of `shape` that is at most `reach` pixels from the box around a stroke; None outside it."""
    points = np.array(stroke.points) * reduced
    low, high = np.clip([points.min(0) - reach, points.max(0) + reach + 1], 0, shape[1::-1]).astype(int)
    if (low >= high).any():
        return None
    return slice(low[1], high[1]), slice(low[0], high[0])


def _cover_pixels(stroke: Stroke, window: Tile, reduced: float) -> np.ndarray:
    """How far the brush covers each pixel of `window`: float32 in [0, 1]."""
    radius = stroke.radius * reduced
    fade = max(stroke.soft * radius, 1.0)
    return np.clip((radius + 0.5 - _measure_distance(stroke, window, reduced)) / fade, 0, 1).astype(np.float32)


def _measure_distance(stroke: Stroke, window: Tile, scale: float) -> np.ndarray:
    """How far each pixel of `window` is from the middle line of a stroke, float32, in pixels of the window."""
    rows, columns = window
    pad = int(np.ceil(stroke.radius * scale)) + 1  # a line just outside counts, too
    shape = rows.stop - rows.start + 2 * pad, columns.stop - columns.start + 2 * pad
    points = np.array(stroke.points) * scale - (columns.start - pad, rows.start - pad) - 0.5
    points = np.clip(points, -FAR, np.array(shape[::-1]) + FAR)
    line = np.full(shape, 255, np.uint8)
    fine = np.round(points * (1 << FINE)).astype(np.int32)
    if len(fine) == 1:
        fine = np.repeat(fine, 2, 0)
    cv2.polylines(line, [fine], False, 0, 1, cv2.LINE_8, FINE)
    distance = cv2.distanceTransform(line, cv2.DIST_L2, 5)
    return np.asarray(distance[pad : shape[0] - pad, pad : shape[1] - pad])


def _round_to_bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)
