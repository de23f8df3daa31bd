"""What a run of the stages keeps: the time that each took, and results for the next run of the same photo."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar

from .base.jobs import Job
from .options.options import Options, Stage

MEMO_SIZES = {"find": 6, "marks": 6}  # results of a stage that a memo holds, some megabytes each; of the others one
Value = TypeVar("Value")


class Clock:
    """Seconds by stage: the time spent inside ``with clock(stage):``."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Add the time that is spent inside to `stage`."""
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + perf_counter() - start


class Memo:
    """Results of the stages for one photo, by what they read. Safe for several threads."""

    def __init__(self) -> None:
        self._results: dict[str, OrderedDict[Any, Any]] = {}
        self._lock = threading.Lock()

    def remember(self, stage: str, key: Any, make: Callable[[], Value]) -> Value:
        """The result of `stage` for `key`: a remembered one, else that of `make`, remembered from now on."""
        with self._lock:
            results = self._results.setdefault(stage, OrderedDict())
            if key in results:
                results.move_to_end(key)
                remembered: Value = results[key]
                return remembered
        new = make()  # without the lock: that two threads do the same work does no harm
        with self._lock:
            results[key] = new
            while len(results) > MEMO_SIZES.get(stage, 1):
                results.popitem(last=False)
        return new

    def recall(self, stage: str, keys: Sequence[Any], first: Value) -> tuple[int, Value]:
        """How many of `keys` lead to the newest result of `stage` that is remembered, and it; 0 and `first` if none."""
        with self._lock:
            results = self._results.get(stage, OrderedDict())
            return next(
                ((at + 1, results[keys[at]]) for at in reversed(range(len(keys))) if keys[at] in results), (0, first)
            )


@dataclass
class Run:
    """One run of the stages; `read` is all that those so far have read."""

    options: Options
    job: Job
    clock: Clock
    memo: Memo | None
    read: tuple[Any, ...] = ()

    def __call__(self, stage: Stage, make: Callable[[], Value], *facts: Any) -> Value:
        """Run one stage; its key holds all that it and the stages before it have read."""
        self.job.check()
        self.read = (*self.read, self.options.list_values_read_by(stage), facts)
        with self.clock(stage):
            return self.memo.remember(stage, self.read, make) if self.memo else make()
