"""The journal of a clip: its whole segments, with which a run that was stopped or killed goes on."""

import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import as_write_error
from ..base.files import write_part
from .joiner import Segment

FACTS = "facts.json"


class VideoJournal:
    """A folder of whole segments beside the file that they will become.

    A segment is whole once its line is there; what lies there without one is made anew. Segments of another clip, of
    other options or of another version of a model are thrown away.

    Parameters
    ----------
    target
        The file that is to be written.
    facts
        JSON values: all that the segments depend on.

    Attributes
    ----------
    segments
        The whole ones, in order.
    known
        What the networks knew after the last of them.
    """

    def __init__(self, target: Path, facts: dict[str, Any]) -> None:
        self.folder = target.parent / f".clearcut-{target.name}"
        self.segments: list[Segment] = []
        self.known: dict[str, np.ndarray] = {}
        if self._read_facts() == json.loads(json.dumps(facts)):
            self._read_segments()
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            self.folder.mkdir(parents=True)
            write_part(self.folder / FACTS, json.dumps(facts).encode(), lasting=True)
        except OSError as error:
            raise as_write_error(error, target.name) from None

    @property
    def frames(self) -> int:
        """How many frames the whole segments have."""
        return sum(len(segment.times) for segment in self.segments)

    def name_next(self) -> Path:
        """Where the next segment is to be written; what an earlier run left there is deleted."""
        path = self.folder / f"{len(self.segments):06}"
        _delete(path)
        return path

    def add(self, segment: Segment, known: dict[str, np.ndarray]) -> None:
        """Note that a segment is whole, and what the networks know after it."""
        number = f"{len(self.segments):06}"
        buffer = io.BytesIO()
        np.savez(buffer, **known)  # type: ignore[arg-type]
        write_part(self.folder / f"{number}.npz", buffer.getvalue(), lasting=True)
        part = self.folder / f"{number}.part"
        write_part(part, json.dumps({"times": segment.times}).encode(), lasting=True)
        part.replace(self.folder / f"{number}.json")
        if self.segments:  # only the last is gone on with
            _delete(self.folder / f"{len(self.segments) - 1:06}.npz")
        self.segments.append(segment)

    def clear(self) -> None:
        """Delete it all."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read_facts(self) -> Any:
        try:
            return json.loads((self.folder / FACTS).read_bytes())
        except (OSError, ValueError):
            return None

    def _read_segments(self) -> None:
        number = 0
        while (line := self.folder / f"{number:06}.json").exists():
            times = [(ticks, duration) for ticks, duration in json.loads(line.read_bytes())["times"]]
            self.segments.append(Segment(self.folder / f"{number:06}", times))
            number += 1
        if self.segments:
            with np.load(self.folder / f"{number - 1:06}.npz") as known:
                self.known = dict(known)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def stamp_file(path: Path) -> list[Any]:
    """What tells a file from another one: its name, its length and when it was written."""
    facts = os.stat(path)  # noqa: PTH116 - of one that may be a link
    return [path.name, facts.st_size, facts.st_mtime_ns]
