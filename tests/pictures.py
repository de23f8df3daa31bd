"""The picture factory: composites whose alpha is known exactly, real photos, and every kind of file they come in."""

import io
import struct
import zlib
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


def hairy(width: int = 640, height: int = 480, seed: int = 0) -> Composite:
    """A dark ball with hair of two pixels on a bright wall, both with grain."""
    import cv2

    alpha = np.zeros((height, width), np.float32)
    x, y = width // 2, height // 2
    cv2.circle(alpha, (x, y), height // 5, 1.0, -1, cv2.LINE_AA)
    for angle in np.linspace(0, 2 * np.pi, 60, endpoint=False):
        tip = round(x + 0.4 * height * np.cos(angle)), round(y + 0.4 * height * np.sin(angle))
        cv2.line(alpha, (x, y), tip, 1.0, 2)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 0.8)
    grain = np.random.default_rng(seed).normal(0, 3, (height, width, 1))
    subject, background = np.array([60, 40, 30]) + grain, np.array([150, 170, 190]) + grain
    rgb = subject * alpha[..., None] + background * (1 - alpha[..., None])
    return Composite(*(_bytes(plane) for plane in (rgb, alpha * 255, subject, background)))


def rough(alpha: np.ndarray, side: int = 60) -> np.ndarray:
    """A matte as a small network would have it."""
    import cv2

    height, width = alpha.shape
    small = cv2.resize(alpha, (side, round(side * height / width)), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)


@cache
def photo(name: str = "chelsea") -> np.ndarray:
    """A real photo that scikit-image carries, ``(H, W, 3)`` uint8: chelsea (a cat), astronaut, coffee."""
    from skimage import data

    return np.asarray(getattr(data, name)())[..., :3]


def scenery(width: int, height: int) -> np.ndarray:
    """A real photo, repeated to any size."""
    there = photo("coffee")
    return np.tile(there, (-(-height // len(there)), -(-width // there.shape[1]), 1))[:height, :width]


def encoded(pixels: np.ndarray | Image.Image, format: str = "PNG", **how: Any) -> bytes:
    """Pixels as the bytes of a file."""
    buffer = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    if format == "HEIC":  # Pillow knows it only where the plugin was loaded
        import pillow_heif

        pillow_heif.encode(image.mode, image.size, image.tobytes(), buffer, **how)
    else:
        image.save(buffer, format, **how)
    return buffer.getvalue()


def encoded_by_opencv(pixels: np.ndarray, extension: str) -> bytes:
    """Grey, RGB or RGBA as a file of OpenCV's, which can write 16 bits a channel."""
    import cv2

    swapped = pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    return cv2.imencode(extension, swapped)[1].tobytes()


def opened(data: bytes) -> np.ndarray:
    """The pixels in the bytes of a PNG, as Pillow reads them."""
    return np.asarray(Image.open(io.BytesIO(data)))


def iou(alpha: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two mattes at one half."""
    a, b = alpha > 127, truth > 127
    return float((a & b).sum() / max((a | b).sum(), 1))


def off(found: np.ndarray, wanted: np.ndarray) -> float:
    """Mean difference of two pictures of one size, in grey levels."""
    assert found.shape == wanted.shape
    return float(np.abs(found.astype(np.float32) - wanted).mean())


def png_header_only(width: int, height: int) -> bytes:
    """A PNG that claims a size and has no pixels: what a decompression bomb looks like from outside."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    )


ORIENTED = {
    1: lambda upright: upright,
    2: np.fliplr,
    3: lambda upright: np.rot90(upright, 2),
    4: np.flipud,
    5: lambda upright: upright.swapaxes(0, 1),
    6: np.rot90,
    7: lambda upright: np.rot90(upright, 2).swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}  # how a file with this EXIF orientation stores an upright picture

SRGB_PRIMARIES = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))  # XYZ under D50
ADOBE_PRIMARIES = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))


def icc_profile(primaries: tuple[tuple[float, ...], ...] | None, gamma: float, title: str = "test") -> bytes:
    """An ICC profile, version 2: the XYZ of red, green and blue (None: a grey profile), and one gamma."""

    def xyz(values: tuple[float, ...]) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    text = title.encode() + b"\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78),
        b"wtpt": xyz((0.9642, 1, 0.8249)),
    }
    if primaries is None:
        tags[b"kTRC"] = curve
    for letter, colour in zip("rgb", primaries or (), strict=False):
        tags |= {f"{letter}XYZ".encode(): xyz(colour), f"{letter}TRC".encode(): curve}
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    space = b"RGB " if primaries else b"GRAY"
    size = 128 + len(table) + len(body)
    header = struct.pack(">I4sI4s4s4s12x4s28x", size, b"test", 0x02100000, b"mntr", space, b"XYZ ", b"acsp")
    return (header + xyz((0.9642, 1, 0.8249))[8:]).ljust(128, b"\0") + table + body


def from_profile(rgb: np.ndarray, primaries: tuple[tuple[float, ...], ...], gamma: float) -> np.ndarray:
    """What colours under `icc_profile` of the same primaries and gamma are in sRGB, float in 0-255."""
    linear = (rgb / 255) ** gamma @ np.array(primaries) @ np.linalg.inv(SRGB_PRIMARIES)
    linear = np.clip(linear, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
