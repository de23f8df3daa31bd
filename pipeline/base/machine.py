"""What this machine is: cores, processor features, memory."""

import ctypes
import os
import platform
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TypeVar

FEATURES = ("avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "bf16")
KEPT_BYTES = 64 << 20
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of <malloc.h>
HALVES = {"avx512_bf16", "amx_bf16"}  # with these a processor multiplies bf16 numbers at speed


def count_cores() -> int:
    """How many processor cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


Given = TypeVar("Given")
Made = TypeVar("Made")


def map_parallel(work: Callable[[Given], Made], things: Sequence[Given]) -> Iterator[Made]:
    """What `work` makes of each of `things`, in their order, on all cores: for work that lets go of Python's lock."""
    if count_cores() == 1 or len(things) < 2 or hasattr(_thread, "works"):
        return map(work, things)
    return _in_order(work, things)


def _in_order(work: Callable[[Given], Made], things: Sequence[Given]) -> Iterator[Made]:
    """A few at a time, so that a small picture gets its turn beside a large one."""
    threads, begun = _threads(count_cores()), deque[Future[Made]]()
    for thing in things:
        begun.append(threads.submit(work, thing))
        if len(begun) == 2 * count_cores():
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()


@cache
def _threads(number: int) -> ThreadPoolExecutor:
    """Threads that stay: starting them for each step would take longer than many a step does."""
    return ThreadPoolExecutor(number, "clearcut-core", initializer=setattr, initargs=(_thread, "works", True))


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_threads.cache_clear)  # a fork has none of them
_thread = threading.local()  # `works` in the threads above: waiting for one another, they might wait for ever


def run_parallel(work: Callable[[Given], object], things: Sequence[Given]) -> None:
    """Do `work` on each of `things`, as `side_by_side`."""
    for _ in map_parallel(work, things):
        pass


def split_evenly(length: int) -> list[slice]:
    """`length` things in a row, cut into one part a core."""
    parts = max(1, min(count_cores(), length))
    return [slice(length * part // parts, length * (part + 1) // parts) for part in range(parts)]


@cache
def processor() -> tuple[str, tuple[str, ...]]:
    """The processor's name, and which of `FEATURES` it has; no features where the system does not tell them."""
    facts: dict[str, str] = {}
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            facts.setdefault(key.strip(), value.strip())
    except OSError:  # not Linux
        return platform.processor() or platform.machine(), ()
    flags = set(facts.get("flags", facts.get("Features", "")).split())
    name = facts.get("model name") or platform.machine()
    return name, tuple(each for each in FEATURES if each in flags)


def multiplies_halves() -> bool:
    """Whether the processor computes in bf16 at speed, as far as the system tells."""
    return bool(HALVES & set(processor()[1]))


def has_avx2_at_most() -> bool:
    """Whether the widest numbers side by side are those of AVX2, as far as the system tells."""
    features = processor()[1]
    return "avx2" in features and "avx512f" not in features


def keep_freed_memory() -> None:
    """Have glibc keep up to `KEPT_BYTES` that were freed: what works tile by tile asks for them again at once.

    Without this every array of a few megabytes costs its pages anew, a tenth of the time of a photo. Nothing elsewhere.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, another system
        return
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
    mallopt(M_MMAP_THRESHOLD, KEPT_BYTES // 8)


def memory_mb() -> float | None:
    """How much memory this machine has; None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6
    except (AttributeError, ValueError, OSError):  # Windows
        return None


def peak_mb() -> float | None:
    """The most memory that this process has held; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
