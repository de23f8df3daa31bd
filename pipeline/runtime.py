"""Networks in memory: loaded sessions in one bounded pool, and how long they take."""

import threading
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from . import engines, weights
from .catalog import ModelCard, Variant
from .engines import Plan
from .errors import ClearcutError
from .jobs import Job
from .settings import Settings

Feeds = Mapping[str, np.ndarray] | np.ndarray


class Session:
    """A network loaded by an engine. Safe to call from several threads.

    Parameters
    ----------
    planned
        What is to run it; without it what is planned for the card at the precision ``exact``.
    outputs
        Positions or names of those that will ever be asked for; without it all.
    """

    def __init__(
        self,
        card: ModelCard,
        variant: Variant,
        path: Path,
        planned: Plan | None = None,
        outputs: Sequence[int | str] | None = None,
    ) -> None:
        self.card, self.variant = card, variant
        checksum = weights.checksum(variant, path)
        self.identity = f"{variant.file} {checksum}"
        try:
            planned = planned or engines.plan(card)
            self._network, self.plan = engines.load(path, planned, checksum, outputs)
        except ClearcutError:
            raise
        except Exception:
            raise ClearcutError("broken_weights", model=card.name, file=variant.file) from None
        self.inputs = self._network.inputs
        self.engine, self.warnings = self._network.label, self.plan.warnings

    def run(self, feeds: Feeds, outputs: Sequence[int | str], job: Job) -> list[np.ndarray]:
        """The `outputs`, by position or name, for `feeds` (by input name, or one array for the first input)."""
        named = {next(iter(self.inputs)): feeds} if isinstance(feeds, np.ndarray) else feeds
        try:
            results = self._network.run(named, outputs, job)
        except Exception as error:
            job.check()
            if "alloc" in str(error).lower():
                raise ClearcutError("out_of_memory") from error
            raise ClearcutError("broken_weights", model=self.card.name, file=self.variant.file) from error
        job.check()
        return results


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
        self._sessions: OrderedDict[tuple[str, Plan], tuple[Session, float]] = OrderedDict()
        self._loading: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def loaded(self, card: ModelCard, planned: Plan) -> Session | None:
        """The session of `card` that was loaded as planned, if it is there."""
        with self._lock:
            key = card.name, planned
            if key not in self._sessions:
                return None
            self._sessions.move_to_end(key)
            return self._sessions[key][0]

    def session(
        self, card: ModelCard, planned: Plan | None = None, outputs: Sequence[int | str] | None = None
    ) -> Session:
        """The session of `card`, loaded and checked if need be; the arguments are those of `Session`."""
        planned = planned or engines.plan(card)
        with self._lock:
            loading = self._loading.setdefault(card.name, threading.Lock())
        with loading:
            session = self.loaded(card, planned)
            if session is None:
                session = Session(card, *weights.checked(card), planned, outputs)
                with self._lock:
                    self._sessions[card.name, planned] = session, card.memory_mb
                    limit = Settings.current().pool_mb
                    while len(self._sessions) > 1 and sum(mb for _, mb in self._sessions.values()) > limit:
                        self._sessions.popitem(last=False)
            return session

    def drop(self, model: str) -> None:
        """Drop the sessions of `model`, if any are loaded."""
        with self._lock:
            for key in [key for key in self._sessions if key[0] == model]:
                del self._sessions[key]

    def clear(self) -> None:
        """Drop every session."""
        with self._lock:
            self._sessions.clear()


POOL = Pool()
SPEEDS = Speeds()
