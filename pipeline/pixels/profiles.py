"""ICC profiles: colours converted to sRGB, and the sRGB profile for files that are written."""

import io

import numpy as np
from PIL import Image, ImageCms

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
_SRGB_BYTES = SRGB.tobytes()
SRGB_PROFILE = (
    _SRGB_BYTES[:24] + bytes((0x07, 0xE9, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0)) + _SRGB_BYTES[36:]
)  # a fixed date instead of today's, so that equal pictures are equal files
_PROBE = Image.fromarray(np.mgrid[0:256:51, 0:256:51, 0:256:51].reshape(3, 36, 6).transpose(1, 2, 0).astype(np.uint8))
UNUSABLE = (ImageCms.PyCMSError, OSError, ValueError)


def is_srgb(profile: bytes) -> bool:
    """Whether converting from `profile` to sRGB changes no colour by more than 3 of 255.

    Colours are compared since names tell little: "Linear sRGB" is another colour space, "c2" is sRGB.
    """
    try:
        seen = ImageCms.profileToProfile(_PROBE, _open_profile(profile), SRGB, outputMode="RGB")
    except UNUSABLE:
        return False
    return seen is not None and int(np.abs(np.asarray(seen, np.int16) - np.asarray(_PROBE, np.int16)).max()) <= 3


def convert_to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """`image` converted to sRGB by its ICC profile; itself where the profile is sRGB, missing or unusable."""
    lab = image.mode == "LAB"
    if not lab and (not profile or (image.mode == "RGB" and is_srgb(profile))):
        return image
    try:
        source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")) if lab else _open_profile(profile or b"")
        converted = ImageCms.profileToProfile(image, source, SRGB, outputMode="RGB")
    except UNUSABLE:
        return image
    return image if converted is None else converted


def _open_profile(profile: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(profile))
