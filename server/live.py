"""Live pictures: what a visitor's camera sees comes frame by frame, and a worker process finds the mattes of it."""

import asyncio
import secrets
import threading
import time
from dataclasses import dataclass, field

from pipeline import ClearcutError, Runtime, WorkerPool, count_cores, list_live_models

from .cutter import Order, require_memory
from .live_tasks import Forget, FrameTask, LiveMatte
from .settings import ServerSettings

WORK = "server.live_tasks"  # what the worker process runs
MOST = 2  # live pictures at a time: each has its share of the one worker
SILENT = 10.0  # seconds without a frame after which one is over
LONGEST = 60.0  # seconds that a frame may take; the first one loads the network


@dataclass(eq=False)
class _Picture:
    """A live picture: when its last frame came, and whether that is being worked on."""

    last: float = field(default_factory=time.monotonic)
    is_busy: bool = False


class Live:
    """The live pictures of this server. Nothing of them is stored; the worker ends when none is left.

    Frames are decoded and cut out in a process of its own: one that crashes a decoder ends that and not the server.
    """

    def __init__(self, settings: ServerSettings, runtime: Runtime) -> None:
        self._settings, self._runtime = settings, runtime
        self._pictures: dict[str, _Picture] = {}
        self._pool: WorkerPool | None = None
        self._lock = threading.Lock()

    def begin(self) -> tuple[str, str]:
        """The id of a new live picture, which is long and random, and the model that it begins with.

        Raises ``live_off``, ``model_missing``, ``low_memory``, and ``busy`` where there are `MOST`.
        """
        if not self._settings.offers_live:
            raise ClearcutError("live_off")
        model = list_live_models(self._runtime)[0]
        require_memory(self._settings.spare_mb)
        with self._lock:
            self._sweep()
            if len(self._pictures) >= MOST:
                raise ClearcutError("busy", waiting=MOST, retry_after=round(SILENT))
            id = secrets.token_urlsafe(18)
            self._pictures[id] = _Picture()
        return id, model

    async def find_matte(self, id: str, frame: bytes) -> LiveMatte:
        """The matte of the next frame, a picture file. Only one at a time: who sends more is told ``busy``.

        Raises
        ------
        ClearcutError
            ``expired``, ``busy``, and those of `FrameTask`.
        """
        with self._lock:
            self._sweep()
            picture = self._pictures.get(id)
            if picture is None:
                raise ClearcutError("expired")
            if picture.is_busy:
                raise ClearcutError("busy", waiting=1, retry_after=1)
            picture.is_busy = True
            future = self._open_pool().submit(FrameTask(id, frame))
        try:
            matte: LiveMatte = await asyncio.wrap_future(future)
            return matte
        finally:
            picture.last, picture.is_busy = time.monotonic(), False

    def end(self, id: str) -> None:
        """Forget a live picture, if there is such a one."""
        with self._lock:
            if self._pictures.pop(id, None):
                self._forget(id)

    def stop(self) -> None:
        """End the worker, whatever it is at."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool:
            pool.close(at_once=True)

    def _sweep(self) -> None:
        """Forget those whose page has gone without a word."""
        oldest = time.monotonic() - SILENT
        for id in [id for id, each in self._pictures.items() if each.last < oldest and not each.is_busy]:
            del self._pictures[id]
            self._forget(id)

    def _forget(self, id: str) -> None:
        if self._pool and self._pool.pids:
            self._pool.submit(Forget(id))

    def _open_pool(self) -> WorkerPool:
        if self._pool is None or self._pool.has_failed:
            order = Order(self._settings, self._runtime.settled, self._settings.spare_mb)
            self._pool = WorkerPool(1, WORK, order, seconds=LONGEST, cores=count_cores(), kept=0)
        return self._pool
