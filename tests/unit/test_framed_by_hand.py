"""Frames by hand: a part of the photo, the subject moved and scaled in its frame, beside the other options."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import ClearcutError, Photo
from pipeline.compose import compose
from pipeline.compose.framing import ENLARGED, TOO_SMALL, find_subject_box
from pipeline.compose.moving import KEPT, place_part
from pipeline.options.crop_box import WHOLE, CropBox, parse_crop_box
from pipeline.options.options import Options

SIZE = (100, 80)
percents = st.floats(0, 100)
offsets = st.floats(-100, 100)


def block(left=30, top=20, right=70, bottom=40, size=SIZE) -> np.ndarray:
    alpha = np.zeros(size[::-1], np.uint8)
    alpha[top:bottom, left:right] = 255
    return alpha


def compose_block(alpha: np.ndarray, reduced: float = 1.0, long_side: int | None = None, **options):
    """The picture of a photo that is another colour at every pixel, with this matte."""
    high, wide = alpha.shape
    rows, columns = np.mgrid[:high, :wide]
    rgb = np.dstack((columns, rows, np.full_like(rows, 90))).astype(np.uint8)
    photo = Photo(rgb)
    return compose(rgb.copy(), alpha, photo, Options.of(**options), reduced=reduced, long_side=long_side)


def box_of(picture) -> tuple[int, int, int, int]:
    return tuple(find_subject_box(picture.matte))


# ---- crop box --------------------------------------------------------------------------------------------------------


def test_a_crop_box_is_that_part_of_the_photo_to_the_pixel():
    picture = compose_block(block(), crop_box="20,25,60,75")
    assert picture.size == (40, 40) and box_of(picture) == (10, 0, 40, 20)
    assert picture.rgb[5, 15].tolist() == [35, 25, 90]


@pytest.mark.parametrize("text", ["", " ", "0,0,100,100", "0, 0.0, 100, 100.0"])
def test_a_box_around_all_of_the_photo_is_none(text):
    assert Options.of(crop_box=text) == Options()


@pytest.mark.parametrize(
    "text",
    ["1,2,3", "1,2,3,4,5", "a,b,c,d", "50,0,50,100", "60,0,40,100", "0,60,100,40", "-1,0,50,50", "0,0,101,50",
     "nan,0,50,50", "0,0,inf,50", ",,,"],
)  # fmt: skip
def test_what_is_no_part_of_a_photo_is_refused_with_what_would_be(text):
    with pytest.raises(ClearcutError) as caught:
        Options.of(crop_box=text)
    assert caught.value.code == "bad_option"
    assert (caught.value.facts["name"], caught.value.facts["unit"]) == ("crop_box", "option.crop_box.unit")


@given(st.text(alphabet="0123456789.,-e ", max_size=40))
def test_any_text_is_a_box_or_refused(text):
    try:
        box = parse_crop_box(Options.of(crop_box=text).crop_box)
    except ClearcutError as error:
        assert error.code == "bad_option"
    else:
        assert box == WHOLE or (box.left < box.right and box.top < box.bottom)


@given(percents, percents, percents, percents, st.integers(1, 5000), st.integers(1, 5000))
def test_any_box_is_at_least_a_pixel_of_any_photo_and_inside_it(a, b, c, d, wide, high):
    box = CropBox(min(a, c), min(b, d), max(a, c), max(b, d))
    left, top, right, bottom = box.find_pixels((wide, high))
    assert 0 <= left < right <= wide and 0 <= top < bottom <= high


def test_the_same_box_shows_the_same_part_at_any_size():
    for size in ((100, 80), (1000, 800), (4000, 3200)):
        assert CropBox(10, 25, 90, 75).find_size(size) == (size[0] * 8 // 10, size[1] // 2)


def test_a_box_is_of_the_photo_before_it_is_turned():
    upright = compose_block(block(), crop_box="20,25,60,50")
    turned = compose_block(block(), crop_box="20,25,60,50", rotate=90, flip="horizontal")
    assert np.array_equal(np.fliplr(np.rot90(upright.rgb, -1)), turned.rgb)


def test_crop_frames_the_subject_inside_the_box():
    both = compose_block(block(), crop_box="0,0,50,100", crop=True, margin=0)
    assert both.size == (20, 20) and both.matte.all()
    assert "margin" not in Options.of(crop_box="0,0,50,100", crop=True, margin=5).list_without_effect()


@pytest.mark.parametrize("canvas", ["80x120", "2:3"])
def test_on_a_canvas_of_its_shape_a_box_leaves_nothing_empty(canvas):
    whole = np.full((80, 100), 255, np.uint8)
    picture = compose_block(whole, crop_box="10,10,45.9,75", canvas=canvas)  # 36 by 52: a shape missed by two pixels
    assert picture.matte.all()
    assert "margin" in Options.of(crop_box="10,10,46,75", canvas=canvas, margin=5).list_without_effect()


def test_on_a_canvas_of_another_shape_a_box_shows_whole_in_the_middle():
    whole = np.full((80, 100), 255, np.uint8)
    picture = compose_block(whole, crop_box="0,0,40,50", canvas="80x40")
    assert box_of(picture) == (20, 0, 60, 40)
    assert place_part(whole, (1000, 1000)).warnings == (TOO_SMALL,)
    assert place_part(whole, (200, 160)).warnings == (ENLARGED,)


# ---- moved and scaled ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frame", [{}, {"crop": True, "margin": 50}, {"canvas": "200x100"}, {"canvas": "1:1", "margin": 30}]
)
def test_an_offset_is_a_share_of_the_frame_which_keeps_its_size(frame):
    before = compose_block(block(), **frame)
    after = compose_block(block(), offset_x=10, offset_y=-5, **frame)
    wide, high = before.size
    assert after.size == before.size
    moved = np.subtract(box_of(after), box_of(before))
    assert moved == pytest.approx([wide / 10, -high / 20] * 2, abs=1.01)


def test_scale_is_about_the_middle_of_the_subject():
    picture = compose_block(block(), scale=50)
    assert picture.size == SIZE and box_of(picture) == (40, 25, 60, 35)
    assert picture.stand.box == pytest.approx((0.4, 25 / 80, 0.6, 35 / 80))


def test_a_smaller_bust_still_stands_on_the_border_that_cuts_it():
    picture = compose_block(block(30, 20, 70, 80), canvas="200x200", scale=50)
    assert box_of(picture)[3] == 200


def test_whatever_is_asked_for_a_tenth_of_the_subject_stays_in_sight_and_the_offset_that_counts_is_told():
    picture = compose_block(block(), offset_x=100, offset_y=-100)
    left, _, _, bottom = box_of(picture)
    assert (left, bottom) == (100 - 40 * KEPT, 20 * KEPT)
    assert picture.stand.offset == pytest.approx((0.66, -38 / 80))


def test_who_scales_by_hand_is_told_how_far_the_photo_is_enlarged():
    assert compose_block(block(), scale=200).warnings == (ENLARGED,)
    large = compose_block(block(), canvas="600x600", scale=200)
    assert large.warnings == (ENLARGED,) and large.placement.enlarged == 6
    assert compose_block(block(), canvas="600x600", scale=50).warnings == (TOO_SMALL,)


def test_without_a_subject_the_photo_itself_moves():
    picture = compose_block(np.zeros((80, 100), np.uint8), background="original", offset_x=20, scale=50)
    assert picture.stand.box == pytest.approx((0.45, 0.25, 0.95, 0.75))


def test_a_shop_that_asks_for_more_of_the_subject_says_to_make_it_larger():
    small = compose_block(block(size=(1000, 800), left=100, right=900, top=100, bottom=700), canvas="amazon", scale=50)
    assert small.fill.verdict == "hand"


frames = st.sampled_from(
    [{}, {"crop": True}, {"canvas": "90x60"}, {"canvas": "4:5"}, {"canvas": "30x90", "background": "blur"},
     {"canvas": "id-cn-1"}]
)  # fmt: skip
boxes = st.one_of(
    st.just(""),
    st.tuples(st.integers(0, 48), st.integers(0, 48), st.integers(52, 100), st.integers(52, 100)).map(
        lambda box: ",".join(map(str, box))
    ),
)


@settings(max_examples=150)
@given(frames, boxes, offsets, offsets, st.floats(10, 400), st.sampled_from([0, 90, 180, 270]), st.booleans())
def test_any_frame_by_hand_has_the_size_it_has_without_and_something_in_it(frame, box, x, y, scale, turn, shadow):
    still = frame | {"crop_box": box, "rotate": turn, "shadow": "drop" if shadow else "none"}
    before = compose_block(block(), **still)
    after = compose_block(block(), offset_x=x, offset_y=y, scale=scale, **still)
    assert after.size == before.size
    assert after.rgb.shape[:2] == after.alpha.shape == after.matte.shape
    if before.matte.any() and scale >= 100:
        assert after.matte.any()
    left, top, right, bottom = after.stand.box
    assert left < 1 and top < 1 and right > 0 and bottom > 0


@pytest.mark.parametrize("frame", [{}, {"canvas": "800x400"}, {"canvas": "4:5"}, {"crop_box": "10,10,80,90"}])
def test_a_draft_shows_what_the_full_size_has(frame):
    whole = block(300, 200, 700, 400, (1000, 800))
    how = frame | {"offset_x": 12.5, "offset_y": -8, "scale": 130}
    full = compose_block(whole, **how)
    draft = compose_block(block(75, 50, 175, 100, (250, 200)), reduced=0.25, long_side=200, **how)
    assert draft.stand.box == pytest.approx(full.stand.box, abs=0.01)
    shares = [[side / whole for side, whole in zip(box_of(each), each.size * 2, strict=True)] for each in (full, draft)]
    assert shares[0] == pytest.approx(shares[1], abs=0.015)
