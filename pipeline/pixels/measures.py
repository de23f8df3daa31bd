"""How close a matte is to ground truth: IoU and mean absolute error."""

import numpy as np


def measure_iou(found: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two masks ``(H, W)`` bool; 1 where both are empty.

    >>> measure_iou(np.array([[True, True, False]]), np.array([[True, False, False]]))
    0.5
    """
    either = np.count_nonzero(found | truth)
    return float(np.count_nonzero(found & truth) / either) if either else 1.0


def measure_error(found: np.ndarray, truth: np.ndarray) -> float:
    """Mean absolute error (MAE) of two mattes ``(H, W)`` float in [0, 1].

    >>> measure_error(np.array([[1.0, 0.5]]), np.array([[1.0, 0.0]]))
    0.25
    """
    return float(np.abs(found - truth).mean())
