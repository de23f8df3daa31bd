"""Shadows drawn from a matte: a drop shadow and a contact shadow, each as the alpha of a black layer."""

import cv2
import numpy as np

from ..pixels.geometry import fit_size
from ..pixels.resample import shrink
from .framing import find_subject_box
from .smoothing import KEPT_SIGMA, reduce_size

CONTACT_SIDE = 384  # pixels of the subject's longer side at which its contact shadow is drawn, which is blurred
MOST_SIDE = 2048  # pixels of the whole picture's longer side at most, for a small subject on a large canvas
NEAR_GROUND = 0.075  # of that side: height above the ground at which a contact shadow has faded
TIGHT, WIDE = (0.012, 0.007), (0.06, 0.03)  # reach along x and y of the dark line and of the soft shadow around it
SMALL_FEET = 0.75  # exponent; below 1, so that narrow contacts are not too light beside wide ones


def strengthen(shade: np.ndarray, strength: float) -> np.ndarray:
    """A shadow's alpha ``(H, W)`` uint8 times `strength` percent, 0 to 100; 100 returns `shade` itself."""
    return shade if strength >= 100 else cv2.convertScaleAbs(shade, alpha=max(strength, 0.0) / 100)


def draw_drop_shadow(alpha: np.ndarray, offset: tuple[float, float], blur: float) -> np.ndarray:
    """The subject's silhouette moved and blurred, as a shadow on a wall behind it.

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8.
    offset
        To the right and downwards, in pixels.
    blur
        Reach of the blur on each side, in pixels (two standard deviations).

    Returns
    -------
    np.ndarray
        The shadow's alpha ``(H, W)`` uint8; a subject that the border cuts counts as going on beyond it.
    """
    height, width = alpha.shape
    sigma = max(blur, 0.0) / 2
    small = reduce_size((width, height), max(1.0, sigma / KEPT_SIGMA))
    across, down = width / small[0], height / small[1]
    shade = alpha if small == (width, height) else shrink(alpha, small)
    if sigma >= 0.1:
        shade = cv2.GaussianBlur(shade, (0, 0), sigma / across, sigmaY=sigma / down, borderType=cv2.BORDER_REPLICATE)
    move = np.array(
        [[across, 0, offset[0] + (across - 1) / 2], [0, down, offset[1] + (down - 1) / 2]]
    )  # pixel centres stay pixel centres
    smooth = cv2.INTER_LINEAR if small == (width, height) else cv2.INTER_CUBIC
    return cv2.warpAffine(shade, move, (width, height), flags=smooth, borderMode=cv2.BORDER_REPLICATE)


def draw_contact_shadow(alpha: np.ndarray) -> np.ndarray:
    """The shadow below what touches the ground: a thin dark line and a soft shadow around it.

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8. The ground is where the subject is lowest; the higher a part is above it, the lighter is its
        shadow, so that four legs have four shadows and the arch of a shoe is light.

    Returns
    -------
    np.ndarray
        The shadow's alpha ``(H, W)`` uint8; all 0 without a subject.
    """
    box = find_subject_box(alpha)
    if box is None:
        return np.zeros_like(alpha)
    height, width = alpha.shape
    side = min(CONTACT_SIDE * max(width, height) / max(box.size), MOST_SIDE)
    small = fit_size((width, height), round(side) or 1)
    side = max(box.size) * small[0] / width
    solid = shrink(alpha, small) > 127
    lowest = solid.shape[0] - 1 - np.argmax(solid[::-1], axis=0)
    ground = int(lowest[solid.any(0)].max(initial=0))
    near = np.exp(-(((ground - lowest) / (NEAR_GROUND * side)) ** 2)) * solid.any(0)
    return _draw_footprint(near, lowest, side, (width, height), small)


def _draw_footprint(
    near: np.ndarray, lowest: np.ndarray, side: float, size: tuple[int, int], small: tuple[int, int]
) -> np.ndarray:
    """The line of each column's `lowest` pixel, weighted by `near`, blurred with two reaches and put together."""
    line = np.zeros(small[::-1], np.float32)
    line[lowest, np.arange(small[0])] = near
    clear = 1.0
    for (along, across), most in ((TIGHT, 0.75), (WIDE, 0.6)):
        sigmas = max(along * side, 0.5), max(across * side, 0.5)
        glow = cv2.GaussianBlur(line, (0, 0), sigmas[0], sigmaY=sigmas[1], borderType=cv2.BORDER_CONSTANT)
        peak = 1 / (np.sqrt(2 * np.pi) * sigmas[1])  # of a level line: what touches over a long way is darkest
        clear = clear * (1 - most * np.minimum(glow / peak, 1) ** SMALL_FEET)
    dark = cv2.convertScaleAbs((1 - clear) * 255)
    return cv2.resize(dark, size, interpolation=cv2.INTER_CUBIC)
