"""Histograms of colours: how frequent each colour is in a part of a photo."""

import cv2
import numpy as np

BINS = 8  # for each channel
NEVER = 2e-6  # share that a colour has which is never seen


def number_colours(rgb: np.ndarray, bins: int = BINS) -> np.ndarray:
    """The bin of each pixel in a colour histogram: ``(h, w)`` uint16, below `bins` to the power of three."""
    red, green, blue = (channel.astype(np.uint16) for channel in cv2.split(rgb // (256 // bins)))
    return np.asarray((red * bins + green) * bins + blue)


def count_colours(numbers: np.ndarray, bins: int = BINS) -> np.ndarray:
    """How frequent each colour is among `numbers`, smoothed over neighbouring ones, and never 0; the sum is 1."""
    counts = np.bincount(numbers, minlength=bins**3).reshape(bins, bins, bins).astype(np.float64)
    for axis in range(3):
        padded = np.pad(counts, [(1, 1) if each == axis else (0, 0) for each in range(3)])
        before, after = (np.take(padded, np.arange(bins) + shift, axis) for shift in (0, 2))
        counts = counts + (before + after) / 2
    counts += NEVER * max(counts.sum(), 1e-6)
    return np.asarray((counts / counts.sum()).ravel())
