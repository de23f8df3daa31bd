"""The colour guided filter: local linear models of a matte in a photo's colours, found small, applied at full size.

Sources: He, Sun, Tang, Guided Image Filtering, 2013; He, Sun, Fast Guided Filter, 2015.
"""

import cv2
import numpy as np

from .machine import shares, side_by_side
from .tiles import Tile, enlarged_tile


def linear_models(
    alpha: np.ndarray, rgb: np.ndarray, radius: int, eps: float, weights: np.ndarray | None = None
) -> np.ndarray:
    """The guided filter's averaged coefficients, ``(H, W, 4)`` float32: three for the colours, one to add.

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8, what is to be explained.
    rgb
        ``(H, W, 3)`` uint8, what explains it.
    radius
        Of the square windows, in pixels.
    eps
        Colour variance, on a scale of 0 to 1, below which a window counts as flat.
    weights
        ``(H, W)`` float32 above 0: how much each pixel counts in the fits; all the same without.
    """

    def mean(values: np.ndarray) -> np.ndarray:
        return _box(values if weights is None else values * weights, radius) / share

    share = 1.0 if weights is None else _box(weights, radius)
    colours = cv2.split(rgb.astype(np.float32))
    target = alpha.astype(np.float32)
    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    products = [colours[i] * colours[j] for i, j in pairs] + [colour * target for colour in colours]
    *means, mean_target = side_by_side(mean, [*colours, target])
    *squares, mixed_0, mixed_1, mixed_2 = side_by_side(mean, products)
    together = [mixed - m * mean_target for mixed, m in zip((mixed_0, mixed_1, mixed_2), means, strict=True)]
    variances = [square - means[i] * means[j] for square, (i, j) in zip(squares, pairs, strict=True)]
    for diagonal in (0, 3, 5):
        variances[diagonal] += eps * 255**2
    parts = [([each[rows] for each in variances], [each[rows] for each in together]) for rows in shares(alpha.shape[0])]
    slopes = [np.concatenate(each) for each in zip(*side_by_side(_solve, parts), strict=True)]
    added = mean_target - sum(slope * m for slope, m in zip(slopes, means, strict=True))
    return cv2.merge([_box(each.astype(np.float32), radius) for each in (*slopes, added)])


def explained(models: np.ndarray, rgb: np.ndarray, tile: Tile) -> np.ndarray:
    """The matte that `models` make of the colours in `tile` of `rgb`, float32 around 0-255, not clipped."""
    here = enlarged_tile(models, rgb.shape[1::-1], tile)
    colours = cv2.cvtColor(rgb[tile], cv2.COLOR_RGB2RGBA)
    colours[..., 3] = 1
    return cv2.transform(cv2.multiply(here, colours, dtype=cv2.CV_32F), np.ones((1, 4), np.float32))


def _box(values: np.ndarray, radius: int) -> np.ndarray:
    side = 2 * radius + 1
    return cv2.boxFilter(values, cv2.CV_32F, (side, side), borderType=cv2.BORDER_REFLECT)


def _solve(system: tuple[list[np.ndarray], list[np.ndarray]]) -> list[np.ndarray]:
    """Cramer's rule for symmetric 3 x 3 systems, one a pixel; in float64, for their determinants nearly cancel."""
    variances, right = system
    a, b, c, d, e, f = (each.astype(np.float64) for each in variances)
    x, y, z = right
    inverse = [d * f - e * e, c * e - b * f, b * e - c * d, a * f - c * c, b * c - a * e, a * d - b * b]
    determinant = a * inverse[0] + b * inverse[1] + c * inverse[2]
    rows = ((0, 1, 2), (1, 3, 4), (2, 4, 5))
    return [(inverse[i] * x + inverse[j] * y + inverse[k] * z) / determinant for i, j, k in rows]
