"""A network's matte with its edge found again in the photo."""

import cv2
import numpy as np

from ..options.options import Options
from ..pixels.geometry import fit_size
from ..pixels.resample import resize_for_work
from ..pixels.tiles import Tile, find_soft_tiles, run_tiles
from .guided import apply_models, fit_models
from .trimap import solve_matte

WORKING_SIDE = 384  # pixels: the guided filter fits as well here as at 800, and in no time
SOLID = 4  # grey levels from black and from white that refining leaves alone: a network's haze


def refine_edges(alpha: np.ndarray, rgb: np.ndarray, options: Options, reduced: float = 1.0) -> np.ndarray:
    """A network's matte with its edge found again in the photo, as ``refine`` asks.

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8.
    rgb
        ``(H, W, 3)`` uint8, the photo.
    reduced
        How large `alpha` is beside the original, of whose pixels `options` speak: 1 is as large.

    Raises
    ------
    ClearcutError
        ``needs_package``, ``took_too_long`` of trimap matting.
    """
    if options.refine == "guided":
        alpha = refine_guided(alpha, rgb)
    elif options.refine == "trimap":
        alpha = solve_matte(alpha, rgb, options.trimap_band * reduced)
    return alpha


def refine_guided(
    alpha: np.ndarray, rgb: np.ndarray, *, radius: float = 0.015, eps: float = 1e-4, contrast: float = 1.15
) -> np.ndarray:
    """Draw the edge of a matte to the edges in the photo, with a colour guided filter.

    Windows are fitted where the matte is sure of itself, and what they say counts where it is not: a pixel's weight in
    the fits is lowest at one half, its share of the result highest. What is solid stays solid to the byte.

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8.
    rgb
        ``(H, W, 3)`` uint8, the photo.
    radius
        Of the windows, in parts of the picture's longer side: the result does not depend on the picture's size.
    eps
        Colour variance, on a scale of 0 to 1, below which a window counts as flat.
    contrast
        Around one half; makes good what least squares take away.

    Notes
    -----
    He, Sun, Tang, Guided Image Filtering, 2013; He, Sun, Fast Guided Filter, 2015; the weights are ours.
    """
    tiles = list(find_soft_tiles(alpha, SOLID, 255 - SOLID))
    if not tiles:
        return alpha
    size = fit_size(alpha.shape[::-1], WORKING_SIDE)
    small = resize_for_work(alpha, size)
    weights = (small / np.float32(127.5) - 1) ** 2 + np.float32(0.05)
    models = fit_models(small, resize_for_work(rgb, size), max(1, round(radius * max(size))), eps, weights)
    models *= contrast
    models[..., 3] += 127.5 * (1 - contrast)
    opacity = np.clip((np.arange(256, dtype=np.float32) - SOLID) / (255 - 2 * SOLID), 0, 1)
    doubt = 4 * opacity * (1 - opacity)
    refined = alpha.copy()

    def refine_tile(tile: Tile) -> None:
        before = alpha[tile].astype(np.float32)
        found = np.clip(apply_models(models, rgb, tile), 0, 255)
        refined[tile] = _round_to_bytes(before + cv2.LUT(alpha[tile], doubt) * (found - before))

    run_tiles(tiles, refine_tile)
    return refined


def _round_to_bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)
