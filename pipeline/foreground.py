"""The subject's own colour under soft edges, where a photo shows it mixed with the background's."""

from functools import partial

import cv2
import numpy as np

from .machine import for_each, side_by_side
from .resample import fitting, shrink
from .tiles import Tile, each_tile, enlarged_tile, soft_tiles

WORKING_SIDE = 512  # pixels
RADII = (90, 30, 10, 3, 1)  # of the blurs at the working size, in pixels: from far to near
BAND = 64  # rows at the working size, few enough for a processor's cache
LEAST = 1e-6  # weight of a pixel's own colour, which is all there is far from any subject
Pair = tuple[np.ndarray, np.ndarray]  # of the subject, of the background


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


def _means(rgb: np.ndarray, alpha: np.ndarray) -> Pair:
    """The colours of subject and background around each pixel at the working size, float32 in 0-255."""
    size = fitting(rgb.shape[1::-1], WORKING_SIDE)
    photo = shrink(rgb, size).astype(np.float32)
    opacity = _planes(shrink(alpha, size), np.arange(256) / 255)
    clarity = 1 - opacity
    weights = [part * part * part + np.float32(LEAST) for part in (opacity, clarity)]
    near = photo, photo
    for number, radius in enumerate(RADII):
        radius = max(1, round(radius * max(size) / WORKING_SIDE))
        of_subject, of_background = side_by_side(partial(_mean, radius), list(zip(near, weights, strict=True)))
        means = of_subject, of_background
        if number < len(RADII) - 1:
            near = _nearer(photo, means, (opacity, clarity))
    return means


def _nearer(photo: np.ndarray, means: Pair, shares: Pair) -> Pair:
    """The mean colours of subject and background, each moved by its share of what they leave unexplained."""
    near = np.empty_like(photo), np.empty_like(photo)

    def move(rows: slice) -> None:
        unexplained = photo[rows] - _mixed(means[0][rows], means[1][rows], shares[0][rows])
        for moved, mean, share in zip(near, means, shares, strict=True):
            np.multiply(unexplained, share[rows], out=moved[rows])
            moved[rows] += mean[rows]
            np.clip(moved[rows], 0, 255, out=moved[rows])

    height = photo.shape[0]
    for_each(move, [slice(top, min(top + BAND, height)) for top in range(0, height, BAND)])
    return near


def _mixed(subject: np.ndarray, background: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """What both look like, one over the other."""
    mixed = subject - background
    mixed *= opacity
    mixed += background
    return mixed


def _mean(radius: int, given: Pair) -> np.ndarray:
    """The weighted mean in square windows of colours and their weights, ``(h, w, 3)`` float32, alike in all planes."""
    colours, weights = given
    side = (2 * radius + 1, 2 * radius + 1)
    share = cv2.blur(np.ascontiguousarray(weights[..., 0]), side, borderType=cv2.BORDER_REFLECT)
    total = cv2.blur(colours * weights, side, borderType=cv2.BORDER_REFLECT)
    return cv2.divide(total, cv2.merge([share, share, share]))


def _corrected(rgb: np.ndarray, alpha: np.ndarray, subject: np.ndarray, background: np.ndarray) -> np.ndarray:
    """The mean colour of the subject, float32, moved so that it explains the photo, as uint8."""
    opacity = _planes(alpha, np.arange(256) / 255)
    unexplained = cv2.subtract(rgb, _mixed(subject, background, opacity), dtype=cv2.CV_32F)
    return cv2.add(subject, cv2.multiply(unexplained, opacity), dtype=cv2.CV_8U)


def _planes(alpha: np.ndarray, values: np.ndarray) -> np.ndarray:
    """``(H, W, 3)`` float32: the one of 256 `values` that stands at `alpha`, once a colour."""
    return cv2.LUT(cv2.merge([alpha, alpha, alpha]), values.astype(np.float32))
