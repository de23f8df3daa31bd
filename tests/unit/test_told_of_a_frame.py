"""What is told of a frame, by warnings and by a sentence, never contradicts itself, and what it advises helps."""

import re
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import LANGUAGES, Options, Photo, load_words
from pipeline.compose import ComposedPicture, Face, compose
from pipeline.compose.framing import ENLARGED, LARGEST, NOT_FITTING, TOO_SMALL
from pipeline.options.canvas import describe_fill, describe_head, list_canvases

SIZES = {ENLARGED, TOO_SMALL, NOT_FITTING}
LONG_SIDE = 120  # of the pictures that are made here: views of photos and canvases of any size
RULED = [name for name, canvas in list_canvases().items() if canvas.min_fill]
HEADS = [name for name, canvas in list_canvases().items() if canvas.group == "id_photo"]

shares = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted)
photos = st.fixed_dictionaries(
    {
        "photo": st.tuples(st.integers(20, LONG_SIDE), st.integers(20, LONG_SIDE)),
        "across": shares,
        "down": shares,
        "reduced": st.floats(0.02, 1),
        "head": st.floats(0.02, 0.6),
    }
)
looks = st.fixed_dictionaries(
    {
        "canvas": st.sampled_from(["", "600x900", "3000x500", "4:5", "ebay", *RULED * 4, *HEADS]),
        "margin": st.one_of(st.just(8.0), st.floats(0, 100)),
        "outline": st.sampled_from([0.0, 2.5, 10.0]),
        "shadow": st.sampled_from(["none", "contact", "drop"]),
        "shadow_blur": st.sampled_from([0.0, 5.0, 30.0]),
        "background": st.sampled_from(["color", "blur", "original"]),
        "crop": st.booleans(),
    }
)


def make(about: dict[str, Any], **options: Any) -> ComposedPicture:
    """A picture of a block as subject, with a face in its upper part where one is looked for."""
    width, height = about["photo"]
    (left, right), (top, bottom) = about["across"], about["down"]
    alpha = np.zeros((height, width), np.uint8)
    alpha[int(top * height) : int(bottom * height), int(left * width) : int(right * width)] = 255
    side = round(about["head"] * (bottom - top) * height)
    face = Face(round((left + right) / 2 * width - side / 2), round(top * height + 0.25 * side), side)
    rgb = np.zeros((height, width, 3), np.uint8)
    how: dict[str, Any] = {"reduced": about["reduced"], "long_side": LONG_SIDE, "look": lambda _: (face,) * (side > 0)}
    return compose(rgb, alpha, Photo(rgb), Options(**options), **how)


@settings(max_examples=200)
@given(photos, looks)
def test_what_is_told_is_consistent(about: dict[str, Any], look: dict[str, Any]) -> None:
    made = make(about, **look)
    told, verdict = SIZES & {*made.warnings}, made.fill.verdict if made.fill else ""
    filled, head = describe_fill(made.fill, look["canvas"], "en"), describe_head(made.head, look["canvas"], "en")
    canvas, enlarged = list_canvases().get(look["canvas"]), made.placement.enlarged
    assert len(told) <= 1 and not (filled and head)
    assert enlarged <= LARGEST and (enlarged > 1 or ENLARGED not in told)
    if not made.matte.any():
        assert (told, filled, head) == (set(), "", "")
    if told & {TOO_SMALL, NOT_FITTING}:
        assert not filled and ": right." not in head and ": enough." not in filled
    elif made.matte.any():
        assert (ENLARGED in told) == (enlarged > 1)
        assert bool(verdict) == bool(canvas and canvas.min_fill)
        assert not head or ": right." in head or look["background"] != "color"  # there the photo is as it is
    if verdict:
        assert (verdict == "passes") == (made.fill.percent >= canvas.min_fill) == (": enough." in filled)
    for percent, least, most in re.findall(r"takes (\d+) %.* for (\d+)–(\d+) %: right", head):
        assert int(least) <= int(percent) <= int(most)


@settings(max_examples=200)
@given(photos, looks.filter(lambda look: look["canvas"] in RULED))
def test_what_is_advised_really_helps(about: dict[str, Any], look: dict[str, Any]) -> None:
    helps = {"crop": {"crop": True}, "room": {"outline": 0, "shadow": "none"}, "margin": {"margin": 0}}
    allowed = {"crop": {"passes", "margin", "room"}, "room": {"passes", "margin"}, "margin": {"passes"}}
    made = make(about, **look)
    if made.fill.verdict in helps:
        after = make(about, **look | helps[made.fill.verdict])
        assert after.fill.verdict in allowed[made.fill.verdict] and TOO_SMALL not in after.warnings
    if TOO_SMALL in made.warnings:
        bare = {"margin": 0, "outline": 0, "shadow": "none", "crop": True, "background": "color"}
        after = make(about, **look | bare)
        assert TOO_SMALL in after.warnings or look["background"] in ("blur", "original")


def test_the_sentence_names_how_far_a_photo_is_enlarged_at_most() -> None:
    for language in LANGUAGES:
        assert f" {LARGEST:g} " in load_words(language)[f"warning.{TOO_SMALL}"]
