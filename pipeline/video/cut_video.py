"""A clip from file to file: decoding, network, edges and encoding overlap, and what is whole outlives a kill."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from .. import __version__
from ..base.errors import ClearcutError, as_clearcut_error, as_write_error
from ..base.jobs import Job
from ..inference.predict import PredictionResult
from ..inference.runtime import Runtime
from ..inputs import Cutout
from ..options.options import Options
from ..pixels.geometry import Size
from ..pixels.image_io import Photo
from ..registry import weights
from .choosing import choose_model
from .clip import Clip, Frame, Limits
from .encoder import SegmentEncoder
from .finishing import Backdrop, Finisher, find_extent, open_backdrop, wants_extent
from .formats import GOP, VideoFormat
from .joiner import Segment, join_segments, pack_pictures
from .journal import VideoJournal, stamp_file
from .overlap import Ahead, run_ahead
from .predictor import ClipPredictor, Known
from .reader import Reader
from .sound import Sound

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
    """

    options: Options
    format: VideoFormat
    start: float = 0.0
    end: float | None = None
    fps: Fraction | None = None
    smooth: bool = True
    background: Path | None = None
    limits: Limits = field(default_factory=Limits)

    def count_frames(self, clip: Clip) -> int | None:
        """How many frames there will be, about, as the clip's own facts say; None where they do not."""
        end = self.end if clip.seconds is None else min(self.end or clip.seconds, clip.seconds)
        return None if end is None else max(1, round((end - self.start) * (self.fps or clip.rate)))

    def check_frames(self, clip: Clip) -> None:
        """Raise ``too_many_frames`` where there will surely be too many, before any is decoded."""
        number = self.count_frames(clip)
        if number is not None:
            self.limits.check_length(0, round(number * SURELY), clip.name)


class VideoResult(NamedTuple):
    """What came of a clip: frames, size, the model, codes of warnings, and how many frames were there before."""

    frames: int
    size: Size
    model: str
    warnings: tuple[str, ...]
    resumed: int


class _Predicted(NamedTuple):
    """A frame and what the network says of it; `known`, with the last one of a segment, is what it then knows."""

    frame: Frame
    photo: Photo
    predicted: PredictionResult
    known: Known | None


class _Finished(NamedTuple):
    """A frame as it is to be encoded, its number, its ticks and duration; `known` as before."""

    number: int
    time: tuple[int, int]
    rgb: np.ndarray
    alpha: np.ndarray | None
    known: Known | None


Told = Callable[[int, int | None], object]  # frames done, and frames in all, about


def cut_out_video(
    source: Path, target: Path, order: VideoOrder, runtime: Runtime, job: Job | None = None, tell: Told | None = None
) -> VideoResult:
    """Cut the subject out of a clip, into a file that appears once it is whole.

    What is whole of a run that was stopped or killed lies beside it; the same call goes on there.

    Parameters
    ----------
    target
        The file, or for ``png`` a folder, or a ZIP where it ends like one.
    job
        To stop the work from another thread; ``job.check`` is called at least once a frame, whatever is done with it.
    tell
        Called after each frame that is done.

    Raises
    ------
    ClearcutError
        And no other exception.
    """
    job = job or Job()
    try:
        with closing(Reader(source, order.limits, job.check)) as reader:
            order.check_frames(reader.clip)
            return _Run(source, target, order, reader, runtime, job, tell).run()
    except ClearcutError:
        raise
    except OSError as error:
        raise as_write_error(error, target.name) from error
    except Exception as error:
        raise as_clearcut_error(error, name=source.name) from error


