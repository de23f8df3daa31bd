"""The subject's own colour under soft edges, where a photo shows it mixed with the background's."""

from functools import partial

import cv2
import numpy as np

from .machine import side_by_side
from .resample import fitting, shrink
from .tiles import Tile, each_tile, enlarged_tile, soft_tiles

WORKING_SIDE = 512  # pixels
RADII = (90, 30, 10, 3, 1)  # of the blurs at the working size, in pixels: from far to near
LEAST = 1e-6  # weight of a pixel's own colour, which is all there is far from any subject


def estimate(rgb: np.ndarray, alpha: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
    """The photo with the background's colour taken out of its soft edges.

    Parameters
    ----------
    rgb
        ``(H, W, 3)`` uint8, the photo.
    alpha
        ``(H, W)`` uint8, its matte.
    known
        ``(h, w, 3)`` uint8, a network's own foreground at any size; it is taken as it is.

    Returns
    -------
    numpy.ndarray
        ``(H, W, 3)`` uint8, straight colour: every byte is the photo's where alpha is 0 or 255. `rgb` itself where
        alpha is nothing else.

    Notes
    -----
    Blur-fusion, after Forte, Pitié, Approximate Fast Foreground Colour Estimation, 2021. Ours differs, and is nearer to
    known colours for it: more and smaller radii, a background that is corrected as the foreground is, weights that
    grow with the cube of opacity, and means that are found small while the last correction is at full size.
    """
    tiles = list(soft_tiles(alpha))
    if not tiles:
        return rgb
    size = rgb.shape[1::-1]
    subject, background = (known, None) if known is not None else _means(rgb, alpha)
    estimated = rgb.copy()

    def estimate_tile(tile: Tile) -> None:
        found = enlarged_tile(subject, size, tile)
        if background is not None:
            found = _corrected(rgb[tile], alpha[tile], found, enlarged_tile(background, size, tile))
        cv2.copyTo(found, cv2.inRange(alpha[tile], 1, 254), estimated[tile])

    each_tile(tiles, estimate_tile)
    return estimated


def _means(rgb: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The colours of subject and background around each pixel at the working size, float32 in 0-255."""
    size = fitting(rgb.shape[1::-1], WORKING_SIDE)
    photo = shrink(rgb, size).astype(np.float32)
    opacity = _planes(shrink(alpha, size), np.arange(256) / 255)
    clarity = 1 - opacity
    weights = [part * part * part + np.float32(LEAST) for part in (opacity, clarity)]
    near = photo, photo
    for radius in RADII:
        radius = max(1, round(radius * max(size) / WORKING_SIDE))
        subject, background = side_by_side(partial(_mean, radius), list(zip(near, weights, strict=True)))
        unexplained = photo - opacity * subject - clarity * background
        near = np.clip(subject + opacity * unexplained, 0, 255), np.clip(background + clarity * unexplained, 0, 255)
    return subject, background


def _mean(radius: int, given: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The weighted mean in square windows of colours and their weights, ``(h, w, 3)`` float32, alike in all planes."""
    colours, weights = given
    side = (2 * radius + 1, 2 * radius + 1)
    share = cv2.blur(np.ascontiguousarray(weights[..., 0]), side, borderType=cv2.BORDER_REFLECT)
    total = cv2.blur(colours * weights, side, borderType=cv2.BORDER_REFLECT)
    return cv2.divide(total, cv2.merge([share, share, share]))


def _corrected(rgb: np.ndarray, alpha: np.ndarray, subject: np.ndarray, background: np.ndarray) -> np.ndarray:
    """The mean colour of the subject, float32, moved so that it explains the photo, as uint8."""
    opacity = _planes(alpha, np.arange(256) / 255)
    explained = cv2.add(cv2.multiply(cv2.subtract(subject, background), opacity), background)
    unexplained = cv2.subtract(rgb, explained, dtype=cv2.CV_32F)
    return cv2.add(subject, cv2.multiply(unexplained, opacity), dtype=cv2.CV_8U)


def _planes(alpha: np.ndarray, values: np.ndarray) -> np.ndarray:
    """``(H, W, 3)`` float32: the one of 256 `values` that stands at `alpha`, once a colour."""
    return cv2.LUT(cv2.merge([alpha, alpha, alpha]), values.astype(np.float32))
