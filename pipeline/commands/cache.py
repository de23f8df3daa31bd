"""``clearcut cache``: shows what is kept on disk, and clears it."""

import argparse
from collections.abc import Iterator
from typing import Any

from .terminal import Context, Line, Terminal


def add_arguments(cache: argparse.ArgumentParser, terminal: Terminal) -> None:
    """Add the arguments of ``cache``."""
    cache.set_defaults(run=show)
    actions = cache.add_subparsers(metavar="ACTION")
    words = terminal.say("cli.cache_clear")
    actions.add_parser("clear", help=words, description=words).set_defaults(run=clear)


def show(given: argparse.Namespace, context: Context) -> int:
    """Print what is kept."""
    context.terminal.print_lines(describe_cache(context))
    return 0


def clear(given: argparse.Namespace, context: Context) -> int:
    """Delete all kept predictions."""
    from ..inference.cache import PredictionCache

    PredictionCache(context.settings).clear()
    print(context.terminal.say("doctor.cleared"))
    return 0


def describe_cache(context: Context) -> Iterator[Line]:
    """Lines on what is kept on disk, how often it was used, and where."""
    from ..inference.cache import PredictionCache

    settings, say = context.settings, context.terminal.say
    if not settings.cache or not settings.cache_disk_mb:
        yield say("doctor.cache"), say("doctor.cache_off")
        return
    usage = PredictionCache(settings).measure()
    rate = "–" if usage.hit_rate is None else f"{usage.hit_rate:.0%}"
    numbers: dict[str, Any] = {
        "entries": usage.entries,
        "megabytes": round(usage.bytes / 1e6, 1),
        "looked": usage.hits + usage.misses,
    }
    limits = {"limit": f"{settings.cache_disk_mb:g}", "days": f"{settings.cache_days:g}"}
    yield say("doctor.cache"), say("doctor.cache_holds", **numbers, **limits, rate=rate)
    yield say("doctor.cache_folder"), str(settings.cache_dir)
