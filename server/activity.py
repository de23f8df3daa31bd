"""What the server is at: how many requests run, whether the model is warm, and whether it is about to stop."""

import threading
from typing import NamedTuple

from pipeline import ClearcutError

AGAIN = 5  # seconds after which whoever is refused may ask again


class Load(NamedTuple):
    """How many tasks wait for workers of one kind, how many these are at, and how many of them live."""

    waiting: int
    running: int
    workers: int


class Activity:
    """Knows the requests that run, so that they can be waited for.

    Attributes
    ----------
    is_warm
        Whether requests may come: the model is here and, where others can send them, loaded.
    page_opened
        Set once somebody has opened the page.
    models
        Names of those that have cut something out.
    is_stopping
        Whether new requests are refused. A plain attribute: a signal handler sets it, which may take no lock.
    """

    def __init__(self) -> None:
        self.is_warm = self.is_stopping = False
        self.page_opened = threading.Event()
        self.models: set[str] = set()
        self._running: set[object] = set()
        self._changed = threading.Condition()

    @property
    def running(self) -> int:
        """How many requests run, those that only listen for events left out."""
        return len(self._running)

    def begin(self, request: object) -> None:
        """Count a request. Raises ``stopping``."""
        if self.is_stopping:
            raise ClearcutError("stopping", retry_after=AGAIN)
        with self._changed:
            self._running.add(request)

    def end(self, request: object) -> None:
        """Count it no longer, if it is still counted."""
        with self._changed:
            self._running.discard(request)
            self._changed.notify_all()

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait until nothing runs any more; False where something still does after so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, seconds)

    def require_ready(self) -> None:
        """Raise ``stopping`` or ``not_ready`` where requests should rather go elsewhere."""
        if self.is_stopping:
            raise ClearcutError("stopping", retry_after=AGAIN)
        if not self.is_warm:
            raise ClearcutError("not_ready", retry_after=AGAIN)
