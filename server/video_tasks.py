"""What worker processes do with videos: one that crashes a decoder ends a worker, and not the server."""

import json
import tempfile
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pipeline import (
    ClearcutError,
    Clip,
    Inputs,
    Job,
    Limits,
    Options,
    Reader,
    Runtime,
    TimedMarks,
    VideoOrder,
    VideoResult,
    count_cores,
    cut_out,
    cut_out_video,
    encode_picture,
    encode_view,
    find_marks,
    make_picture,
    peek_backdrop,
    prepare_process,
)

from .cutter import Order

LATEST = 50  # frames of which the rate is made
MANY = 4  # cores from which the scenes of a video are made side by side
TELL = 0.2  # seconds between words of how far it is
LIVE = 1.0  # seconds between signs of life


class Probe(NamedTuple):
    """What kind of clip is in a file."""

    clip: Path
    limits: Limits
    cost: float = 0.2

    def run(self, runtime: Runtime) -> Clip:
        """Its facts. Raises as `Reader`."""
        with closing(Reader(self.clip, self.limits)) as reader:
            return reader.clip


class Still(NamedTuple):
    """One frame of a clip, as it is."""

    clip: Path
    second: float
    cost: float = 0.2

    def run(self, runtime: Runtime) -> bytes:
        """The JPEG of the frame. Raises as `Reader`."""
        with closing(Reader(self.clip)) as reader:
            return encode_view(replace(reader.peek(self.second), alpha=None))


class Peek(NamedTuple):
    """One frame of a clip, cut out as a photo is, with the strokes that hold there.

    `background` is the file of the picture or clip behind, which begins at second `start`; `marks` are all strokes on
    frames.
    """

    clip: Path
    second: float
    options: Options
    background: Path | None
    marks: tuple[TimedMarks, ...] = ()
    start: float = 0.0
    cost: float = 1.0

    def run(self, runtime: Runtime) -> bytes:
        """The PNG of the frame. Raises as `Reader` and `cut_out`."""
        with closing(Reader(self.clip)) as reader:
            photo, marks = reader.peek(self.second), find_marks(reader, self.marks, self.second)
        behind = None
        if self.background and self.options.background == "image":
            behind = peek_backdrop(self.background, max(0.0, self.second - self.start), runtime)
        return encode_picture("png", make_picture(cut_out(Inputs(photo, behind, marks), self.options, runtime)))


class CheckBehind(NamedTuple):
    """A picture or a clip for behind, called `name`, of which only is asked whether it can be opened."""

    data: bytes
    name: str
    cost: float = 0.2

    def run(self, runtime: Runtime) -> ClearcutError | None:
        """What is wrong with it."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, f"behind{Path(self.name).suffix}")
            file.write_bytes(self.data)
            try:
                peek_backdrop(file, 0.0, runtime)
            except ClearcutError as error:
                return ClearcutError(error.code, **error.facts | {"name": self.name})
        return None


class VideoTask(NamedTuple):
    """A clip to be cut out into the file `target`.

    Attributes
    ----------
    progress
        The file in which stands how far that is.
    alive
        The file that is touched with each frame, whatever is done with it: its age tells of a decoder that hangs.
    """

    clip: Path
    target: Path
    order: VideoOrder
    progress: Path
    alive: Path


def prepare(order: Order) -> Callable[[VideoTask], VideoResult]:
    """What the worker process for videos calls for each of them; for `WorkerPool`."""
    prepare_process()
    runtime = Runtime(order.settings)
    if order.automatic:
        runtime.settle_automatic(order.automatic)
    return partial(make_video, runtime=runtime)


def make_video(task: VideoTask, runtime: Runtime) -> VideoResult:
    """Cut a clip out. Raises as `cut_out_video`."""
    job, tell = _LivingJob(task.alive), _Teller(task.progress)
    workers = runtime.settings.workers or (0 if count_cores() >= MANY else 1)
    return cut_out_video(task.clip, task.target, task.order, runtime, job, tell, workers=workers)


class _LivingJob(Job):
    """A job that gives a sign of life whenever it is asked whether it goes on."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file, self._given = file, 0.0

    def check(self) -> None:
        super().check()
        now = time.monotonic()
        if now - self._given > LIVE:
            self._given = now
            self._file.touch()


class _Teller:
    """Writes down how far a video is: frames done, in all about, and how many a second."""

    def __init__(self, file: Path) -> None:
        self._file, self._told = file, 0.0
        self._times: deque[float] = deque(maxlen=LATEST)

    def __call__(self, frames: int, total: int | None) -> None:
        now = time.monotonic()
        self._times.append(now)
        if now - self._told < TELL:
            return
        self._told, passed = now, now - self._times[0]
        rate = (len(self._times) - 1) / passed if passed else None
        said: dict[str, Any] = {"frames": frames, "total": total, "rate": rate}
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps(said), "utf-8")
        part.replace(self._file)
