"""Backgrounds: gradients, pictures, and the photo's own without the subject's colour in it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.compose.backgrounds import blur_background, draw_gradient, fit_picture
from tests.pictures import composite

sides = st.integers(1, 40)
bytes3 = st.tuples(*[st.integers(0, 255)] * 3)
shapes = st.tuples(sides, sides)


@pytest.mark.parametrize(
    ("angle", "begins", "ends"),
    [
        (0, (-1, 9), (0, 9)),
        (90, (9, 0), (9, -1)),
        (180, (0, 9), (-1, 9)),
        (270, (9, -1), (9, 0)),
        (450, (9, 0), (9, -1)),
    ],
)
def test_a_gradient_goes_where_its_angle_points(angle, begins, ends):
    made = draw_gradient((256, 256), (255, 0, 100), (0, 255, 100), angle)
    assert np.abs(made[begins].astype(int) - (255, 0, 100)).max() <= 1
    assert np.abs(made[ends].astype(int) - (0, 255, 100)).max() <= 1


def test_a_slanted_gradient_is_pure_in_its_corners_and_even_between():
    made = draw_gradient((300, 100), (0, 0, 0), (250, 250, 250), 135)[..., 0].astype(int)
    assert made[0, 0] <= 1 and made[-1, -1] >= 249
    assert abs(made[50, 150] - 125) <= 1
    assert (np.diff(made, axis=0) >= 0).all() and (np.diff(made, axis=1) >= 0).all()


@settings(max_examples=60)
@given(shapes, bytes3, bytes3, st.floats(-720, 720))
def test_a_gradient_stays_between_its_colours(shape, first, second, angle):
    made = draw_gradient(shape, first, second, angle)
    assert (made.shape, made.dtype) == ((shape[1], shape[0], 3), np.uint8)
    assert (made >= np.minimum(first, second)).all() and (made <= np.maximum(first, second)).all()


HALVES = np.repeat(np.uint8([[[255, 0, 0]], [[0, 0, 255]]]), 40, axis=0).repeat(20, axis=1)  # 20 wide, red over blue


def test_a_picture_that_fills_shows_the_part_that_is_asked_for():
    assert (fit_picture(HALVES, (40, 40), "fill", (0.5, 0)) == (255, 0, 0)).all()
    assert (fit_picture(HALVES, (40, 40), "fill", (0.5, 1)) == (0, 0, 255)).all()
    middle = fit_picture(HALVES, (40, 40), "fill")
    assert (middle[:18] == (255, 0, 0)).all() and (middle[-18:] == (0, 0, 255)).all()


def test_a_picture_that_is_zoomed_shows_a_part_of_what_it_would_and_every_part_can_be_reached():
    for fit in ("fill", "fit"):
        assert (fit_picture(HALVES, (40, 80), fit, (0, 0), zoom=4) == (255, 0, 0)).all()
        assert (fit_picture(HALVES, (40, 80), fit, (1, 1), zoom=4) == (0, 0, 255)).all()
    narrow = fit_picture(HALVES, (80, 80), "fit", (0, 0.5), (9, 99, 199), zoom=2)
    assert (narrow[:, 40:] == (9, 99, 199)).all() and not (narrow[:, :40] == (9, 99, 199)).all(axis=-1).any()


def test_a_picture_that_fits_shows_whole_with_a_colour_around():
    for at, columns in ((0, slice(0, 10)), (0.5, slice(15, 25)), (1, slice(30, 40))):
        made = fit_picture(HALVES, (40, 40), "fit", (at, 0.5), (9, 99, 199))
        assert (made[:18, columns] == (255, 0, 0)).all() and (made[-18:, columns] == (0, 0, 255)).all()
        assert ((made == (9, 99, 199)).all(-1).sum(1) == 30).all()


def test_a_picture_of_the_right_size_is_used_as_it_is():
    assert fit_picture(HALVES, (20, 80)) is HALVES


@settings(max_examples=150)
@given(shapes, shapes, st.sampled_from(["fill", "fit"]), st.tuples(st.floats(-1, 2), st.floats(-1, 2)), bytes3)
def test_any_picture_goes_behind_any_size_and_flat_stays_flat(shape, size, fit, position, colour):
    made = fit_picture(np.full((*shape, 3), colour, np.uint8), size, fit, position, colour)
    assert made.shape == (size[1], size[0], 3)
    assert (made == colour).all()


@pytest.mark.parametrize("radius", [0.002, 0.01, 0.04, 0.2])
def test_a_blurred_background_holds_nothing_of_the_subject(radius):
    size = 400, 300
    scene = composite(*size, softness=4)
    other = composite(*size, softness=4)
    red, green = (
        np.where(scene.alpha[..., None] > 0, np.uint8(colour), other.background)
        for colour in ((255, 0, 0), (0, 255, 0))
    )
    assert np.array_equal(blur_background(red, scene.alpha, radius), blur_background(green, scene.alpha, radius))
    soft = blur_background(scene.rgb, scene.alpha, radius).astype(int)
    assert np.abs(soft - scene.background.mean((0, 1))).max() < 30  # a plain wall stays one, also where the ball was


def test_a_flat_background_stays_flat_under_a_blur():
    scene = composite(300, 200)
    rgb = np.where(scene.alpha[..., None] > 0, scene.subject, np.uint8((12, 200, 77)))
    assert (blur_background(rgb, scene.alpha, 0.05) == (12, 200, 77)).all()


def test_no_blur_gives_back_the_photo_itself():
    scene = composite(60, 40)
    assert blur_background(scene.rgb, scene.alpha, 0) is scene.rgb


def test_a_screen_sized_view_is_blurred_as_the_full_size_is():
    import cv2

    scene = composite(800, 600)
    full = cv2.resize(blur_background(scene.rgb, scene.alpha, 0.04), (400, 300), interpolation=cv2.INTER_AREA)
    half = [cv2.resize(plane, (400, 300), interpolation=cv2.INTER_AREA) for plane in (scene.rgb, scene.alpha)]
    assert np.abs(full.astype(int) - blur_background(*half, 0.04)).mean() < 1


pictures = shapes.flatmap(lambda shape: st.tuples(arrays(np.uint8, (*shape, 3)), arrays(np.uint8, shape)))


@settings(max_examples=120)
@given(pictures, st.floats(0, 1))
def test_any_photo_can_be_blurred(planes, radius):
    made = blur_background(*planes, radius)
    assert (made.shape, made.dtype) == (planes[0].shape, np.uint8)


@pytest.mark.parametrize("alpha", [0, 255])
def test_a_photo_all_background_or_all_subject_can_be_blurred(alpha):
    rgb = composite(50, 40).rgb
    made = blur_background(rgb, np.full(rgb.shape[:2], alpha, np.uint8), 0.05)
    assert np.abs(made.mean((0, 1)) - rgb.mean((0, 1))).max() < 12
