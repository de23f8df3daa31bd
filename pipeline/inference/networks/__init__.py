"""One module for each way in which networks answer: how a photo is fed to them, and how their output is read.

What else sets networks apart (sizes, ratios, ranges, layouts, names) is data: ``models/kinds.toml``.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Protocol, cast

import numpy as np

from ...registry.catalog import ModelCard
from .feeding import NetworkInput
from .prediction import Prediction

__all__ = ["Family", "NetworkInput", "Outputs", "Prediction", "States", "find_family", "list_outputs"]

Outputs = Sequence[int | str]  # of a network, by position or name
States = Mapping[str, np.ndarray]  # what a network with memory hands from one frame to the next, by input name


class Family(Protocol):
    """What a module of this room offers.

    A network with memory is given the states of the frame before, and gives back its own; a still picture is a first
    frame, without any. Modules of networks without memory take no states and have no ``read_states``.
    """

    STATES: Sequence[str]
    """Outputs that hold the memory, beside those that the card names; empty where there is none."""

    def feed(self, rgb: np.ndarray, card: ModelCard, states: States | None = None) -> NetworkInput:
        """The network's input for a photo ``(H, W, 3)`` uint8, after a frame that left `states`."""

    def read(self, results: list[np.ndarray], card: ModelCard, fed: NetworkInput) -> Prediction:
        """What the network said in the outputs that the card names."""

    def read_states(self, results: list[np.ndarray]) -> States:
        """What the next frame is to be fed, from the outputs that `list_outputs` names."""


def find_family(card: ModelCard) -> Family:
    """The module that runs networks such as that of `card`."""
    return cast(Family, import_module(f".{card.family}", __name__))


def list_outputs(card: ModelCard) -> tuple[int | str, ...]:
    """All that may ever be asked of the network: what its card names, then its memory."""
    return (*card.read.outputs, *find_family(card).STATES)
