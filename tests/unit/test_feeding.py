"""What every kind of network shares: a photo brought to its input, its answer cut back to the photo, classes kept."""

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.inference import predict as mattes
from pipeline.inference.networks import Prediction
from pipeline.inference.networks.feeding import WHOLE, NetworkInput, crop_to_region, feed, resize_to_input
from pipeline.registry.cards import Feed

SIDE = st.integers(1, 300)
SIZES = st.one_of(
    st.tuples(SIDE, SIDE), st.tuples(st.just(1), st.integers(1, 6000)), st.tuples(st.integers(1, 6000), st.just(1))
)
PADS = st.sampled_from(["centre", "end"])


def white(width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), 255, np.uint8)


def size_of(pixels: np.ndarray) -> tuple[int, int]:
    return pixels.shape[1], pixels.shape[0]


def spec(size: tuple[int, int], resize: str, **more: Any) -> Feed:
    return Feed(size=size, resize=resize, **more)  # type: ignore[arg-type]


@given(SIZES, st.tuples(SIDE, SIDE), PADS)
@example((1, 6000), (64, 64), "centre")
@example((6000, 1), (64, 64), "end")
@example((1, 1), (1, 1), "centre")
def test_padding_is_black_and_cutting_it_off_leaves_the_photo_alone(size, canvas, pad):
    pixels, inside = resize_to_input(white(*size), spec(canvas, "fit-pad", pad=pad, interpolation="bilinear"))
    assert size_of(pixels) == canvas
    part = crop_to_region(pixels, inside)
    assert part.min() == 255
    assert int((pixels == 255).sum()) == part.size
    assert int((pixels == 0).sum()) == pixels.size - part.size


@given(SIZES, st.tuples(SIDE, SIDE), PADS)
def test_a_padded_photo_touches_two_sides_and_keeps_its_ratio_to_half_a_pixel(size, canvas, pad):
    pixels, inside = resize_to_input(white(*size), spec(canvas, "fit-pad", pad=pad, interpolation="bilinear"))
    width, height = size_of(crop_to_region(pixels, inside))
    assert width == canvas[0] or height == canvas[1]
    scale = min(canvas[0] / size[0], canvas[1] / size[1])
    assert abs(width - size[0] * scale) <= 0.5 or width == 1
    assert abs(height - size[1] * scale) <= 0.5 or height == 1


@pytest.mark.parametrize(
    ("size", "pad", "box"),
    [
        ((20, 10), "centre", (0, 4, 16, 12)),
        ((10, 20), "centre", (4, 0, 12, 16)),
        ((20, 10), "end", (0, 0, 16, 8)),
        ((10, 20), "end", (0, 0, 8, 16)),
        ((16, 16), "centre", (0, 0, 16, 16)),
        ((5, 5), "end", (0, 0, 16, 16)),  # smaller photos are enlarged
        ((16, 13), "centre", (0, 1, 16, 14)),  # of three spare rows one is above
    ],
)
def test_the_photo_lies_in_the_middle_or_at_the_top_left(size, pad, box):
    pixels, inside = resize_to_input(white(*size), spec((16, 16), "fit-pad", pad=pad))
    rows, columns = np.nonzero(pixels[..., 0])
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == box
    assert inside == tuple(each / 16 for each in box)


@given(SIZES, PADS, SIDE, SIDE)
def test_an_answer_of_another_size_is_cut_at_the_same_place_to_a_pixel_and_never_to_nothing(size, pad, width, height):
    _, inside = resize_to_input(white(*size), spec((64, 64), "fit-pad", pad=pad, interpolation="bilinear"))
    answer = np.arange(width * height).reshape(height, width)
    part = crop_to_region(answer, inside)
    assert part.size
    top, left = divmod(int(part[0, 0]), width)
    assert abs(left - inside[0] * width) <= 0.5 and abs(top - inside[1] * height) <= 0.5
    assert abs(left + part.shape[1] - inside[2] * width) <= 0.5 or part.shape[1] == 1
    assert abs(top + part.shape[0] - inside[3] * height) <= 0.5 or part.shape[0] == 1


