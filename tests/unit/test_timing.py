"""The engine is chosen by measuring where it runs: once, kept, gone by from the next start on, and never in the way."""

import pickle
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.settings import Settings
from pipeline.batch.batch import Batch
from pipeline.batch.task import Order
from pipeline.commands.command_line import main
from pipeline.inference import engines
from pipeline.inference.engines import ENGINES, Plan, choices
from pipeline.inference.engines.choices import FOLDER, Timing, keep_timing
from pipeline.inference.running import LoadedNetwork, WeightFile
from pipeline.inference.runtime import Runtime
from pipeline.inference.sessions import load_session
from pipeline.manage import timing
from pipeline.manage.timing import Ran, list_untimed, time_engines
from pipeline.registry.cards import Arithmetic, Card, ModelCard
from server import timing as idle
from server.activity import Activity
from tests import house
from tests.machines import OnMachine
from tests.networks import network

pytestmark = pytest.mark.skipif(not ENGINES["openvino"].is_here(), reason="no engine beside onnxruntime here")
PASSES_RED = network(
    "net (float[1, 3, 8, 8] x) => (float[1, 1, 8, 8] y) <float[1, 3, 1, 1] k = {1, 0, 0}> { y = Conv(x, k) }"
)
CPU, OPENVINO = "onnxruntime CPU", "OpenVINO f32"
BY_RULE, TIMED = Plan("cpu", "f32", "only"), Plan("openvino", "f32", "timed")
FIGURES = {CPU: 0.2, OPENVINO: 0.1}


