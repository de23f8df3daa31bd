"""Refining: a network's matte with its edge drawn to the edges in the photo."""

import cv2
import numpy as np

from ..options.options import Options
from ..pixels.geometry import fit_size
from ..pixels.resample import resize_for_work
from ..pixels.tiles import Tile, find_soft_tiles, run_tiles
from .guided_filter import Models, apply_models, fit_models
from .trimap import solve_matte

WORKING_SIDE = 256  # pixels of the longer side: fits are as good here as at 384 and 800
SOLID = 4  # grey levels from black and from white that are not refined: a network's haze
PASSES = 2  # of the guided filter, each fitted to what the one before made certain
AROUND = 0.03  # of the longer side: the radius within which it is measured how soft an edge is
STEEP = 6  # slope of a matte, in its range across the longer side, from which on it is an edge; glass is flat
HARD, SOFT = 0.01, 0.02  # of the longer side: mean widths of an edge, from which on wide windows count, and fully


def _weigh_halfness() -> np.ndarray:
    opacity = np.clip((np.arange(256, dtype=np.float32) - SOLID) / (255 - 2 * SOLID), 0, 1)
    return 4 * opacity * (1 - opacity)


HALFNESS = _weigh_halfness()  # how half-transparent a pixel is, 0 to 1, by value of alpha


def refine_edges(alpha: np.ndarray, rgb: np.ndarray, options: Options, reduced: float = 1.0) -> np.ndarray:
    """Refine the edge of a network's matte in the way that the option ``refine`` names.

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8.
    rgb
        ``(H, W, 3)`` uint8, the photo.
    reduced
        The size of `alpha` as a fraction of the original's, of whose pixels `options` speak.

    Returns
    -------
    numpy.ndarray
        ``(H, W)`` uint8; `alpha` itself for ``refine=off``.
    """
    if options.refine == "guided":
        alpha = refine_guided(alpha, rgb)
    elif options.refine == "trimap":
        alpha = solve_matte(alpha, rgb, options.trimap_band * reduced)
    return alpha


def refine_guided(
    alpha: np.ndarray,
    rgb: np.ndarray,
    *,
    narrow: float = 0.006,
    wide: float = 0.03,
    eps: float = 3e-5,
    contrast: float = 1.2,
) -> np.ndarray:
    """Draw the edge of a matte to the edges in the photo, with a colour guided filter.

    Narrow windows follow a hard edge; where the matte is widely soft, as at hair and fur, wide ones are added, which
    see enough of both sides. Models are fitted mostly to pixels near 0 and 255, where the matte is certain, and applied
    mostly to pixels near one half, where it is not; then once more, to what the first ones made certain. Pixels within
    `SOLID` of 0 or 255 keep their value.

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8.
    rgb
        ``(H, W, 3)`` uint8, the photo.
    narrow, wide
        Radii of the windows, as fractions of the picture's longer side, so that the result does not depend on its size.
    eps
        Colour variance, on a scale of 0 to 1, below which a window counts as flat.
    contrast
        By which the models are steepened around one half, since least squares flatten them.

    Notes
    -----
    He, Sun, Tang, Guided Image Filtering, 2013; He, Sun, Fast Guided Filter, 2015; the weights are ours.
    """
    tiles = list(find_soft_tiles(alpha, SOLID, 255 - SOLID))
    if not tiles:
        return alpha
    size = fit_size(alpha.shape[::-1], WORKING_SIDE)
    small, small_rgb = resize_for_work(alpha, size), resize_for_work(rgb, size)
    softness = _measure_softness(small)
    coarse = fit_size(size, WORKING_SIDE // 2)
    coarse_rgb = cv2.resize(small_rgb, coarse, interpolation=cv2.INTER_AREA)
    whole = slice(0, size[1]), slice(0, size[0])
    passes = []
    for _ in range(PASSES):
        models = _fit(small, small_rgb, narrow, eps)
        if softness.any():
            far = _fit(cv2.resize(small, coarse, interpolation=cv2.INTER_AREA), coarse_rgb, wide, eps)
            models = models.add(far.resize(size), softness)
        passes.append(_steepen(models, contrast))
        small = _draw_edge(small, small_rgb, passes[-1], whole)
    refined = alpha.copy()

    def refine_tile(tile: Tile) -> None:
        for models in passes:
            refined[tile] = _draw_edge(refined[tile], rgb, models, tile)

    run_tiles(tiles, refine_tile)
    return refined


def _fit(alpha: np.ndarray, rgb: np.ndarray, radius: float, eps: float) -> Models:
    """The guided filter's models in windows of `radius`, a fraction of the longer side, mostly of what is certain."""
    weights = (alpha / np.float32(127.5) - 1) ** 2 + np.float32(0.05)
    return fit_models(alpha, rgb, max(1, round(radius * max(alpha.shape))), eps, weights)


def _measure_softness(alpha: np.ndarray) -> np.ndarray:
    """How far the edge near each pixel is a soft one: ``(h, w)`` float32, 0 up to `HARD` and 1 from `SOFT`.

    What is half-transparent and flat is glass, not an edge: it is not to be drawn to the colours around it.
    """
    longer = max(alpha.shape)
    side = 2 * max(1, round(AROUND * longer)) + 1
    slope = cv2.morphologyEx(alpha, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) * np.float32(longer / (2 * 255))
    soft = cv2.LUT(alpha, HALFNESS) * np.minimum(slope / STEEP, 1)
    across = side / longer * cv2.blur(soft, (side, side), borderType=cv2.BORDER_REFLECT)
    return np.clip((across - HARD) / (SOFT - HARD), 0, 1)


def _steepen(models: Models, contrast: float) -> Models:
    """`models` steepened around one half, as far as colours explain the matte: glass stays as it is."""
    explained = models.evidence * models.evidence
    return models.steepen(1 + (contrast - 1) * explained / (1 + explained))


def _draw_edge(alpha: np.ndarray, rgb: np.ndarray, models: Models, tile: Tile) -> np.ndarray:
    """`alpha`, the matte in `tile` of `rgb`, moved towards what `models` say, as far as it is half-transparent."""
    before, drawn = alpha.astype(np.float32), apply_models(models, rgb, tile)
    np.clip(drawn, 0, 255, out=drawn)
    drawn -= before
    drawn *= cv2.LUT(alpha, HALFNESS)
    drawn += before
    return (drawn + np.float32(0.5)).astype(np.uint8)
