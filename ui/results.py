"""What the page has made, kept for a while: the views that it shows, and how to make the full size."""

import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import (
    ClearcutError,
    InputFiles,
    Job,
    Marks,
    Options,
    Result,
    Runtime,
    as_clearcut_error,
    cut_out_file,
    encode_matte,
    encode_trimap,
    encode_view,
    make_trimap,
)

MOST_A_VISITOR = 12  # results: while a slider moves they come by the dozen, and only the newest are looked at


@dataclass(frozen=True)
class Beside:
    """What a photo is cut out with, beside its options: files of the picture behind it and of its trimap, and marks."""

    behind: Path | None = None
    trimap: Path | None = None
    marks: Marks | None = None


@dataclass(frozen=True)
class Kept:
    """One result of the page, in a folder of its own under a name that cannot be guessed."""

    key: str
    folder: Path
    name: str
    options: Options
    before: str
    download: str
    beside: Beside
    made: float = field(default_factory=time.monotonic)

    @property
    def views(self) -> tuple[str, ...]:
        """The files that are there from the start."""
        return self.before, Results.AFTER, Results.MATTE, *([Results.TINT] if self.beside.trimap else [])

    @property
    def rendered(self) -> tuple[str, ...]:
        """The files at full size, made when somebody asks: the download, a PNG to look at closely, the trimap."""
        return self.download, Results.CLOSE, Results.TRIMAP

    def path(self, name: str) -> Path:
        """Where the file that the page calls `name` is, once it has been made."""
        if name not in (self.download, Results.CLOSE):
            return self.folder / name
        same = self._options_for(name) == self.options
        return self.folder / (f"full-{self.options.format}" if same else "close-png")

    def _options_for(self, name: str) -> Options:
        if name == self.download or self.options.format == "matte":  # the mask is a PNG, to be looked at as it is
            return self.options
        looks: dict[str, object] = {"format": "png"}
        if self.options.file_format.is_bare:
            looks |= {"background": "transparent", "shadow": "none", "outline": 0.0}
        elif self.options.file_format.is_opaque and self.options.background == "transparent":
            looks |= {"background": "color"}
        return self.options.model_copy(update=looks)

    def make(self, name: str, runtime: Runtime, job: Job) -> None:
        """Make the full size, by the same path as everywhere."""
        files = self._read_files()
        try:
            if name == Results.TRIMAP:
                data = make_trimap(files, self.options, runtime, job=job)
            else:
                data = cut_out_file(files, self._options_for(name), runtime, job=job).data
        except ClearcutError:
            if job.cancelled:  # there are newer results, or the server stops
                raise ClearcutError("expired") from None
            raise
        path = self.path(name)
        part = path.with_suffix(".part")
        try:
            part.write_bytes(data)
            part.replace(path)
        except FileNotFoundError:  # its folder has gone meanwhile, for newer results
            raise ClearcutError("expired") from None
        except OSError as error:
            part.unlink(missing_ok=True)
            raise as_clearcut_error(error, name=self.download) from error

    def _read_files(self) -> InputFiles:
        """All that it was made from. Raises ``expired``."""
        marks = self.beside.marks.model_dump_json().encode() if self.beside.marks else None
        try:
            data = (self.folder / Results.SOURCE).read_bytes()
            behind = (self.folder / Results.BEHIND).read_bytes() if self.beside.behind else None
            trimap = (self.folder / Results.GIVEN).read_bytes() if self.beside.trimap else None
        except FileNotFoundError:  # meanwhile there were newer ones, or it was forgotten
            raise ClearcutError("expired") from None
        return InputFiles(data, behind, self.name, marks=marks, trimap=trimap)


