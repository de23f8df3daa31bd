"""Parts of a matte: what a click takes where subjects stand apart, touch, overlap, or were not found."""

from typing import Any

import cv2
import numpy as np
import pytest

from pipeline import ClearcutError, Draft, InputFiles, Inputs, Job, Marks, Options, Photo, cut_out, cut_out_file
from pipeline.edges.marks import Pick
from pipeline.edges.parts import choose_parts, split_parts
from tests import house
from tests.pictures import encoded
from tests.spies import answer_without_weights

SIZE = 640, 480
COLOURS = (190, 70, 50), (60, 90, 170)
GREEN = (60, 160, 90)


def draw_person(x: int) -> np.ndarray:
    """A body and a head, in the middle of which `x` is."""
    matte = np.zeros(SIZE[::-1], np.uint8)
    cv2.ellipse(matte, (x, 320), (90, 140), 0, 0, 360, 255, -1, cv2.LINE_AA)
    return cv2.circle(matte, (x, 150), 55, 255, -1, cv2.LINE_AA)


def paint(*mattes: np.ndarray) -> np.ndarray:
    """The subjects of `mattes`, each in its colour, on a green wall, all with grain."""
    picture = np.full((*mattes[0].shape, 3), GREEN, np.float32)
    for matte, colour in zip(mattes, COLOURS, strict=False):
        picture += (np.float32(colour) - picture) * (matte[..., None] / np.float32(255))
    return np.clip(picture + np.random.default_rng(0).normal(0, 6, picture.shape), 0, 255).astype(np.uint8)


def pick(kind: str = "erase", **where: Any) -> Pick:
    return Pick.model_validate({"kind": kind} | where)


def at(*points: tuple[int, int]) -> Pick:
    return pick("keep", include=points)


def chosen(mattes: tuple[np.ndarray, np.ndarray], **where: Any) -> list[float] | None:
    """Which share of each of two subjects a click takes."""
    parts = split_parts(cv2.max(*mattes), paint(*mattes))
    taken = choose_parts(parts, pick(**where), 0.5)
    if taken is None:
        return None
    small = [cv2.resize(each, taken.shape[::-1], interpolation=cv2.INTER_AREA) > 127 for each in mattes]
    return [float(np.count_nonzero(each & taken) / np.count_nonzero(each)) for each in small]


APART = draw_person(180), draw_person(460)
TOUCHING = draw_person(232), draw_person(408)
OVERLAPPING = draw_person(260), draw_person(380)
FIRST, SECOND = (180, 320), (460, 320)


@pytest.mark.parametrize("mattes", [APART, TOUCHING])
def test_a_click_takes_one_of_two_and_its_head(mattes: tuple[np.ndarray, np.ndarray]) -> None:
    first = chosen(mattes, include=[(200, 150)])
    assert first and first[0] > 0.98 and first[1] < 0.02
    second = chosen(mattes, include=[(440, 400)])
    assert second and second[1] > 0.98 and second[0] < 0.02


def test_of_two_that_overlap_a_point_to_leave_out_divides_them_by_their_colours() -> None:
    both = chosen(OVERLAPPING, include=[(200, 320)])
    assert both and min(both) > 0.98
    one = chosen(OVERLAPPING, include=[(200, 320)], exclude=[(440, 320)])
    visible = np.count_nonzero(OVERLAPPING[0] & ~OVERLAPPING[1]) / np.count_nonzero(OVERLAPPING[0])
    assert one and one[0] == pytest.approx(visible, abs=0.08)


def test_a_box_takes_what_it_holds_most_of() -> None:
    assert chosen(APART, box=[60, 80, 300, 470]) == pytest.approx([1, 0], abs=0.01)
    assert chosen(APART, box=[0, 0, 640, 480]) == pytest.approx([1, 1], abs=0.01)
    assert chosen(APART, box=[0, 0, 100, 480]) is None
    assert chosen(APART, box=[0, 0, 640, 480], exclude=[FIRST]) == pytest.approx([0, 1], abs=0.01)


