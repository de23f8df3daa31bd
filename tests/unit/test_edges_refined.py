"""Refining a rough matte by the photo's colours, with the guided filter."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from pipeline import Photo
from pipeline.base.jobs import Job
from pipeline.edges.guided_filter import apply_models, fit_models
from pipeline.edges.refine import refine_guided
from pipeline.inference.predict import predict
from pipeline.pixels.resample import resize_matte
from pipeline.pixels.tiles import enlarge_tile, find_soft_tiles
from tests import house
from tests.pictures import Composite, composite, off, rough

sides = st.integers(1, 12)
pictures = st.tuples(sides, sides).flatmap(
    lambda shape: st.tuples(arrays(np.uint8, shape), arrays(np.uint8, (*shape, 3)))
)


@settings(max_examples=80)
@given(pictures)
def test_any_matte_on_any_picture_can_be_refined(planes):
    alpha, rgb = planes
    before = alpha.copy(), rgb.copy()
    refined = refine_guided(alpha, rgb)
    assert (refined.dtype, refined.shape) == (np.uint8, alpha.shape)
    assert np.array_equal(refined[(alpha <= 4) | (alpha >= 251)], alpha[(alpha <= 4) | (alpha >= 251)])
    assert np.array_equal(alpha, before[0]) and np.array_equal(rgb, before[1])


@pytest.mark.parametrize("level", [0, 3, 252, 255])
def test_a_matte_without_an_edge_is_given_back_itself(level):
    alpha = np.full((300, 500), level, np.uint8)
    assert refine_guided(alpha, composite(500, 300).rgb) is alpha


def test_the_edge_is_drawn_to_the_edge_in_the_photo():
    it = composite(900, 700, softness=2)
    alpha = rough(it.alpha)
    assert off(refine_guided(alpha, it.rgb), it.alpha) < 0.6 * off(alpha, it.alpha)


def with_strands(width: int = 900, height: int = 700) -> Composite:
    """The ball with two hundred hairs of its own colour."""
    it = composite(width, height, softness=2)
    random = np.random.default_rng(3)
    middle, radius = np.array([0.5 * width, 0.52 * height]), 0.33 * min(width, height)
    drawn = it.alpha.copy()
    for angle in random.uniform(0, 2 * np.pi, 200):
        away = np.array([np.cos(angle), np.sin(angle)])
        ends = [middle + away * radius * reach + random.normal(0, 0.03, 2) * radius for reach in (0.98, 1.18)]
        start, end = (tuple(int(16 * place) for place in point) for point in ends)
        cv2.line(drawn, start, end, 255, 1, cv2.LINE_AA, shift=4)
    opacity = drawn[..., None] / 255
    rgb = it.subject * opacity + it.background * (1 - opacity)
    return Composite(np.uint8(rgb + 0.5), drawn, it.subject, it.background)


def test_hair_is_found_in_the_blur_that_a_network_makes_of_it():
    it = with_strands()
    alpha = cv2.GaussianBlur(rough(it.alpha, 100), (0, 0), 6)
    hair = (it.alpha > 0) & (composite(900, 700, softness=2).alpha == 0)
    refined = refine_guided(alpha, it.rgb)
    near = cv2.dilate(hair.view(np.uint8), np.ones((9, 9))) > 0
    assert off(refined[near], it.alpha[near]) < 0.35 * off(alpha[near], it.alpha[near])
    assert refined[hair & (it.alpha > 200)].mean() > 200 > 100 > alpha[hair & (it.alpha > 200)].mean()


def test_a_hard_edge_becomes_as_hard_as_it_is_in_the_photo():
    it = composite(900, 700, softness=1)
    alpha = rough(it.alpha, 100)
    mattes = alpha, refine_guided(alpha, it.rgb), it.alpha
    soft, refined, true = (np.count_nonzero((matte > 25) & (matte < 230)) for matte in mattes)
    assert refined < 1.2 * true < 0.2 * soft


def test_a_wide_band_of_doubt_comes_nearer_to_the_truth():
    it = composite(900, 700, softness=2)
    alpha = cv2.GaussianBlur(it.alpha, (0, 0), 15)
    assert off(refine_guided(alpha, it.rgb), it.alpha) < 0.35 * off(alpha, it.alpha)


@pytest.mark.parametrize("level", [64, 90, 128, 180, 220])
def test_glass_stays_as_transparent_as_it_is(level: int) -> None:
    it = composite(900, 700, softness=2)
    alpha = np.uint8(it.alpha * (level / 255) + 0.5)
    opacity = alpha[..., None] / 255
    rgb = np.uint8(it.subject * opacity + it.background * (1 - opacity) + 0.5)
    refined = refine_guided(cv2.GaussianBlur(alpha, (0, 0), 4), rgb)
    inside = cv2.erode(it.alpha, np.ones((41, 41))) > 250
    assert off(refined[inside], alpha[inside]) < 0.5


def test_on_a_flat_picture_there_is_nothing_to_draw_to():
    alpha = composite(600, 400, softness=30).alpha
    refined = refine_guided(alpha, np.full((400, 600, 3), 120, np.uint8), contrast=1)
    assert off(refined, alpha) < 2


def test_a_matte_of_doubt_everywhere_stays_one():
    alpha = np.full((200, 300), 128, np.uint8)
    assert np.abs(refine_guided(alpha, composite(300, 200).rgb).astype(int) - 128).max() <= 1


def test_edges_of_hair_and_fur_come_nearer_to_the_truth(truth, u2netp):
    errors = []
    for path in sorted((truth / "soft" / "images").glob("*.png"))[:4]:
        rgb = np.asarray(Image.open(path).convert("RGB"))
        wanted = np.asarray(Image.open(truth / "soft" / "masks" / path.name).convert("L"))
        alpha = resize_matte(predict(Photo(rgb), "u2netp", house.runtime(), Job()).prediction.matte, rgb.shape[1::-1])
        near = cv2.dilate(((wanted > 5) & (wanted < 250)).astype(np.uint8), np.ones((21, 21))) > 0
        refined = refine_guided(alpha, rgb)
        errors.append([off(each[near], wanted[near]) for each in (alpha, refined)])
        errors[-1] += [off(alpha, wanted), off(refined, wanted)]
    edge, refined_edge, whole, refined_whole = np.mean(errors, axis=0)
    assert refined_edge <= 0.96 * edge and refined_whole <= 1.01 * whole


# ---- tiles and models ------------------------------------------------------------------------------------------------


def test_tiles_together_are_the_picture_enlarged():
    small = np.random.default_rng(0).integers(0, 255, (40, 70, 3)).astype(np.float32)
    whole = cv2.resize(small, (800, 600), interpolation=cv2.INTER_LINEAR)
    full = np.zeros_like(whole)
    for tile in find_soft_tiles(np.full((600, 800), 9, np.uint8)):
        full[tile] = enlarge_tile(small, (800, 600), tile)
    assert np.abs(full - whole).max() < 5  # OpenCV warps to a 32nd of a small pixel


@given(seed=st.integers(0, 2**32 - 1), limits=st.sampled_from([(0, 255), (4, 251), (0, 256)]))
def test_tiles_hold_all_that_is_soft_and_nothing_without_need(seed, limits):
    random = np.random.default_rng(seed)
    low, high = limits
    alpha = random.choice(np.uint8([0, 255 if high < 256 else 0]), random.integers(1, 600, 2))
    for _ in range(random.integers(0, 6)):
        alpha[tuple(random.integers(0, alpha.shape))] = random.integers(0, 256)
    soft = (alpha > low) & (alpha < high)
    seen = np.zeros_like(soft)
    for tile in find_soft_tiles(alpha, low, high):
        assert not seen[tile].any()
        seen[tile] = True
        here = soft[tile]
        assert here[0].any() and here[-1].any() and here[:, 0].any() and here[:, -1].any()
    assert not (soft & ~seen).any()


def test_a_matte_that_is_linear_in_the_colours_is_explained_exactly():
    rgb = composite(200, 150).rgb
    alpha = np.uint8(rgb @ np.array([0.2, 0.5, 0.1]) + 20)
    models = fit_models(alpha, rgb, 8, 1e-7)
    whole = slice(0, 150), slice(0, 200)
    assert np.abs(apply_models(models, rgb, whole) - alpha).max() < 3


def test_windows_count_most_where_colours_tell_the_subject_apart():
    alpha = np.zeros((60, 120), np.uint8)
    alpha[30:] = 255
    rgb = np.full((60, 120, 3), 90, np.uint8)
    rgb[30:, :60] = 200
    evidence = fit_models(alpha, rgb, 5, 1e-5).evidence
    assert evidence[30, 30] > 10 * evidence[30, 90] and evidence.min() > 0
