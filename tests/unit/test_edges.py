"""Shift, harden, levels, clean, largest, and the screen-sized view of every one of them."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.edges.refine import refine_guided
from pipeline.edges.shape import apply_levels, clean, feather, harden, keep_largest, shift
from pipeline.pixels.resample import shrink
from tests.pictures import composite, off, photo

sides = st.integers(1, 20)
mattes = st.tuples(sides, sides).flatmap(lambda shape: arrays(np.uint8, shape))
solid = st.tuples(sides, sides, st.sampled_from([0, 255])).map(lambda it: np.full(it[:2], it[2], np.uint8))
SHIFTS = [-20, -7.5, -3, -1, -0.5, 0.5, 1, 2.2, 6, 20]


def disc(radius: float = 120, softness: float = 1.0) -> np.ndarray:
    """An anti-aliased disc in the middle of 500 x 400; `softness` is how many pixels its edge is wide."""
    y, x = np.mgrid[:400, :500]
    return np.uint8(np.clip((radius - np.hypot(x - 250, y - 200)) / softness + 0.5, 0, 1) * 255 + 0.5)


def radii(alpha: np.ndarray, level: float = 127.5) -> np.ndarray:
    """How far from the middle of 500 x 400 the matte falls below `level`, at 360 angles."""
    angles, steps = np.radians(np.arange(360))[:, None], np.arange(20, 195, 0.05, np.float32)[None]
    across, down = (250 + steps * np.cos(angles)), (200 + steps * np.sin(angles))
    values = cv2.remap(alpha.astype(np.float32), across.astype(np.float32), down.astype(np.float32), cv2.INTER_LINEAR)
    return steps[0, (values < level).argmax(axis=1)]


# ---- nothing asked, nothing done -------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [feather, shift, harden, apply_levels, clean])
@settings(max_examples=30)
@given(alpha=mattes)
def test_nothing_asked_gives_back_the_matte_itself(change: Callable, alpha: np.ndarray):
    assert change(alpha, 0) is alpha


@settings(max_examples=150)
@given(mattes, st.floats(-20, 20), st.floats(0, 100), st.floats(-100, 100), st.floats(0, 50))
def test_any_matte_takes_any_change(alpha, pixels, percent, amount, size):
    before = alpha.copy()
    results = [
        shift(alpha, pixels),
        harden(alpha, percent),
        apply_levels(alpha, amount),
        clean(alpha, size),
        keep_largest(alpha),
    ]
    for result in results:
        assert (result.dtype, result.shape) == (np.uint8, alpha.shape)
    assert np.array_equal(alpha, before)


@settings(max_examples=60)
@given(solid, st.floats(-20, 20), st.floats(0, 100), st.floats(-100, 100))
def test_a_solid_matte_stays_solid(alpha, pixels, percent, amount):
    for result in (shift(alpha, pixels), harden(alpha, percent), apply_levels(alpha, amount), keep_largest(alpha)):
        assert np.array_equal(result, alpha)


# ---- shift -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pixels", SHIFTS)
def test_the_edge_moves_by_as_much_as_asked_in_every_direction(pixels):
    moved = radii(shift(disc(), pixels)) - radii(disc())
    assert moved.mean() == pytest.approx(pixels, abs=0.15 + 0.01 * abs(pixels))
    assert np.abs(moved - pixels).max() < 0.65


@pytest.mark.parametrize("pixels", SHIFTS)
@pytest.mark.parametrize("softness", [4, 12])
def test_a_soft_edge_keeps_its_profile(pixels, softness):
    alpha = disc(softness=softness)
    before, after = ((radii(each, 40) - radii(each, 215)).mean() for each in (alpha, shift(alpha, pixels)))
    assert after == pytest.approx(before, abs=0.3)


@pytest.mark.parametrize("pixels", [0.5, 2, 6.3])
def test_faint_hair_grows_wider_and_stays_faint(pixels):
    alpha = np.zeros((60, 60), np.uint8)
    cv2.line(alpha, (30, 5), (30, 55), 90, 1)
    grown = shift(alpha, pixels)
    assert grown.max() == 90 and (grown > 0).sum() > (alpha > 0).sum()


def test_a_little_more_shift_is_a_little_more_matte():
    areas = np.array([shift(disc(softness=3), pixels).mean() for pixels in np.arange(-4, 4, 0.1)])
    assert (np.diff(areas) > 0).all()
    assert np.diff(areas).max() < 2 * np.diff(areas).mean()


@settings(max_examples=60)
@given(mattes, st.floats(0, 20))
def test_shrinking_is_growing_what_is_around(alpha, pixels):
    assert np.abs(shift(alpha, -pixels).astype(int) - (255 - shift(255 - alpha, pixels).astype(int))).max() <= 1


# ---- harden, levels --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("softness", [1, 5, 15])
def test_a_hardened_edge_is_one_pixel_wide_and_where_it_was(softness):
    hard = harden(disc(softness=softness), 100)
    assert np.abs(radii(hard) - radii(disc())).max() < 0.5
    assert off(hard, disc()) < 0.25
    assert ((hard > 0) & (hard < 255)).sum() < 2 * np.pi * 120 * 1.6


def test_a_hardened_edge_is_anti_aliased():
    hard = harden(disc(softness=9), 100)
    assert len(np.unique(hard)) > 8
    assert ((hard > 0) & (hard < 255)).sum() > 2 * np.pi * 120 * 0.5


def test_half_hardened_is_half_way():
    alpha = disc(softness=9)
    assert np.abs(harden(alpha, 50) - (alpha + harden(alpha, 100).astype(float)) / 2).max() <= 1


@settings(max_examples=60)
@given(mattes, st.floats(0.01, 100))
def test_more_solid_never_takes_opacity_from_the_subject_and_see_through_is_its_mirror(alpha, amount):
    solider = apply_levels(alpha, amount)
    assert (solider[alpha > 127] >= alpha[alpha > 127]).all()
    assert np.abs(apply_levels(255 - alpha, -amount).astype(int) - (255 - solider.astype(int))).max() <= 1


def test_levels_stretch_as_measured():
    ramp = np.arange(256, dtype=np.uint8)[None]
    full = apply_levels(ramp, 100)[0]
    assert full[12] == 0 and full[13] > 0 and full[127] < 255 and full[128] == 255
    assert (np.diff(full.astype(int)) >= 0).all()


# ---- clean, largest --------------------------------------------------------------------------------------------------


def speckled() -> np.ndarray:
    """The disc, with two specks outside (9 and 400 pixels) and two pinholes inside (9 and 400 pixels)."""
    alpha = disc(softness=3)
    for colour, left in ((255, 30), (0, 220)):
        alpha[200:203, left : left + 3] = colour
        alpha[230:250, left : left + 20] = colour
    return alpha


def test_specks_and_pinholes_below_the_size_go_and_larger_ones_stay():
    cleaned = clean(speckled(), 10)
    assert not cleaned[195:208, 25:38].any() and (cleaned[195:208, 215:228] == 255).all()
    assert np.array_equal(cleaned[225:255], speckled()[225:255])
    assert np.array_equal(clean(speckled(), 21), disc(softness=3))


def test_a_soft_speck_goes_with_its_faint_skirt():
    alpha = disc()
    alpha[20:60, 20:60] = np.maximum(alpha[20:60, 20:60], cv2.GaussianBlur(disc(2), (0, 0), 2)[180:220, 230:270])
    assert np.array_equal(clean(alpha, 20), disc())


def test_a_clean_matte_is_given_back_itself():
    alpha = disc(softness=9)
    assert clean(alpha, 50) is alpha and keep_largest(alpha) is alpha


def test_only_the_largest_subject_stays_with_its_soft_edge():
    alpha = disc(softness=9)
    both = alpha.copy()
    both[20:60, 20:60] = 200
    both[15:20, 20:60] = 30
    assert np.array_equal(keep_largest(both), alpha)


# ---- the screen-sized view -------------------------------------------------------------------------------------------

CHANGES = {
    "refine": lambda alpha, rgb, scale: refine_guided(alpha, rgb),
    "feather": lambda alpha, rgb, scale: feather(alpha, 30 * scale),
    "grow": lambda alpha, rgb, scale: shift(alpha, 20 * scale),
    "shrink": lambda alpha, rgb, scale: shift(alpha, -9 * scale),
    "harden": lambda alpha, rgb, scale: harden(alpha, 100),
    "solid": lambda alpha, rgb, scale: apply_levels(alpha, 100),
    "clean": lambda alpha, rgb, scale: clean(alpha, 40 * scale),
    "largest": lambda alpha, rgb, scale: keep_largest(alpha),
}


@pytest.mark.parametrize("side", [300, 640, 1000])
@pytest.mark.parametrize("change", CHANGES)
def test_the_screen_sized_view_looks_like_the_full_size_made_smaller(change, side):
    rgb = cv2.resize(photo("chelsea"), (2000, 1330), interpolation=cv2.INTER_CUBIC)
    rough = composite(200, 133, softness=8).alpha
    rough[10:12, 10:12] = 255
    full = cv2.resize(rough, (2000, 1330), interpolation=cv2.INTER_CUBIC)
    size = side, round(1330 * side / 2000)
    wanted = shrink(CHANGES[change](full, rgb, 1), size)
    view = CHANGES[change](shrink(full, size), shrink(rgb, size), side / 2000)
    assert off(view, wanted) <= 2
    assert off(wanted, shrink(full, size)) > 2 * off(view, wanted)  # the change itself is more than the difference
