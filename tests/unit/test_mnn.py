"""MNN beside onnxruntime: the same matte, planned where it was measured to be faster, and never in the way."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx.parser
import pytest

from pipeline import catalog, engines, machine, runtime, storage
from pipeline.catalog import ModelCard
from pipeline.engines import compiled, mnn, open_vino
from pipeline.errors import ClearcutError
from pipeline.image_io import decode
from pipeline.jobs import Job
from pipeline.networks import network
from pipeline.settings import ROOT
from tests.pictures import composite, photo

pytestmark = pytest.mark.skipif(not mnn.is_here(), reason="no MNN here")
NOT_IN_ORDER = bytes(
    onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> net (float[1, 3, 8, 8] x) => '
        "(float[1, 1, 8, 8] red, float[1, 1, 8, 8] green) "
        "<float[1, 3, 1, 1] r = {1, 0, 0}, float[1, 3, 1, 1] g = {0, 1, 0}> { red = Conv(x, r) green = Conv(x, g) }"
    ).SerializeToString()
)
INPUT = np.stack([np.full((8, 8), value, np.float32) for value in (0.25, 0.75, 0)])[None]
AVX2 = ("avx2", "fma")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "two.onnx").write_bytes(NOT_IN_ORDER)
    return tmp_path / "two.onnx"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLEARCUT_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def loaded(file: Path, output: int | str = 0) -> mnn.Network:
    return mnn.Network(file, "0" * 64, [output])


def card(name: str) -> ModelCard:
    found = catalog.card(name)
    assert isinstance(found, ModelCard)
    return found


def processor(monkeypatch: pytest.MonkeyPatch, *features: str) -> None:
    monkeypatch.setattr(machine, "processor", lambda: ("a processor", features))


@pytest.mark.parametrize("model", ["u2netp", "isnet-general-use"])
def test_its_matte_is_that_of_onnxruntime_to_half_a_grey_level(
    model: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    request.getfixturevalue(model.split("-")[0])
    assert_alike(model, [composite(640, 480).rgb, photo(), photo("coffee")], monkeypatch)


@pytest.mark.parametrize("folder", ["soft", "people", "logos", "scenes"])
def test_its_matte_is_that_of_onnxruntime_on_pictures_of_every_sort(
    folder: str, truth: Path, u2netp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = sorted((truth / folder / "images").iterdir())[:4]
    assert_alike("u2netp", [decode(file.read_bytes()).rgb for file in files], monkeypatch)


def assert_alike(model: str, pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    mattes = {}
    for engine in ("cpu", "mnn"):
        monkeypatch.setenv("CLEARCUT_ENGINE", engine)
        kind, planned = network(card(model)), engines.plan(card(model), "exact")
        session = runtime.POOL.session(card(model), planned, kind.outputs(card(model)))
        assert session.engine == planned.label
        feds = [kind.feed(rgb, card(model)) for rgb in pictures]
        mattes[engine] = [
            kind.read(session.run(fed.inputs, kind.outputs(card(model)), Job()), card(model), fed).matte for fed in feds
        ]
    for theirs, ours in zip(mattes["cpu"], mattes["mnn"], strict=True):
        assert np.abs(theirs - ours).mean() <= 0.5 / 255


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


def test_what_it_cannot_convert_is_run_by_onnxruntime(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnn, "CONVERTER", Path("nowhere.py"))
    network, plan = engines.load(file, engines.Plan("mnn", why="measured"), "0" * 64, [0])
    assert (network.label, plan.warnings) == ("onnxruntime CPU", ())


@pytest.mark.parametrize(("output", "value"), [(0, 0.25), (1, 0.75), ("red", 0.25), ("green", 0.75)])
def test_the_one_output_is_told_by_position_or_name(output: int | str, value: float, file: Path) -> None:
    assert loaded(file, output).run({"x": INPUT}, [output], Job())[0] == pytest.approx(np.full((1, 1, 8, 8), value))


def test_answers_stay_when_it_runs_again(file: Path) -> None:
    network = loaded(file)
    (first,) = network.run({"x": INPUT}, [0], Job())
    network.run({"x": INPUT * 2}, [0], Job())
    assert first.max() == 0.25


def test_each_of_many_threads_gets_its_own_answer(file: Path) -> None:
    network = loaded(file)

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


def test_an_input_of_another_size_is_refused_before_it_can_do_harm(file: Path) -> None:
    with pytest.raises(ValueError, match="9"):
        loaded(file).run({"x": np.zeros((1, 3, 9, 9), np.float32)}, [0], Job())


# ---- converted networks ----------------------------------------------------------------------------------------------


def test_what_was_converted_is_kept_for_the_next_process(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded(file)
    (kept,) = storage.kept(compiled.FOLDER)
    assert kept.path.stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr(mnn, "CONVERTER", Path("nowhere.py"))
    assert loaded(file).run({"x": INPUT}, [0], Job())[0].max() == 0.25


@pytest.mark.parametrize("how", ["cut short", "damaged", "empty"])
def test_a_spoilt_one_is_converted_anew(how: str, file: Path) -> None:
    loaded(file)
    (kept,) = storage.kept(compiled.FOLDER)
    good = kept.path.read_bytes()
    middle = len(good) // 2
    spoilt = {"cut short": good[:middle], "damaged": good[:middle] + b"spoilt" + good[middle + 6 :], "empty": b""}
    kept.path.write_bytes(spoilt[how])
    assert loaded(file).run({"x": INPUT}, [0], Job())[0].max() == 0.25
    (again,) = storage.kept(compiled.FOLDER)
    assert again.size == len(good)


def test_other_weights_and_other_outputs_are_converted_apart(file: Path) -> None:
    loaded(file, 0)
    loaded(file, 1)
    mnn.Network(file, "1" * 64, [0])
    assert len(list(storage.kept(compiled.FOLDER))) == 3


def test_a_cache_folder_that_cannot_be_made_stops_nothing(file: Path, own_cache: Path) -> None:
    own_cache.write_text("in the way")
    assert loaded(file).run({"x": INPUT}, [0], Job())[0].max() == 0.25


def test_it_prints_nothing_and_its_reporting_tools_are_not_loaded(file: Path) -> None:
    code = f"""import sys; from pathlib import Path; from pipeline.engines.mnn import Network
Network(Path({str(file)!r}), "0" * 64, [0])
assert not [name for name in sys.modules if name.startswith(("MNN.tools", "_tools", "aliyun"))]
print("mine")"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("mine\n", "")
