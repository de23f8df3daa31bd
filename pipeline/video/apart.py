"""A clip made in a process of its own: one that crashes a decoder, or has it hang, ends that, and it is said why."""

import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import wait
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..base import machine
from ..base.errors import ClearcutError
from ..base.jobs import Job
from ..base.process import prepare_pictures
from ..base.settings import Settings
from ..base.workers import WorkerPool
from ..inference.runtime import Runtime
from .cut_video import Told, VideoResult, cut_out_video
from .order import VideoOrder

PATIENCE = 600.0  # seconds in which something has to happen
LONGEST = 14 * 24 * 3600.0  # seconds that a clip may take
LOOK = 0.2  # seconds between looks how far it is


class ClipTask(NamedTuple):
    """A clip to be cut out into the file `target` for process `parent`; how far that is stands in the file `told`."""

    source: Path
    target: Path
    order: VideoOrder
    workers: int
    told: Path
    parent: int


def prepare(settings: Settings) -> Callable[[ClipTask], VideoResult]:
    """What the process calls for each clip; for `WorkerPool`."""
    prepare_pictures()
    runtime = Runtime(settings)
    return lambda task: work(task, runtime)


def work(task: ClipTask, runtime: Runtime) -> VideoResult:
    """Cut a clip out. Raises as `cut_out_video`."""
    teller = _Teller(task.told, task.parent)
    job = Job(on_step=lambda _: teller.beat())
    return cut_out_video(task.source, task.target, task.order, runtime, job, teller, workers=task.workers)


def cut_out_apart(
    source: Path,
    target: Path,
    order: VideoOrder,
    tell: Told,
    *,
    settings: Settings,
    workers: int = 1,
    patience: float = PATIENCE,
) -> VideoResult:
    """`cut_out_video` in a process of its own, which is tried twice where it crashes.

    Raises
    ------
    ClearcutError
        As `cut_out_video`; ``worker_died`` and, where nothing happens for `patience` seconds, ``video_stuck``.
    """
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder, "told")
        cores = machine.count_cores()
        with WorkerPool(1, __name__, settings, seconds=LONGEST, cores=cores) as pool:
            future = pool.submit(ClipTask(source, target, order, workers, told, os.getpid()))
            before, moved = "", time.monotonic()
            while wait([future], LOOK).not_done:
                now = told.read_text("ascii") if told.exists() else ""
                if now != before:
                    _repeat(before, now, tell)
                    before, moved = now, time.monotonic()
                elif time.monotonic() - moved > patience:
                    raise ClearcutError("video_stuck", name=source.name, seconds=f"{patience:g}")
            result: VideoResult = future.result()
            return result


def _repeat(before: str, now: str, tell: Told) -> None:
    """Tell of each frame that is new."""
    done = int(before.split()[0]) if before else 0
    frames, total, _ = map(int, now.split())
    for number in range(done, frames):
        tell(number + 1, total or None)


class _Teller:
    """Writes down how many frames are done, how many there are in all, or 0, and a number that tells that it lives."""

    def __init__(self, file: Path, parent: int) -> None:
        self._file, self._parent = file, parent
        self._frames = self._total = self._beats = 0
        self._told = 0.0

    def __call__(self, frames: int, total: int | None) -> None:
        self._frames, self._total = frames, total or 0
        self.beat()

    def beat(self) -> None:
        now = time.monotonic()
        if now - self._told < LOOK:
            return
        if not machine.is_running(self._parent):  # nobody waits for it, and the next run wants the file
            os._exit(1)
        self._told, self._beats = now, self._beats + 1
        part = self._file.with_suffix(".part")
        with suppress(OSError):  # another thread, or on Windows who reads it, was quicker
            part.write_text(f"{self._frames} {self._total} {self._beats}", "ascii")
            part.replace(self._file)
