"""What comes after the network: each frame through the stages of a still picture, with one frame for the whole clip."""

from collections.abc import Callable, Iterator
from contextlib import closing
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from ..base.jobs import Job
from ..cutout import decode_background
from ..edges.marks import Marks
from ..inference.predict import PredictionResult
from ..inference.runtime import Runtime
from ..inputs import Cutout, Inputs
from ..memo import Clock
from ..options.options import Options
from ..pixels.image_io import Photo
from ..stages import run_stages
from .clip import Limits
from .order import VideoOrder, read_frames
from .predictor import ClipPredictor
from .reader import Reader, is_clip

LOOKS = 5  # frames a second of which the extent is made
FRAMED = ("crop", "canvas", "outline", "shadow", "scale", "offset_x", "offset_y")  # options that go by the subject


class Backdrop(Protocol):
    """A background picture that may change with time."""

    def pick(self, second: Fraction) -> Photo | None:
        """The picture at a second of the new clip; asked for in order."""


class StillBackdrop:
    """One picture, or none."""

    def __init__(self, photo: Photo | None) -> None:
        self._photo = photo

    def pick(self, second: Fraction) -> Photo | None:
        """The picture."""
        return self._photo


class ClipBackdrop:
    """Another clip, from its beginning again where it is shorter."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._frames = self._repeat()
        self._end = Fraction(0)
        self._photo: Photo | None = None

    def pick(self, second: Fraction) -> Photo | None:
        """Its picture at that second."""
        load = None
        while self._end <= second:
            self._end, load = next(self._frames)
        if load:
            self._photo = load()
        return self._photo

    def _repeat(self) -> Iterator[tuple[Fraction, Callable[[], Photo]]]:
        begin, base = Fraction(0), self._reader.clip.time_base
        while True:
            end = begin
            for frame in self._reader.read():
                end = begin + (frame.ticks + frame.duration) * base
                yield end, frame.load
            begin = end


def open_backdrop(path: Path | None, runtime: Runtime) -> Backdrop:
    """The background in a file: of a picture or of a clip. Raises as `decode` and `Reader`."""
    if path is None:
        return StillBackdrop(None)
    if is_clip(path):
        return ClipBackdrop(Reader(path, Limits(megapixels=runtime.settings.max_megapixels)))
    return _open_picture(path, runtime)


def peek_backdrop(path: Path, second: float, runtime: Runtime) -> Photo | None:
    """The background in a file at a second of the new clip. Raises as `open_backdrop`."""
    if not is_clip(path):
        return _open_picture(path, runtime).pick(Fraction(0))
    with closing(Reader(path)) as reader:
        return reader.peek(second % reader.clip.seconds if reader.clip.seconds else 0.0)


def _open_picture(path: Path, runtime: Runtime) -> StillBackdrop:
    limits = runtime.settings.max_megapixels, runtime.settings.max_frames
    return StillBackdrop(decode_background(path.read_bytes(), path.name, *limits))


class Finisher:
    """Finishes the frames of a clip, from the prediction to the picture.

    Parameters
    ----------
    extent
        Where the subject is over the whole clip, where options go by it.
    """

    def __init__(self, options: Options, runtime: Runtime, job: Job, extent: np.ndarray | None = None) -> None:
        self._options, self._runtime, self._job, self._extent = options, runtime, job, extent

    def finish(
        self,
        photo: Photo,
        predicted: PredictionResult,
        background: Photo | None = None,
        marks: Marks | None = None,
    ) -> Cutout:
        """The cut-out of one frame."""
        inputs = Inputs(photo, background, marks, predicted=predicted, extent=self._extent)
        return run_stages(inputs, self._options, self._runtime, self._job, Clock(), cache=False)


def wants_extent(options: Options) -> bool:
    """Whether an option goes by where the subject is, or by its size."""
    return any(getattr(options, name) != type(options).model_fields[name].default for name in FRAMED)


def find_extent(reader: Reader, order: VideoOrder, options: Options, runtime: Runtime, job: Job) -> np.ndarray:
    """Where the subject is over a whole clip: ``(h, w)`` uint8, from some frames a second; `options` name their model.

    The options' crop, canvas and effects are left out; they are what it decides.
    """
    plain = options.keep_read_by("find", "matte", "edges").model_copy(update={"decontaminate": False})
    predictor, finisher = ClipPredictor(options, runtime, job, smooth=False), Finisher(plain, runtime, job)
    step, extent = max(1, round((order.fps or reader.clip.rate) / LOOKS)), np.zeros((1, 1), np.uint8)
    marks = order.open_marks(reader)
    for number, frame in enumerate(islice(read_frames(reader, order), 0, None, step)):
        photo = frame.load()
        predicted = predictor.predict(photo)
        if predictor.scene == number:
            marks.enter(frame.ticks)
        seen = finisher.finish(photo, predicted, marks=marks.pick(frame)).overview
        extent = seen if extent.shape != seen.shape else cv2.max(extent, seen)
    return extent
