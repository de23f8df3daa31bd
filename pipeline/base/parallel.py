"""Work in parts on all cores, in threads: for numpy, OpenCV and zlib, which release the interpreter lock."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from . import machine

Item = TypeVar("Item")
Value = TypeVar("Value")


def map_parallel(work: Callable[[Item], Value], things: Sequence[Item]) -> Iterator[Value]:
    """As `map`, on all cores: the results of `work` on each of `things`, in order.

    `work` has to release the interpreter lock to gain by it. Called from inside such work it runs in this thread, since
    threads of a full pool that wait for one another would never end.

    >>> list(map_parallel(abs, [-1, 2]))
    [1, 2]
    """
    if machine.count_cores() == 1 or len(things) < 2 or hasattr(_thread, "works"):
        return map(work, things)
    return _map_in_order(work, things)


def _map_in_order(work: Callable[[Item], Value], things: Sequence[Item]) -> Iterator[Value]:
    """Submit a few parts at a time, so that two pictures share the threads and the small one need not wait."""
    threads, begun = _start_threads(machine.count_cores()), deque[Future[Value]]()
    for thing in things:
        begun.append(threads.submit(work, thing))
        if len(begun) == 2 * machine.count_cores():
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()


@cache
def _start_threads(number: int) -> ThreadPoolExecutor:
    """The thread pool; it is kept, since starting threads takes longer than many steps do."""
    return ThreadPoolExecutor(number, "clearcut-core", initializer=setattr, initargs=(_thread, "works", True))


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_start_threads.cache_clear)  # threads do not survive a fork
_thread = threading.local()  # has `works` in the threads of the pool


def run_parallel(work: Callable[[Item], object], things: Sequence[Item]) -> None:
    """Do `work` on each of `things` on all cores; as `map_parallel`, without results."""
    for _ in map_parallel(work, things):
        pass


def split_evenly(length: int) -> list[slice]:
    """Slices that cut `length` items into one part a core.

    >>> [part.stop - part.start for part in split_evenly(1)]
    [1]
    """
    parts = max(1, min(machine.count_cores(), length))
    return [slice(length * part // parts, length * (part + 1) // parts) for part in range(parts)]
