"""Networks whose scores mean one class a pixel and nothing between: the U-2-Net that parses clothes."""

import numpy as np

from ...registry.catalog import ModelCard
from . import feeding
from .classes import channels_last
from .feeding import Fed, photo_part
from .prediction import Prediction

STATES = ()  # it has no memory


def feed(rgb: np.ndarray, card: ModelCard, states: None = None) -> Fed:
    """The photo as the card's feed says."""
    return feeding.feed(rgb, card.feed)


def read(results: list[np.ndarray], card: ModelCard, fed: Fed) -> Prediction:
    """The class with the highest score; whatever is not background is subject."""
    labels = photo_part(channels_last(results[0], card), fed.inside).argmax(axis=2).astype(np.uint8)
    return Prediction((labels > 0).astype(np.float32), labels=labels)
