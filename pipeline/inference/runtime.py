"""`Runtime`: settings, loaded networks, kept predictions and run slots of one program, passed to every call."""

import os
from collections.abc import Callable
from functools import cache

from ..base.jobs import Slots
from ..base.settings import Settings
from ..registry.cards import Card, Picker
from ..registry.catalog import find_card, find_cutter, list_models, list_preferred
from ..registry.choosing import AUTOMATIC, resolve_model
from ..registry.weights import is_installed
from .cache import PredictionCache
from .embeddings import Embeddings
from .engines.choices import settle_choices
from .pool import Loader, Pool, Speeds
from .sessions import load_session


class Runtime:
    """The state of a running program. Several, with different settings, can be in one process independently.

    Parameters
    ----------
    settings
        Of this machine.
    load
        Loads a network that is not in memory.

    Attributes
    ----------
    pool, predictions
        Loaded sessions, and the cache of predictions, within the limits of `settings`.
    slots
        The run slots, ``settings.slots`` of them.
    embeddings
        What networks that pick have seen in photos, in memory.
    speeds
        How long networks take.

    Examples
    --------
    >>> from pipeline import Runtime, Settings
    >>> runtime = Runtime(Settings(cache=False, offline=True))
    >>> runtime.find_card("u2netp").license
    'Apache-2.0'
    """

    def __init__(self, settings: Settings, load: Loader = load_session) -> None:
        self.settings = settings
        settle_choices(settings)  # whoever is given these settings goes by them
        self.pool = Pool(settings, load)
        self.predictions = PredictionCache(settings)
        self.embeddings = Embeddings()
        self.slots = Slots(settings.slots)
        self.speeds = Speeds()
        self._settled: str | None = None
        self.on_forget: list[Callable[[], None]] = []

    def list_models(self) -> dict[str, Card]:
        """Every model by name: those of Clearcut, then the user's own."""
        return list_models(self.settings)

    def find_card(self, name: str) -> Card:
        """The card of the model called `name`, or that ``automatic`` stands for. Raises ``unknown_model``."""
        return find_card(self.resolve_model(name), self.settings)

    def find_cutter(self, name: str) -> Card:
        """As `find_card`, of a model that cuts out. Raises ``bad_option`` for one that only picks."""
        return find_cutter(self.resolve_model(name), self.settings)

    def resolve_model(self, name: str) -> str:
        """`name`, or for ``automatic`` that of the best model that is installed and fits this machine."""
        return self._settled if self._settled and name == AUTOMATIC else resolve_model(name, self.settings)

    def find_quick_model(self, name: str) -> str | None:
        """The model that answers at once while that which ``automatic`` stands for is at work; None without need."""
        quick = find_card(list_preferred()[-1], self.settings)
        is_better = name == AUTOMATIC and self.resolve_model(name) != quick.name
        return quick.name if is_better and is_installed(quick, self.settings) else None

    def find_picker(self) -> Picker | None:
        """The first model that picks what is pointed at and is installed; None without."""
        pickers = (card for card in self.list_models().values() if isinstance(card, Picker))
        return next((card for card in pickers if is_installed(card, self.settings)), None)

    def settle_automatic(self, model: str | None = None) -> None:
        """Let ``automatic`` stand for `model`, or for the best that is here, whatever is fetched while this runs."""
        self._settled = model or resolve_model(AUTOMATIC, self.settings)

    @property
    def settled(self) -> str | None:
        """The model that ``automatic`` was settled on; None where it was not."""
        return self._settled

    def forget(self) -> None:
        """Forget every picture: predictions in memory and on disk, and what others registered in `on_forget`."""
        self.predictions.clear()
        self.embeddings.clear()
        for forget in self.on_forget:
            forget()


@cache
def default_runtime() -> Runtime:
    """The runtime of calls that are given none; settings are read from the environment when it is first used."""
    return Runtime(Settings.read(os.environ))
