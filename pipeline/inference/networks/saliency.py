"""Networks that output one map, the subject's matte.

Sources: Qin et al., U²-Net: Going Deeper with Nested U-Structure for Salient Object Detection, 2020;
Qin et al., Highly Accurate Dichotomous Image Segmentation, 2022; Zheng et al., Bilateral Reference for High-Resolution
Dichotomous Image Segmentation, 2024; Ke et al., MODNet, 2022; and their authors' own scripts.
"""

import numpy as np

from ...registry.cards import ModelCard
from . import feeding
from .feeding import NetworkInput, crop_to_region
from .prediction import Prediction


def feed(rgb: np.ndarray, card: ModelCard, states: None = None) -> NetworkInput:
    """A photo ``(H, W, 3)`` uint8 as the input that the card's feed describes."""
    return feeding.feed(rgb, card.feed)


def read(results: list[np.ndarray], card: ModelCard, fed: NetworkInput) -> Prediction:
    """The matte after its activation, stretched to 0-1; all 0 where its range says that there is no subject."""
    matte = crop_to_region(_take_plane(results[0], card), fed.inside).astype(np.float32, copy=False)
    if card.read.activation == "sigmoid":
        matte = (1 / (1 + np.exp(-np.clip(matte, -30, 30)))).astype(np.float32)
    least_range = card.read.normalise_above
    if least_range is not None:
        low, high = float(matte.min()), float(matte.max())
        if high - low <= least_range:
            return Prediction(np.zeros_like(matte))
        matte = (matte - low) / (high - low)
    return Prediction(np.clip(matte, 0, 1))


def _take_plane(output: np.ndarray, card: ModelCard) -> np.ndarray:
    """The first channel of the first picture, ``(h, w)``."""
    first = output[0] if output.ndim == 4 else output
    if first.ndim == 2:
        return first
    return first[..., 0] if card.feed.layout == "nhwc" else first[0]