def test_an_answer_about_the_whole_is_left_as_it_is():
    answer = np.zeros((5, 7))
    assert crop_to_region(answer, WHOLE) is answer


def by_modnets_authors(size: tuple[int, int], ref: int = 512) -> tuple[int, int]:
    """As in their ``inference_onnx.py``, without a bound for panoramas."""
    width, height = size
    if max(size) < ref or min(size) > ref:
        width, height = (ref, int(height / width * ref)) if width < height else (int(width / height * ref), ref)
    return width - width % 32, height - height % 32


SHORT_SIDE = spec((512, 2048), "short-side", multiple_of=32, interpolation="area")


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((1024, 768), (672, 512)),
        ((768, 1024), (512, 672)),
        ((300, 200), (768, 512)),  # both sides shorter: enlarged
        ((600, 400), (576, 384)),  # 512 lies between the sides: not scaled, only cut to multiples
        ((512, 512), (512, 512)),
        ((512, 900), (512, 896)),
        ((1, 1), (512, 512)),
        ((5000, 600), (2048, 224)),  # bounded, else it were 4256 wide
        ((100, 4000), (32, 2048)),
        ((3000, 1), (2048, 32)),
    ],
)
def test_the_short_side_becomes_512_unless_512_lies_between_the_sides(size, wanted):
    assert size_of(resize_to_input(white(*size), SHORT_SIDE)[0]) == wanted
    if max(wanted) < 2048 and min(size) > 1:
        assert by_modnets_authors(size) == wanted


@given(st.tuples(st.integers(1, 1500), st.integers(1, 1500)))
@settings(max_examples=40)
def test_short_side_goes_as_its_authors_do_to_a_step_of_rounding(size):
    found = size_of(resize_to_input(white(*size), SHORT_SIDE)[0])
    theirs = by_modnets_authors(size)
    if max(theirs) <= 2048 and min(theirs) > 0:
        assert all(abs(one - other) in (0, 32) for one, other in zip(found, theirs, strict=True))
    assert max(found) <= 2048


@given(SIZES, st.integers(1, 64), st.integers(64, 512), st.sampled_from(["short-side", "native"]))
def test_sides_are_always_multiples_of_what_they_must_be_and_never_nothing(size, of, bound, resize):
    how = spec((min(bound, 128), bound), resize, multiple_of=of, interpolation="bilinear")
    width, height = size_of(resize_to_input(white(*size), how)[0])
    assert width % of == 0 and height % of == 0
    assert 0 < width <= bound and 0 < height <= bound


@given(SIZES)
def test_native_only_bounds_the_longer_side(size):
    pixels, inside = resize_to_input(white(*size), spec((200, 200), "native"))
    assert inside == WHOLE
    if max(size) <= 200:
        assert size_of(pixels) == size
    else:
        assert max(size_of(pixels)) == 200
        assert min(size_of(pixels)) == max(1, round(min(size) * 200 / max(size)))


@given(SIZES, st.tuples(SIDE, SIDE))
def test_stretching_gives_the_size_whatever_the_photo(size, wanted):
    pixels, inside = resize_to_input(white(*size), spec(wanted, "stretch", interpolation="area"))
    assert (size_of(pixels), inside) == (wanted, WHOLE)
    assert pixels.min() == 255


def test_a_photo_of_the_right_size_is_not_resampled():
    rgb = np.random.default_rng(0).integers(0, 256, (12, 9, 3), dtype=np.uint8)
    for resize in ("stretch", "native"):
        assert resize_to_input(rgb, spec((9, 12), resize))[0] is rgb


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("channels", ["rgb", "bgr"])
def test_numbers_layout_and_order_of_channels_are_as_the_card_says(layout, channels):
    rgb = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    mean, std = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    given_ = Feed(size=(5, 4), divide_by=200.0, mean=mean, std=std, channels=channels, layout=layout)
    inputs = feed(rgb, given_).inputs
    wanted = (rgb / 200 - mean) / std
    wanted = wanted[..., ::-1] if channels == "bgr" else wanted
    wanted = wanted.transpose(2, 0, 1) if layout == "nchw" else wanted
    assert isinstance(inputs, np.ndarray) and inputs.dtype == np.float32 and inputs.flags.c_contiguous
    assert np.allclose(inputs, wanted[None], atol=1e-6)


