"""Families of networks, one module each: how a photo is fed to them, and how their outputs are read.

Sizes, ranges, layouts and names differ within a family; they are data, in ``models/kinds.toml``.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Protocol, cast

import numpy as np

from ...registry.cards import ModelCard
from .feeding import NetworkInput
from .prediction import Prediction

__all__ = ["Family", "NetworkInput", "Prediction", "States", "find_family"]

States = Mapping[str, np.ndarray]  # what a recurrent network passes from frame to frame, by input name


class Family(Protocol):
    """What each module of this package has.

    A recurrent network takes the states of the frame before and returns its own; a still picture is a first frame,
    without states. Families without memory take no states and have no ``read_states``. A frame of a clip is::

        session = load_session(card, planned, settings, with_states=True)
        fed = family.feed(rgb, card, states)
        results = session.run(fed.inputs, job)
        prediction, states = family.read(results, card, fed), family.read_states(results)
    """

    def feed(self, rgb: np.ndarray, card: ModelCard, states: States | None = None) -> NetworkInput:
        """The network's input for a photo ``(H, W, 3)`` uint8, with the `states` of the frame before."""

    def read(self, results: list[np.ndarray], card: ModelCard, fed: NetworkInput) -> Prediction:
        """The prediction in `results`, the card's outputs first; `fed` is what they were computed from."""

    def read_states(self, results: list[np.ndarray]) -> States:
        """The states for the next frame, from the `results` of a session that was loaded with states."""


def find_family(card: ModelCard) -> Family:
    """The module that feeds and reads the network of `card`."""
    return cast(Family, import_module(f".{card.family}", __name__))
