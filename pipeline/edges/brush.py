"""Where a round brush was: the part of a photo around a stroke, and how far its pixels are from the brush's way."""

import cv2
import numpy as np

from ..pixels.tiles import Tile

FAR = 8192  # pixels beyond an array's sides at which points are cut off
FINE = 4  # bits of a pixel's fraction that lines are drawn with


def find_window(points: np.ndarray, shape: tuple[int, ...], reach: float) -> Tile | None:
    """The part of an array of `shape` that is at most `reach` from the box around `points`; None where it is empty.

    `points` are ``(N, 2)`` float64, x and y, in pixels of the array.
    """
    low, high = np.clip([points.min(0) - reach, points.max(0) + reach + 1], 0, shape[1::-1]).astype(int)
    if (low >= high).any():
        return None
    return slice(low[1], high[1]), slice(low[0], high[0])


def measure_distance(points: np.ndarray, shape: tuple[int, ...], reach: float) -> np.ndarray:
    """How far each pixel of an array of `shape` is from the line through `points`: ``(h, w)`` float32.

    A line outside counts, too, as far as it is nearer than `reach`.
    """
    pad = int(np.ceil(reach)) + 1
    height, width = shape[0] + 2 * pad, shape[1] + 2 * pad
    placed = np.clip(points + pad - 0.5, -FAR, (width + FAR, height + FAR))
    line = np.full((height, width), 255, np.uint8)
    fine = np.round(placed * (1 << FINE)).astype(np.int32)
    cv2.polylines(line, [np.concatenate((fine, fine[-1:]))], False, 0, 1, cv2.LINE_8, FINE)
    distance = cv2.distanceTransform(line, cv2.DIST_L2, 5)
    return np.minimum(distance[pad : height - pad, pad : width - pad], 4 * FAR)  # endless where no line is near


def cover_pixels(points: np.ndarray, shape: tuple[int, ...], radius: float, soft: float) -> np.ndarray:
    """How far a brush of `radius` covers each pixel: ``(h, w)`` float32 in [0, 1], fading over `soft` of the radius."""
    distance = measure_distance(points, shape, radius)
    return np.clip((radius + 0.5 - distance) / max(soft * radius, 1.0), 0, 1).astype(np.float32)
