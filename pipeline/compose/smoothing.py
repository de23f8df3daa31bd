"""Wide blurs at a reduced size, and holes filled in from around them; for backgrounds and shadows."""

import cv2
import numpy as np

from ..pixels.resample import shrink

KEPT_SIGMA = 4.0  # sigma in pixels that is left after the reduction, enough for a smooth enlargement


def reduce_size(size: tuple[int, int], factor: float) -> tuple[int, int]:
    """Width and height divided by `factor`, at least one pixel."""
    return max(1, round(size[0] / factor)), max(1, round(size[1] / factor))


def enlarge(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Smooth float `values` ``(h, w[, C])`` in 0-255 at a larger `size`, as uint8."""
    return cv2.resize(cv2.convertScaleAbs(np.maximum(values, 0)), size, interpolation=cv2.INTER_CUBIC)


def fill_in(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """`values` where they have weight, filled in from around them where they have none.

    A pyramid of normalised convolutions: each coarser level averages only values with weight, and fills in the finer
    level where that has none.

    Parameters
    ----------
    values
        ``(H, W, C)`` float32.
    weight
        ``(H, W)`` float32 in [0, 1]: how much each value counts. All 0 gives all 0.

    Notes
    -----
    Knutsson and Westin, Normalized and Differential Convolution, CVPR 1993; Gortler et al., The Lumigraph, SIGGRAPH
    1996 (pull and push).
    """
    height, width = weight.shape
    counted = values * weight[..., None]
    if max(height, width) <= 2:
        rest = np.broadcast_to(counted.sum((0, 1)) / max(float(weight.sum()), 1e-6), values.shape)
    else:
        half = ((width + 1) // 2, (height + 1) // 2)
        share = shrink(weight, half)
        mean = shrink(counted, half).reshape(*share.shape, -1) / np.maximum(share, 1e-6)[..., None]
        coarse = fill_in(mean, np.minimum(share * 4, 1))
        rest = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR).reshape(values.shape)
    return counted + rest * (1 - weight[..., None])
