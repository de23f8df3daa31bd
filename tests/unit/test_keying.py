"""Keying: alpha and colours of drawn pictures on one colour are exact; other backgrounds are left to the network."""

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from pipeline import Draft, InputFiles, Inputs, Options, Photo, cut_out, cut_out_file, stages
from pipeline.commands.command_line import main
from pipeline.inference.keying import FLAT, find_ground, key_subject
from pipeline.inference.networks import Prediction
from tests import house
from tests.pictures import composite, encoded, off, opened, photo
from tests.spies import answer_without_weights

WHITE, BLACK, NAVY, GREY = (255, 255, 255), (0, 0, 0), (28, 60, 120), (128, 128, 128)
RED, YELLOW, TEAL = (200, 30, 40), (255, 204, 0), (0, 128, 120)
FINER = 8  # times the resolution at which shapes are drawn


def drawn(shape: str, size: int = 160) -> np.ndarray:
    """The exact, anti-aliased alpha of a shape, ``(size, size)`` uint8."""
    if shape == "letters":  # 8 pixels high
        plane = Image.new("L", (size, size))
        ImageDraw.Draw(plane).text((12, 40), "coffee roasters 1987", 255, ImageFont.load_default(11))
        return np.asarray(plane)
    fine = np.zeros((size * FINER, size * FINER), np.uint8)
    middle, unit = (size * FINER // 2, size * FINER // 2), size * FINER // 160
    if shape == "ring":
        cv2.circle(fine, middle, 50 * unit, 255, 10 * unit)
    elif shape == "thin ring":
        cv2.circle(fine, middle, 50 * unit, 255, 2 * FINER)
    elif shape == "lines":
        for at in range(4):
            cv2.line(fine, ((20 + 30 * at) * unit, 20 * unit), ((40 + 30 * at) * unit, 140 * unit), 255, 2 * FINER)
    else:
        cv2.circle(fine, middle, 45 * unit, 255, -1)
    return cv2.resize(fine, (size, size), interpolation=cv2.INTER_AREA)


SHAPES = ["disc", "ring", "thin ring", "lines", "letters"]


def mixed(alpha: np.ndarray, colour: Any, ground: Any) -> np.ndarray:
    """A colour on a ground, as a drawing program mixes them."""
    share = alpha[..., None] / 255
    return np.uint8(np.array(colour) * share + np.array(ground) * (1 - share) + 0.5)


def as_jpeg(rgb: np.ndarray, quality: int = 90) -> np.ndarray:
    return opened(encoded(opened(encoded(rgb, "JPEG", quality=quality))))


def keyed(rgb: np.ndarray, **how: Any) -> Prediction:
    made = key_subject(rgb, **how)
    assert made is not None
    assert made.matte.shape == rgb.shape[:2] and made.matte.dtype == np.float32
    assert made.foreground is not None and made.foreground.dtype == np.uint8 and made.exact
    return made


def put_on(made: Prediction, ground: Any) -> np.ndarray:
    """What a key gives on a colour."""
    assert made.foreground is not None
    return made.foreground * made.matte[..., None] + np.array(ground) * (1 - made.matte[..., None])


# ---- exact -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("colour", "ground"), [(RED, WHITE), (WHITE, NAVY), (YELLOW, NAVY), (BLACK, WHITE), (WHITE, BLACK), (TEAL, GREY)]
)
def test_alpha_and_colour_of_a_drawing_are_exact(shape: str, colour: Any, ground: Any) -> None:
    alpha = drawn(shape)
    rgb = mixed(alpha, colour, ground)
    made = keyed(rgb)
    assert off(made.matte * 255, alpha) < 0.1
    assert np.abs(made.matte * 255 - alpha).max() <= 12
    assert np.abs(put_on(made, ground) - rgb).max() <= 4
    elsewhere = mixed(alpha, colour, (255, 0, 255))
    assert np.abs(put_on(made, (255, 0, 255)) - elsewhere).mean() < 0.5


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("colour", "ground"), [(BLACK, WHITE), (WHITE, NAVY), (RED, WHITE)])
def test_alpha_of_a_good_jpeg_is_nearly_exact(shape: str, colour: Any, ground: Any) -> None:
    alpha = drawn(shape)
    made = keyed(as_jpeg(mixed(alpha, colour, ground)))
    soft = (alpha > 0) & (alpha < 255)
    assert off(made.matte * 255, alpha) < 1.5
    assert off(made.matte[soft] * 255, alpha[soft]) < 12
    assert (made.matte[alpha == 0] > 0.25).mean() < 0.001, "the ringing of JPEG is no subject"


def test_a_hole_is_a_hole_and_outside_fills_it() -> None:
    ring = mixed(drawn("ring"), RED, WHITE)
    assert keyed(ring).matte[80, 80] == 0
    filled = keyed(ring, how="outside").matte
    assert filled[80, 80] == 1 and filled[5, 5] == 0
    inside = np.hypot(*(np.mgrid[:160, :160] - 79.5)) < 50
    assert filled[inside].min() == 1, "nor is there a seam where the hole was"
    assert off(filled[~inside] * 255, drawn("ring")[~inside]) < 0.1


