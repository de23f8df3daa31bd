"""What runs a network: the engine and arithmetic planned for it, one module an engine, and falling back.

Engines and their order stand in ``registry.py``; what an engine is, in ``plans.py``.
"""

import logging
from collections.abc import Iterator
from functools import cache
from typing import get_args

from ...base.settings import EngineName, Settings
from ...registry.catalog import ModelCard, Precision
from .plans import LoadedNetwork, Plan, WeightFile, Why
from .registry import ENGINES, LAST

__all__ = ["ENGINES", "LoadedNetwork", "Plan", "WeightFile", "choose_plan", "describe_plan", "list_versions", "load"]

log = logging.getLogger("clearcut")
BY_PREFERENCE: tuple[Why, ...] = get_args(Why)  # reasons, the best first


def choose_plan(card: ModelCard, precision: Precision, settings: Settings) -> Plan:
    """What runs `card` at `precision` on this machine; an engine that cannot is told of in the log, once."""
    if settings.engine == "auto":
        return min(_collect_offers(card, precision, settings), key=lambda each: BY_PREFERENCE.index(each.why))
    engine = ENGINES[settings.engine]
    if engine.is_here() and engine.can_run(card):
        return Plan(engine.name, engine.choose_arithmetic(card, precision), "asked")
    _warn_once(engine.name)
    return Plan(LAST, why="missing")


def describe_plan(planned: Plan) -> str:
    """What people are told of a plan: as `LoadedNetwork.label`, if all goes well."""
    return ENGINES[planned.engine].describe(planned.arithmetic)


def load(card: ModelCard, file: WeightFile, planned: Plan, settings: Settings) -> tuple[LoadedNetwork, Plan]:
    """The network in `file` as planned, and the plan that holds in the end: another one, where what was planned fails.

    Raises
    ------
    Exception
        Whatever the last engine raises.
    """
    for each in (planned, *_list_fallbacks(card, planned, settings)):
        try:
            network = ENGINES[each.engine].load(file, each.arithmetic, settings)
        except Exception as error:
            if each.engine == LAST or each.why == "gpu":
                raise
            log.info("%s cannot run %s: %s", describe_plan(each), file.path.name, error)
            continue
        if network.label != describe_plan(each):  # onnxruntime took another provider by itself
            break
        if each is not planned and each.why == "missing":
            _warn_once(planned.engine)
        return network, each
    _warn_once(planned.engine)
    return network, Plan(LAST, why="missing")


def list_versions() -> dict[str, str]:
    """The engines' packages that are here, with their versions; nothing is loaded for it."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in dict.fromkeys(package for engine in reversed(ENGINES.values()) for package in engine.packages):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _collect_offers(card: ModelCard, precision: Precision, settings: Settings) -> Iterator[Plan]:
    for engine in ENGINES.values():
        offer = engine.offer(card, precision, settings)  # first: to ask whether it is here may import it
        if offer and engine.is_here():
            yield offer


def _list_fallbacks(card: ModelCard, planned: Plan, settings: Settings) -> Iterator[Plan]:
    """What is tried where the engine that was planned fails, in this order."""
    if planned.why in ("measured", "optimised"):
        others = _collect_offers(card, "exact", settings)
        yield from (each for each in others if each.engine != planned.engine and each.why == "measured")
        yield Plan(LAST)
    elif planned.why == "asked" and planned.engine != LAST:
        yield Plan(LAST, why="missing")


@cache
def _warn_once(engine: EngineName) -> None:
    log.warning(
        "the engine %s (%s) cannot do the work here: %s does", engine, ENGINES[engine].title, ENGINES[LAST].title
    )
