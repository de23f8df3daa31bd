"""The one path of a picture through the house: photo → prediction → matte → cut-out → bytes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from .base import jobs, machine
from .base.errors import ClearcutError, as_clearcut_error
from .base.jobs import Job
from .compose import BARE, OPAQUE, Composed, compose, join_alpha
from .edges import foreground
from .edges import refine as edges
from .inference import pool as runtime
from .inference import predict as mattes
from .inference.networks import Prediction
from .inference.predict import Predicted
from .options.canvas import Canvas, parse_canvas
from .options.options import Options
from .pixels import image_io
from .pixels.formats import FORMATS, Picture, write
from .pixels.image_io import Photo
from .pixels.metadata import filter_exif
from .pixels.resample import resize_matte
from .registry import catalog

machine.keep_freed_memory()
OWN = Predicted(Prediction(np.ones((1, 1), np.float32)), "own alpha")  # where nothing else is asked for


class Clock:
    """Seconds by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        """Add the time that is spent inside to `step`."""
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds[step] = self.seconds.get(step, 0.0) + perf_counter() - start


@dataclass(frozen=True)
class Cutout:
    """A subject without its background, or before another one.

    Attributes
    ----------
    picture
        Colour, alpha and where the photo lies in them.
    photo
        What it was cut from.
    options
        What was asked for.
    engine
        What made the matte.
    seconds
        Time spent, by step.
    warnings
        Codes such as ``nothing_found``.
    """

    picture: Composed
    photo: Photo
    options: Options
    engine: str
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def rgb(self) -> np.ndarray:
        """``(H, W, 3)`` uint8 sRGB, straight (never multiplied by alpha); 0 where alpha is 0."""
        return self.picture.rgb

    @property
    def alpha(self) -> np.ndarray:
        """``(H, W)`` uint8; 255 throughout with a background."""
        return self.picture.alpha

    @property
    def model(self) -> str:
        """What was asked to find the subject."""
        return self.options.model


@dataclass(frozen=True)
class Result:
    """A cut-out as a file.

    Attributes
    ----------
    data
        The file.
    cutout
        What is in it.
    original_size, size
        Width and height of the photo, and of the picture.
    name
        What the file is to be called.
    media_type
        What HTTP calls its format.
    """

    data: bytes
    cutout: Cutout
    original_size: tuple[int, int]
    name: str
    media_type: str

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture in pixels."""
        return self.cutout.picture.placement.size

    @property
    def full_size(self) -> tuple[int, int]:
        """Width and height of the picture as it is downloaded, of which a draft is a smaller view."""
        wanted, placement = parse_canvas(self.cutout.options.canvas), self.cutout.picture.placement
        if isinstance(wanted, Canvas):
            return wanted.size
        turned = self.original_size[::-1] if self.cutout.options.rotate % 180 else self.original_size
        shown = self.cutout.picture.turned_photo.size
        if placement.size == shown:
            return turned
        width, height = (round(side * turned[0] / shown[0]) for side in placement.size)
        return width, height


def cut_out(
    photo: Photo,
    options: Options | None = None,
    background_image: Photo | None = None,
    *,
    job: Job | None = None,
    cache: bool = True,
    last: bool = False,
) -> Cutout:
    """Cut the subject out of `photo`.

    Parameters
    ----------
    photo
        From `decode`, or built from an array.
    options
        What is wanted; the defaults without.
    background_image
        The picture for ``background=image``.
    job
        Follow or stop the work from another thread.
    cache
        Look for a kept prediction, and keep the new one.
    last
        No other photo follows: what the networks hold is given back before the picture takes its own memory.

    Raises
    ------
    ClearcutError
        See `KINDS` in ``errors.py``.
    """
    options = options or Options()
    job = job or Job()
    clock = Clock()
    with clock("network"):
        predicted = find(photo, options, job, cache)
    if last:
        runtime.POOL.clear()
    job.at("finishing")
    with clock("matte"):
        matte = full_matte(photo, predicted.prediction, options)
    subject, alpha = separate(photo, predicted, matte, options, job, clock)
    with clock("compose"):
        picture = compose(subject, alpha, photo, options, background_image)
    return finish(picture, photo, predicted, options, clock)


def cut_out_file(
    data: bytes,
    options: Options | None = None,
    background_image: bytes | None = None,
    *,
    name: str = "",
    max_megapixels: float | None = None,
    job: Job | None = None,
    cache: bool = True,
    last: bool = False,
) -> Result:
    """The bytes of a photo → the bytes of its cut-out, in a run slot: what every face of the house calls.

    Raises
    ------
    ClearcutError
        Nothing else; what was not foreseen comes as ``unexpected``.
    """
    job = job or Job()
    options = options or Options()
    with in_turn(job, name) as clock:
        with clock("decode"):
            photo = image_io.decode(data, name, max_megapixels)
            behind = decoded_background(background_image, options, max_megapixels)
        cutout = cut_out(photo, options, behind, job=job, cache=cache, last=last)
        with clock("encode"):
            encoded = _encode(cutout, data)
        job.check()
    cutout.seconds.update(clock.seconds)
    format = FORMATS[options.format]
    return Result(encoded, cutout, photo.size, image_io.name_cutout(name, format.extension), format.media_type)


def find(photo: Photo, options: Options, job: Job, cache: bool) -> Predicted:
    """What the network that `options` name says of `photo`; nothing is asked where its own transparency is wanted."""
    if options.own_alpha == "keep" and photo.alpha is not None:
        return OWN
    return mattes.predict(photo, options.model, job, cache, options.keep, options.precision)


def full_matte(photo: Photo, prediction: Prediction, options: Options, reduced: float = 1.0) -> np.ndarray:
    """The matte at the photo's size ``(H, W)`` uint8, its edge found as ``refine`` asks; or the photo's own.

    `photo` may be `reduced` from the one that the network saw.
    """
    if options.own_alpha == "keep" and photo.alpha is not None:
        return photo.alpha
    alpha = resize_matte(prediction.matte, photo.size, hard=prediction.labels is not None)
    return edges.refine_edges(alpha, mattes.flatten(photo), options, reduced)


def separate(
    photo: Photo,
    predicted: Predicted,
    matte: np.ndarray,
    options: Options,
    job: Job,
    clock: Clock,
    reduced: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """The subject's own colours ``(H, W, 3)`` and its alpha ``(H, W)``, both uint8, as the group ``edges`` asks.

    `matte` is from `full_matte`.
    """
    job.check()
    with clock("matte"):
        alpha = edges.shape_edges(matte, options, reduced)
        if options.own_alpha == "intersect":
            alpha = join_alpha(alpha, photo.alpha)
    job.check()
    with clock("colour"):
        subject = _own_colour(photo, predicted.prediction, alpha, options)
    job.check()
    return subject, alpha


def _own_colour(photo: Photo, prediction: Prediction, alpha: np.ndarray, options: Options) -> np.ndarray:
    """The subject's own colours; what the photo itself has as see-through is in its own colour already."""
    own = None if options.own_alpha == "ignore" else photo.alpha
    if (
        not options.decontaminate
        or options.background == "original"
        or (own is not None and options.own_alpha == "keep")
    ):
        return photo.rgb
    estimated = foreground.estimate_foreground(mattes.flatten(photo), alpha, prediction.foreground)
    return estimated if own is None else np.where(own[..., None] < 255, photo.rgb, estimated)


