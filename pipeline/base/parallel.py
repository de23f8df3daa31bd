"""One piece of work cut into parts that run on all cores, for work that lets go of Python's lock."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from . import machine

Given = TypeVar("Given")
Made = TypeVar("Made")


def map_parallel(work: Callable[[Given], Made], things: Sequence[Given]) -> Iterator[Made]:
    """What `work` makes of each of `things`, in their order, on all cores: for work that lets go of Python's lock."""
    if machine.count_cores() == 1 or len(things) < 2 or hasattr(_thread, "works"):
        return map(work, things)
    return _map_in_order(work, things)


def _map_in_order(work: Callable[[Given], Made], things: Sequence[Given]) -> Iterator[Made]:
    """A few at a time, so that a small picture gets its turn beside a large one."""
    threads, begun = _start_threads(machine.count_cores()), deque[Future[Made]]()
    for thing in things:
        begun.append(threads.submit(work, thing))
        if len(begun) == 2 * machine.count_cores():
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()


@cache
def _start_threads(number: int) -> ThreadPoolExecutor:
    """Threads that stay: starting them for each step would take longer than many a step does."""
    return ThreadPoolExecutor(number, "clearcut-core", initializer=setattr, initargs=(_thread, "works", True))


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_start_threads.cache_clear)  # a fork has none of them
_thread = threading.local()  # `works` in the threads above: waiting for one another, they might wait for ever


def run_parallel(work: Callable[[Given], object], things: Sequence[Given]) -> None:
    """Do `work` on each of `things`, as `map_parallel`."""
    for _ in map_parallel(work, things):
        pass


def split_evenly(length: int) -> list[slice]:
    """`length` things in a row, cut into one part a core."""
    parts = max(1, min(machine.count_cores(), length))
    return [slice(length * part // parts, length * (part + 1) // parts) for part in range(parts)]
