"""What the page has made, kept for a while: the two views that it shows, and how to make the full size."""

import os
import secrets
import shutil
import tempfile
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import ClearcutError, Job, Options, Result, as_clearcut_error, cut_out_file, cutout_name, encode_view


@dataclass(frozen=True)
class Kept:
    """One result of the page, in a folder of its own under a name that cannot be guessed."""

    key: str
    folder: Path
    name: str
    options: Options
    before: str
    made: float = field(default_factory=time.monotonic)

    @property
    def download(self) -> str:
        """Name of the full-size file."""
        return cutout_name(self.name)

    @property
    def full(self) -> Path:
        """Where the full-size file is, once it has been made."""
        return self.folder / "full.png"

    def path(self, name: str) -> Path:
        """Where the file that the page calls `name` is."""
        return self.full if name == self.download else self.folder / name


class Results:
    """Results by key, each for `seconds` after it was made."""

    AFTER = "after.png"
    SOURCE = "source"

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._kept: dict[str, Kept] = {}
        self._coming: dict[str, Future[None]] = {}
        self._threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="clearcut-download")
        self._lock = threading.Lock()

    def keep(self, source: Path, name: str, options: Options, view: Result) -> Kept:
        """Keep the screen-sized `view` of the photo in the file `source`, and what is needed for the full size."""
        folder = Path(tempfile.mkdtemp(prefix="result-"))
        before = encode_view(view.cutout.photo)
        before_name = "before.png" if view.cutout.photo.alpha is not None else "before.jpg"
        (folder / before_name).write_bytes(before)
        (folder / self.AFTER).write_bytes(view.data)
        try:
            os.link(source, folder / self.SOURCE)
        except OSError:
            shutil.copyfile(source, folder / self.SOURCE)
        kept = Kept(secrets.token_urlsafe(16), folder, name, options, before_name)
        with self._lock:
            self._kept[kept.key] = kept
        return kept

    def get(self, key: str, name: str) -> Kept:
        """The result under `key`, if `name` is one of its files. Raises ``expired``."""
        kept = self._find(key)
        if name not in (kept.before, self.AFTER, kept.download):
            raise ClearcutError("expired")
        return kept

    def source(self, key: str) -> Path:
        """The photo that the result under `key` was made from. Raises ``expired``."""
        return self._find(key).folder / self.SOURCE

    def render(self, kept: Kept, max_megapixels: float, most_ahead: int | None = None) -> "Future[None]":
        """Make the full size, by the same path as everywhere, unless it is there or on its way.

        The future raises whatever making it raises: ``busy``, where more than `most_ahead` wait, and its like.
        """
        with self._lock:
            coming = self._coming.get(kept.key)
            if coming is None or (coming.done() and not kept.full.exists()):
                coming = self._threads.submit(_make_full, kept, max_megapixels, Job(most_ahead=most_ahead))
                self._coming[kept.key] = coming
            return coming

    def _find(self, key: str) -> Kept:
        with self._lock:
            kept = self._kept.get(key)
        if kept is None:
            raise ClearcutError("expired")
        return kept

    def sweep(self) -> None:
        """Delete what has been kept long enough, and uploads and other files of this run that nobody has used since."""
        with self._lock:
            old = [key for key, kept in self._kept.items() if time.monotonic() - kept.made > self.seconds]
            folders = [self._kept.pop(key).folder for key in old]
            for key in old:
                self._coming.pop(key, None)
            alive = {kept.folder for kept in self._kept.values()}
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        uploads = os.environ.get("GRADIO_TEMP_DIR")
        for entry in Path(uploads).rglob("*") if uploads else ():
            if entry not in alive and entry.is_file() and time.time() - entry.stat().st_mtime > self.seconds:
                entry.unlink(missing_ok=True)


def _make_full(kept: Kept, max_megapixels: float, job: Job) -> None:
    data = (kept.folder / Results.SOURCE).read_bytes()
    result = cut_out_file(data, kept.options, name=kept.name, max_megapixels=max_megapixels, job=job)
    part = kept.full.with_suffix(".part")
    try:
        part.write_bytes(result.data)
        part.replace(kept.full)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise as_clearcut_error(error, name=kept.download) from error
