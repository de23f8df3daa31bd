"""Trimap matting: the matte where it is unknown, of a trimap that a person gives, or one made of a matte."""

import cv2
import numpy as np

from ..pixels.geometry import Size, fit_size
from ..pixels.resample import resize_for_work
from ..pixels.tiles import Tile, find_soft_tiles, run_tiles
from .closed_form import solve_opacity
from .guided_filter import apply_models, fit_models

WORKING_SIDE = 640  # pixels of the longer side at which a matte is solved at least
FEW, MOST = 10_000, 100_000  # unknown pixels up to which it is solved larger than that, and from which on smaller
SURELY_OUT, SURELY_IN = 25, 230  # grey levels beyond which the matte is taken as certain
RADIUS, EPS = 2, 1e-6  # of the local linear models
CONTRAST = 1.3  # by which what is found is steepened around one half where its colours explain nothing of it
EXPLAINED = 2  # times the evidence of colours, how far they are taken to explain it


def solve_matte(alpha: np.ndarray, rgb: np.ndarray, band: float) -> np.ndarray:
    """A matte solved anew near its edge, from the colours of certain subject and certain background.

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8.
    rgb
        ``(H, W, 3)`` uint8, the photo.
    band
        Unknown pixels on each side of the soft edge, in pixels of `alpha`; 0 solves for the soft pixels only.

    Returns
    -------
    numpy.ndarray
        ``(H, W)`` uint8: 0 and 255 outside the band. `alpha` itself where nothing, or everything, is unknown.
    """
    size = alpha.shape[::-1]
    working = fit_size(size, WORKING_SIDE)
    subject, background = split_matte(resize_for_work(alpha, working), band * working[0] / size[0])
    if not (subject.any() and background.any()):
        return alpha
    unknown = cv2.resize((~(subject | background)).view(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    if not unknown.any():
        return alpha
    return solve_unknown(np.where(alpha > 127, np.uint8(255), np.uint8(0)), rgb, unknown)


def split_matte(alpha: np.ndarray, band: float) -> tuple[np.ndarray, np.ndarray]:
    """Masks of certain subject and certain background: the rest, soft pixels and `band` around them, is unknown."""
    reach = round(band)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    subject = cv2.erode((alpha > SURELY_IN).view(np.uint8), disc)
    background = cv2.erode((alpha < SURELY_OUT).view(np.uint8), disc)
    return subject > 0, background > 0


def solve_unknown(alpha: np.ndarray, rgb: np.ndarray, unknown: np.ndarray, most: int = MOST) -> np.ndarray:
    """Find out a matte where it is unknown, by closed-form matting.

    Where more is unknown than `most`, it is solved smaller, and local linear models bring it to the photo's size.

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8; counts where it is known.
    rgb
        ``(H, W, 3)`` uint8, the photo.
    unknown
        ``(H, W)`` bool.
    most
        Unknown pixels that are solved; 10,000 take a tenth of a second.

    Returns
    -------
    numpy.ndarray
        ``(H, W)`` uint8: `alpha` where it is known; `alpha` itself where all or nothing is, or the photo is tiny.
    """
    size = _choose_size(unknown, most)
    known = resize_for_work((~unknown).astype(np.uint8) * np.uint8(255), size)
    if min(size) < 3 or unknown.all() or not unknown.any():
        return alpha
    small_rgb = resize_for_work(rgb, size)
    opacity = resize_for_work(np.where(unknown, np.uint8(0), alpha), size) / np.maximum(known, 1)
    asked = known == 0
    opacity[asked] = solve_opacity(opacity, small_rgb, asked)
    return _enlarge_solution(opacity.astype(np.float32) * 255, small_rgb, alpha, rgb, unknown)


def _choose_size(unknown: np.ndarray, most: int) -> Size:
    """The size at which a matte is solved: the larger, the fewer pixels are `unknown`."""
    longer, count = max(unknown.shape), max(cv2.countNonZero(unknown.view(np.uint8)), 1)
    side = max(WORKING_SIDE, longer * (FEW / count) ** 0.5)
    return fit_size(unknown.shape[::-1], round(min(side, longer * (most / count) ** 0.5)))


def _enlarge_solution(
    solved: np.ndarray, small_rgb: np.ndarray, alpha: np.ndarray, rgb: np.ndarray, unknown: np.ndarray
) -> np.ndarray:
    """`alpha` with what was `solved`, by local linear models of it in the colours, where it was unknown.

    They are steeper the less the colours explain: by as much least squares have flattened them.
    """
    models = fit_models(solved, small_rgb, RADIUS, EPS)
    models = models.steepen(1 + (CONTRAST - 1) / (1 + EXPLAINED * models.evidence))
    found = alpha.copy()

    def enlarge_tile(tile: Tile) -> None:
        modelled = np.clip(apply_models(models, rgb, tile) + 0.5, 0, 255).astype(np.uint8)
        cv2.copyTo(modelled, unknown[tile].view(np.uint8), found[tile])

    run_tiles(list(find_soft_tiles(unknown.view(np.uint8))), enlarge_tile)
    return found
