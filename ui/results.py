"""What the page has made, kept for a while: the two views that it shows, and how to make the full size."""

import mimetypes
import os
import secrets
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import ClearcutError, Options, Result, cut_out_file, cutout_name, encode_view


@dataclass(frozen=True)
class Kept:
    """One result of the page, in a folder of its own under a name that cannot be guessed."""

    key: str
    folder: Path
    name: str
    options: Options
    before: str
    made: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def download(self) -> str:
        """Name of the full-size file."""
        return cutout_name(self.name)


class Results:
    """Results by key, each for `seconds` after it was made."""

    AFTER = "after.png"
    SOURCE = "source"

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._kept: dict[str, Kept] = {}
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

    def open(self, key: str, name: str, max_megapixels: float) -> tuple[Path, str, bool]:
        """File, media type and whether it is for showing, of one file of the result under `key`.

        The full size is made when it is first asked for, by the same path as everywhere, and then kept.

        Raises
        ------
        ClearcutError
            ``expired``, or whatever making the full size raises.
        """
        with self._lock:
            kept = self._kept.get(key)
        if kept is None or name not in (kept.before, self.AFTER, kept.download):
            raise ClearcutError("expired")
        shown = name != kept.download
        path = kept.folder / (name if shown else "full.png")
        if not shown:
            with kept.lock:
                if not path.exists():
                    data = (kept.folder / self.SOURCE).read_bytes()
                    full = cut_out_file(data, kept.options, name=kept.name, max_megapixels=max_megapixels)
                    part = path.with_suffix(".part")
                    part.write_bytes(full.data)
                    part.replace(path)
        return path, mimetypes.guess_type(path.name)[0] or "application/octet-stream", shown

    def sweep(self) -> None:
        """Delete what has been kept long enough, and uploads and other files of this run that nobody has used since."""
        with self._lock:
            old = [key for key, kept in self._kept.items() if time.monotonic() - kept.made > self.seconds]
            folders = [self._kept.pop(key).folder for key in old]
            alive = {kept.folder for kept in self._kept.values()}
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        uploads = os.environ.get("GRADIO_TEMP_DIR")
        for entry in Path(uploads).rglob("*") if uploads else ():
            if entry not in alive and entry.is_file() and time.time() - entry.stat().st_mtime > self.seconds:
                entry.unlink(missing_ok=True)
