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
from pipeline.inference.networks import Prediction
from pipeline.inference.sessions import Session
from pipeline.options.options import Options
from pipeline.pixels.image_io import Photo
from pipeline.registry import fetching, weights
from pipeline.registry.cards import Card, Ensemble
from pipeline.stages import Inputs
from tests import house
from tests.pictures import composite, iou

BEST = house.card("best")
assert isinstance(BEST, Ensemble)


def flat(value: float, size: int) -> Prediction:
    return Prediction(np.full((size, size), value, np.float32))


@pytest.mark.parametrize(
    "one, other, both", [(0, 0, 0), (1, 1, 1), (0.05, 0.05, 0), (0.5, 0.5, 1), (0, 0.55, 0.5), (1, 0, 1)]
)
def test_mattes_are_averaged_and_their_levels_stretched(one: float, other: float, both: float) -> None:
    matte = mattes.blend([flat(one, 4), flat(other, 8)], BEST).matte
    assert matte.shape == (8, 8) and matte.dtype == np.float32
    assert np.allclose(matte, both, atol=1e-6)


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
