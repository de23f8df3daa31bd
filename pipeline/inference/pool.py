"""Networks in memory: loaded sessions in one bounded pool, and how long they take."""

import threading
from collections import OrderedDict, deque

from ..base.settings import Settings
from ..registry.catalog import ModelCard
from . import engines
from .engines import Plan
from .helper import Helper
from .sessions import Session, adopt, load


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
        self._helpers: dict[str, Helper] = {}
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

    def expect(self, model: str, helper: Helper) -> None:
        """Take the session of `model` from `helper`, which serves `sessions` and was told to load it."""
        self._helpers[model] = helper

    def session(self, card: ModelCard, planned: Plan | None = None) -> Session:
        """The session of `card`, loaded and checked if need be; the arguments are those of `Session`."""
        planned = planned or engines.plan(card)
        with self._lock:
            loading = self._loading.setdefault(card.name, threading.Lock())
        with loading:
            session = self.loaded(card, planned)
            if session is None:
                helper = self._helpers.pop(card.name, None)
                session = (helper and adopt(card, planned, helper)) or load(card, planned)
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
            if model in self._helpers:
                self._helpers.pop(model).end()

    def clear(self) -> None:
        """Drop every session."""
        with self._lock:
            self._sessions.clear()
            while self._helpers:
                self._helpers.popitem()[1].end()


POOL = Pool()
SPEEDS = Speeds()
