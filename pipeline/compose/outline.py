"""A sticker's outline: one colour, one width, a smooth edge."""

import cv2
import numpy as np

from .framing import Box
from .layers import Colour, Layer, under

INSIDE = 128  # alpha from which a pixel lies within the subject's contour


def outline(rgb: np.ndarray, alpha: np.ndarray, width: float, colour: Colour = (255, 255, 255)) -> Layer:
    """A cut-out on a backing of one colour that reaches `width` pixels beyond its contour.

    What is see-through within the contour gets the backing too, as a printed sticker has it. The outline is cut where
    the picture ends; `crop` makes room.

    Parameters
    ----------
    rgb, alpha
        ``(H, W, 3)`` and ``(H, W)`` uint8, straight.
    width
        In pixels; 0 gives back `rgb` and `alpha` themselves.
    colour
        Of the backing.
    """
    return under(rgb, alpha, backing(alpha, width), colour) if width > 0 else (rgb, alpha)


def backing(alpha: np.ndarray, width: float) -> np.ndarray:
    """All that is within `width` pixels of the contour of `alpha` ``(H, W)``, as anti-aliased uint8 ``(H, W)``.

    The distance is to the contour between pixels, not to the nearest pixel of a mask: how far the contour lies
    within the nearest pixel is what that pixel's alpha says. So round stays round, and slanted lines have no steps.
    """
    solid = cv2.compare(alpha, INSIDE - 1, cv2.CMP_GT)
    left, top, wide, high = cv2.boundingRect(solid)
    if not wide:
        return np.zeros_like(alpha)
    reach = int(width) + 2
    box = Box(max(0, left - reach), max(0, top - reach), left + wide + reach, top + high + reach)
    view = (slice(box.top, box.bottom), slice(box.left, box.right))
    out = np.zeros_like(alpha)
    out[view] = _backing(alpha[view], solid[view], width)
    return out


def _backing(alpha: np.ndarray, solid: np.ndarray, width: float) -> np.ndarray:
    rough, label = cv2.distanceTransformWithLabels(
        cv2.bitwise_not(solid), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    out = cv2.compare(rough, width * 0.95 - 1.5, cv2.CMP_LT)  # the rough distance errs by up to 5 %
    unsure = np.flatnonzero(cv2.inRange(rough, width * 0.95 - 1.5, width * 1.05 + 1.5))
    nearest = np.empty(int(label.max()) + 1, np.int64)
    inside = np.flatnonzero(solid)
    nearest[label.reshape(-1)[inside]] = inside
    to = nearest[label.reshape(-1)[unsure]]
    stride = alpha.shape[1]
    distance = np.hypot(unsure // stride - to // stride, unsure % stride - to % stride)
    distance -= alpha.reshape(-1)[to] / 255 - 0.5
    covered = np.clip(width + 0.5 - distance, 0, 1)
    out.reshape(-1)[unsure] = (covered * 255 + 0.5).astype(np.uint8)
    return out
