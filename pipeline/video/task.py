"""What a worker process does with one stretch of a clip: its segments, into the folder of the journal."""

import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from ..base.errors import ClearcutError, as_clearcut_error, as_write_error
from ..base.jobs import Job
from ..base.process import prepare_pictures
from ..base.settings import Settings
from ..inference.runtime import Runtime
from .reader import Reader
from .scenes import Stretch
from .segments import Plan, SegmentMaker

TOLD = ".seen"  # the ending of the files that say how many frames of a stretch are there
EVERY = 0.2  # seconds between words of it


def prepare(given: tuple[Settings, Plan]) -> Callable[[Stretch], None]:
    """What a worker process calls for each stretch; for `WorkerPool`."""
    settings, plan = given
    prepare_pictures()
    runtime = Runtime(settings)
    return lambda stretch: work(stretch, plan, runtime)


def work(stretch: Stretch, plan: Plan, runtime: Runtime) -> None:
    """Make the missing segments of a stretch. Raises as `cut_out_video`."""
    try:
        teller = _Teller(plan.folder / f"{stretch.first:06}{TOLD}", stretch.first)
        with closing(Reader(plan.source, plan.order.limits)) as reader:
            SegmentMaker(plan, reader, runtime, Job(), teller).make(stretch)
        teller.write((stretch.end or stretch.first) - stretch.first)
    except ClearcutError:
        raise
    except OSError as error:
        raise as_write_error(error, plan.folder.name) from error
    except Exception as error:
        raise as_clearcut_error(error, name=plan.source.name) from error


class _Teller:
    """Writes down how many frames of a stretch are there."""

    def __init__(self, file: Path, first: int) -> None:
        self._file, self._first, self._told = file, first, 0.0

    def __call__(self, number: int) -> None:
        now = time.monotonic()
        if now - self._told >= EVERY:
            self._told = now
            self.write(number + 1 - self._first)

    def write(self, count: int) -> None:
        part = self._file.with_name(f"{self._file.stem}{TOLD}.part")
        with suppress(OSError):  # on Windows who reads it may be quicker
            part.write_text(str(count), "ascii")
            part.replace(self._file)


def count_seen(folder: Path) -> int:
    """How many frames are there of the stretches that workers have begun."""
    return sum(int(file.read_text("ascii")) for file in folder.glob(f"*{TOLD}"))
