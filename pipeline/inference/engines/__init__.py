"""Engines: which one is planned for a network, in which arithmetic, and what is done where it fails.

Each engine is a module here; ``registry.py`` lists them, ``plans.py`` has their protocol.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import get_args

from ...base.settings import EngineName, Settings
from ...registry import weights
from ...registry.cards import ModelCard, Precision, Variant
from ..running import LoadedNetwork, WeightFile
from ..running.ahead import Order
from . import choices
from .plans import Plan, Why
from .registry import ENGINES, LAST, ON_PROCESSOR, list_versions

__all__ = [
    "ENGINES",
    "LoadedNetwork",
    "Plan",
    "WeightFile",
    "choose_plan",
    "describe_file",
    "describe_plan",
    "find_rule",
    "is_timed",
    "list_candidates",
    "list_versions",
    "load",
    "order_network",
]

log = logging.getLogger("clearcut")
BY_PREFERENCE: tuple[Why, ...] = get_args(Why)  # reasons, the best first


def choose_plan(card: ModelCard, precision: Precision, settings: Settings) -> Plan:
    """The plan for `card` at `precision` on this machine, without loading anything.

    Where the setting ``engine`` names one that cannot run here, `LAST` is planned and a warning is logged, once.
    """
    if settings.engine == "auto":
        offers = [*_collect_offers(card, precision, settings), *_find_timed(card, precision, settings)]
        return min(offers, key=lambda each: BY_PREFERENCE.index(each.why))
    engine = ENGINES[settings.engine]
    if engine.is_here() and engine.can_run(card):
        return Plan(engine.name, engine.choose_arithmetic(card, precision), "asked")
    _warn_once(engine.name)
    return Plan(LAST, why="missing")


def find_rule(card: ModelCard, precision: Precision, settings: Settings) -> Plan:
    """The plan where nothing was timed on this machine."""
    return min(_collect_offers(card, precision, settings), key=lambda each: BY_PREFERENCE.index(each.why))


def list_candidates(card: ModelCard, precision: Precision) -> list[Plan]:
    """The plans that are to be timed: all engines that may run `card` on the processor, in arithmetic for `precision`.

    That of onnxruntime, by which the mattes of the others are judged, is the first.
    """
    here = [ENGINES[name] for name in ON_PROCESSOR if ENGINES[name].can_run(card) and ENGINES[name].is_here()]
    plans: dict[str, Plan] = {}
    for engine in here:
        for arithmetic in (engine.choose_arithmetic(card, precision), "f32"):
            plan = Plan(engine.name, arithmetic, "timed")
            plans.setdefault(describe_plan(plan), plan)
    return list(plans.values())


def is_timed(card: ModelCard, precision: Precision, timing: choices.Timing | None) -> bool:
    """Whether `timing` knows all that `list_candidates` lists now."""
    known = {*timing.seconds, *timing.failed} if timing else set()
    return bool(known) and all(describe_plan(plan) in known for plan in list_candidates(card, precision))


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
            threaded = choices.choose_threads(card, describe_plan(each), settings)
            network = ENGINES[each.engine].load(file, each.arithmetic, threaded)
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


def describe_file(card: ModelCard, variant: Variant, path: Path, outputs: Sequence[int | str]) -> WeightFile:
    """The checked file at `path`, of which `outputs` will be asked for."""
    kept = card.arithmetic.keep_f32 if card.arithmetic else None
    return WeightFile(path, weights.read_checksum(variant, path), outputs, kept)


def order_network(card: ModelCard, planned: Plan, settings: Settings) -> Order | None:
    """What a helper process is to load for `card`; None where its weights are not here."""
    with suppress(OSError, IndexError):  # its checksum was deleted meanwhile
        if installed := weights.find_file(card, settings):
            file = describe_file(card, *installed, card.read.outputs)
            threads = choices.choose_threads(card, describe_plan(planned), settings).threads
            return Order(planned.engine, file, planned.arithmetic, threads, settings.slots, settings.cache_dir)
    return None


def _find_timed(card: ModelCard, precision: Precision, settings: Settings) -> Iterator[Plan]:
    """The plan that timing has chosen; none where something was added since, or it was never done."""
    timing = choices.find_timing(card, settings)
    if timing and is_timed(card, precision, timing):
        plans = list_candidates(card, precision)
        yield from (plan for plan in plans if plan[:2] == timing.chosen.get(precision))


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
    if planned.why in ("gpu", "measured", "optimised", "timed"):  # nobody asked for it: the next best, without a word
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
