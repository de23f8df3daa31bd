"""Files without their end: read with a warning where nearly all of the picture is there, refused otherwise."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pipeline.base.errors import ClearcutError
from pipeline.pixels.damage import MOST_MISSING
from pipeline.pixels.image_io import decode
from tests import pictures
from tests.pictures import encoded

PHOTO = np.ascontiguousarray(np.tile(pictures.photo(), (3, 1, 1)))  # 900 rows, so that one row of blocks is 2 %
HEIGHT = len(PHOTO)
JPEGS = {
    "baseline": {"subsampling": 0},
    "4:2:0": {"subsampling": 2},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
}
ORDERS = {name: encoded(PHOTO, "JPEG", quality=90, **how) for name, how in JPEGS.items()}
ORDERS["grey"] = encoded(Image.fromarray(PHOTO).convert("L"), "JPEG")
ORDERS["CMYK"] = encoded(Image.fromarray(PHOTO).convert("CMYK"), "JPEG")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("lost", [1, 2])
def test_a_jpeg_that_lacks_only_its_end_marker_has_all_its_pixels(order, lost, capfd):
    photo = decode(ORDERS[order][:-lost])
    assert np.array_equal(photo.rgb, decode(ORDERS[order]).rgb)
    assert photo.warnings == ("truncated",)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("order", ["baseline", "4:2:0", "restarts", "grey"])
def test_a_jpeg_that_lacks_its_last_rows_shows_the_last_whole_one_there(order, capfd):
    data, whole = ORDERS[order], decode(ORDERS[order]).rgb
    photo = decode(data[: len(data) * 985 // 1000])
    assert photo.warnings == ("truncated",)
    sure = round(HEIGHT * (1 - MOST_MISSING))
    assert np.array_equal(photo.rgb[:sure], whole[:sure])
    assert np.array_equal(photo.rgb[-1], photo.rgb[-2])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.9])
def test_a_jpeg_that_lacks_more_is_broken(order, share, capfd):
    data = ORDERS[order]
    with pytest.raises(ClearcutError, match="broken_picture"):
        decode(data[: int(len(data) * share)])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("order", ORDERS)
def test_a_jpeg_of_which_half_is_zeros_is_broken(order):
    half = len(ORDERS[order]) // 2
    with pytest.raises(ClearcutError, match="broken_picture"):
        decode(ORDERS[order][:half] + bytes(half))


def test_a_jpeg_that_ends_where_a_decoder_waits_for_a_restart_is_broken():
    data = ORDERS["restarts"]
    middle = data.index(b"\xff\xd3", len(data) // 2)
    for end in (middle, middle + 2):
        with pytest.raises(ClearcutError, match="broken_picture"):
            decode(data[:end])


def test_a_jpeg_without_its_end_is_told_of_whatever_its_last_bits_are():
    for side in range(8, 60, 3):
        data = encoded(PHOTO[:side, :side], "JPEG", quality=85)
        assert decode(data[:-2]).warnings == ("truncated",)
        assert decode(data).warnings == decode(data + bytes(99)).warnings == ()


def test_a_turned_jpeg_without_its_end_comes_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(PHOTO, "JPEG", exif=exif.tobytes())
    assert np.array_equal(decode(data[:-2]).rgb, decode(data).rgb)


def png(rows: int, height: int, interlaced: bool = False, end: bytes = b"") -> bytes:
    """A grey-scale PNG of a ramp whose packed pixels hold only `rows` of `height` rows."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    raw = b"".join(bytes([0, *range(50)]) for _ in range(rows))
    pack = zlib.compressobj()
    packed = pack.compress(raw) + pack.flush(zlib.Z_SYNC_FLUSH)  # as cut off in the middle
    header = struct.pack(">IIBBBBB", 50, height, 8, 0, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + end


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1"])
@pytest.mark.parametrize("lost", [8, 12, 16])
def test_a_png_without_its_last_chunk_has_all_its_pixels(mode, lost):
    data = encoded(Image.fromarray(PHOTO).convert(mode))
    photo = decode(data[:-lost])
    assert np.array_equal(photo.rgb, decode(data).rgb)
    assert photo.warnings == ("truncated",)


def test_a_whole_png_is_read_without_a_word_whatever_follows_it():
    assert decode(encoded(PHOTO)).warnings == decode(encoded(PHOTO) + b"something").warnings == ()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_a_png_that_lacks_its_last_rows_shows_the_last_whole_one_there(mode):
    data = encoded(Image.fromarray(PHOTO).convert(mode))
    photo = decode(data[: len(data) * 98 // 100])
    sure = round(HEIGHT * (1 - MOST_MISSING))
    assert np.array_equal(photo.rgb[:sure], decode(data).rgb[:sure])
    assert photo.alpha is None and np.array_equal(photo.rgb[-1], photo.rgb[-2])
    assert photo.warnings == ("truncated",)


@pytest.mark.parametrize(("rows", "code"), [(95, None), (94, "broken_picture"), (50, "broken_picture")])
@pytest.mark.parametrize("end", [b"", b"\0\0\0\0IEND\xaeB`\x82"])
def test_a_png_may_lack_one_row_in_twenty(rows, code, end):
    try:
        photo = decode(png(rows, 100, end=end))
        assert code is None and photo.warnings == ("truncated",)
        assert (photo.rgb[:, :, 0] == np.arange(50)).all()
    except ClearcutError as error:
        assert error.code == code


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_png_that_lacks_more_is_broken(share):
    data = encoded(PHOTO)
    with pytest.raises(ClearcutError, match="broken_picture"):
        decode(data[: int(len(data) * share)])


def test_the_file_of_the_cases_is_read_whole(case):
    photo = decode(case("jpeg_complete_but_end_marker_missing.jpg"))
    whole = np.asarray(Image.open(io.BytesIO(case("jpeg_complete_but_end_marker_missing.jpg") + b"\xff\xd9")))
    assert np.array_equal(photo.rgb, whole) and photo.warnings == ("truncated",)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "HEIC", "AVIF", "GIF"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_file_of_which_half_is_zeros_or_missing_is_broken(format, mode):
    data = encoded(Image.fromarray(PHOTO).convert(mode), format)
    for end in (bytes(len(data) // 2), b""):
        with pytest.raises(ClearcutError, match="broken_picture"):
            decode(data[: len(data) // 2] + end)
