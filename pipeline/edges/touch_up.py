"""Touching up: a matte with a person's marks on it."""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from ..pixels.geometry import fit_size
from ..pixels.resample import resize_for_work
from .brush import cover_pixels, find_window
from .marks import Pick, Point, Stroke
from .refine import refine_guided
from .smart import REACH, SEED, SPREAD, SURE, grow_stroke
from .trimap import FEW, solve_unknown

UNSURE_REACH = 4.0  # radii around an unsure stroke in which colours are looked at
DAB = 0.02  # of the longer side: the radius of the dab that a click is where no subject was told
SOLID = 230  # grey level from which a place is opaque to a click
RIM = 0.1  # share of the border around such a dab that what grew from it may reach
OUTLINED = 2.0  # times as much contrast as around: what the outline of a subject has
OUTLINE_SIDE = 160  # pixels of the longer side at which that is looked at


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
    dropped
        What picks have erased as it was until then, and where that is: ``(H, W)`` uint8 each; None without such.
    """

    alpha: np.ndarray
    held: np.ndarray | None = None
    joined: bool = False
    dropped: tuple[np.ndarray, np.ndarray] | None = None


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
        return marked._replace(alpha=alpha, held=held)
    draw, reach = _choose_brush(stroke, radius)
    window = find_window(points, alpha.shape, reach) or touched
    corner = window[1].start, window[0].start
    alpha[window], held[window] = draw(alpha[window], rgb[window], held[window], points - corner, radius, stroke)
    return marked._replace(alpha=alpha, held=held)


class Subject(NamedTuple):
    """A subject that a click means.

    Attributes
    ----------
    share
        ``(h, w)`` uint8 of any size: how far each pixel, with its opacity, is the subject's rather than another's.
    alpha
        ``(H, W)`` uint8: how opaque it is.
    """

    share: np.ndarray
    alpha: np.ndarray


def draw_pick(marked: Marked, rgb: np.ndarray, pick: Pick, subject: Subject | None, reduced: float = 1.0) -> Marked:
    """The matte with a subject kept or erased. Parameters as for `draw_stroke`.

    `subject` is what `pick` means; without one it is looked for from a dab, and nothing is drawn where that has no end.
    What is kept comes back as it was before it was erased; where one sees through it at the very point, a dab is drawn.
    """
    if subject is None:
        draw = _draw_dab if _is_seen_through(marked.alpha, pick, reduced) else _find_outlined
        return draw(marked, rgb, pick, reduced)
    share = cv2.resize(subject.share, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    share = refine_guided(share, rgb)
    if pick.kind == "erase":
        drawn = cv2.multiply(marked.alpha, cv2.bitwise_not(share), scale=1 / 255)
        return _decide(marked, drawn, share)._replace(dropped=_remember_dropped(marked, share))
    whole = (
        subject.alpha if marked.dropped is None else np.where(marked.dropped[1] > 127, marked.dropped[0], subject.alpha)
    )
    drawn = cv2.max(marked.alpha, cv2.multiply(whole, share, scale=1 / 255))
    kept = _decide(marked, drawn, share)
    return _draw_dab(kept, rgb, pick, reduced) if _is_seen_through(drawn, pick, reduced) else kept


def find_level(alpha: np.ndarray, point: Point, reduced: float) -> int:
    """The level of a matte at `point` of the original."""
    x, y = (min(int(at * reduced), side - 1) for at, side in zip(point, alpha.shape[::-1], strict=True))
    return int(alpha[y, x])


def _is_seen_through(alpha: np.ndarray, pick: Pick, reduced: float) -> bool:
    """Whether the very places that are to be kept are neither clear nor solid."""
    levels = [find_level(alpha, point, reduced) for point in pick.include]
    return pick.kind == "keep" and any(SURE[0] < level < SOLID for level in levels)


def _decide(marked: Marked, drawn: np.ndarray, share: np.ndarray) -> Marked:
    held = np.zeros_like(drawn) if marked.held is None else marked.held
    decided = (share > 127) & (cv2.max(marked.alpha, drawn) > 0)
    return marked._replace(alpha=drawn, held=np.where(decided, cv2.max(held, SPREAD), held))


def _remember_dropped(marked: Marked, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if marked.dropped is None:
        return marked.alpha, share
    before, where = marked.dropped
    return np.where((share > 127) & (marked.alpha > 0), marked.alpha, before), cv2.max(where, share)


def _draw_dab(marked: Marked, rgb: np.ndarray, pick: Pick, reduced: float) -> Marked:
    """The matte with a smart dab at the points of a click."""
    radius = _choose_dab(marked.alpha, reduced) / reduced
    return draw_stroke(marked, rgb, Stroke(kind=pick.kind, radius=radius, points=pick.include), reduced)


def _choose_dab(alpha: np.ndarray, reduced: float) -> float:
    return min(max(DAB * max(alpha.shape), 0.5), 2000 * reduced)


def _find_outlined(marked: Marked, rgb: np.ndarray, pick: Pick, reduced: float) -> Marked:
    """The matte with what a smart dab finds at the points of a click, where that has an outline."""
    if not pick.include:
        return marked
    reach = REACH * _choose_dab(marked.alpha, reduced)
    window = find_window(np.array(pick.include) * reduced, marked.alpha.shape, reach)
    drawn = _draw_dab(marked, rgb, pick, reduced)
    return drawn if _has_outline(cv2.absdiff(drawn.alpha, marked.alpha)[window], rgb[window]) else marked


def _has_outline(area: np.ndarray, rgb: np.ndarray) -> bool:
    """Whether `area` ``(h, w)`` uint8 is a thing in the photo rather than a piece of a wall."""
    rim = np.concatenate((area[0], area[-1], area[:, 0], area[:, -1])) > 127
    size = fit_size(area.shape[::-1], OUTLINE_SIDE)
    small = cv2.GaussianBlur(resize_for_work(rgb, size), (0, 0), 1)
    cross = np.ones((3, 3), np.uint8)
    contrast = cv2.morphologyEx(small, cv2.MORPH_GRADIENT, cross).max(axis=2)
    outline = cv2.morphologyEx(resize_for_work(area, size), cv2.MORPH_GRADIENT, cross) > 127
    return bool(outline.any() and rim.mean() < RIM and contrast[outline].mean() > OUTLINED * contrast.mean())


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
