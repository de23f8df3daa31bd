"""The stages of a cut-out, find → matte → marks → edges → colour → compose, for files and for the page's draft alike.

Which options a stage reads stands at the fields of `Options`. With a memo, a stage runs again only where something that
it or a stage before it reads has changed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import cv2
import numpy as np

from .base.errors import ClearcutError, as_clearcut_error
from .base.jobs import Job
from .compose import Face, compose, find_faces, join_alpha
from .edges.drawn_trimap import paint_marks
from .edges.foreground import estimate_foreground
from .edges.given_trimap import solve_trimap
from .edges.interior import settle_interior
from .edges.marks import Pick
from .edges.refine import refine_edges
from .edges.shape import shape_edges
from .edges.touch_up import Marked
from .inference import engines
from .inference.keying import KeyMode, key_subject
from .inference.looks import PHOTO, Effort
from .inference.networks import Prediction
from .inference.picking import find_mask
from .inference.predict import PredictionResult, flatten, predict
from .inference.regions import clear_beyond, find_in_region
from .inference.runtime import Runtime
from .inputs import OVERVIEW, Cutout, Inputs, Reduction
from .marking import Marking, Picked
from .memo import Clock, Memo, Run
from .options.options import Options
from .pixels.geometry import Size, fit_size
from .pixels.image_io import Photo
from .pixels.resample import resize_for_work, resize_matte
from .registry import weights

OWN_ALPHA = PredictionResult(Prediction(np.ones((1, 1), np.float32)), "own alpha")  # for ``own_alpha=keep``
TRIMAP = "trimap"  # the engine of a matte that a person's trimap tells
KEYED = "key"  # the engine of a matte that needed no network
NOT_FLAT = "background_not_flat"  # warning: a key was asked for, and a network found the subject
CLEAR = 13  # alpha below which a photo counts as transparent
CLEAR_BORDER = 0.5  # share of a photo's border that is transparent where its own alpha tells a subject
LEAST_FOUND = 0.7  # share of such a subject that a network has to find, or else the photo's own alpha counts


def run_stages(
    inputs: Inputs,
    options: Options,
    runtime: Runtime,
    job: Job,
    clock: Clock,
    *,
    cache: bool = True,
    reduction: Reduction | None = None,
    memo: Memo | None = None,
) -> Cutout:
    """Cut the subject out of ``inputs.photo``, stage by stage.

    Parameters
    ----------
    clock
        Takes the seconds of each stage.
    cache
        Whether predictions are looked for in the runtime's cache, and kept there.
    reduction
        Where the photo was made smaller: lengths in pixels are scaled with it.
    memo
        Of this photo, to reuse results of earlier runs.

    Raises
    ------
    ClearcutError
        See `ANSWERS` in ``base/errors.py``.
    """
    inputs, run = _paint_trimap(inputs), Run(_settle_model(options, runtime), job, clock, memo)
    options, photo, reduced = run.options, inputs.photo, reduction.reduced if reduction else 1.0

    def look(rgb: np.ndarray) -> tuple[Face, ...]:
        """Find the faces in the photo as it is turned, once for each turn."""
        turned = options.crop_box, options.rotate, options.flip
        return memo.remember("faces", turned, lambda: find_faces(rgb)) if memo else find_faces(rgb)

    predicted, matte = _find_matte(run, inputs, runtime, cache, reduction)
    marking = _prepare_marking(run, photo, matte, runtime, reduction)
    marked = marking.found
    if inputs.marks and inputs.marks.strokes:
        with clock("marks"):
            marked = marking.draw(inputs.marks)
        run.read = (*run.read, inputs.marks.digests[-1])
    alpha = run("edges", lambda: cut_edges(photo, marked, options, reduced, predicted.prediction.exact))
    subject = run("colour", lambda: find_colours(photo, predicted.prediction, alpha, options))
    job.check()
    with clock("compose"):  # not remembered: it reads most options
        long_side = reduction.long_side if reduction else None
        own = memo is None and not np.may_share_memory(subject, photo.rgb)
        how: dict[str, Any] = {"reduced": reduced, "long_side": long_side, "look": look, "overwrite": own}
        how["extent"] = inputs.extent
        picture = compose(subject, alpha, photo, options, inputs.background, **how)
    found = _knows_better(photo, matte, options) or bool(inputs.marks and marked.alpha.any())
    nothing = ("nothing_found",) if predicted.prediction.is_empty and not found else ()
    left = ("nothing_left",) if inputs.marks and not (nothing or marked.alpha.any()) else ()
    warnings = (*photo.warnings, *predicted.warnings, *nothing, *left, *picture.warnings)
    overview = resize_for_work(alpha, fit_size(photo.size, OVERVIEW))
    doubt = _measure_doubt(predicted.prediction)
    known = picture, photo, options, predicted.engine, clock.seconds, warnings, overview, doubt, inputs.trimap
    return Cutout(*known, fresh=predicted.fresh)


def preview_pick(
    inputs: Inputs,
    pick: Pick,
    settled: bool,
    options: Options,
    runtime: Runtime,
    job: Job,
    reduction: Reduction,
    memo: Memo,
) -> Picked:
    """What `pick` would do after the marks of `inputs`. Parameters as for `Marking.preview` and `run_stages`."""
    inputs, run = _paint_trimap(inputs), Run(_settle_model(options, runtime), job, Clock(), memo)
    _, matte = _find_matte(run, inputs, runtime, True, reduction)
    return _prepare_marking(run, inputs.photo, matte, runtime, reduction).preview(inputs.marks, pick, settled)


def _paint_trimap(inputs: Inputs) -> Inputs:
    """`inputs` whose strokes are painted on their trimap, if they have one; picks are drawn on what it tells."""
    if inputs.trimap is None or not inputs.marks:
        return inputs
    return replace(inputs, trimap=paint_marks(inputs.trimap, inputs.marks), marks=inputs.marks.list_picks())


def _find_matte(
    run: Run, inputs: Inputs, runtime: Runtime, cache: bool, reduction: Reduction | None
) -> tuple[PredictionResult, np.ndarray]:
    """The prediction for a photo and the matte at its size; or those that its trimap tells."""
    options, job, photo, trimap, region = run.options, run.job, inputs.photo, inputs.trimap, inputs.region
    asks = run.memo is not None and trimap is None and not _keeps_own_alpha(photo, options)
    networks = _identify_networks(options, runtime) if asks else ()
    seen, reduced = (reduction.original, reduction.reduced) if reduction else (lambda: photo, 1.0)
    if trimap is not None:
        job.enter("finishing")
        matte = run("matte", lambda: solve_trimap(trimap, flatten(photo)), trimap.tobytes())
        return PredictionResult(Prediction(trimap / np.float32(255)), TRIMAP), matte

    def find(part: Photo, size: Size) -> PredictionResult:
        if inputs.predicted:
            return inputs.predicted
        return find_subject(part, options, runtime, job, cache, size)

    predicted = run("find", lambda: find_in_region(seen(), region, find, photo.size), networks, region)
    job.enter("finishing")
    prediction = predicted.prediction
    return predicted, run("matte", lambda: clear_beyond(make_matte(photo, prediction, options, reduced), region))


def _prepare_marking(
    run: Run, photo: Photo, matte: np.ndarray, runtime: Runtime, reduction: Reduction | None
) -> Marking:
    found = _join_own_alpha(photo, matte, run.options)
    see, reduced = (reduction.original, reduction.reduced) if reduction else (lambda: photo, 1.0)
    read, ask, picker = (*run.read, found.joined), None, runtime.find_picker()
    if picker:
        read = (*read, weights.stamp(picker, runtime.settings))
        remember = run.memo.remember if run.memo else lambda stage, key, make: make()
        ask = partial(find_mask, see, card=picker, runtime=runtime, job=run.job, remember=remember)
    return Marking(found, photo, reduced, run.job, run.memo, read, ask)


def _measure_doubt(prediction: Prediction) -> float:
    """How far networks disagree, as a share of the subject's area."""
    if prediction.doubt is None:
        return 0.0
    return float(min(1.0, prediction.doubt.sum() / max(float(prediction.matte.sum()), 1.0)))


