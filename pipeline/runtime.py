"""Running networks: sessions in one bounded pool, and the run slots that page, API and library share."""

import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np

from . import weights
from .catalog import ModelCard, Variant
from .errors import ClearcutError
from .settings import Settings

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before its import: its official builds report to their maker by default

Step = Literal["waiting", "reading", "loading", "finding", "finishing"]
ENGINE = "onnxruntime CPU"
Feeds = Mapping[str, np.ndarray] | np.ndarray


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


class Session:
    """A network loaded by onnxruntime. Safe to call from several threads."""

    def __init__(self, card: ModelCard, variant: Variant, path: Path) -> None:
        import onnxruntime

        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = Settings.current().threads or len(_cores())
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # same speed, and a quarter of the memory stays taken between runs
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leave the cores to the other steps
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception:
            raise ClearcutError("broken_weights", model=card.name, file=variant.file) from None
        self._run_options = onnxruntime.RunOptions
        self.input = self._session.get_inputs()[0].name
        self.outputs = [output.name for output in self._session.get_outputs()]
        self.engine = ENGINE
        self.card, self.variant = card, variant

    def run(self, feeds: Feeds, outputs: list[int], job: Job) -> list[np.ndarray]:
        """The `outputs`, by position, for `feeds` (by input name, or one array for the first input)."""
        named = {self.input: feeds} if isinstance(feeds, np.ndarray) else dict(feeds)
        run_options = self._run_options()
        run_options.log_severity_level = 4

        def stop() -> None:
            run_options.terminate = True

        with job.stopped_by(stop):
            try:
                results: list[np.ndarray] = self._session.run([self.outputs[i] for i in outputs], named, run_options)
            except Exception as error:
                job.check()
                if "alloc" in str(error).lower():
                    raise ClearcutError("out_of_memory") from error
                raise ClearcutError("broken_weights", model=self.card.name, file=self.variant.file) from error
            job.check()
            return results


class Pool:
    """Loaded sessions, each loaded once, the least recently used dropped when their estimated memory is too much."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, tuple[Session, float]] = OrderedDict()
        self._loading: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def session(self, card: ModelCard) -> Session:
        """The session of `card`, loaded and checked if need be."""
        with self._lock:
            loading = self._loading.setdefault(card.name, threading.Lock())
        with loading:
            with self._lock:
                if card.name in self._sessions:
                    self._sessions.move_to_end(card.name)
                    return self._sessions[card.name][0]
            session = Session(card, *weights.checked(card))
            with self._lock:
                self._sessions[card.name] = session, card.memory_mb
                limit = Settings.current().pool_mb
                while len(self._sessions) > 1 and sum(mb for _, mb in self._sessions.values()) > limit:
                    self._sessions.popitem(last=False)
            return session

    def clear(self) -> None:
        """Drop every session."""
        with self._lock:
            self._sessions.clear()


def _cores() -> set[int] | range:
    try:
        return os.sched_getaffinity(0)
    except AttributeError:  # not on macOS and Windows
        return range(os.cpu_count() or 1)


POOL = Pool()
SLOTS = Slots()
