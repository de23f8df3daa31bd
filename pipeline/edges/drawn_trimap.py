"""Trimaps that are drawn: strokes painted onto one that a person gives, and one made of a matte."""

import numpy as np

from .brush import cover_pixels, find_window
from .marks import Marks, Stroke
from .trimap import split_matte

LEVELS = {"keep": 255, "erase": 0, "unsure": 128}  # what each kind of stroke paints
FINEST = 0.5  # pixels: the least radius, so that no stroke is lost on a small trimap


def paint_marks(trimap: np.ndarray, marks: Marks) -> np.ndarray:
    """A trimap with the strokes of marks on it: white where they keep, black where they erase, else grey.

    Smart or exact, hard or soft, a stroke paints what is under the brush: matting finds the edge.

    Parameters
    ----------
    trimap
        ``(h, w)`` uint8, of any size.
    marks
        Strokes in pixels of the original, whose size they tell.
    """
    painted = trimap.copy()
    scale = np.array(painted.shape[::-1]) / marks.size
    for stroke in (each for each in marks.strokes if isinstance(each, Stroke)):
        points, radius = np.array(stroke.points) * scale, max(stroke.radius * scale[0], FINEST)
        window = find_window(points, painted.shape, radius + 1)
        if window:
            under = painted[window]
            corner = window[1].start, window[0].start
            under[cover_pixels(points - corner, under.shape, radius, 0.0) > 0.5] = LEVELS[stroke.kind]
    return painted


def draw_trimap(alpha: np.ndarray, band: float) -> np.ndarray:
    """The trimap of a matte: white and black where it is certain, and grey between.

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8.
    band
        How far grey reaches over the soft edge on each side, in pixels.
    """
    subject, background = split_matte(alpha, band)
    trimap = np.full_like(alpha, LEVELS["unsure"])
    trimap[subject], trimap[background] = LEVELS["keep"], LEVELS["erase"]
    return trimap
