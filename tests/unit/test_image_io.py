"""From the bytes of a file to a `Photo`: every format, mode, colour space and orientation, and files that are broken."""

import unicodedata
from io import BytesIO

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.errors import ClearcutError
from pipeline.image_io import Photo, cutout_name, decode, encode_view
from tests.pictures import (
    ADOBE_PRIMARIES,
    SRGB_PRIMARIES,
    encoded,
    from_profile,
    icc_profile,
    photo,
    png_header_only,
)

PHOTO = np.ascontiguousarray(photo()[:120, :160])
GREY = np.asarray(Image.fromarray(PHOTO).convert("L"))
GREY3 = np.dstack([GREY] * 3)
RAMP = np.broadcast_to(np.arange(0, 160, dtype=np.uint8), GREY.shape).copy()
RGBA = np.dstack((PHOTO, RAMP))
PALETTE = Image.fromarray(PHOTO).quantize(16)
PALETTE_RGB = np.asarray(PALETTE.convert("RGB"))
RED_FOR_GREEN = (SRGB_PRIMARIES[1], SRGB_PRIMARIES[0], SRGB_PRIMARIES[2])
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


def off(found: np.ndarray, wanted: np.ndarray) -> float:
    """Mean difference in grey levels."""
    assert found.shape == wanted.shape
    return float(np.abs(found.astype(float) - wanted).mean())


def is_sound(photo: Photo) -> bool:
    sound = photo.rgb.dtype == np.uint8 and photo.rgb.ndim == 3 and photo.rgb.shape[2] == 3 and photo.rgb.size > 0
    return sound and (
        photo.alpha is None or (photo.alpha.dtype == np.uint8 and photo.alpha.shape == photo.rgb.shape[:2])
    )


def cv(extension: str, pixels: np.ndarray) -> bytes:
    """A file as OpenCV writes it: the one that can do 16 bits a channel and floating point."""
    swapped = pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    return cv2.imencode(extension, swapped)[1].tobytes()


@pytest.mark.parametrize(
    ("format", "how", "loss"),
    [
        ("PNG", {}, 0),
        ("BMP", {}, 0),
        ("DIB", {}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("WEBP", {"quality": 95}, 3),
        ("JPEG", {"quality": 95}, 3),
        ("JPEG", {"quality": 95, "progressive": True}, 3),
        ("MPO", {"quality": 95}, 3),
        ("GIF", {}, 4),
        ("AVIF", {"quality": 90}, 3),
        ("HEIC", {"quality": 90}, 3),
    ],
)
def test_every_format_gives_its_pixels(format, how, loss):
    photo = decode(encoded(PHOTO, format, **how), "cat")
    assert is_sound(photo)
    assert off(photo.rgb, PHOTO) <= loss
    assert photo.alpha is None
    assert (photo.size, photo.name) == ((160, 120), "cat")


@pytest.mark.parametrize(
    ("format", "how", "loss"),
    [("PNG", {}, 0), ("TIFF", {}, 0), ("WEBP", {"lossless": True, "exact": True}, 0), ("AVIF", {}, 4), ("HEIC", {}, 4)],
)
def test_every_format_that_can_be_transparent_gives_its_alpha(format, how, loss):
    photo = decode(encoded(RGBA, format, **how))
    assert is_sound(photo)
    assert off(photo.alpha, RAMP) <= loss / 2
    assert off(photo.rgb, PHOTO) <= loss


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_fully_opaque_alpha_is_none(format):
    assert decode(encoded(Image.fromarray(PHOTO).convert("RGBA"), format)).alpha is None


@pytest.mark.parametrize(
    ("format", "loss"), [("GIF", 4), ("WEBP", 0), ("PNG", 0), ("TIFF", 0), ("MPO", 3), ("AVIF", 4)]
)
def test_of_many_frames_the_first_counts(format, loss):
    how = {"lossless": True} if format == "WEBP" else {}
    data = encoded(PHOTO, format, save_all=True, append_images=[Image.fromarray(255 - PHOTO)], **how)
    assert Image.open(BytesIO(data)).n_frames == 2
    assert off(decode(data).rgb, PHOTO) <= loss


@pytest.mark.parametrize("orientation", ORIENTED)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIC"])
def test_every_exif_orientation_comes_upright(format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(ORIENTED[orientation](PHOTO))
    data = encoded(stored, format, exif=exif if format == "TIFF" else exif.tobytes(), dpi=(300, 300))
    photo = decode(data)
    assert off(photo.rgb, PHOTO) <= 5
    if format in ("JPEG", "PNG", "TIFF"):
        assert photo.dpi == pytest.approx((300, 300), abs=0.01)


def test_alpha_is_turned_upright_with_the_colours():
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = decode(encoded(np.ascontiguousarray(np.rot90(RGBA)), "PNG", exif=exif.tobytes()))
    assert np.array_equal(np.dstack((photo.rgb, photo.alpha)), RGBA)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "BMP", "TIFF"])
