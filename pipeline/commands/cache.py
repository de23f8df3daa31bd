"""``clearcut cache``: what is kept on disk, and how to be rid of it."""

import argparse
from collections.abc import Iterator
from typing import Any

from .terminal import Context, Line, Terminal


def add_arguments(cache: argparse.ArgumentParser, terminal: Terminal) -> None:
    """What ``cache`` takes: its action."""
    cache.set_defaults(run=show)
    actions = cache.add_subparsers(metavar="ACTION")
    words = terminal.say("cli.cache_clear")
    actions.add_parser("clear", help=words, description=words).set_defaults(run=clear)


def show(given: argparse.Namespace, context: Context) -> int:
    """Tell what is kept."""
    context.terminal.print_lines(describe_cache(context))
    return 0


def clear(given: argparse.Namespace, context: Context) -> int:
    """Forget it."""
    from ..inference.cache import PredictionCache

    PredictionCache(context.settings).clear()
    print(context.terminal.say("doctor.cleared"))
    return 0


def describe_cache(context: Context) -> Iterator[Line]:
    """What is kept on disk, and how often it served."""
    from ..inference.cache import PredictionCache

    settings, say = context.settings, context.terminal.say
    if not settings.cache or not settings.cache_disk_mb:
        yield say("doctor.cache"), say("doctor.cache_off")
        return
    found = PredictionCache(settings).measure()
    rate = "–" if found.hit_rate is None else f"{found.hit_rate:.0%}"
    numbers: dict[str, Any] = {
        "entries": found.entries,
        "megabytes": round(found.bytes / 1e6, 1),
        "looked": found.hits + found.misses,
    }
    limits = {"limit": f"{settings.cache_disk_mb:g}", "days": f"{settings.cache_days:g}"}
    yield say("doctor.cache"), say("doctor.cache_holds", **numbers, **limits, rate=rate)
    yield say("doctor.cache_folder"), str(settings.cache_dir)
