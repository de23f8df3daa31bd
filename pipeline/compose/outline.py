"""The outline of a sticker: one colour, one width, a smooth edge."""

import cv2
import numpy as np

from .framing import Box
from .layers import Colour, Layer, composite_under

INSIDE = 128  # alpha from which a pixel lies within the subject's contour


def draw_outline(rgb: np.ndarray, alpha: np.ndarray, width: float, colour: Colour = (255, 255, 255)) -> Layer:
    """A cut-out on a backing of one colour that reaches `width` pixels beyond its contour.

    What is see-through within the contour gets the backing too, as a printed sticker has it. The outline is cut where
    the picture ends; the option ``crop`` makes room.

    Parameters
    ----------
    rgb, alpha
        ``(H, W, 3)`` and ``(H, W)`` uint8, straight.
    width
        In pixels; 0 returns `rgb` and `alpha` themselves.
    colour
        Of the backing.
    """
    return composite_under(rgb, alpha, draw_backing(alpha, width), colour) if width > 0 else (rgb, alpha)


def draw_backing(alpha: np.ndarray, width: float) -> np.ndarray:
    """All within `width` pixels of the contour of `alpha` ``(H, W)`` uint8, as anti-aliased uint8 ``(H, W)``.

    Distances are to the contour between pixels, not to the nearest pixel of a mask, which would give slanted lines
    steps.
    """
    solid = cv2.threshold(alpha, INSIDE - 1, 255, cv2.THRESH_BINARY)[1]
    left, top, wide, high = cv2.boundingRect(solid)
    if not wide:
        return np.zeros_like(alpha)
    reach = int(width) + 2
    box = Box(max(0, left - reach), max(0, top - reach), left + wide + reach, top + high + reach)
    view = (slice(box.top, box.bottom), slice(box.left, box.right))
    out = np.zeros_like(alpha)
    out[view] = _draw_near_contour(alpha[view], solid[view], width)
    return out


def _draw_near_contour(alpha: np.ndarray, solid: np.ndarray, width: float) -> np.ndarray:
    """The backing in a box around the subject: rough distances first, exact ones only for pixels near its edge."""
    rough, label = cv2.distanceTransformWithLabels(
        cv2.bitwise_not(solid), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    sure, possible = width * 0.95 - 1.5, width * 1.05 + 1.5  # the rough distance errs by up to 5 %
    out = np.where(rough < sure, np.uint8(255), np.uint8(0))
    unsure = np.flatnonzero((rough >= sure) & (rough <= possible))
    nearest = np.empty(int(label.max()) + 1, np.int64)
    inside = np.flatnonzero(solid)
    nearest[label.reshape(-1)[inside]] = inside
    to = nearest[label.reshape(-1)[unsure]]
    distance = _measure_distance(alpha, unsure, to)
    covered = np.clip(width + 0.5 - distance, 0, 1)
    out.reshape(-1)[unsure] = (covered * 255 + 0.5).astype(np.uint8)
    return out


def _measure_distance(alpha: np.ndarray, pixels: np.ndarray, nearest: np.ndarray) -> np.ndarray:
    """Distances from the centres of `pixels` to the contour, in pixels; both arguments are flat indices.

    The contour is looked for at the `nearest` pixel within it and at that pixel's neighbours, since the contour can be
    closer there than at the pixel whose centre is closest.
    """
    rows, columns = np.divmod(pixels, alpha.shape[1])
    to_rows, to_columns = np.divmod(nearest, alpha.shape[1])
    least = np.full(len(pixels), np.inf)
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            y = (to_rows + down).clip(0, alpha.shape[0] - 1)
            x = (to_columns + across).clip(0, alpha.shape[1] - 1)
            way = np.hypot(rows - y, columns - x) - _measure_contour(alpha, y, x)
            np.minimum(least, way, out=least, where=alpha[y, x] >= INSIDE)
    return least


def _measure_contour(alpha: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """How far beyond the centres of these pixels, which are within it, the contour lies: up to one pixel.

    The contour is where alpha, interpolated towards the neighbours along x and y, passes one half.
    """
    own = alpha[rows, columns].astype(np.float32)
    up, down = (rows - 1).clip(0), (rows + 1).clip(max=alpha.shape[0] - 1)
    left, right = (columns - 1).clip(0), (columns + 1).clip(max=alpha.shape[1] - 1)
    along_y = own - np.minimum(alpha[up, columns], alpha[down, columns])
    along_x = own - np.minimum(alpha[rows, left], alpha[rows, right])
    fall = np.hypot(np.maximum(along_x, 0), np.maximum(along_y, 0))
    return np.minimum((own - 127.5) / np.maximum(fall, 1), 1)
