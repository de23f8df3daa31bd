"""Colours of PNGs that say gamma and primaries, and no profile."""

import struct
import zlib

import numpy as np
import pytest

from pipeline.pixels.gamma import SRGB
from pipeline.pixels.image_io import decode
from tests import pictures
from tests.pictures import encoded, icc_profile, off

PHOTO = np.ascontiguousarray(pictures.photo()[:120, :160])
GREY = PHOTO[..., 1].copy()
RAMP = np.broadcast_to(np.arange(160, dtype=np.uint8), GREY.shape)
ADOBE = (0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)


def with_chunks(data: bytes, **chunks: bytes) -> bytes:
    """A PNG with further chunks behind its header."""
    made = b""
    for name, body in chunks.items():
        kind = name.encode()
        made += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return data[:33] + made + data[33:]


def gamma(value: float) -> bytes:
    return struct.pack(">I", round(value * 100_000))


def primaries(values: tuple[float, ...]) -> bytes:
    return struct.pack(">8I", *(round(value * 100_000) for value in values))


@pytest.mark.parametrize("value", [1.0, 0.55556, 0.3])
@pytest.mark.parametrize("pixels", [PHOTO, GREY, np.dstack((PHOTO, RAMP))], ids=["RGB", "grey", "RGBA"])
def test_a_gamma_is_obeyed(value, pixels):
    photo = decode(with_chunks(encoded(pixels), gAMA=gamma(value)))
    rgb = np.dstack([pixels] * 3) if pixels.ndim == 2 else pixels[..., :3]
    assert off(photo.rgb, pictures.from_profile(rgb, pictures.SRGB_PRIMARIES, 1 / value)) <= 0.5
    if pixels.shape[2:] == (4,):
        assert np.array_equal(photo.alpha, RAMP)


def test_16_bit_grey_of_linear_light_comes_as_srgb():
    photo = decode(with_chunks(encoded(GREY * np.uint16(257)), gAMA=gamma(1)))
    wanted = pictures.from_profile(np.dstack([GREY] * 3), pictures.SRGB_PRIMARIES, 1)
    assert off(photo.rgb, wanted) <= 0.5


@pytest.mark.parametrize("value", [1 / 2.19921875, 0.8 / 2.19921875])
def test_primaries_are_obeyed_and_then_a_gamma_near_srgbs_too(value):
    photo = decode(with_chunks(encoded(PHOTO), gAMA=gamma(value), cHRM=primaries(ADOBE)))
    wanted = pictures.from_profile(PHOTO, pictures.ADOBE_PRIMARIES, 1 / value)
    assert np.abs(photo.rgb - wanted).max() <= 2


@pytest.mark.parametrize(
    "chunks",
    [
        {"gAMA": gamma(0.45455)},
        {"gAMA": gamma(0.45455), "cHRM": primaries(SRGB)},
        {"gAMA": gamma(1), "sRGB": b"\0"},
        {"sRGB": b"\0", "cHRM": primaries(ADOBE)},
        {"gAMA": gamma(0)},
        {"cHRM": primaries((0,) * 8)},
        {"cHRM": primaries((0.3,) * 8)},
    ],
)
def test_srgb_and_nonsense_change_no_pixel(chunks):
    assert np.array_equal(decode(with_chunks(encoded(PHOTO), **chunks)).rgb, PHOTO)


def test_a_profile_counts_more():
    profile = icc_profile(pictures.SRGB_PRIMARIES, 2.2)
    plain = encoded(PHOTO, icc_profile=profile)
    assert np.array_equal(decode(with_chunks(plain, gAMA=gamma(1))).rgb, decode(plain).rgb)
