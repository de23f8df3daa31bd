"""How near a matte comes to the truth."""

import numpy as np


def measure_iou(found: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two masks ``(H, W)`` bool; 1 where both are empty.

    >>> measure_iou(np.array([[True, True, False]]), np.array([[True, False, False]]))
    0.5
    """
    either = np.count_nonzero(found | truth)
    return float(np.count_nonzero(found & truth) / either) if either else 1.0


def measure_error(found: np.ndarray, truth: np.ndarray) -> float:
    """The mean absolute difference of two mattes ``(H, W)`` in [0, 1]."""
    return float(np.abs(found - truth).mean())