def test_beside_all_subjects_and_without_any_there_is_nothing_to_take() -> None:
    assert chosen(APART, include=[(320, 20)]) is None
    empty = np.zeros_like(APART[0])
    assert choose_parts(split_parts(empty, paint(empty)), pick(include=[(320, 240)]), 0.5) is None


def test_a_corner_of_the_photo_can_be_clicked() -> None:
    whole = np.full_like(APART[0], 255)
    assert choose_parts(split_parts(whole, paint(whole)), pick(include=[SIZE]), 0.5).all()


# ---- in a cut-out ----------------------------------------------------------------------------------------------------


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """A photo of two people, who are found."""
    answer_without_weights(monkeypatch)
    rgb = paint(*TOUCHING)
    monkeypatch.setattr("pipeline.stages.make_matte", lambda photo, *_: cv2.resize(cv2.max(*TOUCHING), photo.size))
    return rgb


def marks(*picks: Pick) -> Marks:
    return Marks(version=1, size=SIZE, strokes=picks)


def test_one_of_two_people_who_touch_is_dropped_and_comes_back(found: np.ndarray) -> None:
    photo, options = Photo(found), Options(decontaminate=False)
    before = cut_out(Inputs(photo), options, house.runtime()).alpha
    dropped = pick(include=[(420, 320)])
    after = cut_out(Inputs(photo, marks=marks(dropped)), options, house.runtime()).alpha
    assert np.abs(after.astype(int) - TOUCHING[0]).mean() < 1.5
    back = cut_out(Inputs(photo, marks=marks(dropped, pick("keep", include=[(420, 320)]))), options, house.runtime())
    assert np.abs(back.alpha.astype(int) - before).mean() < 0.2


def test_a_subject_that_was_clicked_stays_though_only_the_largest_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer_without_weights(monkeypatch)
    matte = cv2.max(APART[0], cv2.circle(np.zeros_like(APART[0]), (480, 100), 30, 255, -1))
    monkeypatch.setattr("pipeline.stages.make_matte", lambda *_: matte)
    inputs = Inputs(Photo(paint(matte)), marks=marks(pick("keep", include=[(480, 100)])))
    alpha = cut_out(inputs, Options(largest=True), house.runtime()).alpha
    assert alpha[100, 480] >= 254
    assert cut_out(Inputs(inputs.photo), Options(largest=True), house.runtime()).alpha[100, 480] == 0


def test_a_click_on_a_thing_that_was_not_found_brings_it_and_one_on_the_wall_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer_without_weights(monkeypatch)
    ball = cv2.circle(np.zeros_like(APART[0]), (500, 300), 60, 255, -1, cv2.LINE_AA)
    monkeypatch.setattr("pipeline.stages.make_matte", lambda *_: APART[0])
    photo = Photo(paint(APART[0], ball))

    def take(point: tuple[int, int]) -> np.ndarray:
        inputs = Inputs(photo, marks=marks(pick("keep", include=[point])))
        return cut_out(inputs, Options(), house.runtime()).alpha > 127

    assert np.count_nonzero(take((510, 290)) != (cv2.max(APART[0], ball) > 127)) < 0.03 * np.count_nonzero(ball)
    assert np.count_nonzero(take((330, 40)) != (APART[0] > 127)) < 20


