"""Networks that find the salient subject, fed with the photo stretched to a fixed square: U-2-Net and IS-Net.

Sources: Qin et al., U²-Net: Going Deeper with Nested U-Structure for Salient Object Detection, 2020;
Qin et al., Highly Accurate Dichotomous Image Segmentation, 2022; and the authors' own test scripts.
"""

import numpy as np

from ..catalog import ModelCard
from ..resample import to_network
from .prediction import Prediction


def feed(rgb: np.ndarray, card: ModelCard) -> np.ndarray:
    """``(H, W, 3)`` uint8 → ``(1, 3, h, w)`` float32, as the card's feed says."""
    spec = card.feed
    small = to_network(rgb, spec.size, spec.interpolation)
    white = max(float(small.max()), 1.0) if spec.divide_by == "maximum" else spec.divide_by
    mean, std = np.array(spec.mean, np.float32), np.array(spec.std, np.float32)
    scaled = small * (1 / (white * std)).astype(np.float32) - mean / std
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None], dtype=np.float32)


def outputs(card: ModelCard) -> list[int]:
    """Only the fused map; the side outputs are for training."""
    return [card.read.output]


def read(results: list[np.ndarray], card: ModelCard) -> Prediction:
    """The fused map, already through its sigmoid, stretched to 0-1 if the network saw something; else empty."""
    matte = results[0].squeeze().astype(np.float32, copy=False)
    least = card.read.normalise_above
    if least is not None:
        low, high = float(matte.min()), float(matte.max())
        if high - low <= least:
            return Prediction(np.zeros_like(matte))
        matte = (matte - low) / (high - low)
    return Prediction(np.clip(matte, 0, 1))
