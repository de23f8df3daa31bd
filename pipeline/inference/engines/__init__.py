"""Engines: which one is planned for a network, in which arithmetic, and what is done where it fails.

Each engine is a module here; ``registry.py`` lists them, ``plans.py`` has their protocol.
"""

import logging
from collections.abc import Iterator
from functools import cache
from typing import get_args

from ...base.settings import EngineName, Settings
from ...registry.cards import ModelCard, Precision
from .plans import LoadedNetwork, Plan, WeightFile, Why
from .registry import ENGINES, LAST

__all__ = ["ENGINES", "LoadedNetwork", "Plan", "WeightFile", "choose_plan", "describe_plan", "list_versions", "load"]

log = logging.getLogger("clearcut")
BY_PREFERENCE: tuple[Why, ...] = get_args(Why)  # reasons, the best first


def choose_plan(card: ModelCard, precision: Precision, settings: Settings) -> Plan:
    """The plan for `card` at `precision` on this machine, without loading anything.

    Where the setting ``engine`` names one that cannot run here, `LAST` is planned and a warning is logged, once.
    """
    if settings.engine == "auto":
        return min(_collect_offers(card, precision, settings), key=lambda each: BY_PREFERENCE.index(each.why))
    engine = ENGINES[settings.engine]
    if engine.is_here() and engine.can_run(card):
        return Plan(engine.name, engine.choose_arithmetic(card, precision), "asked")
    _warn_once(engine.name)
    return Plan(LAST, why="missing")


def describe_plan(planned: Plan) -> str:
    """What people are told of a plan: the `LoadedNetwork.label` of a network that was loaded as planned."""
    return ENGINES[planned.engine].describe(planned.arithmetic)


def load(card: ModelCard, file: WeightFile, planned: Plan, settings: Settings) -> tuple[LoadedNetwork, Plan]:
    """Load the network in `file`; it, and the plan that was followed: another than `planned` where that failed.

    Raises
    ------
    Exception
        Whatever the last engine raises.
    """
    for each in (planned, *_list_fallbacks(card, planned, settings)):
        try:
            network = ENGINES[each.engine].load(file, each.arithmetic, settings)
        except Exception as error:
            if each.engine == LAST:
                raise
            log.info("%s cannot run %s: %s", describe_plan(each), file.path.name, error)
            continue
        if network.label == describe_plan(each):  # else onnxruntime took another provider
            break
    if each is not planned and each.why == "missing":
        _warn_once(planned.engine)
    return network, each


def list_versions() -> dict[str, str]:
    """Versions of the engines' installed packages, by name, read without importing them."""
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for package in dict.fromkeys(package for engine in reversed(ENGINES.values()) for package in engine.packages):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def _collect_offers(card: ModelCard, precision: Precision, settings: Settings) -> Iterator[Plan]:
    """The plans of all engines that can run `card` here unasked, in the order of `ENGINES`."""
    for engine in ENGINES.values():
        offer = engine.offer(card, precision, settings)  # before `is_here`, which may import the engine
        if offer and engine.is_here():
            yield offer


def _list_fallbacks(card: ModelCard, planned: Plan, settings: Settings) -> Iterator[Plan]:
    """The plans that are tried in turn where `planned` fails."""
    if "bf16" in planned.arithmetic:  # a version of the engine may not keep layers in 32 bits, for example
        yield planned._replace(arithmetic="f32")
    if planned.why in ("gpu", "measured", "optimised"):  # nobody asked for it: the next best, without a word
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
