"""OpenVINO beside onnxruntime: the same matte, the same rules, and what it compiles is kept."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from pipeline.base import machine
from pipeline.base.jobs import Job
from pipeline.base.settings import ROOT
from pipeline.cutout import cut_out
from pipeline.inference import engines
from pipeline.inference.engines import ENGINES, Plan
from pipeline.inference.engines.mnn import Mnn
from pipeline.inference.engines.open_vino import OpenVino
from pipeline.inference.running import WeightFile, compiled_networks, open_vino
from pipeline.inference.running.open_vino import OpenVinoNetwork
from pipeline.inputs import Inputs
from pipeline.options.options import Options
from pipeline.pixels.image_io import Photo, decode
from pipeline.registry.cards import Card, CoarsestArithmetic, ModelCard, Precision
from tests import house
from tests.machines import AMX, AVX2, AVX512, OnMachine
from tests.networks import TWO_ANSWERS, TWO_INPUT

pytestmark = pytest.mark.skipif(not ENGINES["openvino"].is_here(), reason="no OpenVINO here")
RED = np.broadcast_to(np.array([255, 0, 0], np.uint8), (8, 8, 3)).copy()


def loaded(file: Path, outputs: Any = None, checksum: str = "0" * 64) -> OpenVinoNetwork:
    return OpenVinoNetwork(WeightFile(file, checksum, outputs), "f32", house.settings())


def measured() -> ModelCard:
    card = house.card("u2netp")
    assert isinstance(card, ModelCard)
    return card


def plan(card: Card, precision: Precision = "exact") -> Plan:
    assert isinstance(card, ModelCard)
    return engines.choose_plan(card, precision, house.settings())


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenVINO, with no other engine beside onnxruntime."""
    monkeypatch.setattr(Mnn, "is_here", lambda engine: False)


def test_a_measured_network_runs_on_it_without_being_asked_and_others_do_not(
    alone: None, enter: Callable[..., Card]
) -> None:
    own = enter("own", TWO_ANSWERS, kind="anime", feed={"size": [8, 8]})
    assert (plan(own).engine, plan(own).why) == ("cpu", "only")
    assert (plan(measured()).engine, plan(measured()).why) == ("openvino", "measured")


def test_whoever_asks_for_it_gets_it_for_any_network(enter: Callable[..., Card], monkeypatch: Any) -> None:
    enter("own", TWO_ANSWERS, kind="anime", feed={"size": [8, 8]})
    monkeypatch.setenv("CLEARCUT_ENGINE", "openvino")
    cutout = cut_out(Inputs(Photo(RED)), Options(model="own"))
    assert (cutout.engine, cutout.warnings, cutout.alpha.min()) == ("OpenVINO f32", (), 255)


