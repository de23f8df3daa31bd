"""The stages of a cut-out, and the one runner of them: for the full size, the page's draft, and whatever comes.

find → matte → edges → colour → compose. Which options a stage reads is said by the options' own fields; with a memo, a
stage is done again only where something that it or a stage before it reads is new.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

import numpy as np

from .base.errors import ClearcutError, as_clearcut_error
from .base.jobs import Job
from .compose import ComposedPicture, compose, join_alpha
from .edges.foreground import estimate_foreground
from .edges.refine import refine_edges
from .edges.shape import shape_edges
from .inference.networks import Prediction
from .inference.predict import PredictionResult, flatten, predict
from .inference.runtime import Runtime
from .options.options import Options, Stage
from .pixels.image_io import Photo
from .pixels.resample import resize_matte
from .registry import weights

OWN_ALPHA = PredictionResult(Prediction(np.ones((1, 1), np.float32)), "own alpha")  # where nothing else is asked for
MEMO_SIZES = {"find": 6}  # results of a stage in a memo, some megabytes each; of the others the last one
Made = TypeVar("Made")


@dataclass(frozen=True)
class Inputs:
    """Pictures, and what a person drew: what is cut out, with options, and nothing else.

    Attributes
    ----------
    photo
        From `decode`, or built from an array.
    background
        The picture for ``background=image``.
    marks
        What a person drew on the photo. No stage reads it yet.
    """

    photo: Photo
    background: Photo | None = None
    marks: None = None


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
        Time spent, by stage.
    warnings
        Codes such as ``nothing_found``.
    """

    picture: ComposedPicture
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


class Clock:
    """Seconds by stage, of what is done inside ``with clock(stage)``."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Add the time that is spent inside to `stage`."""
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + perf_counter() - start


class View(NamedTuple):
    """How a photo that is made smaller stands for its original.

    Attributes
    ----------
    original
        Gives the original, which the network sees; called only when a network has to look.
    reduced
        How large the photo is beside it.
    long_side
        The longest that a picture may be, in pixels.
    """

    original: Callable[[], Photo]
    reduced: float
    long_side: int


class Memo:
    """What the stages have made of one photo, by what they read. Safe to use from several threads."""

    def __init__(self) -> None:
        self._results: dict[str, OrderedDict[Any, Any]] = {}
        self._lock = threading.Lock()

    def remember(self, stage: str, key: Any, make: Callable[[], Made]) -> Made:
        """What `stage` made when it was last asked for `key`, else what it makes now."""
        with self._lock:
            made = self._results.setdefault(stage, OrderedDict())
            if key in made:
                made.move_to_end(key)
                kept: Made = made[key]
                return kept
        new = make()  # without the lock: another thread may meanwhile do the same work, which is no harm
        with self._lock:
            made[key] = new
            while len(made) > MEMO_SIZES.get(stage, 1):
                made.popitem(last=False)
        return new


def run_stages(
    inputs: Inputs,
    options: Options,
    runtime: Runtime,
    job: Job,
    clock: Clock,
    *,
    cache: bool = True,
    view: View | None = None,
    memo: Memo | None = None,
) -> Cutout:
    """Cut the subject out of ``inputs.photo``, stage by stage.

    Parameters
    ----------
    cache
        Look for a kept prediction, and keep the new one.
    view
        Where the photo is smaller than the one that is meant: lengths in pixels are scaled with it.
    memo
        Of this very photo: what has been made before is not made again.

    Raises
    ------
    ClearcutError
        See `ANSWERS` in ``base/errors.py``.
    """
    options = options.with_defaults_of(runtime.settings)
    photo, reduced = inputs.photo, view.reduced if view else 1.0
    read: tuple[Any, ...] = ()

    def run(stage: Stage, make: Callable[[], Made], *facts: Any) -> Made:
        """One stage; its key holds all that it and those before it have read."""
        nonlocal read
        job.check()
        read = (*read, options.list_values_read_by(stage), facts)
        with clock(stage):
            return memo.remember(stage, read, make) if memo else make()

    asks = memo is not None and not _keeps_own_alpha(photo, options)
    files = weights.stamp(runtime.find_card(options.model), runtime.settings) if asks else ()
    seen = view.original if view else lambda: photo
    predicted = run("find", lambda: find_subject(seen(), options, runtime, job, cache), files)
    job.enter("finishing")
    matte = run("matte", lambda: make_matte(photo, predicted.prediction, options, reduced))
    alpha = run("edges", lambda: cut_edges(photo, matte, options, reduced), inputs.marks)
    subject = run("colour", lambda: find_colours(photo, predicted.prediction, alpha, options))
    job.check()
    with clock("compose"):  # it is never the same twice, or nothing was asked for
        long_side = view.long_side if view else None
        picture = compose(subject, alpha, photo, options, inputs.background, reduced=reduced, long_side=long_side)
    nothing = ("nothing_found",) if predicted.prediction.is_empty else ()
    warnings = (*predicted.warnings, *nothing, *picture.warnings)
    return Cutout(picture, photo, options, predicted.engine, clock.seconds, warnings)


def find_subject(photo: Photo, options: Options, runtime: Runtime, job: Job, cache: bool) -> PredictionResult:
    """What the network that `options` name says of `photo`; none is asked where its own transparency is wanted."""
    if _keeps_own_alpha(photo, options):
        return OWN_ALPHA
    return predict(photo, options.model, runtime, job, cache, options.keep, options.precision)


def make_matte(photo: Photo, prediction: Prediction, options: Options, reduced: float = 1.0) -> np.ndarray:
    """The matte at the photo's size ``(H, W)`` uint8, its edge found as ``refine`` asks; or the photo's own.

    `photo` may be `reduced` from the one that the network saw.
    """
    if photo.alpha is not None and _keeps_own_alpha(photo, options):
        return photo.alpha
    alpha = resize_matte(prediction.matte, photo.size, hard=prediction.labels is not None)
    return refine_edges(alpha, flatten(photo), options, reduced)


def cut_edges(photo: Photo, matte: np.ndarray, options: Options, reduced: float = 1.0) -> np.ndarray:
    """The subject's alpha ``(H, W)`` uint8: `matte` in the shape that is asked for, with the photo's own alpha."""
    alpha = shape_edges(matte, options, reduced)
    return join_alpha(alpha, photo.alpha) if options.own_alpha == "intersect" else alpha


def find_colours(photo: Photo, prediction: Prediction, alpha: np.ndarray, options: Options) -> np.ndarray:
    """The subject's own colours ``(H, W, 3)`` uint8; what the photo itself has as see-through is in its own already."""
    own = None if options.own_alpha == "ignore" else photo.alpha
    if not options.decontaminate or options.background == "original" or _keeps_own_alpha(photo, options):
        return photo.rgb
    estimated = estimate_foreground(flatten(photo), alpha, prediction.foreground)
    return estimated if own is None else np.where(own[..., None] < 255, photo.rgb, estimated)


def _keeps_own_alpha(photo: Photo, options: Options) -> bool:
    """Whether the photo's own transparency is all that is wanted of a matte."""
    return options.own_alpha == "keep" and photo.alpha is not None


@contextmanager
def hold_slot(runtime: Runtime, job: Job, name: str) -> Iterator[Clock]:
    """A run slot, held while inside, and a clock; what was not foreseen leaves as ``unexpected``."""
    try:
        with runtime.slots.hold(job):
            job.enter("reading")
            yield Clock()
    except ClearcutError:
        raise
    except Exception as error:
        raise as_clearcut_error(error, name=name) from error
