"""Batches of visitors: each in a folder of its own, worked on one after another, until it expires."""

import json
import logging
import secrets
import shutil
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline import (
    LANGUAGES,
    Batch,
    BatchItem,
    ClearcutError,
    Found,
    Order,
    Source,
    WorkerPool,
    as_clearcut_error,
    choose_workers,
    clean_name,
    describe_item,
    find_items,
    is_archive,
)

from .settings import ServerSettings

ORDER = "order.json"
BACKGROUND = "background"
SHARED_LIMIT = 100  # photos of a batch where others can reach the server
SECONDS = 300.0  # that a photo may take
IDLE = 60.0  # seconds that workers wait for more of the same batch
LATEST = 50  # photos of which the rate is made
DAY = 86_400.0
SHARED_BATCHES = 50  # at once, where others can reach the server
MOST_OPEN, REST = 32, 60.0  # batches that are open at once; seconds after which one that nobody looks at may be closed
DELETED = ".deleted-"  # before the name of a folder that is about to go
log = logging.getLogger("clearcut")


class VisitorsBatch:
    """A batch in `folder`: uploads in ``photos``, what was asked for in ``order.json``, cut-outs in ``cutouts``."""

    def __init__(self, folder: Path, settings: ServerSettings) -> None:
        self.id, self.folder, self.settings = folder.name, folder, settings
        try:
            known = json.loads((folder / ORDER).read_text("utf-8"))
            self.values: dict[str, Any] = known["values"]
            self.paused: bool = known["paused"]
            self._background_name: str = known["background_name"]
        except (OSError, ValueError, LookupError):
            raise ClearcutError("expired") from None
        self.times: deque[float] = deque(maxlen=LATEST)
        self.running = threading.Lock()  # held while workers are at it
        self.used = time.monotonic()
        self.error: ClearcutError | None = None  # that stopped it
        self.wants_workers_anew = False
        self.batch = self._open()
        self.batch.settle()
        self.batch.reopen()

    def _open(self) -> Batch:
        picture = self.folder / BACKGROUND
        background = picture.read_bytes() if picture.exists() else None
        order = Order(self.values, background, self._background_name)
        return Batch(self.folder / "cutouts", order, self.settings)

    @staticmethod
    def begin(folder: Path, values: dict[str, Any], background: bytes | None, name: str) -> None:
        """Make the folder of a new batch. Raises as `Options.of`, before anything is written."""
        Order(values, background, name).make_options()
        (folder / "photos").mkdir(parents=True)
        if background is not None:
            (folder / BACKGROUND).write_bytes(background)
        _write_order(folder, {"values": values, "paused": False, "background_name": name})

    def save(self) -> None:
        """Note what is asked for, so that a server that is started anew goes on with it."""
        _write_order(
            self.folder, {"values": self.values, "paused": self.paused, "background_name": self._background_name}
        )

    def set_values(self, values: dict[str, Any]) -> None:
        """Do all photos anew with other options. Raises as `Options.of`."""
        self.wants_workers_anew = True  # so that none begins what is no longer wanted
        self.batch.change_order(self.batch.order._replace(values=values))
        self.values = values
        self.save()

    @property
    def state(self) -> str:
        """``running``, ``waiting`` for other batches, ``paused`` or ``done``."""
        if not self.batch.journal.count()["waiting"] and not self.batch.working:
            return "done"
        return "paused" if self.paused else "running" if self.batch.working else "waiting"

    def add_file(self, name: str) -> Path:
        """A place for an upload called `name`, which may be a relative path; what of it is unsafe is left out."""
        parts = [clean_name(part) or "_" for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
        place = self.folder / "photos" / secrets.token_hex(8)
        place.mkdir()
        return place / "/".join(parts[-1:] or ["photo"])

    def note_files(self, files: list[tuple[Path, str]]) -> None:
        """Add uploads, each a file with its name in the batch. Raises ``too_many_photos``, and those of archives."""
        if self.limit is None:
            self.batch.add(self._find(files))
            return
        room = self.limit - self.batch.count_all()
        found = list(islice(self._find(files), max(room, 0) + 1))
        if len(found) > room:
            raise ClearcutError("too_many_photos", limit=self.limit)
        self.batch.add(found)

    def _find(self, files: list[tuple[Path, str]]) -> Iterator[Found]:
        for file, name in files:
            if is_archive(file.name):
                yield from find_items([str(file)], self.batch.output, self.batch.scratch)
            else:
                yield Found(Source(str(file)), name)

    @property
    def limit(self) -> int | None:
        """The most photos that it may have; None without limit."""
        return SHARED_LIMIT if self.settings.exposed else None

    def remove(self, number: int) -> None:
        """Forget a photo, and delete it where it came as a file of its own."""
        item = self.batch.journal.get(number)
        self.batch.remove(number)
        if item and not item.source.member:
            discard_upload(Path(item.source.path))

    def describe(self) -> dict[str, Any]:
        """What is told of the batch, as JSON values."""
        counted = self.batch.journal.count()
        total = self.batch.count_all()
        seconds = self.times[-1] - self.times[0] if len(self.times) > 1 else 0.0
        rate = (len(self.times) - 1) / seconds if seconds else None
        left = counted["waiting"] + counted["made"]
        return {
            "id": self.id,
            "state": self.state,
            "counts": {
                "total": total,
                "waiting": left,
                **{name: counted[name] for name in ("done", "failed", "looks")},
            },
            "rate": rate and round(rate, 2),
            "seconds_left": rate and round(left / rate),
            "options": self.values,
            "model": self.batch.options.model,
            "revision": self.batch.journal.revision,
            "limit": self.limit,
            "expires": round((self.folder / ORDER).stat().st_mtime + self.settings.batch_days * DAY),
            "error": self.error and {"code": self.error.code, "facts": self.error.facts},
        }

    def describe_item(self, item: BatchItem) -> dict[str, Any]:
        """What is told of a photo, as JSON values."""
        here = f"api/batches/{self.id}/items/{item.number}"
        is_done = item.state == "done"
        is_working = item.number in self.batch.working and item.state == "waiting"
        facts = {name: item.outcome.get(name) for name in ("width", "height", "bytes", "seconds", "model", "coverage")}
        error = item.error and {"code": item.error.code, "facts": item.error.facts}
        return {
            "number": item.number,
            "name": item.name,
            "state": "working" if is_working else "waiting" if item.state == "made" else item.state,
            **facts,
            "reasons": item.reasons,
            "error": error,
            "told": {language: describe_item(item, language) for language in LANGUAGES},
            "options": item.options,
            "thumbnail": f"{here}/thumbnail?{item.revision}" if is_done else None,
            "photo": f"{here}/photo",
            "cutout": here if is_done else None,
            "file": item.target.rpartition("/")[2],
            "revision": item.revision,
        }

    def close(self) -> None:
        """Let go of the folder."""
        self.batch.close()


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
            except Exception:
                log.exception("a batch cannot be gone on with")

    def create(self, values: dict[str, Any], background: bytes | None, name: str) -> VisitorsBatch:
        """A new batch without photos. Raises as `Options.of`, ``disk_full``, ``write_failed``."""
        if self.settings.exposed and len(self._list_folders()) >= SHARED_BATCHES:
            raise ClearcutError("busy", waiting=SHARED_BATCHES, retry_after=600)
        id = secrets.token_urlsafe(18)
        folder = self.settings.batches_dir / id
        try:
            VisitorsBatch.begin(folder, values, background, name)
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
                if error.code == "expired":  # nothing can be made of it
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


def discard_upload(file: Path) -> None:
    """Delete a file that was uploaded, with the folder that was made for it."""
    with suppress(OSError):
        file.unlink()
        file.parent.rmdir()


def _write_order(folder: Path, known: dict[str, Any]) -> None:
    part = folder / f"{ORDER}.part"
    part.write_text(json.dumps(known), "utf-8")
    part.replace(folder / ORDER)


def list_files(one: VisitorsBatch) -> Iterator[tuple[Path, str]]:
    """The cut-outs of a batch: each file with its name in an archive."""
    for item in one.batch.journal.list_items("done"):
        file = one.batch.output / item.target
        if file.is_file():
            yield file, item.target
