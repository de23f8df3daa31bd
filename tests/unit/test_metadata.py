"""What a file says beside its pixels: what may travel on, and that a place never does."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from pipeline.pixels.metadata import add_dpi, filter_exif, strip_metadata
from tests.pictures import ORIENTED, composite, encoded, opened

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")
PLACE = b"SecretPlace"
RGB = composite(60, 40).rgb


def telling(orientation: int = 1, thumbnail: bool = True) -> bytes:
    """The EXIF of a phone: camera, dates, author, and in every corner where it was."""
    exif = Image.Exif()
    exif[Base.Make], exif[Base.Model], exif[Base.Artist], exif[Base.Copyright] = "Maker", "Phone 9", "Ann", "(c) Ann"
    exif[Base.Orientation] = orientation
    exif[Base.XPComment] = PLACE
    exif[IFD.GPSInfo] = {GPS.GPSLatitudeRef: "N", GPS.GPSLatitude: (48.0, 8.0, 0.0), GPS.GPSAreaInformation: PLACE}
    exif[IFD.Exif] = {
        int(Base.ExposureTime): 0.01,
        int(Base.DateTimeOriginal): "2025:01:02 03:04:05",
        int(Base.LensModel): "Lens 1",
        int(Base.MakerNote): PLACE,
        int(Base.UserComment): PLACE,
        int(Base.BodySerialNumber): "SecretPlace",
        int(Base.ColorSpace): 65535,
    }
    block = exif.tobytes()
    if not thumbnail:
        return block
    small = encoded(np.zeros((8, 8, 3), np.uint8), "JPEG") + PLACE
    first = 14 + struct.unpack("<H", block[14:16])[0] * 12 + 2  # where the first directory names the next
    second = struct.pack("<H", 2) + struct.pack("<HHII", 0x201, 4, 1, len(block) - 6 + 30)
    second += struct.pack("<HHII", 0x202, 4, 1, len(small)) + bytes(4)
    return block[:first] + struct.pack("<I", len(block) - 6) + block[first + 4 :] + second + small


SOURCES = {
    format: encoded(RGB, format, exif=telling(6), quality=90)
    for format in ("JPEG", "PNG", "WEBP", "AVIF", "HEIC", "TIFF")
}


@pytest.mark.parametrize("format", SOURCES)
def test_camera_lens_dates_and_author_are_kept_and_no_place(format):
    block = filter_exif(SOURCES[format])
    assert PLACE not in block and b"SecretPlace" not in block
    exif = Image.Exif()
    exif.load(block)
    assert (exif[Base.Model], exif[Base.Artist], exif[Base.Orientation]) == ("Phone 9", "Ann", 1)
    camera = exif.get_ifd(IFD.Exif)
    assert camera[Base.LensModel] == "Lens 1" and camera[Base.DateTimeOriginal] == "2025:01:02 03:04:05"
    assert camera[Base.ExposureTime] == pytest.approx(0.01) and camera[Base.ColorSpace] == 1
    assert not exif.get_ifd(IFD.GPSInfo) and not exif.get_ifd(IFD.IFD1)
    assert not {Base.MakerNote, Base.UserComment, Base.BodySerialNumber} & set(camera)


def test_a_photo_that_says_nothing_keeps_nothing():
    assert (
        filter_exif(encoded(RGB, "JPEG"))
        == filter_exif(encoded(RGB))
        == filter_exif(b"")
        == filter_exif(b"no picture")
        == b""
    )


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), min_size=1))
def test_no_flipped_byte_of_exif_raises_or_lets_a_place_through(flips):
    data = bytearray(SOURCES["JPEG"])
    for at, value in flips:
        data[at] = value
    exif = Image.Exif()
    exif.load(filter_exif(bytes(data)))
    assert not exif.get_ifd(IFD.GPSInfo) and Base.XPComment not in exif


def test_density_is_added_to_a_block_and_to_none():
    for block in (b"", filter_exif(SOURCES["JPEG"])):
        exif = Image.Exif()
        exif.load(add_dpi(block, (300, 150)))
        assert (exif[Base.XResolution], exif[Base.YResolution], exif[Base.ResolutionUnit]) == (300, 150, 2)
        assert add_dpi(block, None) == block


@pytest.mark.parametrize("how", [{}, {"progressive": True}, {"icc_profile": b"x" * 70_000}, {"dpi": (300, 300)}])
def test_a_jpeg_that_says_nothing_stays_the_very_bytes(how):
    data = encoded(RGB, "JPEG", quality=90, **how)
    assert strip_metadata(data) == (".jpg", data)


def test_a_png_that_says_nothing_stays_the_very_bytes():
    data = encoded(RGB, "PNG", dpi=(300, 300))
    assert strip_metadata(data) == (".png", data)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "MPO"])
def test_what_a_file_says_is_dropped_and_no_pixel_changes(format):
    how = {"xmp": PLACE} if format == "JPEG" else {}
    if format == "MPO":
        how |= {"save_all": True, "append_images": [Image.fromarray(255 - RGB)]}
    noisy = encoded(RGB, format, exif=telling(1), comment=PLACE, quality=90, icc_profile=b"profile", **how)
    assert PLACE in noisy
    extension, clean = strip_metadata(noisy)
    assert extension == {"PNG": ".png"}.get(format, ".jpg")
    assert PLACE not in clean and b"Exif" not in clean and b"eXIf" not in clean
    assert np.array_equal(opened(clean), opened(noisy))
    assert Image.open(io.BytesIO(clean)).info["icc_profile"] == b"profile"


def test_a_file_that_cannot_stand_for_its_colours_is_none():
    rgba = np.dstack((RGB, RGB[..., 0]))
    two = {"save_all": True, "append_images": [Image.fromarray(255 - RGB)]}
    files = [
        encoded(rgba),
        encoded(RGB, "WEBP"),
        encoded(RGB, "TIFF"),
        encoded(RGB, "PNG", **two),
        b"",
        b"\xff\xd8\xff",
    ]
    files += [encoded(RGB, "PNG", transparency=(0, 0, 0))]
    files += [
        encoded(RGB, format, exif=telling(turn, False)) for format in ("JPEG", "PNG") for turn in ORIENTED if turn > 1
    ]
    assert [strip_metadata(file) for file in files] == [None] * len(files)


@settings(max_examples=200)
@given(st.sampled_from(["JPEG", "PNG"]), st.integers(1, 3000), st.binary(max_size=30))
def test_no_broken_file_raises(format, kept, noise):
    strip_metadata(SOURCES[format][:kept] + noise)
