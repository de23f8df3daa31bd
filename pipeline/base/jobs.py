"""Jobs, which can be followed and stopped, and run slots, which bound how many run at once."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from .errors import ClearcutError

Step = Literal["waiting", "reading", "loading", "finding", "finishing"]


class Job:
    """One piece of work that can be followed and stopped from another thread.

    Parameters
    ----------
    most_ahead
        How many jobs may be waiting before this one is refused as ``busy``; None: it always waits.
    on_step
        Called as the job enters each step, by the thread that does the work.

    Attributes
    ----------
    step
        Where it is, one of `Step`.
    ahead
        How many jobs wait or run before it.
    """

    def __init__(self, most_ahead: int | None = None, on_step: Callable[[Step], object] | None = None) -> None:
        self.most_ahead = most_ahead
        self.step: Step = "waiting"
        self.ahead = 0
        self._on_step = on_step
        self._cancelled = threading.Event()
        self._stoppers: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Stop as soon as possible: a waiting job leaves the queue, a running network is interrupted."""
        # the lock is held so that no `stop` is called after its block has ended, when it might stop another job
        with self._lock:
            self._cancelled.set()
            for stop in self._stoppers:
                stop()

    def enter(self, step: Step) -> None:
        """Enter `step`. Raises ``cancelled`` where the job was stopped."""
        self.check()
        self.step = step
        if self._on_step:
            self._on_step(step)

    def check(self) -> None:
        """Raise ``cancelled`` where the job was stopped."""
        if self.cancelled:
            raise ClearcutError("cancelled")

    @contextmanager
    def call_on_cancel(self, stop: Callable[[], None]) -> Iterator[None]:
        """While inside, `cancel` also calls `stop`, which must not wait for this job."""
        with self._lock:
            self._stoppers.append(stop)
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._stoppers.remove(stop)


class Slots:
    """Run slots: at most `places` jobs run at once, the others wait in order of arrival."""

    def __init__(self, places: int) -> None:
        self.places = places
        self._queue: deque[Job] = deque()
        self._running = 0
        self._changed = threading.Condition()

    @property
    def running(self) -> int:
        """How many jobs run."""
        return self._running

    @contextmanager
    def hold(self, job: Job) -> Iterator[None]:
        """Wait for a slot, and hold it while inside.

        Raises
        ------
        ClearcutError
            ``busy`` where ``job.most_ahead`` jobs are waiting already; ``cancelled``.
        """
        with job.call_on_cancel(self._wake):
            self._wait(job)
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _wait(self, job: Job) -> None:
        with self._changed:
            full = self._running >= self.places
            if full and job.most_ahead is not None and len(self._queue) >= job.most_ahead:
                raise ClearcutError("busy", waiting=len(self._queue), retry_after=2 + 2 * len(self._queue))
            self._queue.append(job)
            try:
                while self._running >= self.places or self._queue[0] is not job:
                    job.check()
                    job.ahead = self._queue.index(job) + self._running
                    self._changed.wait()
                job.check()
                self._running += 1
                job.ahead = 0
            finally:
                self._queue.remove(job)
                self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
