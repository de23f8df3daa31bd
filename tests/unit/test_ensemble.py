"""Several networks, one matte."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx.parser
import pytest

from pipeline.base.errors import ClearcutError
from pipeline.base.jobs import Job
from pipeline.cutout import cut_out
from pipeline.inference import predict as mattes
from pipeline.inference.blending import blend, measure_certainty
from pipeline.inference.networks import Prediction
from pipeline.inference.sessions import Session
from pipeline.inputs import Inputs
from pipeline.options.options import Options
from pipeline.pixels.image_io import Photo, decode
from pipeline.registry import fetching, weights
from pipeline.registry.cards import Card, Ensemble
from tests import house
from tests.pictures import composite, iou

BEST = house.card("best")
assert isinstance(BEST, Ensemble)
PLAIN = np.full((64, 64, 3), 128, np.uint8)  # a photo in which nothing can be told apart


def flat(value: float, size: int) -> Prediction:
    return Prediction(np.full((size, size), value, np.float32))


@pytest.mark.parametrize("value", [0, 0.25, 0.5, 0.8, 1])
def test_what_all_networks_agree_on_stays_also_where_it_is_half_transparent(value: float) -> None:
    blended = blend([flat(value, 4), flat(value, 8)], BEST, PLAIN)
    assert blended.matte.shape == (8, 8) and blended.matte.dtype == np.float32
    assert np.allclose(blended.matte, value, atol=1e-5)
    assert blended.doubt is not None and blended.doubt.max() < 1e-6


@pytest.mark.parametrize("sure, unsure", [(1, 0.3), (0.98, 0.2), (0, 0.6), (0.02, 0.6)])
def test_where_networks_contradict_each_other_along_an_edge_the_surer_one_wins(sure: float, unsure: float) -> None:
    one, other = np.zeros((2, 64, 64), np.float32)
    one[:, 32:] = other[:, 32:] = 1
    one[:, :2], other[:, :2] = sure, unsure
    for pair in ([Prediction(one), Prediction(other)], [Prediction(other), Prediction(one)]):
        assert abs(blend(pair, BEST, PLAIN).matte - one).max() < 0.15


def test_between_equally_sure_networks_the_subject_is_favoured_and_the_doubt_is_told() -> None:
    halves = np.zeros((8, 8), np.float32)
    halves[:, :4] = 1
    blended = blend([Prediction(halves), Prediction(1 - halves)], BEST, PLAIN)
    assert blended.matte.min() > 0.8
    assert blended.doubt is not None and (blended.doubt == 1).all()


def test_a_network_that_doubts_the_whole_picture_counts_less_in_every_pixel() -> None:
    sure, doubtful = np.zeros((8, 8), np.float32), np.full((8, 8), 0.35, np.float32)
    sure[2:6, 2:6], doubtful[4:, 4:] = 1, 0.9
    assert measure_certainty(sure) == 1 and measure_certainty(doubtful) < 0.5
    matte = blend([Prediction(doubtful), Prediction(sure)], BEST, PLAIN).matte
    assert np.array_equal(matte > 0.5, sure > 0.5)


def with_part(part: tuple[slice, slice], value: float) -> list[Prediction]:
    """Two networks that see the same square of 128 pixels, the second with a part that the first does not see."""
    one = np.zeros((256, 256), np.float32)
    one[64:192, 64:192] = 1
    other = one.copy()
    other[part] = value
    return [Prediction(one), Prediction(other)]


@pytest.mark.parametrize("value", [0.5, 0.9, 1])
def test_a_wide_part_that_one_network_loses_stays(value: float) -> None:
    shoulder = slice(128, 192), slice(192, 250)
    for pair in (with_part(shoulder, value), with_part(shoulder, value)[::-1]):
        assert blend(pair, BEST, PLAIN).matte[140:180, 200:240].min() > 0.9


def test_a_thin_rim_that_one_network_adds_does_not_stay() -> None:
    for pair in (with_part((slice(64, 192), slice(192, 200)), 0.4), with_part((slice(56, 64), slice(64, 192)), 0.4)):
        assert np.abs(blend(pair, BEST, PLAIN).matte - pair[0].matte).max() < 0.05


def test_a_hole_that_one_network_fills_by_half_stays_a_hole() -> None:
    whole, holed = with_part((slice(96, 160), slice(96, 160)), 0)
    half = with_part((slice(96, 160), slice(96, 160)), 0.4)[1]
    assert whole.matte[128, 128] == 1 and blend([holed, half], BEST, PLAIN).matte[96:160, 96:160].max() < 0.05


@pytest.mark.parametrize("value, doubt, verdict", [(1, 0, 1), (1, 0.04, 1), (1, 0.1, 1), (0.9, 0, 0)])
def test_a_piece_that_networks_contradict_each_other_on_outright_stays_or_goes_as_a_whole(
    value: float, doubt: float, verdict: int
) -> None:
    strip = slice(64, 192), slice(192, 204)
    less, more = with_part(strip, value)
    less.matte[strip] = np.linspace(0, doubt, 128)[:, None]
    assert np.abs(blend([less, more], BEST, PLAIN).matte[70:186, 194:202] - verdict).max() < 0.01


HOLE = slice(96, 160), slice(96, 160)
WALL, RED, WHITE = (150, 170, 190), (180, 60, 40), (255, 255, 255)


@pytest.mark.parametrize(
    "background, inside, stays", [(WALL, WALL, 0), (WALL, RED, 1), (WALL, WHITE, 1), (WHITE, WHITE, 1)]
)
def test_a_hole_that_one_network_fills_is_open_where_the_photo_shows_the_background_in_it_unless_that_is_white(
    background: tuple[int, ...], inside: tuple[int, ...], stays: int
) -> None:
    whole, ring = with_part(HOLE, 0)
    photo = np.full((256, 256, 3), background, np.uint8)
    photo[whole.matte > 0.5] = RED
    photo[HOLE] = inside
    light = np.linspace(0, 20, 256).astype(np.uint8)[:, None, None]  # a wall is seldom of one colour
    for pair in ([whole, ring], [ring, whole]):
        matte = blend(pair, BEST, photo - light if background == WALL else photo).matte
        assert np.abs(matte[100:156, 100:156] - stays).max() < 0.05
        assert np.abs(matte - (whole if stays else ring).matte).mean() < 0.01


@pytest.mark.parametrize("part, stays", [(WALL, 0), ((190, 190, 190), 1)])
def test_a_blotch_beside_the_subject_that_goes_on_as_the_background_does_is_none_of_its_parts(
    part: tuple[int, ...], stays: int
) -> None:
    blotch = slice(64, 192), slice(192, 250)
    less, more = with_part(blotch, 0.9)
    photo = np.full((256, 256, 3), WALL, np.uint8)
    photo[less.matte > 0.5] = RED
    photo[blotch] = part
    photo = np.uint8(photo + np.random.default_rng(0).normal(0, 2, (256, 256, 1)))
    assert np.abs(blend([less, more], BEST, photo).matte[80:180, 210:240] - stays).max() < 0.1


def test_a_network_that_finds_nothing_leaves_it_to_the_other() -> None:
    ball = np.float32(composite(64, 64).alpha / 255)
    matte = blend([Prediction(ball), Prediction(np.zeros((128, 128), np.float32))], BEST, PLAIN).matte
    assert iou(np.uint8(matte[::2, ::2] * 255), np.uint8(ball * 255)) > 0.95


def test_an_ensemble_is_as_large_as_its_files_and_as_strict_as_its_strictest_member(u2netp: Path, isnet: Path) -> None:
    members = [house.card("u2netp"), house.card("isnet-general-use")]
    assert weights.count_bytes(BEST, house.settings()) == sum(
        weights.count_bytes(member, house.settings()) for member in members
    )
    assert BEST.commercial_use == "unclear" and BEST.license_url == members[1].license_url


def test_what_is_missing_is_all_that_is_missing(own_models: Path, isnet: Path) -> None:
    assert [variant.file for variant in weights.list_missing(BEST, house.settings())] == ["isnet-general-use-fp16.onnx"]
    with pytest.raises(ClearcutError) as caught:
        cut_out(Inputs(Photo(composite().rgb)), Options(model="best"))
    assert caught.value.code == "model_missing" and caught.value.facts["megabytes"] == 88
    fetching.import_file(BEST, isnet, house.settings())
    assert weights.is_installed(BEST, house.settings())


def test_fast_then_best_costs_only_the_difference(u2netp: Path, isnet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    run = Session.run
    monkeypatch.setattr(Session, "run", lambda self, *given: ran.append(self.card.name) or run(self, *given))
    photo = Photo(composite().rgb)
    cut_out(Inputs(photo), Options(model="u2netp"))
    best = cut_out(Inputs(photo), Options(model="best"))
    assert ran == ["u2netp", "isnet-general-use"]
    assert iou(best.alpha, composite().alpha) > 0.97 and best.model == "best"
    mattes.predict(photo, "best", house.runtime(), Job())
    assert len(ran) == 2


def test_best_leaves_no_rim_of_the_grass_around_an_animal(
    case: Callable[[str], bytes], u2netp: Path, isnet: Path
) -> None:
    photo = decode(case("meerkat_on_grass_best_gives_green_rim.png"))
    cutout = cut_out(Inputs(photo), Options(model="best"))
    red, green, blue = cutout.rgb.astype(int).transpose(2, 0, 1)
    assert np.count_nonzero((green - np.maximum(red, blue) > 15) & (cutout.alpha > 25)) <= 250


def told(share: float) -> bytes:
    """A network that answers with a share of the photo's red."""
    head = '<ir_version: 8, opset_import: ["": 17]> net (float[1, 3, 16, 16] x) => (float[1, 1, 16, 16] y)'
    text = f"{head} <float[1, 3, 1, 1] kernel = {{{share}, 0, 0}}> {{ y = Conv(x, kernel) }}"
    return bytes(onnx.parser.parse_model(text).SerializeToString())