def test_a_network_that_it_cannot_run_is_run_by_onnxruntime(two_answers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(open_vino, "_compile", fail)
    monkeypatch.setattr(Mnn, "is_here", lambda engine: False)
    for why, told in (("measured", ()), ("asked", ("engine_fallback",))):
        planned = Plan("openvino", why=why)  # type: ignore[arg-type]
        network, held = engines.load(measured(), WeightFile(two_answers, "0" * 64), planned, house.settings())
        assert (network.label, held.warnings) == ("onnxruntime CPU", told)


def test_where_it_is_missing_everything_works_and_asking_for_it_is_told(
    alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OpenVino, "is_here", lambda engine: False)
    assert (engines.describe_plan(plan(measured())), plan(measured()).warnings) == ("onnxruntime CPU", ())
    monkeypatch.setenv("CLEARCUT_ENGINE", "openvino")
    assert (engines.describe_plan(plan(measured())), plan(measured()).warnings) == (
        "onnxruntime CPU",
        ("engine_fallback",),
    )


@pytest.mark.parametrize(
    ("features", "labels"),
    [((), ("f32", "f32")), (AVX2, ("f32", "f32")), (AVX512, ("f32", "f32")), (AMX, ("f32", "bf16"))],
)
def test_halves_are_used_where_the_processor_has_them_and_the_precision_allows(
    features: tuple[str, ...], labels: tuple[str, str], on_machine: OnMachine
) -> None:
    on_machine(features=features)
    card = measured().model_copy(update={"arithmetic": CoarsestArithmetic(exact="f32", fast="bf16")})
    assert tuple(plan(card, each).arithmetic for each in get_args(Precision)) == labels
    assert plan(measured()).arithmetic == ("bf16+f32" if "bf16" in labels else "f32")


def test_only_the_outputs_that_are_asked_for_are_computed(two_answers: Path) -> None:
    network = loaded(two_answers, [1])
    assert len(network._compiled.outputs) == 1
    (green,) = network.run({"x": TWO_INPUT}, [1], Job())
    assert green.min() == green.max() == 0.75


@pytest.mark.parametrize("output", [0, "red"])
def test_outputs_are_told_by_position_or_name(output: int | str, two_answers: Path) -> None:
    assert loaded(two_answers).run({"x": TWO_INPUT}, [output], Job())[0].max() == 0.25
    assert loaded(two_answers, [output]).run({"x": TWO_INPUT}, [output], Job())[0].max() == 0.25


# ---- compiled networks -----------------------------------------------------------------------------------------------


def test_other_weights_other_outputs_and_other_threads_are_compiled_apart(
    two_answers: Path, on_machine: OnMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def count() -> int:
        return len(list(house.settings().store.list_entries(compiled_networks.FOLDER)))

    on_machine(cores=2)
    loaded(two_answers, [0])
    loaded(two_answers, [1])
    loaded(two_answers, [0], "1" * 64)
    assert count() == 3
    on_machine(cores=1)
    loaded(two_answers, [0])
    assert count() == 4
    monkeypatch.setenv("CLEARCUT_THREADS", "2")
    loaded(two_answers, [0])
    assert count() == 4  # threads are what counts, whether they are as many as cores or a setting
    monkeypatch.setenv("CLEARCUT_THREADS", "3")
    loaded(two_answers, [0])
    assert count() == 5


def test_its_converter_and_its_reporting_client_are_not_loaded(two_answers: Path) -> None:
    code = f"""import os, sys; from pathlib import Path; from pipeline import Settings
from pipeline.inference.running.open_vino import OpenVinoNetwork, WeightFile
OpenVinoNetwork(WeightFile(Path({str(two_answers)!r}), "0" * 64), "f32", Settings.read(os.environ))
print([name for name in sys.modules if "telemetry" in name or name.startswith("openvino.tools.ovc.")])"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_people_are_cut_out_as_well_as_by_onnxruntime(truth: Path, u2netp: Path, monkeypatch: Any) -> None:
    path = sorted((truth / "people" / "images").iterdir())[0]
    alphas = []
    for engine in ("cpu", "openvino"):
        monkeypatch.setenv("CLEARCUT_ENGINE", engine)
        alphas.append(cut_out(Inputs(decode(path.read_bytes())), Options(model="u2netp")).alpha.astype(int))
    assert np.abs(alphas[0] - alphas[1]).mean() <= 0.5


@pytest.mark.parametrize("does_many", [False, True])
def test_memory_between_layers_is_released_after_a_first_run_and_when_idle_but_not_in_a_worker(
    u2netp: Path, monkeypatch: pytest.MonkeyPatch, does_many: bool
) -> None:
    monkeypatch.setattr(machine, "_does_many", False)
    if does_many:
        machine.expect_many()
    network = loaded(u2netp)
    released: list[bool] = []
    compiled = network._compiled
    monkeypatch.setattr(network, "_compiled", Watched(compiled, released))

    def run() -> int:
        network.run({next(iter(network.inputs)): np.zeros((1, 3, 320, 320), np.float32)}, [0], Job())
        return len(released)

    counts = [run() for _ in range(3)]
    assert counts == ([0, 0, 0] if does_many else [1, 1, 1])
    if not does_many:
        network.release_when_idle()  # as its timer does, and too early
        assert len(released) == 1
        monkeypatch.setattr(open_vino, "IDLE_SECONDS", 0.0)
        timer = network._timer
        assert timer and timer.interval > 1
        timer.function(*timer.args)
        assert len(released) == 2


class Watched:
    """A compiled network that notes when its memory is released."""

    def __init__(self, compiled: Any, released: list[bool]) -> None:
        self.create_infer_request = compiled.create_infer_request
        self._compiled, self._released = compiled, released

    def release_memory(self) -> None:
        self._released.append(True)
        self._compiled.release_memory()
