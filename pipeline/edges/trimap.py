"""Closed-form matting inside the unknown band of a trimap made of the matte; needs the package ``pymatting``."""

import sys
from collections.abc import Callable
from importlib.util import find_spec
from time import monotonic
from typing import Any

import cv2
import numpy as np

from ..base.errors import ClearcutError
from ..pixels.geometry import fit_size
from ..pixels.resample import shrink
from ..pixels.tiles import enlarge_tile, find_soft_tiles
from .guided_filter import apply_models, fit_models

WORKING_SIDE = 640  # pixels of the longer side: more takes memory and time and gains no accuracy
SURELY_OUT, SURELY_IN = 25, 230  # grey levels beyond which the matte is taken as certain
TOLERANCE = 1e-5  # of the residual; 1e-7 gives the same matte
FILL = 200  # entries a pixel that the preconditioner may have


def can_solve_matte() -> bool:
    """Whether the package ``pymatting`` is installed, without which `solve_matte` raises."""
    return find_spec("pymatting") is not None


def solve_matte(
    alpha: np.ndarray, rgb: np.ndarray, band: float, *, side: int = WORKING_SIDE, seconds: float = 30
) -> np.ndarray:
    """Closed-form matting near the edge, from the colours of certain subject and certain background.

    Larger pictures are solved at a working size; a guided filter brings the result to full size.

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8.
    rgb
        ``(H, W, 3)`` uint8, the photo.
    band
        Unknown pixels on each side of the soft edge, in pixels of `alpha`; 0 solves for the soft pixels only.
    side
        Longer side of the working size, in pixels.
    seconds
        Time limit, without loading the package.

    Returns
    -------
    numpy.ndarray
        ``(H, W)`` uint8: 0 and 255 outside the band. `alpha` itself where nothing, or everything, is unknown.

    Raises
    ------
    ClearcutError
        ``needs_package``, ``took_too_long``.

    Notes
    -----
    Levin, Lischinski, Weiss, A Closed-Form Solution to Natural Image Matting, 2008.
    """
    solve = _load_solver()
    size = fit_size(alpha.shape[::-1], side)
    small_alpha, small_rgb = shrink(alpha, size), shrink(rgb, size)
    subject, background = _split_trimap(small_alpha, band * size[0] / alpha.shape[1])
    unknown = ~(subject | background)
    if min(size) < 3 or not (subject.any() and background.any() and unknown.any()):
        return alpha
    solved = np.where(subject, np.uint8(255), np.uint8(0))
    part = _find_window(unknown)
    opacity = solve(small_rgb[part], subject[part], unknown[part], _Deadline(seconds))
    solved[unknown] = np.clip(opacity * 255 + 0.5, 0, 255).astype(np.uint8)
    return solved if size == alpha.shape[::-1] else _enlarge_solution(solved, small_rgb, unknown, rgb)


class _Deadline:
    """Raises ``took_too_long`` when called after `seconds`."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self._end = seconds, monotonic() + seconds

    def __call__(self, *_: Any) -> None:
        if monotonic() > self._end:
            raise ClearcutError("took_too_long", seconds=self.seconds)


def _split_trimap(alpha: np.ndarray, band: float) -> tuple[np.ndarray, np.ndarray]:
    """Masks of certain subject and certain background: the rest, soft pixels and `band` around them, is unknown."""
    reach = round(band)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    subject = cv2.erode((alpha > SURELY_IN).view(np.uint8), disc)
    background = cv2.erode((alpha < SURELY_OUT).view(np.uint8), disc)
    return subject > 0, background > 0


def _find_window(mask: np.ndarray) -> tuple[slice, slice]:
    """The box around `mask`, with a margin of two pixels: the reach of the 3 x 3 windows of closed-form matting."""
    sides = []
    for axis in (1, 0):
        hits = np.flatnonzero(mask.any(axis=axis))
        start, stop = max(int(hits[0]) - 2, 0), min(int(hits[-1]) + 3, mask.shape[1 - axis])
        sides.append(slice(start, stop))
    return sides[0], sides[1]


def _load_solver() -> Callable[[np.ndarray, np.ndarray, np.ndarray, _Deadline], np.ndarray]:
    """The solver, from parts of ``pymatting``: its own function for this prints and warns. Raises ``needs_package``."""
    try:
        from pymatting.laplacian.cf_laplacian import cf_laplacian
        from pymatting.preconditioner.ichol import ichol
        from pymatting.preconditioner.jacobi import jacobi
        from pymatting.solver.cg import cg
    except ImportError:
        raise ClearcutError("needs_package", package="pymatting") from None
    # ichol prints when it retries; only its own `print` is replaced, as standard output belongs to the whole process
    sys.modules["pymatting.preconditioner.ichol"].print = lambda *_: None  # type: ignore[attr-defined]

    def solve(rgb: np.ndarray, subject: np.ndarray, unknown: np.ndarray, deadline: _Deadline) -> np.ndarray:
        laplacian = cf_laplacian(rgb / 255, is_known=~unknown)
        deadline()
        wanted = unknown.ravel()
        rows = laplacian[wanted]
        system, right = rows[:, wanted], -rows[:, ~wanted].dot(subject.ravel()[~wanted].astype(np.float64))
        if not right.any():  # no known subject touches the unknown pixels
            return np.zeros(system.shape[0])
        try:
            preconditioner = ichol(system, shifts=(1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0), max_nnz=FILL * system.shape[0])
        except ValueError:
            preconditioner = jacobi(system)
        deadline()
        try:
            return cg(system, right, M=preconditioner, rtol=TOLERANCE, atol=0, maxiter=10_000, callback=deadline)
        except ValueError:  # not converged
            raise ClearcutError("took_too_long", seconds=deadline.seconds) from None

    return solve


def _enlarge_solution(solved: np.ndarray, small_rgb: np.ndarray, unknown: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    """`solved` at the size of `rgb`, with a guided filter where it was unknown."""
    size = rgb.shape[1::-1]
    models = fit_models(solved, small_rgb, radius=1, eps=1e-5)
    mask = unknown.astype(np.uint8) * np.uint8(255)
    share = unknown.astype(np.float32)
    enlarged = cv2.resize(solved, size, interpolation=cv2.INTER_LINEAR)
    for tile in find_soft_tiles(cv2.resize(mask, size, interpolation=cv2.INTER_LINEAR), high=256):
        modelled = np.clip(apply_models(models, rgb, tile), 0, 255)
        before = enlarged[tile].astype(np.float32)
        mixed = before + enlarge_tile(share, size, tile) * (modelled - before)
        enlarged[tile] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)
    return enlarged