@pytest.fixture
def three(enter: Callable[..., Card]) -> Card:
    """Three networks that say a tenth, a half and all of the photo's red, counted once, once and twice."""
    for number, share in enumerate((0.1, 0.5, 1.0)):
        enter(f"net-{number}", told(share), kind="anime", feed={"size": [16, 16]})
    return enter("three", members=["net-0", "net-1", "net-2"], weights=[1, 1, 2], levels=[0.1, 0.9])


def test_members_side_by_side_say_what_they_say_one_after_the_other(
    three: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[int] = set()
    run, together = Session.run, threading.Barrier(3)

    def seen(self: Session, *given: Any) -> list[np.ndarray]:
        threads.add(threading.get_ident())
        if side_by_side:
            together.wait(60)  # which no member leaves before all have come
        return run(self, *given)

    monkeypatch.setattr(Session, "run", seen)
    photo, mattes_of = Photo(composite(64, 64).rgb), {}
    for side_by_side in (False, True):
        monkeypatch.setattr(mattes, "SIDE_BY_SIDE", 1 if side_by_side else 10_000)
        threads.clear()
        mattes_of[side_by_side] = mattes.predict(photo, "three", house.runtime(), Job(), cache=False).prediction.matte
        assert len(threads) == (3 if side_by_side else 1)
    assert np.array_equal(mattes_of[False], mattes_of[True])
    assert mattes_of[True].max() > 0.2


def test_weights_count_and_levels_stretch(three: Card) -> None:
    matte = mattes.predict(Photo(np.full((16, 16, 3), 255, np.uint8)), "three", house.runtime(), Job()).prediction.matte
    assert np.allclose(matte, ((0.1 + 0.5 + 2 * 1.0) / 4 - 0.1) / 0.8, atol=1e-6)


@pytest.mark.parametrize("side_by_side", [1, 10_000])
def test_what_stops_a_member_stops_the_whole(
    side_by_side: int, three: Card, empty_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mattes, "SIDE_BY_SIDE", side_by_side)
    (empty_models / "net-1.onnx").write_bytes(told(0.6))
    with pytest.raises(ClearcutError) as caught:
        mattes.predict(Photo(composite(64, 64).rgb), "three", house.runtime(), Job(), cache=False)
    assert (caught.value.code, caught.value.facts["model"]) == ("wrong_checksum", "net-1")
    job = Job()
    job.cancel()
    with pytest.raises(ClearcutError) as caught:
        mattes.predict(Photo(composite(64, 64).rgb), "three", house.runtime(), job, cache=False)
    assert caught.value.code == "cancelled"
