"""A live picture: the model with a memory comes first, and makes place for a quicker one where it is too slow."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline import ClearcutError, Photo
from pipeline.video import live
from pipeline.video.live import TRIED, LivePredictor, list_live_models
from tests import house
from tests.networks import REMEMBERS_RED, network

MEAN = network(
    "net (float[1, 256, 256, 3] x) => (float[1, 256, 256, 1] y) { y = ReduceMean<axes = [3], keepdims = 1>(x) }"
)
Enter = Callable[..., object]


def grey(width: int, height: int) -> Photo:
    return Photo(np.full((height, width, 3), 200, np.uint8))


@pytest.mark.parametrize("slowest, model", [(0.0, "quick"), (math.inf, "remembers-red")])
def test_a_model_that_is_too_slow_makes_place_for_the_next(
    slowest: float, model: str, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter("quick", MEAN, kind="selfie", good_for=["video"])
    enter("remembers-red", REMEMBERS_RED, kind="rvm")
    monkeypatch.setattr(live, "SLOWEST", slowest)
    assert list_live_models(house.runtime()) == ["remembers-red", "quick"]
    predictor = LivePredictor(house.runtime())
    sizes = [(64, 36)] * TRIED + [(36, 64), (640, 360)]  # the camera is turned, and is another one
    assert [predictor.find_matte(grey(*size)).shape[::-1] for size in sizes] == sizes
    assert predictor.model == model


def test_without_a_model_for_it_the_quickest_for_photos_is_taken(own_models: Path) -> None:
    assert list_live_models(house.runtime()) == ["u2netp"]
    (own_models / "u2netp.onnx").unlink()
    with pytest.raises(ClearcutError, match="model_missing"):
        list_live_models(house.runtime())
