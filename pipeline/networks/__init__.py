"""One module for each *kind* of network: how a photo is fed to it, and how its output is read."""

from importlib import import_module
from typing import Protocol, cast

import numpy as np

from ..catalog import ModelCard
from .prediction import Prediction

__all__ = ["Network", "Prediction", "network"]


class Network(Protocol):
    """What a module of this room offers."""

    def feed(self, rgb: np.ndarray, card: ModelCard) -> np.ndarray:
        """The network's input for a photo ``(H, W, 3)`` uint8."""

    def outputs(self, card: ModelCard) -> list[int]:
        """Positions of the outputs that `read` wants."""

    def read(self, results: list[np.ndarray], card: ModelCard) -> Prediction:
        """What the network said."""


def network(kind: str) -> Network:
    """The module for networks of this `kind`."""
    return cast(Network, import_module(f".{kind}", __name__))
