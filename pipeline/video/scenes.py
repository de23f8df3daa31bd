"""A clip in stretches that need not know of one another: each begins at a scene cut, where memory ends anyhow."""

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import NamedTuple
from zlib import crc32

import numpy as np

from ..base.errors import ClearcutError
from .clip import Frame
from .cuts import CutDetector
from .formats import GOP
from .order import VideoOrder, read_frames
from .reader import Reader

LEAST = 2 * GOP  # frames of a stretch, unless it is the last: opening a clip and loading a network take their time, too


class Stretch(NamedTuple):
    """Frames one after another that can be made without those before.

    Attributes
    ----------
    first
        The number of the first one.
    times
        Ticks and duration of each; None: to the end of the clip, however long that is.
    checksum
        Of the first one's colours.
    """

    first: int = 0
    times: list[tuple[int, int]] | None = None
    checksum: int = 0

    @property
    def end(self) -> int | None:
        """The number of the frame after the last one; None where nobody knows."""
        return None if self.times is None else self.first + len(self.times)


def find_stretches(reader: Reader, order: VideoOrder, look: Callable[[], object]) -> Iterator[Stretch]:
    """The stretches of a clip, each as soon as it is known; `look` is called after each frame."""
    detector, first, times, checksum = CutDetector(), 0, list[tuple[int, int]](), 0
    for frame in read_frames(reader, order):
        rgb = frame.load().rgb
        if detector.is_cut(rgb) and len(times) >= LEAST:
            yield Stretch(first, times, checksum)
            first, times = frame.number, []
        if not times:
            checksum = _sum_up(rgb)
        times.append((frame.ticks, frame.duration))
        look()
    if times:
        yield Stretch(first, times, checksum)


def read_stretch(reader: Reader, order: VideoOrder, stretch: Stretch) -> Iterator[Frame]:
    """The frames of a stretch.

    The clip is entered at its first one if that leads to the very picture that reading from the start does: not so
    where a file has a wrong index, or a decoder needs more than the last whole picture.

    Raises
    ------
    ClearcutError
        ``file_changed`` where its frames are at other times than they were.
    """
    if stretch.times is None:
        yield from read_frames(reader, order, stretch.first)
        return
    frames = read_frames(reader, order, stretch.first, stretch.times[0][0])
    begin = next(frames, None)
    if begin is None or (begin.ticks, _sum_up(begin.load().rgb)) != (stretch.times[0][0], stretch.checksum):
        frames = islice(read_frames(reader, order), stretch.first, None)
        begin = next(frames, None)
    told = iter(stretch.times)
    for frame, time in zip(chain([] if begin is None else [begin], frames), told, strict=False):
        if (frame.ticks, frame.duration) != time:
            raise ClearcutError("file_changed", name=reader.clip.name)
        yield frame
    if next(told, None):
        raise ClearcutError("file_changed", name=reader.clip.name)


def _sum_up(rgb: np.ndarray) -> int:
    return crc32(np.ascontiguousarray(rgb).data)
