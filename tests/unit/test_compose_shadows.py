"""Shadows: where they fall, how strong they are, and which one a photo already has."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.compose.layers import composite_over, composite_under
from pipeline.compose.own_shadow import estimate_shadow
from pipeline.compose.shadows import draw_contact_shadow, draw_drop_shadow, strengthen
from tests import pictures
from tests.pictures import composite

sides = st.integers(1, 40)
shapes = st.tuples(sides, sides)
values = st.one_of(st.sampled_from([0, 255]), st.integers(0, 255))
mattes = shapes.flatmap(lambda shape: arrays(np.uint8, shape, elements=values, fill=values))


def table(legs=((40, 50), (150, 160)), lift=0) -> np.ndarray:
    """A board on two legs, the second of which ends `lift` pixels higher; 200 x 160."""
    alpha = np.zeros((160, 200), np.uint8)
    alpha[40:60, 30:170] = 255
    for number, (left, right) in enumerate(legs):
        alpha[60 : 120 - lift * number, left:right] = 255
    return alpha


def on_a_wall(shadow: float = 0.5, size: tuple[int, int] = (400, 300)) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A dark ball on a plain, unevenly lit wall, its soft shadow to the right below; and that shadow's alpha."""
    scene = composite(*size, softness=3)
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
    far = np.hypot((x - 0.64 * size[0]) / (0.16 * size[0]), (y - 0.78 * size[1]) / (0.07 * size[1]))
    dark = shadow * np.exp(-(far**2))
    wall = np.array([225, 222, 214]) * (1 - 0.12 * ((x / size[0] - 0.4) ** 2 + (y / size[1]) ** 2))[..., None]
    noise = np.random.default_rng(1).normal(0, 1.5, (*size[::-1], 1))
    lit = np.clip(wall * (1 - dark[..., None]) + noise + 0.5, 0, 255).astype(np.uint8)
    return composite_over(scene.subject, scene.alpha, lit), scene.alpha, dark


def test_a_hard_drop_shadow_is_the_silhouette_moved():
    alpha = table()
    assert np.array_equal(draw_drop_shadow(alpha, (7, 11), 0)[11:, 7:], alpha[:-11, :-7])
    assert np.array_equal(draw_drop_shadow(alpha, (0, 0), 0), alpha)


@pytest.mark.parametrize("blur", [1, 6, 20, 60])
def test_a_soft_drop_shadow_lies_where_it_was_moved(blur):
    alpha = np.zeros((400, 400), np.uint8)
    alpha[150:210, 140:220] = 255
    shade = draw_drop_shadow(alpha, (13, 21), blur).astype(float)
    y, x = np.mgrid[:400, :400]
    assert (shade * x).sum() / shade.sum() == pytest.approx(179.5 + 13, abs=0.5)
    assert (shade * y).sum() / shade.sum() == pytest.approx(179.5 + 21, abs=0.5)
    assert shade.sum() == pytest.approx(float(alpha.sum()), rel=0.03)
    spread = np.sqrt((shade * (x - 192.5) ** 2).sum() / shade.sum())
    assert spread == pytest.approx(np.hypot(80 / np.sqrt(12), blur / 2), rel=0.04)


def test_a_shadow_goes_on_where_the_subject_leaves_the_picture():
    alpha = np.zeros((100, 100), np.uint8)
    alpha[40:, 30:70] = 255
    assert draw_drop_shadow(alpha, (0, -5), 10)[-1, 50] > 240


@settings(max_examples=150)
@given(mattes, st.tuples(st.floats(-99, 99), st.floats(-99, 99)), st.floats(0, 300), st.floats(0, 100))
def test_any_matte_casts_any_shadow(alpha, offset, blur, strength):
    for shade in (draw_drop_shadow(alpha, offset, blur), draw_contact_shadow(alpha)):
        shade = strengthen(shade, strength)
        assert (shade.shape, shade.dtype) == (alpha.shape, np.uint8)
        rgb, whole = composite_under(np.zeros((*alpha.shape, 3), np.uint8), alpha, shade)
        assert not rgb.any() and (whole >= alpha).all()


def test_nothing_casts_no_shadow():
    nothing = np.zeros((30, 40), np.uint8)
    assert not draw_drop_shadow(nothing, (3, 3), 9).any()
    assert not draw_contact_shadow(nothing).any()