def _settle_model(options: Options, runtime: Runtime) -> Options:
    """`options` with the model that is to run by its own name."""
    options = options.with_defaults_of(runtime.settings)
    model = runtime.resolve_model(options.model)
    return options if model == options.model else options.model_copy(update={"model": model})


def _identify_networks(options: Options, runtime: Runtime) -> tuple[Any, ...]:
    """What else a prediction depends on: the model's card, its weight files, and what is to run them.

    Nothing where a key is asked for and there are no weights: it may do without, and `find_subject` raises where not.
    """
    card, settings = runtime.find_cutter(options.model), runtime.settings
    try:
        stamp = weights.stamp(card, settings)
    except ClearcutError:
        if options.key == "off":
            raise
        return ()
    plans = [engines.choose_plan(network, options.precision, settings) for network in card.networks]
    return card, stamp, *plans


def find_subject(
    photo: Photo,
    options: Options,
    runtime: Runtime,
    job: Job,
    cache: bool,
    size: Size | None = None,
    effort: Effort = PHOTO,
) -> PredictionResult:
    """The prediction of the model in `options`, or the key.

    No network runs where the photo's own alpha is to be kept, nor where a key is asked for and the background is of one
    colour. `size` is that at which a draft goes on: a key is made at the size of `photo` and then made smaller.
    `effort` as for `predict`.
    """
    if _keeps_own_alpha(photo, options):
        return OWN_ALPHA
    if options.key != "off" and (keyed := _key_photo(photo, options.key)) is not None:
        job.enter("finding")
        return PredictionResult(keyed.shrink_to(size or photo.size), KEYED)
    predicted = predict(photo, options.model, runtime, job, cache, options.keep, options.precision, effort)
    return (
        predicted._replace(warnings=(*predicted.warnings, NOT_FLAT)) if options.key in ("outside", "on") else predicted
    )


