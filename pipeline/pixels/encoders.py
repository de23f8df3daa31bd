"""A picture as the bytes of a file: sRGB with a profile or chunk that says so, colour 0 where alpha is 0."""

import io
import zipfile
from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import Image, PngImagePlugin

from ..base.errors import ClearcutError
from .formats import FORMATS, Format
from .geometry import Size, fit_size
from .image_io import Photo
from .metadata import add_dpi, strip_metadata
from .png import write_png
from .resample import resize_for_work

QUALITY = 90
LOWEST = 10  # quality below which a picture is of no use, whatever a file may take
VIEW_QUALITY = 85
AREA_SIDE = 800  # pixels
FINE = 90  # quality from which colour has as many pixels as brightness
PREDICTOR = 317  # the TIFF tag
EPOCH = (1980, 1, 1, 0, 0, 0)  # the date of every file in an archive, so that equal pictures are equal archives


class Picture(NamedTuple):
    """A picture to be encoded.

    Attributes
    ----------
    rgb
        ``(H, W, 3)`` uint8 sRGB, straight.
    alpha
        ``(H, W)`` uint8; None for a picture with a background.
    dpi
        Dots per inch along x and y, where known.
    exif
        A block from `filter_exif`, where asked for.
    photo, file
        What the picture was cut from, decoded and as a file, for the format ``zip``, which keeps untouched colour. Left
        out where the picture was moved, turned or scaled.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    dpi: tuple[float, float] | None = None
    exif: bytes = b""
    photo: Photo | None = None
    file: bytes = b""


def encode_picture(name: str, picture: Picture, quality: int = QUALITY) -> bytes:
    """`picture` as a file.

    Parameters
    ----------
    name
        The format, a key of `FORMATS`.
    quality
        1 to 100, for formats that have it.

    Raises
    ------
    ClearcutError
        ``bad_option``, with the formats that would do: unknown name, no transparency though the picture has some, or
        too many pixels for the format.

    Examples
    --------
    >>> encode_picture("png", Picture(np.zeros((1, 1, 3), np.uint8)))[:8]
    b'\\x89PNG\\r\\n\\x1a\\n'
    """
    format = FORMATS.get(name)
    if format is None or not _can_write(format, picture):
        able = ", ".join(other.name for other in FORMATS.values() if _can_write(other, picture))
        raise ClearcutError("bad_option", name="format", value=name[:100], accepted=able)
    return ENCODERS[name](picture, quality)


def encode_within(name: str, picture: Picture, quality: int, max_kb: int) -> bytes:
    """`picture` as a file of at most `max_kb` times 1000 bytes, in the best quality up to `quality` that allows it.

    Formats without quality, and a `max_kb` of 0, are not limited. Pixels are never given up.

    Raises
    ------
    ClearcutError
        As `encode_picture`; ``bad_option`` where `LOWEST` quality takes more, with what it takes.
    """
    data = encode_picture(name, picture, quality)
    limit = max_kb * 1000
    if not limit or len(data) <= limit or not FORMATS[name].has_quality:
        return data
    low, high = min(LOWEST, quality), quality  # the file at `high` is too large
    best = encode_picture(name, picture, low)
    if len(best) > limit:
        least = f"≥ {-(-len(best) // 1000)}"
        raise ClearcutError("bad_option", name="max_kb", value=str(max_kb), accepted=least)
    while high - low > 1:
        middle = (low + high) // 2
        data = encode_picture(name, picture, middle)
        if len(data) <= limit:
            low, best = middle, data
        else:
            high = middle
    return best


def encode_view(photo: Photo) -> bytes:
    """`photo` as a file for the browser: JPEG, or PNG where it has transparency."""
    picture = Picture(photo.rgb, photo.alpha)
    return _encode_jpeg(picture, VIEW_QUALITY) if photo.alpha is None else _encode_png(picture, QUALITY)


def encode_matte(alpha: np.ndarray) -> bytes:
    """A matte ``(H, W)`` uint8 as a grey PNG."""
    return write_png(alpha)


def encode_trimap(trimap: np.ndarray, size: Size) -> bytes:
    """A trimap ``(h, w)`` uint8 as a grey PNG of `size`, with no level that it does not have."""
    return write_png(cv2.resize(trimap, size, interpolation=cv2.INTER_NEAREST))


def encode_stencil(alpha: np.ndarray) -> bytes:
    """A matte ``(H, W)`` uint8 as a PNG that is black and as opaque as that: a browser cuts out with it as it is."""
    return write_png(np.zeros_like(alpha), alpha=alpha)


def encode_area(area: np.ndarray) -> bytes:
    """A part of a picture, ``(H, W)`` bool, as a PNG that is opaque there, at most `AREA_SIDE` pixels wide or high."""
    alpha = resize_for_work(area.view(np.uint8) * np.uint8(255), fit_size(area.shape[::-1], AREA_SIDE))
    return encode_stencil(alpha)


def _encode_png(picture: Picture, quality: int) -> bytes:
    return write_png(picture.rgb, picture.dpi, picture.exif.removeprefix(b"Exif\0\0"), picture.alpha)


def _encode_small_png(picture: Picture, quality: int) -> bytes:
    """Pillow's PNG, with a filter chosen for each row: smaller by a fifth, and forty times slower."""
    chunks = PngImagePlugin.PngInfo()
    chunks.add(b"sRGB", b"\0")
    return _save(picture, "PNG", compress_level=6, pnginfo=chunks, dpi=picture.dpi, exif=picture.exif)


