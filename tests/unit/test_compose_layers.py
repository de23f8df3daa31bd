"""One layer on another: rounding, straight alpha, and what has to come through untouched."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.compose import layers
from pipeline.compose.layers import composite_over, composite_under
from pipeline.compose.outline import draw_backing, draw_outline
from tests.pictures import composite

sides = st.integers(1, 24)
shapes = st.tuples(sides, sides)
values = st.one_of(st.sampled_from([0, 255]), st.integers(0, 255))
colours = st.tuples(values, values, values)


def planes(*channels: int):
    def of(shape):
        return st.tuples(
            *(arrays(np.uint8, (*shape, n) if n > 1 else shape, elements=values, fill=values) for n in channels)
        )

    return shapes.flatmap(of)


def exactly_over(rgb, alpha, background):
    weight = alpha[..., None].astype(int)
    return (rgb * weight + np.asarray(background) * (255 - weight) + 127) // 255


@settings(max_examples=150)
@given(planes(3, 1, 3), st.integers(1, 99))
def test_every_value_is_rounded_to_the_nearest_whatever_the_strips(pixels, strip):
    rgb, alpha, background = pixels
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers, "STRIP_PIXELS", strip)
        out = composite_over(rgb, alpha, background)
    assert out.dtype == np.uint8
    assert np.array_equal(out, exactly_over(rgb, alpha, background))


@settings(max_examples=80)
@given(planes(3, 1), colours)
def test_one_colour_is_a_background_of_that_colour(pixels, colour):
    rgb, alpha = pixels
    assert np.array_equal(composite_over(rgb, alpha, colour), exactly_over(rgb, alpha, colour))


def test_every_pair_of_values_at_every_alpha_is_rounded_right():
    front, alpha = (plane.astype(np.uint8) for plane in np.mgrid[:256, :256])
    for back in (0, 1, 100, 127, 128, 254, 255):
        found = composite_over(np.dstack([front] * 3), alpha, (back, back, back))
        assert np.array_equal(found, exactly_over(np.dstack([front] * 3), alpha, (back, back, back)))


@settings(max_examples=150)
@given(planes(3, 1, 1), colours)
def test_a_layer_beneath_looks_as_if_both_were_put_on_the_background_one_by_one(pixels, colour):
    rgb, alpha, shade = pixels
    joined, whole = composite_under(rgb, alpha, shade, colour)
    for background in ((0, 0, 0), (255, 255, 255), (10, 200, 90)):
        shaded = composite_over(np.full_like(rgb, colour), shade, background)
        assert (
            np.abs(composite_over(joined, whole, background).astype(int) - composite_over(rgb, alpha, shaded)).max()
            <= 2
        )


@settings(max_examples=150)
@given(planes(3, 1, 1), colours)
def test_nothing_hides_where_a_layered_cutout_is_transparent(pixels, colour):
    rgb, alpha, shade = pixels
    rgb[alpha == 0] = 0
    joined, whole = composite_under(rgb, alpha, shade, colour)
    assert not joined[whole == 0].any()
    assert (whole >= np.maximum(alpha, shade)).all()
    assert np.array_equal(joined[alpha == 255], rgb[alpha == 255])
    alone = (alpha == 0) & (shade > 0)
    assert (joined[alone] == colour).all() and np.array_equal(whole[alone], shade[alone])


def test_no_layer_beneath_gives_back_the_cutout_itself():
    picture = composite(40, 30)
    rgb, alpha = composite_under(picture.rgb, picture.alpha, np.zeros_like(picture.alpha))
    assert rgb is picture.rgb and alpha is picture.alpha


def test_inputs_are_left_alone():
    picture = composite(40, 30)
    for plane in (picture.rgb, picture.alpha):
        plane.setflags(write=False)
    composite_over(picture.rgb, picture.alpha, picture.background)
    composite_under(picture.rgb, picture.alpha, picture.alpha[::-1])
    draw_outline(picture.rgb, picture.alpha, 4)


# ---- the sticker's outline -------------------------------------------------------------------------------------------


def soft_disc(radius: float, size: int = 200) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    return (np.clip(radius + 0.5 - np.hypot(x - size / 2, y - size / 2), 0, 1) * 255 + 0.5).astype(np.uint8)


@pytest.mark.parametrize("width", [0.5, 1, 2.5, 8, 20, 33.3])
def test_an_outlined_disc_is_a_larger_disc(width):
    found, wanted = draw_backing(soft_disc(50), width), soft_disc(50 + width)
    off = np.abs(found.astype(int) - wanted)
    assert (off > 40).mean() < 0.002 and off.max() < 128  # a sixth of a pixel, and half of one
    assert off.mean() <= 0.25
    assert found.mean() == pytest.approx(wanted.mean(), rel=0.003)


def test_an_outlines_slanted_edge_has_no_steps():
    y, x = np.mgrid[:120, :200]
    alpha = (np.clip((y - 60 - 0.21 * (x - 100)) / np.hypot(1, 0.21) + 0.5, 0, 1) * 255 + 0.5).astype(np.uint8)
    edge = draw_backing(alpha, 12).astype(float).sum(0)[20:-20] / 255  # how many rows are covered, column by column
    line = np.polynomial.Polynomial.fit(np.arange(len(edge)), edge, 1)(np.arange(len(edge)))
    assert np.abs(edge - line).max() < 0.3 and np.abs(edge - line).mean() < 0.1  # a mask would be off by 1 and 0.25


def test_an_outline_has_its_colour_and_the_subject_keeps_its_own():
    picture = composite(200, 160)
    rgb, alpha = draw_outline(picture.rgb, picture.alpha, 6, (250, 240, 10))
    assert np.array_equal(rgb[picture.alpha == 255], picture.rgb[picture.alpha == 255])
    around = (alpha == 255) & (picture.alpha == 0)
    assert around.any() and (rgb[around] == (250, 240, 10)).all()
    assert not rgb[alpha == 0].any()


def test_an_outline_of_no_width_gives_back_the_cutout_itself():
    picture = composite(40, 30)
    assert draw_outline(picture.rgb, picture.alpha, 0) == (picture.rgb, picture.alpha)


@settings(max_examples=150)
@given(planes(3, 1), st.floats(0, 30), colours)
def test_any_cutout_takes_any_outline(pixels, width, colour):
    rgb, alpha = pixels
    rgb[alpha == 0] = 0
    outlined, whole = draw_outline(rgb, alpha, width, colour)
    assert (outlined.shape, whole.shape, whole.dtype) == (rgb.shape, alpha.shape, np.uint8)
    assert (whole >= alpha).all() and not outlined[whole == 0].any()
