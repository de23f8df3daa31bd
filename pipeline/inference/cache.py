"""Predictions by content: the same photo, model, engine and precision never run twice. In memory, then on disk.

What is kept holds the shape of a subject, never its colours, except for a network that tells these itself.
"""

import hashlib
import json
import threading
from collections import OrderedDict
from typing import NamedTuple

import numpy as np

from ..base.files import PART
from ..base.settings import Settings
from ..pixels.png import zlib
from .networks import Prediction
from .networks.prediction import STEPS

FOLDER = "predictions"  # of the cache folder
HITS, MISSES = "hits", "misses"
FORGOTTEN = "forgotten"  # the file that tells every process when somebody last forgot
MAGIC = b"clearcut prediction 1\n"
LEVEL = 1  # of compression: mattes are mostly flat
DAY = 86_400  # seconds
SEVERAL = 64  # predictions that at least fit on disk before the disk need not be counted each time
PLANES = {"foreground": np.uint8, "labels": np.uint8, "shares": np.float16}


class PredictionCache:
    """The most recently used predictions, bounded in memory and on disk. Safe for several threads and processes.

    Whatever is wrong with the disk, a prediction is then only not kept.

    Parameters
    ----------
    settings
        ``cache_mb``, ``cache_disk_mb`` and ``cache_days`` bound it, ``cache`` switches it off.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings, self._store = settings, settings.store
        self._kept: OrderedDict[str, Prediction] = OrderedDict()
        self._bytes = 0
        self._forgotten = 0
        self._lock = threading.Lock()

    @property
    def _on_disk(self) -> bool:
        return self._settings.cache_disk_mb > 0

    def get(self, key: str) -> Prediction | None:
        """The prediction kept under `key`."""
        if not self._settings.cache:
            return None
        found = self._recall(key)
        if found is None and self._on_disk:
            found = self._read(key)
            if found is not None:
                self._remember(key, found)
        if self._on_disk:
            self._store.count_up(MISSES if found is None else HITS)
        return found

    def put(self, key: str, prediction: Prediction) -> None:
        """Keep `prediction`, at the cost of the least recently used ones."""
        if not self._settings.cache:
            return
        self._remember(key, prediction)
        if self._on_disk:
            self._write(key, prediction)

    def clear(self) -> None:
        """Forget everything, here and, when they next look, in other processes."""
        self._store.clear(FOLDER)
        for each in (HITS, MISSES):
            self._store.reset_count(each)
        self._store.set_mark(FORGOTTEN)
        with self._lock:
            self._forget_held()

    def measure(self) -> "CacheUsage":
        """What the disk holds now; what has expired is removed first."""
        store = self._store
        store.sweep(FOLDER, seconds=self._settings.cache_days * DAY)
        kept = [each for each in store.list_entries(FOLDER) if not each.path.name.endswith(PART)]
        hits, misses = store.read_count(HITS), store.read_count(MISSES)
        return CacheUsage(len(kept), sum(each.size for each in kept), hits, misses)

    def _forget_held(self) -> None:
        self._kept.clear()
        self._bytes = 0

    def _recall(self, key: str) -> Prediction | None:
        forgotten = self._store.read_mark(FORGOTTEN)
        with self._lock:
            if forgotten != self._forgotten:
                self._forgotten = forgotten
                self._forget_held()
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _remember(self, key: str, prediction: Prediction) -> None:
        limit = self._settings.cache_mb * 1e6
        with self._lock:
            if key in self._kept or prediction.nbytes > limit:
                return
            for plane in prediction.planes:
                plane.setflags(write=False)
            self._kept[key] = prediction
            self._bytes += prediction.nbytes
            while self._bytes > limit:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes

    def _read(self, key: str) -> Prediction | None:
        name = _name_file(key)
        content = self._store.read(FOLDER, name, self._settings.cache_days * DAY)
        if content is None:
            return None
        try:
            return unpack(content)
        except Exception:  # of another version, or a stranger's
            self._store.delete(FOLDER, name)
            return None

    def _write(self, key: str, prediction: Prediction) -> None:
        name, content, most = _name_file(key), pack(prediction), self._settings.cache_disk_mb * 1e6
        self._store.write(FOLDER, name, content, most)
        if len(content) * SEVERAL > most or name.startswith("0"):  # one in sixteen: counting thousands takes its time
            self._store.sweep(FOLDER, most, self._settings.cache_days * DAY)


class CacheUsage(NamedTuple):
    """What the cache on disk holds, and how often it, or memory, had what was looked for."""

    entries: int
    bytes: int
    hits: int
    misses: int

    @property
    def hit_rate(self) -> float | None:
        """The part of all look-ups since it was last cleared that found something; None where there were none."""
        looked = self.hits + self.misses
        return self.hits / looked if looked else None


def _name_file(key: str) -> str:
    return hashlib.blake2b(key.encode(), digest_size=20).hexdigest()


def pack(prediction: Prediction) -> bytes:
    """`prediction`, after `Prediction.round_matte`, as bytes: `MAGIC`, a JSON line of shapes, the deflated planes."""
    planes = {"matte": np.rint(prediction.matte * np.float32(STEPS)).astype("<u2")}
    for name, kind in PLANES.items():
        plane = getattr(prediction, name)
        if plane is not None:
            planes[name] = plane.astype(np.dtype(kind).newbyteorder("<"), copy=False)
    shapes = json.dumps({name: plane.shape for name, plane in planes.items()}).encode()
    body = b"".join(np.ascontiguousarray(plane).tobytes() for plane in planes.values())
    return MAGIC + shapes + b"\n" + zlib.compress(body, LEVEL)


def unpack(content: bytes) -> Prediction:
    """The prediction that `pack` made `content` of. Raises ValueError, or what else its parts raise."""
    if not content.startswith(MAGIC):
        raise ValueError("no prediction")
    head, _, body = content[len(MAGIC) :].partition(b"\n")
    pixels, start, planes = zlib.decompress(body), 0, {}
    for name, shape in json.loads(head).items():
        kind = np.dtype(np.uint16 if name == "matte" else PLANES[name]).newbyteorder("<")
        end = start + int(np.prod(shape)) * kind.itemsize
        planes[name] = np.frombuffer(pixels[start:end], kind).reshape(shape)
        start = end
    if start != len(pixels):
        raise ValueError("too many bytes")
    return Prediction(planes.pop("matte").astype(np.float32) / np.float32(STEPS), **planes)