def test_two_colours_side_by_side_keep_theirs() -> None:
    alpha = drawn("disc")
    left = np.where(np.arange(160) < 80, 1, 0)[None, :, None] * np.ones((160, 1, 1))
    colours = np.array(YELLOW) * left + np.array(TEAL) * (1 - left)
    made = keyed(mixed(alpha, colours, WHITE))
    assert off(made.matte * 255, alpha) < 0.25
    assert off(put_on(made, BLACK), mixed(alpha, colours, BLACK)) < 0.3


def test_where_black_meets_white_on_grey_is_no_hole() -> None:
    rgb = mixed(drawn("letters")[:100], WHITE, BLACK)
    picture = np.full((160, 160, 3), 128, np.uint8)
    picture[30:130, 4:156] = rgb[:, 4:156]
    assert keyed(picture).matte[32:128, 6:154].min() == 1


def test_a_soft_shadow_becomes_partly_see_through() -> None:
    shadow = cv2.GaussianBlur(drawn("disc"), (0, 0), 8).astype(np.float32) * 0.5
    rgb = mixed(shadow, BLACK, WHITE)
    made = keyed(rgb)
    across = made.matte[80, 20:80]
    assert (np.diff(across) >= -0.05).all() and ((across > 0.1) & (across < 0.9)).sum() >= 8
    assert np.abs(put_on(made, WHITE) - rgb).mean() < 1.5


colours = st.tuples(*[st.integers(0, 255)] * 3)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(colours, colours, st.sampled_from(SHAPES))
def test_any_colour_can_be_told_from_any_that_is_clearly_another(colour: Any, ground: Any, shape: str) -> None:
    assume(max(abs(a - b) for a, b in zip(colour, ground, strict=True)) >= 64)  # levels enough for a soft edge
    alpha = drawn(shape)
    rgb = mixed(alpha, colour, ground)
    made = keyed(rgb)
    assert off(made.matte * 255, alpha) < 1
    assert np.abs(put_on(made, ground) - rgb).mean() < 0.5


