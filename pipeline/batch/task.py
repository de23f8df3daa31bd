"""What a worker process does with one photo of a batch: read, cut out, write beside the target."""

import io
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import cv2
import numpy as np

from ..base.errors import ClearcutError, as_write_error
from ..base.process import prepare_pictures
from ..base.settings import Settings
from ..compose import ComposedPicture
from ..cutout import InputFiles, Result, cut_out_file
from ..inference.runtime import Runtime
from ..options.options import Options
from ..pixels.geometry import fit_size
from ..pixels.resample import resize_for_work
from .items import BEHIND, Source, join_stamps
from .places import write_file
from .review import list_reasons, measure_coverage

THUMBNAIL = 240  # pixels of the longer side
FINER = 4  # times as many pixels a side are averaged for it


class Order(NamedTuple):
    """What is to be done with every photo of a batch.

    Attributes
    ----------
    values
        Options by name, as `Options.of` takes them.
    background, background_name
        The file of a picture to put behind the subjects, and its name.
    """

    values: dict[str, Any]
    background: bytes | None = None
    background_name: str = ""

    def make_options(self, own: dict[str, Any] | None = None, beside: Mapping[str, str] | None = None) -> Options:
        """The options of a photo that has some of its `own`, and files that go with it.

        Raises
        ------
        ClearcutError
            ``unknown_option``, ``bad_option``, ``no_background``.
        """
        values = self.values | (own or {})
        has_picture = self.background is not None or BEHIND in (beside or {})
        if not has_picture and values.get("background") == "image":
            raise ClearcutError("no_background")
        return Options.of(**values, background_image=has_picture)


class Task(NamedTuple):
    """A photo to be cut out.

    Attributes
    ----------
    number
        Of its item.
    source
        Where it is read from.
    own
        Options of its own, by name.
    beside
        Files of its own that go with it, as of `Found`.
    part
        The file or the object that is written; None: the cut-out comes back.
    """

    number: int
    source: Source
    own: dict[str, Any]
    beside: dict[str, str]
    part: str | None = None


class Made(NamedTuple):
    """What came of a task.

    Attributes
    ----------
    stamp
        Of the source and what goes with it, when they were read.
    outcome
        What is told of the cut-out, JSON values by name.
    thumbnail
        A small picture of it, as a file.
    data
        The cut-out as a file, where none was to be written.
    """

    stamp: str
    outcome: dict[str, Any]
    thumbnail: bytes
    data: bytes | None = None


def prepare(given: tuple[Settings, Order]) -> Callable[[Task], Made]:
    """What a worker process calls for each task; for `WorkerPool`."""
    settings, order = given
    prepare_pictures()
    runtime = Runtime(settings.model_copy(update={"cache_mb": 0}))  # the disk keeps predictions for all workers
    return lambda task: work(task, order, runtime)


def work(task: Task, order: Order, runtime: Runtime) -> Made:
    """Cut one photo out.

    Raises
    ------
    ClearcutError
        See `ANSWERS` in ``base/errors.py``.
    """
    options = order.make_options(task.own, task.beside).with_defaults_of(runtime.settings)
    files, stamp = _read_files(task, order, runtime.settings.max_mb)
    result = cut_out_file(files, options, runtime)
    if task.part:
        try:
            write_file(task.part, result.data)
        except OSError as error:
            raise as_write_error(error, task.part.replace("\\", "/").rpartition("/")[2]) from None
    return Made(stamp, _describe(result), make_thumbnail(result.cutout.picture), None if task.part else result.data)


def _read_files(task: Task, order: Order, max_mb: float | None) -> tuple[InputFiles, str]:
    """The photo with all that goes with it, and the stamp that they were read under."""
    data, stamp = task.source.read(max_mb)
    sources = {name: Source(path) for name, path in task.beside.items()}
    read = {name: source.read(max_mb) for name, source in sources.items()}
    given = {name: content for name, (content, _) in read.items()}
    background, name = given.pop(BEHIND, order.background), order.background_name
    if BEHIND in sources:
        name = sources[BEHIND].name
    files = InputFiles(data, background, task.source.name, name, given.get("marks"), given.get("trimap"))
    return files, join_stamps([stamp, *(own for _, own in read.values())])


def _describe(result: Result) -> dict[str, Any]:
    cutout = result.cutout
    return {
        "width": result.size[0],
        "height": result.size[1],
        "bytes": len(result.data),
        "model": cutout.model,
        "engine": cutout.engine,
        "seconds": round(sum(cutout.seconds.values()), 3),
        "coverage": round(measure_coverage(cutout.overview), 4),
        "warnings": list(cutout.warnings),
        "reasons": list_reasons(cutout.overview, cutout.doubt),
    }


def make_thumbnail(picture: ComposedPicture) -> bytes:
    """A small WebP of a composed picture, at most `THUMBNAIL` pixels wide and high."""
    from PIL import Image

    size = fit_size(picture.size, THUMBNAIL)
    step = max(1, max(picture.size) // (FINER * THUMBNAIL))  # every so many pixels are enough for a small picture
    rgb, alpha = picture.rgb[::step, ::step], picture.alpha[::step, ::step]
    seen = resize_for_work((alpha > 0).view(np.uint8) * 255, size)
    share = np.maximum(seen, 1).astype(np.float32) / 255  # of what is averaged, clear pixels are black
    rgb, alpha = cv2.convertScaleAbs(resize_for_work(rgb, size) / share[..., None]), resize_for_work(alpha, size)
    file = io.BytesIO()
    Image.fromarray(np.dstack([rgb, alpha])).save(file, "WEBP", quality=70, method=2)
    return file.getvalue()
