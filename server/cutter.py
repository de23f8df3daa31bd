"""What a worker process of the server does with a request: the bytes of files in, those of a cut-out and its facts out.

Files that others sent are decoded here and not in the process that serves: one that crashes a decoder ends a worker.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

import numpy as np

from pipeline import (
    ClearcutError,
    InputFiles,
    Options,
    Runtime,
    Settings,
    cut_out_file,
    decode,
    estimate_seconds,
    measure_free_mb,
    measure_megapixels,
    prepare_process,
    warm_up,
)

from .headers import build_headers

MB_A_MEGAPIXEL = 16.0  # of memory, at most, while a picture is worked on
WHILE = 10  # seconds after which memory that lacks may be there again
MATTE = Options(format="matte", decontaminate=False)


class Order(NamedTuple):
    """What a worker is prepared with.

    Attributes
    ----------
    settings
        Of this machine.
    automatic
        The model that ``automatic`` stands for; None: the best that is here.
    spare_mb
        Memory that is to stay free.
    """

    settings: Settings
    automatic: str | None
    spare_mb: float


class Task(NamedTuple):
    """A picture to be cut out.

    Attributes
    ----------
    files, options
        As `cut_out_file` takes them.
    place
        Returns options that the matte decides, ``(H, W)`` uint8, which is then found first.
    """

    files: InputFiles
    options: Options
    place: Callable[[np.ndarray], dict[str, Any]] | None = None


class Check(NamedTuple):
    """A picture called `name` of which only is asked whether it can be opened, and without harm."""

    data: bytes
    name: str = ""


class WarmUp(NamedTuple):
    """A model that is to be loaded, and run once."""

    model: str
    cost: float = 0.0

    def run(self, runtime: Runtime) -> None:
        """Load it, unless it is. Raises as `warm_up`."""
        warm_up(self.model, runtime)


class ClipTask(Protocol):
    """Something else to be done, such as to be found out of a clip; see `video_tasks`."""

    @property
    def cost(self) -> float:
        """How many seconds it takes, about."""

    def run(self, runtime: Runtime) -> Any:
        """What was found."""


class Made(NamedTuple):
    """A cut-out as a file, and what is told of it.

    Attributes
    ----------
    data, media_type, name, size
        As of `Result`.
    model
        What found the subject.
    warnings
        Codes.
    headers
        From `build_headers`.
    seconds
        How long the model takes; None where it has not run here.
    """

    data: bytes
    media_type: str
    name: str
    size: tuple[int, int]
    model: str
    warnings: tuple[str, ...]
    headers: dict[str, str]
    seconds: float | None


def prepare(order: Order) -> Callable[[Task | Check | ClipTask], Any]:
    """What a worker process calls for each task; for `WorkerPool`."""
    prepare_process()
    runtime = Runtime(order.settings)
    if order.automatic:
        runtime.settle_automatic(order.automatic)
    with suppress(ClearcutError):  # the first request tells it
        warm_up(order.settings.model, runtime)

    def work(task: Task | Check | ClipTask) -> Any:
        if isinstance(task, Check):
            return check(task, runtime)
        if isinstance(task, Task):
            return cut(task, runtime, order.spare_mb)
        return task.run(runtime)

    return work


def cut(task: Task, runtime: Runtime, spare_mb: float = 0.0) -> Made:
    """Cut a picture out.

    Raises
    ------
    ClearcutError
        ``low_memory``, and those of `cut_out_file`.
    """
    require_memory(spare_mb + MB_A_MEGAPIXEL * measure_megapixels(task.files.photo) if spare_mb else 0.0)
    options = task.options
    if task.place:
        matte = cut_out_file(task.files, MATTE, runtime).cutout.alpha
        options = options.model_copy(update=task.place(matte))
    result = cut_out_file(task.files, options, runtime)
    model = result.cutout.model
    facts = result.size, model, result.cutout.warnings, build_headers(result), estimate_seconds(model, runtime)
    return Made(result.data, result.media_type, result.name, *facts)


def check(task: Check, runtime: Runtime) -> ClearcutError | None:
    """What is wrong with a picture, found by decoding it; None where nothing is."""
    try:
        decode(task.data, task.name, runtime.settings.max_megapixels, runtime.settings.max_frames)
    except ClearcutError as error:
        return error
    return None


def require_memory(megabytes: float) -> None:
    """Raise ``low_memory`` where less is free, if that can be told."""
    free = measure_free_mb()
    if free is not None and free < megabytes:
        raise ClearcutError("low_memory", retry_after=WHILE)
