"""A clip from file to file: its segments are made, here or by workers, and joined; what is whole outlives a kill."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from .. import __version__
from ..base.errors import ClearcutError, as_clearcut_error, as_write_error
from ..base.jobs import Job
from ..inference.runtime import Runtime
from ..pixels.geometry import Size
from ..registry import weights
from .choosing import choose_model
from .finishing import find_extent, wants_extent
from .joiner import join_segments, pack_pictures
from .journal import VideoJournal, stamp_file
from .order import VideoOrder
from .reader import Reader
from .scenes import Stretch
from .segment_store import Segment, delete
from .segments import Plan, SegmentMaker
from .sound import Sound
from .spreading import spread_stretches


class VideoResult(NamedTuple):
    """What came of a clip: frames, size, the model, codes of warnings, and how many frames were there before."""

    frames: int
    size: Size
    model: str
    warnings: tuple[str, ...]
    resumed: int


Told = Callable[[int, int | None], object]  # frames done, and frames in all, about


def cut_out_video(
    source: Path,
    target: Path,
    order: VideoOrder,
    runtime: Runtime,
    job: Job | None = None,
    tell: Told | None = None,
    *,
    workers: int = 1,
    cluster: str | None = None,
) -> VideoResult:
    """Cut the subject out of a clip, into a file that appears once it is whole.

    What is whole of a run that was stopped or killed lies beside it; the same call goes on there, with any number of
    workers. The file is the same to the byte whoever makes it.

    Parameters
    ----------
    target
        The file, or for ``png`` a folder, or a ZIP where it ends like one.
    job
        To stop the work from another thread; ``job.check`` is called at least once a frame, whatever is done with it.
    tell
        Called after each frame that is done.
    workers
        How many processes share the work, which is divided at scene cuts; 1: this process does it. 0: as many as fit.
    cluster
        The address of a Ray cluster whose machines do it, or ``local``.

    Raises
    ------
    ClearcutError
        And no other exception; ``video_running`` where another run works on `target`.
    """
    job = job or Job()
    try:
        with closing(Reader(source.absolute(), order.limits, job.check)) as reader:
            order.check_frames(reader.clip)
            run = _Run(source.absolute(), target.absolute(), order, reader, runtime, job, tell)
            return run.run(workers, cluster)
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
        model = choose_model(reader, order.start, order.options, runtime, job)
        self._options = order.options.model_copy(update={"model": model, "format": order.format.still, "sheet": "none"})
        self._told = 0
        order.open_marks(reader)  # that they fit is said before anything is made

    def run(self, workers: int, cluster: str | None) -> VideoResult:
        """Make what is missing of the segments, then join all."""
        with closing(VideoJournal(self._target, self._list_facts())) as journal:
            before = journal.segments.count_frames()
            try:
                self._make_segments(journal, workers, cluster)
            finally:
                segments = journal.segments.follow(0)
                if not journal.segments.count_frames():  # nothing to go on with
                    journal.clear()
            if not segments:
                part = f"{self._order.start:g}–{self._order.end or ''}"
                accepted = f"0–{round(self._reader.clip.seconds or 0, 1):g}"
                raise ClearcutError("bad_option", name="from", value=part, accepted=accepted)
            self._join(journal.folder, segments)
            journal.clear()
        warnings = dict.fromkeys(self._reader.warnings)
        for segment in segments:
            warnings |= dict.fromkeys(segment.warnings)
        return VideoResult(segments[-1].end, segments[-1].size, self._options.model, tuple(warnings), before)

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
            "marks": [(each.at, each.marks.digests[-1].hex()) for each in order.marks],
            "weights": repr(stamp),
        }

    def _make_segments(self, journal: VideoJournal, workers: int, cluster: str | None) -> None:
        order, extent = self._order, None
        if wants_extent(self._options):
            extent = find_extent(self._reader, order, self._options, self._runtime, self._job)
        plan = Plan(self._source, journal.folder, order, self._options, extent)
        if workers != 1 or cluster:
            how: dict[str, Any] = {"workers": workers, "cluster": cluster}
            if spread_stretches(plan, self._reader, self._runtime.settings, self._job, self._look, **how):
                return
        maker = SegmentMaker(plan, self._reader, self._runtime, self._job, self._tell_frame)
        maker.make(Stretch())

    def _look(self, frames: int) -> None:
        """So many frames are there, as workers say."""
        for number in range(self._told, frames):
            self._job.check()
            self._tell_frame(number)

    def _tell_frame(self, number: int) -> None:
        self._told = number + 1
        if self._tell:
            self._tell(self._told, self._order.count_frames(self._reader.clip))

    def _join(self, folder: Path, segments: Sequence[Segment]) -> None:
        form, part = self._order.format, folder / f"whole{self._target.suffix}"
        delete(part)
        if form.is_files:
            part.mkdir()
            for segment in segments:
                for path in sorted(segment.path.iterdir()):
                    _share(path, part / path.name)
            if self._target.suffix.lower() == ".zip":
                packed = folder / "packed.zip"
                pack_pictures(part, packed, self._job)
                part = packed
        else:
            start, base = self._reader.find_start(self._order.start), self._order.find_base(self._reader)
            with closing(Sound(self._source, form, start, self._order.end)) as sound:
                join_segments(segments, part, form, base, sound, self._options.quality, self._job)
        _replace(part, self._target)


def _share(path: Path, copy: Path) -> None:
    """Have the same file in two places: a run that is killed between may still go on with the first."""
    try:
        copy.hardlink_to(path)
    except OSError:  # a file system without links
        shutil.copyfile(path, copy)


def _replace(part: Path, target: Path) -> None:
    """Put what is whole in its place; a folder of pictures that is there is replaced."""
    if target.is_dir():
        shutil.rmtree(target)
    part.replace(target)
