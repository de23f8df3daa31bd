"""Networks whose scores only tell the most likely class of a pixel, such as the U-2-Net for clothes."""

import numpy as np

from ...registry.cards import ModelCard
from . import feeding
from .classes import move_channels_last
from .feeding import NetworkInput, crop_to_region
from .prediction import Prediction


def feed(rgb: np.ndarray, card: ModelCard, states: None = None) -> NetworkInput:
    """A photo ``(H, W, 3)`` uint8 as the input that the card's feed describes."""
    return feeding.feed(rgb, card.feed)


def read(results: list[np.ndarray], card: ModelCard, fed: NetworkInput) -> Prediction:
    """The class with the highest score of each pixel; the matte is 1 for all but the background."""
    labels = crop_to_region(move_channels_last(results[0], card), fed.inside).argmax(axis=2).astype(np.uint8)
    return Prediction((labels > 0).astype(np.float32), labels=labels)
