"""Batches of visitors: each in a folder of its own, worked on one after another, until it expires."""

import logging
import secrets
import shutil
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline import ClearcutError, WorkerPool, as_clearcut_error, choose_workers, clean_name

from .activity import Load
from .forms import Sent
from .settings import ServerSettings
from .visitors_batch import DAY, ORDER, VisitorsBatch

SECONDS = 300.0  # that a photo may take
IDLE = 60.0  # seconds that workers wait for more of the same batch
SHARED_BATCHES = 50  # at once, where others can reach the server
MOST_OPEN, REST = 32, 60.0  # batches that are open at once; seconds after which one that nobody looks at may be closed
DELETED = ".deleted-"  # before the name of a folder that is about to go
log = logging.getLogger("clearcut")


class Batches:
    """All batches of this server, in ``settings.batches_dir``, worked on by one pool of workers in turn."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self._open: dict[str, VisitorsBatch] = {}
        self._changed = threading.Condition()
        self._stopped = False
        self._turn: deque[str] = deque()
        self._thread: threading.Thread | None = None
        self._deleted: set[str] = set()
        self._pool: WorkerPool | None = None
        self._of: VisitorsBatch | None = None  # whose the workers of the pool are

    @property
    def is_stopped(self) -> bool:
        """Whether the server ends."""
        return self._stopped

    @property
    def load(self) -> Load:
        """How many batches there are to do, and by how many workers."""
        pool = self._pool
        running = self._of is not None and self._of.running.locked()
        return Load(len(self._turn), int(running), len(pool.pids) if pool else 0)

    def recover(self) -> None:
        """Go on with the batches that an earlier server has left, and delete those that have expired."""
        self.sweep()
        for folder in self._list_folders():
            try:
                one = self.get(folder.name)
                if one.state != "done":
                    self.wake(folder.name)
                else:
                    with self._changed:
                        self._open.pop(one.id).close()
            except Exception as error:
                if not (isinstance(error, ClearcutError) and error.code == "batch_running"):  # by another server
                    log.exception("a batch cannot be gone on with")

    def create(self, values: dict[str, Any], background: Sent | None) -> VisitorsBatch:
        """A new batch without photos. Raises as `Options.of`, ``disk_full``, ``write_failed``."""
        if self.settings.exposed and len(self._list_folders()) >= SHARED_BATCHES:
            raise ClearcutError("busy", waiting=SHARED_BATCHES, retry_after=600)
        id = secrets.token_urlsafe(18)
        folder = self.settings.batches_dir / id
        try:
            VisitorsBatch.begin(folder, values, background)
        except OSError as error:
            raise as_clearcut_error(error, name=ORDER) from None
        return self.get(id)

    def get(self, id: str) -> VisitorsBatch:
        """The batch of that id. Raises ``expired``."""
        with self._changed:
            if id not in self._open:
                folder = self.settings.batches_dir / clean_name(id)
                if id in self._deleted or folder.name != id or not (folder / ORDER).is_file():
                    raise ClearcutError("expired")
                self._close_idle()
                self._open[id] = VisitorsBatch(folder, self.settings)
            one = self._open[id]
            one.used = time.monotonic()
            return one

    def _close_idle(self) -> None:
        """Let go of batches that nobody has looked at for a while, so that not too many files are open."""
        rested = [one for one in self._open.values() if time.monotonic() - one.used > REST and not one.running.locked()]
        for one in sorted(rested, key=lambda each: each.used)[: max(0, len(self._open) - MOST_OPEN)]:
            if one.id not in self._turn:
                self._open.pop(one.id).close()

    def delete(self, id: str) -> None:
        """Stop a batch, and delete all that belongs to it."""
        one = self.get(id)
        with self._changed:
            self._deleted.add(id)
            self._open.pop(id, None)
            one.paused = one.wants_workers_anew = True
            pool = self._pool if self._of is one else None
        if pool:
            pool.close(at_once=True)
        with one.running:  # nothing is written any more
            one.close()
        self._delete_folder(one.folder)

    def _delete_folder(self, folder: Path) -> None:
        gone = folder.with_name(DELETED + folder.name)
        with suppress(OSError):
            folder.rename(gone)  # so that it is no batch any more, even if it cannot be deleted at once
        shutil.rmtree(gone, ignore_errors=True)

    def wake(self, id: str) -> None:
        """There is something to do for a batch."""
        with self._changed:
            if id not in self._turn:
                self._turn.append(id)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="clearcut-batches", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def sweep(self) -> None:
        """Delete the batches that have expired, and what is left of deleted ones."""
        with suppress(OSError):
            for left in self.settings.batches_dir.glob(f"{DELETED}*"):
                shutil.rmtree(left, ignore_errors=True)
        for folder in self._list_folders():
            try:
                if time.time() - (folder / ORDER).stat().st_mtime > self.settings.batch_days * DAY:
                    self.delete(folder.name)
            except ClearcutError as error:
                if error.code == "expired":  # nothing can be made of it; else another server is at it
                    self._delete_folder(folder)
            except Exception:
                log.exception("an expired batch cannot be deleted")

    def stop(self) -> None:
        """End the workers; what they are at is done again by the next server."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread:
            self._thread.join(10)
        for one in self._open.values():
            one.close()

    def _list_folders(self) -> list[Path]:
        with suppress(OSError):
            return [folder for folder in self.settings.batches_dir.iterdir() if (folder / ORDER).is_file()]
        return []

    def _work(self) -> None:
        """Work on one batch after another; workers stay for a while, since a photo that is retried needs them."""
        while not self._stopped:
            with self._changed:
                self._changed.wait_for(lambda: self._turn or self._stopped, None if self._pool is None else IDLE)
                one = self._open.get(self._turn.popleft()) if self._turn and not self._stopped else None
            if one is None or one is not self._of or one.wants_workers_anew:
                self._close_pool()
            if one is None:
                continue
            with one.running:
                if one.id in self._deleted:
                    continue
                try:
                    self._run(one, self._pool or self._start_pool(one))
                except Exception as error:
                    self._close_pool()
                    one.batch.forget_work()
                    one.error = as_clearcut_error(error)
                    one.paused = one.id not in self._deleted
        self._close_pool()

    def _start_pool(self, one: VisitorsBatch) -> WorkerPool:
        number, threads = choose_workers(self.settings, 0, one.batch.options.model)
        with self._changed:
            one.wants_workers_anew = False
            self._pool, self._of = one.batch.start_workers(number, threads, SECONDS), one
            return self._pool

    def _close_pool(self) -> None:
        with self._changed:
            pool, self._pool, self._of = self._pool, None, None
        if pool:
            pool.close(at_once=True)

    def _run(self, one: VisitorsBatch, pool: WorkerPool) -> None:
        def go_on() -> bool:
            return not (one.paused or one.wants_workers_anew or self._stopped)

        one.times.clear()
        one.times.append(time.monotonic())
        one.error = None
        while go_on() and one.batch.journal.count()["waiting"]:
            for _ in one.batch.run(pool, go_on=go_on):
                one.times.append(time.monotonic())
        if one.wants_workers_anew and not one.paused:
            self.wake(one.id)
