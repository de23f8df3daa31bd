"""Metadata: which EXIF a cut-out may carry, and a photo's file without its metadata.

What may stay is listed by name and everything else is dropped, so that a photo's position never gets into a result.
"""

import re
import struct

from PIL import Image
from PIL.ExifTags import IFD, Base

from .image_io import open_file

PICTURE_TAGS = (
    Base.ImageDescription, Base.Make, Base.Model, Base.Software, Base.DateTime, Base.Artist, Base.Copyright
)  # fmt: skip
CAMERA_TAGS = (
    Base.ExposureTime, Base.FNumber, Base.ExposureProgram, Base.ISOSpeedRatings, Base.SensitivityType, Base.ExifVersion,
    Base.DateTimeOriginal, Base.DateTimeDigitized, Base.OffsetTime, Base.OffsetTimeOriginal, Base.OffsetTimeDigitized,
    Base.ShutterSpeedValue, Base.ApertureValue, Base.BrightnessValue, Base.ExposureBiasValue, Base.MaxApertureValue,
    Base.SubjectDistance, Base.MeteringMode, Base.LightSource, Base.Flash, Base.FocalLength, Base.SubsecTime,
    Base.SubsecTimeOriginal, Base.SubsecTimeDigitized, Base.SensingMethod, Base.ExposureMode, Base.WhiteBalance,
    Base.DigitalZoomRatio, Base.FocalLengthIn35mmFilm, Base.SceneCaptureType, Base.GainControl, Base.Contrast,
    Base.Saturation, Base.Sharpness, Base.LensSpecification, Base.LensMake, Base.LensModel,
)  # fmt: skip
LONGEST_TEXT = 4096  # bytes of one value; a JPEG has room for 64 kB of EXIF
PNG_CHUNKS = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"sBIT", b"pHYs")
Dpi = tuple[float, float]


def filter_exif(data: bytes) -> bytes:
    """The EXIF block of the file in `data` that its cut-out may carry; empty where there is none that can be read.

    Camera, exposure, lens, dates, author and copyright stay. Position, thumbnail, maker's notes, serial numbers and
    free comments do not (the latter three are known to hide positions and owners); orientation becomes 1, since the
    pixels are upright, and the colour space sRGB.
    """
    try:
        source = open_file(data).getexif()
        camera = source.get_ifd(IFD.Exif)
        filtered = Image.Exif()
        for tag in PICTURE_TAGS:
            if tag in source and _is_short(source[tag]):
                filtered[tag] = source[tag]
        of_camera = {int(tag): camera[tag] for tag in CAMERA_TAGS if tag in camera and _is_short(camera[tag])}
        if not (of_camera or len(filtered)):
            return b""
        filtered[IFD.Exif] = {**of_camera, int(Base.ColorSpace): 1}
        filtered[Base.Orientation] = 1
        return filtered.tobytes()
    except MemoryError:
        raise
    except Exception:  # EXIF comes broken in every way
        return b""


def add_dpi(exif: bytes, dpi: Dpi | None) -> bytes:
    """`exif`, empty or from `filter_exif`, with `dpi` added: WebP and AVIF have no other place for it."""
    if dpi is None:
        return exif
    block = Image.Exif()
    block.load(exif)
    block[Base.XResolution], block[Base.YResolution], block[Base.ResolutionUnit] = *dpi, 2
    return block.tobytes()


def strip_metadata(data: bytes) -> tuple[str, bytes] | None:
    """A photo's file without metadata: the compressed pixels, ICC profile and density stay byte for byte.

    Returns
    -------
    (extension, bytes) or None
        `data` itself where there was nothing to drop. None where the file cannot stand for the decoded photo: neither
        JPEG nor PNG, turned by its EXIF, animated, or with transparency.
    """
    try:
        if data.startswith(b"\xff\xd8"):
            extension, parts = ".jpg", _split_jpeg(data)
        elif data.startswith(b"\x89PNG\r\n\x1a\n"):
            extension, parts = ".png", _split_png(data)
        else:
            return None
        image = open_file(data)
        upright = image.getexif().get(Base.Orientation, 1) == 1
        if parts is None or not upright or image.has_transparency_data:
            return None
        clean = b"".join(parts)
        open_file(clean).load()
        return extension, clean
    except MemoryError:
        raise
    except Exception:
        return None


def _is_short(value: object) -> bool:
    return not isinstance(value, str | bytes) or len(value) <= LONGEST_TEXT


def _split_jpeg(data: bytes) -> list[bytes] | None:
    """A JPEG's segments without metadata, up to the end of its first picture; None where it is malformed.

    Tables, frames, scans and the segments JFIF, Adobe (how colour is coded) and ICC_PROFILE stay.
    """
    parts, at = [data[:2]], 2
    while True:
        marker = data[at + 1]
        if data[at] != 0xFF:
            return None
        if marker == 0xFF:  # padding
            at += 1
            continue
        if marker == 0xD9:
            return [*parts, data[at : at + 2]]
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        body = data[at + 4 : end]
        if marker == 0xDA:
            scan = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL).search(data, end)
            if scan is None:
                return None
            end = scan.start()
        dropped = marker == 0xFE or 0xE0 <= marker <= 0xEF
        if not dropped or body.startswith((b"JFIF\0", b"Adobe", b"ICC_PROFILE\0")):
            parts.append(data[at:end])
        at = end


def _split_png(data: bytes) -> list[bytes] | None:
    """A PNG's signature and those of its chunks that are in `PNG_CHUNKS`; None where it is animated or cut short."""
    parts, at = [data[:8]], 8
    while at < len(data):
        (length,), name = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        if name == b"acTL":
            return None
        if name in PNG_CHUNKS:
            parts.append(data[at : at + 12 + length])
        at += 12 + length
        if name == b"IEND":
            return parts
    return None
