"""The model called ``automatic``: the best that is installed and fits this machine."""

from ..base.machine import measure_memory_mb
from ..base.settings import Settings
from . import weights
from .cards import Card
from .catalog import find_card, list_preferred

AUTOMATIC = "automatic"
SHARE = 0.5  # of the machine's memory that a model may take


def resolve_model(name: str, settings: Settings) -> str:
    """`name`, or for ``automatic`` that of the model which takes its place here.

    Of the preferred models, best first, the first that is installed and fits; where none is, the last, which is the
    smallest: it can be fetched in a moment.
    """
    if name != AUTOMATIC:
        return name
    preferred = [find_card(each, settings) for each in list_preferred()]
    fitting = (card for card in preferred if weights.is_installed(card, settings) and _fits(card, settings))
    return next(fitting, preferred[-1]).name


def find_better(settings: Settings) -> Card | None:
    """The model that ``automatic`` would rather stand for, if it fits here and can be fetched; else None."""
    best = find_card(list_preferred()[0], settings)
    wanted = best.fetchable and _fits(best, settings) and not weights.is_installed(best, settings)
    return best if wanted else None


def _fits(card: Card, settings: Settings) -> bool:
    machine = measure_memory_mb()
    return card.memory_mb <= settings.pool_mb and (machine is None or card.memory_mb <= SHARE * machine)
