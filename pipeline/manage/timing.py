"""Timing: the engines that can run a network are timed on this machine, and the fastest is used from then on.

Each runs in a process of its own, of low priority: one that crashes or hangs takes nothing down, and is not tried
again. Its matte of three pictures is compared with that of onnxruntime in float32.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from time import perf_counter
from typing import NamedTuple, get_args

import numpy as np

from ..base import machine
from ..base.errors import ClearcutError
from ..base.jobs import Job
from ..base.settings import ROOT, Settings
from ..base.worker_process import Died, WorkerProcess
from ..inference import engines
from ..inference.engines import Plan, choices
from ..inference.engines.choices import Timing
from ..inference.engines.registry import LAST, ON_PROCESSOR
from ..inference.networks import find_family
from ..inference.sessions import load_session
from ..pixels.image_io import decode
from ..registry.cards import Card, ModelCard, Picker, Precision
from ..registry.weights import is_installed

PICTURES = ROOT / "assets" / "examples"
WORKER = "pipeline.manage.timing"
NICE = 10
LOADING_SECONDS, RUN_SECONDS = 300.0, 120.0  # that a candidate may take to load, and to run once
SECONDS = 2.0  # of runs, after which a candidate needs no more than one a picture
MOST_RUNS = 12
RIVALS = 1.5  # times the seconds of the fastest: those within have a second turn, as the machine may have been busy
SAME = 0.01  # levels of 255 that a matte may differ by the number of threads
FASTER = 0.95  # share of the seconds that the rule's engine takes, from which another takes its place
# levels of 255 that mattes may be off, on the mean of the pictures and in the worst one: as exact promises; no nonsense
WITHIN: dict[Precision, tuple[float, float]] = {"exact": (0.5, 2.5), "fast": (30, 60)}
LEFT_MB = 500  # of memory, for everybody else
MOST_BEGUN = 3  # timings of a candidate that were begun and never ended, before it counts as one that failed


class Ran(NamedTuple):
    """One run of a network on a picture: what really ran it, its seconds, and its matte ``(h, w)`` float32."""

    engine: str
    seconds: float
    matte: np.ndarray


class _Stopped(Exception):
    """Whoever asked for the timing wants it no more."""


def list_untimed(card: Card, settings: Settings) -> list[ModelCard]:
    """Those of `list_timeable` whose engine was not chosen by timing yet."""
    return [
        network
        for network in list_timeable(card, settings)
        if not all(
            engines.is_timed(network, each, choices.load_timing(network, settings)) for each in get_args(Precision)
        )
    ]


def list_timeable(card: Card, settings: Settings) -> list[ModelCard]:
    """The networks of `card` that several engines can run here, on the processor, within the memory that is free."""
    if settings.engine != "auto" or isinstance(card, Picker):
        return []
    free = machine.measure_free_mb()
    return [
        network
        for network in card.networks
        if is_installed(network, settings)
        and not network.states
        and (free is None or free > network.memory_mb + LEFT_MB)
        and len(_list_plans(network)) > 1
        and engines.find_rule(network, "exact", settings).engine in ON_PROCESSOR
    ]


def time_engines(card: ModelCard, settings: Settings, go_on: Callable[[], bool] = lambda: True) -> Timing | None:
    """Time all engines that can run `card`, and keep the fastest for each precision.

    Programs that run already go by what they knew when they started. Whoever calls it has to live until it ends: the
    processes end with the thread that started them.

    Parameters
    ----------
    go_on
        Asked before each run; once it says no, nothing is kept.

    Returns
    -------
    Timing or None
        None where it was stopped, or onnxruntime, by which the others are judged, could not run the network.

    Raises
    ------
    ClearcutError
        ``disk_full`` where the cache folder cannot be written.
    """
    before = choices.load_timing(card, settings) or Timing(model=card.name)
    state = _State(card, settings, before, go_on)
    try:
        pictures = [decode(file.read_bytes()).rgb for file in sorted(PICTURES.glob("*.jpg"))]
        for plan in _list_plans(card):
            state.try_candidate(plan, pictures)
        if not state.mattes.get(engines.describe_plan(Plan(LAST))):
            return None
        fastest = min(map(min, state.runs.values()))
        for plan in reversed(_list_plans(card)):
            runs = state.runs.get(engines.describe_plan(plan))
            if runs and min(runs) <= RIVALS * fastest:
                state.try_candidate(plan, pictures)
                if fewer := _count_fewer_threads(settings):
                    state.try_candidate(plan, pictures, fewer)
    except _Stopped:
        return None
    return state.conclude()


def list_keeping(card: ModelCard, precision: Precision, timing: Timing) -> list[Plan]:
    """The candidates that were timed, and whose mattes keep `precision`."""
    plans = {engines.describe_plan(plan): plan for plan in engines.list_candidates(card, precision)}
    mean, worst = WITHIN[precision]
    return [plans[label] for label, off in timing.off.items() if label in plans and off[0] <= mean and off[1] <= worst]


def _list_plans(card: ModelCard) -> list[Plan]:
    """The candidates for all precisions, each once."""
    plans = [plan for each in get_args(Precision) for plan in engines.list_candidates(card, each)]
    return list(dict.fromkeys(plans))


def _count_fewer_threads(settings: Settings) -> int:
    """Half as many threads as cores, of which two may be halves of one; 0 for fewer than two, or where it is set."""
    half = machine.count_cores() // 2
    return half if half > 1 and not settings.threads else 0


class _State:
    """What a timing has found out so far; runs and mattes by label."""

    def __init__(self, card: ModelCard, settings: Settings, before: Timing, go_on: Callable[[], bool]) -> None:
        self.card, self.settings, self.known, self._go_on = card, settings, before, go_on
        self.runs: dict[str, list[float]] = {}
        self.mattes: dict[str, list[np.ndarray]] = {}
        self.failed = dict.fromkeys(
            (*before.failed, *(label for label, times in before.begun.items() if times >= MOST_BEGUN))
        )

    def try_candidate(self, plan: Plan, pictures: list[np.ndarray], threads: int = 0) -> None:
        """Time one of the candidates; it is noted meanwhile, for the case that it takes this process down, too."""
        label = engines.describe_plan(plan) + (f" × {threads}" if threads else "")
        if label in self.failed:
            return
        others = {each: times for each, times in self.known.begun.items() if each != label}
        self._keep(begun=others | {label: self.known.begun.get(label, 0) + 1})
        try:
            ran = list(self._run(plan, pictures, threads))
            if any(each.engine != engines.describe_plan(plan) for each in ran):
                raise Died
            self.runs[label] = self.runs.get(label, []) + [each.seconds for each in ran[1:]]  # the first warms up
            self.mattes.setdefault(label, [each.matte for each in ran[: len(pictures)]])
        except (Died, ClearcutError):
            self.failed[label] = None
            self.runs.pop(label, None)
        finally:
            self._keep(begun=others, failed=tuple(self.failed))

    def _run(self, plan: Plan, pictures: list[np.ndarray], threads: int) -> Iterator[Ran]:
        worker = WorkerProcess(machine.count_cores(), lambda: None)
        count = threads or self.settings.threads or machine.count_cores()
        settings = self.settings.model_copy(update={"threads": count})
        try:
            worker.ask((WORKER, (self.card, plan, settings)), LOADING_SECONDS)
            number, seconds = 0, 0.0
            while number < len(pictures) or (seconds < SECONDS and number < MOST_RUNS):
                if not self._go_on():
                    raise _Stopped
                ran: Ran = worker.ask(pictures[number % len(pictures)], RUN_SECONDS)
                yield ran
                number, seconds = number + 1, seconds + ran.seconds
        finally:
            worker.stop()

    def conclude(self) -> Timing:
        """Choose, and keep what was chosen."""
        wanted = self.mattes[engines.describe_plan(Plan(LAST))]
        off = {label: _measure_difference(mattes, wanted) for label, mattes in self.mattes.items()}
        seconds = {label: round(min(runs), 4) for label, runs in self.runs.items()}
        self.known = self.known.model_copy(update={"seconds": seconds, "off": off})
        fewer = _count_fewer_threads(self.settings)
        labels = [label for label in map(engines.describe_plan, _list_plans(self.card)) if label in seconds]
        threads = {label: fewer for label in labels if fewer and self._is_faster_with(label, fewer)}
        chosen = {precision: self._choose(precision, threads)[:2] for precision in get_args(Precision)}
        return self._keep(chosen=chosen, threads=threads, failed=tuple(self.failed))

    def _is_faster_with(self, label: str, threads: int) -> bool:
        """Whether an engine is clearly faster with so many threads, and its matte no other."""
        other, known = f"{label} × {threads}", self.known
        same = known.off.get(other, (255.0, 255.0))[1] <= known.off[label][1] + SAME
        return same and known.seconds[other] <= FASTER * known.seconds[label]

    def _choose(self, precision: Precision, threads: Mapping[str, int]) -> Plan:
        """The fastest; that of the rule where no other is clearly faster."""
        plans = {engines.describe_plan(plan): plan for plan in list_keeping(self.card, precision, self.known)}
        rule = engines.describe_plan(engines.find_rule(self.card, precision, self.settings))
        known = self.known.seconds
        seconds = {label: known[f"{label} × {threads[label]}" if label in threads else label] for label in plans}
        best = min(plans, key=lambda label: seconds[label])
        return plans[rule if rule in plans and seconds[best] > FASTER * seconds[rule] else best]

    def _keep(self, **facts: object) -> Timing:
        self.known = self.known.model_copy(update=facts)
        if not choices.keep_timing(self.card, self.known, self.settings):
            raise ClearcutError("disk_full")
        return self.known


def _measure_difference(mattes: list[np.ndarray], wanted: list[np.ndarray]) -> tuple[float, float]:
    """How far mattes are from those that are wanted, in levels of 255: the mean of all, and that of the worst."""
    if any(
        matte.shape != other.shape or not np.isfinite(matte).all() for matte, other in zip(mattes, wanted, strict=True)
    ):
        return 255.0, 255.0
    errors = [float(np.abs(matte - other).mean()) * 255 for matte, other in zip(mattes, wanted, strict=True)]
    return round(sum(errors) / len(errors), 3), round(max(errors), 3)


# ---- the child -------------------------------------------------------------------------------------------------------


def prepare(given: tuple[ModelCard, Plan, Settings]) -> Callable[[np.ndarray], Ran]:
    """What a worker process calls for each picture, ``(H, W, 3)`` uint8; for `WorkerProcess`."""
    card, plan, settings = given
    with suppress(AttributeError, OSError):  # not on Windows
        os.nice(NICE)
    session, family = load_session(card, plan, settings), find_family(card)

    def run(rgb: np.ndarray) -> Ran:
        fed = family.feed(rgb, card)
        start = perf_counter()
        results = session.run(fed.inputs, Job())
        return Ran(session.engine, perf_counter() - start, family.read(results, card, fed).matte)

    return run