def _key_photo(photo: Photo, how: KeyMode) -> Prediction | None:
    """The key of a photo; None where its background is not of one colour, or it is see-through already."""
    if photo.alpha is not None and photo.alpha.min(initial=255) < 255:
        return None
    return key_subject(photo.rgb, how)


def make_matte(photo: Photo, prediction: Prediction, options: Options, reduced: float = 1.0) -> np.ndarray:
    """The matte at the photo's size, ``(H, W)`` uint8; or the photo's own alpha.

    What a network said is made solid inside as ``interior`` asks, and refined as ``refine`` does; a key is exact.

    `reduced` is the size of `photo` as a fraction of the original's.
    """
    if photo.alpha is not None and _keeps_own_alpha(photo, options):
        return photo.alpha
    alpha = resize_matte(prediction.matte, photo.size, hard=prediction.labels is not None)
    if prediction.exact:
        return alpha
    rgb = flatten(photo)
    return refine_edges(settle_interior(alpha, rgb, options.interior, prediction.doubt), rgb, options, reduced)


def _join_own_alpha(photo: Photo, matte: np.ndarray, options: Options) -> Marked:
    """`matte` before marks; the photo's own alpha where it tells a subject that is not found in `matte`."""
    if photo.alpha is not None and _knows_better(photo, matte, options):
        return Marked(photo.alpha, joined=True)
    return Marked(matte)


def cut_edges(photo: Photo, marked: Marked, options: Options, reduced: float = 1.0, exact: bool = False) -> np.ndarray:
    """The subject's alpha, ``(H, W)`` uint8: `marked` with its edge as asked for, times the photo's own alpha.

    `exact`: as of the prediction that `marked` was made from.
    """
    alpha = shape_edges(marked.alpha, options, reduced, exact and not marked.joined, marked.held)
    joins = options.own_alpha == "intersect" and not marked.joined
    return join_alpha(alpha, photo.alpha) if joins else alpha


def _knows_better(photo: Photo, matte: np.ndarray, options: Options) -> bool:
    """Whether the photo is a cut-out already and less than `LEAST_FOUND` of it is found in `matte`.

    A cut-out is transparent along most of its border; a photo with a transparent corner or strip is none.
    """
    own = photo.alpha
    if own is None or options.own_alpha != "intersect":
        return False
    border = np.concatenate((own[0], own[-1], own[:, 0], own[:, -1]))
    if np.mean(border < CLEAR) < CLEAR_BORDER:
        return False
    return float(cv2.mean(join_alpha(matte, own))[0]) < LEAST_FOUND * float(cv2.mean(own)[0])


def find_colours(photo: Photo, prediction: Prediction, alpha: np.ndarray, options: Options) -> np.ndarray:
    """The subject's own colours, ``(H, W, 3)`` uint8; the photo's where it is transparent, or not asked for."""
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
    """Hold a run slot while inside, with a clock; errors leave as `ClearcutError`."""
    try:
        with runtime.slots.hold(job):
            job.enter("reading")
            yield Clock()
    except ClearcutError:
        raise
    except Exception as error:
        raise as_clearcut_error(error, name=name) from error
