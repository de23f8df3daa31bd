"""Photos that came with transparency: what the network sees of them, and when their own alpha counts."""

import cv2
import numpy as np
import pytest

from pipeline import Draft, Inputs, Options, Photo, cut_out, decode
from pipeline.inference.predict import flatten
from tests import house
from tests.pictures import composite, encoded, iou, off, photo

ONE = composite(640, 480)


def logo(*colours: tuple[int, int, int]) -> Photo:
    """Words on transparency, one below the other, each in a colour; hidden colours are those of a noise."""
    alpha = np.zeros((400, 800), np.uint8)
    rgb = np.random.default_rng(1).integers(0, 255, (400, 800, 3), np.uint8)
    for number, colour in enumerate(colours):
        row = np.zeros_like(alpha)
        bottom = round(400 * (number + 0.75) / len(colours))
        cv2.putText(row, "Clearcut", (60, bottom), cv2.FONT_HERSHEY_DUPLEX, 4.2, 255, 18, cv2.LINE_AA)
        rgb[row > 0] = colour
        alpha = np.maximum(alpha, row)
    return Photo(rgb, alpha)


WHITE, BLACK, GREY, RED = (255, 255, 255), (0, 0, 0), (128, 128, 128), (200, 30, 40)
LOGOS = {
    "white": logo(WHITE),
    "black": logo(BLACK),
    "grey": logo(GREY),
    "white and black": logo(WHITE, BLACK),
    "red and white": logo(RED, WHITE),
}


@pytest.mark.parametrize("name", LOGOS)
def test_the_network_sees_a_logo_in_contrast_to_what_is_behind_it(name):
    seen, own = flatten(LOGOS[name]), LOGOS[name].alpha
    behind = seen[0, 0].astype(int)
    assert (seen[own == 0] == behind).all()
    assert (np.abs(seen[own == 255].astype(int) - behind).max(axis=1) >= 64).mean() > 0.95


def test_what_contrasts_with_white_lies_on_white():
    for picture in (LOGOS["black"], LOGOS["grey"], Photo(ONE.rgb, ONE.alpha), Photo(ONE.rgb, np.zeros_like(ONE.alpha))):
        assert (flatten(picture)[0, 0] == 255).all()


def test_an_opaque_photo_is_seen_as_it_is():
    assert flatten(Photo(ONE.rgb)) is ONE.rgb


@pytest.mark.parametrize("name", LOGOS)
def test_a_logo_on_transparency_stays_whole(name, u2netp):
    cutout = cut_out(Inputs(LOGOS[name]), Options())
    own = LOGOS[name].alpha
    assert iou(cutout.alpha, own) > 0.7 and cutout.alpha.mean() > 0.7 * own.mean()
    assert "nothing_found" not in cutout.warnings


def test_the_logo_of_the_cases_is_there(case, u2netp):
    cutout = cut_out(Inputs(picture := decode(case("white_logo_on_transparency.png"))), Options())
    assert iou(cutout.alpha, picture.alpha) > 0.9 and cutout.warnings == ()


def found(matte: np.ndarray, monkeypatch) -> None:
    """Have networks find `matte`."""
    from pipeline import stages
    from pipeline.inference.networks import Prediction
    from pipeline.inference.predict import PredictionResult

    result = PredictionResult(Prediction(matte.astype(np.float32) / 255), "a network")
    monkeypatch.setattr(stages, "predict", lambda *given: result)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5])
def test_where_far_less_is_found_than_the_file_tells_its_own_alpha_counts(share, monkeypatch):
    own = LOGOS["white"].alpha
    matte = own.copy()
    matte[:, round(800 * share) :] = 0
    found(matte, monkeypatch)
    cutout = cut_out(Inputs(LOGOS["white"]), Options())
    assert np.array_equal(cutout.alpha, own) and cutout.warnings == ()
    ignored = cut_out(Inputs(LOGOS["white"]), Options(own_alpha="ignore", refine="off"))
    assert off(ignored.alpha, matte) < 2
    assert ignored.warnings == (() if share else ("nothing_found",))


def test_where_most_is_found_both_count(monkeypatch):
    matte = np.where(np.arange(640) < 400, ONE.alpha, 0).astype(np.uint8)
    found(matte, monkeypatch)
    made = cut_out(Inputs(Photo(ONE.rgb, ONE.alpha)), Options(refine="off", interior="as-found")).alpha
    assert np.array_equal(made, cv2.multiply(matte, ONE.alpha, scale=1 / 255))


@pytest.mark.parametrize("grey", [False, True])
def test_a_photo_with_a_transparent_strip_is_cut_as_without(grey, u2netp):
    rgb = np.dstack([cv2.cvtColor(ONE.rgb, cv2.COLOR_RGB2GRAY)] * 3) if grey else ONE.rgb
    own = np.full(ONE.alpha.shape, 255, np.uint8)
    own[:, :40] = 0
    assert iou(cut_out(Inputs(Photo(rgb, own)), Options()).alpha, ONE.alpha) > 0.95


def test_a_draft_lets_the_own_alpha_count_too(u2netp):
    rgba = np.dstack((LOGOS["white"].rgb, LOGOS["white"].alpha))
    view = Draft("logo.png", 300, house.runtime()).cut_out(encoded(rgba), Options())
    small = cv2.resize(LOGOS["white"].alpha, (300, 150), interpolation=cv2.INTER_AREA)
    assert iou(view.cutout.alpha, small) > 0.7 and view.cutout.warnings == ()


def test_a_real_photo_with_a_transparent_strip_is_cut_nearly_as_without(u2netp):
    cat = photo()
    own = np.full(cat.shape[:2], 255, np.uint8)
    own[:30] = 0
    plain = cut_out(Inputs(Photo(cat)), Options()).alpha
    assert iou(cut_out(Inputs(Photo(cat, own)), Options()).alpha[30:], plain[30:]) > 0.85
