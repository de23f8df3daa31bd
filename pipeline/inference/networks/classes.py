"""Networks that output a score for each class and pixel, such as DeepLabV3.

Source: Chen et al., Rethinking Atrous Convolution for Semantic Image Segmentation, 2017.
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
    """Scores as probabilities; the matte is all that is not background."""
    scores = crop_to_region(move_channels_last(results[0], card), fed.inside).astype(np.float32, copy=False)
    if card.read.activation == "softmax":
        scores = np.exp(scores - scores.max(axis=2, keepdims=True))
        scores /= scores.sum(axis=2, keepdims=True)
    return Prediction(np.clip(1 - scores[..., 0], 0, 1), shares=scores.astype(np.float16))


def move_channels_last(output: np.ndarray, card: ModelCard) -> np.ndarray:
    """The first picture of an output, as ``(h, w, classes)``."""
    return output[0] if card.feed.layout == "nhwc" else output[0].transpose(1, 2, 0)
