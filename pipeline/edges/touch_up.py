"""Touching up: a matte with a person's marks on it."""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from .brush import cover_pixels, find_window
from .marks import Stroke
from .smart import REACH, SEED, SPREAD, grow_stroke
from .trimap import FEW, solve_unknown

UNSURE_REACH = 4.0  # radii around an unsure stroke in which colours are looked at


Brush = Callable[..., tuple[np.ndarray, np.ndarray]]  # from what is around a stroke to the matte and `held` there


class Marked(NamedTuple):
    """A matte and how far marks decide it.

    Attributes
    ----------
    alpha
        ``(H, W)`` uint8.
    held
        ``(H, W)`` uint8: how far marks decide `alpha`, whatever ``levels`` or ``clean`` say; None without marks.
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
    points, radius = np.array(stroke.points) * reduced, stroke.radius * reduced
    touched = find_window(points, marked.alpha.shape, radius + 1)
    alpha = marked.alpha.copy()
    held = np.zeros_like(alpha) if marked.held is None else marked.held.copy()
    if touched is None:
        return Marked(alpha, held, marked.joined)
    draw, reach = _choose_brush(stroke, radius)
    window = find_window(points, alpha.shape, reach) or touched
    corner = window[1].start, window[0].start
    alpha[window], held[window] = draw(alpha[window], rgb[window], held[window], points - corner, radius, stroke)
    return Marked(alpha, held, marked.joined)


def _choose_brush(stroke: Stroke, radius: float) -> tuple[Brush, float]:
    """What draws the stroke, and how far around it that looks."""
    if stroke.kind == "unsure":
        return _find_out, UNSURE_REACH * radius
    return (_paint, radius + 1) if stroke.exact else (_grow, REACH * radius)


def _paint(
    alpha: np.ndarray, _: np.ndarray, held: np.ndarray, points: np.ndarray, radius: float, stroke: Stroke
) -> tuple[np.ndarray, np.ndarray]:
    """An exact stroke: what is under the brush changes."""
    cover = cover_pixels(points, alpha.shape, radius, stroke.soft)
    wanted = np.float32(255 if stroke.kind == "keep" else 0)
    return _round_to_bytes(alpha + cover * (wanted - alpha)), np.maximum(held, _round_to_bytes(SEED * cover))


def _grow(
    alpha: np.ndarray, rgb: np.ndarray, held: np.ndarray, points: np.ndarray, radius: float, stroke: Stroke
) -> tuple[np.ndarray, np.ndarray]:
    """A smart stroke: the part that it lies on is added; or taken away, which adds it to the background."""
    keeps = stroke.kind == "keep"
    grown, decided = grow_stroke(alpha if keeps else cv2.bitwise_not(alpha), rgb, held, points, radius)
    return grown if keeps else cv2.bitwise_not(grown), np.maximum(held, decided)


def _find_out(
    alpha: np.ndarray, rgb: np.ndarray, held: np.ndarray, points: np.ndarray, radius: float, _: Stroke
) -> tuple[np.ndarray, np.ndarray]:
    """An unsure stroke: what is under the brush is found out from the colours around it."""
    band = cover_pixels(points, alpha.shape, radius, 0.0) > 0.5
    return solve_unknown(alpha, rgb, band, most=FEW), np.where(band, np.uint8(SPREAD), held)


def _round_to_bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)
