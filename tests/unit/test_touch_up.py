"""Marks on a matte: exact strokes, smart ones that find an edge, unsure ones, and what sliders do to them."""

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import Draft, InputFiles, Inputs, Marks, Options, Photo, cut_out, cut_out_file
from pipeline.edges.marks import Stroke
from pipeline.edges.touch_up import Marked, draw_stroke
from pipeline.edges.trimap import FEW
from pipeline.memo import Memo
from tests import house
from tests.pictures import encoded, hairy, off
from tests.spies import answer_without_weights, note_stages

SIZE = 320, 240
EAR = np.zeros(SIZE[::-1], np.uint8)
cv2.ellipse(EAR, (200, 120), (40, 25), 0, 0, 360, 255, -1, cv2.LINE_AA)
HEAD = np.zeros_like(EAR)
cv2.circle(HEAD, (120, 120), 60, 255, -1, cv2.LINE_AA)
WHOLE = cv2.max(HEAD, EAR)


def paint(seed: int = 0) -> np.ndarray:
    """A brown subject on a green wall, both with grain."""
    mixed = WHOLE[..., None] / 255 * (150, 90, 50) + (1 - WHOLE[..., None] / 255) * (60, 160, 90)
    return np.clip(mixed + np.random.default_rng(seed).normal(0, 6, (*WHOLE.shape, 3)), 0, 255).astype(np.uint8)


PICTURE = paint()
DATA = encoded(PICTURE)
BALL = cv2.circle(np.zeros_like(HEAD), (250, 60), 14, 255, -1, cv2.LINE_AA)
BOTH = cv2.max(HEAD, BALL)
WITH_BALL = np.where(BALL[..., None] > 127, PICTURE[..., ::-1], PICTURE)  # a ball of another colour, apart


def stroke(kind: str, *points: tuple[float, float], radius: float = 6, **other: Any) -> Stroke:
    return Stroke.model_validate({"kind": kind, "radius": radius, "points": points, **other})


def marks(*strokes: Stroke, size: tuple[int, int] = SIZE) -> Marks:
    return Marks(version=1, size=size, strokes=strokes)


def drawn(alpha: np.ndarray, *strokes: Stroke, rgb: np.ndarray = PICTURE) -> np.ndarray:
    marked = Marked(alpha)
    for each in strokes:
        marked = draw_stroke(marked, rgb, each)
    return marked.alpha


def difference(alpha: np.ndarray, wanted: np.ndarray) -> float:
    """The share of pixels on the wrong side of one half, of those of the ear."""
    return float(np.count_nonzero((alpha > 127) != (wanted > 127)) / np.count_nonzero(EAR > 127))


def test_a_rough_dab_brings_back_the_whole_ear_and_nothing_of_the_wall() -> None:
    assert difference(HEAD, WHOLE) > 0.7
    assert difference(drawn(HEAD, stroke("keep", (205, 125), (215, 118))), WHOLE) < 0.05


def test_a_smart_erase_takes_a_part_of_the_wall_away_up_to_the_subject() -> None:
    wall = HEAD.copy()
    wall[20:220, 200:310] = 255
    erased = drawn(wall, stroke("erase", (270, 40), (270, 200), radius=10))
    assert np.count_nonzero(erased[20:220, 250:310] > 127) < 100
    assert np.array_equal(erased[:, :150], wall[:, :150])


def test_an_exact_stroke_changes_what_is_under_the_brush_alone() -> None:
    dot = drawn(HEAD, stroke("keep", (280, 40), radius=10, exact=True))
    assert dot[40, 280] == 255 and dot[40, 269] == 0
    assert np.array_equal(dot[:, :260], HEAD[:, :260])
    assert np.count_nonzero(dot[:80, 260:] > 127) == pytest.approx(np.pi * 100, rel=0.08)


def test_a_soft_rim_fades_over_its_share_of_the_radius() -> None:
    row = drawn(HEAD, stroke("keep", (280, 40), radius=20, exact=True, soft=0.5))[40, 280:305].astype(int)
    assert row[0] == row[9] == 255 and row[21] == 0
    assert row[15] == pytest.approx(128, abs=20) and (np.diff(row) <= 0).all()


def test_later_strokes_win() -> None:
    keep, erase = (stroke(kind, (280, 40), exact=True) for kind in ("keep", "erase"))
    assert drawn(HEAD, keep, erase)[40, 280] == 0 and drawn(HEAD, erase, keep)[40, 280] == 255


