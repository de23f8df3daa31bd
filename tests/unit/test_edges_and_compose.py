"""What happens along the edge, and how colour and matte come together."""

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.compose.layers import clear_background, join_alpha
from pipeline.edges.shape import feather
from tests.pictures import composite

sides = st.integers(1, 20)
mattes = st.tuples(sides, sides).flatmap(lambda shape: arrays(np.uint8, shape))
REACHES = [1, 2, 5, 12, 25]


def disc(radius: float = 120) -> np.ndarray:
    """A hard-edged disc of `radius` in the middle of 500 x 400."""
    y, x = np.mgrid[:400, :500]
    return np.where(np.hypot(x - 250, y - 200) <= radius, np.uint8(255), np.uint8(0))


def distance_to_edge(alpha: np.ndarray) -> np.ndarray:
    inside = (alpha > 127).astype(np.uint8)
    return np.maximum(*(cv2.distanceTransform(part, cv2.DIST_L2, 5) for part in (inside, 1 - inside)))


@settings(max_examples=50)
@given(mattes)
def test_no_feather_gives_back_the_matte(alpha):
    assert feather(alpha, 0) is alpha


@pytest.mark.parametrize("pixels", REACHES)
def test_what_is_far_from_the_edge_stays_solid(pixels):
    alpha = disc()
    far = distance_to_edge(alpha) > 1.6 * pixels + 1
    assert far.any()
    assert np.array_equal(feather(alpha, pixels)[far], alpha[far])


@pytest.mark.parametrize("pixels", REACHES)
def test_the_soft_band_is_as_wide_as_asked(pixels):
    soft = feather(disc(), pixels)
    line = soft[200, 250:]  # outwards from the middle
    visible = ((line > 255 * 0.02) & (line < 255 * 0.98)).sum()
    assert visible == pytest.approx(2 * pixels, abs=1 + 0.1 * pixels)


def test_reach_grows_with_pixels():
    widths = [int(((soft > 0) & (soft < 255)).sum()) for soft in (feather(disc(), pixels) for pixels in REACHES)]
    assert widths == sorted(set(widths))


@pytest.mark.parametrize("pixels", [0.3, *REACHES])
def test_feathering_keeps_the_mean(pixels):
    for alpha in (disc(), composite(500, 400).alpha):
        assert feather(alpha, pixels).mean() == pytest.approx(alpha.mean(), abs=0.05)


@pytest.mark.parametrize("pixels", REACHES)
def test_a_straight_edge_stays_where_it_was(pixels):
    alpha = np.zeros((60, 200), np.uint8)
    alpha[:, 100:] = 255
    soft = feather(alpha, pixels).astype(int)
    assert np.array_equal(soft, np.tile(soft[:1], (60, 1)))
    assert (np.diff(soft[0]) >= 0).all()
    assert np.abs(soft[0] + soft[0, ::-1] - 255).max() <= 1


@settings(max_examples=80)
@given(mattes, st.floats(0, 50))
@example(np.zeros((1, 2), np.uint8), 5e-324)  # of which half is nothing
def test_any_matte_takes_any_feather(alpha, pixels):
    before = alpha.copy()
    soft = feather(alpha, pixels)
    assert (soft.dtype, soft.shape) == (np.uint8, alpha.shape)
    assert alpha.min() <= soft.min() and soft.max() <= alpha.max()
    assert np.array_equal(alpha, before)


pairs = st.tuples(sides, sides).flatmap(
    lambda shape: st.tuples(arrays(np.uint8, (*shape, 3)), arrays(np.uint8, shape), arrays(np.uint8, shape))
)


@settings(max_examples=100)
@given(pairs)
def test_colour_is_gone_where_nothing_shows_and_untouched_elsewhere(planes):
    rgb, alpha, _ = planes
    before = rgb.copy()
    left = clear_background(rgb, alpha)
    assert not left[alpha == 0].any()
    assert np.array_equal(left[alpha > 0], rgb[alpha > 0])
    assert np.array_equal(rgb, before) and not np.shares_memory(left, rgb)


@pytest.mark.parametrize("alpha", [1, 64, 128, 254, 255])
def test_soft_edge_keeps_the_subjects_colour(alpha):
    left = clear_background(np.full((2, 3, 3), (200, 100, 50), np.uint8), np.full((2, 3), alpha, np.uint8))
    assert np.array_equal(left, np.full((2, 3, 3), (200, 100, 50)))


def test_colour_that_may_not_be_written_to_is_no_hindrance():
    rgb = composite(30, 20).rgb
    rgb.setflags(write=False)
    assert not clear_background(rgb, np.zeros((20, 30), np.uint8)).any()


def test_a_photo_without_alpha_keeps_the_matte():
    alpha = disc()
    assert join_alpha(alpha, None) is alpha


@settings(max_examples=100)
@given(pairs)
def test_matte_and_own_alpha_are_multiplied(planes):
    _, alpha, own = planes
    joined = join_alpha(alpha, own)
    assert (joined.dtype, joined.shape) == (np.uint8, alpha.shape)
    assert np.abs(joined - alpha.astype(float) * own / 255).max() <= 0.5 + 1e-6
    assert (joined <= np.minimum(alpha, own)).all()


@settings(max_examples=50)
@given(mattes)
def test_opaque_changes_nothing_and_transparent_hides_all(alpha):
    assert np.array_equal(join_alpha(alpha, np.full_like(alpha, 255)), alpha)
    assert not join_alpha(alpha, np.zeros_like(alpha)).any()
