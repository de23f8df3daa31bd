"""Frames without a container, from a pipe into a pipe: for FFmpeg before and behind."""

from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from typing import BinaryIO

import numpy as np

from ..base.jobs import Job
from ..inference.runtime import Runtime
from ..options.options import Options
from ..pixels.geometry import Size
from ..pixels.image_io import Photo
from .finishing import Backdrop, Finisher, wants_extent
from .overlap import run_ahead
from .predictor import ClipPredictor


def cut_out_raw(
    source: BinaryIO,
    target: BinaryIO,
    size: Size,
    options: Options,
    runtime: Runtime,
    *,
    backdrop: Backdrop,
    rate: Fraction = Fraction(25),
    smooth: bool = True,
    job: Job | None = None,
) -> Size:
    """Read frames of `size`, RGB of 8 bits, and write RGBA of 8 bits; the size of what is written.

    Crop and canvas are decided by the first frame, since nobody knows the others. Half a frame at the end is left out.
    """
    job = job or Job()
    options = options.model_copy(update={"model": runtime.resolve_model(options.model), "sheet": "none"})
    predictor, extent, written = ClipPredictor(options, runtime, job, smooth), None, (0, 0)
    with closing(run_ahead(_read(source, size))) as photos:
        for number, photo in enumerate(photos):
            predicted = predictor.predict(photo)
            if number == 0 and wants_extent(options):
                plain = options.keep_read_by("find", "matte", "edges")
                extent = Finisher(plain, runtime, job).finish(photo, predicted).overview
            behind = backdrop.pick(number / rate)
            picture = Finisher(options, runtime, job, extent).finish(photo, predicted, behind).picture
            target.write(np.dstack([picture.rgb, picture.alpha]).tobytes())
            written = picture.size
    target.flush()
    return written


def _read(source: BinaryIO, size: Size) -> Iterator[Photo]:
    length = size[0] * size[1] * 3
    while len(data := source.read(length)) == length:
        yield Photo(np.frombuffer(data, np.uint8).reshape(size[1], size[0], 3))