class Results:
    """Results by key, each for `seconds` after it was made, and no more than `MOST_A_VISITOR` of one visitor."""

    AFTER, MATTE, CLOSE = "after.png", "matte.png", "close.png"
    TRIMAP, TINT = "trimap.png", "tint.png"  # at full size, and at that of the screen to be laid over the photo
    SOURCE, BEHIND, GIVEN = "source", "behind", "given"

    def __init__(self, runtime: Runtime, seconds: float, uploads: Path | None = None) -> None:
        self.seconds, self._runtime, self._uploads = seconds, runtime, uploads
        self._kept: dict[str, Kept] = {}
        self._of: dict[str, list[str]] = {}
        self._coming: dict[tuple[str, str], tuple[Future[None], Job]] = {}
        self._threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="clearcut-download")
        self._lock = threading.Lock()
        self.swept_too: list[Callable[[], None]] = []

    def keep(
        self,
        visitor: str,
        source: Path,
        name: str,
        options: Options,
        view: Result,
        beside: Beside = Beside(),
    ) -> Kept:
        """Keep the screen-sized `view` of the photo in the file `source`, and what is needed for the full size.

        Raises ``expired`` where the file has gone, and whatever a full disk raises; nothing stays behind then.
        """
        picture = view.cutout.picture
        before = picture.frame_photo()
        before_name = "before.jpg" if before.alpha is None else "before.png"
        folder = Path(tempfile.mkdtemp(prefix="result-"))
        try:
            (folder / before_name).write_bytes(encode_view(before))
            (folder / self.AFTER).write_bytes(view.data)
            (folder / self.MATTE).write_bytes(encode_matte(picture.matte))
            _link(source, folder / self.SOURCE)
            if view.cutout.trimap is not None:
                (folder / self.TINT).write_bytes(encode_trimap(view.cutout.trimap, view.cutout.photo.size))
            for file, copy in ((beside.behind, self.BEHIND), (beside.trimap, self.GIVEN)):
                if file:
                    _link(file, folder / copy)
        except FileNotFoundError:
            _delete([folder])
            raise ClearcutError("expired") from None
        except BaseException:
            _delete([folder])
            raise
        kept = Kept(secrets.token_urlsafe(16), folder, name, options, before_name, view.name, beside)
        with self._lock:
            self._kept[kept.key] = kept
            mine = self._of.setdefault(visitor, [])
            mine.append(kept.key)
            gone = [self._drop(key) for key in mine[:-MOST_A_VISITOR]]
            del mine[:-MOST_A_VISITOR]
        _delete(gone)
        return kept

    def get(self, key: str, name: str) -> Kept:
        """The result under `key`, if `name` is one of its files. Raises ``expired``."""
        kept = self.find(key)
        if name not in (*kept.views, *kept.rendered):
            raise ClearcutError("expired")
        return kept

    def source(self, key: str) -> Path:
        """The photo that the result under `key` was made from. Raises ``expired``."""
        return self.find(key).folder / self.SOURCE

    def render(self, kept: Kept, name: str, most_ahead: int | None = None) -> "Future[None]":
        """Make one of the files at full size, unless it is there or on its way.

        The future raises whatever making it raises: ``busy``, where more than `most_ahead` wait, and its like.
        """
        which = kept.key, kept.path(name).name
        with self._lock:
            coming, _ = self._coming.get(which, (None, None))
            if coming is None or (coming.done() and not kept.path(name).exists()):
                job = Job(most_ahead=most_ahead)
                coming = self._threads.submit(kept.make, name, self._runtime, job)
                self._coming[which] = coming, job
            return coming

    def find(self, key: str) -> Kept:
        """The result under `key`. Raises ``expired``."""
        with self._lock:
            kept = self._kept.get(key)
        if kept is None:
            raise ClearcutError("expired")
        return kept

    def _drop(self, key: str) -> Path | None:
        kept = self._kept.pop(key, None)
        for which in [each for each in self._coming if each[0] == key]:
            self._coming.pop(which)[1].cancel()
        return kept.folder if kept else None

    def forget(self, visitor: str) -> None:
        """Delete the results of one visitor."""
        with self._lock:
            folders = [self._drop(key) for key in self._of.pop(visitor, [])]
        _delete(folders)

    def stop(self) -> None:
        """Stop all that is being made, as the server does when it ends."""
        with self._lock:
            for _, job in self._coming.values():
                job.cancel()

    def drop(self, key: str) -> None:
        """Delete one result."""
        with self._lock:
            folder = self._drop(key)
            for keys in self._of.values():
                if key in keys:
                    keys.remove(key)
        _delete([folder])

    def sweep(self) -> None:
        """Delete what has been kept long enough, and uploads and other files of this run that nobody has used since."""
        with self._lock:
            old = [key for key, kept in self._kept.items() if time.monotonic() - kept.made > self.seconds]
            folders = [self._drop(key) for key in old]
            left = {visitor: [key for key in keys if key in self._kept] for visitor, keys in self._of.items()}
            self._of = {visitor: keys for visitor, keys in left.items() if keys}
        _delete(folders)
        for sweep in self.swept_too:
            sweep()
        for entry in self._uploads.rglob("*") if self._uploads else ():
            if entry.is_file() and time.time() - entry.stat().st_mtime > self.seconds:
                entry.unlink(missing_ok=True)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _delete(folders: list[Path | None]) -> None:
    for folder in folders:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
