"""Work to be done: jobs that can be followed and stopped, and the run slots that page, API and library share."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from .errors import ClearcutError
from .settings import Settings

Step = Literal["waiting", "reading", "loading", "finding", "finishing"]


class Job:
    """One piece of work as its owner sees it: how far it is, and a way to stop it.

    Parameters
    ----------
    most_ahead
        How many jobs may be waiting before this one is turned away as ``busy``; None: it waits its turn, however long.
    """

    def __init__(self, most_ahead: int | None = None) -> None:
        self.most_ahead = most_ahead
        self.step: Step = "waiting"
        self.ahead = 0
        self._cancelled = threading.Event()
        self._stoppers: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked it to stop."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Stop as soon as can be: a waiting job leaves the queue, a running network is broken off."""
        with self._lock:
            self._cancelled.set()
            stoppers = list(self._stoppers)
        for stop in stoppers:
            stop()

    def at(self, step: Step) -> None:
        """Enter `step`. Raises ``cancelled`` where the job was stopped."""
        self.check()
        self.step = step

    def check(self) -> None:
        """Raise ``cancelled`` where the job was stopped."""
        if self.cancelled:
            raise ClearcutError("cancelled")

    @contextmanager
    def stopped_by(self, stop: Callable[[], None]) -> Iterator[None]:
        """While inside, `cancel` also calls `stop`."""
        with self._lock:
            self._stoppers.append(stop)
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._stoppers.remove(stop)


class Slots:
    """A fair queue before a bounded number of places to run."""

    def __init__(self, places: int | None = None) -> None:
        self._places = places
        self._queue: deque[Job] = deque()
        self._running = 0
        self._changed = threading.Condition()

    @property
    def places(self) -> int:
        """How many jobs run at once."""
        return self._places or Settings.current().slots

    @contextmanager
    def turn(self, job: Job) -> Iterator[None]:
        """Wait for a place, hold it while inside.

        Raises
        ------
        ClearcutError
            ``busy`` where more jobs wait than `job` puts up with; ``cancelled``.
        """
        with job.stopped_by(self._wake):
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


SLOTS = Slots()