@settings(max_examples=30, suppress_health_check=list(HealthCheck))
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.sampled_from(sorted(FLAT)))
def test_no_picture_is_too_odd(height: int, width: int, seed: int, how: Any) -> None:
    rng = np.random.default_rng(seed)
    rgb = np.full((height, width, 3), 250, np.uint8)
    rgb[height // 4 : height // 2, width // 4 :] = rng.integers(0, 256, 3)
    made = key_subject(rgb, how)
    if made is not None:
        assert made.matte.shape == (height, width) and made.matte.min() >= 0 and made.matte.max() <= 1


# ---- where there is no one colour ------------------------------------------------------------------------------------


def ramp(levels: int) -> np.ndarray:
    return np.uint8(200 + np.linspace(0, levels, 160)[None, :, None] + np.zeros((160, 160, 3)))


@pytest.mark.parametrize("how", sorted(FLAT))
@pytest.mark.parametrize("name", ["cat", "ball", "ramp", "noise", "halves"])
def test_a_background_that_is_not_flat_is_left_to_the_network(name: str, how: Any) -> None:
    halves = np.full((160, 160, 3), 255, np.uint8)
    halves[80:] = 0
    made = {
        "cat": photo(),
        "ball": composite(320, 240).rgb,
        "ramp": ramp(20),
        "noise": np.uint8(np.random.default_rng(0).normal(200, 8, (160, 160, 3)).clip(0, 255)),
        "halves": halves,
    }
    assert key_subject(made[name], how) is None


def test_a_subject_may_touch_the_border() -> None:
    rgb = mixed(drawn("disc"), RED, WHITE)[:, 50:]
    ground = find_ground(rgb, FLAT["on"])
    assert ground is not None and (*ground.colour,) == WHITE
    assert keyed(rgb).matte[80, 0] == 1


@pytest.mark.parametrize("name", ["chelsea", "astronaut", "coffee"])
def test_a_photo_of_something_before_a_white_wall_is_not_keyed_by_auto(name: str) -> None:
    seen = photo(name)[:300, :300]
    rgb = np.full((400, 400, 3), 255, np.uint8)
    rgb[50:350, 50:350] = np.where(cv2.circle(np.zeros((300, 300, 1)), (150, 150), 140, 1, -1) > 0, seen, 255)
    for each in (rgb, as_jpeg(rgb), cv2.resize(rgb, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)):
        assert key_subject(each, "auto") is None
        assert key_subject(each, "on") is not None


def test_auto_keys_a_logo_but_not_what_encloses_much_of_the_ground() -> None:
    assert key_subject(mixed(drawn("lines"), TEAL, WHITE), "auto") is not None
    assert key_subject(as_jpeg(mixed(drawn("disc"), TEAL, WHITE)), "auto") is not None
    assert key_subject(mixed(drawn("ring"), TEAL, WHITE), "auto") is None


# ---- in a cut-out ----------------------------------------------------------------------------------------------------

LOGO = mixed(drawn("ring"), RED, WHITE)
ON = Options.of(preset="logo", crop=False)


def test_the_preset_for_logos_needs_no_network_on_one_colour(empty_models: Path) -> None:
    made = cut_out(Inputs(Photo(LOGO)), ON, house.runtime())
    assert (made.engine, made.warnings) == ("key", ())
    assert off(made.alpha, drawn("ring")) < 0.25
    seen = made.rgb[made.alpha > 8]
    assert np.abs(seen.astype(int) - RED).max() <= 12


def test_nothing_is_fetched_on_the_command_line_for_a_key(empty_models: Path, tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(encoded(LOGO))
    assert main(["cut", str(tmp_path / "logo.png"), "--preset", "logo", "--no-crop"]) == 0
    assert off(opened((tmp_path / "logo_cutout.png").read_bytes())[..., 3], drawn("ring")) < 0.25
    assert not list(empty_models.glob("*.onnx"))


@pytest.mark.parametrize("key", ["on", "outside", "auto", "off"])
def test_where_no_key_can_be_made_the_network_is_asked_and_it_is_said(
    key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_without_weights(monkeypatch)
    made = cut_out(Inputs(Photo(photo())), Options(key=key), house.runtime())
    assert made.engine == "fake"
    assert made.warnings == (("background_not_flat",) if key in ("on", "outside") else ())
    assert np.array_equal(made.alpha, cut_out(Inputs(Photo(photo())), Options(), house.runtime()).alpha)


def test_what_is_see_through_already_is_not_keyed_by_the_white_it_is_shown_on(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_without_weights(monkeypatch)
    logo = Photo(np.full((160, 160, 3), 255, np.uint8), drawn("ring"))
    assert cut_out(Inputs(logo), ON, house.runtime()).engine == "fake"


def test_a_draft_of_a_key_looks_like_the_full_size_and_needs_no_weights(empty_models: Path) -> None:
    alpha = drawn("ring", 1600)
    alpha[700:860, 720:880] = drawn("letters")
    data = encoded(mixed(alpha, TEAL, YELLOW))
    one = Draft("logo.png", 400, house.runtime())
    for options in (ON, ON.model_copy(update={"feather": 12.0, "background": "color", "background_color": "#ff00ff"})):
        view, full = one.cut_out(data, options), cut_out_file(InputFiles(data), options, house.runtime())
        assert view.cutout.engine == full.cutout.engine == "key"
        shown, wanted = opened(view.data).astype(np.float32), opened(full.data).astype(np.float32)
        for plane in (shown, wanted):
            if plane.shape[2] == 4:
                plane[..., :3] *= plane[..., 3:] / 255
        assert off(shown, cv2.resize(wanted, (400, 400), interpolation=cv2.INTER_AREA)) < 0.6


def test_options_of_the_edge_work_on_a_key_but_none_draws_it_anew() -> None:
    def alpha(**more: Any) -> np.ndarray:
        return cut_out(Inputs(Photo(LOGO)), Options(key="on", **more), house.runtime()).alpha

    assert np.array_equal(alpha(), alpha(refine="off"))
    assert np.array_equal(alpha(), alpha(harden=100))
    assert (alpha(shift=3) > 127).sum() > (alpha() > 127).sum() > (alpha(shift=-2) > 127).sum()
    assert (alpha(feather=8)[80] % 255 > 0).sum() > (alpha()[80] % 255 > 0).sum()


def test_a_key_that_is_softened_later_has_no_rim_of_the_background() -> None:
    made = cut_out(Inputs(Photo(LOGO)), Options(key="on", feather=10), house.runtime())
    seen = made.rgb[made.alpha > 12].astype(int)
    assert np.abs(seen - RED).max() <= 12


def test_a_key_is_made_smaller_with_its_colours_not_those_behind() -> None:
    made = keyed(LOGO)
    small = made.shrink_to((40, 40))
    assert small.matte.shape == (40, 40) and small.foreground is not None
    assert np.abs(small.foreground[small.matte > 0.02].astype(int) - RED).max() <= 3
    assert made.shrink_to((160, 160)) is made
    assert stages.KEYED == "key"


CASES = os.environ.get("CLEARCUT_TEST_CASES", "")


@pytest.mark.skipif(not CASES, reason="CLEARCUT_TEST_CASES names no folder of pictures that went wrong")
@pytest.mark.parametrize("name", ["logo_small_text_on_flat_colour.png", "necklace_inside_stays_filled.png"])
def test_pictures_that_went_wrong_come_out_clean(name: str) -> None:
    rgb = opened((Path(CASES) / name).read_bytes())[..., :3]
    made, ground = keyed(rgb), find_ground(rgb, FLAT["on"])
    assert ground is not None
    assert np.abs(put_on(made, ground.colour) - rgb).mean() < 0.05
    assert ((made.matte > 0) & (made.matte < 1)).mean() < 0.02