@pytest.fixture
def reds(enter: Callable[..., Card], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelCard:
    """A small network that two engines can run, a cache folder of this test's own, and short timings."""
    monkeypatch.setenv("CLEARCUT_CACHE_DIR", str(tmp_path / "kept"))
    monkeypatch.setattr(timing, "SECONDS", 0)
    monkeypatch.setattr(timing, "RIVALS", 0)
    card = enter("reds", PASSES_RED, kind="anime", feed={"size": [8, 8]})
    assert isinstance(card, ModelCard)
    return card


def plan(card: ModelCard, settings: Settings | None = None) -> Plan:
    """Of a program that starts now, or of one that has these settings."""
    return engines.choose_plan(card, "exact", settings or house.settings())


def keep(card: ModelCard, engine: str = "openvino") -> None:
    """As a timing that this engine has won."""
    chosen = {"exact": (engine, "f32"), "fast": (engine, "f32")}
    known = Timing.model_validate({"model": card.name, "seconds": FIGURES, "chosen": chosen})
    assert keep_timing(card, known, house.settings())


def test_an_engine_that_crashes_takes_nothing_down_and_is_never_tried_again(
    reds: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = house.settings()
    assert plan(reds, before) == BY_RULE and list_untimed(reds, before) == [reds]
    monkeypatch.setattr(timing, "WORKER", "tests.crashing")
    found = time_engines(reds, before)
    assert found and found.failed == (OPENVINO,) and list(found.seconds) == [CPU] and not found.begun
    assert list_untimed(reds, before) == []
    assert plan(reds) == BY_RULE._replace(why="timed") and plan(reds, before) == BY_RULE
    monkeypatch.setattr(timing, "WORKER", timing.__name__)  # where it would not crash
    again = time_engines(reds, house.settings())
    assert again and again.failed == (OPENVINO,) and list(again.seconds) == [CPU]


def test_one_that_was_begun_and_never_ended_too_often_is_not_begun_again(reds: ModelCard) -> None:
    left = Timing(model=reds.name, begun={OPENVINO: timing.MOST_BEGUN})
    assert keep_timing(reds, left, house.settings())
    found = time_engines(reds, house.settings())
    assert found and found.failed == (OPENVINO,)


def test_both_are_timed_on_the_command_line_and_the_doctor_tells_the_figures(
    reds: ModelCard, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["models", "measure", "reds"]) == 0
    out = capsys.readouterr().out
    assert CPU in out and OPENVINO in out
    known = choices.load_timing(reds, house.settings())
    assert known and set(known.seconds) == set(FIGURES) and max(known.off.values()) < (0.5, 0.5)
    monkeypatch.setenv("CLEARCUT_MODEL", "reds")
    main(["doctor"])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("reds ")]
    assert all(f"{engine} {seconds:.3f} s" in line for engine, seconds in known.seconds.items())


@pytest.mark.parametrize("faster", [True, False])
def test_half_the_threads_are_timed_where_there_are_four_cores_and_taken_where_they_are_faster(
    reds: ModelCard, on_machine: OnMachine, monkeypatch: pytest.MonkeyPatch, capsys: Any, faster: bool
) -> None:
    on_machine(cores=4)
    monkeypatch.setattr(timing, "RIVALS", 1e6)
    seconds = {0: 0.3, 2: 0.2 if faster else 0.29}
    run = timing._State._run

    def clocked(state: Any, plan: Plan, pictures: list[Any], threads: int) -> Iterator[Ran]:
        took = seconds[threads] + (plan.engine != "openvino")
        return (ran._replace(seconds=took) for ran in run(state, plan, pictures, threads))

    monkeypatch.setattr(timing._State, "_run", clocked)
    assert main(["models", "measure", "reds"]) == 0
    assert "OpenVINO f32 × 2 " in capsys.readouterr().out
    loaded: list[int] = []
    load = ENGINES["openvino"].load

    def watched(file: WeightFile, how: Arithmetic, given: Settings) -> LoadedNetwork:
        loaded.append(given.threads)
        return load(file, how, given)

    monkeypatch.setattr(ENGINES["openvino"], "load", watched)
    load_session(reds, plan(reds), house.settings())
    on_machine(cores=2)  # the share of a worker
    load_session(reds, TIMED, house.settings())
    assert loaded == [2 if faster else 0, 0]


def test_a_program_that_runs_goes_by_what_it_knew_and_so_do_its_workers(reds: ModelCard, on_machine: OnMachine) -> None:
    on_machine(cores=2)
    keep(reds)
    running = Runtime(house.settings()).settings
    keep(reds, "cpu")
    assert plan(reds, running) == TIMED and plan(reds).engine == "cpu"
    given = pickle.loads(pickle.dumps(running.model_copy(update={"threads": 1})))
    on_machine(cores=1)  # its share of them
    assert plan(reds, given) == TIMED


def test_a_batch_that_is_gone_on_with_keeps_its_engine(reds: ModelCard, tmp_path: Path) -> None:
    order = Order({"model": "reds"})
    keep(reds)
    with Batch(tmp_path / "out", order, house.settings()) as begun:
        begun.settle()
    keep(reds, "cpu")
    with Batch(tmp_path / "out", order, house.settings()) as resumed:
        assert resumed.list_changes() == [] and plan(reds, resumed.settings) == TIMED
        resumed.settle(anew=True)
        assert plan(reds, resumed.settings).engine == "cpu"


@pytest.mark.parametrize("changed", ["versions", "processor", "threads"])
def test_what_was_measured_counts_for_these_versions_this_processor_and_so_many_threads(
    changed: str, reds: ModelCard, on_machine: OnMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(reds)
    assert plan(reds) == TIMED and list_untimed(reds, house.settings()) == []
    if changed == "versions":
        monkeypatch.setattr(choices, "find_versions", lambda: {"openvino": "0.0"})
    elif changed == "processor":
        on_machine(features=("avx2", "of another"))
    else:
        monkeypatch.setenv("CLEARCUT_THREADS", "31")
    assert plan(reds) == BY_RULE and list_untimed(reds, house.settings()) == [reds]


def test_the_setting_wins_and_nothing_is_measured(reds: ModelCard, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(reds)
    monkeypatch.setenv("CLEARCUT_ENGINE", "cpu")
    assert plan(reds) == ("cpu", "f32", "asked") and list_untimed(reds, house.settings()) == []


@pytest.mark.parametrize("content", [b"", b"{", b'{"networks": 3}', b'{"processor": "x", "threads": 0}'])
def test_a_broken_file_is_none(content: bytes, reds: ModelCard) -> None:
    keep(reds)
    store = house.settings().store
    (file,) = store.list_entries(FOLDER)
    assert store.write(FOLDER, file.path.name, content, 1e6)
    assert plan(reds) == BY_RULE
    file.path.write_bytes(content)  # without its checksum
    assert plan(reds) == BY_RULE


def test_a_folder_that_cannot_be_written_is_told_and_the_rule_goes_on(
    reds: ModelCard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kept").write_text("in the way")
    assert main(["models", "measure", "reds"]) != 0
    assert capsys.readouterr().err.strip()
    assert plan(reds) == BY_RULE


def test_a_server_times_what_was_used_once_nothing_runs(reds: ModelCard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(idle, "measure_load", lambda seconds: 0.0)  # however busy the tests' machine is
    runtime, activity, stop = Runtime(house.settings()), Activity(), threading.Event()
    activity.models.add("reds")
    request = object()
    activity.begin(request)
    thread = threading.Thread(target=idle.time_when_idle, args=(runtime, activity, stop))
    thread.start()
    assert not stop.wait(0.2) and choices.load_timing(reds, runtime.settings) is None
    activity.end(request)
    while thread.is_alive() and list_untimed(reds, runtime.settings):
        stop.wait(0.05)
    stop.set()
    thread.join()
    assert list_untimed(reds, runtime.settings) == [] and plan(reds, runtime.settings) == BY_RULE
