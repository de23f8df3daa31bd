"""Engines: what a session really runs on, and that falling back to the processor is said."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import onnx.parser
import onnxruntime
import pytest

from pipeline.base.errors import ClearcutError
from pipeline.base.jobs import Job
from pipeline.base.settings import EngineName, Settings
from pipeline.cutout import cut_out
from pipeline.inference import engines
from pipeline.inference.engines import ENGINES, Plan
from pipeline.inference.engines.onnx_runtime import OnnxRuntime
from pipeline.inference.running import CPU, LoadedNetwork, WeightFile, onnx_build, onnx_runtime
from pipeline.inference.runtime import Runtime
from pipeline.inputs import Cutout, Inputs
from pipeline.manage import doctor
from pipeline.options.options import Options
from pipeline.pixels.image_io import Photo
from pipeline.registry.cards import Arithmetic, Card, ModelCard, Precision
from tests import house
from tests.machines import MACHINES, OnMachine

PASSES_RED = bytes(
    onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> net (float[1, 3, 8, 8] x) => (float[1, 1, 8, 8] y)'
        " <float[1, 3, 1, 1] kernel = {1, 0, 0}> { y = Conv(x, kernel) }"
    ).SerializeToString()
)
RED = np.broadcast_to(np.array([255, 0, 0], np.uint8), (8, 8, 3)).copy()
PROVIDERS = {name: engine.title for name, engine in ENGINES.items() if isinstance(engine, OnnxRuntime)}
ELSEWHERE = [engine for engine, provider in PROVIDERS.items() if provider != CPU]


@pytest.fixture(autouse=True)
def nothing_said_yet() -> None:
    engines._warn_once.cache_clear()


@pytest.fixture
def cpu_only(on_machine: OnMachine) -> None:
    """The plain build of onnxruntime, whichever is installed."""
    on_machine(providers=(CPU,))


@pytest.fixture
def passes_red(enter: Callable[..., Card]) -> ModelCard:
    card = enter("passes-red", PASSES_RED, kind="anime", feed={"size": [8, 8]})
    assert isinstance(card, ModelCard)
    return card


def cut_with(engine: str, monkeypatch: pytest.MonkeyPatch, model: str = "passes-red") -> Cutout:
    monkeypatch.setenv("CLEARCUT_ENGINE", engine)
    house.runtime().pool.clear()
    return cut_out(Inputs(Photo(RED)), Options(model=model))


@pytest.mark.usefixtures("cpu_only")
@pytest.mark.parametrize("engine", ELSEWHERE)
def test_an_engine_that_is_not_here_falls_back_to_the_processor_and_says_so(
    engine: str, passes_red: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    cutout = cut_with(engine, monkeypatch)
    session = house.runtime().pool.get(passes_red)
    assert session.engine == cutout.engine == "onnxruntime CPU"
    assert session.warnings == cutout.warnings == ("engine_fallback",)
    assert cutout.alpha.min() == 255


@pytest.mark.usefixtures("cpu_only")
@pytest.mark.parametrize("engine", ["auto", "cpu", ""])
def test_the_processor_is_no_fall_back_for_who_asks_for_it_or_for_what_is_there(
    engine: str, passes_red: ModelCard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cutout = cut_with(engine, monkeypatch)
    assert (cutout.engine, cutout.warnings) == ("onnxruntime CPU", ())
    assert not caplog.records


@pytest.mark.usefixtures("cpu_only")
@pytest.mark.parametrize("engine", ELSEWHERE)
def test_the_log_tells_of_an_engine_once(
    engine: str, passes_red: ModelCard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "clearcut"):
        for _ in range(3):
            assert "engine_fallback" in cut_with(engine, monkeypatch).warnings
    (said,) = caplog.messages
    assert engine in said and PROVIDERS[engine] in said and CPU in said


@pytest.mark.usefixtures("cpu_only")
def test_each_engine_that_is_not_here_is_told_of(
    passes_red: ModelCard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "clearcut"):
        for engine in [*ELSEWHERE, *ELSEWHERE]:
            cut_with(engine, monkeypatch)
    assert len(caplog.messages) == len(ELSEWHERE) == len(PROVIDERS) - 1


@pytest.mark.usefixtures("cpu_only")
def test_a_kept_prediction_still_says_that_the_engine_fell_back(
    passes_red: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [cut_with("cuda", monkeypatch).warnings for _ in range(2)] == [("engine_fallback",)] * 2
    assert cut_with("cpu", monkeypatch).warnings == ()


@pytest.mark.usefixtures("cpu_only")
def test_an_ensemble_says_once_that_its_engine_fell_back(
    passes_red: ModelCard, enter: Callable[..., Card], monkeypatch: pytest.MonkeyPatch
) -> None:
    enter("other", PASSES_RED, kind="anime", feed={"size": [8, 8]})
    enter("both", members=["passes-red", "other"], weights=[1, 1])
    assert cut_with("cuda", monkeypatch, "both").warnings == ("engine_fallback",)


@pytest.mark.parametrize("first", ["cuda", "rocm", "directml", "cpu"])
def test_auto_takes_the_first_engine_that_this_build_has(
    first: str, passes_red: ModelCard, on_machine: OnMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a build on which all engines from `first` on work; the session that it makes is one of the processor."""
    order = ["cuda", "rocm", "directml", "cpu"]
    asked: list[list[str]] = []
    offered = [PROVIDERS[engine] for engine in order[order.index(first) :]]
    on_machine(providers=offered)
    monkeypatch.setattr(onnx_runtime, "can_use", lambda provider: provider in offered)
    session = onnxruntime.InferenceSession

    def made(path: Any, options: Any, providers: list[str], **how: Any) -> Any:
        asked.append(providers)
        return session(path, options, providers=providers, **how)

    monkeypatch.setattr(onnxruntime, "InferenceSession", made)
    cutout = cut_with("auto", monkeypatch)
    assert asked[0] == list(dict.fromkeys([PROVIDERS[first], CPU]))
    assert cutout.engine == "onnxruntime CPU"  # what runs, not what was planned
    assert cutout.warnings == (), "nobody asked for anything"


