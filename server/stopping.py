"""A server that finishes what runs before it stops."""

import threading
from collections.abc import Callable
from types import FrameType

import uvicorn

from .activity import Activity


class GracefulServer(uvicorn.Server):
    """At the first signal it refuses what is new and finishes what runs; a second one stops it at once.

    Parameters
    ----------
    config
        Of uvicorn, whose own time to stop is for connections that only listen.
    activity
        Knows what runs.
    seconds
        How long that may take.
    tell
        Called where there is something to wait for.
    """

    def __init__(self, config: uvicorn.Config, activity: Activity, seconds: float, tell: Callable[[], None]) -> None:
        super().__init__(config)
        self._activity, self._seconds, self._tell = activity, seconds, tell

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """As uvicorn's own, which is called for a signal."""
        if self._activity.is_stopping:
            super().handle_exit(sig, frame)
            return
        self._activity.is_stopping = True
        threading.Thread(target=self._finish, name="clearcut-stopping", daemon=True).start()

    def _finish(self) -> None:
        if self._activity.running:
            self._tell()
        self._activity.wait_until_idle(self._seconds)
        self.should_exit = True
