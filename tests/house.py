"""Settings and runtimes of tests, made from the environment as it is at that moment: fixtures set variables."""

import os
from functools import lru_cache
from typing import Any

from pipeline import Runtime, Settings
from pipeline.registry import catalog
from pipeline.registry.cards import Card


def settings(**given: Any) -> Settings:
    """The settings that a program started now would have."""
    return Settings.read(os.environ, **given)


def runtime(**given: Any) -> Runtime:
    """The runtime of a program with these settings: the same one as long as they are the same."""
    return _runtime(settings(**given))


@lru_cache(maxsize=4)
def _runtime(known: Settings) -> Runtime:
    return Runtime(known)


def card(name: str) -> Card:
    """The card of a model, the user's own included."""
    return catalog.find_card(name, settings())
