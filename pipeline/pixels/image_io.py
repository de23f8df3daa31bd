"""Bytes to `Photo`: formats that can be read, size limits, orientation, colours converted to sRGB."""

import hashlib
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageOps

from ..base.errors import ClearcutError
from .damage import complete, ends_in_zeros, has_no_end
from .float_tiff import is_for_opencv, read_float_tiff
from .frames import count_frames, find_frame, has_several_frames
from .geometry import fit_size
from .resample import shrink
from .signatures import (
    BITS,
    COMPRESSION,
    ICC_PROFILE,
    SAMPLE_FORMAT,
    SAMPLES,
    TIFF_HEIGHT,
    TIFF_WIDTH,
    Directory,
    describe_tiff,
    find_value,
    is_readable,
    name_raw,
    name_raw_ending,
    name_unsupported,
    read_directories,
)

READABLE = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "TIFF", "GIF", "AVIF")  # and HEIF, whose plugin is loaded when needed
UPRIGHT: dict[Any, Callable[[np.ndarray], np.ndarray]] = {  # by EXIF orientation
    2: lambda pixels: cv2.flip(pixels, 1),
    3: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_180),
    4: lambda pixels: cv2.flip(pixels, 0),
    5: cv2.transpose,
    6: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE),
    7: lambda pixels: cv2.rotate(cv2.transpose(pixels), cv2.ROTATE_180),
    8: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE),
}
ANIMATED, TRUNCATED = "animated", "truncated"  # warnings
BRIGHTEST = 16.0  # of floating point colours whose white is 1