def test_a_gpu_build_without_a_gpu_plans_as_if_there_were_none_and_says_nothing(
    on_machine: OnMachine, u2netp: Path, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    card = house.card("u2netp")
    assert isinstance(card, ModelCard)
    planned = engines.choose_plan(card, "exact", house.settings())
    on_machine(MACHINES["a GPU build without a GPU"])
    with caplog.at_level(logging.WARNING, "clearcut"):
        assert engines.choose_plan(card, "exact", house.settings()) == planned
        cutout = cut_out(Inputs(Photo(RED)), Options(model="u2netp"), house.runtime())
    assert "engine_fallback" not in cutout.warnings and caplog.messages == []
    assert capfd.readouterr() == ("", "")


def test_a_provider_is_found_usable_by_running_on_it(on_machine: OnMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert onnx_runtime.can_use(CPU)
    on_machine(providers=("CUDAExecutionProvider", CPU))
    assert not onnx_runtime.can_use("CUDAExecutionProvider"), "its sessions are of the processor"
    monkeypatch.setattr(onnxruntime, "InferenceSession", None)  # whatever goes wrong
    assert not onnx_runtime.can_use("CUDAExecutionProvider")


@pytest.mark.parametrize("plain", [True, False], ids=["plain build", "GPU build"])
def test_cudas_libraries_that_came_as_packages_are_loaded_where_they_are_of_use(
    plain: bool, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    def preload() -> None:
        calls.append("preloaded")
        print("Failed to load libcudnn")

    calls: list[str] = []
    monkeypatch.setattr(onnxruntime, "preload_dlls", preload, raising=False)
    monkeypatch.setattr(onnx_build, "is_plain", lambda: plain)
    monkeypatch.setattr(onnx_runtime, "_set_up", onnx_runtime._set_up.__wrapped__)
    onnx_runtime.import_onnxruntime()
    assert calls == ([] if plain else ["preloaded"]) and capfd.readouterr() == ("", "")


def test_an_engine_that_does_not_exist_is_a_bad_setting(passes_red: ModelCard, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ClearcutError) as caught:
        cut_with("abacus", monkeypatch)
    assert caught.value.code == "bad_setting" and "openvino" in str(caught.value.facts["accepted"])


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("precision", ["exact", "fast"])
@pytest.mark.parametrize("engine", ["auto", *ENGINES])
def test_on_every_machine_what_is_planned_is_here_and_what_runs_is_told(
    engine: str,
    precision: Precision,
    name: str,
    passes_red: ModelCard,
    on_machine: OnMachine,
    monkeypatch: Any,
) -> None:
    on_machine(MACHINES[name])
    monkeypatch.setenv("CLEARCUT_ENGINE", engine)
    runtime = house.runtime()
    planned = engines.choose_plan(passes_red, precision, runtime.settings)
    assert ENGINES[planned.engine].is_here()
    cutout = cut_out(Inputs(Photo(RED)), Options(model="passes-red", precision=precision), runtime)
    assert cutout.alpha.min() == 255
    session = runtime.pool.find(passes_red, planned)
    assert session is not None and (session.engine, session.warnings) == (cutout.engine, cutout.warnings)
    assert session.engine == engines.describe_plan(session.plan)
    fell_back = engine not in ("auto", session.plan.engine)
    assert cutout.warnings == (("engine_fallback",) if fell_back else ())


# ---- another engine --------------------------------------------------------------------------------------------------


class StandIn:
    """An engine that makes the second channel the answer: whatever else the house has makes it the first."""

    name: EngineName = "stand-in"  # type: ignore[assignment]
    title = "a stand-in of tests"
    packages = ("pytest",)
    works = True

    def describe(self, arithmetic: Arithmetic) -> str:
        return f"stand-in {arithmetic}"

    def is_here(self) -> bool:
        return True

    def can_run(self, card: ModelCard) -> bool:
        return card.name == "passes-red"

    def choose_arithmetic(self, card: ModelCard, precision: Precision) -> Arithmetic:
        return "bf16"

    def offer(self, card: ModelCard, precision: Precision, settings: Settings) -> Plan | None:
        return Plan(self.name, "bf16", "measured") if self.can_run(card) else None

    def load(self, file: WeightFile, arithmetic: Arithmetic, settings: Settings) -> LoadedNetwork:
        if not self.works:
            raise OSError("it does not work today")
        return StandInNetwork()


class StandInNetwork:
    inputs: Mapping[str, Sequence[int | str]] = {"x": (1, 3, 8, 8)}
    label = "stand-in bf16"

    def run(self, feeds: Mapping[str, np.ndarray], outputs: Sequence[int | str], job: Job) -> list[np.ndarray]:
        return [feeds["x"][:, 1:2] for _ in outputs]


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, on_machine: OnMachine) -> StandIn:
    """All that a new engine is: itself, and a line in the registry. A settings file may name it once it is a choice."""
    on_machine(providers=(CPU,))
    engine = StandIn()
    monkeypatch.setitem(ENGINES, engine.name, engine)
    return engine


def runtime_with(asked: str) -> Runtime:
    return Runtime(house.settings().model_copy(update={"engine": asked}))  # which asks no list of choices


@pytest.mark.parametrize(("asked", "why"), [("auto", "measured"), ("stand-in", "asked")])
def test_a_new_engine_is_planned_loaded_run_and_told_of_by_its_row_alone(
    asked: str, why: str, stand_in: StandIn, passes_red: ModelCard
) -> None:
    runtime = runtime_with(asked)
    planned = engines.choose_plan(passes_red, "exact", runtime.settings)
    assert planned == ("stand-in", "bf16", why) and engines.describe_plan(planned) == "stand-in bf16"
    cutout = cut_out(Inputs(Photo(RED[..., [1, 0, 2]])), Options(model="passes-red"), runtime)  # green, which it makes
    assert (cutout.engine, cutout.warnings, cutout.alpha.min()) == ("stand-in bf16", (), 255)
    again = cut_out(Inputs(Photo(RED[..., [1, 0, 2]])), Options(model="passes-red"), runtime_with(asked))  # kept
    assert (again.engine, again.alpha.min()) == ("stand-in bf16", 255)
    assert "pytest" in engines.list_versions()
    findings = {each.about: each for each in doctor.examine_models(runtime.settings)}
    assert findings["passes-red"].code == f"why.{why}"
    assert findings["passes-red"].facts["engine"] == "stand-in bf16"
    (said,) = [each for each in doctor.examine_engines() if each.about == "engines"]
    assert "pytest" in said.facts["text"]


@pytest.mark.parametrize(("asked", "told"), [("auto", ()), ("stand-in", ("engine_fallback",))])
def test_a_new_engine_that_fails_is_stood_in_for_as_any_other(
    asked: str, told: tuple[str, ...], stand_in: StandIn, passes_red: ModelCard
) -> None:
    stand_in.works = False
    cutout = cut_out(Inputs(Photo(RED)), Options(model="passes-red"), runtime_with(asked))
    assert (cutout.engine, cutout.warnings, cutout.alpha.min()) == ("onnxruntime CPU", told, 255)


def test_a_network_that_a_new_engine_cannot_run_is_not_given_to_it(stand_in: StandIn, passes_red: ModelCard) -> None:
    other = passes_red.model_copy(update={"name": "other"})
    assert engines.choose_plan(other, "exact", runtime_with("auto").settings) == ("cpu", "f32", "only")
    assert engines.choose_plan(other, "exact", runtime_with("stand-in").settings) == ("cpu", "f32", "missing")


def test_every_engine_is_a_choice_of_the_setting_and_the_other_way_round() -> None:
    assert set(ENGINES) == set(get_args(EngineName))
    assert all(engine.name == name for name, engine in ENGINES.items())
