"""A trimap that a person gives: white is the subject, black the background, the rest is found out by matting."""

import cv2
import numpy as np

from ..base.errors import ClearcutError
from ..base.words import say
from ..pixels.geometry import Size
from .trimap import SURELY_IN, SURELY_OUT, solve_unknown

CLOSE = 0.01  # by which the ratio of its sides may differ from the photo's
UNIT = "trimap.unit"  # key of the words for what is taken


def solve_trimap(trimap: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    """The matte that a trimap and the photo's colours tell.

    Parameters
    ----------
    trimap
        ``(h, w)`` uint8, of any size with the ratio of the photo.
    rgb
        ``(H, W, 3)`` uint8, the photo.

    Returns
    -------
    numpy.ndarray
        ``(H, W)`` uint8: 255 where `trimap` is white, 0 where it is black.

    Raises
    ------
    ClearcutError
        ``bad_trimap`` where its shape is another, or white, black or grey is missing.
    """
    levels = _fit_trimap(trimap, rgb.shape[1::-1])
    subject, background = levels > SURELY_IN, levels < SURELY_OUT
    unknown = ~(subject | background)
    if not (subject.any() and background.any() and unknown.any()):
        raise ClearcutError("bad_trimap", unit=UNIT, accepted=say(UNIT))
    return solve_unknown(np.where(subject, np.uint8(255), np.uint8(0)), rgb, unknown)


def _fit_trimap(trimap: np.ndarray, size: Size) -> np.ndarray:
    """`trimap` at the photo's `size`. Where an edge between white and black is enlarged, grey lies between them."""
    width, height = trimap.shape[::-1]
    if abs(width * size[1] / (height * size[0]) - 1) > CLOSE:
        raise ClearcutError("bad_trimap", unit=UNIT, accepted=say(UNIT))
    how = cv2.INTER_AREA if width > size[0] else cv2.INTER_LINEAR
    return trimap if (width, height) == size else cv2.resize(trimap, size, interpolation=how)
