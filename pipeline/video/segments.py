"""Segments made: decoding, network, edges and encoding of a stretch overlap."""

from collections.abc import Callable, Iterator
from contextlib import closing
from fractions import Fraction
from itertools import chain, groupby
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ..base.jobs import Job
from ..edges.marks import Marks
from ..inference.predict import PredictionResult
from ..inference.runtime import Runtime
from ..inputs import Cutout
from ..options.options import Options
from ..pixels.image_io import Photo
from .clip import Frame
from .encoder import SegmentEncoder
from .finishing import Backdrop, Finisher, open_backdrop
from .formats import GOP
from .glimpse import Glimpse
from .order import VideoOrder
from .overlap import Ahead, run_ahead
from .predictor import ClipPredictor, Known
from .reader import Reader
from .scenes import Stretch, read_stretch
from .segment_store import Segment, SegmentStore, delete
from .timed_marks import SceneMarks


class _Predicted(NamedTuple):
    """A frame and what the network says of it; `segment` is the number of its segment's first frame.

    `known`, with the last frame of a segment that has all of its frames, is what the network then knows.
    """

    frame: Frame
    photo: Photo
    predicted: PredictionResult
    segment: int
    known: Known | None
    marks: Marks | None


class _Finished(NamedTuple):
    """A frame as it is to be encoded, its number, its ticks and duration, size and warnings; the rest as before."""

    number: int
    time: tuple[int, int]
    rgb: np.ndarray
    alpha: np.ndarray | None
    warnings: tuple[str, ...]
    segment: int
    known: Known | None


class Plan(NamedTuple):
    """What all segments of a clip are made from.

    Attributes
    ----------
    source, folder
        The clip, and where segments lie.
    order, options
        What is to be made, and its options for a frame, with the model by its own name.
    extent
        Where the subject is over the whole clip, where options go by it.
    """

    source: Path
    folder: Path
    order: VideoOrder
    options: Options
    extent: np.ndarray | None = None

    @property
    def has_alpha(self) -> bool:
        """Whether frames are transparent."""
        return self.order.format.still == "png" and self.options.background == "transparent"


class SegmentMaker:
    """Makes the segments of a clip.

    Parameters
    ----------
    tell
        Called with the number of each frame that is encoded.
    """

    def __init__(self, plan: Plan, reader: Reader, runtime: Runtime, job: Job, tell: Callable[[int], object]) -> None:
        self._plan, self._reader, self._runtime, self._job, self._tell = plan, reader, runtime, job, tell
        self._store, self._glimpse = SegmentStore(plan.folder), Glimpse(plan.folder)
        self._base = plan.order.find_base(reader)

    def make(self, stretch: Stretch) -> None:
        """Make those segments of a stretch that are missing. Raises as `cut_out_video`, and PyAV's errors."""
        whole = self._store.follow(stretch.first, stretch.end)
        begin = whole[-1].end if whole else stretch.first
        if begin == stretch.end:
            return
        plan, before = self._plan, whole[-1] if whole else None
        frames = self._skip(read_stretch(self._reader, plan.order, stretch), begin)
        first = next(frames, None)
        if first is None:
            return
        predictor = ClipPredictor(plan.options, self._runtime, self._job, plan.order.smooth)
        predictor.restore(self._store.read_known(before) if before else {}, begin)
        marks = plan.order.open_marks(self._reader)
        scene = [segment.times[0][0] for segment in whole if segment.first == predictor.scene]
        marks.enter(scene[0] if scene else first.ticks)
        finisher = Finisher(plan.options, self._runtime, self._job, plan.extent)
        backdrop = open_backdrop(plan.order.background, self._runtime)
        predicted = run_ahead(self._predict(run_ahead(_load(chain([first], frames))), predictor, marks))
        with closing(run_ahead(self._finish(predicted, finisher, backdrop))) as finished:
            for _, group in groupby(finished, key=lambda each: each.segment):
                before = self._encode(group, before)

    def _skip(self, frames: Iterator[Frame], begin: int) -> Iterator[Frame]:
        """The frames from number `begin` on."""
        for frame in frames:
            self._job.enter("reading")  # it may take long, and who looks on sees that it goes on
            if frame.number >= begin:
                yield frame

    def _predict(
        self, loaded: Ahead[tuple[Frame, Photo]], predictor: ClipPredictor, marks: SceneMarks
    ) -> Iterator[_Predicted]:
        """A segment ends after `GOP` frames, and before a scene cut."""
        segment: int | None = None
        with closing(loaded):
            for frame, photo in loaded:
                predicted = predictor.predict(photo)
                if predictor.scene == frame.number:
                    marks.enter(frame.ticks)
                if segment is None or predictor.scene == frame.number or frame.number == segment + GOP:
                    segment = frame.number
                is_last = frame.number == segment + GOP - 1
                known = predictor.save() if is_last else None
                yield _Predicted(frame, photo, predicted, segment, known, marks.pick(frame))

    def _finish(self, predicted: Ahead[_Predicted], finisher: Finisher, backdrop: Backdrop) -> Iterator[_Finished]:
        with closing(predicted):
            for each in predicted:
                self._job.check()
                behind = backdrop.pick(each.frame.ticks * self._base)
                yield self._show(each, finisher.finish(each.photo, each.predicted, behind, each.marks))

    def _show(self, each: _Predicted, cutout: Cutout) -> _Finished:
        """What is to be encoded of a frame; the rest need not be held until then."""
        picture, number = cutout.picture, each.frame.number
        time = each.frame.ticks, each.frame.duration
        alpha = picture.alpha if self._plan.has_alpha else None
        rgb = picture.rgb
        if self._plan.order.format.still == "matte":
            rgb = cv2.cvtColor(picture.matte, cv2.COLOR_GRAY2RGB)
        return _Finished(number, time, rgb, alpha, cutout.warnings, each.segment, each.known)

    def _encode(self, frames: Iterator[_Finished], before: Segment | None) -> Segment:
        """Encode the frames of a segment, the one after `before`; one that is stopped half-way is deleted."""
        first = next(frames)
        plan, path, times, warnings = self._plan, self._store.name_part(), list[tuple[int, int]](), dict[str, None]()
        rate = Fraction(plan.order.fps or self._reader.clip.rate).limit_denominator(1001)
        known: Known | None = None
        try:
            with SegmentEncoder(
                path, plan.order.format, plan.has_alpha, rate, plan.options.quality, first.number
            ) as encoder:
                for each in chain([first], frames):
                    encoder.add(each.rgb, each.alpha)
                    self._glimpse.show(each.rgb, each.alpha)
                    times.append(each.time)
                    warnings |= dict.fromkeys(each.warnings)
                    self._tell(each.number)
                    known = each.known
                    if known is not None:  # it is whole, and the next frame need not be waited for
                        break
        except BaseException:
            delete(path)
            raise
        size = first.rgb.shape[1], first.rgb.shape[0]
        return self._store.add(Segment(path, first.number, times, size, tuple(warnings)), known or {}, before)


def _load(frames: Iterator[Frame]) -> Iterator[tuple[Frame, Photo]]:
    for frame in frames:
        yield frame, frame.load()
