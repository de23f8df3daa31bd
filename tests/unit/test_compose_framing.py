"""Where the subject stands: crop, canvas, ratio, turns; and the canvases that shops ask for."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.compose.framing import (
    ENLARGED,
    LARGEST,
    TOO_SMALL,
    Placement,
    find_subject_box,
    place_covering,
    place_cropped,
    place_in_ratio,
    place_on_canvas,
    place_whole,
    turn,
)
from pipeline.options.canvas import GROUPS, FillFacts, describe_fill, list_canvases, parse_canvas
from pipeline.options.options import Options
from tests.pictures import composite

sides = st.integers(1, 40)
shapes = st.tuples(sides, sides)
values = st.one_of(st.sampled_from([0, 255]), st.integers(0, 255))
cutouts = shapes.flatmap(
    lambda shape: st.tuples(arrays(np.uint8, (*shape, 3)), arrays(np.uint8, shape, elements=values, fill=values))
)
sizes = st.tuples(st.integers(1, 90), st.integers(1, 90))


def place_alpha(placement: Placement, alpha: np.ndarray) -> np.ndarray:
    """Where `placement` puts an alpha alone."""
    return placement.place_layer(np.zeros((*alpha.shape, 3), np.uint8), alpha)[1]


def block(left=30, top=20, right=70, bottom=40, size=(100, 80)) -> np.ndarray:
    alpha = np.zeros(size[::-1], np.uint8)
    alpha[top:bottom, left:right] = 255
    return alpha


def edges(alpha: np.ndarray) -> tuple[int, int, int, int]:
    box = find_subject_box(alpha)
    return box.left, box.top, box.right, box.bottom


def coloured(alpha: np.ndarray) -> np.ndarray:
    return cv2.copyTo(np.full((*alpha.shape, 3), (200, 100, 50), np.uint8), alpha)


def test_a_crop_without_margin_is_the_subject():
    placed = place_cropped(block())
    rgb, alpha = placed.place_layer(coloured(block()), block())
    assert alpha.shape == (20, 40) and (alpha == 255).all() and (rgb == (200, 100, 50)).all()


@pytest.mark.parametrize(("margin", "pixels"), [(0, 0), (10, 4), (100, 40)])
def test_a_margin_is_a_share_of_the_longer_side_and_may_go_beyond_the_photo(margin, pixels):
    placed = place_cropped(block(), margin)
    assert edges(place_alpha(placed, block())) == (pixels, pixels, 40 + pixels, 20 + pixels)
    assert placed.size == (40 + 2 * pixels, 20 + 2 * pixels)
    assert placed.warnings == () and placed.scale == 1


def test_where_the_photo_cuts_the_subject_there_is_no_margin():
    bust = block(30, 20, 70, 80)
    assert edges(place_alpha(place_cropped(bust, 10), bust)) == (6, 6, 46, 66)
    assert place_cropped(bust, 10).size == (52, 66)
    placed = place_on_canvas(bust, (200, 200), 10)
    assert edges(place_alpha(placed, bust))[3] == 200  # shoulders end at the border
    left, top, right, _ = edges(place_alpha(placed, bust))
    assert abs(left - (200 - right)) <= 1 and top >= 10


def test_what_is_cut_at_the_bottom_stands_there_whatever_touches_the_top():
    full = block(30, 0, 70, 80)  # hair at the top border, a chest at the bottom one
    placed = place_on_canvas(full, (40, 200), 10, natural=50)
    assert edges(place_alpha(placed, full))[3] == 200 and edges(place_alpha(placed, full))[1] > 0
    hanging = block(30, 0, 70, 40)
    assert edges(place_alpha(place_on_canvas(hanging, (40, 200), 10, natural=50), hanging))[1] == 0
    for at, bust in ((0, block(0, 0, 40, 80)), (2, block(60, 0, 100, 80))):
        shown = edges(place_alpha(place_on_canvas(bust, (200, 80), 10), bust))
        assert shown[at] == (0, 0, 200, 80)[at] and shown[3] == 80


def test_haze_far_away_does_not_widen_a_crop():
    hazy = block()
    hazy[0, 0] = 12
    assert place_cropped(hazy).size == (40, 20)
    hazy[0, 0] = 13
    assert place_cropped(hazy).size == (70, 40)


@pytest.mark.parametrize("size", [(50, 50), (200, 60), (60, 200), (80, 41), (1000, 1000)])
@pytest.mark.parametrize("margin", [0, 5, 30])
def test_a_canvas_has_its_size_and_the_subject_in_its_middle(size, margin):
    placed = place_on_canvas(block(), size, margin, natural=50)
    alpha = place_alpha(placed, block())
    assert alpha.shape == size[::-1]
    left, top, right, bottom = edges(alpha)
    assert abs(left + right - size[0]) <= 2 and abs(top + bottom - size[1]) <= 2
    wide, high = right - left, bottom - top
    wanted = min(size[0] / (40 + 0.8 * margin), size[1] / (20 + 0.8 * margin))
    blur = 2 + 1.2 * wanted  # a pixel that is enlarged is soft
    assert wide == pytest.approx(40 * wanted, abs=blur) and high == pytest.approx(20 * wanted, abs=blur)


def test_a_subject_is_enlarged_only_so_far_and_says_how_far():
    assert place_on_canvas(block(), (30, 30)).warnings == place_on_canvas(block(), (41, 41)).warnings == ()
    enlarged = place_on_canvas(block(), (96, 96))
    assert (enlarged.warnings, enlarged.enlarged, enlarged.scale) == ((ENLARGED,), 2.4, 2.4)
    view = place_on_canvas(block(), (60, 60), natural=2)  # of what is larger than the photo itself
    assert (view.warnings, view.enlarged) == ((), 1)
    for place in (place_on_canvas, place_covering):
        small = place(block(), (800, 800))
        assert (small.warnings, small.enlarged, small.scale) == ((TOO_SMALL,), LARGEST, LARGEST)
        left, _, right, _ = edges(place_alpha(small, block()))
        assert right - left == pytest.approx(LARGEST * 40, abs=3)


def test_what_fills_as_much_as_is_asked_for_is_not_too_small_though_the_margin_is_larger():
    assert place_on_canvas(block(), (130, 130), min_fill=92).warnings == (ENLARGED,)
    assert place_on_canvas(block(), (130, 130), min_fill=93).warnings == (TOO_SMALL,)
    assert place_on_canvas(block(), (130, 130)).warnings == (TOO_SMALL,)


def test_an_enlarged_photo_has_no_halo_beside_an_edge():
    rgb = np.full((80, 100, 3), 60, np.uint8)
    rgb[:, 50:] = 200
    placed = place_on_canvas(block(), (110, 110))
    colour, alpha = placed.place_layer(cv2.copyTo(rgb, block()), block())
    inside = colour[alpha > 8]
    assert placed.warnings == (ENLARGED,) and inside.min() >= 59 and inside.max() <= 201
    assert {60, 200} <= {*inside.ravel().tolist()}


def test_a_scaled_edge_keeps_the_subjects_colour():
    for size in ((37, 37), (173, 173)):
        rgb, alpha = place_on_canvas(block(), size, 10, natural=5).place_layer(coloured(block()), block())
        assert np.abs(rgb[alpha > 8].astype(int) - (200, 100, 50)).max() <= 1
        assert not rgb[alpha == 0].any()


def test_a_covering_photo_leaves_nothing_empty_and_keeps_the_subject_in():
    whole = np.full((80, 100), 255, np.uint8)
    for size in ((50, 90), (160, 30), (100, 80), (200, 160)):
        placed = place_covering(block(60, 20, 100, 40), size)
        assert (place_alpha(placed, whole) == 255).all() and placed.size == size
    assert edges(place_alpha(place_covering(block(60, 20, 100, 40), (40, 80)), block(60, 20, 100, 40))) == (
        0,
        20,
        40,
        40,
    )


@pytest.mark.parametrize(("wide", "high"), [(1, 1), (4, 5), (16, 9), (9, 16)])
def test_a_ratio_is_met_without_scaling(wide, high):
    placed = place_in_ratio(block(), wide, high, 10)
    alpha = place_alpha(placed, block())
    assert placed.size[0] / placed.size[1] == pytest.approx(wide / high, rel=0.02)
    left, top, right, bottom = edges(alpha)
    assert (right - left, bottom - top) == (40, 20)
    assert min(left, top, placed.size[0] - right, placed.size[1] - bottom) >= 4


def test_beyond_the_photo_its_background_is_mirrored_and_a_shadow_fades():
    photo = composite(100, 80)
    placed = place_cropped(np.full((80, 100), 255, np.uint8), 0)
    assert placed.place_backdrop(photo.rgb) is photo.rgb
    placed = place_cropped(block(), 100)
    behind = placed.place_backdrop(photo.rgb)
    assert behind.shape == (100, 120, 3)
    (x, y), box = placed.at, placed.box
    assert np.array_equal(behind[y:, x : x + 100][:80], photo.rgb[box.top : box.bottom, box.left : box.right])
    assert np.array_equal(behind[y - 1, x : x + 100], behind[y, x : x + 100])
    shade = placed.place_shadow(np.full((80, 100), 200, np.uint8)).astype(int)
    assert (shade[y : y + 80, x : x + 100] == 200).all()
    assert (np.diff(shade[:y, 60]) >= 0).all() and shade[0, 60] < 100


@pytest.mark.parametrize(
    "place",
    [place_cropped, lambda alpha: place_on_canvas(alpha, (100, 80)), lambda alpha: place_covering(alpha, (100, 80))],
)
def test_what_changes_nothing_gives_back_the_input_itself(place):
    full = np.full((80, 100), 255, np.uint8)
    rgb = coloured(full)
    placed = place(full)
    assert placed.is_identity
    assert place_alpha(placed, full) is full and placed.place_shadow(full) is full and placed.place_backdrop(rgb) is rgb
    assert placed.place_layer(rgb, full) == (rgb, full)


@pytest.mark.parametrize(
    "place", [place_cropped, lambda alpha: place_on_canvas(alpha, (50, 40)), lambda alpha: place_in_ratio(alpha, 5, 4)]
)
def test_without_a_subject_the_whole_photo_stays(place):
    nothing = np.zeros((80, 100), np.uint8)
    placed = place(nothing)
    assert (placed.box.left, placed.box.top, placed.box.right, placed.box.bottom) == (0, 0, 100, 80)
    assert not place_alpha(placed, nothing).any()


@settings(max_examples=200)
@given(cutouts, sizes, st.floats(0, 200), st.floats(0.05, 10))
def test_any_cutout_goes_on_any_canvas(planes, size, margin, natural):
    rgb, alpha = planes
    rgb[alpha == 0] = 0
    shown = [
        place_on_canvas(alpha, size, margin, natural),
        place_covering(alpha, size, natural),
        place_cropped(alpha, margin),
    ]
    for placed in [*shown, place_in_ratio(alpha, *size, margin)] if max(size) < 8 * min(size) else shown:
        colour, whole = placed.place_layer(rgb, alpha)
        assert whole.shape == placed.size[::-1] and colour.shape == (*whole.shape, 3)
        assert not colour[whole == 0].any()
        assert place_alpha(placed, alpha).shape == placed.place_shadow(alpha).shape == whole.shape
        assert placed.place_backdrop(rgb).shape == colour.shape
    assert all(placed.size == size for placed in shown[:2])


@settings(max_examples=80)
@given(cutouts, st.floats(0, 60))
def test_what_is_not_scaled_is_untouched(planes, margin):
    rgb, alpha = planes
    rgb[alpha == 0] = 0
    placed = place_cropped(alpha, margin)
    colour, whole = placed.place_layer(rgb, alpha)
    (x, y), (wide, high), box = placed.at, placed.scaled, placed.box
    assert np.array_equal(colour[y : y + high, x : x + wide], rgb[box.top : box.bottom, box.left : box.right])
    assert whole.sum() == alpha[box.top : box.bottom, box.left : box.right].sum()


# ---- turns -----------------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(cutouts, st.integers(-8, 8))
def test_turns_are_clockwise_and_come_round(planes, quarters):
    for plane in planes:
        assert np.array_equal(turn(plane, quarters), np.rot90(plane, -quarters))
        assert np.array_equal(turn(turn(plane, quarters), -quarters), plane)
        assert np.array_equal(turn(plane, quarters, "horizontal"), np.fliplr(np.rot90(plane, -quarters)))
        assert np.array_equal(turn(plane, quarters, "vertical"), np.flipud(np.rot90(plane, -quarters)))
        assert turn(plane, 4) is plane


# ---- canvases of the house -------------------------------------------------------------------------------------------


def test_fill_is_the_share_of_the_longer_way():
    for alpha, percent in ((block(), 40), (block(0, 0, 10, 80), 100)):
        assert place_whole(alpha).measure_fill(find_subject_box(alpha)) == percent


@pytest.mark.parametrize("size", [(500, 500), (300, 90), (90, 300)])
@pytest.mark.parametrize("place", [place_on_canvas, place_covering])
def test_fill_is_what_the_placed_subject_fills(size, place):
    alpha = cv2.resize(block(60, 20, 100, 40), None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    placed = place(alpha, size)
    shown = find_subject_box(place_alpha(placed, alpha)).size
    measured = 100 * max(part / side for part, side in zip(shown, size, strict=True))
    assert placed.measure_fill(find_subject_box(alpha)) == pytest.approx(measured, abs=2.5)


@pytest.mark.parametrize("name", list_canvases())
def test_every_canvas_is_whole(name):
    wanted = list_canvases()[name]
    assert wanted.id == name and wanted.group in GROUPS and wanted.unit in ("px", "mm")
    assert all(200 <= side <= 5000 for side in wanted.size)
    assert (wanted.unit == "mm") == (wanted.dpi == 300) == (wanted.group == "id_photo")
    assert wanted.title_en.isprintable() and wanted.title_zh.isprintable()
    assert wanted.title_en and wanted.title_zh
    if wanted.group == "id_photo":
        assert wanted.background and any("\u4e00" <= letter <= "\u9fff" for letter in wanted.title_zh)


def test_canvas_titles_are_told_apart():
    for language in ("title_en", "title_zh"):
        titles = [getattr(wanted, language) for wanted in list_canvases().values()]
        assert len(set(titles)) == len(titles)


@pytest.mark.parametrize(
    ("name", "size"),
    [("id-35x45", (413, 531)), ("id-us", (600, 600)), ("id-cn-1", (295, 413)), ("amazon", (2000, 2000))],
)
def test_millimetres_come_as_pixels(name, size):
    assert list_canvases()[name].size == size


@pytest.mark.parametrize("name", [name for name, wanted in list_canvases().items() if wanted.min_fill])
def test_the_default_margin_fills_a_canvas_as_it_asks(name):
    wanted, margin = list_canvases()[name], Options().margin
    for alpha in (block(), block(40, 5, 60, 75), block(30, 20, 50, 40)):
        alpha = cv2.resize(alpha, None, fx=20, fy=20, interpolation=cv2.INTER_NEAREST)
        placed = place_on_canvas(alpha, wanted.size, margin, natural=1000)
        assert wanted.accepts(placed.measure_fill(find_subject_box(alpha)))
    assert not wanted.accepts(wanted.min_fill - 0.1)
    assert "fills 90 %" in describe_fill(FillFacts(90, "passes"), name, "en")


def test_nothing_is_said_of_a_frame_that_asks_for_nothing():
    said = [describe_fill(*about, "en") for about in ((FillFacts(50), "amazon"), (FillFacts(50), ""), (None, "amazon"))]
    assert said == ["", "", ""]


@pytest.mark.parametrize(
    ("text", "size"),
    [("1200x800", (1200, 800)), ("1x1", (1, 1)), ("1200 × 800", (1200, 800)), ("10000x10000", (10_000,) * 2)],
)
def test_a_canvas_of_ones_own_is_named_by_its_size(text, size):
    assert parse_canvas(text).size == size


def test_a_ratio_is_named_with_a_colon():
    assert (parse_canvas("4:5"), parse_canvas("16:9"), parse_canvas("1.91:1"), parse_canvas("")) == (
        (4, 5),
        (16, 9),
        (1.91, 1),
        None,
    )


@pytest.mark.parametrize("text", ["amazone", "0x5", "5x0", "10001x5", "x", "4:", "0:1", "1:100", "-1x5"])
def test_what_names_no_frame_is_refused(text):
    with pytest.raises(ValueError):
        parse_canvas(text)
