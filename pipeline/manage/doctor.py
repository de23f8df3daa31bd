"""What this machine has, which engine runs which model and why, and a self-test: findings as codes and facts."""

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, NamedTuple, get_args

import numpy as np

from ..base import machine
from ..base.errors import ClearcutError
from ..base.process import import_quietly
from ..base.settings import Settings
from ..cutout import cut_out
from ..inference import engines
from ..inference.engines import choices
from ..inference.runtime import Runtime
from ..inputs import Inputs
from ..options.options import Options
from ..pixels.image_io import Photo
from ..registry.cards import ModelCard, Precision
from ..registry.catalog import list_models
from ..registry.weights import is_installed
from .timing import list_keeping
from .trial import draw_test_picture

MOST_OFF = 30  # mean error, in grey levels of 255, that the matte of the drawn picture may have


class Finding(NamedTuple):
    """One finding about this machine.

    Attributes
    ----------
    about
        What it is about: a code, or a model's name.
    code, facts
        The sentence ``doctor.<code>`` of the locale files; where the code is empty, it is ``facts["text"]``.
    """

    about: str
    code: str
    facts: dict[str, Any]


def examine_processor(settings: Settings) -> Iterator[Finding]:
    """The processor's name, cores and features, and the memory."""
    name, features = machine.identify_processor()
    threads = settings.threads or machine.count_cores()
    facts = {"name": name, "cores": machine.count_cores(), "threads": threads, "features": ", ".join(features)}
    yield Finding("processor", "processor_is", facts)
    memory = machine.measure_memory_mb()
    yield Finding("memory", "memory_is", {"megabytes": round(memory)}) if memory else Finding("memory", "unknown", {})


def examine_engines() -> Iterator[Finding]:
    """The installed engines with their versions, and the execution providers of onnxruntime."""
    versions = engines.list_versions()
    yield Finding("engines", "", {"text": ", ".join(f"{name} {version}" for name, version in versions.items()) + "."})
    onnxruntime = import_quietly("onnxruntime")

    names = (name.removesuffix("ExecutionProvider") for name in onnxruntime.get_available_providers())
    yield Finding("providers", "", {"text": ", ".join(names) + "."})


def examine_models(settings: Settings) -> Iterator[Finding]:
    """Which engine is planned for each installed network at each precision, and why."""
    for card in list_models(settings).values():
        if isinstance(card, ModelCard) and is_installed(card, settings):
            plans = {precision: engines.choose_plan(card, precision, settings) for precision in get_args(Precision)}
            for plan in dict.fromkeys(plans.values()):
                precisions = [precision for precision, planned in plans.items() if planned == plan]
                facts = {"engine": engines.describe_plan(plan), "precision": ", ".join(precisions)}
                facts["figures"], facts["model"] = _list_figures(card, precisions, settings), card.name
                yield Finding(card.name, f"why.{plan.why}", facts)


def _list_figures(card: ModelCard, precisions: list[Precision], settings: Settings) -> str:
    """What was timed here of the engines that keep `precisions`, the fastest first."""
    timing = choices.find_timing(card, settings)
    plans = [each for precision in precisions for each in list_keeping(card, precision, timing)] if timing else []
    labels, known = {engines.describe_plan(plan) for plan in plans}, timing.seconds if timing else {}
    taken = {each: seconds for each, seconds in known.items() if each.split(" × ")[0] in labels}
    return ", ".join(f"{engine} {taken[engine]:.3f} s" for engine in sorted(taken, key=lambda each: taken[each]))


def run_self_test(runtime: Runtime) -> Iterator[Finding]:
    """Cut out a drawn picture twice, with the settings' model. Raises ``self_test`` where the matte is wrong."""
    pixels, figure = draw_test_picture()

    def measure_time(work: Callable[[], Any]) -> tuple[Any, float]:
        start = perf_counter()
        return work(), perf_counter() - start

    inputs = Inputs(Photo(pixels))
    cutout, first = measure_time(lambda: cut_out(inputs, Options(), runtime, cache=False))
    _, again = measure_time(lambda: cut_out(inputs, Options(), runtime, cache=False))
    off = float(np.abs(cutout.alpha.astype(np.float32) - 255 * figure).mean())
    if off > MOST_OFF:
        raise ClearcutError("self_test", model=cutout.model, off=round(off))
    facts = {"model": cutout.model, "engine": cutout.engine, "first": f"{first:.2f}", "again": f"{again:.2f}"}
    yield Finding("self_test", "self_test_took", facts)
