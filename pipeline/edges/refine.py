"""Refining: a network's matte with its edge drawn to the edges in the photo."""

import cv2
import numpy as np

from ..options.options import Options
from ..pixels.geometry import fit_size
from ..pixels.resample import resize_for_work
from ..pixels.tiles import Tile, find_soft_tiles, run_tiles
from .guided_filter import apply_models, fit_models
from .trimap import solve_matte

WORKING_SIDE = 384  # pixels of the longer side: fits are as good here as at 800
SOLID = 4  # grey levels from black and from white that are not refined: a network's haze


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

    Raises
    ------
    ClearcutError
        ``needs_package``, ``took_too_long``, both of ``refine=trimap``.
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

    Models are fitted mostly to pixels near 0 and 255, where the matte is certain, and applied mostly to pixels near one
    half, where it is not. Pixels within `SOLID` of 0 or 255 keep their value.

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8.
    rgb
        ``(H, W, 3)`` uint8, the photo.
    radius
        Of the windows, as a fraction of the picture's longer side, so that the result does not depend on its size.
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
        modelled = np.clip(apply_models(models, rgb, tile), 0, 255)
        refined[tile] = _round_to_bytes(before + cv2.LUT(alpha[tile], doubt) * (modelled - before))

    run_tiles(tiles, refine_tile)
    return refined


def _round_to_bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)
