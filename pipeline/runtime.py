"""Running networks: sessions in one bounded pool, and the run slots that page, API and library share."""

import logging
import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal

import numpy as np

from . import weights
from .catalog import ModelCard, Variant
from .errors import ClearcutError
from .settings import Engine, Settings

log = logging.getLogger("clearcut")
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before its import: its official builds report to their maker by default

Step = Literal["waiting", "reading", "loading", "finding", "finishing"]
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


# What `engine` may be, and the execution provider of onnxruntime that it asks for.
PROVIDERS: dict[Engine, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "rocm": "ROCMExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
AUTO: tuple[Engine, ...] = ("cuda", "rocm", "directml", "cpu")  # the first that this build has; the others gain little
ONE_AT_A_TIME = {"DmlExecutionProvider"}  # its sessions may not run twice at once


class Session:
    """A network loaded by onnxruntime. Safe to call from several threads."""

    def __init__(self, card: ModelCard, variant: Variant, path: Path) -> None:
        import onnxruntime

        onnxruntime.disable_telemetry_events()
        wanted, available = Settings.current().engine, onnxruntime.get_available_providers()
        engine = next(each for each in AUTO if PROVIDERS[each] in available) if wanted == "auto" else wanted
        try:
            self._session = _loaded(path, PROVIDERS[engine], available)
        except Exception:
            raise ClearcutError("broken_weights", model=card.name, file=variant.file) from None
        self._run_options = onnxruntime.RunOptions
        self.inputs = self._session.get_inputs()
        self.outputs = [output.name for output in self._session.get_outputs()]
        self.provider: str = self._session.get_providers()[0]  # what really runs, not what was asked for
        self.engine = f"onnxruntime {self.provider.removesuffix('ExecutionProvider')}"
        self.warnings = _fallen_back(wanted, engine, self.provider)
        self.card, self.variant, self.checksum = card, variant, weights.checksum(variant, path)
        self._turn = threading.Lock() if self.provider in ONE_AT_A_TIME else nullcontext()

    def run(self, feeds: Feeds, outputs: Sequence[int | str], job: Job) -> list[np.ndarray]:
        """The `outputs`, by position or name, for `feeds` (by input name, or one array for the first input)."""
        named = {self.inputs[0].name: feeds} if isinstance(feeds, np.ndarray) else dict(feeds)
        run_options = self._run_options()
        run_options.log_severity_level = 4

        def stop() -> None:
            run_options.terminate = True

        with job.stopped_by(stop), self._turn:
            try:
                names = [self.outputs[each] if isinstance(each, int) else each for each in outputs]
                results: list[np.ndarray] = self._session.run(names, named, run_options)
            except Exception as error:
                job.check()
                if "alloc" in str(error).lower():
                    raise ClearcutError("out_of_memory") from error
                raise ClearcutError("broken_weights", model=self.card.name, file=self.variant.file) from error
            job.check()
            return results


def _loaded(path: Path, provider: str, available: Collection[str]) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = Settings.current().threads or cores()
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # same speed, and a quarter of the memory stays taken between runs
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leave the cores to the other steps
    options.enable_mem_pattern = provider != PROVIDERS["directml"]  # which does not run with it
    providers = [each for each in dict.fromkeys((provider, PROVIDERS["cpu"])) if each in available]
    return onnxruntime.InferenceSession(path, options, providers=providers)


def _fallen_back(wanted: str, engine: Engine, provider: str) -> tuple[str, ...]:
    """Say in the log, once for each engine, that another runs than the one asked for; its warning code."""
    if provider == PROVIDERS[engine]:
        return ()
    if engine not in _told:
        _told.add(engine)
        log.warning("the engine %s (%s) is not to be had here: %s runs instead", wanted, PROVIDERS[engine], provider)
    return ("engine_fallback",)


_told: set[str] = set()


class Speeds:
    """How long each model's networks took on this machine, in seconds; loading and reading files not counted."""

    KEPT = 5

    def __init__(self) -> None:
        self._runs: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def note(self, model: str, seconds: float) -> None:
        """One more run."""
        with self._lock:
            self._runs.setdefault(model, deque(maxlen=self.KEPT)).append(seconds)

    def of(self, model: str) -> float | None:
        """The median of the last runs; None for a model that has not run since the start."""
        with self._lock:
            runs = sorted(self._runs.get(model, ()))
        return runs[len(runs) // 2] if runs else None


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

    def drop(self, model: str) -> None:
        """Drop the session of `model`, if it is loaded."""
        with self._lock:
            self._sessions.pop(model, None)

    def clear(self) -> None:
        """Drop every session."""
        with self._lock:
            self._sessions.clear()


def cores() -> int:
    """How many processor cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


POOL = Pool()
SLOTS = Slots()
SPEEDS = Speeds()
