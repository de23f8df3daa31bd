"""A glimpse of a clip under way: its newest frame as it has become, small, for who waits for the rest."""

import secrets
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from ..pixels.encoders import encode_view
from ..pixels.geometry import fit_size
from ..pixels.image_io import Photo
from ..pixels.resample import resize_for_work

FILE = "newest.glimpse"
SIDE = 640  # pixels of its longer side at most
EVERY = 1.0  # seconds, at least


class Glimpse:
    """Keeps the newest frame in a `folder`, into which several processes may write theirs."""

    def __init__(self, folder: Path) -> None:
        self._file, self._written = folder / FILE, 0.0

    def show(self, rgb: np.ndarray, alpha: np.ndarray | None) -> None:
        """Take ``(H, W, 3)`` uint8 and, where it is transparent, ``(H, W)`` uint8; not more often than `EVERY`."""
        now = time.monotonic()
        if now - self._written < EVERY:
            return
        self._written, size = now, fit_size((rgb.shape[1], rgb.shape[0]), SIDE)
        small = Photo(resize_for_work(rgb, size), None if alpha is None else resize_for_work(alpha, size))
        part = self._file.with_name(f"{secrets.token_hex(8)}.part")
        with suppress(OSError):  # a full disk is told by what has to be written
            part.write_bytes(encode_view(small))
            part.replace(self._file)
