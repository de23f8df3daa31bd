"""Trimaps that are drawn: strokes painted onto one, one made of a matte, and what a cut-out makes of them."""

import cv2
import numpy as np
import pytest

from pipeline import Draft, InputFiles, Inputs, Marks, Options, Photo, cut_out, cut_out_file, make_trimap
from pipeline.edges.drawn_trimap import draw_trimap, paint_marks
from tests import house
from tests.pictures import encoded, opened
from tests.spies import answer_without_weights
from tests.unit.test_touch_up import DATA, HEAD, PICTURE, SIZE, WHOLE, marks, stroke

GIVEN = draw_trimap(WHOLE, 6)
KEEP, ERASE, UNSURE = (
    stroke("keep", (40, 40), radius=9),
    stroke("erase", (120, 120), radius=9),
    stroke("unsure", (280, 200), radius=9),
)
STROKES = marks(KEEP, ERASE, UNSURE)


def file_of(trimap: np.ndarray) -> bytes:
    return encoded(np.repeat(trimap[..., None], 3, 2))


def grey(data: bytes) -> np.ndarray:
    picture = opened(data)
    return picture if picture.ndim == 2 else picture[..., 0]


def test_keep_paints_white_erase_black_and_unsure_grey_under_the_brush_alone() -> None:
    painted = paint_marks(GIVEN, STROKES)
    assert (painted[40, 40], painted[120, 120], painted[200, 280]) == (255, 0, 128)
    changed = cv2.dilate((painted != GIVEN).astype(np.uint8), np.ones((3, 3)))
    assert np.count_nonzero(changed) < 3 * np.pi * 13**2
    assert set(np.unique(painted)) == {0, 128, 255}


def test_later_strokes_win_and_the_given_one_stays_as_it_is() -> None:
    before = GIVEN.copy()
    painted = paint_marks(GIVEN, marks(stroke("keep", (40, 40)), stroke("erase", (40, 40))))
    assert painted[40, 40] == 0 and np.array_equal(GIVEN, before)


def test_a_stroke_lands_in_its_place_on_a_smaller_trimap_and_the_thinnest_is_not_lost() -> None:
    small = cv2.resize(GIVEN, (32, 24), interpolation=cv2.INTER_NEAREST)
    painted = paint_marks(small, marks(stroke("keep", (45, 45), radius=0.5), stroke("keep", (-900, 5))))
    assert np.argwhere(painted != small).tolist() == [[4, 4]]


def test_the_trimap_of_a_matte_is_certain_away_from_its_edge_and_grey_as_far_as_asked() -> None:
    step = np.zeros((20, 60), np.uint8)
    step[:, 30:] = 255
    assert draw_trimap(step, 4)[10].tolist() == [0] * 26 + [128] * 8 + [255] * 26
    soft = np.tile(np.linspace(0, 255, 60).astype(np.uint8), (20, 1))
    row = draw_trimap(soft, 0)[10]
    assert np.array_equal(row == 128, (soft[10] >= 25) & (soft[10] <= 230))


# ---- in a cut-out ----------------------------------------------------------------------------------------------------


def test_a_trimap_with_marks_is_the_trimap_with_these_painted_on_it() -> None:
    options = Options(feather=1)
    drawn = cut_out(Inputs(Photo(PICTURE), marks=STROKES, trimap=GIVEN), options, house.runtime())
    given = cut_out(Inputs(Photo(PICTURE), trimap=paint_marks(GIVEN, STROKES)), options, house.runtime())
    assert np.array_equal(drawn.alpha, given.alpha) and np.array_equal(drawn.rgb, given.rgb)
    assert drawn.trimap is not None and np.array_equal(drawn.trimap, paint_marks(GIVEN, STROKES))
    assert drawn.alpha[40, 40] > 200


def test_the_trimap_of_a_trimap_with_marks_gives_the_same_file() -> None:
    files = InputFiles(DATA, name="ear.png", marks=STROKES.model_dump_json().encode(), trimap=file_of(GIVEN))
    saved = make_trimap(files, Options(), house.runtime())
    assert np.array_equal(grey(saved), paint_marks(GIVEN, STROKES))
    again = cut_out_file(InputFiles(DATA, name="ear.png", trimap=saved), Options(), house.runtime())
    assert again.data == cut_out_file(files, Options(), house.runtime()).data


def test_the_trimap_of_a_photo_is_that_of_its_matte_with_its_marks_however_it_is_framed_or_softened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer_without_weights(monkeypatch)
    dot = marks(stroke("keep", (280, 40), radius=20, exact=True))
    files = InputFiles(DATA, name="ear.png", marks=dot.model_dump_json().encode())
    options = Options(crop=True, rotate=90, feather=9, background="color", trimap_band=4)
    trimap = grey(make_trimap(files, options, house.runtime()))
    plain = cut_out(Inputs(Photo(PICTURE), marks=dot), Options(decontaminate=False), house.runtime())
    assert trimap.shape == SIZE[::-1] and trimap[40, 280] == 255
    assert np.array_equal(trimap, draw_trimap(plain.alpha, 4))


def test_a_draft_with_a_trimap_and_marks_is_the_full_size() -> None:
    files = InputFiles(DATA, name="ear.png", marks=STROKES.model_dump_json().encode(), trimap=file_of(GIVEN))
    draft = Draft("ear.png", 1600, house.runtime())
    for options in (Options(), Options(feather=3)):
        shown = draft.cut_out(DATA, options, marks=STROKES, trimap=files.trimap)
        assert shown.data == cut_out_file(files, options, house.runtime()).data
    assert not draft.seen_by
    smaller = Draft("ear.png", 160, house.runtime()).cut_out(DATA, Options(), marks=STROKES, trimap=files.trimap)
    full = cv2.resize(cut_out_file(files, Options(), house.runtime()).cutout.alpha, (160, 120))
    assert np.abs(smaller.cutout.alpha.astype(int) - full).mean() < 4


def test_a_draft_forgets_a_trimap_that_is_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_without_weights(monkeypatch)
    draft = Draft("ear.png", 1600, house.runtime())
    first = draft.cut_out(DATA, Options())
    assert draft.cut_out(DATA, Options(), trimap=file_of(draw_trimap(HEAD, 6))).data != first.data
    assert draft.cut_out(DATA, Options()).data == first.data


def test_a_pick_beside_a_trimap_takes_a_subject_of_it_away_and_strokes_are_painted_first() -> None:
    trimap = np.zeros(SIZE[::-1], np.uint8)
    cv2.circle(trimap, (80, 120), 40, 255, -1)
    cv2.circle(trimap, (240, 120), 40, 255, -1)
    trimap[(cv2.GaussianBlur(trimap, (0, 0), 3) % 255) > 0] = 128
    pick = {"kind": "erase", "include": [[240, 120]]}
    drawn = Marks.of({"version": 1, "size": SIZE, "strokes": [pick, stroke("keep", (20, 20), radius=8).model_dump()]})
    alpha = cut_out(Inputs(Photo(PICTURE), marks=drawn, trimap=trimap), Options(), house.runtime()).alpha
    assert alpha[120, 80] == 255 and alpha[20, 20] == 255 and not alpha[100:140, 220:260].any()
