"""Prediction: a model run on a photo, or its earlier prediction from the cache."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from time import perf_counter
from typing import NamedTuple

import cv2
import numpy as np
import PIL

from .. import __version__
from ..base import machine
from ..base.errors import ClearcutError
from ..base.jobs import Job
from ..pixels.image_io import Photo, hash_array
from ..pixels.resample import halve
from ..registry import weights
from ..registry.cards import Card, Ensemble, ModelCard, Precision
from . import engines
from .blending import blend
from .engines import Plan
from .looks import PHOTO, Effort, look_again
from .networks import NetworkInput, Prediction, find_family
from .networks.feeding import WHOLE, Region, crop_to_region
from .runtime import Runtime
from .sessions import Session

BACKDROPS = (255, 0, 128, 64, 192)  # greys that a photo with transparency can be seen on
BACKDROP_SAMPLES = 250_000  # pixels that are looked at for that
ALIKE, WORSE = 64, 0.03  # levels of 255 below which a colour is lost on a grey; share of pixels
SIDE_BY_SIDE = 4  # cores from which the members of an ensemble run at the same time
READ_BY = __version__, cv2.__version__, PIL.__version__  # what turns a file into a network's input


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
    effort: Effort = PHOTO,
) -> PredictionResult:
    """Run `model` on `photo`, unless its prediction is in the cache.

    The cache has two keys, both with weights and engine: a hash of the photo's file, or of its pixels where there is
    none, by which a prediction is found at once; and one of the network's input, by which a photo is found again when
    its file has other metadata or another container.

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
    effort
        What looks may cost; only for ``cache=False`` another one than that of photos.

    Raises
    ------
    ClearcutError
        ``unknown_model``, ``model_missing``, ``wrong_checksum``, ``broken_weights``, ``bad_option``, ``cancelled``.
    """
    card = runtime.find_cutter(model)
    classes = [_find_class(card, name) for name in keep]
    weights.require(card, runtime.settings)
    view = _View(photo, effort)
    if not isinstance(card, Ensemble):
        predicted = _predict_one(view, card, runtime, precision, job, cache)
        return predicted._replace(prediction=predicted.prediction.select_classes(classes))
    start = perf_counter()
    members = _predict_members(view, card, runtime, precision, job, cache)
    if all(member.fresh for member in members):
        runtime.speeds.note(card.name, perf_counter() - start)
    blended = blend([each.prediction for each in members], card, view.rgb)
    warnings = tuple(dict.fromkeys(code for each in members for code in each.warnings))
    return PredictionResult(blended, members[0].engine, warnings)


def _find_class(card: Card, name: str) -> int:
    if name not in card.classes:
        raise ClearcutError("bad_option", name="keep", value=name[:100], accepted=", ".join(card.classes) or "–")
    return card.classes.index(name) + 1


def _predict_members(
    view: "_View", card: Ensemble, runtime: Runtime, precision: Precision, job: Job, cache: bool
) -> list[PredictionResult]:
    """The prediction of each member, at the same time where there are `SIDE_BY_SIDE` cores."""

    def predict_member(member: ModelCard) -> PredictionResult:
        return _predict_one(view, member, runtime, precision, job, cache)

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


class _View:
    """A photo as networks see it, at some effort; what is not needed is not made."""

    def __init__(self, photo: Photo, effort: Effort) -> None:
        self.photo, self.effort = photo, effort

    @cached_property
    def rgb(self) -> np.ndarray:
        """``(H, W, 3)`` uint8."""
        return flatten(self.photo)

    @cached_property
    def identity(self) -> str:
        """A hash of the file, or else of the pixels."""
        photo = self.photo
        if photo.file:
            return hashlib.sha256(photo.file).hexdigest()
        return " ".join(hash_array(plane) for plane in (photo.rgb, photo.alpha) if plane is not None)


def _predict_one(
    view: _View, card: ModelCard, runtime: Runtime, precision: Precision, job: Job, cache: bool
) -> PredictionResult:
    """The prediction of one network, from as many looks as the photo asks for."""

    def look(region: Region) -> PredictionResult:
        return _look(view, region, card, runtime, precision, job, cache)

    first = look(WHOLE)
    if not first.prediction.is_plain:
        return first
    seen = first.prediction.matte
    wide = card.feed.has_fixed_shape
    matte = look_again(seen, view.photo.size, lambda region: look(region).prediction.matte, wide, view.effort.small)
    return first if matte is seen else first._replace(prediction=Prediction(matte))


def _look(
    view: _View,
    region: Region,
    card: ModelCard,
    runtime: Runtime,
    precision: Precision,
    job: Job,
    cache: bool,
) -> PredictionResult:
    """What a network says of a region of a photo, or its earlier word from the cache."""
    planned = engines.choose_plan(card, precision, runtime.settings)
    job.enter("loading")
    if cache:
        session = runtime.pool.find(card, planned)
        by = _By.of(session) if session else _By.planned(card, planned, runtime)  # a cached one needs no session
        found = runtime.predictions.follow(_name_look(view, region, card, by))
        if found is not None:
            return by.tell(found)
    return _look_anew(view, region, card, runtime, planned, job, cache)


def _look_anew(
    view: _View,
    region: Region,
    card: ModelCard,
    runtime: Runtime,
    planned: Plan,
    job: Job,
    cache: bool,
) -> PredictionResult:
    """As `_look`, of a file that is not known: its network's input may be."""
    family, predictions = find_family(card), runtime.predictions
    fed = family.feed(_see(view, region, card), card)
    asked = f"{fingerprint(fed)} {card.read}" if cache else ""

    def recall(by: _By) -> PredictionResult | None:
        found = predictions.get(by.make_key(asked)) if cache else None
        if found is None:
            return None
        predictions.link(_name_look(view, region, card, by), by.make_key(asked))
        return by.tell(found)

    session, looked_for = runtime.pool.find(card, planned), None
    if session is None:
        looked_for = _By.planned(card, planned, runtime)
        if known := recall(looked_for):
            return known
        session = runtime.pool.get(card, planned)
    job.enter("finding")
    by = _By.of(session)
    known = recall(by) if looked_for is None or looked_for.make_key("") != by.make_key("") else None  # once is enough
    if known:
        return known
    start = perf_counter()
    prediction = family.read(session.run(fed.inputs, job), card, fed).round_matte()
    runtime.speeds.note(card.name, perf_counter() - start)
    if cache:
        predictions.put(by.make_key(asked), prediction)
        predictions.link(_name_look(view, region, card, by), by.make_key(asked))
    return by.tell(prediction, fresh=True)


