"""The cache of predictions, in memory and on disk, so that a network does not run twice on the same input.

It holds the shape of a subject; colours only of networks that predict the foreground.
"""

import hashlib
import json
import threading
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np

from ..base.files import PART
from ..base.settings import Settings
from ..pixels.png import zlib
from .networks import Prediction
from .networks.prediction import STEPS

FOLDER = "predictions"  # of the cache folder
LINKS = "links"  # of it, too: under which key the prediction for a file is kept
MOST_LINKS = 10_000, 2_000_000  # in memory, and bytes on disk
HITS, MISSES = "hits", "misses"
FORGOTTEN = "forgotten"  # the mark that tells every process when the cache was last cleared
MAGIC = b"clearcut prediction 1\n"
LEVEL = 1  # of zlib; mattes are mostly flat, more saves little
DAY = 86_400  # seconds
SEVERAL = 64  # predictions; where fewer fit on disk, its size is checked after each write
DTYPES = {"foreground": np.uint8, "labels": np.uint8, "shares": np.float16}


class PredictionCache:
    """The most recently used predictions, bounded in memory and on disk. Safe for several threads and processes.

    Errors of the disk are not raised: the prediction is then not kept there.

    Parameters
    ----------
    settings
        ``cache_mb``, ``cache_disk_mb`` and ``cache_days`` bound it, ``cache`` turns it off.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings, self._store = settings, settings.store
        self._kept: OrderedDict[str, Prediction] = OrderedDict()
        self._links: OrderedDict[str, str] = OrderedDict()
        self._bytes = 0
        self._forgotten = 0
        self._lock = threading.Lock()

    @property
    def _on_disk(self) -> bool:
        return self._settings.cache_disk_mb > 0

    def get(self, key: str) -> Prediction | None:
        """The prediction kept under `key`, from memory or disk; None where there is none."""
        if not self._settings.cache:
            return None
        prediction = self._find(key)
        self._count(HITS if prediction else MISSES)
        return prediction

    def follow(self, name: str) -> Prediction | None:
        """The prediction that `link` has made known under `name`; None where there is none, which is not counted."""
        if not self._settings.cache:
            return None
        key = self._find_link(name)
        prediction = None if key is None else self._find(key)
        if prediction:
            self._count(HITS)
        return prediction

    def link(self, name: str, key: str) -> None:
        """Let `follow` find what is kept under `key` by another name, too."""
        if not self._settings.cache:
            return
        self._remember_link(name, key)
        if self._on_disk:
            file, days = _name_file(name), self._settings.cache_days * DAY
            self._store.write(LINKS, file, key.encode(), MOST_LINKS[1])
            if file.startswith("0"):
                self._store.sweep(LINKS, MOST_LINKS[1], days)

    def put(self, key: str, prediction: Prediction) -> None:
        """Keep `prediction` under `key`, and drop the least recently used ones beyond the limits.

        Its arrays become read-only. It should come from `Prediction.round_matte`, as the disk keeps 16 bits.
        """
        if not self._settings.cache:
            return
        self._remember(key, prediction)
        if self._on_disk:
            self._write(key, prediction)

    def clear(self) -> None:
        """Drop every prediction, in this process and, at their next look-up, in all others."""
        self._store.clear(FOLDER)
        self._store.clear(LINKS)
        for each in (HITS, MISSES):
            self._store.reset_count(each)
        self._store.set_mark(FORGOTTEN)
        with self._lock:
            self._forget_held()

    def measure(self) -> "CacheUsage":
        """What the cache on disk holds now; expired predictions are deleted first."""
        store = self._store
        for folder in (FOLDER, LINKS):
            store.sweep(folder, seconds=self._settings.cache_days * DAY)
        entries = [each for each in store.list_entries(FOLDER) if not each.path.name.endswith(PART)]
        hits, misses = store.read_count(HITS), store.read_count(MISSES)
        return CacheUsage(len(entries), sum(each.size for each in entries), hits, misses)

    def _forget_held(self) -> None:
        self._kept.clear()
        self._links.clear()
        self._bytes = 0

    def _count(self, what: str) -> None:
        if self._on_disk:
            self._store.count_up(what)

    def _find(self, key: str) -> Prediction | None:
        prediction = self._recall(key)
        if prediction is None and self._on_disk:
            prediction = self._read(key)
            if prediction is not None:
                self._remember(key, prediction)
        return prediction

    def _find_link(self, name: str) -> str | None:
        with self._lock:
            self._forget_if_told()
            if name in self._links:
                self._links.move_to_end(name)
                return self._links[name]
        file, days = _name_file(name), self._settings.cache_days * DAY
        content = self._store.read(LINKS, file, days) if self._on_disk else None
        if content is None:
            return None
        key = content.decode(errors="replace")
        self._remember_link(name, key)
        return key

    def _remember_link(self, name: str, key: str) -> None:
        with self._lock:
            self._links[name] = key
            while len(self._links) > MOST_LINKS[0]:
                self._links.popitem(last=False)

    def _forget_if_told(self) -> None:
        """Drop what memory holds where another process was told to forget; with the lock held."""
        forgotten = self._store.read_mark(FORGOTTEN)
        if forgotten != self._forgotten:
            self._forgotten = forgotten
            self._forget_held()

    def _recall(self, key: str) -> Prediction | None:
        with self._lock:
            self._forget_if_told()
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
        except Exception:  # of another version
            self._store.delete(FOLDER, name)
            return None

    def _write(self, key: str, prediction: Prediction) -> None:
        name, content, most = _name_file(key), pack(prediction), self._settings.cache_disk_mb * 1e6
        self._store.write(FOLDER, name, content, most)
        if len(content) * SEVERAL > most or name.startswith(
            "0"
        ):  # else after one of 16 writes: listing thousands of files is slow
            self._store.sweep(FOLDER, most, self._settings.cache_days * DAY)


class CacheUsage(NamedTuple):
    """Entries and bytes of the cache on disk, and how many look-ups, also in memory, found something or not."""

    entries: int
    bytes: int
    hits: int
    misses: int

    @property
    def hit_rate(self) -> float | None:
        """The share of look-ups since the last `PredictionCache.clear` that found something; None without any."""
        looked = self.hits + self.misses
        return self.hits / looked if looked else None


def _name_file(key: str) -> str:
    return hashlib.blake2b(key.encode(), digest_size=20).hexdigest()


def pack(prediction: Prediction) -> bytes:
    """`prediction`, after `Prediction.round_matte`, as bytes: `MAGIC`, a JSON line of shapes, the deflated planes."""
    planes = {"matte": np.rint(prediction.matte * np.float32(STEPS)).astype("<u2")}
    for name, dtype in DTYPES.items():
        plane = getattr(prediction, name)
        if plane is not None:
            planes[name] = plane.astype(np.dtype(dtype).newbyteorder("<"), copy=False)
    shapes = json.dumps({name: plane.shape for name, plane in planes.items()}).encode()
    body = b"".join(np.ascontiguousarray(plane).tobytes() for plane in planes.values())
    return MAGIC + shapes + b"\n" + zlib.compress(body, LEVEL)


def unpack(content: bytes) -> Prediction:
    """The prediction that `pack` made `content` of. Raises `ValueError` and others where it did not."""
    if not content.startswith(MAGIC):
        raise ValueError("no prediction")
    head, _, body = content[len(MAGIC) :].partition(b"\n")
    pixels, start = zlib.decompress(body), 0
    planes: dict[str, Any] = {}
    for name, shape in json.loads(head).items():
        dtype = np.dtype(np.uint16 if name == "matte" else DTYPES[name]).newbyteorder("<")
        end = start + int(np.prod(shape)) * dtype.itemsize
        planes[name] = np.frombuffer(pixels[start:end], dtype).reshape(shape)
        start = end
    if start != len(pixels):
        raise ValueError("too many bytes")
    return Prediction(planes.pop("matte").astype(np.float32) / np.float32(STEPS), **planes)
