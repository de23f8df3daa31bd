"""The subject's own colour under soft edges."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.edges.foreground import estimate_foreground
from pipeline.pixels.resample import shrink
from tests.pictures import composite, off, photo

sides = st.integers(1, 20)
pictures = st.tuples(sides, sides).flatmap(
    lambda shape: st.tuples(arrays(np.uint8, (*shape, 3)), arrays(np.uint8, shape))
)
BEHIND = {"black": (0, 0, 0), "white": (255, 255, 255), "green": (0, 177, 64)}
RED, GREEN = np.array([200, 30, 60]), np.array([20, 200, 90])


def on(rgb: np.ndarray, alpha: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    share = alpha[..., None] / 255
    return rgb * share + np.array(colour) * (1 - share)


def flat(softness: float) -> tuple[np.ndarray, np.ndarray]:
    """A disc of one colour on another, and its matte."""
    alpha = composite(400, 300, softness=softness).alpha
    return np.uint8(np.round(on(np.broadcast_to(RED, (300, 400, 3)), alpha, tuple(GREEN)))), alpha


@pytest.mark.parametrize("colour", BEHIND)
@pytest.mark.parametrize("softness", [0.005, 0.02, 0.1])  # parts of the width
@pytest.mark.parametrize("width", [200, 640, 1600])
def test_on_another_background_the_error_is_a_third_at_most(width, softness, colour):
    it = composite(width, width * 3 // 4, softness=softness * width)
    wanted = on(it.subject, it.alpha, BEHIND[colour])
    before, after = (
        off(on(each, it.alpha, BEHIND[colour]), wanted) for each in (it.rgb, estimate_foreground(it.rgb, it.alpha))
    )
    assert after < before / 3


@pytest.mark.parametrize("colour", BEHIND)
def test_hair_and_fur_of_a_real_photo_lose_the_background_too(colour, truth):
    from PIL import Image

    before = after = 0.0
    for name in ("GT01.png", "GT03.png", "GT08.png"):
        alpha = np.asarray(Image.open(truth / "soft" / "masks" / name).convert("L"))
        subject = cv2.resize(photo("chelsea"), alpha.shape[::-1])
        rgb = np.uint8(np.round(on(subject, alpha, (90, 160, 220))))
        wanted = on(subject, alpha, BEHIND[colour])
        before += off(on(rgb, alpha, BEHIND[colour]), wanted)
        after += off(on(estimate_foreground(rgb, alpha), alpha, BEHIND[colour]), wanted)
    assert after < before / 3


@pytest.mark.parametrize("softness", [0.01, 1.5, 5, 10])
def test_flat_colours_survive_exactly(softness):
    rgb, alpha = flat(softness)
    estimated = estimate_foreground(rgb, alpha)
    visible = alpha > 32
    assert np.abs(estimated[visible].astype(int) - RED).max() <= 1
    assert (estimated[alpha == 255] == RED).all()


def test_a_subject_in_the_backgrounds_colour_stays_as_it_is():
    rgb = np.full((90, 120, 3), (10, 130, 250), np.uint8)
    assert np.abs(estimate_foreground(rgb, composite(120, 90).alpha).astype(int) - rgb).max() <= 1


@settings(max_examples=150)
@given(pictures)
def test_every_byte_outside_the_soft_edge_is_the_photos(planes):
    rgb, alpha = planes
    before = rgb.copy(), alpha.copy()
    estimated = estimate_foreground(rgb, alpha)
    hard = (alpha == 0) | (alpha == 255)
    assert (estimated.dtype, estimated.shape) == (np.uint8, rgb.shape)
    assert np.array_equal(estimated[hard], rgb[hard])
    assert np.array_equal(rgb, before[0]) and np.array_equal(alpha, before[1])


@settings(max_examples=50)
@given(pictures)
def test_without_a_soft_edge_the_photo_is_given_back_itself(planes):
    rgb, alpha = planes
    assert estimate_foreground(rgb, np.where(alpha > 127, np.uint8(255), np.uint8(0))) is rgb


def test_a_faint_matte_far_from_any_subject_keeps_the_photos_colours():
    rgb = photo("chelsea")
    faint = np.full(rgb.shape[:2], 2, np.uint8)
    estimated = estimate_foreground(rgb, faint)
    assert off(estimated, rgb) < 25 and estimated.mean() == pytest.approx(rgb.mean(), rel=0.1)


def test_a_networks_own_foreground_is_taken_in_the_soft_edge_only():
    rgb, alpha = flat(20)
    known = np.full((30, 40, 3), (1, 2, 3), np.uint8)
    estimated = estimate_foreground(rgb, alpha, known)
    soft = (alpha > 0) & (alpha < 255)
    assert (estimated[soft] == (1, 2, 3)).all() and np.array_equal(estimated[~soft], rgb[~soft])


def test_a_networks_own_foreground_is_enlarged_smoothly():
    it = composite(640, 480, softness=20)
    assert off(estimate_foreground(it.rgb, it.alpha, it.subject), it.subject) < off(it.rgb, it.subject)
    estimated = estimate_foreground(it.rgb, it.alpha, shrink(it.subject, (320, 240)))
    soft = (it.alpha > 0) & (it.alpha < 255)
    assert off(estimated[soft], it.subject[soft]) < 3


def test_the_screen_sized_view_looks_like_the_full_size_made_smaller():
    it = composite(2000, 1500, softness=50)
    small = 800, 600
    alpha = shrink(it.alpha, small)
    wanted = on(shrink(estimate_foreground(it.rgb, it.alpha), small), alpha, (0, 0, 0))
    assert off(on(estimate_foreground(shrink(it.rgb, small), alpha), alpha, (0, 0, 0)), wanted) <= 2
