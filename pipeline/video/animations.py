"""Animated pictures, GIF, WebP and PNG, frame by frame."""

from collections.abc import Iterator
from fractions import Fraction
from mmap import ACCESS_READ, mmap
from pathlib import Path

import numpy as np
from PIL import Image

from ..pixels.frames import count_frames
from ..pixels.image_io import Photo
from .clip import Clip, Limits

TICK = Fraction(1, 1000)  # seconds: all three tell durations that Pillow gives in milliseconds
SHOWN = 100  # ms that browsers show a frame whose file says no time at all
FORMATS = ("GIF", "WEBP", "PNG")
RAW_FRAMES = 1000  # that are counted for the average rate


def open_animation(path: Path, limits: Limits) -> Image.Image | None:
    """The animated picture in a file; None where it is none. Raises ``too_many_frames``, before one is decoded."""
    try:
        image = Image.open(path, formats=FORMATS)
    except (OSError, ValueError, SyntaxError):
        return None
    try:
        if limits.frames is not None:
            with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
                limits.check_length(0, count_frames(image, data, limits.frames), path.name)
        is_animated = getattr(image, "n_frames", 1) > 1
    except BaseException:
        image.close()
        raise
    if is_animated:
        return image
    image.close()
    return None


def describe_animation(image: Image.Image, name: str) -> Clip:
    """The facts of an animated picture; its durations are read from all of its frames."""
    count = int(getattr(image, "n_frames", 1))
    total = 0
    for number in range(min(count, RAW_FRAMES)):
        image.seek(number)
        total += _read_duration(image)
    seen = min(count, RAW_FRAMES)
    rate = Fraction(1000 * seen, max(total, 1))
    image.seek(0)
    seconds = total / 1000 * count / seen
    return Clip(name, image.size, rate, TICK, seconds, (image.format or "").lower(), has_alpha=True)


def read_animation(image: Image.Image) -> Iterator[tuple[int, int, Photo]]:
    """Each frame: when it is shown and how long, in milliseconds, and its picture. Ends where the file is damaged."""
    ticks = 0
    for number in range(int(getattr(image, "n_frames", 1))):
        try:
            image.seek(number)
            pixels = np.asarray(image.convert("RGBA"))
        except (OSError, EOFError, SyntaxError, ValueError):
            return
        duration = _read_duration(image)
        alpha = pixels[..., 3]
        rgb = np.ascontiguousarray(pixels[..., :3])
        yield ticks, duration, Photo(rgb, None if alpha.min(initial=255) == 255 else alpha.copy())
        ticks += duration


def _read_duration(image: Image.Image) -> int:
    image.load()  # a WebP tells it only then
    return round(image.info.get("duration") or SHOWN)
