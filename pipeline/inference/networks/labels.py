"""Networks whose scores mean one class a pixel and nothing between: the U-2-Net that parses clothes."""

import numpy as np

from ...registry.catalog import ModelCard
from . import feeding
from .classes import move_channels_last
from .feeding import NetworkInput, crop_to_photo
from .prediction import Prediction

STATES = ()  # it has no memory


def feed(rgb: np.ndarray, card: ModelCard, states: None = None) -> NetworkInput:
    """The photo as the card's feed says."""
    return feeding.feed(rgb, card.feed)


def read(results: list[np.ndarray], card: ModelCard, fed: NetworkInput) -> Prediction:
    """The class with the highest score; whatever is not background is subject."""
    labels = crop_to_photo(move_channels_last(results[0], card), fed.inside).argmax(axis=2).astype(np.uint8)
    return Prediction((labels > 0).astype(np.float32), labels=labels)
