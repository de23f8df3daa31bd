"""A batch of a visitor, in a folder of its own: uploads, what is asked for, cut-outs."""

import json
import secrets
import threading
import time
from collections import Counter, deque
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
    as_clearcut_error,
    clean_name,
    describe_item,
    find_items,
    is_archive,
    locate_unpacked,
)

from .forms import BEHIND, Changes, Sent
from .settings import ServerSettings

ORDER = "order.json"
PHOTOS = "photos"
LATEST = 50  # photos of which the rate is made
DAY = 86_400.0


class VisitorsBatch:
    """A batch in `folder`: uploads in ``photos``, what was asked for in ``order.json``, cut-outs in ``cutouts``."""

    def __init__(self, folder: Path, settings: ServerSettings) -> None:
        self.id, self.folder, self.settings = folder.name, folder, settings
        try:
            known = json.loads((folder / ORDER).read_text("utf-8"))
            self.values: dict[str, Any] = known["values"]
            self.paused: bool = known["paused"]
            self.background = _find_background(folder, known)
        except (OSError, ValueError, LookupError):
            raise ClearcutError("expired") from None
        self.times: deque[float] = deque(maxlen=LATEST)
        self.running = threading.Lock()  # held while workers are at it
        self.used = time.monotonic()
        self.error: ClearcutError | None = None  # that stopped it
        self.wants_workers_anew = False
        self._changing = threading.Lock()  # held while files are exchanged for others
        self.batch = self._open()
        self._bytes = self._measure()
        self.batch.settle()
        self.batch.reopen()

    def _open(self) -> Batch:
        picture = self.background
        order = Order(self.values, picture.read_bytes(), picture.name) if picture else Order(self.values)
        return Batch(self.folder / "cutouts", order, self.settings)

    @staticmethod
    def begin(folder: Path, values: dict[str, Any], background: Sent | None) -> None:
        """Make the folder of a new batch. Raises as `Options.of`, before anything is written."""
        Order(values, background and background.data).make_options()
        (folder / PHOTOS).mkdir(parents=True)
        _write_order(folder, values, background and _put(folder, background))

    def save(self) -> None:
        """Note what is asked for, so that a server that is started anew goes on with it."""
        _write_order(self.folder, self.values, self.background, paused=self.paused)

    def change(self, changes: Changes) -> None:
        """Do all photos anew with other options, or another picture behind. Raises as `change_item`."""
        with self._changing:
            values = self.values if changes.options is None else changes.options
            order, picture = self.batch.order._replace(values=values), self.background
            sent = changes.files.get(BEHIND)
            if BEHIND in changes.files:
                order = order._replace(background=sent and sent.data, background_name=sent.name if sent else "")
            order.make_options()
            self._require_room(len(sent.data) if sent else 0)
            if BEHIND in changes.files:
                picture = sent and _put(self.folder, sent)
            self.wants_workers_anew = True  # so that none begins what is no longer wanted
            self.batch.change_order(order)
            before, self.values, self.background = self.background, values, picture
            self.save()
            if before and before != picture:
                discard_upload(before)
            self._bytes = self._measure()

    def change_item(self, item: BatchItem, changes: Changes) -> None:
        """Do a photo anew with options and files of its own. Raises as `Options.of`, ``batch_too_large``."""
        with self._changing:
            self._require_room(sum(len(sent.data) for sent in changes.files.values() if sent))
            kept = {name: path for name, path in item.beside.items() if name not in changes.files}
            new = {name: str(_put(self.folder, sent)) for name, sent in changes.files.items() if sent}
            options = item.options if changes.options is None else changes.options
            try:
                self.batch.change_item(item.number, options, kept | new)
            except ClearcutError:
                for path in new.values():
                    discard_upload(Path(path))
                raise
            for path in set(item.beside.values()) - set(kept.values()):
                discard_upload(Path(path))
            self._bytes = self._measure()

    @property
    def state(self) -> str:
        """``running``, ``waiting`` for other batches, ``paused`` or ``done``."""
        if not self.batch.journal.count()["waiting"] and not self.batch.working:
            return "done"
        return "paused" if self.paused else "running" if self.batch.working else "waiting"

    def add_file(self, name: str) -> Path:
        """A place for an upload called `name`, which may be a relative path; what of it is unsafe is left out."""
        return _make_place(self.folder, name)

    def note_files(self, files: list[tuple[Path, str]]) -> None:
        """Add uploads, each a file with its name in the batch.

        Raises
        ------
        ClearcutError
            ``too_many_photos``, ``batch_too_large``, and those of archives.
        """
        with self._changing:
            try:
                self._require_room(sum(file.stat().st_size for file, _ in files))
                self._bytes = self._measure()
                self._note_files(files)
            except ClearcutError:
                for file, _ in files:
                    discard_upload(file)
                    locate_unpacked(file, self.batch.scratch).unlink(missing_ok=True)
                raise
            finally:
                self._bytes = self._measure()

    def _note_files(self, files: list[tuple[Path, str]]) -> None:
        limit, left_out = self.settings.most_batch_photos, Counter(self.batch.journal.get_fact("left_out") or {})
        if limit is None:
            self.batch.add(self._find(files, left_out))
        else:
            room = limit - self.batch.count_all()
            found = list(islice(self._find(files, left_out), max(room, 0) + 1))
            if len(found) > room:
                raise ClearcutError("too_many_photos", limit=limit)
            self.batch.add(found)
        self.batch.journal.set_fact("left_out", left_out)

    def _find(self, files: list[tuple[Path, str]], left_out: Counter[str]) -> Iterator[Found]:
        for file, name in files:
            if is_archive(file.name):
                yield from find_items([str(file)], self.batch.output, self.batch.scratch, self.room, left_out)
            else:
                yield Found(Source(str(file)), name)

    @property
    def room(self) -> int | None:
        """How many bytes more it may take on the disk, beside its cut-outs; None without limit."""
        limit = self.settings.most_batch_mb
        return None if limit is None else max(0, int(limit * 1e6) - self._bytes)

    def _require_room(self, size: int) -> None:
        if self.room is not None and size > self.room:
            facts = {"limit": self.settings.most_batch_mb, "room": round(self.room / 1e6, 1)}
            raise ClearcutError("batch_too_large", **facts)

    def _measure(self) -> int:
        """What uploads, and archives unpacked, take on the disk; 0 where nobody asks."""
        if self.settings.most_batch_mb is None:
            return 0
        files = (path for folder in (self.folder / PHOTOS, self.batch.scratch) for path in folder.rglob("*"))
        return sum(path.stat().st_size for path in files if path.is_file())

    def remove(self, number: int) -> None:
        """Forget a photo, and delete it where it came as a file of its own, with what went with it."""
        item = self.batch.journal.get(number)
        self.batch.remove(number)
        if item is None:
            return
        with self._changing:
            own = [] if item.source.member else [item.source.path]
            for path in (*own, *item.beside.values()):
                discard_upload(Path(path))
            self._bytes = self._measure()

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
            "left_out": self.batch.journal.get_fact("left_out") or {},
            "revision": self.batch.journal.revision,
            "limit": self.settings.most_batch_photos,
            "limit_mb": self.settings.most_batch_mb,
            "room": self.room,
            "background_image": self.background and tell_file(self.background, f"api/batches/{self.id}/{BEHIND}"),
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
            "beside": {name: tell_file(Path(path), f"{here}/{name}") for name, path in item.beside.items()},
            "thumbnail": f"{here}/thumbnail?{item.revision}" if is_done else None,
            "photo": f"{here}/photo",
            "cutout": here if is_done else None,
            "file": item.target.rpartition("/")[2],
            "revision": item.revision,
        }

    def close(self) -> None:
        """Let go of the folder."""
        self.batch.close()