class _Run:
    """One clip on its way."""

    def __init__(
        self,
        source: Path,
        target: Path,
        order: VideoOrder,
        reader: Reader,
        runtime: Runtime,
        job: Job,
        tell: Told | None,
    ) -> None:
        self._source, self._target, self._order, self._reader = source, target, order, reader
        self._runtime, self._job, self._tell = runtime, job, tell
        self._base = 1 / order.fps if order.fps else reader.clip.time_base
        model = choose_model(reader, order.start, order.options, runtime, job)
        self._options = order.options.model_copy(update={"model": model, "format": order.format.still, "sheet": "none"})
        self._has_alpha = order.format.still == "png" and order.options.background == "transparent"
        self._warnings: dict[str, None] = {}
        self._size: Size = (0, 0)

    def run(self) -> VideoResult:
        """Make what is missing of the segments, then join all."""
        journal = VideoJournal(self._target, self._list_facts())
        before = journal.frames
        try:
            self._make_segments(journal)
            if not journal.segments:
                part = f"{self._order.start:g}–{self._order.end or ''}"
                accepted = f"0–{round(self._reader.clip.seconds or 0, 1):g}"
                raise ClearcutError("bad_option", name="from", value=part, accepted=accepted)
            self._join(journal)
        finally:
            if not journal.segments:  # nothing to go on with
                journal.clear()
        journal.clear()
        warnings = (*self._reader.warnings, *self._warnings)
        return VideoResult(journal.frames, self._size, self._options.model, warnings, before)

    def _list_facts(self) -> dict[str, Any]:
        """All that the frames depend on."""
        order, card = self._order, self._runtime.find_cutter(self._options.model)
        background = stamp_file(order.background) if order.background else None
        stamp = (
            weights.stamp(card, self._runtime.settings) if weights.is_installed(card, self._runtime.settings) else ()
        )
        return {
            "version": __version__,
            "clip": stamp_file(self._source),
            "options": self._options.model_dump(mode="json"),
            "format": order.format.name,
            "part": [order.start, order.end, str(order.fps), order.smooth],
            "background": background,
            "weights": repr(stamp),
        }

    def _make_segments(self, journal: VideoJournal) -> None:
        frames = islice(self._read(), journal.frames, None)
        first = next(frames, None)
        if first is None:
            return
        extent = None
        if wants_extent(self._options):
            order = self._order
            extent = find_extent(self._reader, order.start, order.end, self._options, self._runtime, self._job)
        predictor = ClipPredictor(self._options, self._runtime, self._job, self._order.smooth)
        predictor.restore(journal.known, journal.frames)
        finisher = Finisher(self._options, self._runtime, self._job, extent)
        backdrop = open_backdrop(self._order.background, self._runtime)
        predicted = run_ahead(self._predict(run_ahead(_load(chain([first], frames))), predictor))
        with closing(run_ahead(self._finish(predicted, finisher, backdrop))) as finished:
            self._encode(finished, journal)

    def _read(self) -> Iterator[Frame]:
        frames, clip = self._reader.read(self._order.start, self._order.end), self._reader.clip
        if not self._order.fps:
            yield from frames
            return
        for frame in resample(frames, clip.time_base, self._order.fps):
            self._order.limits.check_length(0, frame.number + 1, clip.name)
            yield frame

    def _predict(self, loaded: Ahead[tuple[Frame, Photo]], predictor: ClipPredictor) -> Iterator[_Predicted]:
        with closing(loaded):
            for frame, photo in loaded:
                predicted = predictor.predict(photo)
                is_last = frame.number % GOP == GOP - 1
                yield _Predicted(frame, photo, predicted, predictor.save() if is_last else None)

    def _finish(self, predicted: Ahead[_Predicted], finisher: Finisher, backdrop: Backdrop) -> Iterator[_Finished]:
        with closing(predicted):
            for each in predicted:
                self._job.check()
                behind = backdrop.pick(each.frame.ticks * self._base)
                yield self._show(each, finisher.finish(each.photo, each.predicted, behind))

    def _encode(self, finished: Ahead[_Finished], journal: VideoJournal) -> None:
        """Encode segment by segment; a segment that is stopped half-way is deleted."""
        for first in finished:
            path, times, known = journal.name_next(), list[tuple[int, int]](), None
            rate = Fraction(self._order.fps or self._reader.clip.rate).limit_denominator(1001)
            form = self._order.format
            try:
                with SegmentEncoder(
                    path, form, self._has_alpha, rate, self._options.quality, journal.frames
                ) as encoder:
                    for each in chain([first], finished):
                        encoder.add(each.rgb, each.alpha)
                        times.append(each.time)
                        if self._tell:
                            self._tell(each.number + 1, self._order.count_frames(self._reader.clip))
                        known = each.known
                        if known is not None:
                            break
            except BaseException:
                _remove(path)
                raise
            journal.add(Segment(path, times), known or {})

    def _show(self, each: _Predicted, cutout: Cutout) -> _Finished:
        """What is to be encoded of a frame; the rest need not be held until then."""
        self._warnings |= dict.fromkeys(cutout.warnings)
        picture, frame = cutout.picture, each.frame
        time = frame.ticks, frame.duration
        self._size = picture.size
        if self._order.format.still == "matte":
            grey = cv2.cvtColor(picture.matte, cv2.COLOR_GRAY2RGB)
            return _Finished(frame.number, time, grey, None, each.known)
        return _Finished(frame.number, time, picture.rgb, picture.alpha if self._has_alpha else None, each.known)

    def _join(self, journal: VideoJournal) -> None:
        form, part = self._order.format, journal.folder / f"whole{self._target.suffix}"
        _remove(part)
        if form.is_files:
            part.mkdir()
            for segment in journal.segments:
                for path in sorted(segment.path.iterdir()):
                    _share(path, part / path.name)
            if self._target.suffix.lower() == ".zip":
                packed = journal.folder / "packed.zip"
                pack_pictures(part, packed, self._job)
                part = packed
        else:
            start = self._reader.find_start(self._order.start)
            with closing(Sound(self._source, form, start, self._order.end)) as sound:
                quality = self._options.quality
                join_segments(journal.segments, part, form, self._base, sound, quality, self._job)
        _replace(part, self._target)


def resample(frames: Iterator[Frame], time_base: Fraction, fps: Fraction) -> Iterator[Frame]:
    """Frames at a steady rate: at each moment that which is shown then; ticks are moments."""
    number = 0
    for frame in frames:
        end = (frame.ticks + frame.duration) * time_base * fps
        while number < end:
            yield Frame(number, number, 1, frame.load)
            number += 1


def _load(frames: Iterator[Frame]) -> Iterator[tuple[Frame, Photo]]:
    for frame in frames:
        yield frame, frame.load()


def _share(path: Path, copy: Path) -> None:
    """Have the same file in two places: a run that is killed between may still go on with the first."""
    try:
        copy.hardlink_to(path)
    except OSError:  # a file system without links
        shutil.copyfile(path, copy)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _replace(part: Path, target: Path) -> None:
    """Put what is whole in its place; a folder of pictures that is there is replaced."""
    if target.is_dir():
        shutil.rmtree(target)
    part.replace(target)
