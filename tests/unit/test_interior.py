"""A matte away from its edge: solid inside, clear outside, and what of it is to stay as it is."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.edges.interior import settle_interior
from tests.pictures import composite, off

BALL = composite(640, 480)
ROWS, COLUMNS = slice(230, 260), slice(300, 330)  # of a place in the middle of the ball


def with_ring() -> tuple[np.ndarray, np.ndarray]:
    """Photo and alpha of the ball with a hole through which the wall is seen."""
    hole = np.zeros_like(BALL.alpha)
    cv2.circle(hole, (320, 250), 30, 255, -1, cv2.LINE_AA)
    share = hole[..., None] / 255
    return np.uint8(BALL.rgb * (1 - share) + BALL.background * share), cv2.min(BALL.alpha, 255 - hole)


def with_glass(opacity: int) -> tuple[np.ndarray, np.ndarray]:
    """Photo and alpha of the ball with a wide pane in it, through which the wall is half seen."""
    alpha = BALL.alpha.copy()
    cv2.circle(alpha, (320, 250), 90, opacity, -1)
    share = alpha[..., None] / 255
    return np.uint8(BALL.subject * share + BALL.background * (1 - share)), alpha


def test_a_hole_in_the_middle_is_closed() -> None:
    alpha = BALL.alpha.copy()
    alpha[ROWS, COLUMNS] = 0
    settled = settle_interior(cv2.GaussianBlur(alpha, (0, 0), 2), BALL.rgb)
    assert (settled[ROWS, COLUMNS] == 255).all() and off(settled, BALL.alpha) < 1


def test_a_ring_through_which_the_background_is_seen_stays_open() -> None:
    rgb, alpha = with_ring()
    settled = settle_interior(alpha, rgb)
    assert not settled[ROWS, COLUMNS][10:20, 10:20].any() and off(settled, alpha) < 1


def test_solid_closes_every_hole_that_is_small() -> None:
    rgb, alpha = with_ring()
    assert (settle_interior(alpha, rgb, "solid")[240:260, 310:330] == 255).all()


def test_doubt_inside_the_subject_becomes_solid() -> None:
    alpha = BALL.alpha.copy()
    alpha[ROWS, COLUMNS] = 150
    assert (settle_interior(alpha, BALL.rgb)[ROWS, COLUMNS] == 255).all()


def test_doubt_inside_a_small_subject_becomes_solid_too() -> None:
    small = composite(64, 48)
    rgb, alpha = np.full((480, 640, 3), small.background[0, 0], np.uint8), np.zeros((480, 640), np.uint8)
    rgb[200:248, 300:364], alpha[200:248, 300:364] = small.rgb, cv2.min(small.alpha, 200)
    settled = settle_interior(alpha, rgb)
    core = cv2.erode(small.alpha, np.ones((11, 11))) == 255
    assert core.any() and settled[200:248, 300:364][core].min() > 242


@pytest.mark.parametrize("opacity", [85, 128, 170])
def test_glass_stays_glass_where_networks_agree_on_it_and_is_solid_where_they_do_not(opacity: int) -> None:
    rgb, alpha = with_glass(opacity)
    pane = slice(210, 290), slice(280, 360)
    for doubt in (None, np.zeros((64, 64), np.float32)):
        assert off(settle_interior(alpha, rgb, doubt=doubt)[pane], alpha[pane]) <= 1
    if opacity > 102:
        assert (settle_interior(alpha, rgb, doubt=np.full((64, 64), 0.5, np.float32))[pane] == 255).all()
        assert (settle_interior(alpha, rgb, "solid")[pane] == 255).all()


@pytest.mark.parametrize("level", [5, 40, 75])
def test_haze_beside_the_subject_goes(level: int) -> None:
    alpha = BALL.alpha.copy()
    alpha[20:200, 20:120] = level
    settled = settle_interior(cv2.GaussianBlur(alpha, (0, 0), 3), BALL.rgb)
    assert not settled[20:200, 20:120].any() and off(settled, BALL.alpha) < 1


def test_hair_and_soft_edges_stay() -> None:
    alpha = BALL.alpha.copy()
    for angle in np.linspace(0, np.pi, 40):
        root, tip = ((round(320 + r * np.cos(angle)), round(250 - r * np.sin(angle))) for r in (150, 190))
        cv2.line(alpha, root, tip, 200, 2, cv2.LINE_AA)
    settled = settle_interior(alpha, BALL.rgb)
    edge = (alpha > 25) & (BALL.alpha < 255)
    assert off(settled[edge], alpha[edge]) < 0.02 * 255


def test_a_rim_that_shows_the_background_does_not_become_solid() -> None:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (21, 21))
    wide = cv2.min(cv2.dilate(BALL.alpha, disc), 180)  # half-transparent, ten pixels beyond the true edge
    wide = cv2.max(wide, cv2.erode(BALL.alpha, disc))
    rim = (BALL.alpha == 0) & (wide == 180)
    added = [off(settle_interior(wide, BALL.rgb, each)[rim], wide[rim]) for each in ("auto", "solid")]
    assert added[0] < 0.2 * added[1]


def test_as_found_and_sharp_mattes_are_given_back_themselves() -> None:
    rgb, alpha = with_glass(128)
    assert settle_interior(alpha, rgb, "as-found") is alpha
    sharp = np.where(alpha == 255, np.uint8(255), np.uint8(0))
    assert settle_interior(sharp, rgb) is sharp


def test_a_large_picture_is_settled_as_a_small_one_is() -> None:
    rgb, alpha = with_glass(128)
    alpha[20:200, 20:120] = 60
    wanted = settle_interior(alpha, rgb)
    large = settle_interior(cv2.resize(alpha, (1920, 1440)), cv2.resize(rgb, (1920, 1440)))
    assert off(cv2.resize(large, (640, 480), interpolation=cv2.INTER_AREA), wanted) < 1


sides = st.integers(1, 12)


@settings(max_examples=80)
@given(
    st.tuples(sides, sides).flatmap(
        lambda shape: st.tuples(arrays(np.uint8, shape), arrays(np.uint8, (*shape, 3)), arrays(np.bool_, shape))
    ),
    st.sampled_from(["auto", "solid", "as-found"]),
)
def test_any_matte_on_any_picture_can_be_settled(planes: tuple[np.ndarray, ...], interior: str) -> None:
    alpha, rgb, doubt = planes
    before = alpha.copy()
    settled = settle_interior(alpha, rgb, interior, doubt.astype(np.float32))
    assert (settled.dtype, settled.shape) == (np.uint8, alpha.shape) and np.array_equal(alpha, before)
