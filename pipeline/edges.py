"""Matte to matte at the photo's size: what happens along the edge."""

import cv2
import numpy as np


def feather(alpha: np.ndarray, pixels: float) -> np.ndarray:
    """Soften the edge by a Gaussian whose visible reach is `pixels` on each side (two standard deviations).

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8.
    pixels
        Reach in pixels of `alpha`; 0 returns `alpha` itself.
    """
    if pixels < 0.01:
        return alpha
    return cv2.GaussianBlur(alpha, (0, 0), sigmaX=pixels / 2, borderType=cv2.BORDER_REPLICATE)