def test_strength_is_a_share_of_the_shadow():
    shade = np.arange(256, dtype=np.uint8)[None]
    assert strengthen(shade, 100) is shade
    assert not strengthen(shade, 0).any()
    assert np.abs(strengthen(shade, 40) - shade * 0.4).max() <= 0.5


def test_a_contact_shadow_lies_under_what_stands_on_the_ground():
    shade = draw_contact_shadow(table()).astype(int)
    ground = shade[121]
    assert ground[45] > 60 and ground[155] > 60
    assert ground[100] < ground[45] / 2  # light comes in between the legs
    assert not shade[:80].any()
    assert shade[119:123, 45].max() == shade[:, 45].max()
    assert shade[150:].max() <= 2


def test_what_hangs_higher_touches_less():
    def below(lift):
        return draw_contact_shadow(table(lift=lift)).astype(int)[: 159 - lift, 155].max()

    assert below(0) > below(6) > below(12) > below(30)


def test_a_contact_shadow_looks_the_same_at_every_size():
    import cv2

    large = draw_contact_shadow(cv2.resize(table(), (1600, 1280), interpolation=cv2.INTER_NEAREST))
    small = cv2.resize(large, (200, 160), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - draw_contact_shadow(table())).mean() < 1.5


@pytest.mark.parametrize("shadow", [0.0, 0.15, 0.5, 0.7])
@pytest.mark.parametrize("size", [(400, 300), (1500, 1100)])
def test_a_photos_own_shadow_is_found(shadow, size):
    rgb, alpha, dark = on_a_wall(shadow, size)
    found = estimate_shadow(rgb, alpha)
    assert found is not None and found.shape == alpha.shape
    off = np.abs(found / 255 - dark)[alpha == 0]
    assert off.mean() < 0.006 and np.percentile(off, 99) < 0.04


def test_a_kept_shadow_on_a_backdrop_like_the_photos_gives_the_photo_again():
    rgb, alpha, _ = on_a_wall(0.5)
    bare, _, _ = on_a_wall(0)
    again = composite_over(*composite_under(rgb, alpha, estimate_shadow(rgb, alpha)), bare).astype(int)
    assert np.abs(again - rgb).mean() < 3


def test_a_wall_without_a_shadow_is_clean_where_it_was_noisy():
    rgb, alpha, _ = on_a_wall(0)
    assert (estimate_shadow(rgb, alpha)[alpha == 0] <= 2).mean() > 0.99


def busy() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    scene = composite(400, 300)
    checks = np.where((np.indices((300, 400)) // 20).sum(0)[..., None] % 2, np.uint8((230, 230, 230)), np.uint8(140))
    halves = np.where(np.arange(300)[:, None, None] < 150, np.uint8((230, 60, 60)), np.uint8((60, 60, 230)))
    coffee = pictures.photo("coffee")
    middle = np.zeros(coffee.shape[:2], np.uint8)
    middle[100:300, 150:450] = 255
    return {
        "checks": (
            composite_over(scene.subject, scene.alpha, np.broadcast_to(checks, scene.rgb.shape).copy()),
            scene.alpha,
        ),
        "two colours": (
            composite_over(scene.subject, scene.alpha, np.broadcast_to(halves, scene.rgb.shape).copy()),
            scene.alpha,
        ),
        "black": (composite_over(scene.subject, scene.alpha, (8, 8, 8)), scene.alpha),
        "a table": (coffee, middle),
        "no background": (scene.rgb, np.full_like(scene.alpha, 255)),
        "noise": (np.random.default_rng(0).integers(0, 256, scene.rgb.shape, np.uint8), scene.alpha),
    }


@pytest.mark.parametrize("name", busy())
def test_no_shadow_is_taken_from_a_background_that_is_not_plain(name):
    assert estimate_shadow(*busy()[name]) is None


@settings(max_examples=100)
@given(shapes.flatmap(lambda shape: st.tuples(arrays(np.uint8, (*shape, 3)), arrays(np.uint8, shape))))
def test_any_photo_can_be_asked_for_its_shadow(planes):
    found = estimate_shadow(*planes)
    assert found is None or (found.shape == planes[1].shape and found.dtype == np.uint8)
