"""A photo as a network's input, and where in it the photo lies: the same for all families."""

from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np

from ...pixels.geometry import Size, fit_size
from ...pixels.resample import resize_for_network
from ...registry.cards import Feed

Region = tuple[float, float, float, float]  # left, top, right, bottom, as fractions of width and height
WHOLE: Region = (0.0, 0.0, 1.0, 1.0)


class NetworkInput(NamedTuple):
    """A network's input: an array for its first input, or arrays by name; `inside` is where the photo lies in it."""

    inputs: np.ndarray | Mapping[str, np.ndarray]
    inside: Region = WHOLE


def feed(rgb: np.ndarray, spec: Feed) -> NetworkInput:
    """A photo ``(H, W, 3)`` uint8 as float32, ``(1, 3, h, w)``, ``(1, h, w, 3)`` or ``(h, w, 3)``, as `spec` says."""
    pixels, inside = resize_to_input(rgb, spec)
    white = max(float(pixels.max()), 1.0) if spec.divide_by == "maximum" else spec.divide_by
    mean, std = np.array(spec.mean, np.float32), np.array(spec.std, np.float32)
    values = np.arange(256, dtype=np.float32)[:, None] * (1 / (white * std)).astype(np.float32) - mean / std
    planes = [cv2.LUT(plane, values[:, channel].copy()) for channel, plane in enumerate(cv2.split(pixels))]
    if spec.channels == "bgr":
        planes.reverse()
    picture = np.stack(planes) if spec.layout == "nchw" else cv2.merge(planes)
    return NetworkInput(picture if spec.layout == "hwc" else picture[None], inside)


def resize_to_input(rgb: np.ndarray, spec: Feed) -> tuple[np.ndarray, Region]:
    """A photo ``(H, W, 3)`` uint8 at the network's input size, ``(h, w, 3)`` uint8, and where it lies in that."""
    size = (rgb.shape[1], rgb.shape[0])
    if spec.resize == "fit-pad":
        return _pad(rgb, spec)
    if spec.resize == "stretch":
        wanted = spec.size
    elif spec.resize == "short-side":
        wanted = _scale_by_short_side(size, spec)
    else:
        wanted = _round_down(fit_size(size, max(spec.size)), spec.multiple_of)
    return (rgb if wanted == size else resize_for_network(rgb, wanted, spec.interpolation)), WHOLE


def _pad(rgb: np.ndarray, spec: Feed) -> tuple[np.ndarray, Region]:
    height, width = rgb.shape[:2]
    scale = min(spec.size[0] / width, spec.size[1] / height)
    inner = max(1, round(width * scale)), max(1, round(height * scale))
    spare = spec.size[0] - inner[0], spec.size[1] - inner[1]
    left, top = (spare[0] // 2, spare[1] // 2) if spec.pad == "centre" else (0, 0)
    small = resize_for_network(rgb, inner, spec.interpolation)
    whole = cv2.copyMakeBorder(
        small, top, spare[1] - top, left, spare[0] - left, cv2.BORDER_CONSTANT, value=(0, 0, 0)
    )  # fmt: skip
    right, bottom = left + inner[0], top + inner[1]
    return whole, (left / spec.size[0], top / spec.size[1], right / spec.size[0], bottom / spec.size[1])


def _scale_by_short_side(size: Size, spec: Feed) -> Size:
    """`size` as the authors of MODNet scale it: not at all where the wanted length lies between both sides."""
    short, longest = spec.size
    scale = 1.0 if min(size) <= short <= max(size) else short / min(size)
    scale = min(scale, longest / max(size))
    return _round_down((round(size[0] * scale), round(size[1] * scale)), spec.multiple_of)


def _round_down(size: Size, of: int) -> Size:
    return max(of, size[0] // of * of), max(of, size[1] // of * of)


def crop_to_region(array: np.ndarray, region: Region) -> np.ndarray:
    """The part `region` of an array ``(h, w, …)``, of at least one pixel: a photo, or an output of whatever size."""
    if region == WHOLE:
        return array
    height, width = array.shape[:2]
    left, right = round(region[0] * width), round(region[2] * width)
    top, bottom = round(region[1] * height), round(region[3] * height)
    return array[top : max(bottom, top + 1), left : max(right, left + 1)]