def test_dots_per_inch_are_read(format):
    assert decode(encoded(PHOTO, format, dpi=(240, 120))).dpi == pytest.approx((240, 120), abs=0.05)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP", "GIF"])
def test_a_file_that_says_no_dots_per_inch_has_none(format):
    assert decode(encoded(PHOTO, format)).dpi is None


@pytest.mark.parametrize(
    ("data", "rgb", "alpha"),
    [
        pytest.param(encoded(GREY), GREY3, None, id="grey"),
        pytest.param(encoded(GREY, "TIFF"), GREY3, None, id="grey TIFF"),
        pytest.param(encoded(np.dstack((GREY, RAMP))), GREY3, RAMP, id="grey with alpha"),
        pytest.param(encoded(GREY, transparency=90), GREY3, np.where(GREY == 90, 0, 255), id="grey with tRNS"),
        pytest.param(
            encoded(PHOTO, transparency=tuple(int(value) for value in PHOTO[0, 0])),
            PHOTO,
            np.where((PHOTO == PHOTO[0, 0]).all(axis=2), 0, 255),
            id="RGB with tRNS",
        ),
        pytest.param(encoded(PALETTE), PALETTE_RGB, None, id="palette"),
        pytest.param(encoded(PALETTE, "GIF"), PALETTE_RGB, None, id="palette GIF"),
        pytest.param(
            encoded(PALETTE, transparency=3), PALETTE_RGB, np.where(np.asarray(PALETTE) == 3, 0, 255), id="P, tRNS"
        ),
        pytest.param(
            encoded(PALETTE, transparency=bytes(range(0, 160, 10))),
            PALETTE_RGB,
            np.asarray(PALETTE) * 10,
            id="P, soft tRNS",
        ),
        pytest.param(
            encoded(PALETTE, "GIF", transparency=3),
            PALETTE_RGB,
            np.where(np.asarray(PALETTE) == 3, 0, 255),
            id="GIF, tRNS",
        ),
        pytest.param(encoded(Image.fromarray(GREY > 99)), (GREY3 > 99) * 255, None, id="1 bit"),
        pytest.param(encoded(Image.fromarray(GREY > 99), "TIFF"), (GREY3 > 99) * 255, None, id="1-bit TIFF"),
        pytest.param(encoded(Image.fromarray(PHOTO).convert("CMYK"), "TIFF"), PHOTO, None, id="CMYK TIFF"),
        pytest.param(encoded(GREY / np.float32(255), "TIFF"), GREY3, None, id="float of 1"),
        pytest.param(encoded(GREY.astype(np.float32), "TIFF"), GREY3, None, id="float of 255"),
        pytest.param(encoded(GREY.astype(np.int32), "TIFF"), GREY3, None, id="int32 of 255"),
        pytest.param(encoded(GREY.astype(np.int32) * 257, "TIFF"), GREY3, None, id="int32 of 65535"),
        pytest.param(encoded(GREY.astype("<u2") * 257), GREY3, None, id="16-bit grey"),
        pytest.param(encoded(GREY.astype(">u2") * 257, "TIFF"), GREY3, None, id="16-bit grey, big endian"),
        pytest.param(cv(".tiff", GREY.astype(np.uint16) * 257), GREY3, None, id="16-bit grey, LZW"),
        pytest.param(cv(".png", PHOTO.astype(np.uint16) * 257), PHOTO, None, id="16-bit RGB PNG"),
        pytest.param(cv(".tiff", PHOTO.astype(np.uint16) * 257), PHOTO, None, id="16-bit RGB TIFF"),
        pytest.param(cv(".png", RGBA.astype(np.uint16) * 257), PHOTO, RAMP, id="16-bit RGBA PNG"),
        pytest.param(cv(".tiff", RGBA.astype(np.uint16) * 257), PHOTO, RAMP, id="16-bit RGBA TIFF"),
    ],
)
def test_every_mode_comes_as_8_bit_rgb_and_alpha(data, rgb, alpha):
    photo = decode(data)
    assert is_sound(photo)
    assert np.array_equal(photo.rgb, rgb)
    assert photo.alpha is None if alpha is None else np.array_equal(photo.alpha, alpha)


