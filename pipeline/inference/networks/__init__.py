"""Families of networks, one module each: how a photo is fed to them, and how their outputs are read.

Sizes, ranges, layouts and names differ within a family; they are data, in ``models/kinds.toml``.
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
States = Mapping[str, np.ndarray]  # what a recurrent network passes from frame to frame, by input name


class Family(Protocol):
    """What each module of this package has.

    A recurrent network takes the states of the frame before and returns its own; a still picture is a first frame,
    without states. Families without memory take no states and have no ``read_states``.
    """

    STATES: Sequence[str]
    """Outputs that hold the states, beside those that the card names; empty without memory."""

    def feed(self, rgb: np.ndarray, card: ModelCard, states: States | None = None) -> NetworkInput:
        """The network's input for a photo ``(H, W, 3)`` uint8, with the `states` of the frame before."""

    def read(self, results: list[np.ndarray], card: ModelCard, fed: NetworkInput) -> Prediction:
        """The prediction in `results`, the outputs that the card names; `fed` is what they were computed from."""

    def read_states(self, results: list[np.ndarray]) -> States:
        """The states for the next frame, from `results`, the outputs that `list_outputs` names."""


def find_family(card: ModelCard) -> Family:
    """The module that feeds and reads the network of `card`."""
    return cast(Family, import_module(f".{card.family}", __name__))


def list_outputs(card: ModelCard) -> tuple[int | str, ...]:
    """All outputs that are ever asked for: those that the card names, then the states."""
    return (*card.read.outputs, *find_family(card).STATES)
