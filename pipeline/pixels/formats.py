"""The formats that a picture can leave in, and what each can carry: facts alone, so that options can be told early."""

from typing import NamedTuple


class Format(NamedTuple):
    """What one format can carry.

    Attributes
    ----------
    name, extension, media_type
        Its name here, ``.ext``, and what HTTP calls it.
    is_opaque
        Whether it has no transparency: it takes only pictures with a background.
    is_bare
        Whether it holds the subject alone, without background, shadow or outline.
    has_quality
        Whether the option ``quality`` changes anything.
    has_exif
        Whether the photo's EXIF can travel in it.
    longest
        Pixels along a side that it can hold, where that is a limit.
    """

    name: str
    extension: str
    media_type: str
    is_opaque: bool = False
    is_bare: bool = False
    has_quality: bool = False
    has_exif: bool = True
    longest: int = 1 << 31


FORMATS = {
    each.name: each
    for each in (
        Format("png", ".png", "image/png"),
        Format("png-small", ".png", "image/png"),
        Format("webp", ".webp", "image/webp", has_quality=True, longest=16_383),
        Format("webp-lossless", ".webp", "image/webp", longest=16_383),
        Format("avif", ".avif", "image/avif", has_quality=True, longest=65_536),
        Format("jpeg", ".jpg", "image/jpeg", is_opaque=True, has_quality=True, longest=65_535),
        Format("tiff", ".tif", "image/tiff"),
        Format("matte", ".png", "image/png", is_bare=True, has_exif=False),
        Format("zip", ".zip", "application/zip", is_bare=True, has_exif=False),
    )
}


def list_media_types() -> list[str]:
    """What HTTP calls the formats, each once."""
    return list(dict.fromkeys(each.media_type for each in FORMATS.values()))
