"""ID photos: the face is found, the head stands as the document asks, sheets to print, files of a largest size."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import ClearcutError, InputFiles, Inputs, Options, Photo, cut_out, cut_out_bytes, cut_out_file, decode
from pipeline.compose import faces
from pipeline.compose.faces import EYES, Face, Head, find_faces, find_head, measure_head
from pipeline.compose.framing import LARGEST, NOT_FITTING, TOO_SMALL, measure_placed_head, place_head
from pipeline.compose.sheet import PAPERS, plan_sheet
from pipeline.options.canvas import HeadFacts, HeadRule, Span, describe_head, list_canvases
from pipeline.pixels.encoders import LOWEST, Picture, encode_within
from pipeline.pixels.formats import FORMATS
from tests.pictures import composite, encoded, opened, photo

FACE = (172, 65, 100)  # of the portrait: left, top and side
RULED = [name for name, canvas in list_canvases().items() if canvas.head]
PRINTED = [name for name, canvas in list_canvases().items() if canvas.unit == "mm"]
NOISE = np.random.default_rng(0).integers(0, 256, (300, 240, 3), np.uint8)
CASES = Path(os.environ.get("CLEARCUT_TEST_CASES", "nowhere"))


def test_what_finds_the_face_comes_with_a_plain_install() -> None:
    lines = Path(__file__).parents[2].joinpath("requirements.txt").read_text("utf-8").splitlines()
    assert any(line.startswith("scikit-image") for line in lines)


def portrait() -> np.ndarray:
    return photo("astronaut")


def figure(size=(400, 600), crown=150, chin=270, bottom=600) -> tuple[np.ndarray, Head]:
    """A matte of somebody whose head is 120 pixels high, and that head."""
    alpha = np.zeros(size[::-1], np.uint8)
    alpha[crown:chin, 150:250] = 255
    alpha[chin:bottom, 60:340] = 255
    return alpha, Head(crown, (crown + chin) / 2, chin, 200)


# ---- faces -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.5, 1, 2, 4])
def test_a_face_is_found_at_any_size_of_the_photo(scale):
    found, *_ = find_faces(cv2.resize(portrait(), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    assert np.array(found) / scale == pytest.approx(FACE, abs=12)


def test_a_face_is_found_where_it_went():
    here, there = find_faces(portrait())[0], find_faces(np.roll(portrait(), 120, 1))[0]
    assert np.subtract(there, here) == pytest.approx((120, 0, 0), abs=10)


@pytest.mark.parametrize(
    "rgb",
    [NOISE, composite(400, 300).rgb, np.zeros((50, 40, 3), np.uint8), np.zeros((1, 1, 3), np.uint8)],
    ids=["noise", "ball", "black", "one pixel"],
)
def test_where_no_face_is_none_is_found(rgb):
    assert find_faces(rgb) == ()


@settings(max_examples=30)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 9))
def test_any_picture_can_be_searched(width, height, seed):
    find_faces(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def test_the_cascade_says_of_a_window_what_its_makers_code_says():
    from skimage.feature import Cascade

    from pipeline.compose.faces import _search, locate_cascade

    grey = cv2.cvtColor(cv2.resize(portrait(), (123, 123), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    theirs = Cascade(str(locate_cascade())).detect_multi_scale(
        grey, scale_factor=1.01, step_ratio=1, min_size=(24, 24), max_size=(25, 25), min_neighbor_number=1
    )
    _, x, y = _search([grey])
    assert len(x) and len(theirs)
    for found in theirs:
        assert min(np.hypot(x - found["c"], y - found["r"])) <= 4


def test_a_crown_is_where_the_matte_ends_above_a_face_and_no_hat():
    face = Face(150, 160, 100)
    alpha, _ = figure()
    assert measure_head(face, alpha).crown == 150
    low = measure_head(Face(150, 130, 100), alpha)  # whose crown would be below the hair line
    assert low.crown == pytest.approx(130 + (EYES - 0.45) * 100)
    alpha[60:150, 150:250] = 255  # a hat
    assert measure_head(face, alpha).crown == pytest.approx(160 + (EYES - 0.95) * 100)


def test_a_face_that_is_not_at_the_upper_end_of_the_subject_is_nobodys():
    alpha, _ = figure()
    beside, on_a_shirt, real = Face(0, 0, 40), Face(170, 400, 60), Face(150, 160, 100)
    assert measure_head(beside, alpha) is measure_head(on_a_shirt, alpha) is None
    assert find_head([beside, on_a_shirt, real], alpha) == measure_head(real, alpha)
    assert find_head([beside], alpha) is None and find_head([], alpha) is None


@pytest.mark.usefixtures("u2netp")
def test_a_head_that_stands_on_end_is_none():
    made = cut_out(Inputs(Photo(portrait())), Options.of(preset="id-photo", rotate=180))
    assert "no_face" in made.warnings


# ---- a head on its canvas --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list_canvases())
def test_what_documents_ask_for_can_be_and_has_a_source(name):
    canvas = list_canvases()[name]
    assert bool(canvas.head) == bool(canvas.source)
    assert bool(canvas.head_to_make) == (canvas.group == "id_photo")
    for span in (canvas.head or ()) and filter(None, canvas.head):
        assert 0 < span.least < span.most <= 100


@pytest.mark.parametrize("name", RULED)
def test_a_head_stands_as_its_document_asks_and_the_body_at_the_bottom(name):
    (alpha, head), canvas = figure(), list_canvases()[name]
    placed = place_head(alpha, canvas.size, head, canvas.head, natural=10)
    found = measure_placed_head(head, placed)
    for span, percent in zip(canvas.head, found, strict=True):
        assert span is None or span.accepts(percent)
    shown = placed.place_layer(np.zeros((*alpha.shape, 3), np.uint8), alpha)[1]
    assert shown.shape == canvas.size[::-1] and shown[-1].any() and placed.warnings == ()
    columns = np.flatnonzero(shown[round(shown.shape[0] * (found.top + 3) / 100)])
    assert (columns[0] + columns[-1]) / 2 == pytest.approx(canvas.size[0] / 2, abs=3)
    assert ": right." in describe_head(found, name, "en") and "符合" in describe_head(found, name, "zh-CN")


def test_a_head_that_the_photo_cannot_show_so_is_told():
    rule = HeadRule(Span(70, 80))
    alpha, head = figure()
    small = place_head(alpha, (2000, 3000), head, rule)
    assert small.scale == LARGEST and small.warnings == (TOO_SMALL,)
    alpha, head = figure((400, 275), bottom=275)  # cut at the chin: lower than it may be
    placed = place_head(alpha, (400, 400), head, HeadRule(Span(50, 60), Span(50, 69)), natural=5)
    assert placed.warnings == (NOT_FITTING,)
    shown = placed.place_layer(np.zeros((*alpha.shape, 3), np.uint8), alpha)[1]
    assert shown[-1].any()


def test_what_is_cut_at_the_sides_goes_on_to_the_border_where_the_rule_allows_it():
    alpha = np.zeros((600, 300), np.uint8)
    alpha[150:270, 100:200], alpha[270:] = 255, 255
    placed = place_head(alpha, (300, 300), Head(150, 210, 270, 150), HeadRule(Span(30, 60)), natural=5)
    shown = placed.place_layer(np.zeros((600, 300, 3), np.uint8), alpha)[1]
    assert shown[-1].min() > 200


def test_a_sentence_tells_what_is_wrong_with_a_head():
    for facts, words in (
        ((40, 60, 10), "too small"),
        ((80, 60, 10), "too large"),
        ((60, 40, 30), "eyes are at 40"),
        ((60, 60, 10), "right"),
    ):
        assert words in describe_head(HeadFacts(*facts), "id-us", "en")
    assert "begins 20 %" in describe_head(HeadFacts(60, 50, 20), "id-cn-passport", "en")
    assert describe_head(None, "id-us", "en") == describe_head(HeadFacts(60, 60, 10), "id-cn-1", "en") == ""
    assert describe_head(HeadFacts(60, 60, 10), "amazon", "en") == describe_head(HeadFacts(60, 60, 10), "", "en") == ""


@pytest.mark.usefixtures("u2netp")
@pytest.mark.parametrize("name", PRINTED)
def test_a_portrait_becomes_any_id_photo(name):
    made = cut_out(Inputs(Photo(portrait())), Options.of(preset="id-photo", canvas=name))
    canvas = list_canvases()[name]
    assert made.picture.size == canvas.size and "no_face" not in made.warnings
    assert canvas.head_to_make.height.accepts(made.picture.head.height)
    assert made.picture.matte[-1].any()
    assert made.rgb[0, 0].tolist() == list(bytes.fromhex(canvas.background[1:]))


@pytest.mark.usefixtures("u2netp")
def test_without_a_face_an_id_photo_is_as_any_canvas_and_says_so():
    ball = Photo(composite(400, 300).rgb)
    made = cut_out(Inputs(ball), Options.of(preset="id-photo"))
    assert "no_face" in made.warnings and made.picture.head is None
    assert np.array_equal(
        made.picture.matte, cut_out(Inputs(ball), Options.of(preset="id-photo", canvas="413x531")).picture.matte
    )
    assert "no_face" not in cut_out(Inputs(ball), Options(canvas="amazon")).warnings


@pytest.mark.usefixtures("u2netp")
@pytest.mark.parametrize("name", ["hair_touches_top_border.jpg", "portrait_head_too_small_in_id_photo.jpg"])
@pytest.mark.parametrize("canvas", ["id-35x45", "id-us", "id-cn-1"])
def test_photos_that_went_wrong_come_out_right(name, canvas):
    if not (CASES / name).is_file():
        pytest.skip("CLEARCUT_TEST_CASES names no folder with this photo")
    made = cut_out_file(InputFiles((CASES / name).read_bytes()), Options.of(preset="id-photo", canvas=canvas))
    assert made.cutout.picture.matte[-1].any()
    assert list_canvases()[canvas].head_to_make.height.accepts(made.cutout.picture.head.height)


# ---- sheets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("name", PRINTED)
def test_copies_lie_apart_on_the_paper_with_room_at_its_border(paper, name):
    size = list_canvases()[name].size
    sheet = plan_sheet(paper, size, 300)
    assert sorted(sheet.size) == sorted(round(side / 25.4 * 300) for side in PAPERS[paper])
    laid = np.zeros(sheet.size[::-1], int)
    for x, y in sheet.places:
        assert min(x, y, sheet.size[0] - x - size[0], sheet.size[1] - y - size[1]) >= 35
        laid[y - 5 : y + size[1] + 5, x - 5 : x + size[0] + 5] += 1
    assert laid.max() == 1
    free = (sheet.size[0] - 70) * (sheet.size[1] - 70)
    assert len(sheet.places) * (size[0] + 24) * (size[1] + 24) > 0.35 * free


def test_a_paper_that_is_too_small_holds_nothing():
    assert plan_sheet("6-inch", (3000, 3000), 300) is None


def test_as_many_one_inch_photos_lie_on_six_inches_as_photo_shops_print():
    assert len(plan_sheet("6-inch", list_canvases()["id-cn-1"].size, 300).places) >= 8


@pytest.mark.usefixtures("u2netp")
def test_a_sheet_is_opaque_white_and_full_of_the_same_photo():
    data = encoded(portrait())
    single = opened(cut_out_bytes(data, canvas="id-us"))
    result = cut_out_file(InputFiles(data), Options.of(canvas="id-us", sheet="a4"))
    sheet, plan = opened(result.data), result.cutout.picture.sheet
    assert result.size == result.full_size == plan.size == sheet.shape[1::-1]
    assert sheet.shape[2] == 3 and (sheet[[0, 0, -1, -1], [0, -1, 0, -1]] == 255).all()
    assert decode(result.data).dpi == pytest.approx((300, 300), abs=0.5)
    covered = np.zeros(sheet.shape[:2], bool)
    for x, y in plan.places:
        part = (slice(y, y + 600), slice(x, x + 600))
        assert np.array_equal(sheet[part], single)
        covered[part] = True
        assert (sheet[y - 2, x - 1] < 200).all()  # a mark to cut along
    assert set(np.unique(sheet[~covered])) == {128, 255}
    assert result.cutout.picture.frame_photo().rgb.shape == sheet.shape
    see_through = cut_out(Inputs(Photo(portrait())), Options.of(canvas="id-us", background="transparent", sheet="a4"))
    assert see_through.alpha.min() == 255


@pytest.mark.usefixtures("u2netp")
@pytest.mark.parametrize("options", [{}, {"canvas": "amazon"}, {"canvas": "4:5"}, {"canvas": "id-us", "format": "zip"}])
def test_without_a_size_on_paper_there_is_no_sheet_and_it_is_said(options):
    ball = composite(200, 150).rgb
    made = cut_out(Inputs(Photo(ball)), Options.of(**options, sheet="a4"))
    plain = cut_out(Inputs(Photo(ball)), Options.of(**options))
    assert {*made.warnings} == {*plain.warnings, "no_sheet"} and np.array_equal(made.rgb, plain.rgb)


# ---- files of a largest size -----------------------------------------------------------------------------------------

BUSY = Picture(cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (400, 300, 3), np.uint8), (0, 0), 1.5))


@pytest.mark.parametrize("name", [name for name, each in FORMATS.items() if each.has_quality])
def test_a_file_is_as_good_as_its_size_allows_and_keeps_its_pixels(name):
    free, least = (len(encode_within(name, BUSY, quality, 0)) for quality in (95, LOWEST))
    for kilobytes in (-(-least // 1000), (free + least) // 2000):
        data = encode_within(name, BUSY, 95, kilobytes)
        assert least <= len(data) <= kilobytes * 1000 and opened(data).shape == BUSY.rgb.shape
    assert len(data) > 0.8 * kilobytes * 1000, "no more quality is given up than has to be"
    assert encode_within(name, BUSY, 95, 10_000) == encode_within(name, BUSY, 95, 0)
    with pytest.raises(ClearcutError, match="bad_option") as caught:
        encode_within(name, BUSY, 95, least // 1000 - 1)
    assert caught.value.facts["accepted"] == f"≥ {-(-least // 1000)}"


@pytest.mark.parametrize("name", [name for name, each in FORMATS.items() if not each.has_quality])
def test_a_format_without_quality_is_not_limited(name):
    assert encode_within(name, BUSY, 90, 1) == encode_within(name, BUSY, 90, 0)


@pytest.mark.usefixtures("u2netp")
def test_of_a_format_that_cannot_be_limited_it_is_said():
    ball = composite(200, 150).rgb
    for name, format in FORMATS.items():
        warnings = cut_out(Inputs(Photo(ball)), Options(format=name, max_kb=100)).warnings
        assert ("size_not_limited" in warnings) is not format.has_quality
    assert len(cut_out_bytes(encoded(ball), format="jpeg", max_kb=5)) <= 5000


def test_without_the_package_that_brings_the_cascade_it_is_said_that_no_head_was_looked_for(monkeypatch):
    monkeypatch.setattr(faces, "find_spec", lambda name: None)
    made = cut_out(Inputs(Photo(portrait())), Options(canvas="id-us", own_alpha="keep"))
    assert "no_face_finder" in made.warnings and made.picture.head is None