@dataclass(frozen=True)
class Photo:
    """A decoded picture, upright, 8 bits, sRGB.

    Attributes
    ----------
    rgb
        ``(H, W, 3)`` uint8, sRGB.
    alpha
        ``(H, W)`` uint8 where the file had transparency, else None.
    dpi
        Dots per inch along x and y, where the file says.
    name
        The file's name; the cut-out's name is made of it.
    warnings
        Codes of what reading the file met: ``animated``, ``truncated``.
    file
        The bytes that `decode` has read it from, whose pixels are read-only; empty of one that was made otherwise.

    Examples
    --------
    >>> Photo(np.zeros((3, 4, 3), np.uint8)).size
    (4, 3)
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    dpi: tuple[float, float] | None = None
    name: str = ""
    warnings: tuple[str, ...] = ()
    file: bytes = field(default=b"", init=False, repr=False, compare=False)  # not init: `replace` leaves it behind

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.rgb.shape[1], self.rgb.shape[0]

    def shrink_to(self, long_side: int) -> "Photo":
        """This photo made smaller until its longer side is at most `long_side` pixels; never larger.

        Where it has alpha, colours are averaged weighted by it, so that hidden colours do not show at the edges.
        """
        size = fit_size(self.size, long_side)
        if size == self.size:
            return self
        if self.alpha is None:
            return replace(self, rgb=shrink(self.rgb, size))
        weight = self.alpha[..., None] / np.float32(255)
        small = shrink(weight, size)[..., None]
        rgb = shrink(self.rgb * weight, size) / np.maximum(small, 1e-6)
        return replace(self, rgb=(rgb + 0.5).astype(np.uint8), alpha=(small[..., 0] * 255 + 0.5).astype(np.uint8))


def decode(data: bytes, name: str = "", max_megapixels: float | None = None, max_frames: int | None = None) -> Photo:
    """Read the picture in `data`: upright, in sRGB, 8 bits; of several frames the first that shows something.

    Parameters
    ----------
    data
        A whole file, of one of `READABLE` or HEIF. A JPEG or PNG may lack its end, see ``damage.py``.
    name
        The file's name, for messages and for naming the result.
    max_megapixels
        The most that is accepted; without it any size.
    max_frames
        The most frames or pages that are accepted; without it any number.

    Raises
    ------
    ClearcutError
        ``empty_file``, ``camera_raw``, ``unsupported_format``, ``not_a_picture``, ``too_many_pixels`` and
        ``too_many_frames`` (before any pixel is read) or ``broken_picture``.
    """
    if not data:
        raise ClearcutError("empty_file", name=name)
    photo = _decode(data, name, max_megapixels, max_frames)
    for plane in (photo.rgb, photo.alpha):
        if plane is not None:
            plane.setflags(write=False)  # so that they remain those of the file
    object.__setattr__(photo, "file", data)
    return photo


def _decode(data: bytes, name: str, max_megapixels: float | None, max_frames: int | None) -> Photo:
    image = _open_or_explain(data, name)
    if image is None:
        return _decode_float_tiff(data, next(read_directories(data)), name, max_megapixels)
    _check_size(image.size, name, max_megapixels)
    if max_frames is not None and count_frames(image, data, max_frames) > max_frames:
        raise ClearcutError("too_many_frames", name=name, limit=max_frames)
    warnings: tuple[str, ...] = ()
    try:
        whole = not has_no_end(data)
        rgb, alpha = _decode_jpeg(image, data) if whole else None, None
        if rgb is None:
            if has_several_frames(image):
                warnings = (ANIMATED,)
                find_frame(image, lambda size: _check_size(size, name, max_megapixels))
            image, is_cut = _load(image, data, whole)
            warnings += (TRUNCATED,) if is_cut else ()
            ImageOps.exif_transpose(image, in_place=True)
            rgb, alpha = _convert_to_srgb(image)
        dpi = _read_dpi(image.info)
    except ClearcutError:
        raise
    except MemoryError:
        raise ClearcutError("out_of_memory") from None
    except Exception:
        raise ClearcutError("broken_picture", name=name) from None
    return Photo(rgb, alpha, dpi, name, warnings)


def measure_megapixels(data: bytes) -> float:
    """How large the picture in `data` is, as its header says; 0 where that cannot be read."""
    try:
        width, height = open_file(data).size
    except Exception:
        return 0.0
    return float(width * height / 1e6)


def _open_or_explain(data: bytes, name: str) -> Image.Image | None:
    """The picture in `data` with only its header read; None for a TIFF that Pillow has no mode for."""
    if raw := name_raw(data, name):
        raise ClearcutError("camera_raw", name=name, format=raw)
    if format := name_unsupported(data):
        raise ClearcutError("unsupported_format", name=name, format=format)
    if is_for_opencv(next(read_directories(data), {})):
        return None
    try:
        return open_file(data)
    except MemoryError:
        raise
    except Image.DecompressionBombError as error:  # where `prepare_pictures` has not been called
        raise ClearcutError("too_many_pixels", name=name, **_describe_pillow_limit(error)) from None
    except Exception:
        if format := describe_tiff(data):
            raise ClearcutError("unsupported_format", name=name, format=format) from None
        if raw := name_raw_ending(name):
            raise ClearcutError("camera_raw", name=name, format=raw) from None
        raise ClearcutError("broken_picture" if is_readable(data) else "not_a_picture", name=name) from None


def _check_size(size: tuple[int, int], name: str, max_megapixels: float | None) -> None:
    """Raise ``too_many_pixels`` for a picture of `size` that has more than `max_megapixels`."""
    megapixels = size[0] * size[1] / 1e6
    if max_megapixels is not None and megapixels > max_megapixels:
        facts = {"width": size[0], "height": size[1], "megapixels": round(megapixels, 1), "limit": max_megapixels}
        raise ClearcutError("too_many_pixels", name=name, **facts)


def _load(image: Image.Image, data: bytes, whole: bool) -> tuple[Image.Image, bool]:
    """`image` with its pixels, and whether its file lacks its end; raises where more than that is missing.

    `whole`: whether `data` has the end that its format has. Without it libraries may read zeros without a word.
    """
    if whole or (image.format == "PNG" and not ends_in_zeros(data)):
        try:
            image.load()
            return image, not whole
        except (OSError, SyntaxError):
            if image.format not in ("JPEG", "MPO", "PNG"):
                raise
    if (completed := complete(data)) is None:
        raise OSError("truncated")
    return completed, True


def _decode_float_tiff(data: bytes, tags: Directory, name: str, max_megapixels: float | None) -> Photo:
    """A TIFF of floating point numbers that Pillow does not read; `tags` are those of its first directory."""
    width, height = tags.get(TIFF_WIDTH, (0,))[0], tags.get(TIFF_HEIGHT, (0,))[0]
    _check_size((width, height), name, max_megapixels)
    values = read_float_tiff(data, tags)
    if values is None:
        if tags.get(COMPRESSION) == (1,) and tags.get(SAMPLES) != (2,):
            raise ClearcutError("broken_picture", name=name)
        raise ClearcutError("unsupported_format", name=name, format=describe_tiff(data))
    image = Image.fromarray(_scale_to_8_bit(np.ascontiguousarray(values if values.ndim == 2 else values[..., :3])))
    if place := find_value(data, ICC_PROFILE):
        image.info["icc_profile"] = data[place]
    rgb, _ = _convert_to_srgb(image)
    if values.ndim == 2 or values.shape[2] == 3:
        return Photo(rgb, None, None, name)
    alpha = np.clip(np.nan_to_num(values[..., 3]) * 255 + 0.5, 0, 255).astype(np.uint8)
    return Photo(rgb, None if alpha.min() == 255 else alpha, None, name)


def _describe_pillow_limit(error: Image.DecompressionBombError) -> dict[str, object]:
    """The facts for ``too_many_pixels`` from Pillow's error, which has only the number of pixels, in its text."""
    pixels = re.search(r"\d+", str(error))
    limit = 2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6
    megapixels = round(int(pixels[0]) / 1e6, 1) if pixels else "–"
    return {"width": "–", "height": "–", "megapixels": megapixels, "limit": round(limit, 1)}