def _see(view: _View, region: Region, card: ModelCard) -> np.ndarray:
    """The part of a picture that a network is to be fed with."""
    part, size, far = crop_to_region(view.rgb, region), card.feed.size, view.effort.far
    if far is None or card.feed.interpolation != "lanczos" or not card.feed.has_fixed_shape:
        return part
    while part.shape[1] >= 2 * far * size[0] and part.shape[0] >= 2 * far * size[1]:
        part = halve(part)
    return part


class _By(NamedTuple):
    """What a prediction is by: weights and engine."""

    weights: str
    engine: str
    warnings: tuple[str, ...]

    @classmethod
    def of(cls, session: Session) -> "_By":
        """By a session that is loaded."""
        return cls(session.identity, session.engine, session.warnings)

    @classmethod
    def planned(cls, card: ModelCard, planned: Plan, runtime: Runtime) -> "_By":
        """By one that will be, if all goes as planned."""
        return cls(weights.identify(card, runtime.settings), engines.describe_plan(planned), planned.warnings)

    def make_key(self, asked: str) -> str:
        """The key of the prediction for an input."""
        return f"{asked} {self.weights} {self.engine}"

    def tell(self, prediction: Prediction, fresh: bool = False) -> PredictionResult:
        """`prediction`, and who has made it."""
        return PredictionResult(prediction, self.engine, self.warnings, fresh)


def _name_look(view: _View, region: Region, card: ModelCard, by: _By) -> str:
    """The name of a look at a photo's file: all that its prediction depends on, without its network's input."""
    return by.make_key(f"{view.identity} {region} {card.family} {card.feed} {card.read} {READ_BY}")


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
