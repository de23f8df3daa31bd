"""Photos that come into watched folders while a batch runs, each once it is complete."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ..base.errors import ClearcutError
from .items import Found

STILL = 2.0  # seconds without a change, after which a file counts as complete
NOTHING_YET = ("folder_empty", "pattern_empty", "broken_archive", "file_missing")
STEP = 500  # milliseconds between looks


def watch(given: Sequence[str], find: Callable[[], Iterable[Found]]) -> Iterator[list[Found]]:
    """All photos that are there and complete, again after each change in the folders of `given`; without end.

    Where nothing has changed comes an empty list, twice a second.

    Parameters
    ----------
    find
        Finds the photos, as `find_items`.
    """
    from watchfiles import watch as watch_files

    folders = {str(path if path.is_dir() else path.absolute().parent) for path in map(Path, given)}
    found, coming = _split(find())
    yield found
    for changes in watch_files(*folders, step=STEP // 5, rust_timeout=STEP, yield_on_timeout=True):
        found = []
        if changes or coming:
            found, coming = _split(find())
        yield found


def _skip_nothing(found: Iterable[Found]) -> Iterator[Found]:
    """What is found, as far as there is something: a folder may still be empty, an archive be on its way."""
    try:
        yield from found
    except ClearcutError as error:
        if error.code not in NOTHING_YET:
            raise


def _split(found: Iterable[Found]) -> tuple[list[Found], bool]:
    """Those that are complete, and whether there are others."""
    whole: list[Found] = []
    coming, now = False, time.time()
    for each in _skip_nothing(found):
        stamp = each.source.stamp().split()
        still = bool(stamp) and int(stamp[0]) > 0 and abs(now - int(stamp[1]) / 1e9) >= STILL
        if still:
            whole.append(each)
        coming |= not still
    return whole, coming