def test_a_smart_stroke_leaves_what_an_earlier_one_has_drawn_to_the_other_side() -> None:
    erased = drawn(HEAD, stroke("erase", (220, 105), (220, 135), radius=4, exact=True), stroke("keep", (190, 120)))
    assert erased[120, 220] == 0 and erased[120, 190] == 255


@pytest.mark.parametrize(("before", "first", "second"), [(BOTH, "erase", "keep"), (HEAD, "keep", "erase")])
def test_a_smart_stroke_over_one_of_the_other_kind_undoes_the_whole_part(
    before: np.ndarray, first: str, second: str
) -> None:
    one, other = stroke(first, (246, 60), (254, 60)), stroke(second, (251, 62))
    once = drawn(before, one, rgb=WITH_BALL)
    assert np.count_nonzero((once > 127) != (before > 127)) > 0.9 * np.count_nonzero(BALL > 127)
    assert np.count_nonzero((drawn(before, one, other, rgb=WITH_BALL) > 127) != (before > 127)) < 20


def test_an_unsure_stroke_finds_the_edge_in_the_photo() -> None:
    clumsy = cv2.circle(np.zeros_like(HEAD), (120, 112), 60, 255, -1)  # eight pixels too high
    ring = [(120 + 60 * np.cos(angle), 116 + 60 * np.sin(angle)) for angle in np.linspace(0, 2 * np.pi, 60)]
    found = drawn(clumsy, stroke("unsure", *ring, radius=12))
    left = np.s_[:, :150]  # without the ear
    before, after = (np.abs(each[left].astype(int) - WHOLE[left]).mean() for each in (clumsy, found))
    assert after < before / 2


def test_an_unsure_stroke_around_a_head_finds_its_hair() -> None:
    it = hairy(320, 240)
    bald = cv2.circle(np.zeros(it.alpha.shape, np.uint8), (160, 120), 48, 255, -1)
    ring = [(160 + 74 * np.cos(angle), 120 + 74 * np.sin(angle)) for angle in np.linspace(0, 2 * np.pi, 60)]
    assert off(drawn(bald, stroke("unsure", *ring, radius=32), rgb=it.rgb), it.alpha) < 0.3 * off(bald, it.alpha)


