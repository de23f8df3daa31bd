"""Foreground estimation: the subject's own colour in soft edges, where the photo shows a mixture."""

from typing import Self

import cv2
import numpy as np

from ..pixels.geometry import Size, fit_size
from ..pixels.resample import resize_for_work
from ..pixels.tiles import Tile, enlarge_tile, find_soft_tiles, run_tiles

FINEST = 512  # pixels: the longer side of the largest size at which means are estimated
# Radii of the blurs, in pixels at `FINEST`, by the longer side at which each is done: wide blurs need fewer pixels.
RADII = {64: (90, 45, 30), 128: (20, 10, 5), 256: (4, 2), FINEST: (1,)}
OPACITY = (np.arange(256) / 255).astype(np.float32)  # by value of alpha
LEAST = 1e-6  # weight of any pixel, so that means exist far from the subject, or from the background
Pair = tuple[np.ndarray, np.ndarray]  # for the subject, and for the background


def estimate_foreground(rgb: np.ndarray, alpha: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
    """The photo with the background's colour removed from its soft edges.

    Parameters
    ----------
    rgb
        ``(H, W, 3)`` uint8, the photo.
    alpha
        ``(H, W)`` uint8, its matte.
    known
        ``(h, w, 3)`` uint8, a network's own foreground at any size, to be used instead of an estimate.

    Returns
    -------
    numpy.ndarray
        ``(H, W, 3)`` uint8, straight colour; the photo's to the byte where alpha is 0 or 255. `rgb` itself where alpha
        has no other values.

    Notes
    -----
    Blur-fusion, after Forte, Pitié, Approximate Fast Foreground Colour Estimation, 2021. It differs in more and smaller
    radii, each at a size of its own, a background that is corrected as the foreground is, weights that grow with the
    cube of opacity, and a last correction at full size; with these it was measured to be closer to known colours.
    """
    tiles = list(find_soft_tiles(alpha))
    if not tiles:
        return rgb
    size = rgb.shape[1::-1]
    means = (known,) if known is not None else _estimate_means(rgb, alpha)
    padded = [cv2.cvtColor(mean, cv2.COLOR_RGB2RGBA) for mean in means]  # four channels are enlarged faster than three
    estimated = rgb.copy()

    def estimate_tile(tile: Tile) -> None:
        colours, *others = (cv2.cvtColor(enlarge_tile(mean, size, tile), cv2.COLOR_RGBA2RGB) for mean in padded)
        if others:
            colours = _correct_colours(rgb[tile], alpha[tile], colours, *others)
        cv2.copyTo(colours, cv2.inRange(alpha[tile], 1, 254), estimated[tile])

    run_tiles(tiles, estimate_tile)
    return estimated


def _estimate_means(rgb: np.ndarray, alpha: np.ndarray) -> Pair:
    """The mean colours of subject and background around each pixel, at `FINEST`, ``(h, w, 3)`` float32 in 0-255."""
    size = rgb.shape[1::-1]
    scales = [_Scale.shrink(rgb, alpha, fit_size(size, FINEST))]
    for side in sorted(RADII, reverse=True)[1:]:
        scales.append(_Scale.shrink(scales[-1].rgb, scales[-1].alpha, fit_size(size, side)))
    means = scales[-1].photo, scales[-1].photo
    for scale, radii in zip(reversed(scales), RADII.values(), strict=True):
        means = scale.enlarge(means)
        for radius in radii:
            means = scale.average(scale.correct(means), radius)
    return means


class _Scale:
    """A photo and its matte at one size, and the steps of the estimate there.

    Attributes
    ----------
    rgb, alpha
        ``(h, w, 3)`` and ``(h, w)`` uint8.
    photo
        The photo as float32 in 0-255.
    """

    def __init__(self, rgb: np.ndarray, alpha: np.ndarray) -> None:
        self.rgb, self.alpha = rgb, alpha
        self.photo = rgb.astype(np.float32)
        opacity = alpha / np.float32(255)
        both = opacity, 1 - opacity
        self._shares = [_repeat_plane(share) for share in both]
        self._weights = [share * share * share + np.float32(LEAST) for share in both]

    @classmethod
    def shrink(cls, rgb: np.ndarray, alpha: np.ndarray, size: Size) -> Self:
        """A photo and its matte made smaller to `size`."""
        return cls(resize_for_work(rgb, size), resize_for_work(alpha, size))

    def enlarge(self, means: Pair) -> Pair:
        """Means of a smaller scale at this one's size."""
        if means[0].shape == self.photo.shape:
            return means
        size = self.photo.shape[1::-1]
        subject, background = (cv2.resize(mean, size, interpolation=cv2.INTER_LINEAR) for mean in means)
        return subject, background

    def correct(self, means: Pair) -> Pair:
        """The means, each moved by its share of the difference between the photo and their mixture."""
        unexplained = cv2.subtract(self.photo, _mix(*means, self._shares[0]))
        subject, background = (
            np.clip(cv2.add(mean, cv2.multiply(unexplained, share)), 0, 255)
            for mean, share in zip(means, self._shares, strict=True)
        )
        return subject, background

    def average(self, colours: Pair, radius: float) -> Pair:
        """Means of `colours` in square windows, weighted by how much of a pixel is subject, or background.

        `radius` is in pixels at `FINEST`.
        """
        reach = max(1, round(radius * max(self.alpha.shape) / FINEST))
        subject, background = (
            _average_near(colour, weight, reach) for colour, weight in zip(colours, self._weights, strict=True)
        )
        return subject, background


def _mix(subject: np.ndarray, background: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """The subject over the background, at this opacity."""
    mixed = subject - background
    mixed *= opacity
    mixed += background
    return mixed


def _average_near(colours: np.ndarray, weights: np.ndarray, reach: int) -> np.ndarray:
    """The mean of `colours` ``(h, w, 3)`` float32 within `reach` pixels, weighted by `weights` ``(h, w)``."""
    side = 2 * reach + 1, 2 * reach + 1
    total = cv2.blur(cv2.multiply(colours, _repeat_plane(weights)), side, borderType=cv2.BORDER_REFLECT)
    return cv2.divide(total, _repeat_plane(cv2.blur(weights, side, borderType=cv2.BORDER_REFLECT)))


def _correct_colours(rgb: np.ndarray, alpha: np.ndarray, subject: np.ndarray, background: np.ndarray) -> np.ndarray:
    """The subject's mean colour moved so that, over the background, it gives the photo; as uint8."""
    opacity = _repeat_plane(cv2.LUT(alpha, OPACITY))
    unexplained = cv2.subtract(rgb, _mix(subject, background, opacity), dtype=cv2.CV_32F)
    return cv2.add(subject, cv2.multiply(unexplained, opacity), dtype=cv2.CV_8U)


def _repeat_plane(values: np.ndarray) -> np.ndarray:
    """`values` ``(H, W)`` as ``(H, W, 3)``, the same for each colour."""
    return cv2.merge([values, values, values])
