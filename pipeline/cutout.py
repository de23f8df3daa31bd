"""The one path of a picture through the house: photo → prediction → matte → cut-out → bytes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from . import catalog, compose, edges, image_io, jobs, mattes
from .errors import ClearcutError, as_clearcut_error
from .image_io import Photo
from .jobs import Job
from .options import Options
from .resample import matte_to_photo


@dataclass(frozen=True)
class Cutout:
    """A subject without its background.

    Attributes
    ----------
    rgb
        ``(H, W, 3)`` uint8 sRGB, straight (never multiplied by alpha); 0 where alpha is 0.
    alpha
        ``(H, W)`` uint8.
    photo
        What it was cut from, at the same size.
    model, engine
        What made the matte.
    seconds
        Time spent, by step.
    warnings
        Codes such as ``nothing_found``.
    """

    rgb: np.ndarray
    alpha: np.ndarray
    photo: Photo
    model: str
    engine: str
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """A cut-out as a file."""

    data: bytes
    cutout: Cutout
    original_size: tuple[int, int]


def cut_out(
    photo: Photo,
    options: Options | None = None,
    *,
    long_side: int | None = None,
    job: Job | None = None,
    cache: bool = True,
) -> Cutout:
    """Cut the subject out of `photo`.

    Parameters
    ----------
    photo
        From `decode`, or built from an array.
    options
        What is wanted; the defaults without.
    long_side
        Make the cut-out at screen size, its longer side at most this many pixels. The network still sees the whole
        photo, and options in pixels are scaled with it, so that it looks like the full size made smaller.
    job
        Follow or stop the work from another thread.
    cache
        Look for a kept prediction, and keep the new one.

    Raises
    ------
    ClearcutError
        See `KINDS` in ``errors.py``.
    """
    options = options or Options()
    job = job or Job()
    clock = _Clock()
    with clock("network"):
        predicted = mattes.predict(photo, options.model, job, cache, options.keep, options.precision)
    prediction = predicted.prediction
    job.at("finishing")
    full_width = photo.size[0]
    if long_side:
        with clock("reduce"):
            photo = photo.fitted(long_side)
    scale = photo.size[0] / full_width
    with clock("matte"):
        alpha = matte_to_photo(prediction.matte, photo.size, hard=prediction.labels is not None)
        alpha = edges.feather(alpha, options.feather * scale)
        alpha = compose.join_alpha(alpha, photo.alpha)
    job.check()
    with clock("compose"):
        rgb = compose.without_background(photo.rgb, alpha)
    warnings = [*predicted.warnings, *(["nothing_found"] if prediction.is_empty else [])]
    return Cutout(rgb, alpha, photo, options.model, predicted.engine, clock.seconds, tuple(warnings))


def cut_out_file(
    data: bytes,
    options: Options | None = None,
    *,
    name: str = "",
    max_megapixels: float | None = None,
    long_side: int | None = None,
    job: Job | None = None,
    cache: bool = True,
) -> Result:
    """The bytes of a photo → the bytes of its cut-out, in a run slot: what every face of the house calls.

    Raises
    ------
    ClearcutError
        Nothing else; what was not foreseen comes as ``unexpected``.
    """
    job = job or Job()
    clock = _Clock()
    try:
        with jobs.SLOTS.turn(job):
            job.at("reading")
            with clock("decode"):
                photo = image_io.decode(data, name, max_megapixels)
            cutout = cut_out(photo, options, long_side=long_side, job=job, cache=cache)
            with clock("encode"):
                png = image_io.encode(cutout.rgb, cutout.alpha, photo.dpi)
            job.check()
    except ClearcutError:
        raise
    except Exception as error:
        raise as_clearcut_error(error, name=name) from error
    cutout.seconds.update(clock.seconds)
    return Result(png, cutout, photo.size)


def cut_out_bytes(data: bytes, *, cache: bool = True, **options: Any) -> bytes:
    """The bytes of a photo in, the bytes of a transparent PNG out.

    >>> png = cut_out_bytes(open("cat.jpg", "rb").read(), model="u2netp", feather=2)  # doctest: +SKIP
    """
    return cut_out_file(data, Options.of(**options), cache=cache).data


def warm_up(model: str) -> None:
    """Load `model` and run it once, so that the first photo does not wait for it."""
    card = catalog.card(model)
    mattes.predict(Photo(np.zeros((8, 8, 3), np.uint8)), card.name, Job(), cache=False)


class _Clock:
    """Seconds by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds[step] = self.seconds.get(step, 0.0) + perf_counter() - start
