"""The formats that can be written and what each can hold, without the encoders and their libraries."""

from typing import NamedTuple


class Format(NamedTuple):
    """What one format can hold.

    Attributes
    ----------
    name, extension, media_type
        The value of the option ``format``, ``.ext``, and the MIME type.
    is_opaque
        Whether it has no transparency, so that only pictures with a background can be written.
    is_bare
        Whether it holds the subject alone, without background, shadow or outline.
    has_quality
        Whether the option ``quality`` changes anything.
    has_exif
        Whether it can hold EXIF.
    longest
        Pixels along a side that it can hold at most.
    also
        Other extensions that people give it.
    mark
        What its files have after the photo's name: ``photo_cutout.png``.
    """

    name: str
    extension: str
    media_type: str
    is_opaque: bool = False
    is_bare: bool = False
    has_quality: bool = False
    has_exif: bool = True
    longest: int = 1 << 31
    also: tuple[str, ...] = ()
    mark: str = "_cutout"

    @property
    def extensions(self) -> tuple[str, ...]:
        """All extensions, that which is written first."""
        return (self.extension, *self.also)

    @property
    def is_whole(self) -> bool:
        """Whether it holds the picture with all that was put around the subject."""
        return not self.is_bare

    @property
    def ending(self) -> str:
        """What comes after the photo's name: ``_cutout.png``."""
        return self.mark + self.extension


FORMATS = {
    each.name: each
    for each in (
        Format("png", ".png", "image/png"),
        Format("png-small", ".png", "image/png"),
        Format("webp", ".webp", "image/webp", has_quality=True, longest=16_383),
        Format("webp-lossless", ".webp", "image/webp", longest=16_383),
        Format("avif", ".avif", "image/avif", has_quality=True, longest=32_768),
        Format("jpeg", ".jpg", "image/jpeg", is_opaque=True, has_quality=True, longest=65_500, also=(".jpeg",)),
        Format("tiff", ".tif", "image/tiff", also=(".tiff",)),
        Format("matte", ".png", "image/png", is_bare=True, has_exif=False, mark="_mask"),
        Format("zip", ".zip", "application/zip", is_bare=True, has_exif=False),
    )
}

READ = {".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


def find_formats(extension: str) -> list[str]:
    """The names of the formats that are written with an extension, whatever its case; that which it means first.

    >>> find_formats(".JPEG"), find_formats(".webp"), find_formats(".gif")
    (['jpeg'], ['webp', 'webp-lossless'], [])
    """
    return [each.name for each in FORMATS.values() if extension.lower() in each.extensions]


def list_media_types() -> list[str]:
    """The MIME types of all formats, each once."""
    return list(dict.fromkeys(each.media_type for each in FORMATS.values()))
