"""What holds for every engine beside onnxruntime: its answers are its own, and what it made of a network is kept."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pipeline.base.errors import ClearcutError
from pipeline.base.files import Entry
from pipeline.base.jobs import Job
from pipeline.inference import engines
from pipeline.inference.engines import ENGINES
from pipeline.inference.networks import find_family
from pipeline.inference.running import LoadedNetwork, WeightFile, compiled_networks, mnn, open_vino
from pipeline.pixels.image_io import decode
from pipeline.registry.cards import ModelCard
from tests import house
from tests.networks import TWO_INPUT
from tests.pictures import composite, photo

Load = Callable[[Path, int | str], LoadedNetwork]
BESIDE = ("mnn", "openvino")


@pytest.fixture(params=BESIDE)
def load(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    engine = ENGINES[request.param]
    if not engine.is_here():
        pytest.skip(f"no {request.param} here")
    monkeypatch.setenv("CLEARCUT_CACHE_DIR", str(tmp_path / "cache"))
    return lambda file, output: engine.load(WeightFile(file, "0" * 64, [output]), "f32", house.settings())


def list_kept() -> list[Entry]:
    return list(house.settings().store.list_entries(compiled_networks.FOLDER))


@pytest.mark.weights
@pytest.mark.parametrize("engine", BESIDE)
@pytest.mark.parametrize("model", ["u2netp", "isnet-general-use"])
def test_the_matte_is_that_of_onnxruntime_to_half_a_grey_level(
    model: str, engine: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    request.getfixturevalue(model.split("-")[0])
    pictures = [composite(640, 480).rgb, photo(), photo("coffee")]
    assert_alike(model, engine, pictures if model == "u2netp" else pictures[1:2], monkeypatch)  # the other takes long


@pytest.mark.parametrize("engine", BESIDE)
@pytest.mark.parametrize("folder", ["soft", "people", "logos", "scenes"])
def test_the_matte_is_that_of_onnxruntime_on_pictures_of_every_sort(
    folder: str, engine: str, truth: Path, u2netp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = sorted((truth / folder / "images").iterdir())[:4]
    assert_alike("u2netp", engine, [decode(file.read_bytes()).rgb for file in files], monkeypatch)


def assert_alike(model: str, engine: str, pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    card, mattes = house.card(model), []
    assert isinstance(card, ModelCard)
    kind = find_family(card)
    for each in ("cpu", engine):
        monkeypatch.setenv("CLEARCUT_ENGINE", each)
        runtime = house.runtime()
        planned = engines.choose_plan(card, "exact", runtime.settings)
        if planned.warnings:
            pytest.skip(f"no {each} here")
        session = runtime.pool.get(card, planned)
        assert session.engine == engines.describe_plan(planned)
        feds = [kind.feed(rgb, card) for rgb in pictures]
        mattes.append([kind.read(session.run(fed.inputs, Job()), card, fed).matte for fed in feds])
    off = [255 * float(np.abs(theirs - ours).mean()) for theirs, ours in zip(*mattes, strict=True)]
    assert np.mean(off) <= 0.5 and max(off) <= (0.5 if session.plan.arithmetic == "f32" else 2.5)


def answer(network: LoadedNetwork, output: int | str = 0, feed: np.ndarray = TWO_INPUT) -> np.ndarray:
    return network.run({"x": feed}, [output], Job())[0]


@pytest.mark.parametrize(("output", "value"), [(0, 0.25), (1, 0.75), ("red", 0.25), ("green", 0.75)])
def test_an_output_is_told_by_position_or_name(load: Load, two_answers: Path, output: int | str, value: float) -> None:
    assert answer(load(two_answers, output), output) == pytest.approx(np.full((1, 1, 8, 8), value))


def test_answers_stay_when_it_runs_again(load: Load, two_answers: Path) -> None:
    network = load(two_answers, 0)
    first = answer(network)
    answer(network, feed=TWO_INPUT * 2)
    assert first.max() == 0.25


def test_each_of_many_threads_gets_its_own_answer(load: Load, two_answers: Path) -> None:
    network = load(two_answers, 0)

    def answers(number: int) -> set[float]:
        feed = np.full((1, 3, 8, 8), number, np.float32)
        return {float(value) for _ in range(100) for value in answer(network, feed=feed).ravel()}

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(answers, range(4))) == [{float(number)} for number in range(4)]


def test_a_job_that_was_stopped_before_runs_nothing(load: Load, two_answers: Path) -> None:
    job = Job()
    job.cancel()
    with pytest.raises(ClearcutError) as caught:
        load(two_answers, 0).run({"x": TWO_INPUT}, [0], job)
    assert caught.value.code == "cancelled"


# ---- what is kept ----------------------------------------------------------------------------------------------------


def test_what_was_made_of_a_network_is_kept_for_the_next_process(
    load: Load, two_answers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(two_answers, 0)
    (kept,) = list_kept()
    assert kept.path.stat().st_mode & 0o777 == 0o600

    def fail(*_: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(open_vino, "_prune", fail)
    monkeypatch.setattr(mnn, "CONVERTER", Path("nowhere.py"))
    assert answer(load(two_answers, 0)).max() == 0.25


@pytest.mark.parametrize("how", ["cut short", "damaged", "empty"])
def test_what_was_spoilt_is_made_anew(load: Load, how: str, two_answers: Path) -> None:
    load(two_answers, 0)
    (kept,) = list_kept()
    good = kept.path.read_bytes()
    middle = len(good) // 2
    spoilt = {"cut short": good[:middle], "damaged": good[:middle] + b"spoilt" + good[middle + 6 :], "empty": b""}
    kept.path.write_bytes(spoilt[how])
    assert answer(load(two_answers, 0)).max() == 0.25
    (again,) = list_kept()
    assert again.size == len(good)


def test_a_cache_folder_that_cannot_be_made_stops_nothing(load: Load, two_answers: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    assert answer(load(two_answers, 0)).max() == 0.25
