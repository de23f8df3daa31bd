"""Planes of brightness and colour, as codecs have them, to RGB and back.

A value of colour is taken to lie in the middle of the pixels that share it.
"""

import re
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

LIMITED, FULL = 1, 2  # ranges, as FFmpeg numbers them
BT601, BT709, BT2020 = 5, 1, 9  # matrices and primaries, as ITU-T H.273 numbers them
WEIGHTS = {BT709: (0.2126, 0.0722), 4: (0.3, 0.11), 7: (0.212, 0.087), BT2020: (0.2627, 0.0593)}  # of red and of blue
OTHER_WEIGHTS = 0.299, 0.114  # those of BT.601
READABLE = re.compile(r"yuv[aj]?\d{3}p((9|1\d)le)?")  # formats whose planes are read as they are
UNIT = 1 << 10  # pixels of which it is asked how many values of colour they have


def read_planes(frame: Any, matrix: int, bits: int = 8) -> tuple[np.ndarray, np.ndarray | None]:
    """The colours of a PyAV frame in YUV as RGB ``(H, W, 3)`` of full range, and its alpha ``(H, W)`` uint8 or None.

    RGB is uint8, or for 16 `bits` uint16.
    """
    is_full = frame.format.name.startswith("yuvj") or int(frame.color_range) == FULL
    if not READABLE.fullmatch(frame.format.name):
        same = {f"{end}_color_range": FULL if is_full else LIMITED for end in ("src", "dst")}
        frame = frame.reformat(format=_name_full_colour(frame.format), interpolation="BICUBIC", **same)
    own = frame.format.components[0].bits
    brightness, *colours = (_get_plane(frame, number) for number in range(3))
    merged = cv2.merge([brightness, *(_enlarge(plane, frame) for plane in colours)])
    made = cv2.transform(merged, _decode_matrix(matrix, is_full, own, bits))
    alpha = None
    if any(part.is_alpha for part in frame.format.components):
        alpha = cv2.convertScaleAbs(_get_plane(frame, 3), alpha=255 / ((1 << own) - 1))
    return (made if bits > 8 or own == 8 else cv2.convertScaleAbs(made)), alpha


def write_planes(rgb: np.ndarray, alpha: np.ndarray | None, pixels: str) -> Any:
    """Colours ``(H, W, 3)`` uint8, and alpha ``(H, W)`` uint8 or None, as a PyAV frame in BT.709 and limited range.

    `pixels` is the format: ``yuv420p``, ``yuva420p``, ``yuv444p10le`` or ``yuva444p10le``.
    """
    import av

    height, width = rgb.shape[:2]
    frame = av.VideoFrame(width, height, pixels)
    bits = frame.format.components[0].bits
    wide = rgb if bits == 8 else rgb.astype(np.uint16)
    for number, plane in enumerate(cv2.split(cv2.transform(wide, _encode_matrix(bits)))):
        _get_plane(frame, number)[:] = _reduce(plane, frame) if number else plane
    if alpha is not None:
        _get_plane(frame, 3)[:] = alpha if bits == 8 else cv2.LUT(alpha, _list_levels(bits))
    frame.colorspace, frame.color_range = BT709, LIMITED
    return frame


def write_grey(alpha: np.ndarray) -> Any:
    """Alpha ``(H, W)`` uint8 as the brightness of a PyAV frame in ``yuv420p`` without colour, every level as it is."""
    import av

    frame = av.VideoFrame(alpha.shape[1], alpha.shape[0], "yuv420p")
    for number, values in enumerate((alpha, 128, 128)):
        _get_plane(frame, number)[:] = values
    return frame


def _get_plane(frame: Any, number: int) -> np.ndarray:
    """The values of a plane, ``(h, w)`` uint8 or uint16: those of the frame itself, to be read and written."""
    plane, part = frame.planes[number], frame.format.components[number]
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width] if part.bits == 8 else rows[:, : 2 * plane.width].view("<u2")


def _name_full_colour(format: Any) -> str:
    """The planar format with as many bits whose colour has every pixel."""
    kind = "yuva444p" if any(part.is_alpha for part in format.components) else "yuv444p"
    bits = max(part.bits for part in format.components)
    return kind + ("" if bits <= 8 else "10le" if bits <= 10 else "12le" if bits <= 12 else "16le")


def _enlarge(plane: np.ndarray, frame: Any) -> np.ndarray:
    """A plane of colour with a value for each pixel."""
    across, down = UNIT // frame.format.chroma_width(UNIT), UNIT // frame.format.chroma_height(UNIT)
    if across == down == 1:
        return plane
    size = plane.shape[1] * across, plane.shape[0] * down
    return cv2.resize(plane, size, interpolation=cv2.INTER_CUBIC)[: frame.height, : frame.width]


def _reduce(plane: np.ndarray, frame: Any) -> np.ndarray:
    """A plane with a value for each pixel as one of colour."""
    across, down = UNIT // frame.format.chroma_width(UNIT), UNIT // frame.format.chroma_height(UNIT)
    if across == down == 1:
        return plane
    rest = -frame.height % down, -frame.width % across
    if any(rest):
        plane = cv2.copyMakeBorder(plane, 0, rest[0], 0, rest[1], cv2.BORDER_REPLICATE)
    return cv2.resize(plane, (plane.shape[1] // across, plane.shape[0] // down), interpolation=cv2.INTER_AREA)


def _matrix(number: int) -> np.ndarray:
    """RGB of 0 to 1 into brightness of 0 to 1 and two colours of -0.5 to 0.5: ``(3, 3)``."""
    red, blue = WEIGHTS.get(number, OTHER_WEIGHTS)
    bright = np.array([red, 1 - red - blue, blue])
    return np.stack([bright, (np.eye(3)[2] - bright) / (2 - 2 * blue), (np.eye(3)[0] - bright) / (2 - 2 * red)])


def _spans(bits: int, is_full: bool) -> tuple[np.ndarray, np.ndarray]:
    """What brightness and colours are multiplied by, and what is added, for so many bits."""
    step = float(1 << (bits - 8))
    spans = np.full(3, (1 << bits) - 1.0) if is_full else step * np.array([219, 224, 224])
    return spans, step * np.array([0 if is_full else 16, 128, 128])


@lru_cache(maxsize=8)
def _decode_matrix(number: int, is_full: bool, own: int, bits: int) -> np.ndarray:
    """Values of `own` bits into RGB of `bits`, for `cv2.transform`."""
    spans, zero = _spans(own, is_full)
    turned = np.linalg.inv(_matrix(number)) / spans * ((1 << bits) - 1)
    return np.column_stack([turned, -turned @ zero])


@lru_cache(maxsize=8)
def _encode_matrix(bits: int) -> np.ndarray:
    """RGB of 8 bits into limited values of `bits` in BT.709, for `cv2.transform`."""
    spans, zero = _spans(bits, False)
    return np.column_stack([_matrix(BT709) * spans[:, None] / 255, zero])


@lru_cache(maxsize=2)
def _list_levels(bits: int) -> np.ndarray:
    """What 256 levels are in so many bits."""
    return np.round(np.arange(256) / 255 * ((1 << bits) - 1)).astype(np.uint16)