def test_cmyk_jpeg_keeps_its_colours():
    assert off(decode(encoded(Image.fromarray(PHOTO).convert("CMYK"), "JPEG", quality=95)).rgb, PHOTO) <= 3


def test_what_lies_between_two_grey_levels_is_off_by_one_at_most():
    values = np.random.default_rng(0).integers(0, 65536, (20, 30, 3), dtype=np.uint16)
    for data in (cv(".png", values), cv(".tiff", values)):
        assert np.abs(decode(data).rgb - values / 257).max() <= 1


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_a_hole_in_a_float_tiff_spoils_no_other_pixel(hole):
    values = GREY / np.float32(255)
    values[0, 0] = hole
    assert np.array_equal(decode(encoded(values, "TIFF")).rgb[1:], GREY3[1:])


@pytest.mark.parametrize(
    ("primaries", "gamma", "title"),
    [
        (ADOBE_PRIMARIES, 2.2, "wider"),
        (RED_FOR_GREEN, 2.2, "red for green"),
        (SRGB_PRIMARIES, 1.0, "GIMP built-in Linear sRGB"),
    ],
)
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_colours_of_another_profile_come_as_srgb(primaries, gamma, title, format):
    data = encoded(RGBA, format, icc_profile=icc_profile(primaries, gamma, title))
    found = decode(data)
    assert np.abs(found.rgb - from_profile(PHOTO, primaries, gamma)).max() <= 1.5
    assert np.array_equal(found.alpha, RAMP)


@pytest.mark.parametrize(
    "pixels", [GREY, np.dstack((GREY, RAMP)), GREY.astype(np.uint16) * 257], ids=["grey", "grey, alpha", "16-bit grey"]
)
def test_grey_of_another_profile_comes_as_srgb(pixels):
    photo = decode(encoded(pixels, icc_profile=icc_profile(None, 1.0)))
    assert off(photo.rgb, from_profile(GREY3, SRGB_PRIMARIES, 1.0)) <= 1


def test_an_srgb_profile_leaves_pixels_untouched():
    profile = icc_profile(SRGB_PRIMARIES, 2.2, "sRGB IEC61966-2.1")
    assert np.array_equal(decode(encoded(PHOTO, icc_profile=profile)).rgb, PHOTO)


@pytest.mark.parametrize(
    "profile",
    [
        b"?",
        bytes(200),
        icc_profile(ADOBE_PRIMARIES, 2.2)[:200],
        icc_profile(ADOBE_PRIMARIES, 2.2)[:-30],
        icc_profile(None, 2.2),
    ],
    ids=["one byte", "zeros", "no tags", "cut", "for grey"],
)
def test_a_broken_profile_is_ignored(profile):
    assert np.array_equal(decode(encoded(PHOTO, icc_profile=profile)).rgb, PHOTO)


BROKEN = {"not_a_picture", "broken_picture"}
SMALL = np.ascontiguousarray(PHOTO[::3, ::3])
FILES = {
    format: encoded(
        SMALL, format, icc_profile=icc_profile(ADOBE_PRIMARIES, 2.2), exif=bytes(Image.Exif().tobytes()), **how
    )
    for format, how in {"JPEG": {}, "PNG": {}, "WEBP": {}, "TIFF": {"compression": "tiff_lzw"}, "HEIC": {}}.items()
} | {"GIF": encoded(SMALL, "GIF"), "BMP": encoded(SMALL, "BMP"), "AVIF": encoded(SMALL, "AVIF")}


def code_of(data: bytes, **limits: float) -> str | None:
    """The code of the error that `data` raises; None where it is a sound picture."""
    try:
        return None if is_sound(decode(data, "x.jpg", **limits)) else "unsound"
    except ClearcutError as error:
        return error.code


def test_no_bytes_are_an_empty_file():
    assert code_of(b"") == "empty_file"


@pytest.mark.parametrize(
    "data",
    [b"dear diary\n" * 50, b"\0", b"%PDF-1.7\n", b"<svg/>", b"PK\x03\x04" * 9, b"\0\0\0\x18ftypmp42" + bytes(99)],
)
def test_what_is_no_picture_says_so_whatever_its_name(data):
    assert code_of(data) == "not_a_picture"


