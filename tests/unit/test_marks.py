"""Marks: which JSON is taken, which is refused with where and why, and that no wild one breaks anything."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import ClearcutError, Marks
from pipeline.edges.marks import Pick, Stroke

DOT = {"kind": "keep", "radius": 3, "points": [[4, 5]]}
CLICK = {"kind": "erase", "include": [[4, 5]]}


def marks(*strokes: dict[str, Any], **other: Any) -> dict[str, Any]:
    return {"version": 1, "size": [40, 30], "strokes": list(strokes)} | other


def refused(given: Any) -> dict[str, Any]:
    """The facts of the error for `given`."""
    with pytest.raises(ClearcutError) as caught:
        Marks.of(given)
    assert caught.value.code == "bad_marks"
    return caught.value.facts


def test_json_as_text_bytes_or_read_gives_the_same_marks() -> None:
    given = marks(DOT, DOT | {"kind": "erase", "exact": True, "soft": 0.3})
    text = json.dumps(given)
    assert Marks.of(given) == Marks.of(text) == Marks.of(text.encode())
    assert Marks.of(Marks.of(given).model_dump_json()) == Marks.of(given)


@pytest.mark.parametrize(
    ("given", "at", "stroke"),
    [
        ("", "{", None),
        ("[1]", "{", None),
        (b"\xff\x00", "{", None),
        (marks(version=2), "version", None),
        (marks(size=[0, 30]), "size.0", None),
        (marks(DOT, DOT | {"kind": "cut"}), "strokes.1.kind", 2),
        (marks(DOT | {"radius": 0.4}), "strokes.0.radius", 1),
        (marks(DOT | {"radius": float("nan")}), "strokes.0.radius", 1),
        (marks(DOT | {"points": []}), "strokes.0.points", 1),
        (marks(DOT | {"points": [[1, 2], [3, float("inf")]]}), "strokes.0.points.1.1", 1),
        (marks(DOT | {"soft": 2}), "strokes.0.soft", 1),
        (marks(DOT | {"colour": "red"}), "strokes.0.colour", 1),
        (marks(DOT, CLICK | {"kind": "unsure"}), "strokes.1.kind", 2),
        (marks(CLICK | {"include": [[4, float("nan")]]}), "strokes.0.include.0.1", 1),
        (marks(CLICK | {"include": [[4, 31]]}), "strokes.0.include", 1),
        (marks(CLICK | {"exclude": [[-1, 5]]}), "strokes.0.exclude", 1),
        (marks(CLICK | {"include": [[4, 5]] * 51}), "strokes.0.include", 1),
        (marks(CLICK | {"include": []}), "strokes.0", 1),
        (marks(CLICK | {"radius": 3}), "strokes.0.radius", 1),
        (marks({"kind": "keep", "box": [5, 5, 5, 9]}), "strokes.0.box", 1),
        (marks({"kind": "keep", "box": [5, 5, 50, 9]}), "strokes.0.box", 1),
        (marks(CLICK | {"include": [[4, 5]] * 1_000_000}), "bytes", None),
        (marks(*[DOT] * 2_001), "strokes", None),
        (marks(*[CLICK] * 2_001), "strokes", None),
        (marks(*[DOT | {"points": [[1, 2]] * 150_000}] * 2), "points", None),
        (marks(DOT | {"points": [[1, 2]] * 1_000_000}), "bytes", None),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(given: Any, at: str, stroke: int | None) -> None:
    facts = refused(given)
    assert (facts["at"], facts["stroke"]) == (at, stroke) and facts["accepted"]


def test_strokes_and_picks_keep_their_order() -> None:
    given = marks(CLICK, DOT, {"kind": "keep", "box": [1, 2, 9, 9], "exclude": [[40, 30]]})
    assert [type(each) for each in Marks.of(given).strokes] == [Pick, Stroke, Pick]
    assert Marks.of(Marks.of(given).model_dump_json()) == Marks.of(given)


def test_a_wrong_pick_is_told_what_a_pick_has() -> None:
    assert "box" in refused(marks(CLICK | {"include": [[41, 5]]}))["accepted"]
    assert "radius" in refused(marks(DOT | {"radius": 0}))["accepted"]


def test_marks_of_another_photo_are_refused() -> None:
    with pytest.raises(ClearcutError) as caught:
        Marks.of(marks(DOT)).check_size((30, 40))
    assert caught.value.facts["at"] == "size"


def test_the_strokes_up_to_each_are_told_apart_from_all_others() -> None:
    one, two = Marks.of(marks(DOT, DOT)), Marks.of(marks(DOT, DOT | {"kind": "erase"}))
    assert one.digests[:2] == two.digests[:2] and one.digests[2] != two.digests[2]
    assert len(set(one.digests)) == 3


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
)


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from(["version", "size", "strokes", "more"]), anything) | st.text() | st.binary())
def test_no_wild_input_raises_anything_but_the_one_error(given: Any) -> None:
    try:
        Marks.of(given)
    except ClearcutError as error:
        assert error.code == "bad_marks"
