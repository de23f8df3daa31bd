"""The picture factory: composites whose alpha is known exactly, real photos, and every kind of file they come in."""

import io
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Composite:
    """A subject on a background, and the alpha that it was put there with. All uint8; alpha ``(H, W)``."""

    rgb: np.ndarray
    alpha: np.ndarray
    subject: np.ndarray
    background: np.ndarray


def composite(width: int = 640, height: int = 480, softness: float = 6.0, seed: int = 0) -> Composite:
    """A shaded, textured ball on a plain wall: what every salient-object network finds."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    radius = 0.33 * min(width, height)
    dx, dy = x - width * 0.5, y - height * 0.52
    distance = np.hypot(dx, dy)
    alpha = np.clip((radius - distance) / max(softness, 1e-3) + 0.5, 0, 1)
    light = np.clip(1.1 - 0.55 * np.hypot(dx + radius * 0.4, dy + radius * 0.45) / radius, 0.25, 1)
    stripes = 0.85 + 0.15 * np.sign(np.sin(dx / radius * 9) * np.sin(dy / radius * 9))
    subject = np.array([205, 60, 40]) * (light * stripes)[..., None]
    background = np.array([150, 170, 185]) + (y / height * 30)[..., None] + rng.normal(0, 2, (height, width, 1))
    rgb = subject * alpha[..., None] + background * (1 - alpha[..., None])
    return Composite(*(_bytes(plane) for plane in (rgb, alpha * 255, subject, background)))


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)


@cache
def photo(name: str = "chelsea") -> np.ndarray:
    """A real photo that scikit-image carries, ``(H, W, 3)`` uint8: chelsea (a cat), astronaut, coffee."""
    from skimage import data

    return np.asarray(getattr(data, name)())[..., :3]


def encoded(pixels: np.ndarray | Image.Image, format: str = "PNG", **how: Any) -> bytes:
    """Pixels as the bytes of a file."""
    buffer = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(buffer, format, **how)
    return buffer.getvalue()


def opened(data: bytes) -> np.ndarray:
    """The pixels in the bytes of a PNG, as Pillow reads them."""
    return np.asarray(Image.open(io.BytesIO(data)))


def iou(alpha: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two mattes at one half."""
    a, b = alpha > 127, truth > 127
    return float((a & b).sum() / max((a | b).sum(), 1))


def png_header_only(width: int, height: int) -> bytes:
    """A PNG that claims a size and has no pixels: what a decompression bomb looks like from outside."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    )
