"""A model's name and a photo → what that model says of it, from the cache or from its network."""

from dataclasses import dataclass

import numpy as np

from . import catalog, runtime
from .cache import CACHE
from .image_io import Photo, fingerprint
from .networks import Prediction, network
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
