"""Robust Video Matting on a still: a recurrent network without a past.

Source: Lin et al., Robust High-Resolution Video Matting with Temporal Guidance, 2021, and its notes on inference.
"""

import numpy as np

from ...registry.catalog import ModelCard
from . import feeding
from .feeding import Fed
from .prediction import Prediction

COARSE = 512  # longer side, in pixels, at which the network looks before it refines
STATES = ("r1i", "r2i", "r3i", "r4i")


def feed(rgb: np.ndarray, card: ModelCard) -> Fed:
    """The photo, states of nothing seen yet, and how far the network itself reduces the photo."""
    source = feeding.feed(rgb, card.feed).inputs
    assert isinstance(source, np.ndarray)
    sides = source.shape[2:]
    ratio = max(min(1.0, COARSE / max(sides)), 1 / min(sides))  # a very thin photo keeps a pixel
    nothing = np.zeros((1, 1, 1, 1), np.float32)
    return Fed({"src": source, **dict.fromkeys(STATES, nothing), "downsample_ratio": np.array([ratio], np.float32)})


def read(results: list[np.ndarray], card: ModelCard, fed: Fed) -> Prediction:
    """Both are 0-1 already."""
    matte, colours = results[0][0, 0], results[1][0].transpose(1, 2, 0)
    foreground = np.clip(colours * 255 + 0.5, 0, 255).astype(np.uint8)
    return Prediction(np.clip(matte.astype(np.float32, copy=False), 0, 1), np.ascontiguousarray(foreground))