# ---- what is kept ----------------------------------------------------------------------------------------------------


def test_the_cache_tells_different_crops_of_equal_inputs_apart():
    """Black photos of different shapes, padded with black, are one input and several questions."""
    how = spec((32, 32), "fit-pad", pad="end")
    all_black = [feed(np.zeros((height, 40, 3), np.uint8), how) for height in (10, 20, 40)]
    assert len({fed.inputs.tobytes() for fed in all_black if isinstance(fed.inputs, np.ndarray)}) == 1
    assert len({mattes.fingerprint(fed) for fed in all_black}) == 3


def test_the_cache_tells_inputs_apart_by_name_value_shape_and_type():
    one, two = np.ones((2, 3), np.float32), np.full((2, 3), 2, np.float32)
    arrays = [one, two, one.reshape(3, 2), one.astype(np.float64)]
    named = [{"a": one}, {"b": one}, {"a": one, "b": two}, {"a": two, "b": one}]
    feds = [NetworkInput(each) for each in (*arrays, *named)]
    assert len({mattes.fingerprint(fed) for fed in feds}) == len(feds)
    assert mattes.fingerprint(NetworkInput(one)) == mattes.fingerprint(NetworkInput(one.copy()))


SHARES = np.array([[[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0], [0.25, 0.0, 0.75]]], np.float16)
SOFT = Prediction((1 - SHARES[..., 0]).astype(np.float32), shares=SHARES)
LABELS = np.array([[0, 1, 2], [3, 1, 0]], np.uint8)
HARD = Prediction((LABELS > 0).astype(np.float32), labels=LABELS)


def test_keeping_no_class_in_particular_leaves_a_prediction_as_it_is():
    assert SOFT.select_classes([]) is SOFT and HARD.select_classes(()) is HARD


def test_kept_classes_add_their_shares():
    assert np.array_equal(SOFT.select_classes([1]).matte, [[0.25, 1], [0, 0]])
    assert np.array_equal(SOFT.select_classes([2, 1]).matte, SOFT.matte)
    assert SOFT.select_classes([1]).matte.dtype == np.float32


def test_kept_labels_are_subject_and_the_others_are_not():
    assert np.array_equal(HARD.select_classes([1]).matte, LABELS == 1)
    assert np.array_equal(HARD.select_classes({3, 2}).matte, LABELS >= 2)
    assert HARD.select_classes([2]).labels is LABELS


def test_a_network_that_tells_no_classes_apart_keeps_its_matte():
    plain = Prediction(np.eye(2, dtype=np.float32))
    assert plain.select_classes([1]) is plain


@given(st.sets(st.integers(1, 20), min_size=1), st.integers(0, 2**32 - 1))
def test_a_kept_matte_stays_between_zero_and_one_and_under_that_of_everything(classes, seed):
    scores = np.random.default_rng(seed).gamma(0.3, size=(4, 4, 21)) + 1e-6
    shares = (scores / scores.sum(axis=2, keepdims=True)).astype(np.float16)
    everything = Prediction(np.clip(1 - shares[..., 0].astype(np.float32), 0, 1), shares=shares)
    kept = everything.select_classes(classes).matte
    assert kept.min() >= 0 and kept.max() <= 1
    assert (kept <= everything.matte + 0.005).all()  # shares are kept in half precision


def test_a_prediction_costs_all_its_planes():
    prediction = Prediction(np.zeros((2, 3), np.float32), np.zeros((2, 3, 3), np.uint8), LABELS, SHARES)
    assert prediction.nbytes == 24 + 18 + 6 + 24
    assert len(prediction.planes) == 4
