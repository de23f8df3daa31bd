"""The colour guided filter: local linear models of a matte in a photo's colours, fitted small, applied at full size.

Sources: He, Sun, Tang, Guided Image Filtering, 2013; He, Sun, Fast Guided Filter, 2015.
"""

from collections.abc import Sequence
from functools import reduce

import cv2
import numpy as np

from ..base.parallel import map_parallel, run_parallel
from ..pixels.tiles import Tile, enlarge_tile

BAND = 64  # rows, few enough for intermediate arrays to stay in the processor's cache


def fit_models(
    alpha: np.ndarray, rgb: np.ndarray, radius: int, eps: float, weights: np.ndarray | None = None
) -> np.ndarray:
    """Fit the guided filter's models of `alpha` in the colours of `rgb`.

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8, the matte.
    rgb
        ``(H, W, 3)`` uint8, the photo.
    radius
        Of the square windows, in pixels.
    eps
        Colour variance, on a scale of 0 to 1, below which a window counts as flat.
    weights
        ``(H, W)`` float32 above 0: how much each pixel counts in the fits; all the same without.

    Returns
    -------
    numpy.ndarray
        ``(H, W, 4)`` float32, the averaged coefficients: three for the colours, one to add.
    """

    def mean(factors: Sequence[np.ndarray]) -> np.ndarray:
        values = reduce(np.multiply, factors)
        return _filter_box(values if weights is None else values * weights, radius) / share

    share = 1.0 if weights is None else _filter_box(weights, radius)
    planes = [*cv2.split(rgb.astype(np.float32)), alpha.astype(np.float32)]
    pairs = [(i, j) for i in range(3) for j in range(i, 4)]
    factors = [*((plane,) for plane in planes), *((planes[i], planes[j]) for i, j in pairs)]
    averaged = list(map_parallel(mean, factors))
    means, products = averaged[:4], averaged[4:]
    models = [np.empty(alpha.shape, np.float32) for _ in planes]

    def fit(rows: slice) -> None:
        band_means = [each[rows] for each in means]
        spread = {
            (i, j): product[rows] - band_means[i] * band_means[j]
            for (i, j), product in zip(pairs, products, strict=True)
        }
        for i in range(3):
            spread[i, i] += eps * 255**2
        slopes = _solve_systems([spread[i, j] for i, j in pairs if j < 3], [spread[i, 3] for i in range(3)])
        for model, slope in zip(models, slopes, strict=False):
            model[rows] = slope
        models[3][rows] = band_means[3] - sum(slope * mean for slope, mean in zip(slopes, band_means, strict=False))

    run_parallel(fit, [slice(top, top + BAND) for top in range(0, alpha.shape[0], BAND)])
    return cv2.merge([_filter_box(model, radius) for model in models])


def apply_models(models: np.ndarray, rgb: np.ndarray, tile: Tile) -> np.ndarray:
    """The matte that `models` from `fit_models` give in `tile` of `rgb`, float32 in about 0-255, not clipped.

    `models` may be smaller than `rgb`; they are enlarged.
    """
    tile_models = enlarge_tile(models, rgb.shape[1::-1], tile)
    colours = cv2.cvtColor(rgb[tile], cv2.COLOR_RGB2RGBA)
    colours[..., 3] = 1
    return cv2.transform(cv2.multiply(tile_models, colours, dtype=cv2.CV_32F), np.ones((1, 4), np.float32))


def _filter_box(values: np.ndarray, radius: int) -> np.ndarray:
    """The mean of `values` ``(H, W)`` in square windows."""
    side = 2 * radius + 1
    return cv2.boxFilter(values, cv2.CV_32F, (side, side), borderType=cv2.BORDER_REFLECT)


def _solve_systems(left: list[np.ndarray], right: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Solve symmetric 3 x 3 systems, one a pixel, by LDL decomposition, which is stable in float32.

    `left` holds the planes of the upper triangle, row by row, `right` those of the right side.
    """
    a, b, c, d, e, f = left
    x, y, z = right
    l_b, l_c = b / a, c / a
    d = d - l_b * b
    e = e - l_c * b
    l_e = e / d
    f = f - l_c * c - l_e * e
    y = y - l_b * x
    z = (z - l_c * x - l_e * y) / f
    y = y / d - l_e * z
    return x / a - l_b * y - l_c * z, y, z
