"""One module for each way in which networks answer: how a photo is fed to them, and how their output is read.

What else sets networks apart (sizes, ratios, ranges, layouts, names) is data: ``models/kinds.toml``.
"""

from importlib import import_module
from typing import Protocol, cast

import numpy as np

from ...registry.catalog import ModelCard
from .feeding import Fed
from .prediction import Prediction

__all__ = ["Fed", "Network", "Prediction", "network"]


class Network(Protocol):
    """What a module of this room offers."""

    def feed(self, rgb: np.ndarray, card: ModelCard) -> Fed:
        """The network's input for a photo ``(H, W, 3)`` uint8."""

    def read(self, results: list[np.ndarray], card: ModelCard, fed: Fed) -> Prediction:
        """What the network said in the outputs that the card names."""


def find_network(card: ModelCard) -> Network:
    """The module that runs networks such as that of `card`."""
    return cast(Network, import_module(f".{card.network}", __name__))
