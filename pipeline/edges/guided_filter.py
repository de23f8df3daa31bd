"""The colour guided filter: local linear models of a matte in a photo's colours, fitted small, applied at full size.

Sources: He, Sun, Tang, Guided Image Filtering, 2013; He, Sun, Fast Guided Filter, 2015.
"""

from typing import NamedTuple

import cv2
import numpy as np

from ..base.parallel import map_parallel
from ..pixels.geometry import Size
from ..pixels.tiles import Tile, enlarge_tile

BAND = 64  # rows, few enough for intermediate arrays to stay in the processor's cache
SMALL = 256 * 256  # pixels, up to which other threads would take more time than they save
LEAST_EXPLAINED = 1e-4  # variance of a matte, on a scale of 0 to 1, that every window counts with
UNEXPLAINED = 0.01  # such variance that is left by the colours, from which on a window counts for less


class Models(NamedTuple):
    """The guided filter's models of a matte.

    Attributes
    ----------
    coefficients
        ``(H, W, 4)`` float32, the mean of the windows around each pixel: three for the colours, one to add.
    evidence
        ``(H, W)`` float32 above 0: how much of the matte the colours explain there.
    """

    coefficients: np.ndarray
    evidence: np.ndarray

    def resize(self, size: Size) -> "Models":
        """These models for the same picture at another `size`."""
        return Models(*(cv2.resize(each, size, interpolation=cv2.INTER_LINEAR) for each in self))

    def add(self, others: "Models", share: np.ndarray) -> "Models":
        """These models averaged with `others` by their evidence, of which that of `others` counts by `share`."""
        added = others.evidence * share
        evidence = self.evidence + added
        part = cv2.merge([added / evidence] * 4)
        return Models(self.coefficients + part * (others.coefficients - self.coefficients), evidence)

    def steepen(self, steepness: np.ndarray) -> "Models":
        """These models with `steepness` ``(H, W)`` float32 times their contrast around one half."""
        coefficients = self.coefficients * cv2.merge([steepness] * 4)
        coefficients[..., 3] += 127.5 * (1 - steepness)
        return self._replace(coefficients=coefficients)


def fit_models(
    alpha: np.ndarray, rgb: np.ndarray, radius: int, eps: float, weights: np.ndarray | None = None
) -> Models:
    """Fit the guided filter's models of `alpha` in the colours of `rgb`.

    Where windows overlap, those count most that hold both subject and background, in colours that tell them apart.

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
    """

    def mean(values: np.ndarray) -> np.ndarray:
        return _filter_box(values, radius) / share

    each_of = map if alpha.size <= SMALL else map_parallel
    share = 1.0 if weights is None else _filter_box(weights, radius)
    planes = [*cv2.split(rgb.astype(np.float32)), alpha.astype(np.float32)]
    weighted = planes if weights is None else [plane * weights for plane in planes]
    pairs = [(i, j) for i in range(4) for j in range(i, 4)]
    averaged = list(each_of(mean, [*weighted, *(weighted[i] * planes[j] for i, j in pairs)]))
    means, products = averaged[:4], averaged[4:]
    models = [np.empty(alpha.shape, np.float32) for _ in planes]
    evidence = np.empty(alpha.shape, np.float32)

    def fit(rows: slice) -> None:
        band_means = [each[rows] for each in means]
        spread = {
            (i, j): product[rows] - band_means[i] * band_means[j]
            for (i, j), product in zip(pairs, products, strict=True)
        }
        for i in range(3):
            spread[i, i] += eps * 255**2
        slopes = _solve_systems([spread[i, j] for i, j in pairs if j < 3], [spread[i, 3] for i in range(3)])
        explained = np.maximum(sum(slope * spread[i, 3] for i, slope in enumerate(slopes)), 0)
        unexplained = np.maximum(spread[3, 3] - explained, 0)
        evidence[rows] = (explained + LEAST_EXPLAINED * 255**2) / (unexplained + UNEXPLAINED * 255**2)
        for model, slope in zip(models, slopes, strict=False):
            model[rows] = slope
        models[3][rows] = band_means[3] - sum(slope * mean for slope, mean in zip(slopes, band_means, strict=False))

    list(each_of(fit, [slice(top, top + BAND) for top in range(0, alpha.shape[0], BAND)]))
    total = _filter_box(evidence, radius)
    return Models(cv2.merge([_filter_box(model * evidence, radius) / total for model in models]), total)


def apply_models(models: Models, rgb: np.ndarray, tile: Tile) -> np.ndarray:
    """The matte that `models` from `fit_models` give in `tile` of `rgb`, float32 in about 0-255, not clipped.

    `models` may be smaller than `rgb`; they are enlarged.
    """
    *slopes, matte = cv2.split(enlarge_tile(models.coefficients, rgb.shape[1::-1], tile))
    for slope, channel in zip(slopes, cv2.split(rgb[tile]), strict=True):
        matte += cv2.multiply(slope, channel, dtype=cv2.CV_32F)
    return matte


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
