"""The segments of a clip that are whole, in a folder that several processes may write to."""

import io
import json
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..base.files import write_part
from ..pixels.geometry import Size


class Segment(NamedTuple):
    """A whole segment.

    Attributes
    ----------
    path
        Of its file, or of its folder of pictures.
    first
        The number of its first frame.
    times
        Ticks and duration of each frame.
    size
        Width and height of what a frame has become.
    warnings
        Codes of what is to be told of its frames.
    """

    path: Path
    first: int
    times: list[tuple[int, int]]
    size: Size = (0, 0)
    warnings: tuple[str, ...] = ()

    @property
    def end(self) -> int:
        """The number of the frame after its last."""
        return self.first + len(self.times)


class SegmentStore:
    """Segments in `folder`, called by the number of their first frame.

    A segment is whole once its line is there. Where two processes make the same, as after the death of one that was not
    noticed at once, either may win: both are whole, and alike.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def follow(self, first: int, end: int | None = None) -> list[Segment]:
        """The whole segments from frame `first` on that follow one another without a gap, up to frame `end`."""
        segments = list[Segment]()
        while (end is None or first < end) and (segment := self._read(first)):
            segments.append(segment)
            first = segment.end
        return segments

    def count_frames(self) -> int:
        """How many frames all whole segments have."""
        numbers = [int(line.stem) for line in self.folder.glob("[0-9]*.json")]
        return sum(len(segment.times) for segment in map(self._read, numbers) if segment)

    def read_known(self, segment: Segment) -> dict[str, np.ndarray]:
        """What the networks knew after a segment; only of the last of those that follow one another."""
        with np.load(self._name(segment.first, ".npz")) as known:
            return dict(known)

    def name_part(self) -> Path:
        """A new name for a segment on its way."""
        return self.folder / f"{secrets.token_hex(8)}.part"

    def add(self, segment: Segment, known: Mapping[str, np.ndarray], before: Segment | None) -> Segment:
        """Put a whole segment, the one after `before`, in its place, with what the networks know after it."""
        first = segment.first
        placed = segment._replace(path=self._name(first, ""))
        buffer = io.BytesIO()
        np.savez(buffer, **known)  # type: ignore[arg-type]
        self._write(self._name(first, ".npz"), buffer.getvalue())
        delete(placed.path)
        segment.path.replace(placed.path)
        line = {"times": segment.times, "size": segment.size, "warnings": segment.warnings}
        self._write(self._name(first, ".json"), json.dumps(line).encode())
        if before:  # only after the last is gone on
            delete(self._name(before.first, ".npz"))
        return placed

    def _name(self, first: int, ending: str) -> Path:
        return self.folder / f"{first:06}{ending}"

    def _read(self, first: int) -> Segment | None:
        path, line = self._name(first, ""), self._name(first, ".json")
        if not (line.exists() and path.exists()):
            return None
        told = json.loads(line.read_bytes())
        times = [(ticks, duration) for ticks, duration in told["times"]]
        width, height = told["size"]
        return Segment(path, first, times, (width, height), tuple(told["warnings"]))

    def _write(self, path: Path, data: bytes) -> None:
        part = self.name_part()
        write_part(part, data, lasting=True)
        part.replace(path)


def delete(path: Path) -> None:
    """Delete a file, or a folder of files, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
