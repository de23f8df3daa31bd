"""OpenVINO beside onnxruntime: the same matte, the same rules, and what it compiles is kept."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx.parser
import pytest

import pipeline
from pipeline import catalog, engines, machine, runtime, storage
from pipeline.catalog import Card, Coarsest, ModelCard
from pipeline.cutout import cut_out
from pipeline.engines import compiled, mnn, open_vino
from pipeline.errors import ClearcutError
from pipeline.image_io import Photo, decode
from pipeline.jobs import Job
from pipeline.networks import network
from pipeline.options import Options
from pipeline.settings import ROOT
from tests.pictures import composite, photo

pytestmark = pytest.mark.skipif(not open_vino.is_here(), reason="no OpenVINO here")
TWO_ANSWERS = bytes(
    onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> net (float[1, 3, 8, 8] x) => '
        "(float[1, 1, 8, 8] red, float[1, 1, 8, 8] green) "
        "<float[1, 3, 1, 1] r = {1, 0, 0}, float[1, 3, 1, 1] g = {0, 1, 0}> { red = Conv(x, r) green = Conv(x, g) }"
    ).SerializeToString()
)
RED = np.broadcast_to(np.array([255, 0, 0], np.uint8), (8, 8, 3)).copy()
INPUT = np.stack([np.full((8, 8), value, np.float32) for value in (0.25, 0.75, 0)])[None]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "two.onnx").write_bytes(TWO_ANSWERS)
    return tmp_path / "two.onnx"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLEARCUT_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def loaded(file: Path, outputs: Any = None) -> open_vino.Network:
    return open_vino.Network(file, "f32", "0" * 64, outputs)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenVINO, with no other engine beside onnxruntime."""
    monkeypatch.setattr(mnn, "is_here", lambda: False)


