"""What is alive while a program runs, and handed in everywhere: settings, loaded networks, predictions, run slots."""

import os
from functools import cache

from ..base.jobs import Slots
from ..base.settings import Settings
from ..registry.catalog import Card, find_card, list_models
from .cache import PredictionCache
from .pool import Loader, Pool, Speeds
from .sessions import load_session


class Runtime:
    """One running Clearcut. Several with different settings may live in one process, and know nothing of each other.

    Parameters
    ----------
    settings
        This machine's.
    load
        What loads a network that is not in memory.

    Attributes
    ----------
    settings, pool, predictions, slots, speeds
        Each bounded by the settings.

    Examples
    --------
    >>> from pipeline import Runtime, Settings
    >>> quiet = Runtime(Settings(cache=False, offline=True))
    >>> quiet.find_card("u2netp").license
    'Apache-2.0'
    """

    def __init__(self, settings: Settings, load: Loader = load_session) -> None:
        self.settings = settings
        self.pool = Pool(settings, load)
        self.predictions = PredictionCache(settings)
        self.slots = Slots(settings.slots)
        self.speeds = Speeds()

    def list_models(self) -> dict[str, Card]:
        """Every model by name, the user's own after those of the house."""
        return list_models(self.settings)

    def find_card(self, name: str) -> Card:
        """The card of the model called `name`. Raises ``unknown_model``."""
        return find_card(name, self.settings)

    def forget(self) -> None:
        """Forget every picture: predictions in memory and on disk."""
        self.predictions.clear()


@cache
def default_runtime() -> Runtime:
    """The runtime of a program that made none of its own, with the settings of the environment at its first picture."""
    return Runtime(Settings.read(os.environ))
