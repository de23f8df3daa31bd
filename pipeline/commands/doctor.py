"""``python -m pipeline doctor``: what this machine is, what runs on it and why, and whether it works."""

import argparse
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, get_args

from ..base.errors import ClearcutError, as_clearcut_error
from ..base.settings import Settings
from ..base.words import detect_language, explain
from .cache import Line, kept, tell, word

FRUITLESS = 30  # how many grey levels of 255 the matte of the drawn picture may be off on the mean


def arguments(doctor: argparse.ArgumentParser) -> None:
    """``doctor`` takes none."""
    doctor.set_defaults(run=_doctor)


def _doctor(given: argparse.Namespace) -> int:
    lines, worst = [], 0
    for title, look in (("processor", _processor), ("engines", _engines), ("models", _models), ("cache", kept),
                        ("self_test", _self_test)):  # fmt: skip
        try:
            lines += list(look())
        except Exception as error:
            known = as_clearcut_error(error)
            lines.append((word(title), explain(known, detect_language())))
            worst = max(worst, known.exit_code)
    tell(lines)
    return worst


def _processor() -> Iterator[Line]:
    from ..base import machine

    name, features = machine.processor()
    settings = Settings.current()
    threads = settings.threads or machine.count_cores()
    told = ", ".join(features) or word("no_features")
    yield (
        word("processor"),
        word("processor_is", name=name, cores=machine.count_cores(), threads=threads, features=told),
    )
    memory = machine.memory_mb()
    yield word("memory"), word("memory_is", megabytes=round(memory)) if memory else word("unknown")


def _engines() -> Iterator[Line]:
    from ..inference import engines

    versions = engines.versions()
    yield word("engines"), ", ".join(f"{name} {version}" for name, version in versions.items()) + "."
    import onnxruntime

    names = (name.removesuffix("ExecutionProvider") for name in onnxruntime.get_available_providers())
    yield word("providers"), ", ".join(names) + "."


def _models() -> Iterator[Line]:
    """Which engine is planned for each installed network at each precision, and why."""
    from ..inference import engines
    from ..registry.catalog import ModelCard, Precision, list_models
    from ..registry.weights import is_installed

    for card in list_models().values():
        if isinstance(card, ModelCard) and is_installed(card):
            plans = {precision: engines.plan(card, precision) for precision in get_args(Precision)}
            for plan in dict.fromkeys(plans.values()):
                precisions = [precision for precision, planned in plans.items() if planned == plan]
                yield card.name, word(f"why.{plan.why}", engine=plan.label, precision=", ".join(precisions))


def _self_test() -> Iterator[Line]:
    """Cut a drawn picture with the machine's own model, twice."""
    import numpy as np

    from ..cutout import cut_out
    from ..manage.trial import draw_test_picture
    from ..options.options import Options
    from ..pixels.image_io import Photo

    pixels, figure = draw_test_picture()
    options = Options()

    def timed(work: Callable[[], Any]) -> tuple[Any, float]:
        start = perf_counter()
        return work(), perf_counter() - start

    cutout, first = timed(lambda: cut_out(Photo(pixels), options, cache=False))
    _, again = timed(lambda: cut_out(Photo(pixels), options, cache=False))
    off = float(np.abs(cutout.alpha.astype(np.float32) - 255 * figure).mean())
    if off > FRUITLESS:
        raise ClearcutError("self_test", model=options.model, off=round(off))
    facts = {"model": options.model, "engine": cutout.engine, "first": f"{first:.2f}", "again": f"{again:.2f}"}
    yield word("self_test"), word("self_test_took", **facts)