def open_file(data: bytes) -> Image.Image:
    """The picture in `data` with only its header read. Raises what Pillow raises."""
    formats: tuple[str, ...] = READABLE
    if data[4:8] == b"ftyp":
        from pillow_heif import register_heif_opener

        register_heif_opener()
        formats = ("AVIF", "HEIF")
    return Image.open(io.BytesIO(data), formats=formats)


def hash_array(array: np.ndarray) -> str:
    """The SHA-256 of an array's dtype, shape and content, in hex."""
    digest = hashlib.sha256(f"{array.dtype}{array.shape}".encode())  # many processors have instructions for it
    digest.update(np.ascontiguousarray(array).data.cast("B"))
    return digest.hexdigest()


def _read_dpi(info: Mapping[Any, Any]) -> tuple[float, float] | None:
    """The plausible dots per inch of Pillow's ``Image.info``. A TIFF without any is 1 there."""
    try:
        x, y = (float(value) for value in info["dpi"])
    except (KeyError, TypeError, ValueError):
        return None
    return (x, y) if 1 < x <= 100_000 and 1 < y <= 100_000 else None


def _decode_jpeg(image: Image.Image, data: bytes) -> np.ndarray | None:
    """The upright pixels of an RGB JPEG in sRGB, by OpenCV: the same bytes as by Pillow, with fewer copies.

    None for any other picture, and for a broken one, which Pillow has a better error for.
    """
    if image.format not in ("JPEG", "MPO") or image.mode != "RGB":
        return None
    if profile := image.info.get("icc_profile"):
        from .profiles import is_srgb

        if not is_srgb(profile):
            return None
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return None
    if pixels is None or pixels.shape != (image.height, image.width, 3):
        return None
    turn = UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation))
    return pixels if turn is None else turn(pixels)


def _convert_to_srgb(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """Any mode and profile as ``(H, W, 3)`` uint8 sRGB, and alpha ``(H, W)`` uint8; None where all is opaque."""
    if image.mode.startswith("I") or image.mode == "F":
        image = _convert_to_8_bit(image)
    alpha = None
    if image.has_transparency_data:
        grey = image.mode in ("L", "LA", "La")
        image = image.convert("LA" if grey else "RGBA")
        alpha = np.asarray(image.getchannel("A"))
        if alpha.min() == 255:
            alpha = None
        image_rgb = image.convert("L" if grey else "RGB")
    elif image.mode in ("L", "RGB", "CMYK", "LAB"):
        image_rgb = image
    else:
        image_rgb = image.convert("RGB")
    profile = image.info.get("icc_profile")
    if profile or image_rgb.mode == "LAB":
        from .profiles import convert_to_srgb

        image_rgb = convert_to_srgb(image_rgb, profile)
    rgb = np.asarray(image_rgb if image_rgb.mode == "RGB" else image_rgb.convert("RGB"))
    if "gamma" in image.info or "chromaticity" in image.info:
        from . import gamma

        rgb = gamma.convert_to_srgb(rgb, image.info) if gamma.says_other_colours(image.info) else rgb
    return rgb, alpha


def _convert_to_8_bit(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits or floating point as 8 bits; white is the top of its type, or of its content's range."""
    values, tags = np.asarray(image), getattr(image, "tag_v2", {})
    if image.mode == "I" and tags.get(BITS) == (32,) and tags.get(SAMPLE_FORMAT, (1,)) == (1,):
        values = values.view(np.uint32)  # which Pillow takes for signed
    values = values.astype(np.float32)
    whites = {"F": (1, 255, 65535), "I": (255, 65535, 1 << 32)}.get(image.mode, (65535,))
    grey = Image.fromarray(_scale_to_8_bit(values, whites))
    grey.info = {key: image.info[key] for key in ("icc_profile", "srgb", "gamma", "chromaticity") if key in image.info}
    return grey


def _scale_to_8_bit(values: np.ndarray, whites: tuple[int, ...] = (1, 255, 65535)) -> np.ndarray:
    """`values` float32 as uint8. The first of `whites` that is no less than all of them is white, else their largest.

    A little more than 1 is light that is brighter than white, which stays white.
    """
    top = float(values.max(initial=0, where=np.isfinite(values)))
    values = np.nan_to_num(values, copy=False, nan=0, posinf=top, neginf=0)
    white = 1 if whites[0] == 1 and top <= BRIGHTEST else next((w for w in whites if top <= w), top)
    return np.clip(values * (255 / white) + 0.5, 0, 255).astype(np.uint8)
