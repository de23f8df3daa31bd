"""The journal of a clip: its whole segments, with which a run that was stopped or killed goes on."""

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ..base.errors import ClearcutError, as_write_error
from ..base.files import write_part
from .glimpse import FILE
from .segment_store import SegmentStore, delete

FACTS, LOCK = "facts.json", "run.lock"
GRACE = 2.0  # seconds that the process of a run which was killed just now may take to end
WHOLE = ("", ".json", ".npz")  # endings of what is not half, nor of the last run alone


class VideoJournal:
    """A folder of whole segments beside the file that they will become, which belongs to one run at a time.

    What lies there half is made anew. Segments of another clip, of other options or of another version of a model are
    thrown away.

    Parameters
    ----------
    target
        The file that is to be written.
    facts
        JSON values: all that the segments depend on.

    Attributes
    ----------
    segments
        The whole ones.

    Raises
    ------
    ClearcutError
        ``video_running`` where another process works on this file, ``disk_full``, ``write_failed``.
    """

    def __init__(self, target: Path, facts: dict[str, Any]) -> None:
        self.folder = _name_folder(target)
        self.segments = SegmentStore(self.folder)
        self._lock = FileLock(self.folder / LOCK, thread_local=False)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=GRACE)
            self._begin(facts)
        except Timeout:
            raise ClearcutError("video_running", name=target.name) from None
        except OSError as error:
            self._lock.release()
            raise as_write_error(error, target.name) from None

    def _begin(self, facts: dict[str, Any]) -> None:
        goes_on = self._read_facts() == json.loads(json.dumps(facts))
        for path in self.folder.iterdir():
            if path.name != LOCK and not (goes_on and path.suffix in WHOLE):
                delete(path)
        if not goes_on:
            write_part(self.folder / FACTS, json.dumps(facts).encode(), lasting=True)

    def clear(self) -> None:
        """Delete it all."""
        shutil.rmtree(self.folder, ignore_errors=True)  # also the lock: who waits for it sees that it is none any more

    def close(self) -> None:
        """Let another run have it."""
        self._lock.release()
        if os.name == "nt" and not (self.folder / FACTS).exists():  # there it could not be deleted while it was held
            with suppress(OSError):
                (self.folder / LOCK).unlink(missing_ok=True)
                self.folder.rmdir()

    def _read_facts(self) -> Any:
        try:
            return json.loads((self.folder / FACTS).read_bytes())
        except (OSError, ValueError):
            return None


def read_glimpse(target: Path) -> bytes | None:
    """The newest frame of the clip that becomes the file `target`: a JPEG, or a PNG; None before the first."""
    try:
        return (_name_folder(target) / FILE).read_bytes()
    except OSError:
        return None


def _name_folder(target: Path) -> Path:
    return target.parent / f".clearcut-{target.name}"


def stamp_file(path: Path) -> list[Any]:
    """What tells a file from another one: its name, its length and when it was written."""
    facts = os.stat(path)  # noqa: PTH116 - of one that may be a link
    return [path.name, facts.st_size, facts.st_mtime_ns]
