"""Robust Video Matting, a recurrent network; a still picture is a first frame.

Source: Lin et al., Robust High-Resolution Video Matting with Temporal Guidance, 2021, and its notes on inference.
"""

from collections.abc import Mapping

import numpy as np

from ...registry.cards import ModelCard
from . import feeding
from .feeding import NetworkInput
from .prediction import Prediction

COARSE = 512  # longer side, in pixels, of the network's first pass, before it refines
STATES = ("r1i", "r2i", "r3i", "r4i")  # as inputs, in the order of the outputs that the card names


def feed(rgb: np.ndarray, card: ModelCard, states: Mapping[str, np.ndarray] | None = None) -> NetworkInput:
    """The photo, the states of the frame before, and the ratio by which the network reduces the photo.

    Parameters
    ----------
    rgb
        ``(H, W, 3)`` uint8.
    states
        From `read_states` of the frame before, which has to be of the same size; None for a first frame.
    """
    source = feeding.feed(rgb, card.feed).inputs
    assert isinstance(source, np.ndarray)
    sides = source.shape[2:]
    ratio = max(min(1.0, COARSE / max(sides)), 1 / min(sides))  # at least one pixel of a very thin photo
    initial = dict.fromkeys(STATES, np.zeros((1, 1, 1, 1), np.float32))
    return NetworkInput({"src": source, **(states or initial), "downsample_ratio": np.array([ratio], np.float32)})


def read(results: list[np.ndarray], card: ModelCard, fed: NetworkInput) -> Prediction:
    """Matte and foreground, both of which the network outputs in [0, 1]."""
    matte, colours = results[0][0, 0], results[1][0].transpose(1, 2, 0)
    foreground = np.clip(colours * 255 + 0.5, 0, 255).astype(np.uint8)
    return Prediction(np.clip(matte.astype(np.float32, copy=False), 0, 1), np.ascontiguousarray(foreground))


def read_states(results: list[np.ndarray]) -> dict[str, np.ndarray]:
    """The last outputs, by the names of the inputs that they are for in the next frame."""
    return dict(zip(STATES, results[-len(STATES) :], strict=True))
