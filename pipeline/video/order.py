"""What is to be made of a clip, and those of its frames that are wanted."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from ..options.options import Options
from .clip import Clip, Frame, Limits
from .formats import VideoFormat
from .reader import Reader
from .timed_marks import SceneMarks, TimedMarks

SURELY = 0.98  # of the frames that a clip says it has, which it rounds


@dataclass(frozen=True)
class VideoOrder:
    """What is to be made of a clip.

    Attributes
    ----------
    options
        As for a still picture; ``format`` is that of the file.
    format
        Of the new file.
    start, end
        Seconds of the clip between which it is wanted.
    fps
        Frames a second of the new file; None: each frame at its own time.
    smooth
        Whether a network without a memory is made steady in time.
    background
        The file of a picture or of a clip for ``background=image``.
    limits
        How long and how large the clip may be.
    marks
        What a person has drawn on frames.
    """

    options: Options
    format: VideoFormat
    start: float = 0.0
    end: float | None = None
    fps: Fraction | None = None
    smooth: bool = True
    background: Path | None = None
    limits: Limits = field(default_factory=Limits)
    marks: tuple[TimedMarks, ...] = ()

    def count_frames(self, clip: Clip) -> int | None:
        """How many frames there will be, about, as the clip's own facts say; None where they do not."""
        end = self.end if clip.seconds is None else min(self.end or clip.seconds, clip.seconds)
        return None if end is None else max(1, round((end - self.start) * (self.fps or clip.rate)))

    def check_frames(self, clip: Clip) -> None:
        """Raise ``too_many_frames`` where there will surely be too many, before any is decoded."""
        number = self.count_frames(clip)
        if number is not None:
            self.limits.check_length(0, round(number * SURELY), clip.name)

    def find_base(self, reader: Reader) -> Fraction:
        """Seconds of a tick of the new file."""
        return 1 / self.fps if self.fps else reader.clip.time_base

    def open_marks(self, reader: Reader) -> SceneMarks:
        """The marks of frames. Raises ``bad_marks`` where they were drawn on another size."""
        for each in self.marks:
            each.marks.check_size(reader.clip.size)
        begin = reader.find_start(self.start) if self.marks else 0.0
        return SceneMarks(self.marks, self.find_base(reader), begin)


def read_frames(reader: Reader, order: VideoOrder, first: int = 0, ticks: int = 0) -> Iterator[Frame]:
    """The frames that are wanted, from number `first` on, which is shown at `ticks`; the file is entered there."""
    frames = reader.read(order.start, order.end, ticks * order.find_base(reader))
    if order.fps:
        return _bound(resample(frames, reader.clip.time_base, order.fps, first), order.limits, reader.clip.name)
    return (replace(frame, number=first + frame.number) for frame in frames)


def _bound(frames: Iterator[Frame], limits: Limits, name: str) -> Iterator[Frame]:
    for frame in frames:
        limits.check_length(0, frame.number + 1, name)
        yield frame


def resample(frames: Iterator[Frame], time_base: Fraction, fps: Fraction, first: int = 0) -> Iterator[Frame]:
    """Frames at a steady rate, from moment `first` on: at each that which is shown then; ticks are moments."""
    number = first
    for frame in frames:
        end = (frame.ticks + frame.duration) * time_base * fps
        while number < end:
            yield Frame(number, number, 1, frame.load)
            number += 1
