"""Sizes: photos down to a network's input or a screen, mattes to the size of the photo."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from pipeline.pixels.geometry import fit_size
from pipeline.pixels.image_io import Photo, decode
from pipeline.pixels.resample import resize_for_network, resize_matte, shrink
from tests.pictures import composite, off, photo

sides = st.integers(1, 100_000)
small_sides = st.integers(1, 60)
NETWORKS = [(320, 320), (1024, 1024)]
SIZES = [(1, 1), (1, 2000), (2000, 1), (100, 90), (320, 320), (641, 479), (2000, 100), (100, 2000)]


@settings(max_examples=120)
@given(sides, sides, sides)
def test_fitting_keeps_within_bounds_and_shape(width, height, long_side):
    fitted = fit_size((width, height), long_side)
    assert 1 <= fitted[0] <= width and 1 <= fitted[1] <= height
    assert max(fitted) == min(long_side, max(width, height))
    scale = max(fitted) / max(width, height)
    assert abs(min(fitted) - max(1, min(width, height) * scale)) <= 0.5 + 1e-6


def test_a_fitted_photo_is_the_same_picture_smaller():
    one = composite(900, 600)
    fitted = Photo(one.rgb, one.alpha, (300, 300), "a.jpg").shrink_to(300)
    assert (fitted.size, fitted.dpi, fitted.name) == ((300, 200), (300, 300), "a.jpg")
    shown = fitted.alpha > 250
    assert off(fitted.rgb[shown], np.asarray(Image.fromarray(one.rgb).reduce(3))[shown]) <= 0.6
    assert off(fitted.alpha, np.asarray(Image.fromarray(one.alpha).reduce(3))) <= 0.6


def test_a_fitted_photo_takes_no_colour_from_what_is_transparent():
    alpha = composite(900, 600, softness=0.1).alpha
    rgb = np.where(alpha[..., None] > 0, np.uint8([200, 100, 50]), np.uint8([0, 255, 0]))
    fitted = Photo(rgb, alpha).shrink_to(250)
    seen = fitted.alpha > 8
    assert np.abs(fitted.rgb[seen] - [200.0, 100.0, 50.0]).max() <= 8


@pytest.mark.parametrize("long_side", [900, 5000])
def test_a_photo_that_fits_is_left_as_it_is(long_side):
    one = Photo(composite(900, 600).rgb)
    assert one.shrink_to(long_side) is one


def test_shrinking_averages():
    checkers = np.indices((60, 80)).sum(axis=0, dtype=np.uint8) % 2 * 200
    assert np.array_equal(shrink(checkers, (40, 30)), np.full((30, 40), 100))


def by_pillow(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))


@pytest.mark.parametrize("name", ["chelsea", "astronaut", "coffee"])
@pytest.mark.parametrize("size", NETWORKS)
def test_a_network_sees_large_photos_as_through_lanczos(name, size):
    mosaic = np.tile(photo(name), (8, 8, 1))[: size[1] * 5, : size[0] * 4]
    assert max(mosaic.shape) > 3 * max(size)
    assert off(resize_for_network(mosaic, size), by_pillow(mosaic, size)) <= 0.7


@pytest.mark.parametrize("shape", [(2000, 8000), (9600, 1000), (4001, 6001), (1999, 1931)], ids=str)
@pytest.mark.parametrize("size", NETWORKS)
def test_a_network_sees_photos_of_any_shape_as_through_lanczos(shape, size):
    noise = np.random.default_rng(0).normal(0, 25, (*shape, 1)).astype(np.float32)
    repeats = (-(-shape[0] // 300), -(-shape[1] // 451), 1)
    mosaic = np.uint8(np.clip(np.tile(photo("chelsea"), repeats)[: shape[0], : shape[1]] + noise, 0, 255))
    difference = np.abs(resize_for_network(mosaic, size).astype(int) - by_pillow(mosaic, size))
    assert difference.mean() <= 1.1 and np.quantile(difference, 0.999) <= 4


@pytest.mark.parametrize("name", ["bike.jpg", "boat.jpg", "rifle1.jpg"])
def test_a_network_sees_large_files_as_through_lanczos(name, truth):
    rgb = decode((truth / "reference" / "images" / name).read_bytes()).rgb
    assert off(resize_for_network(rgb, (320, 320)), by_pillow(rgb, (320, 320))) <= 0.6


@pytest.mark.parametrize("size", NETWORKS)
def test_a_network_sees_small_photos_exactly_through_lanczos(size):
    assert np.array_equal(resize_for_network(photo(), size), by_pillow(photo(), size))


@pytest.mark.parametrize("size", NETWORKS)
@pytest.mark.parametrize("interpolation", ["lanczos", "bilinear"])
def test_a_photo_of_the_networks_size_is_fed_as_it_is(size, interpolation):
    rgb = composite(*size).rgb
    assert np.array_equal(resize_for_network(rgb, size, interpolation), rgb)


@pytest.mark.parametrize("interpolation", ["lanczos", "bilinear"])
@pytest.mark.parametrize("size", SIZES)
def test_one_colour_stays_that_colour_on_the_way_to_a_network(size, interpolation):
    rgb = np.full((size[1], size[0], 3), (200, 100, 50), np.uint8)
    fed = resize_for_network(rgb, (32, 20), interpolation)
    assert fed.shape == (20, 32, 3)
    assert np.array_equal(fed, np.full_like(fed, (200, 100, 50)))


@pytest.mark.parametrize("matte_side", [320, 1024])
@pytest.mark.parametrize("size", SIZES)
def test_an_even_matte_stays_exactly_even(matte_side, size):
    for value in (0, 1, 77, 128, 254, 255):
        alpha = resize_matte(np.full((matte_side, matte_side), value / 255, np.float32), size)
        assert (alpha.dtype, alpha.shape) == (np.uint8, (size[1], size[0]))
        assert np.unique(alpha).tolist() == [value]


@settings(max_examples=150)
@given(
    arrays(np.float32, st.tuples(small_sides, small_sides), elements=st.floats(0, 1, width=32)),
    small_sides,
    small_sides,
)
def test_a_matte_at_any_size_leaves_its_range_by_little(matte, width, height):
    before = matte.copy()
    alpha = resize_matte(matte, (width, height))
    assert (alpha.dtype, alpha.shape) == (np.uint8, (height, width))
    swing = 255 * (matte.max() - matte.min())  # what a cubic may add on both sides of an edge
    assert alpha.min() >= 255 * matte.min() - 0.5 * swing - 1
    assert alpha.max() <= 255 * matte.max() + 0.5 * swing + 1
    assert np.array_equal(matte, before)


def test_a_matte_of_the_photos_size_is_only_rounded():
    matte = np.random.default_rng(0).random((60, 80), dtype=np.float32)
    assert np.abs(resize_matte(matte, (80, 60)) - matte * 255).max() <= 0.51  # half a level, and 16 bits


@pytest.mark.parametrize("size", [(2000, 64), (1001, 64), (320, 64), (200, 64), (200, 30), (2000, 1)])
@pytest.mark.parametrize("edge", ["ramp", "step"])
def test_what_rises_in_the_matte_rises_in_the_photo(size, edge):
    row = np.linspace(0, 1, 320, dtype=np.float32)
    alpha = resize_matte(np.tile(row if edge == "ramp" else np.round(row), (320, 1)), size).astype(int)
    assert (np.diff(alpha, axis=1) >= 0).all()
    assert (alpha[:, 0].max(), alpha[:, -1].min()) == pytest.approx((0, 255), abs=2)


@pytest.mark.parametrize("size", [(900, 640), (160, 120), (1500, 1000)])
def test_a_matte_stays_in_place(size):
    """Its middle of mass: half a pixel of shift shows as a rim."""
    matte = composite(320, 320).alpha / np.float32(255)
    alpha = resize_matte(matte, size)
    for axis in (0, 1):
        before, after = (
            np.average(np.arange(m.shape[axis]) + 0.5, weights=m.sum(axis=1 - axis)) for m in (matte, alpha)
        )
        assert after / alpha.shape[axis] == pytest.approx(before / 320, abs=2e-4)


@pytest.mark.parametrize("size", [(40, 40), (40, 320), (40, 640)])
def test_where_a_matte_gets_smaller_it_is_averaged(size):
    columns = np.random.default_rng(0).integers(0, 2, 320).astype(np.float32)
    matte = np.tile(columns, (320, 1))
    of_eight = 255 * columns.reshape(40, 8).mean(axis=1)
    assert np.abs(resize_matte(matte, size) - of_eight).max() <= 1
    assert np.abs(resize_matte(matte.T.copy(), size[::-1]).T - of_eight).max() <= 1
