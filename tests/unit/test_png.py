"""The PNG writer: what it writes, every reader reads."""

import shutil
import subprocess
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from pipeline.pixels import png
from pipeline.pixels.png import write_png
from tests.pictures import composite, opened

sides = st.integers(1, 37)
shapes = st.one_of(st.tuples(sides, sides), st.tuples(sides, sides, st.integers(1, 4)))
pictures = arrays(np.uint8, shapes)


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Names and contents, in order; every length and checksum is looked at."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    found, at = [], 8
    while at < len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4])
        assert int.from_bytes(data[end : end + 4]) == zlib.crc32(data[at + 4 : end])
        found.append((data[at + 4 : at + 8], data[at + 8 : end]))
        at = end + 4
    assert at == len(data)
    return found


def as_written(pixels: np.ndarray) -> np.ndarray:
    return pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels


@settings(max_examples=150)
@given(pictures)
def test_every_shape_comes_back_as_it_went(pixels):
    assert np.array_equal(opened(write_png(pixels)), as_written(pixels))


@settings(max_examples=80)
@given(pictures, st.integers(1, 300))
def test_where_strips_end_is_not_seen(pixels, strip_bytes):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(png, "STRIP_BYTES", strip_bytes)
        assert np.array_equal(opened(write_png(pixels)), as_written(pixels))


@settings(max_examples=80)
@given(arrays(np.uint8, st.tuples(sides, sides, st.just(4))), st.integers(1, 300))
def test_an_alpha_of_its_own_is_joined_to_the_colour_and_hides_none(rgba, strip_bytes):
    plain = rgba * (rgba[..., 3:] > 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(png, "STRIP_BYTES", strip_bytes)
        assert write_png(rgba[..., :3], alpha=rgba[..., 3]) == write_png(plain)


@settings(max_examples=30)
@given(pictures)
def test_zlib_does_the_same_where_isal_is_missing(pixels):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(png, "zlib", zlib)
        assert np.array_equal(opened(write_png(pixels)), as_written(pixels))


@pytest.mark.parametrize("shape", [(1601, 1001, 4), (1201, 1301, 3), (5, 999_999), (999_999, 5)])
def test_libpng_reads_a_picture_of_several_strips(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert pixels.nbytes > png.STRIP_BYTES
    read = cv2.imdecode(np.frombuffer(write_png(pixels), np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(read, pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, 3][: shape[2]]])


@pytest.mark.parametrize(
    "view",
    [lambda pixels: pixels[::-1, ::-1], lambda pixels: pixels[::3, 1::2], lambda pixels: pixels.swapaxes(0, 1)],
    ids=["flipped", "every third", "transposed"],
)
def test_a_view_into_another_array_is_written_right(view):
    pixels = view(composite(90, 70).rgb)
    assert np.array_equal(opened(write_png(pixels)), pixels)


def test_the_picture_itself_is_left_alone():
    pixels = composite(90, 70).rgb
    before = pixels.copy()
    pixels.setflags(write=False)
    write_png(pixels)
    assert np.array_equal(pixels, before)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_the_channels_say_the_kind(channels, mode, tmp_path):
    (tmp_path / "a.png").write_bytes(write_png(np.zeros((3, 5, channels), np.uint8)))
    with Image.open(tmp_path / "a.png") as image:
        assert (image.format, image.mode, image.size) == ("PNG", mode, (5, 3))


def test_a_picture_calls_itself_srgb_before_its_pixels():
    names = [name for name, _ in chunks(write_png(composite(90, 70).rgb))]
    assert names[:2] == [b"IHDR", b"sRGB"]
    assert names[-1] == b"IEND"
    assert b"pHYs" not in names


@pytest.mark.parametrize("dpi", [(300.0, 300.0), (72.0, 144.0), (1.0, 100_000.0)])
def test_dots_per_inch_come_back(dpi, tmp_path):
    (tmp_path / "a.png").write_bytes(write_png(np.zeros((3, 5), np.uint8), dpi))
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["dpi"] == pytest.approx(dpi, abs=0.02)


def test_a_smooth_picture_takes_less_room_than_its_pixels():
    rgba = np.dstack((composite(640, 480, seed=1).subject, composite(640, 480).alpha))
    assert len(write_png(rgba)) < rgba.nbytes / 2


@pytest.mark.skipif(not shutil.which("pngcheck"), reason="pngcheck is not installed")
@pytest.mark.parametrize("shape", [(1, 1), (7, 5, 2), (9, 4, 3), (1601, 1001, 4)])
def test_pngcheck_finds_no_fault(shape, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    (tmp_path / "a.png").write_bytes(write_png(pixels, (300, 300)))
    checked = subprocess.run(["pngcheck", "-q", tmp_path / "a.png"], capture_output=True, text=True)
    assert (checked.returncode, checked.stdout) == (0, "")