def test_however_large_an_unsure_stroke_no_more_than_a_bound_is_solved(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, it = [], hairy(1200, 900)

    def noting(opacity: np.ndarray, rgb: np.ndarray, unknown: np.ndarray) -> np.ndarray:
        counts.append(np.count_nonzero(unknown))
        return opacity[unknown]

    monkeypatch.setattr("pipeline.edges.trimap.solve_opacity", noting)
    drawn(it.alpha, stroke("unsure", (300, 450), (900, 450), radius=150), rgb=it.rgb)
    assert len(counts) == 1 and counts[0] <= 1.05 * FEW


@pytest.mark.parametrize("exact", [False, True])
def test_a_stroke_that_passes_by_outside_the_photo_changes_nothing(exact: bool) -> None:
    around_the_corner = stroke("keep", (-400, 100), (100, -400), exact=exact)
    assert np.array_equal(drawn(HEAD, around_the_corner), HEAD)


kinds = st.sampled_from(["keep", "erase", "unsure"])
places = st.floats(-1e9, 1e9) | st.floats(-40, 360) | st.sampled_from([0.0, 319.9, 1e300, -1e300])


@settings(max_examples=60)
@given(kinds, st.booleans(), st.floats(0.5, 2000), st.floats(0, 1), st.lists(st.tuples(places, places), min_size=1))
def test_a_wild_stroke_adds_or_takes_away_as_it_says(
    kind: str, exact: bool, radius: float, soft: float, points: list[tuple[float, float]]
) -> None:
    after = drawn(HEAD, stroke(kind, *points, radius=radius, exact=exact, soft=soft))
    assert after.shape == HEAD.shape and after.dtype == np.uint8
    if kind != "unsure":
        assert (after >= HEAD if kind == "keep" else after <= HEAD).all()


# ---- in a cut-out ----------------------------------------------------------------------------------------------------

KEEP, DOT = stroke("keep", (205, 125)), stroke("keep", (280, 40), radius=5, exact=True)


@pytest.fixture
def without_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_without_weights(monkeypatch)


@pytest.mark.usefixtures("without_weights")
@pytest.mark.parametrize("slider", [{"clean": 60.0}, {"largest": True}, {"levels": -100.0}])
def test_a_mark_wins_over_a_slider(slider: dict[str, Any]) -> None:
    alpha = cut_out(Inputs(Photo(PICTURE), marks=marks(DOT)), Options(**slider), house.runtime()).alpha
    assert alpha[40, 280] == 255


@pytest.mark.usefixtures("without_weights")
def test_feather_applies_to_a_mark() -> None:
    alpha = cut_out(Inputs(Photo(PICTURE), marks=marks(DOT)), Options(feather=4), house.runtime()).alpha
    assert 20 < alpha[40, 285] < 235


@pytest.mark.usefixtures("without_weights")
def test_one_more_stroke_runs_no_network_and_an_undone_one_draws_none(monkeypatch: pytest.MonkeyPatch) -> None:
    draft, seen, strokes = Draft("ear.png", 1600, house.runtime()), note_stages(monkeypatch), list[Stroke]()

    def noting(marked: Marked, rgb: np.ndarray, one: Stroke, reduced: float) -> Marked:
        strokes.append(one)
        return draw_stroke(marked, rgb, one, reduced)

    monkeypatch.setattr("pipeline.marking.draw_stroke", noting)
    first = draft.cut_out(DATA, Options(), marks=marks(KEEP))
    seen.clear()
    draft.cut_out(DATA, Options(), marks=marks(KEEP, DOT))
    assert strokes == [KEEP, DOT] and seen == ["edges", "colour", "compose"]
    assert draft.cut_out(DATA, Options(), marks=marks(KEEP)).data == first.data
    draft.cut_out(DATA, Options(shift=2), marks=marks(KEEP, DOT))
    assert strokes == [KEEP, DOT]


@pytest.mark.usefixtures("without_weights")
def test_a_draft_with_marks_is_the_full_size() -> None:
    drawn = marks(KEEP, DOT)
    files = InputFiles(DATA, name="ear.png", marks=drawn.model_dump_json().encode())
    draft = Draft("ear.png", 1600, house.runtime())
    for options in (Options(), Options(feather=3, clean=20)):
        assert draft.cut_out(DATA, options, marks=drawn).data == cut_out_file(files, options, house.runtime()).data
    smaller = Draft("ear.png", 160, house.runtime()).cut_out(DATA, Options(), marks=drawn).cutout.alpha
    full = cv2.resize(cut_out_file(files, Options(), house.runtime()).cutout.alpha, (160, 120))
    assert np.abs(smaller.astype(int) - full).mean() < 3


def test_a_memo_recalls_the_newest_result_of_a_chain_and_begins_anew_without_one() -> None:
    memo = Memo()
    assert memo.recall("marks", ["a", "b"], 0) == (0, 0)
    memo.remember("marks", "a", lambda: 1)
    assert memo.recall("marks", ["a", "b"], 0) == (1, 1)
    for number in range(9):
        memo.remember("marks", number, lambda: 2)
    assert memo.recall("marks", ["a", "b"], 0) == (0, 0)


def test_a_hole_that_is_dabbed_is_filled_without_a_seam() -> None:
    alpha = np.zeros((400, 600), np.uint8)
    cv2.ellipse(alpha, (300, 200), (220, 150), 0, 0, 360, 255, -1, cv2.LINE_AA)
    holed = cv2.GaussianBlur(cv2.circle(alpha.copy(), (300, 200), 50, 0, -1), (0, 0), 4)
    rgb = np.where(alpha[..., None] > 127, np.uint8((170, 120, 90)), np.uint8((60, 110, 80)))
    cv2.circle(rgb, (300, 200), 46, (40, 30, 30), -1, cv2.LINE_AA)  # dark, as a nose is
    rgb = np.clip(rgb + np.random.default_rng(0).normal(0, 4, rgb.shape), 0, 255).astype(np.uint8)
    dab = Stroke(kind="keep", radius=24, points=((290, 190), (310, 210)))
    mended = draw_stroke(Marked(holed), rgb, dab).alpha
    assert mended[140:260, 240:360].min() > 250
    assert np.abs(mended.astype(int) - cv2.GaussianBlur(alpha, (0, 0), 4)).mean() < 0.5
