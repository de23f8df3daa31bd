"""The pool of loaded sessions, and how long their networks take."""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

from ..base.settings import Settings
from ..registry import weights
from ..registry.cards import ModelCard
from .engines import Plan, choose_plan
from .sessions import Session, load_session

Loader = Callable[[ModelCard, Plan, Settings], Session]
Key = tuple[str, Plan, tuple[Any, ...]]  # the network's name, its plan, and a stamp of its weight file


class Speeds:
    """How many seconds each model takes to run on this machine, without loading. Safe for several threads."""

    RUNS = 5  # that count

    def __init__(self) -> None:
        self._runs: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def note(self, model: str, seconds: float) -> None:
        """Add a run of `model`."""
        with self._lock:
            self._runs.setdefault(model, deque(maxlen=self.RUNS)).append(seconds)

    def find_median(self, model: str) -> float | None:
        """The median of the last `RUNS` runs, in seconds; None for a model that has not run yet."""
        with self._lock:
            runs = sorted(self._runs.get(model, ()))
        return runs[len(runs) // 2] if runs else None


class Pool:
    """Loaded sessions; the least recently used are dropped when their estimated memory exceeds the limit.

    Safe for several threads; a session that several ask for at once is loaded once.

    Parameters
    ----------
    settings
        ``pool_mb`` is the limit; one session is kept even beyond it.
    load
        Loads a session that is not in memory.
    """

    def __init__(self, settings: Settings, load: Loader = load_session) -> None:
        self._settings, self._load = settings, load
        self._sessions: OrderedDict[Key, tuple[Session, float]] = OrderedDict()
        self._loading: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def find(self, card: ModelCard, planned: Plan) -> Session | None:
        """The session of `card` as `planned`, if it is in memory and its weight file has not changed since."""
        key = self._make_key(card, planned)
        with self._lock:
            if key not in self._sessions:
                return None
            self._sessions.move_to_end(key)
            return self._sessions[key][0]

    def get(self, card: ModelCard, planned: Plan | None = None) -> Session:
        """The session of `card` as `planned`, loaded if it is not in memory; without a plan that for ``exact``.

        Raises
        ------
        ClearcutError
            As `load_session`.
        """
        planned = planned or choose_plan(card, "exact", self._settings)
        with self._lock:
            loading = self._loading.setdefault(card.name, threading.Lock())
        with loading:
            session = self.find(card, planned)
            if session is None:
                key = self._make_key(card, planned)
                session = self._load(card, planned, self._settings)
                self._add(key, session, card.memory_mb)
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

    def _make_key(self, card: ModelCard, planned: Plan) -> Key:
        return card.name, planned, weights.stamp_network(card, self._settings)

    def _add(self, key: Key, session: Session, memory_mb: float) -> None:
        with self._lock:
            for old in [each for each in self._sessions if each[:2] == key[:2]]:  # of a weight file that was replaced
                del self._sessions[old]
            self._sessions[key] = session, memory_mb
            limit = self._settings.pool_mb
            while len(self._sessions) > 1 and sum(mb for _, mb in self._sessions.values()) > limit:
                self._sessions.popitem(last=False)