def test_what_lights_up_is_what_a_click_changes_and_the_file_is_that_of_the_same_marks(found: np.ndarray) -> None:
    data, runtime = encoded(found), house.runtime()
    draft = Draft("two.png", 1600, runtime)
    lit = draft.preview_pick(data, Options(), at((420, 320)), False, None, None, Job())
    assert lit.kind == "erase" and np.count_nonzero(lit.area != (TOUCHING[1] > 64)) < 0.02 * TOUCHING[1].size
    dropped = marks(pick(include=[(420, 320)]))
    assert draft.preview_pick(data, Options(), at((420, 320)), False, dropped, None, Job()).kind == "keep"
    assert draft.preview_pick(data, Options(), at((5, 5)), False, dropped, None, Job()).kind is None
    shown = draft.cut_out(data, Options(), marks=dropped).data
    files = InputFiles(data, name="two.png", marks=dropped.model_dump_json().encode())
    assert shown == cut_out_file(files, Options(), runtime).data


def test_a_frame_drops_what_it_holds_and_brings_back_what_was_dropped(found: np.ndarray) -> None:
    data, draft = encoded(found), Draft("two.png", 1600, house.runtime())
    frame = pick("keep", box=[325, 60, 520, 475])
    assert draft.preview_pick(data, Options(), frame, False, None, None, Job()).kind == "erase"
    dropped = marks(pick(include=[(420, 320)]))
    assert draft.preview_pick(data, Options(), frame, False, dropped, None, Job()).kind == "keep"


def test_a_pick_that_takes_the_place_of_the_last_one_is_of_its_kind() -> None:
    first, second = pick(include=[FIRST]), pick("keep", include=[SECOND])
    others, instead = marks(second, first).make_way(at(FIRST, SECOND))
    assert others == marks(second)
    assert instead == pick(include=[FIRST, SECOND])
    stroke = {"kind": "keep", "radius": 9, "points": [FIRST]}
    with pytest.raises(ClearcutError, match="bad_marks"):
        Marks.of({"version": 1, "size": SIZE, "strokes": [stroke]}).make_way(first)


@pytest.mark.parametrize("places", ["", "[]", "{}", '{"include": [[1]]}', '{"include": [[NaN, 1]]}', "[" * 20_000])
def test_places_that_are_none_are_refused(places: str) -> None:
    with pytest.raises(ClearcutError, match="bad_marks"):
        Pick.at(places)


def test_where_one_sees_through_a_subject_a_click_makes_it_solid(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_without_weights(monkeypatch)
    matte = cv2.circle(TOUCHING[0].copy(), (232, 360), 40, 110, -1, cv2.LINE_AA)
    monkeypatch.setattr("pipeline.stages.make_matte", lambda photo, *_: cv2.resize(matte, photo.size))
    data = encoded(paint(TOUCHING[0]))
    lit = Draft("one.png", 640, house.runtime()).preview_pick(data, Options(), at((232, 360)), False, None, None, Job())
    assert lit.kind == "keep" and lit.area[360, 232]
    inputs = Inputs(Photo(paint(TOUCHING[0])), marks=marks(at((232, 360))))
    assert cut_out(inputs, Options(), house.runtime()).alpha[345:375, 215:250].min() > 250


def test_what_was_mended_before_it_was_dropped_comes_back_mended(found: np.ndarray) -> None:
    runtime, hole = house.runtime(), {"kind": "erase", "radius": 12, "exact": True, "points": [(420, 320)]}
    drop, back = pick(include=[(420, 400)]), at((420, 400))
    mended = Marks.of({"version": 1, "size": SIZE, "strokes": [hole]})

    def alpha(*picks: Pick) -> np.ndarray:
        drawn = mended.model_copy(update={"strokes": (*mended.strokes, *picks)})
        return cut_out(Inputs(Photo(found), marks=drawn), Options(), runtime).alpha

    assert alpha()[320, 420] == alpha(drop)[320, 420] == alpha(drop, back)[320, 420] == 0
    assert alpha(drop, back)[400, 420] == 255


def test_marks_that_take_everything_away_are_told_of(found: np.ndarray) -> None:
    everything = marks(pick(box=[0, 0, *SIZE]))
    cutout = cut_out(Inputs(Photo(found), marks=everything), Options(), house.runtime())
    assert cutout.warnings == ("nothing_left",) and not cutout.alpha.any()
