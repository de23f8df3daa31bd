"""MNN beside onnxruntime: the same matte, planned where it was measured to be faster, and never in the way."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from pipeline.base.files import Store
from pipeline.base.jobs import Job
from pipeline.base.machine import is_running
from pipeline.base.settings import ROOT
from pipeline.inference import engines
from pipeline.inference.engines import ENGINES, Plan
from pipeline.inference.engines.mnn import Mnn
from pipeline.inference.engines.open_vino import OpenVino
from pipeline.inference.running import WeightFile, compiled_networks, mnn
from pipeline.inference.running.mnn import MnnNetwork
from pipeline.registry.cards import ModelCard, Precision
from tests import house
from tests.machines import AMX, AVX2, AVX512, OnMachine

pytestmark = pytest.mark.skipif(not ENGINES["mnn"].is_here(), reason="no MNN here")


def loaded(file: Path, output: int | str = 0, checksum: str = "0" * 64) -> MnnNetwork:
    return MnnNetwork(WeightFile(file, checksum, [output]), house.settings())


def card(name: str) -> ModelCard:
    found = house.card(name)
    assert isinstance(found, ModelCard)
    return found


def told(card: ModelCard) -> tuple[str, str, tuple[str, ...]]:
    planned = engines.choose_plan(card, "exact", house.settings())
    return engines.describe_plan(planned), planned.why, planned.warnings


@pytest.mark.parametrize(
    ("features", "exact", "fast"),
    [
        (AVX2, "MNN f32", "MNN f32"),
        ((*AVX2, "avx512f"), "OpenVINO f32", "OpenVINO f32"),
        (AVX512, "OpenVINO f32", "OpenVINO f32"),
        ((*AVX2, "avx512f", "avx512_bf16"), "OpenVINO bf16+f32", "OpenVINO bf16+f32"),
        (AMX, "OpenVINO bf16+f32", "OpenVINO bf16+f32"),
        ((), "OpenVINO f32", "OpenVINO f32"),
    ],
)
def test_the_processor_decides_what_runs_a_measured_network(
    features: tuple[str, ...],
    exact: str,
    fast: str,
    on_machine: OnMachine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(OpenVino, "is_here", lambda engine: True)
    on_machine(features=features)
    plans = [engines.choose_plan(card("u2netp"), precision, house.settings()) for precision in get_args(Precision)]
    assert [(engines.describe_plan(plan), plan.why) for plan in plans] == [(exact, "measured"), (fast, "measured")]


def test_a_network_that_nobody_measured_is_not_given_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARCUT_ENGINE", "mnn")
    other = card("u2netp").model_copy(update={"arithmetic": None})
    assert told(other) == ("onnxruntime CPU", "missing", ("engine_fallback",))
    assert told(card("u2netp")) == ("MNN f32", "asked", ())


def test_where_it_is_missing_asking_for_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mnn, "is_here", lambda engine: False)
    monkeypatch.setenv("CLEARCUT_ENGINE", "mnn")
    assert told(card("u2netp"))[2] == ("engine_fallback",)


@pytest.mark.parametrize("features", [AVX2, AMX])
@pytest.mark.parametrize(("has_openvino", "instead"), [(True, "OpenVINO"), (False, "onnxruntime CPU")])
def test_what_it_cannot_convert_is_run_by_the_next_best(
    has_openvino: bool,
    instead: str,
    features: tuple[str, ...],
    two_answers: Path,
    on_machine: OnMachine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on_machine(features=features)
    monkeypatch.setattr(mnn, "CONVERTER", Path("nowhere.py"))
    monkeypatch.setattr(OpenVino, "is_here", lambda engine: has_openvino)
    file, settings = WeightFile(two_answers, "0" * 64, [0]), house.settings()
    network, plan = engines.load(card("u2netp"), file, Plan("mnn", why="measured"), settings)
    assert network.label == engines.describe_plan(plan)
    assert network.label.startswith(instead) and plan.warnings == ()
    network, plan = engines.load(card("u2netp"), file, Plan("mnn", why="asked"), settings)
    assert (network.label, plan.warnings) == ("onnxruntime CPU", ("engine_fallback",))


def test_two_threads_that_load_it_leave_standard_output_as_it_was() -> None:
    code = """import sys, threading
from pipeline.inference.running import mnn
threads = [threading.Thread(target=mnn.import_mnn) for _ in range(8)]
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
    loaded(two_answers, 0, "1" * 64)
    assert len(list(house.settings().store.list_entries(compiled_networks.FOLDER))) == 3


def test_it_prints_nothing_and_its_reporting_tools_are_not_loaded(two_answers: Path) -> None:
    code = f"""import os, sys; from pathlib import Path; from pipeline import Settings
from pipeline.inference.running.mnn import MnnNetwork, WeightFile
MnnNetwork(WeightFile(Path({str(two_answers)!r}), "0" * 64, [0]), Settings.read(os.environ))
assert not [name for name in sys.modules if name.startswith(("MNN.tools", "_tools", "aliyun"))]
print("mine")"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("mine\n", "")


ORPHAN = """
import os, subprocess, sys
child = "import importlib.util, os, sys, time; sys.modules['_tools'] = sys.modules['MNN'] = type(sys)('x'); "
child += "sys.modules['MNN'].expr = sys.modules['MNN'].nn = None; "
child += "spec = importlib.util.spec_from_file_location('converter', sys.argv[1]); "
child += "module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module); module.end_with_parent(); "
child += "print(os.getpid(), flush=True); time.sleep(600)"
subprocess.run([sys.executable, "-c", child, {converter!r}])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_conversion_ends_with_the_process_that_wants_it() -> None:
    code = ORPHAN.format(converter=str(mnn.CONVERTER))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
        end = time.monotonic() + 30
        while is_running(child):
            with suppress(OSError):
                if Path(f"/proc/{child}/stat").read_text().split()[2] == "Z":
                    break
            assert time.monotonic() < end, "it goes on"
            time.sleep(0.01)


def test_what_a_killed_process_left_goes_with_the_next_conversion(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    left, other = (tmp_path / "scratch" / f"{pid}-abc" for pid in (done.stdout.strip(), os.getpid()))
    for folder in (left, other):
        folder.mkdir(parents=True)
    with Store(tmp_path).make_scratch() as scratch:
        assert scratch.is_dir() and not left.exists()
        assert other.is_dir(), "that of a process that runs"
    assert not scratch.exists()
