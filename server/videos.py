"""Videos of visitors: each in a folder of its own, made one after another in a worker, until it expires."""

import logging
import secrets
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pipeline import ClearcutError, Runtime, WorkerPool, as_clearcut_error, clean_name, count_cores

from .activity import Load
from .cutter import Order
from .settings import ServerSettings
from .visitors_batch import DAY
from .visitors_video import ORDER, VisitorsVideo

WORK = "server.video_tasks"  # what the worker process runs
IDLE = 60.0  # seconds that the worker waits for another video
LONGEST = 14 * DAY  # that a video may take
LOOK = 1.0  # seconds between looks whether its worker lives
SHARED_VIDEOS = 20  # at once, where others can reach the server
DELETED = ".deleted-"  # before the name of a folder that is about to go
LOCK = "lock"  # of a video, held by the server that is at it: others may share the folder
log = logging.getLogger("clearcut")


class Videos:
    """All videos of this server, in ``videos`` of ``settings.batches_dir``.

    A worker process makes them: a clip that crashes a decoder ends that and not the server, and what is whole of one
    that was stopped half-way is gone on with.
    """

    def __init__(self, settings: ServerSettings, runtime: Runtime) -> None:
        self.settings, self._runtime = settings, runtime
        self.folder = settings.batches_dir / "videos"
        self._changed = threading.Condition(threading.RLock())
        self._turn: deque[str] = deque()
        self._running: str | None = None
        self._future: Future[Any] | None = None
        self._pool: WorkerPool | None = None
        self._held: FileLock | None = None  # of the video that is being made
        self._thread: threading.Thread | None = None
        self.is_stopped = False

    @property
    def load(self) -> Load:
        """How many videos there are to do, and by how many workers."""
        pool = self._pool
        return Load(len(self._turn), int(self._running is not None), len(pool.pids) if pool else 0)

    def recover(self) -> None:
        """Go on with the videos that an earlier server has left, and delete those that have expired."""
        self.sweep()

    def make_folder(self) -> Path:
        """A place for a new video. Raises ``busy``, ``disk_full``, ``write_failed``."""
        if self.settings.exposed and len(self._list_folders()) >= SHARED_VIDEOS:
            raise ClearcutError("busy", waiting=SHARED_VIDEOS, retry_after=600)
        folder = self.folder / secrets.token_urlsafe(18)
        try:
            (folder / "clip").mkdir(parents=True)
        except OSError as error:
            raise as_clearcut_error(error, name=folder.name) from None
        return folder

    def get(self, id: str) -> VisitorsVideo:
        """The video of that id. Raises ``expired``."""
        folder = self.folder / clean_name(id)
        if folder.name != id or not (folder / ORDER).is_file():
            raise ClearcutError("expired")
        return VisitorsVideo(folder, self.settings)

    def describe(self, id: str) -> dict[str, Any]:
        """What is told of a video. Raises ``expired``."""
        with self._changed:
            return self.get(id).describe(self._running == id)

    def change(self, id: str, alter: Callable[[VisitorsVideo], None]) -> None:
        """Stop a video and forget what was made of it, alter it, and set to work where it is wanted.

        Raises ``batch_running`` where another server is at it.
        """
        with self._changed:
            self._stop(id)
            with self._hold(id):
                one = self.get(id)
                alter(one)
                one.forget_work()
                one.save()
            if one.wanted:
                self._wake(id)

    def delete(self, id: str) -> None:
        """Stop a video, and delete all that belongs to it. Raises ``expired``, and as `change`."""
        with self._changed:
            self.get(id)
            self._stop(id)
            with self._hold(id):
                pass
            self.discard(self.folder / id)  # without the lock: Windows renames no folder with an open file

    def discard(self, folder: Path) -> None:
        """Delete the folder of a video."""
        gone = folder.with_name(DELETED + folder.name)
        with suppress(OSError):
            folder.rename(gone)  # so that it is no video any more, even if it cannot be deleted at once
        shutil.rmtree(gone, ignore_errors=True)

    def sweep(self) -> None:
        """Delete the videos that have expired, and what is left of deleted ones; go on with those that nobody is at."""
        for left in self.folder.glob(f"{DELETED}*"):
            shutil.rmtree(left, ignore_errors=True)
        for folder in self._list_folders():
            with suppress(ClearcutError, OSError):
                if time.time() - (folder / ORDER).stat().st_mtime > self.settings.batch_days * DAY:
                    self.delete(folder.name)
                elif folder.name != self._running and self.get(folder.name).find_state(False) == "waiting":
                    self._wake(folder.name)

    def stop(self) -> None:
        """End the worker; what it is at is gone on with by the next server."""
        with self._changed:
            self.is_stopped = True
            self._changed.notify_all()
        self._close_pool()
        if self._thread:
            self._thread.join(10)

    def _list_folders(self) -> list[Path]:
        return [file.parent for file in self.folder.glob(f"[!.]*/{ORDER}")]

    def _wake(self, id: str) -> None:
        with self._changed:
            if id not in self._turn:
                self._turn.append(id)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="clearcut-videos", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    @contextmanager
    def _hold(self, id: str) -> Iterator[None]:
        """Keep other servers from a video while inside. Raises ``batch_running`` where one is at it."""
        try:
            with FileLock(self.folder / id / LOCK, timeout=0):
                yield
        except Timeout:
            raise ClearcutError("batch_running", name=id) from None

    def _stop(self, id: str) -> None:
        """Have a video no longer be worked on; returns once nothing is written any more."""
        with suppress(ValueError):
            self._turn.remove(id)
        if self._running == id and self._future and self._pool:
            self._pool.stop(self._future)
        self._changed.wait_for(lambda: self._running != id)

    def _work(self) -> None:
        """Make one video after another; the worker stays for a while."""
        while not self.is_stopped:
            with self._changed:
                self._changed.wait_for(lambda: self._turn or self.is_stopped, None if self._pool is None else IDLE)
                begun = self._begin() if self._turn and not self.is_stopped else None
            if begun:
                self._finish(*begun)
            elif not self._turn:
                self._close_pool()

    def _begin(self) -> tuple[VisitorsVideo, "Future[Any]"] | None:
        """Give the next video to the worker, unless another server is at it."""
        try:
            one = self.get(self._turn.popleft())
            if one.find_state(False) != "waiting":
                return None
            self._held = FileLock(one.folder / LOCK, timeout=0, thread_local=False)
            self._held.acquire()
            task = one.make_task()
        except (ClearcutError, OSError):  # among these is a lock that others hold
            self._let_go()
            return None
        self._pool = self._pool or self._start_pool()
        self._running, self._future = one.id, self._pool.submit(task)
        return one, self._future

    def _finish(self, one: VisitorsVideo, future: "Future[Any]") -> None:
        """Wait for a video, and note what has come of it; one that was stopped is as it was."""
        error: ClearcutError | None = None
        try:
            one.finish(self._wait_for(one, future))
        except CancelledError:
            pass
        except ClearcutError as caught:
            error = caught
        except Exception as caught:
            log.exception("a video cannot be noted")
            error = as_clearcut_error(caught)
        with self._changed:
            if error and error.code != "cancelled":
                with suppress(OSError):
                    one.fail(error)
            self._let_go()
            self._running = self._future = None
            self._changed.notify_all()

    def _let_go(self) -> None:
        if self._held:
            self._held.release()
        self._held = None

    def _wait_for(self, one: VisitorsVideo, future: "Future[Any]") -> Any:
        """What came of a video. Raises ``video_stuck`` where nothing moves any more, as in a decoder that hangs."""
        seconds, sign, since = self.settings.request_seconds, 0, time.monotonic()
        while not wait([future], LOOK).done:
            if (newest := one.last_sign) != sign:
                sign, since = newest, time.monotonic()
            elif time.monotonic() - since > seconds and self._pool:
                self._pool.stop(future)
                with suppress(ClearcutError, CancelledError):
                    return future.result()  # it was done in this moment
                raise ClearcutError("video_stuck", name=one.name, seconds=seconds)
        return future.result()

    def _start_pool(self) -> WorkerPool:
        order = Order(self.settings, self._runtime.settled, self.settings.spare_mb)
        return WorkerPool(1, WORK, order, seconds=LONGEST, cores=count_cores())

    def _close_pool(self) -> None:
        with self._changed:
            pool, self._pool = self._pool, None
        if pool:
            pool.close(at_once=True)