def finish(picture: Composed, photo: Photo, predicted: Predicted, options: Options, clock: Clock) -> Cutout:
    """A composed picture with all that is to be said of it."""
    nothing = ("nothing_found",) if predicted.prediction.is_empty else ()
    warnings = (*predicted.warnings, *nothing, *picture.warnings)
    return Cutout(picture, photo, options, predicted.engine, clock.seconds, warnings)


def decoded_background(data: bytes | None, options: Options, max_megapixels: float | None) -> Photo | None:
    """The picture in `data`, where `options` want one behind the subject."""
    if data is None or options.background != "image":
        return None
    return image_io.decode(data, "", max_megapixels)


def picture_of(cutout: Cutout) -> Picture:
    """What is to be written; a picture with a background has no alpha."""
    made, wanted = cutout.picture, parse_canvas(cutout.options.canvas)
    dpi = wanted.dpi if isinstance(wanted, Canvas) else None
    options = cutout.options
    alpha = made.alpha if options.background == "transparent" or options.format in BARE else None
    own = cutout.photo.dpi
    turned = own and (own[::-1] if options.rotate % 180 else own)
    return Picture(made.rgb, alpha, (dpi, dpi) if dpi else turned)


def _encode(cutout: Cutout, data: bytes) -> bytes:
    """The file that the options name, of a picture cut from the photo in `data`."""
    options, made = cutout.options, cutout.picture
    picture = picture_of(cutout)
    if options.format in BARE:
        before = made.before()
        untouched = before is cutout.photo
        picture = picture._replace(alpha=made.matte, photo=before, file=data if untouched else b"")
    elif options.format in OPAQUE:
        picture = picture._replace(alpha=None)
    if options.keep_exif:
        picture = picture._replace(exif=filter_exif(data))
    return write(options.format, picture, options.quality)


@contextmanager
def in_turn(job: Job, name: str) -> Iterator[Clock]:
    """A run slot, held while inside, and a clock; what was not foreseen leaves as ``unexpected``."""
    try:
        with jobs.SLOTS.turn(job):
            job.at("reading")
            yield Clock()
    except ClearcutError:
        raise
    except Exception as error:
        raise as_clearcut_error(error, name=name) from error


def cut_out_bytes(data: bytes, background_image: bytes | None = None, *, cache: bool = True, **options: Any) -> bytes:
    """The bytes of a photo in, the bytes of a transparent PNG (or of what the options ask for) out.

    >>> png = cut_out_bytes(open("cat.jpg", "rb").read(), model="u2netp", feather=2)  # doctest: +SKIP
    """
    wanted = Options.of(**options, background_image=background_image is not None)
    return cut_out_file(data, wanted, background_image, cache=cache).data


def warm_up(model: str) -> None:
    """Load `model` and run it once, so that the first photo does not wait for it."""
    card = catalog.find_card(model)
    mattes.predict(Photo(np.zeros((8, 8, 3), np.uint8)), card.name, Job(), cache=False)
