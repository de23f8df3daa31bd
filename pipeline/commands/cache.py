"""``python -m pipeline cache``: what is kept on disk, and how to be rid of it."""

import argparse
from collections.abc import Iterator
from typing import Any

from ..base.settings import Settings
from ..base.words import detect_language, say

Line = tuple[str, str]  # what it is about, and one sentence


def arguments(cache: argparse.ArgumentParser) -> None:
    """What ``cache`` takes: its action."""
    cache.set_defaults(run=_cache)
    actions = cache.add_subparsers(metavar="ACTION")
    clear = actions.add_parser("clear", help=say("cli.cache_clear"), description=say("cli.cache_clear"))
    clear.set_defaults(run=_clear)


def _cache(given: argparse.Namespace) -> int:
    tell(list(kept()))
    return 0


def _clear(given: argparse.Namespace) -> int:
    from ..inference.cache import forget

    forget()
    print(word("cleared"))
    return 0


def tell(lines: list[Line]) -> None:
    """Print `lines` as two columns."""
    width = max(len(title) for title, _ in lines)
    for title, sentence in lines:
        print(f"{title.ljust(width)}  {sentence}")


def word(key: str, **facts: Any) -> str:
    """What ``doctor`` and this command say under `key`, in the machine's language."""
    return say(f"doctor.{key}", detect_language(), **facts)


def kept() -> Iterator[Line]:
    """What is kept on disk, and how often it served."""
    from ..inference.cache import facts

    settings = Settings.current()
    if not settings.cache or not settings.cache_disk_mb:
        yield word("cache"), word("cache_off")
        return
    found = facts()
    rate = "–" if found.hit_rate is None else f"{found.hit_rate:.0%}"
    numbers = {"entries": found.entries, "megabytes": round(found.bytes / 1e6, 1), "looked": found.hits + found.misses}
    limits = {"limit": f"{settings.cache_disk_mb:g}", "days": f"{settings.cache_days:g}"}
    yield word("cache"), word("cache_holds", **numbers, **limits, rate=rate)
    yield word("cache_folder"), str(settings.cache_dir)
