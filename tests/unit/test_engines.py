"""Engines: what a session really runs on, and that falling back to the processor is said."""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx.parser
import onnxruntime
import pytest

from pipeline.base.errors import ClearcutError
from pipeline.cutout import Cutout, cut_out
from pipeline.inference import engines
from pipeline.inference import pool as runtime
from pipeline.inference.engines import onnx_runtime
from pipeline.inference.engines.onnx_runtime import PROVIDERS
from pipeline.options.options import Options
from pipeline.pixels.image_io import Photo
from pipeline.registry.catalog import Card, ModelCard

PASSES_RED = bytes(
    onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> net (float[1, 3, 8, 8] x) => (float[1, 1, 8, 8] y)'
        " <float[1, 3, 1, 1] kernel = {1, 0, 0}> { y = Conv(x, kernel) }"
    ).SerializeToString()
)
RED = np.broadcast_to(np.array([255, 0, 0], np.uint8), (8, 8, 3)).copy()
CPU = "CPUExecutionProvider"
HERE = onnxruntime.get_available_providers()
ELSEWHERE = [engine for engine, provider in PROVIDERS.items() if provider not in HERE]
cpu_only = pytest.mark.skipif(set(PROVIDERS.values()) & set(HERE) != {CPU}, reason=f"this onnxruntime has {HERE}")


@pytest.fixture(autouse=True)
def nothing_said_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_told", set())


@pytest.fixture
def passes_red(enter: Callable[..., Card]) -> ModelCard:
    card = enter("passes-red", PASSES_RED, kind="anime", feed={"size": [8, 8]})
    assert isinstance(card, ModelCard)
    return card


def cut_with(engine: str, monkeypatch: pytest.MonkeyPatch, model: str = "passes-red") -> Cutout:
    monkeypatch.setenv("CLEARCUT_ENGINE", engine)
    runtime.POOL.clear()
    return cut_out(Photo(RED), Options(model=model))


@pytest.mark.parametrize("engine", ELSEWHERE)
def test_an_engine_that_is_not_here_falls_back_to_the_processor_and_says_so(
    engine: str, passes_red: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    cutout = cut_with(engine, monkeypatch)
    session = runtime.POOL.session(passes_red)
    assert session.engine == cutout.engine == "onnxruntime CPU"
    assert session.warnings == cutout.warnings == ("engine_fallback",)
    assert cutout.alpha.min() == 255


@cpu_only
@pytest.mark.parametrize("engine", ["auto", "cpu", ""])
def test_the_processor_is_no_fall_back_for_who_asks_for_it_or_for_what_is_there(
    engine: str, passes_red: ModelCard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cutout = cut_with(engine, monkeypatch)
    assert (cutout.engine, cutout.warnings) == ("onnxruntime CPU", ())
    assert not caplog.records


@pytest.mark.parametrize("engine", ELSEWHERE)
def test_the_log_tells_of_an_engine_once(
    engine: str, passes_red: ModelCard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "clearcut"):
        for _ in range(3):
            assert "engine_fallback" in cut_with(engine, monkeypatch).warnings
    (said,) = caplog.messages
    assert engine in said and PROVIDERS[engine] in said and CPU in said  # type: ignore[index]


@cpu_only
def test_each_engine_that_is_not_here_is_told_of(
    passes_red: ModelCard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "clearcut"):
        for engine in [*ELSEWHERE, *ELSEWHERE]:
            cut_with(engine, monkeypatch)
    assert len(caplog.messages) == len(ELSEWHERE) == len(PROVIDERS) - 1


@cpu_only
def test_a_kept_prediction_still_says_that_the_engine_fell_back(
    passes_red: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [cut_with("cuda", monkeypatch).warnings for _ in range(2)] == [("engine_fallback",)] * 2
    assert cut_with("cpu", monkeypatch).warnings == ()


@cpu_only
def test_an_ensemble_says_once_that_its_engine_fell_back(
    passes_red: ModelCard, enter: Callable[..., Card], monkeypatch: pytest.MonkeyPatch
) -> None:
    enter("other", PASSES_RED, kind="anime", feed={"size": [8, 8]})
    enter("both", members=["passes-red", "other"], weights=[1, 1])
    assert cut_with("cuda", monkeypatch, "both").warnings == ("engine_fallback",)


@pytest.mark.parametrize("first", ["cuda", "rocm", "directml", "cpu"])
def test_auto_takes_the_first_engine_that_this_build_has(
    first: str, passes_red: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a build that offers all engines from `first` on; the session that it makes is one of the processor."""
    order = ["cuda", "rocm", "directml", "cpu"]
    offered = [PROVIDERS[engine] for engine in order[order.index(first) :]]  # type: ignore[index]
    asked: list[list[str]] = []
    session = onnxruntime.InferenceSession

    def made(path: Any, options: Any, providers: list[str]) -> Any:
        asked.append(providers)
        return session(path, options, providers=[CPU])

    monkeypatch.setattr(onnx_runtime, "_is_plain", lambda: False)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: offered)
    monkeypatch.setattr(onnxruntime, "InferenceSession", made)
    cutout = cut_with("auto", monkeypatch)
    assert asked == [list(dict.fromkeys([PROVIDERS[first], CPU]))]  # type: ignore[index]
    assert cutout.engine == "onnxruntime CPU"  # what runs, not what was asked for
    assert cutout.warnings == (() if first == "cpu" else ("engine_fallback",))


def test_an_engine_that_does_not_exist_is_a_bad_setting(passes_red: ModelCard, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ClearcutError) as caught:
        cut_with("abacus", monkeypatch)
    assert caught.value.code == "bad_setting" and "openvino" in str(caught.value.facts["accepted"])
