"""From the bytes of a file to a `Photo`: every format, mode, profile and orientation, and broken files."""

import os
import struct
import subprocess
import sys
import unicodedata
from io import BytesIO
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile, ImageOps, TiffImagePlugin

from pipeline.base.errors import ClearcutError
from pipeline.base.process import QUIET
from pipeline.base.settings import ROOT
from pipeline.pixels.encoders import encode_view
from pipeline.pixels.frames import count_frames
from pipeline.pixels.image_io import Photo, decode
from pipeline.pixels.names import name_cutout
from pipeline.pixels.signatures import find_value
from tests import pictures
from tests.pictures import ADOBE_PRIMARIES, SRGB_PRIMARIES, encoded, icc_profile, off

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")
PHOTO = np.ascontiguousarray(pictures.photo()[:120, :160])
GREY = np.asarray(Image.fromarray(PHOTO).convert("L"))
GREY3 = np.dstack([GREY] * 3)
RAMP = np.broadcast_to(np.arange(0, 160, dtype=np.uint8), GREY.shape).copy()
RGBA = np.dstack((PHOTO, RAMP))
PALETTE = Image.fromarray(PHOTO).quantize(16)
PALETTE_RGB = np.asarray(PALETTE.convert("RGB"))
FLAT = np.where(GREY3 > 99, np.uint8([9, 8, 7]), np.uint8([200, 100, 50]))
INDICES = np.asarray(PALETTE)
WIDE = np.uint16(257)  # times 8 bits makes 16
MODES = {  # name: file, colours, alpha
    "grey": (encoded(GREY), GREY3, None),
    "grey with alpha": (encoded(np.dstack((GREY, RAMP))), GREY3, RAMP),
    "grey with tRNS": (encoded(GREY, transparency=90), GREY3, np.where(GREY == 90, 0, 255)),
    "RGB with tRNS": (encoded(FLAT, transparency=(9, 8, 7)), FLAT, np.where(FLAT[..., 0] == 9, 0, 255)),
    "palette": (encoded(PALETTE), PALETTE_RGB, None),
    "palette with tRNS": (encoded(PALETTE, transparency=3), PALETTE_RGB, np.where(INDICES == 3, 0, 255)),
    "palette with soft tRNS": (encoded(PALETTE, transparency=bytes(range(0, 160, 10))), PALETTE_RGB, INDICES * 10),
    "transparent GIF": (encoded(PALETTE, "GIF", transparency=3), PALETTE_RGB, np.where(INDICES == 3, 0, 255)),
    "1 bit": (encoded(Image.fromarray(GREY > 99)), (GREY3 > 99) * 255, None),
    "CMYK TIFF": (encoded(Image.fromarray(PHOTO).convert("CMYK"), "TIFF"), PHOTO, None),
    "float up to 1": (encoded(GREY / np.float32(255), "TIFF"), GREY3, None),
    "float up to 255": (encoded(GREY.astype(np.float32), "TIFF"), GREY3, None),
    "int32 up to 255": (encoded(GREY.astype(np.int32), "TIFF"), GREY3, None),
    "int32 up to 65535": (encoded(GREY.astype(np.int32) * 257, "TIFF"), GREY3, None),
    "16-bit grey PNG": (encoded(GREY * WIDE), GREY3, None),
    "16-bit grey TIFF, big endian": (encoded((GREY * WIDE).astype(">u2"), "TIFF"), GREY3, None),
    "16-bit RGB PNG": (pictures.encoded_by_opencv(PHOTO * WIDE, ".png"), PHOTO, None),
    "16-bit RGB TIFF": (pictures.encoded_by_opencv(PHOTO * WIDE, ".tiff"), PHOTO, None),
    "16-bit RGBA PNG": (pictures.encoded_by_opencv(RGBA * WIDE, ".png"), PHOTO, RAMP),
    "16-bit RGBA TIFF": (pictures.encoded_by_opencv(RGBA * WIDE, ".tiff"), PHOTO, RAMP),
}
LOSS = {"PNG": 0, "BMP": 0, "DIB": 0, "TIFF": 0, "WEBP": 2, "JPEG": 2, "MPO": 2, "GIF": 2, "AVIF": 2, "HEIC": 2}  # mean
GREEN_FOR_RED = (SRGB_PRIMARIES[1], SRGB_PRIMARIES[0], SRGB_PRIMARIES[2])


