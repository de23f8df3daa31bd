"""Colours of a PNG that has no profile, but says its gamma and its primaries: gAMA and cHRM, converted to sRGB.

Sources: W3C, PNG, third edition, sections 11.3.2.1 and 11.3.2.2; IEC 61966-2-1 (sRGB); Lindbloom, chromatic adaptation.
"""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

SRGB = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)  # x and y of white, red, green, blue
NEAR = 0.01  # differences of x and y that nobody sees
SRGB_GAMMA = 1 / 2.2
SAME_GAMMA = 0.05  # of a gamma: nearer ones count as sRGB's, as in libpng
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
STRIP = 1 << 20  # pixels that are converted at once
LEVELS = 16_384  # of the table that leads back from light to 8 bits


def says_other_colours(info: Mapping[Any, Any]) -> bool:
    """Whether Pillow's ``Image.info`` of a PNG tells of colours that are not sRGB's, and nothing better tells."""
    if info.get("icc_profile") or "srgb" in info:
        return False
    return _find_gamma(info) is not None or _find_matrix(info) is not None


def convert_to_srgb(rgb: np.ndarray, info: Mapping[Any, Any]) -> np.ndarray:
    """`rgb` ``(H, W, 3)`` uint8 in the colours that `info` tells, as sRGB."""
    matrix = _find_matrix(info)
    gamma = _find_gamma(info, SAME_GAMMA if matrix is None else 0)  # with other primaries it means what it says
    values = np.arange(256) / 255
    light = values ** (1 / gamma) if gamma else decode_levels(values)
    if matrix is None:
        return cv2.LUT(rgb, encode_light(light))
    back = encode_light(np.arange(LEVELS + 1) / LEVELS)
    result, table = np.empty_like(rgb), light.astype(np.float32)
    step = max(1, STRIP // max(1, rgb.shape[1]))
    for top in range(0, len(rgb), step):
        mixed = cv2.transform(table[rgb[top : top + step]], matrix)
        result[top : top + step] = back[(np.clip(mixed, 0, 1) * LEVELS + 0.5).astype(np.int32)]
    return result


def decode_levels(levels: np.ndarray) -> np.ndarray:
    """The light of sRGB's levels, both in [0, 1]."""
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def encode_light(light: np.ndarray) -> np.ndarray:
    """Light in [0, 1] as sRGB, uint8."""
    encoded = np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)
    return (np.clip(encoded, 0, 1) * 255 + 0.5).astype(np.uint8)


def _find_gamma(info: Mapping[Any, Any], same: float = SAME_GAMMA) -> float | None:
    """The gamma that a PNG says, such as 1 for linear light; None for none, nonsense, and for sRGB's but for `same`."""
    gamma = info.get("gamma")
    if not isinstance(gamma, float | int) or not 0.05 <= gamma <= 5:
        return None
    return None if abs(gamma / SRGB_GAMMA - 1) < same else float(gamma)


def _find_matrix(info: Mapping[Any, Any]) -> np.ndarray | None:
    """The matrix ``(3, 3)`` from the light of a PNG's primaries to that of sRGB's; None where they are the same."""
    told = info.get("chromaticity")
    if not told or len(told) != 8 or all(abs(one - other) < NEAR for one, other in zip(told, SRGB, strict=True)):
        return None
    try:
        to_xyz, from_srgb = _make_matrix(told), _make_matrix(SRGB)
        cones = [BRADFORD @ matrix.sum(axis=1) for matrix in (to_xyz, from_srgb)]
        with np.errstate(all="ignore"):
            adapt = np.linalg.inv(BRADFORD) @ np.diag(cones[1] / cones[0]) @ BRADFORD
        matrix = np.linalg.inv(from_srgb) @ adapt @ to_xyz
    except (np.linalg.LinAlgError, ZeroDivisionError):
        return None
    return matrix if np.isfinite(matrix).all() and np.abs(matrix).max() < 20 else None


def _make_matrix(chromaticity: tuple[float, ...]) -> np.ndarray:
    """The matrix from RGB to XYZ of primaries and white, with Y of white 1."""
    white, *primaries = [
        np.array([x / y, 1, (1 - x - y) / y]) for x, y in zip(chromaticity[::2], chromaticity[1::2], strict=True)
    ]
    columns = np.array(primaries).T
    return columns * np.linalg.solve(columns, white)
