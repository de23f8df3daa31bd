"""TIFFs of floating point numbers, of which Pillow reads only grey ones of 32 bits.

Sources: TIFF 6.0; Adobe Photoshop TIFF Technical Note 3 (floating point numbers of 16 bits).
"""

import struct
from typing import Any

import cv2
import numpy as np

from .signatures import BITS, FLOAT, SAMPLE_FORMAT, SAMPLES, TIFF_STARTS, Directory, find_value

UINT = 1


def is_for_opencv(tags: Directory) -> bool:
    """Whether a TIFF with these tags is one of floating point numbers that Pillow does not read."""
    if FLOAT not in tags.get(SAMPLE_FORMAT, ()):
        return False
    return tags.get(SAMPLES, (1,))[0] > 1 or tags.get(BITS, (0,))[0] != 32


def read_float_tiff(data: bytes, tags: Directory) -> np.ndarray | None:
    """The numbers of the TIFF `data`, float32, ``(H, W)`` or ``(H, W, 3 or 4)``, upright; None where that fails.

    OpenCV reads numbers of 32 and 64 bits. Those of 16 bits are read as whole numbers, of which each has the same bits.
    """
    if tags.get(SAMPLES, (1,))[0] == 2:
        return None
    is_half = tags.get(BITS, (0,))[0] == 16
    try:
        file = np.frombuffer(_call_whole(data) if is_half else data, np.uint8)
        values: Any = cv2.imdecode(file, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if values is None or values.dtype.kind != ("u" if is_half else "f"):
        return None
    if is_half:
        values = values.view(np.float16)
    values = values.astype(np.float32)
    if values.ndim == 2:
        return values
    return values[..., (2, 1, 0, 3)[: values.shape[2]]] if values.shape[2] in (3, 4) else None


def _call_whole(data: bytes) -> bytes:
    """`data` with numbers that are said to be whole ones."""
    place = find_value(data, SAMPLE_FORMAT)
    if place is None:
        return data
    count = (place.stop - place.start) // 2
    whole = struct.pack(f"{TIFF_STARTS[data[:4]]}{count}H", *[UINT] * count)
    return data[: place.start] + whole + data[place.stop :]
