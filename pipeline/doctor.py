"""``python -m pipeline doctor``: what this machine is, what runs on it and why, and whether it works; ``… cache``."""

import argparse
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, get_args

from .errors import ClearcutError, as_clearcut_error
from .settings import Settings
from .words import explain, machine_language, say

Line = tuple[str, str]  # what it is about, and one sentence
FRUITLESS = 30  # how many grey levels of 255 the matte of the drawn picture may be off on the mean


def add_doctor_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """The parsers of ``doctor`` and ``cache``."""
    doctor = commands.add_parser("doctor", help=say("cli.doctor"), description=say("cli.doctor"))
    doctor.set_defaults(run=_doctor)
    cache = commands.add_parser("cache", help=say("cli.cache"), description=say("cli.cache"))
    cache.set_defaults(run=_cache)
    actions = cache.add_subparsers(metavar="ACTION")
    clear = actions.add_parser("clear", help=say("cli.cache_clear"), description=say("cli.cache_clear"))
    clear.set_defaults(run=_clear)


def _doctor(given: argparse.Namespace) -> int:
    lines, worst = [], 0
    for title, look in (("processor", _processor), ("engines", _engines), ("models", _models), ("cache", cache_facts),
                        ("self_test", _self_test)):  # fmt: skip
        try:
            lines += list(look())
        except Exception as error:
            known = as_clearcut_error(error)
            lines.append((_word(title), explain(known, machine_language())))
            worst = max(worst, known.exit_code)
    _print(lines)
    return worst


def _cache(given: argparse.Namespace) -> int:
    _print(list(cache_facts()))
    return 0


def _clear(given: argparse.Namespace) -> int:
    from .cache import forget

    forget()
    print(_word("cleared"))
    return 0


def _print(lines: list[Line]) -> None:
    width = max(len(title) for title, _ in lines)
    for title, sentence in lines:
        print(f"{title.ljust(width)}  {sentence}")


def _word(key: str, **facts: Any) -> str:
    return say(f"doctor.{key}", machine_language(), **facts)


def _processor() -> Iterator[Line]:
    from . import machine

    name, features = machine.processor()
    settings = Settings.current()
    threads = settings.threads or machine.cores()
    told = ", ".join(features) or _word("no_features")
    yield _word("processor"), _word("processor_is", name=name, cores=machine.cores(), threads=threads, features=told)
    memory = machine.memory_mb()
    yield _word("memory"), _word("memory_is", megabytes=round(memory)) if memory else _word("unknown")


def _engines() -> Iterator[Line]:
    from . import engines

    versions = engines.versions()
    yield _word("engines"), ", ".join(f"{name} {version}" for name, version in versions.items()) + "."
    import onnxruntime

    names = (name.removesuffix("ExecutionProvider") for name in onnxruntime.get_available_providers())
    yield _word("providers"), ", ".join(names) + "."


def _models() -> Iterator[Line]:
    """Which engine is planned for each installed network at each precision, and why."""
    from . import engines
    from .catalog import ModelCard, Precision, models
    from .weights import is_installed

    for card in models().values():
        if isinstance(card, ModelCard) and is_installed(card):
            plans = {precision: engines.plan(card, precision) for precision in get_args(Precision)}
            for plan in dict.fromkeys(plans.values()):
                precisions = [precision for precision, planned in plans.items() if planned == plan]
                yield card.name, _word(f"why.{plan.why}", engine=plan.label, precision=", ".join(precisions))


def cache_facts() -> Iterator[Line]:
    """What is kept on disk, and how often it served."""
    from .cache import facts

    settings = Settings.current()
    if not settings.cache or not settings.cache_disk_mb:
        yield _word("cache"), _word("cache_off")
        return
    found = facts()
    rate = "–" if found.hit_rate is None else f"{found.hit_rate:.0%}"
    numbers = {"entries": found.entries, "megabytes": round(found.bytes / 1e6, 1), "looked": found.hits + found.misses}
    limits = {"limit": f"{settings.cache_disk_mb:g}", "days": f"{settings.cache_days:g}"}
    yield _word("cache"), _word("cache_holds", **numbers, **limits, rate=rate)
    yield _word("cache_folder"), str(settings.cache_dir)


def _self_test() -> Iterator[Line]:
    """Cut a drawn picture with the machine's own model, twice."""
    import numpy as np

    from .cutout import cut_out
    from .image_io import Photo
    from .options import Options
    from .trial import test_picture

    pixels, figure = test_picture()
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
    yield _word("self_test"), _word("self_test_took", **facts)
