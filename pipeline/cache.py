"""Predictions by content: the same photo, model and engine never run twice. In memory, bounded."""

import threading
from collections import OrderedDict

from .networks import Prediction
from .settings import Settings


class PredictionCache:
    """The most recently used predictions, up to ``CLEARCUT_CACHE_MB``. Safe to use from several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Prediction] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> Prediction | None:
        """The prediction kept under `key`."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: str, prediction: Prediction) -> None:
        """Keep `prediction`, at the cost of the least recently used ones."""
        limit = Settings.current().cache_mb * 1e6
        with self._lock:
            if key in self._kept or prediction.nbytes > limit:
                return
            for plane in prediction.planes:
                plane.setflags(write=False)
            self._kept[key] = prediction
            self._bytes += prediction.nbytes
            while self._bytes > limit:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0


CACHE = PredictionCache()
