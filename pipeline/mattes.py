"""A model's name and a photo → what that model says of it, from the cache or from its networks."""

from dataclasses import dataclass

import cv2
import numpy as np

from . import catalog, runtime, weights
from .cache import CACHE
from .catalog import Ensemble, ModelCard
from .image_io import Photo, fingerprint
from .networks import Prediction, network
from .resample import Size
from .runtime import Job


@dataclass(frozen=True)
class Predicted:
    """A prediction, and what made it."""

    prediction: Prediction
    engine: str


def predict(photo: Photo, model: str, job: Job, cache: bool = True) -> Predicted:
    """Run `model` on `photo`, unless it has run on the same pixels before.

    The key of the cache is the network's input itself, with weights and engine: whatever leads to the same input (a
    renamed file, other metadata, another container) is the same question and gets the same answer.

    Raises
    ------
    ClearcutError
        ``unknown_model``, ``model_missing``, ``wrong_checksum``, ``broken_weights``, ``cancelled``.
    """
    card = catalog.card(model)
    weights.require(card)
    if isinstance(card, Ensemble):
        said = [_predict_one(photo, member, job, cache) for member in card.members]
        return Predicted(blend([each.prediction for each in said], card), said[0].engine)
    return _predict_one(photo, card, job, cache)


def blend(predictions: list[Prediction], card: Ensemble) -> Prediction:
    """One matte of several: their weighted mean at the largest member's size, its levels stretched to 0-1."""
    height, width = max((each.matte.shape for each in predictions), key=lambda shape: shape[0] * shape[1])
    mattes = [each.matte for each in predictions]
    same = [each if each.shape == (height, width) else _enlarged(each, (width, height)) for each in mattes]
    mean = np.average(same, axis=0, weights=card.weights)
    low, high = card.levels
    return Prediction(np.clip((mean - low) / (high - low), 0, 1).astype(np.float32))


def _enlarged(matte: np.ndarray, size: Size) -> np.ndarray:
    return np.clip(cv2.resize(matte, size, interpolation=cv2.INTER_CUBIC), 0, 1)


def _predict_one(photo: Photo, card: ModelCard, job: Job, cache: bool) -> Predicted:
    kind = network(card.kind)
    job.at("loading")
    session = runtime.POOL.session(card)
    job.at("finding")
    feed = kind.feed(_seen(photo), card)
    key = f"{fingerprint(feed)} {session.variant.sha256} {session.engine} {card.read}"
    prediction = CACHE.get(key) if cache else None
    if prediction is None:
        prediction = kind.read(session.run(feed, kind.outputs(card), job), card)
        if cache:
            CACHE.put(key, prediction)
    return Predicted(prediction, session.engine)


def _seen(photo: Photo) -> np.ndarray:
    """The photo's colours as they look on white, ``(H, W, 3)`` uint8: what is transparent hides nothing."""
    if photo.alpha is None:
        return photo.rgb
    alpha = photo.alpha[..., None].astype(np.uint16)
    return ((photo.rgb * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