def tell_file(file: Path, url: str) -> dict[str, Any]:
    """What is told of a file that goes with a photo or a video; that it is gone is told to who asks for it."""
    return {"name": file.name, "bytes": file.stat().st_size if file.exists() else 0, "url": url}


def _make_place(folder: Path, name: str) -> Path:
    """A place in the batch's folder for a file called `name`; what of the name is unsafe is left out."""
    parts = [clean_name(part) or "_" for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    place = folder / PHOTOS / secrets.token_hex(8)
    place.mkdir()
    return place / (parts[-1] if parts else "photo")


def _put(folder: Path, sent: Sent) -> Path:
    """Write what was sent into the batch's folder. Raises ``disk_full``, ``write_failed``."""
    place = _make_place(folder, sent.name)
    try:
        place.write_bytes(sent.data)
    except OSError as error:
        discard_upload(place)
        raise as_clearcut_error(error, name=place.name) from None
    return place


def _find_background(folder: Path, known: dict[str, Any]) -> Path | None:
    """The file of the picture behind all subjects, as the order has noted it."""
    return folder / PHOTOS / known["background"] if known.get("background") else None


def discard_upload(file: Path) -> None:
    """Delete a file that was uploaded, with the folder that was made for it."""
    with suppress(OSError):
        file.unlink()
        file.parent.rmdir()


def _write_order(folder: Path, values: dict[str, Any], background: Path | None, *, paused: bool = False) -> None:
    picture = background and background.relative_to(folder / PHOTOS).as_posix()
    part = folder / f"{ORDER}.part"
    part.write_text(json.dumps({"values": values, "paused": paused, "background": picture}), "utf-8")
    part.replace(folder / ORDER)


def list_files(one: VisitorsBatch) -> Iterator[tuple[Path, str]]:
    """The cut-outs of a batch: each file with its name in an archive."""
    for item in one.batch.journal.list_items("done"):
        file = one.batch.output / item.target
        if file.is_file():
            yield file, item.target
