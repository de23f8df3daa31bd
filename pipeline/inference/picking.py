"""Picking: masks of what points and boxes mean, from networks such as Segment Anything.

Sources: Kirillov et al., Segment Anything, 2023; Ravi et al., SAM 2, 2024; Zhang et al., MobileSAM, 2023; Xiong et al.,
EfficientSAM, 2023; and their exports to ONNX.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..base.jobs import Job
from ..pixels.image_io import Photo
from ..registry import weights
from ..registry.cards import Picker
from . import engines
from .embeddings import Embedding
from .networks import NetworkInput, feeding
from .networks.feeding import crop_to_region
from .predict import fingerprint, flatten
from .runtime import Runtime

OUTSIDE, INSIDE, CORNERS, NOTHING = 0, 1, (2, 3), -1  # what a point says
ROUGH = 256, 256  # size of the mask that may be given to begin with, and is not
Remember = Callable[[str, Any, Callable[[], str]], str]


class Prompt(NamedTuple):
    """What is pointed at.

    Attributes
    ----------
    points
        ``(N, 2)`` float64, x and y as fractions of the photo's width and height.
    labels
        `INSIDE` or `OUTSIDE` for each, and `CORNERS` for the first and the last corner of a box.
    """

    points: np.ndarray
    labels: tuple[int, ...]


def find_mask(
    see: Callable[[], Photo], prompt: Prompt, card: Picker, runtime: Runtime, job: Job, remember: Remember
) -> np.ndarray:
    """What `prompt` means in a photo: ``(h, w)`` bool, the photo at the network's size.

    Parameters
    ----------
    see
        Returns the photo at its full size; called only where `card` has not seen it yet.
    remember
        Keeps the name of the network's input for the next click on this photo, as `Memo.remember`.
    """
    feed = cache(lambda: feeding.feed(flatten(see()), card.feed))
    identity = weights.identify(card, runtime.settings)
    key = remember("fed", identity, lambda: f"{fingerprint(feed())} {identity}")
    embedding = runtime.embeddings.remember(key, lambda: _encode(feed(), card, runtime, job))
    return _decode(embedding, prompt, card, runtime, job)


def _encode(fed: NetworkInput, card: Picker, runtime: Runtime, job: Job) -> Embedding:
    job.enter("finding")
    session = runtime.pool.get(card, engines.choose_plan(card, "exact", runtime.settings))
    picture = np.asarray(fed.inputs)
    height, width = picture.shape[2:] if card.feed.layout == "nchw" else picture.shape[-3:-1]
    return Embedding(tuple(session.run(picture, job)), (width, height), fed.inside)


def _decode(embedding: Embedding, prompt: Prompt, card: Picker, runtime: Runtime, job: Job) -> np.ndarray:
    """The mask that the decoder thinks best."""
    session = runtime.pool.get(card.decoder, engines.choose_plan(card.decoder, "exact", runtime.settings))
    left, top, right, bottom = embedding.inside
    placed = ((left, top) + prompt.points * (right - left, bottom - top)) * embedding.frame
    labels = np.array(prompt.labels)
    if card.decoding.pads and CORNERS[0] not in prompt.labels:
        placed, labels = np.vstack((placed, (0, 0))), np.append(labels, NOTHING)
    known = {
        "point_coords": placed[None],
        "point_labels": labels[None],
        "batched_point_coords": placed[None, None],
        "batched_point_labels": labels[None, None],
        "mask_input": np.zeros((1, 1, *ROUGH)),
        "has_mask_input": np.zeros(1),
    }
    size = {"orig_im_size": np.array(embedding.frame[::-1], card.decoding.size_type)}
    given = size | {name: array.astype(np.float32) for name, array in known.items()}
    features = iter(embedding.features)
    feeds = {name: given[name] if name in given else next(features) for name in session.inputs}
    masks, scores = session.run(feeds, job)
    best = masks.reshape(-1, *masks.shape[-2:])[int(scores.argmax())]
    return crop_to_region(best, embedding.inside) > 0
