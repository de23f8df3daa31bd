"""Prediction: a model run on a photo, or its earlier prediction from the cache."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import NamedTuple

import numpy as np

from ..base import machine
from ..base.errors import ClearcutError
from ..base.jobs import Job
from ..pixels.image_io import Photo, hash_array
from ..registry import weights
from ..registry.cards import Card, Ensemble, ModelCard, Precision
from . import engines
from .blending import blend
from .looks import look_again
from .networks import NetworkInput, Prediction, find_family
from .networks.feeding import WHOLE, Region, crop_to_region
from .runtime import Runtime

BACKDROPS = (255, 0, 128, 64, 192)  # greys that a photo with transparency can be seen on
BACKDROP_SAMPLES = 250_000  # pixels that are looked at for that
ALIKE, WORSE = 64, 0.03  # levels of 255 below which a colour is lost on a grey; share of pixels
SIDE_BY_SIDE = 4  # cores from which the members of an ensemble run at the same time


class PredictionResult(NamedTuple):
    """A prediction, and how it was made.

    Attributes
    ----------
    prediction
        At the network's size.
    engine
        What ran the network, as people are told.
    warnings
        Codes.
    fresh
        Whether a network ran; False for one from the cache.
    """

    prediction: Prediction
    engine: str
    warnings: tuple[str, ...] = ()
    fresh: bool = True


def predict(
    photo: Photo,
    model: str,
    runtime: Runtime,
    job: Job,
    cache: bool = True,
    keep: Sequence[str] = (),
    precision: Precision = "exact",
) -> PredictionResult:
    """Run `model` on `photo`, unless its prediction is in the cache.

    The cache's key is a hash of the network's input, with weights and engine. So a photo is found again when its file
    was renamed, or has other metadata or another container.

    Parameters
    ----------
    model
        Its name in the catalogue.
    job
        Enters the steps ``loading`` and ``finding``.
    cache
        Whether predictions are looked for, and kept.
    keep
        For a model that tells classes apart, those that are the subject; without any, all but the background.
    precision
        ``exact``: as onnxruntime in float32; ``fast``: arithmetic that is as accurate, though not the same.

    Raises
    ------
    ClearcutError
        ``unknown_model``, ``model_missing``, ``wrong_checksum``, ``broken_weights``, ``bad_option``, ``cancelled``.
    """
    card = runtime.find_cutter(model)
    classes = [_find_class(card, name) for name in keep]
    weights.require(card, runtime.settings)
    if not isinstance(card, Ensemble):
        predicted = _predict_one(photo, card, runtime, precision, job, cache)
        return predicted._replace(prediction=predicted.prediction.select_classes(classes))
    start = perf_counter()
    members = _predict_members(photo, card, runtime, precision, job, cache)
    if all(member.fresh for member in members):
        runtime.speeds.note(card.name, perf_counter() - start)
    blended = blend([each.prediction for each in members], card)
    warnings = tuple(dict.fromkeys(code for each in members for code in each.warnings))
    return PredictionResult(blended, members[0].engine, warnings)


def _find_class(card: Card, name: str) -> int:
    if name not in card.classes:
        raise ClearcutError("bad_option", name="keep", value=name[:100], accepted=", ".join(card.classes) or "–")
    return card.classes.index(name) + 1


def _predict_members(
    photo: Photo, card: Ensemble, runtime: Runtime, precision: Precision, job: Job, cache: bool
) -> list[PredictionResult]:
    """The prediction of each member, at the same time where there are `SIDE_BY_SIDE` cores."""

    def predict_member(member: ModelCard) -> PredictionResult:
        return _predict_one(photo, member, runtime, precision, job, cache)

    if machine.count_cores() < SIDE_BY_SIDE:
        return [predict_member(member) for member in card.members]
    with ThreadPoolExecutor(len(card.members)) as threads:
        return list(threads.map(predict_member, card.members))


def estimate_seconds(model: str, runtime: Runtime) -> float | None:
    """Seconds that `model` takes to run on this machine, without loading; None before its first run."""
    card = runtime.find_card(model)
    members = [runtime.speeds.find_median(network.name) for network in card.networks]
    known = [seconds for seconds in members if seconds is not None]
    return runtime.speeds.find_median(model) or (sum(known) if len(known) == len(members) else None)


def _predict_one(
    photo: Photo, card: ModelCard, runtime: Runtime, precision: Precision, job: Job, cache: bool
) -> PredictionResult:
    """The prediction of one network, from as many looks as the photo asks for."""
    rgb = flatten(photo)

    def look(region: Region) -> PredictionResult:
        return _look(crop_to_region(rgb, region), card, runtime, precision, job, cache)

    first = look(WHOLE)
    if not first.prediction.is_plain:
        return first
    seen = first.prediction.matte
    matte = look_again(seen, photo.size, lambda region: look(region).prediction.matte, card.feed.has_fixed_shape)
    return first if matte is seen else first._replace(prediction=Prediction(matte))


def _look(
    rgb: np.ndarray, card: ModelCard, runtime: Runtime, precision: Precision, job: Job, cache: bool
) -> PredictionResult:
    """What a network says of `rgb` ``(H, W, 3)`` uint8, or its earlier word from the cache."""
    family, planned = find_family(card), engines.choose_plan(card, precision, runtime.settings)
    predictions = runtime.predictions
    job.enter("loading")
    fed = family.feed(rgb, card)
    asked = f"{fingerprint(fed)} {card.read}" if cache else ""
    session, looked_for = runtime.pool.find(card, planned), ""
    if session is None:  # a cached prediction needs no session
        label = engines.describe_plan(planned)
        looked_for = f"{asked} {weights.identify(card, runtime.settings)} {label}" if cache else ""
        cached = predictions.get(looked_for) if cache else None
        if cached is not None:
            return PredictionResult(cached, label, planned.warnings, fresh=False)
        session = runtime.pool.get(card, planned)
    job.enter("finding")
    key = f"{asked} {session.identity} {session.engine}"
    cached = predictions.get(key) if cache and key != looked_for else None  # once is enough, and counted as one
    if cached is not None:
        return PredictionResult(cached, session.engine, session.warnings, fresh=False)
    start = perf_counter()
    prediction = family.read(session.run(fed.inputs, job), card, fed).round_matte()
    runtime.speeds.note(card.name, perf_counter() - start)
    if cache:
        predictions.put(key, prediction)
    return PredictionResult(prediction, session.engine, session.warnings)


def fingerprint(fed: NetworkInput) -> str:
    """The key of an input: hashes of its arrays by name, and where the photo lies in it."""
    arrays = {"": fed.inputs} if isinstance(fed.inputs, np.ndarray) else fed.inputs
    return " ".join([*(f"{name}{hash_array(array)}" for name, array in arrays.items()), str(fed.inside)])


def flatten(photo: Photo) -> np.ndarray:
    """The photo's colours on one grey that they contrast with, ``(H, W, 3)`` uint8; without transparency its own array.

    Networks see what people see, not hidden colours. On white, where that is no worse than others.
    """
    if photo.alpha is None:
        return photo.rgb
    behind = _choose_backdrop(photo.rgb, photo.alpha)
    alpha = photo.alpha[..., None].astype(np.uint16)
    return ((photo.rgb * alpha + behind * (255 - alpha) + 127) // 255).astype(np.uint8)


def _choose_backdrop(rgb: np.ndarray, alpha: np.ndarray) -> int:
    """The first of `BACKDROPS` that fewest pixels that show are like; differences below `WORSE` do not count."""
    step = max(1, int((alpha.size / BACKDROP_SAMPLES) ** 0.5))
    rgb, alpha = rgb[::step, ::step], alpha[::step, ::step]
    shown = rgb[alpha > 127]
    if not len(shown):
        return BACKDROPS[0]
    like = [float((np.abs(shown.astype(np.int16) - grey).max(axis=1) < ALIKE).mean()) for grey in BACKDROPS]
    return next(grey for grey, share in zip(BACKDROPS, like, strict=True) if share <= min(like) + WORSE)
