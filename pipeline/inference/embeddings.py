"""Embeddings: what networks that pick have seen in photos, so that a click runs the small network alone."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..pixels.geometry import Size
from .networks.feeding import Region

MOST = 4  # photos, of 4 to 17 MB each


class Embedding(NamedTuple):
    """What the encoder of a network that picks says of a photo.

    Attributes
    ----------
    features
        Its outputs.
    frame, inside
        Width and height of its input, and where the photo lies in it.
    """

    features: tuple[np.ndarray, ...]
    frame: Size
    inside: Region


class Embeddings:
    """The embeddings of the photos that were clicked last, in memory only. Safe for several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Embedding] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, key: str, make: Callable[[], Embedding]) -> Embedding:
        """The embedding kept under `key`, else that of `make`, kept from now on."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        embedding = make()
        with self._lock:
            self._kept[key] = embedding
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return embedding

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._kept.clear()
