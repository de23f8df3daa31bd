"""MNN beside onnxruntime: the same matte, planned where it was measured to be faster, and never in the way."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.base import files as storage
from pipeline.base import machine
from pipeline.base.jobs import Job
from pipeline.base.settings import ROOT
from pipeline.inference import engines
from pipeline.inference.engines import compiled, mnn, open_vino
from pipeline.registry import catalog
from pipeline.registry.catalog import ModelCard

pytestmark = pytest.mark.skipif(not mnn.is_here(), reason="no MNN here")
AVX2 = ("avx2", "fma")


def loaded(file: Path, output: int | str = 0) -> mnn.Network:
    return mnn.Network(file, "0" * 64, [output])


def card(name: str) -> ModelCard:
    found = catalog.find_card(name)
    assert isinstance(found, ModelCard)
    return found


def processor(monkeypatch: pytest.MonkeyPatch, *features: str) -> None:
    monkeypatch.setattr(machine, "processor", lambda: ("a processor", features))


@pytest.mark.parametrize(
    ("features", "exact", "fast"),
    [
        (AVX2, "MNN f32", "MNN f32"),
        ((*AVX2, "avx512f"), "OpenVINO f32", "OpenVINO f32"),
        ((*AVX2, "avx512f", "avx512_bf16"), "OpenVINO f32", "OpenVINO bf16"),
        ((), "OpenVINO f32", "OpenVINO f32"),
    ],
)
def test_the_processor_decides_what_runs_a_measured_network(
    features: tuple[str, ...], exact: str, fast: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_vino, "is_here", lambda: True)
    processor(monkeypatch, *features)
    plans = [engines.plan(card("u2netp"), precision) for precision in ("exact", "fast")]  # type: ignore[arg-type]
    assert [(plan.label, plan.why) for plan in plans] == [(exact, "measured"), (fast, "measured")]


def test_a_network_that_nobody_measured_is_not_given_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARCUT_ENGINE", "mnn")
    other = card("u2netp").model_copy(update={"arithmetic": None})
    assert (engines.plan(other).label, engines.plan(other).warnings) == ("onnxruntime CPU", ("engine_fallback",))
    assert (engines.plan(card("u2netp")).label, engines.plan(card("u2netp")).why) == ("MNN f32", "asked")


def test_where_it_is_missing_asking_for_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnn, "is_here", lambda: False)
    monkeypatch.setenv("CLEARCUT_ENGINE", "mnn")
    assert engines.plan(card("u2netp")).warnings == ("engine_fallback",)


@pytest.mark.parametrize(("has_openvino", "instead"), [(True, "OpenVINO f32"), (False, "onnxruntime CPU")])
def test_what_it_cannot_convert_is_run_by_the_next_best(
    has_openvino: bool, instead: str, two_answers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnn, "CONVERTER", Path("nowhere.py"))
    monkeypatch.setattr(open_vino, "is_here", lambda: has_openvino)
    network, plan = engines.load(two_answers, engines.Plan("mnn", why="measured"), "0" * 64, [0])
    assert (network.label, plan.label, plan.warnings) == (instead, instead, ())
    network, plan = engines.load(two_answers, engines.Plan("mnn", why="asked"), "0" * 64, [0])
    assert (network.label, plan.warnings) == ("onnxruntime CPU", ("engine_fallback",))


def test_two_threads_that_load_it_leave_standard_output_as_it_was() -> None:
    code = """import sys, threading
from pipeline.engines import mnn
threads = [threading.Thread(target=mnn.library) for _ in range(8)]
for each in threads: each.start()
for each in threads: each.join()
print("mine")"""
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout == "mine\n"


def test_an_input_of_another_size_is_refused_before_it_can_do_harm(two_answers: Path) -> None:
    with pytest.raises(ValueError, match="9"):
        loaded(two_answers).run({"x": np.zeros((1, 3, 9, 9), np.float32)}, [0], Job())


# ---- converted networks ----------------------------------------------------------------------------------------------


def test_other_weights_and_other_outputs_are_converted_apart(two_answers: Path) -> None:
    loaded(two_answers, 0)
    loaded(two_answers, 1)
    mnn.Network(two_answers, "1" * 64, [0])
    assert len(list(storage.kept(compiled.FOLDER))) == 3


def test_it_prints_nothing_and_its_reporting_tools_are_not_loaded(two_answers: Path) -> None:
    code = f"""import sys; from pathlib import Path; from pipeline.engines.mnn import Network
Network(Path({str(two_answers)!r}), "0" * 64, [0])
assert not [name for name in sys.modules if name.startswith(("MNN.tools", "_tools", "aliyun"))]
print("mine")"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("mine\n", "")