def _encode_webp(picture: Picture, quality: int) -> bytes:
    """Alpha is lossless at every quality. ``exact``: transparent pixels stay black instead of taking any colour."""
    exif = add_dpi(picture.exif, picture.dpi)
    return _save(picture, "WEBP", quality=quality, method=2, exact=True, exif=exif)


def _encode_lossless_webp(picture: Picture, quality: int) -> bytes:
    """``quality`` is the effort here; more than 20 takes seconds and saves 1 %."""
    exif = add_dpi(picture.exif, picture.dpi)
    how = {"lossless": True, "quality": 20, "method": 1, "exact": True}
    return _save(picture, "WEBP", **how, exif=exif)


def _encode_avif(picture: Picture, quality: int) -> bytes:
    """Alpha is lossless at every quality, since its errors show as specks on any background."""
    exif = add_dpi(picture.exif, picture.dpi)
    colour = "4:4:4" if quality >= FINE else "4:2:0"
    exact = {"alpha:lossless": "1"} if picture.alpha is not None else None
    how = {"quality": quality, "speed": 8, "subsampling": colour, "advanced": exact}
    return _save(picture, "AVIF", **how, exif=exif)


def _encode_jpeg(picture: Picture, quality: int) -> bytes:
    how = {"quality": quality, "subsampling": 0 if quality >= FINE else 2, "optimize": True}
    opaque = Picture(picture.rgb, None)
    return _save(opaque, "JPEG", **how, dpi=picture.dpi, exif=picture.exif)


def _encode_tiff(picture: Picture, quality: int) -> bytes:
    how: dict[str, Any] = {"compression": "tiff_lzw", "tiffinfo": {PREDICTOR: 2}}  # differences along the row
    if picture.exif:  # Pillow writes the camera's directory only where libtiff does not compress
        how = {"exif": picture.exif}
    return _save(picture, "TIFF", **how, dpi=picture.dpi)


def _encode_mask(picture: Picture, quality: int) -> bytes:
    alpha = np.full(picture.rgb.shape[:2], 255, np.uint8) if picture.alpha is None else picture.alpha
    return write_png(alpha, picture.dpi)


def _encode_archive(picture: Picture, quality: int) -> bytes:
    """``color.jpg`` or ``color.png`` with the background still in it, and ``alpha.png``.

    The colour is the uploaded file itself where `strip_metadata` returns one, else the photo as a PNG, else, where the
    picture is not of the photo's size, the picture's own colour.
    """
    photo = picture.photo if picture.photo and picture.photo.rgb.shape == picture.rgb.shape else None
    clean = strip_metadata(picture.file) if photo and picture.file else None
    rgb = photo.rgb if photo else picture.rgb
    extension, colour = clean or (".png", write_png(rgb, picture.dpi))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:  # stored: both are compressed already
        for name, data in ((f"color{extension}", colour), ("alpha.png", _encode_mask(picture, quality))):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data)
    return buffer.getvalue()


ENCODERS: dict[str, Callable[[Picture, int], bytes]] = {
    "png": _encode_png,
    "png-small": _encode_small_png,
    "webp": _encode_webp,
    "webp-lossless": _encode_lossless_webp,
    "avif": _encode_avif,
    "jpeg": _encode_jpeg,
    "tiff": _encode_tiff,
    "matte": _encode_mask,
    "zip": _encode_archive,
}


def _can_write(format: Format, picture: Picture) -> bool:
    """Whether `format` can hold the size of `picture`, and its transparency."""
    return not (format.is_opaque and not _is_opaque(picture)) and max(picture.rgb.shape[:2]) <= format.longest


def _is_opaque(picture: Picture) -> bool:
    return picture.alpha is None or cv2.minMaxLoc(picture.alpha)[0] == 255


def _join_channels(picture: Picture) -> np.ndarray:
    """``(H, W, 3)``, or ``(H, W, 4)`` whose colour is 0 where alpha is 0."""
    if picture.alpha is None:
        return picture.rgb
    rgba = cv2.cvtColor(cv2.copyTo(picture.rgb, picture.alpha), cv2.COLOR_RGB2RGBA)
    cv2.insertChannel(picture.alpha, rgba, 3)
    return rgba


def _save(picture: Picture, format: str, **how: Any) -> bytes:
    """`picture` written by Pillow, with an sRGB profile except in PNG, which has a chunk for that."""
    if format != "PNG":
        from .profiles import SRGB_PROFILE

        how["icc_profile"] = SRGB_PROFILE
    buffer = io.BytesIO()
    wanted = {name: value for name, value in how.items() if value not in (None, b"")}
    Image.fromarray(np.ascontiguousarray(_join_channels(picture))).save(buffer, format, **wanted)
    return buffer.getvalue()
