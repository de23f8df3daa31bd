"""How many worker processes do many photos soonest: one a core, as far as their memory goes."""

from ..base import machine
from ..base.settings import Settings
from ..registry.catalog import find_card
from ..registry.choosing import resolve_model
from .engines import choose_plan
from .engines.choices import settle_choices
from .engines.registry import ON_PROCESSOR

OWN_MB = 200  # of a worker, beside what its networks take: Python, libraries, a photo of 12 megapixels
OWN_GPU_MB = 500  # of a GPU, beside its networks: the driver's context
LEFT_MB = 500  # for everybody else
ON_UNMEASURED_GPU = 2  # workers


def choose_workers(settings: Settings, wanted: int = 0, model: str = "") -> tuple[int, int]:
    """How many workers, and how many cores each should count on.

    A core each is best, measured on 2 and on 16, and on a GPU, too: there most of the time goes into what the processor
    does before and after. The memory that is free bounds their number.

    Parameters
    ----------
    wanted
        As many; 0: as the setting ``workers`` says.
    model
        What they run; that of `settings` without.

    >>> choose_workers(Settings(), wanted=1)[0]
    1
    """
    settle_choices(settings)  # before any of them starts: all are to run the same engine
    cores = machine.count_cores()
    number = wanted or settings.workers or max(1, min([cores, *_list_limits(settings, model)]))
    return number, max(1, cores // number)


def _list_limits(settings: Settings, model: str) -> list[int]:
    """The numbers of workers that each kind of memory is enough for."""
    card = find_card(resolve_model(model or settings.model, settings), settings)
    limits = []
    free = machine.measure_free_mb()
    if free is not None:
        limits.append(int((free - LEFT_MB) / (OWN_MB + card.memory_mb)))
    on_gpu = [each for each in card.networks if choose_plan(each, "exact", settings).engine not in ON_PROCESSOR]
    if on_gpu:
        free = machine.measure_gpu_free_mb()
        need = OWN_GPU_MB + sum(each.memory_mb for each in on_gpu)
        limits.append(ON_UNMEASURED_GPU if free is None else int((free - LEFT_MB) / need))
    return limits
