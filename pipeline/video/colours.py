"""From a decoder's colours to sRGB: matrix and range as the clip says, wide gamut and HDR made to fit."""

from functools import cache
from typing import Any

import cv2
import numpy as np

from ..pixels.gamma import LEVELS, decode_levels, encode_light
from .planes import BT601, BT709, BT2020, read_planes

HD = 720  # lines from which a clip that does not name its colours is BT.709; below it is BT.601
UNSPECIFIED = 2
PQ, HLG = 16, 18  # transfer characteristics
PAPER = 203.0  # nits of a white sheet in HDR, ITU-R BT.2408
HLG_PEAK = 1000.0  # nits
KNEE = 0.7  # of white: what is darker stays as it is, what is brighter is pressed together below 1
TO_SRGB = np.array(  # linear BT.2020 to linear BT.709, ITU-R BT.2087
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)
LUMA_2020 = np.array([0.2627, 0.6780, 0.0593], np.float32)


def is_hdr(frame: Any) -> bool:
    """Whether a PyAV frame is HDR: PQ or HLG."""
    return int(frame.color_trc) in (PQ, HLG)


def convert_frame(frame: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """A PyAV frame as ``(H, W, 3)`` uint8 sRGB, straight, and its alpha ``(H, W)`` uint8; None where it has none.

    BT.709's and BT.601's curves are taken for that of sRGB, as players do.
    """
    is_wide = is_hdr(frame)
    if _is_yuv(frame):
        rgb, alpha = read_planes(frame, _choose_matrix(frame), 16 if is_wide else 8)
    else:
        has_alpha = any(part.is_alpha for part in frame.format.components)
        pixels = frame.to_ndarray(format="rgb48le" if is_wide else "rgba" if has_alpha else "rgb24")
        rgb, alpha = np.ascontiguousarray(pixels[..., :3]), pixels[..., 3].copy() if pixels.shape[2] > 3 else None
    if is_wide:
        return tone_map(rgb, int(frame.color_trc)), alpha
    return (narrow_gamut(rgb) if int(frame.color_primaries) == BT2020 else rgb), alpha


def _is_yuv(frame: Any) -> bool:
    return frame.format.name.startswith(("yuv", "yuyv", "nv", "p0", "p2", "p4", "uyvy", "yvyu"))


def _choose_matrix(frame: Any) -> int:
    matrix = int(frame.colorspace)
    if matrix in (0, UNSPECIFIED, 3):
        return BT709 if min(frame.width, frame.height) >= HD else BT601
    return BT601 if matrix == 6 else BT2020 if matrix == 10 else matrix


def narrow_gamut(rgb: np.ndarray) -> np.ndarray:
    """Colours ``(H, W, 3)`` uint8 of BT.2020's primaries as sRGB; what sRGB lacks is clipped.

    >>> narrow_gamut(np.full((1, 1, 3), 90, np.uint8)).tolist()
    [[[90, 90, 90]]]
    """
    light = cv2.LUT(rgb, decode_levels(np.arange(256) / 255).astype(np.float32))
    return _encode(cv2.transform(light, TO_SRGB))


def tone_map(rgb: np.ndarray, transfer: int) -> np.ndarray:
    """HDR colours ``(H, W, 3)`` uint16 in BT.2020 as sRGB uint8.

    Up to 70 % of paper white the light stays as it is; what is brighter is pressed together below white, by the
    brightest channel, so that hues stay.
    """
    light = (_list_hlg_light() if transfer == HLG else _list_pq_light())[rgb]
    if transfer == HLG:  # the system's own gamma, ITU-R BT.2100
        luma = np.maximum(light @ LUMA_2020, 1e-6)
        light *= (HLG_PEAK / PAPER * luma**0.2)[..., None]
    light = np.maximum(cv2.transform(light, TO_SRGB), 0)
    brightest = light.max(axis=2)
    above = np.maximum(brightest - KNEE, 0) / (1 - KNEE)
    pressed = np.where(brightest > KNEE, KNEE + (1 - KNEE) * above / (1 + above), brightest)
    return _encode(light * (pressed / np.maximum(brightest, 1e-6))[..., None])


@cache
def _list_pq_light() -> np.ndarray:
    """Light of each of 65,536 levels of PQ, 1 is paper white: SMPTE ST 2084."""
    signal = np.linspace(0, 1, 1 << 16) ** (1 / 78.84375)
    nits = 10_000 * (np.maximum(signal - 0.8359375, 0) / (18.8515625 - 18.6875 * signal)) ** (1 / 0.1593017578125)
    return (nits / PAPER).astype(np.float32)


@cache
def _list_hlg_light() -> np.ndarray:
    """Light in the scene of each of 65,536 levels of HLG, 0 to 1: ITU-R BT.2100."""
    signal = np.linspace(0, 1, 1 << 16)
    bright = (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12
    return np.where(signal <= 0.5, signal**2 / 3, bright).astype(np.float32)


def _encode(light: np.ndarray) -> np.ndarray:
    """Light as sRGB uint8; what is beyond [0, 1] is clipped."""
    return _list_levels()[(np.clip(light, 0, 1) * LEVELS + 0.5).astype(np.uint16)]


@cache
def _list_levels() -> np.ndarray:
    return encode_light(np.arange(LEVELS + 1) / LEVELS)