@pytest.mark.parametrize("model", ["u2netp", "isnet-general-use"])
def test_its_matte_is_that_of_onnxruntime_to_half_a_grey_level(
    model: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    request.getfixturevalue(model.split("-")[0])
    card = pipeline.card(model)
    assert isinstance(card, ModelCard)
    pictures = [composite(640, 480).rgb, photo(), photo("coffee")]
    mattes = {}
    for engine in ("cpu", "openvino"):
        monkeypatch.setenv("CLEARCUT_ENGINE", engine)
        kind, planned = network(card), engines.plan(card, "exact")
        session = runtime.POOL.session(card, planned, kind.outputs(card))
        assert session.engine == planned.label
        feds = [kind.feed(rgb, card) for rgb in pictures]
        mattes[engine] = [
            kind.read(session.run(fed.inputs, kind.outputs(card), Job()), card, fed).matte for fed in feds
        ]
    for theirs, ours in zip(mattes["cpu"], mattes["openvino"], strict=True):
        assert np.abs(theirs - ours).mean() <= 0.5 / 255


def test_a_measured_network_runs_on_it_without_being_asked_and_others_do_not(
    alone: None, enter: Callable[..., Card]
) -> None:
    own = enter("own", TWO_ANSWERS, kind="anime", feed={"size": [8, 8]})
    measured = catalog.card("u2netp")
    assert isinstance(own, ModelCard) and isinstance(measured, ModelCard)
    assert (engines.plan(own).engine, engines.plan(own).why) == ("cpu", "only")
    assert (engines.plan(measured).engine, engines.plan(measured).why) == ("openvino", "measured")


def test_whoever_asks_for_it_gets_it_for_any_network(enter: Callable[..., Card], monkeypatch: Any) -> None:
    enter("own", TWO_ANSWERS, kind="anime", feed={"size": [8, 8]})
    monkeypatch.setenv("CLEARCUT_ENGINE", "openvino")
    cutout = cut_out(Photo(RED), Options(model="own"))
    assert (cutout.engine, cutout.warnings, cutout.alpha.min()) == ("OpenVINO f32", (), 255)


def test_a_network_that_it_cannot_run_is_run_by_onnxruntime(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(open_vino, "_compiled", fail)
    for why, told in (("measured", ()), ("asked", ("engine_fallback",))):
        network, plan = engines.load(file, engines.Plan("openvino", why=why), "0" * 64)  # type: ignore[arg-type]
        assert (network.label, plan.warnings) == ("onnxruntime CPU", told)


def test_where_it_is_missing_everything_works_and_asking_for_it_is_told(
    alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_vino, "is_here", lambda: False)
    card = catalog.card("u2netp")
    assert isinstance(card, ModelCard)
    assert (engines.plan(card).label, engines.plan(card).warnings) == ("onnxruntime CPU", ())
    monkeypatch.setenv("CLEARCUT_ENGINE", "openvino")
    assert (engines.plan(card).label, engines.plan(card).warnings) == ("onnxruntime CPU", ("engine_fallback",))


@pytest.mark.parametrize(("has_halves", "labels"), [(False, ("f32", "f32")), (True, ("f32", "bf16"))])
def test_halves_are_used_where_the_processor_has_them_and_the_precision_allows(
    has_halves: bool, labels: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "multiplies_halves", lambda: has_halves)
    card = catalog.card("u2netp").model_copy(update={"arithmetic": Coarsest(exact="f32", fast="bf16")})
    assert isinstance(card, ModelCard)
    assert tuple(engines.plan(card, each).arithmetic for each in ("exact", "fast")) == labels  # type: ignore[arg-type]


def test_only_the_outputs_that_are_asked_for_are_computed(file: Path) -> None:
    network = loaded(file, [1])
    assert len(network._compiled.outputs) == 1
    (green,) = network.run({"x": INPUT}, [1], Job())
    assert green.min() == green.max() == 0.75


@pytest.mark.parametrize("output", [0, "red"])
def test_outputs_are_told_by_position_or_name(output: int | str, file: Path) -> None:
    assert loaded(file).run({"x": INPUT}, [output], Job())[0].max() == 0.25
    assert loaded(file, [output]).run({"x": INPUT}, [output], Job())[0].max() == 0.25


def test_answers_stay_when_it_runs_again(file: Path) -> None:
    network = loaded(file, [0])
    (first,) = network.run({"x": INPUT}, [0], Job())
    network.run({"x": INPUT * 2}, [0], Job())
    assert first.max() == 0.25


def test_each_of_many_threads_gets_its_own_answer(file: Path) -> None:
    network = loaded(file, [0])

    def answers(number: int) -> set[float]:
        feed = np.full((1, 3, 8, 8), number, np.float32)
        return {float(value) for _ in range(100) for value in network.run({"x": feed}, [0], Job())[0].ravel()}

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(answers, range(4))) == [{float(number)} for number in range(4)]


def test_a_job_that_was_stopped_before_runs_nothing(file: Path) -> None:
    job = Job()
    job.cancel()
    with pytest.raises(ClearcutError) as caught:
        loaded(file).run({"x": INPUT}, [0], job)
    assert caught.value.code == "cancelled"


# ---- compiled networks -----------------------------------------------------------------------------------------------


def test_what_was_compiled_is_kept_for_the_next_process(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded(file, [0])
    (kept,) = storage.kept(compiled.FOLDER)
    assert kept.path.stat().st_mode & 0o777 == 0o600

    def fail(*_: object) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr(open_vino, "_pruned", fail)
    assert loaded(file, [0]).run({"x": INPUT}, [0], Job())[0].max() == 0.25


@pytest.mark.parametrize("how", ["cut short", "damaged", "empty", "not its own"])
def test_a_spoilt_one_is_compiled_anew(how: str, file: Path) -> None:
    loaded(file, [0])
    (kept,) = storage.kept(compiled.FOLDER)
    good = kept.path.read_bytes()
    if how == "not its own":
        storage.keep(compiled.FOLDER, kept.path.name, b"something else", 1e9)
    else:
        middle = len(good) // 2
        spoilt = {"cut short": good[:middle], "damaged": good[:middle] + b"spoilt" + good[middle + 6 :], "empty": b""}
        kept.path.write_bytes(spoilt[how])
    assert loaded(file, [0]).run({"x": INPUT}, [0], Job())[0].max() == 0.25
    assert kept.path.read_bytes() == good


def test_other_weights_other_outputs_and_other_threads_are_compiled_apart(file: Path, monkeypatch: Any) -> None:
    loaded(file, [0])
    loaded(file, [1])
    open_vino.Network(file, "f32", "1" * 64, [0])
    monkeypatch.setenv("CLEARCUT_THREADS", "1")
    loaded(file, [0])
    assert len(list(storage.kept(compiled.FOLDER))) == 4


def test_a_cache_folder_that_cannot_be_made_stops_nothing(file: Path, own_cache: Path) -> None:
    own_cache.write_text("in the way")
    assert loaded(file, [0]).run({"x": INPUT}, [0], Job())[0].max() == 0.25


def test_its_converter_and_its_reporting_client_are_not_loaded(file: Path) -> None:
    code = f"""import sys; from pathlib import Path; from pipeline.engines.open_vino import Network
Network(Path({str(file)!r}), "f32", "0" * 64)
print([name for name in sys.modules if "telemetry" in name or name.startswith("openvino.tools.ovc.")])"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_people_are_cut_out_as_well_as_by_onnxruntime(truth: Path, u2netp: Path, monkeypatch: Any) -> None:
    path = sorted((truth / "people" / "images").iterdir())[0]
    alphas = []
    for engine in ("cpu", "openvino"):
        monkeypatch.setenv("CLEARCUT_ENGINE", engine)
        alphas.append(cut_out(decode(path.read_bytes()), Options(model="u2netp")).alpha.astype(int))
    assert np.abs(alphas[0] - alphas[1]).mean() <= 0.5
