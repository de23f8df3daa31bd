"""What backgrounds and shadows share: wide blurs at a reduced size, and filling holes from around them."""

import cv2
import numpy as np

from ..pixels.resample import shrink

KEPT_SIGMA = 4.0  # pixels that a blur keeps after the reduction: enough for it to come back smooth


def reduce_size(size: tuple[int, int], factor: float) -> tuple[int, int]:
    """Width and height divided by `factor`, at least one pixel."""
    return max(1, round(size[0] / factor)), max(1, round(size[1] / factor))


def blur_plane(plane: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian blur of `plane` ``(H, W)`` uint8 whose time does not grow with `sigma` (pixels).

    Beyond the border the plane goes on as it ends there. A `sigma` near 0 gives back `plane` itself.
    """
    if sigma < 0.1:
        return plane
    height, width = plane.shape
    small = reduce_size((width, height), max(1.0, sigma / KEPT_SIGMA))
    if small == (width, height):
        return cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    values = shrink(plane, small).astype(np.float32)
    along = [max(sigma * part / whole, 0.1) for part, whole in zip(small, (width, height), strict=True)]
    values = cv2.GaussianBlur(values, (0, 0), along[0], sigmaY=along[1], borderType=cv2.BORDER_REPLICATE)
    return enlarge(values, (width, height))


def enlarge(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Smooth float `values` ``(h, w[, C])`` in 0-255 at a larger `size`, as uint8."""
    return cv2.resize(cv2.convertScaleAbs(np.maximum(values, 0)), size, interpolation=cv2.INTER_CUBIC)


def fill_in(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """`values` where they count, and what is around them where they do not.

    A pyramid of normalised convolutions: each coarser level averages only what has weight, and lends to the finer
    level where that has none.

    Parameters
    ----------
    values
        ``(H, W, C)`` float32.
    weight
        ``(H, W)`` float32 in [0, 1]: how much each value counts. All 0 gives all 0.

    Source
    ------
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