def is_sound(photo: Photo) -> bool:
    planes = [photo.rgb] if photo.alpha is None else [photo.rgb, photo.alpha]
    shapes = [(*photo.rgb.shape[:2], 3), photo.rgb.shape[:2]]
    return all(plane.dtype == np.uint8 and plane.shape == shape for plane, shape in zip(planes, shapes, strict=False))


@pytest.mark.parametrize("format", LOSS)
def test_every_format_gives_its_pixels(format):
    photo = decode(encoded(PHOTO, format, quality=95), "cat")
    assert is_sound(photo)
    assert off(photo.rgb, PHOTO) <= LOSS[format]
    assert photo.alpha is None
    assert (photo.size, photo.name) == ((160, 120), "cat")


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "AVIF", "HEIC"])
def test_every_format_that_can_be_transparent_gives_its_alpha(format):
    photo = decode(encoded(RGBA, format, quality=95))
    assert is_sound(photo)
    assert off(photo.rgb, PHOTO) <= LOSS[format]
    assert off(photo.alpha, RAMP) <= LOSS[format] / 4


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_fully_opaque_alpha_is_none(format):
    assert decode(encoded(Image.fromarray(PHOTO).convert("RGBA"), format)).alpha is None


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF", "MPO", "AVIF"])
def test_of_many_frames_the_first_counts_and_a_warning_says_so(format):
    data = encoded(PHOTO, format, quality=95, save_all=True, append_images=[Image.fromarray(255 - PHOTO)])
    assert Image.open(BytesIO(data)).n_frames == 2
    photo = decode(data)
    assert off(photo.rgb, PHOTO) <= LOSS[format]
    assert photo.warnings == (() if format == "MPO" else ("animated",))