@pytest.mark.parametrize("format", FILES)
def test_a_cut_off_picture_is_never_taken_for_a_whole_one(format):
    data = FILES[format]
    cuts = [1, 2, 4, 8, 12, 30, 100, *(len(data) * part // 10 for part in range(1, 10))]
    assert {code_of(data[:cut]) for cut in cuts} <= BROKEN


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "GIF", "BMP", "HEIC"])
def test_a_picture_cut_in_the_middle_is_broken(format):
    data = encoded(PHOTO, format)
    assert code_of(data[: len(data) * 3 // 4]) in ({"broken_picture"} if format != "TIFF" else BROKEN)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1))
def test_no_flipped_byte_raises_anything_but_a_clearcut_error(format, flips):
    data = bytearray(FILES[format])
    for place, value in flips:
        data[place % len(data)] = value
    assert code_of(bytes(data), max_megapixels=1) in {None, "too_many_pixels", "out_of_memory", *BROKEN}


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.integers(0, 40), st.binary(max_size=200))
def test_no_random_bytes_raise_anything_but_a_clearcut_error(format, kept, noise):
    data = FILES[format][:kept] + noise
    assert code_of(data, max_megapixels=1) in {None, "too_many_pixels", "out_of_memory", "empty_file", *BROKEN}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1))
def test_no_flipped_byte_of_a_profile_loses_the_picture(flips):
    profile = bytearray(icc_profile(ADOBE_PRIMARIES, 2.2))
    for place, value in flips:
        profile[place % len(profile)] = value
    assert code_of(encoded(SMALL, icc_profile=bytes(profile))) is None


def test_a_huge_picture_is_refused_before_any_pixel_is_read():
    with pytest.raises(ClearcutError) as caught:
        decode(png_header_only(30_000, 30_000), "bomb.png", max_megapixels=100)
    assert caught.value.code == "too_many_pixels"
    assert caught.value.facts == {
        "name": "bomb.png", "width": 30_000, "height": 30_000, "megapixels": 900.0, "limit": 100
    }  # fmt: skip


@pytest.mark.parametrize(("limit", "code"), [(0.0192, None), (0.019199, "too_many_pixels"), (None, None)])
def test_the_limit_itself_is_allowed(limit, code):
    assert code_of(encoded(PHOTO), max_megapixels=limit) == code


def test_a_single_pixel_is_a_picture():
    assert decode(encoded(PHOTO[:1, :1])).rgb.tolist() == PHOTO[:1, :1].tolist()


def test_a_view_shows_the_photo():
    assert off(decode(encode_view(Photo(PHOTO))).rgb, PHOTO) <= 4
    assert np.array_equal(decode(encode_view(Photo(PHOTO, RAMP))).alpha, RAMP)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("cat.jpg", "cat_cutout.png"),
        ("my cat.tar.gz", "my cat.tar_cutout.png"),
        ("../../etc/passwd.png", "passwd_cutout.png"),
        ("C:\\photos\\кошка.jpeg", "кошка_cutout.png"),
        ("cafe\u0301.png", "café_cutout.png"),
        ('say "cheese"?.png', "say _cheese___cutout.png"),
        ("猫'🐈.heic", "猫'🐈_cutout.png"),
        (".jpg", "jpg_cutout.png"),
        ("a\0b\n.png", "a_b__cutout.png"),
        ("a . .png", "a_cutout.png"),
        *((nothing, "photo_cutout.png") for nothing in ("", ".", "..", "/", "\\", " .png")),
    ],
)
def test_a_cutout_is_named_after_its_photo(name, wanted):
    assert cutout_name(name) == wanted


@settings(max_examples=400, deadline=None)
@given(st.text(st.characters(), max_size=300))
@example("a" * 300 + ".jpg")
@example("猫" * 200 + ".jpg")
@example("caf\udce9.jpg")  # how Python spells a file name that is not UTF-8
@example("a\x85\x9b.png")
def test_a_cutouts_name_is_always_bare_and_safe(name):
    made = cutout_name(name)
    assert made.endswith("_cutout.png") and made != "_cutout.png"
    assert not set(made) & set('<>:"/\\|?*')
    assert not {unicodedata.category(letter) for letter in made} & {"Cc", "Cs"}
    assert made[0] not in ". "
    assert len(made.encode()) <= 255
