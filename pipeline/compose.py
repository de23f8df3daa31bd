"""Colour and matte → the picture that leaves: straight alpha, nothing hidden where it is transparent."""

import cv2
import numpy as np


def join_alpha(alpha: np.ndarray, own: np.ndarray | None) -> np.ndarray:
    """The matte within the transparency that the photo came with: the product of the two, uint8 ``(H, W)``."""
    return alpha if own is None else cv2.multiply(alpha, own, scale=1 / 255)


def without_background(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """A copy of `rgb` ``(H, W, 3)`` that is 0 where `alpha` ``(H, W)`` is 0 and untouched elsewhere.

    Soft edges keep the photo's own colour: multiplying it by alpha, as is often done, darkens them.
    """
    return cv2.copyTo(rgb, alpha)