BLANKS = {
    "flat": np.full_like(RGBA, 77),
    "faint": np.dstack((PHOTO // 17, np.full_like(RAMP, 255))),
    "transparent": np.dstack((PHOTO, np.zeros_like(RAMP))),
}


@pytest.mark.parametrize("format", ["WEBP", "PNG", "TIFF", "GIF"])
@pytest.mark.parametrize("blank", BLANKS)
def test_of_many_frames_the_first_that_shows_something_counts(format, blank):
    shown = Image.fromarray(PHOTO).convert("RGBA")
    first = Image.fromarray(BLANKS[blank])
    data = encoded(first, format, save_all=True, append_images=[first, shown], quality=95, disposal=2)
    photo = decode(data)
    assert off(photo.rgb, PHOTO) <= LOSS[format] + 2  # of GIF, whose palette holds what is transparent too
    assert photo.warnings == ("animated",)


def test_where_no_frame_shows_anything_the_first_counts():
    blanks = [Image.fromarray(np.full_like(PHOTO, grey)) for grey in (10, 90, 200)]
    assert (decode(encoded(blanks[0], "TIFF", save_all=True, append_images=blanks[1:])).rgb == 10).all()


def test_a_logo_of_one_colour_is_not_taken_for_a_blank_frame():
    white = Image.fromarray(np.dstack((np.full_like(PHOTO, 255), RAMP)))
    data = encoded(white, "PNG", save_all=True, append_images=[Image.fromarray(RGBA)])
    assert (decode(data).rgb == 255).all()


@pytest.mark.parametrize("kind", [1, 4])
def test_a_thumbnail_or_mask_in_a_tiff_is_no_further_page(kind):
    buffer = BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(buffer, True) as pages:
        for pixels, tags in ((PHOTO, {}), (PHOTO[::4, ::4], {254: kind})):
            Image.fromarray(np.ascontiguousarray(pixels)).save(pages, "TIFF", tiffinfo=tags)
            pages.newFrame()
    photo = decode(buffer.getvalue())
    assert Image.open(BytesIO(buffer.getvalue())).n_frames == 2
    assert np.array_equal(photo.rgb, PHOTO) and photo.warnings == ()


def test_a_page_beyond_the_limit_is_refused_before_it_is_read():
    pages = [Image.new("RGB", (9, 9)), Image.fromarray(PHOTO)]
    data = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert code_of(data, max_megapixels=0.01) == "too_many_pixels"


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_frames_and_pages_are_counted_before_any_is_decoded(format, monkeypatch):
    data = encoded(
        PHOTO, format, save_all=True, append_images=[Image.fromarray(PHOTO[::-1]), Image.fromarray(255 - PHOTO)]
    )
    assert code_of(data, max_frames=3) is None
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    monkeypatch.setattr(ImageFile.ImageFile, "seek", None)
    assert code_of(data, max_frames=2) == "too_many_frames"


def test_a_file_of_very_many_tiny_frames_is_refused_without_a_walk_through_all():
    frame = b",\0\0\0\0\1\0\1\0\0\2\2D\1\0"
    gif = b"GIF89a\1\0\1\0\x80\0\0" + bytes(6) + frame * 1_000_000 + b";"
    assert code_of(gif, max_frames=1000) == "too_many_frames"
    assert code_of(gif[:19] + frame * 1000 + b";", max_frames=1000) is None
    places = [(16 + 36 * number).to_bytes(8, "little") for number in range(300_000)]
    tiff = b"II+\0\x08\0\0\0" + b"".join(place + (1).to_bytes(8, "little") + bytes(20) for place in places)
    assert count_frames(SimpleNamespace(format="TIFF"), tiff, 1000) == 1001


@pytest.mark.parametrize("orientation", [None, *pictures.ORIENTED])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_has_the_very_pixels_that_pillow_reads(orientation, subsampling, progressive):
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    how = {"subsampling": subsampling, "progressive": progressive, "quality": 80, "exif": exif.tobytes()}
    data = encoded(pictures.photo()[:301, :403], "JPEG", **how)
    pillows = np.asarray(ImageOps.exif_transpose(Image.open(BytesIO(data))))
    assert np.array_equal(decode(data).rgb, pillows)


@pytest.mark.parametrize(
    "profile", [b"no profile" * 20, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()]
)
def test_a_jpeg_whose_profile_makes_no_sense_is_read_without_it(profile):
    photo = decode(encoded(PHOTO, "JPEG", quality=95, icc_profile=profile))
    assert off(photo.rgb, PHOTO) <= LOSS["JPEG"]


@pytest.mark.parametrize("orientation", pictures.ORIENTED)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIC"])
def test_every_exif_orientation_comes_upright(format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(pictures.ORIENTED[orientation](PHOTO))
    exif = exif if format == "TIFF" else exif.tobytes()
    photo = decode(encoded(stored, format, exif=exif, dpi=(300, 300), quality=95))
    assert off(photo.rgb, PHOTO) <= LOSS[format]
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


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_comes_as_8_bit_rgb_and_alpha(mode):
    data, rgb, alpha = MODES[mode]
    photo = decode(data)
    assert is_sound(photo)
    assert np.array_equal(photo.rgb, rgb)
    assert photo.alpha is None if alpha is None else np.array_equal(photo.alpha, alpha)


def test_cmyk_jpeg_keeps_its_colours():
    assert off(decode(encoded(Image.fromarray(PHOTO).convert("CMYK"), "JPEG", quality=95)).rgb, PHOTO) <= 2


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_a_hole_in_a_float_tiff_spoils_no_other_pixel(hole):
    values = GREY / np.float32(255)
    values[0, 0] = hole
    assert np.array_equal(decode(encoded(values, "TIFF")).rgb[1:], GREY3[1:])


@pytest.mark.parametrize(
    ("primaries", "gamma", "title"),
    [
        (ADOBE_PRIMARIES, 2.2, "wide"),
        (GREEN_FOR_RED, 2.2, "swapped"),
        (SRGB_PRIMARIES, 1.0, "GIMP built-in Linear sRGB"),
    ],
)
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_colours_of_another_profile_come_as_srgb(primaries, gamma, title, format):
    found = decode(encoded(RGBA, format, icc_profile=icc_profile(primaries, gamma, title)))
    assert np.abs(found.rgb - pictures.from_profile(PHOTO, primaries, gamma)).max() <= 1.5
    assert np.array_equal(found.alpha, RAMP)


@pytest.mark.parametrize(
    "pixels", [GREY, np.dstack((GREY, RAMP)), GREY * WIDE], ids=["grey", "grey with alpha", "16-bit grey"]
)
def test_grey_of_another_profile_comes_as_srgb(pixels):
    photo = decode(encoded(pixels, icc_profile=icc_profile(None, 1.0)))
    assert off(photo.rgb, pictures.from_profile(GREY3, SRGB_PRIMARIES, 1.0)) <= 1


def test_an_srgb_profile_leaves_pixels_untouched():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    assert np.array_equal(decode(encoded(PHOTO, icc_profile=profile.tobytes())).rgb, PHOTO)


WHOLE = icc_profile(ADOBE_PRIMARIES, 2.2)


@pytest.mark.parametrize("profile", [b"?", bytes(200), WHOLE[:200], WHOLE[:-30], icc_profile(None, 2.2)])
def test_a_broken_profile_is_ignored(profile):
    assert np.array_equal(decode(encoded(PHOTO, icc_profile=profile)).rgb, PHOTO)


SMALL = np.ascontiguousarray(PHOTO[::3, ::3])
FILES = {
    format: encoded(SMALL, format, icc_profile=WHOLE, compression="tiff_lzw")
    for format in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "HEIC")
}
TOLD = {None, "not_a_picture", "broken_picture", "too_many_pixels", "empty_file", "camera_raw", "unsupported_format"}


def code_of(data: bytes, **limits: float) -> str | None:
    """The code of the error that `data` raises; None where it is a sound picture."""
    try:
        return None if is_sound(decode(data, "x.jpg", **limits)) else "unsound"
    except ClearcutError as error:
        return error.code


def test_heic_is_read_where_nobody_loaded_its_plugin(tmp_path):
    (tmp_path / "a.heic").write_bytes(FILES["HEIC"])
    program = "import sys; from pipeline import decode; print(decode(open(sys.argv[1], 'rb').read()).size)"
    command = [sys.executable, "-c", program, str(tmp_path / "a.heic")]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout == "(54, 40)\n"


def test_no_bytes_are_an_empty_file():
    assert code_of(b"") == "empty_file"


NONSENSE = [b"dear diary\n" * 50, b"\0", b"<html>", b"PK\3\4" * 9, b"\0\0\0\x18ftypnone" + bytes(99)]
UNWANTED = [encoded(SMALL, format) for format in ("PPM", "PCX", "TGA")]  # Pillow would read them


@pytest.mark.parametrize("data", NONSENSE + UNWANTED)
def test_what_is_no_picture_says_so_whatever_its_name(data):
    assert code_of(data) == "not_a_picture"


@pytest.mark.parametrize("format", FILES)
def test_a_cut_off_picture_is_never_taken_for_a_whole_one(format):
    data = FILES[format]
    cuts = [1, 2, 4, 8, 12, 30, 100, *(len(data) * part // 10 for part in range(1, 10))]
    assert {code_of(data[:cut]) for cut in cuts} <= {"not_a_picture", "broken_picture"}


def test_colours_of_floating_point_are_read():
    for values in (PHOTO / np.float32(255), PHOTO.astype(np.float32), PHOTO / np.float64(255)):
        assert np.array_equal(decode(pictures.encoded_by_opencv(values, ".tiff")).rgb, PHOTO)
    with_alpha = decode(pictures.encoded_by_opencv(RGBA / np.float32(255), ".tiff"))
    assert np.array_equal(np.dstack((with_alpha.rgb, with_alpha.alpha)), RGBA)


def half_floats(pixels):
    """A TIFF of floating point numbers of 16 bits, packed as one of whole numbers."""
    return call(cv2.imencode(".tiff", (pixels / np.float32(255)).astype(np.float16).view(np.uint16))[1].tobytes(), 3)


def call(tiff, kind):
    """`tiff` whose numbers are said to be of another kind, see SampleFormat."""
    place = find_value(tiff, 339)
    return tiff[: place.start] + struct.pack("<3H", kind, kind, kind)[: place.stop - place.start] + tiff[place.stop :]


def test_floating_point_of_16_bits_is_read():
    assert np.array_equal(decode(half_floats(PHOTO[..., ::-1])).rgb, PHOTO)
    assert np.array_equal(decode(half_floats(GREY)).rgb, GREY3)
    assert np.array_equal(decode(pictures.encoded_by_opencv(GREY / np.float64(255), ".tiff")).rgb, GREY3)
    whole = pictures.encoded_by_opencv(PHOTO / np.float32(255), ".tiff")
    assert {code_of(whole[: len(whole) // 2]), code_of(half_floats(PHOTO)[:20_000])} <= {
        "broken_picture",
        "not_a_picture",
    }
    image = Image.fromarray((GREY / np.float32(255)).astype(np.float16).view(np.uint16))
    with_profile = decode(encoded(image, "TIFF", tiffinfo={339: 3}, icc_profile=icc_profile(None, 1.0)))
    assert off(with_profile.rgb, pictures.from_profile(GREY3, SRGB_PRIMARIES, 1.0)) <= 1


def test_whole_numbers_of_32_bits_are_read():
    grey = Image.fromarray((GREY.astype(np.uint32) * 16843009).view(np.int32))
    assert np.array_equal(decode(call(encoded(grey, "TIFF"), 1)).rgb, GREY3)


def test_light_brighter_than_white_stays_white_and_darkens_nothing():
    values = GREY / np.float32(255)
    values[0, 0] = 2.5
    found = decode(encoded(values, "TIFF")).rgb
    assert (found[0, 0] == 255).all() and np.array_equal(found[1:], GREY3[1:])


def test_colours_of_floating_point_keep_to_the_limit():
    assert (
        code_of(pictures.encoded_by_opencv(PHOTO / np.float32(255), ".tiff"), max_megapixels=0.01) == "too_many_pixels"
    )


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "BMP", "HEIC"])
def test_a_picture_cut_in_the_middle_is_broken(format):
    data = FILES[format]
    assert code_of(data[: len(data) * 4 // 5]) == "broken_picture"


@settings(max_examples=200)
@given(st.sampled_from(sorted(FILES)), st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1))
def test_no_flipped_byte_raises_anything_but_a_clearcut_error(format, flips):
    data = bytearray(FILES[format])
    for place, value in flips:
        data[place % len(data)] = value
    assert code_of(bytes(data), max_megapixels=1) in TOLD


@settings(max_examples=100)
@given(st.sampled_from(sorted(FILES)), st.integers(0, 40), st.binary(max_size=200))
def test_no_random_bytes_raise_anything_but_a_clearcut_error(format, kept, noise):
    assert code_of(FILES[format][:kept] + noise, max_megapixels=1) in TOLD


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1))
def test_no_flipped_byte_of_a_profile_loses_the_picture(flips):
    profile = bytearray(WHOLE)
    for place, value in flips:
        profile[place % len(profile)] = value
    assert code_of(encoded(SMALL, icc_profile=bytes(profile))) is None


def test_a_huge_picture_is_refused_before_any_pixel_is_read():
    with pytest.raises(ClearcutError) as caught:
        decode(pictures.png_header_only(30_000, 30_000), "bomb.png", max_megapixels=100)
    assert caught.value.code == "too_many_pixels"
    facts = {"width": 30_000, "height": 30_000, "megapixels": 900.0, "limit": 100}
    assert caught.value.facts == {"name": "bomb.png", **facts}


AS_A_LIBRARY = """
import os, sys, warnings
import cv2, numpy, pydantic
from PIL import Image
before = dict(os.environ), Image.MAX_IMAGE_PIXELS, list(warnings.filters)
import pipeline
from pipeline import ClearcutError, cut_out_bytes, decode, explain
files = [open(name, "rb").read() for name in sys.argv[1:]]
for file in files:
    try:
        print("size", *decode(file, "photo.png").size)
    except ClearcutError as error:
        print(error.code, sorted(error.facts.items()), explain(error), sep="|")
print(len(cut_out_bytes(files[-1], own_alpha="keep", cache=False)) > 0)
print(before == (dict(os.environ), Image.MAX_IMAGE_PIXELS, list(warnings.filters)))
"""


def test_in_a_program_that_imports_the_pipeline_alone_pillows_own_limit_is_told_and_all_else_works(tmp_path):
    files = {"large": pictures.png_header_only(20_000, 20_000), "cut out": encoded(RGBA)}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    bare = {name: value for name, value in os.environ.items() if name not in QUIET}
    command = [sys.executable, "-c", AS_A_LIBRARY, *(str(tmp_path / name) for name in files)]
    done = subprocess.run(command, cwd=ROOT, env=bare, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    told, *rest = done.stdout.splitlines()
    code, facts, sentence = told.split("|")
    assert code == "too_many_pixels" and "('megapixels', 400.0)" in facts and "('name', 'photo.png')" in facts
    assert "400" in sentence and "{" not in sentence
    assert rest == [f"size {PHOTO.shape[1]} {PHOTO.shape[0]}", "True", "True"]


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_pictures_that_only_make_pillow_warn_are_read_by_a_program_and_by_a_library(monkeypatch):
    for limit in (None, PHOTO.shape[0] * PHOTO.shape[1] * 3 // 4):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        assert code_of(encoded(PHOTO)) is None
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", PHOTO.shape[0] * PHOTO.shape[1] // 3)
    assert code_of(encoded(PHOTO)) == "too_many_pixels"


@pytest.mark.parametrize(("limit", "code"), [(0.0192, None), (0.019199, "too_many_pixels"), (None, None)])
def test_the_limit_itself_is_allowed(limit, code):
    assert code_of(encoded(PHOTO), max_megapixels=limit) == code


def test_a_view_shows_the_photo():
    assert off(decode(encode_view(Photo(PHOTO))).rgb, PHOTO) <= 4
    assert np.array_equal(decode(encode_view(Photo(PHOTO, RAMP))).alpha, RAMP)


NAMES = {
    "my cat.tar.gz": "my cat.tar",
    "../../etc/passwd.png": "passwd",
    "C:\\photos\\кошка.jpeg": "кошка",
    "cafe\u0301.png": "café",
    'say "cheese"?.png': "say _cheese__",
    "猫'🐈.heic": "猫'🐈",
    ".jpg": "jpg",
    "a\0b\n.png": "a_b_",
    "a . .png": "a",
} | dict.fromkeys(["", ".", "..", "/", "\\", " .png"], "photo")


@pytest.mark.parametrize("name", NAMES)
def test_a_cutout_is_named_after_its_photo(name):
    assert name_cutout(name) == f"{NAMES[name]}_cutout.png"


@settings(max_examples=200)
@given(st.text(st.characters(), max_size=300))
@example("猫" * 200 + ".jpg")
@example("caf\udce9.jpg")  # how Python spells a file name that is not UTF-8
@example("a\x85\x9b.png")
def test_a_cutouts_name_is_always_bare_and_safe(name):
    made = name_cutout(name)
    assert made.endswith("_cutout.png") and made != "_cutout.png"
    assert not set(made) & set('<>:"/\\|?*')
    assert not {unicodedata.category(letter) for letter in made} & {"Cc", "Cs"}
    assert made[0] not in ". "
    assert len(made.encode()) <= 255
