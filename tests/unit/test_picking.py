"""Networks that pick what is pointed at: how they are fed, the encoder once a photo; and clicks that use them."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pipeline import (
    ClearcutError,
    Draft,
    InputFiles,
    Inputs,
    Job,
    Marks,
    Options,
    Photo,
    Runtime,
    cut_out,
    cut_out_bytes,
    cut_out_file,
    fetch,
    import_weights,
    is_installed,
    remove_model,
)
from pipeline.edges.marks import Pick
from pipeline.inference.picking import CORNERS, INSIDE, OUTSIDE, Prompt, find_mask
from pipeline.inference.sessions import Session, load_session
from pipeline.registry import catalog
from pipeline.registry.cards import Picker
from tests import house
from tests.networks import PICKING
from tests.pictures import encoded, iou
from tests.spies import answer_without_weights

KINDS = {"mobilesam": "sam", "sam2.1-tiny": "sam2", "efficientsam-tiny": "efficientsam"}
SIZE = 640, 400
RED, BLUE = (200, 40, 40), (40, 60, 200)
LEFT, RIGHT = np.zeros(SIZE[::-1], np.uint8), np.zeros(SIZE[::-1], np.uint8)
cv2.rectangle(LEFT, (120, 100), (319, 299), 255, -1)
cv2.rectangle(RIGHT, (320, 100), (519, 299), 255, -1)
BOTH = cv2.max(LEFT, RIGHT)
RGB = np.where(LEFT[..., None] > 0, RED, np.where(RIGHT[..., None] > 0, BLUE, (90, 160, 90))).astype(np.uint8)


@pytest.fixture(params=KINDS)
def picker(request: pytest.FixtureRequest, enter: Callable[..., Any], empty_models: Path) -> Picker:
    """A model that picks, as each of those in the catalogue, installed."""
    return install(request.param, enter, empty_models)


def install(like: str, enter: Callable[..., Any], folder: Path) -> Picker:
    encoder, decoder = PICKING[like]
    (folder / "decoder.onnx").write_bytes(decoder)
    second = {"file": "decoder.onnx", "bytes": len(decoder), "sha256": hashlib.sha256(decoder).hexdigest()}
    card = enter("picker", encoder, kind=KINDS[like], decoder=[second], good_for=["picking"])
    assert isinstance(card, Picker)
    return card


class Noting:
    """Loads networks, and notes what each is fed."""

    def __init__(self) -> None:
        self.fed: list[tuple[str, dict[str, np.ndarray]]] = []

    def __call__(self, card: Any, planned: Any, settings: Any) -> Session:
        session = load_session(card, planned, settings)
        run = session.run

        def noting(feeds: Any, job: Job) -> list[np.ndarray]:
            named = {next(iter(session.inputs)): feeds} if isinstance(feeds, np.ndarray) else dict(feeds)
            self.fed.append((card.name, named))
            return run(feeds, job)

        session.run = noting  # type: ignore[method-assign]
        return session

    def count(self, name: str) -> int:
        return [each for each, _ in self.fed].count(name)


@pytest.fixture
def noting() -> Iterator[Noting]:
    yield Noting()


def mask_at(picker: Picker, runtime: Runtime, *points: tuple[float, float], labels: tuple[int, ...] = ()) -> np.ndarray:
    prompt = Prompt(np.array(points) / SIZE, labels or (INSIDE,) * len(points))
    return find_mask(lambda: Photo(RGB), prompt, picker, runtime, Job(), lambda stage, key, make: make())


def test_the_mask_is_that_of_what_is_pointed_at(picker: Picker) -> None:
    for point, truth in (((200.0, 200.0), LEFT), ((500.0, 280.0), RIGHT)):
        mask = mask_at(picker, house.runtime(), point)
        assert mask.shape[1] / mask.shape[0] == pytest.approx(1 if picker.kind == "sam2" else 1.6, rel=0.01)
        assert iou(cv2.resize(mask.view(np.uint8) * 255, SIZE), truth) > 0.85


def test_the_encoder_runs_once_a_photo_and_the_decoder_at_each_click(picker: Picker, noting: Noting) -> None:
    runtime = Runtime(house.settings(), noting)
    for x in (200.0, 400.0, 500.0):
        mask_at(picker, runtime, (x, 200.0))
    assert noting.count("picker") == 1 and noting.count("picker-decoder") == 3
    runtime.forget()
    mask_at(picker, runtime, (200.0, 200.0))
    assert noting.count("picker") == 2


def test_points_lie_in_the_frame_of_the_network_and_say_inside_outside_or_corner(
    picker: Picker, noting: Noting
) -> None:
    runtime = Runtime(house.settings(), noting)
    mask_at(picker, runtime, (320, 200), (0, 0), labels=(INSIDE, OUTSIDE))
    mask_at(picker, runtime, (0, 0), (640, 400), labels=CORNERS)
    first, second = (fed for name, fed in noting.fed if name == "picker-decoder")
    coords, labels = (f"{'batched_' * (picker.kind == 'efficientsam')}point_{each}" for each in ("coords", "labels"))
    frame = {"sam": (1024, 640), "sam2": (1024, 1024), "efficientsam": SIZE}[picker.kind]
    assert first[coords].reshape(-1, 2)[:2] == pytest.approx(np.array([[frame[0] / 2, frame[1] / 2], [0, 0]]))
    padded = [-1] if picker.kind == "sam" else []
    assert first[labels].ravel().tolist() == [1, 0, *padded]
    assert second[coords].reshape(-1, 2).tolist() == [[0, 0], list(frame)] and second[labels].ravel().tolist() == [2, 3]


def test_without_a_network_that_picks_there_is_none_and_of_one_half_there_is_none(
    picker: Picker, empty_models: Path
) -> None:
    assert house.runtime().find_picker() == picker
    (empty_models / "decoder.onnx").unlink()
    assert house.runtime().find_picker() is None


# ---- in a cut-out ----------------------------------------------------------------------------------------------------


@pytest.fixture
def found(picker: Picker, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A photo of two things that touch along a whole side, both found by the model that cuts out."""
    answer_without_weights(monkeypatch)
    monkeypatch.setattr("pipeline.stages.make_matte", lambda photo, *_: cv2.resize(BOTH, photo.size))
    return encoded(RGB)


def erase(**where: Any) -> Marks:
    pick = Pick.model_validate({"kind": "erase"} | where)
    return Marks(version=1, size=SIZE, strokes=(pick,))


def test_a_click_drops_what_the_network_says_with_its_whole_edge(found: bytes) -> None:
    inputs = Inputs(Photo(RGB), marks=erase(include=[(420, 200)]))
    alpha = cut_out(inputs, Options(decontaminate=False), house.runtime()).alpha
    assert iou(alpha, LEFT) > 0.95 and alpha[:, 345:].max() == 0


def test_the_page_lights_up_the_same_and_looks_at_the_photo_once(found: bytes, noting: Noting) -> None:
    runtime = Runtime(house.settings(), noting)
    draft = Draft("two.png", 320, runtime)
    for x in (420.0, 450.0, 200.0):
        lit = draft.preview_pick(found, Options(), Pick(kind="keep", include=((x, 200),)), False, None, None, Job())
        truth = LEFT if x < 320 else RIGHT
        assert lit.kind == "erase" and iou(lit.area.view(np.uint8) * 255, cv2.resize(truth, (320, 200))) > 0.9
    marks = erase(include=[(420, 200)])
    draft.cut_out(found, Options(), marks=marks)
    files = InputFiles(found, name="two.png", marks=marks.model_dump_json().encode())
    assert iou(cut_out_file(files, Options(), runtime).cutout.alpha, LEFT) > 0.95
    assert noting.count("picker") == 1


def test_what_was_dropped_comes_back_with_its_edge(found: bytes) -> None:
    picks = (Pick(kind=kind, include=((420, 200),)) for kind in ("erase", "keep"))
    marks = Marks(version=1, size=SIZE, strokes=tuple(picks))
    alpha = cut_out(Inputs(Photo(RGB), marks=marks), Options(decontaminate=False), house.runtime()).alpha
    assert iou(alpha, BOTH) > 0.97


# ---- among the models ------------------------------------------------------------------------------------------------


def test_it_cannot_be_asked_to_cut_out(picker: Picker) -> None:
    with pytest.raises(ClearcutError) as caught:
        cut_out_bytes(encoded(RGB), model="picker")
    assert caught.value.code == "bad_option" and caught.value.facts["name"] == "model"
    assert "u2netp" in caught.value.facts["accepted"] and "mobilesam" not in caught.value.facts["accepted"]


def test_its_two_files_are_imported_one_by_one_and_removed_together(picker: Picker, tmp_path: Path) -> None:
    files = [tmp_path / "one", tmp_path / "two"]
    for file, data in zip(files, PICKING[{kind: name for name, kind in KINDS.items()}[picker.kind]], strict=True):
        file.write_bytes(data)
    runtime = house.runtime()
    assert len(catalog.list_models(runtime.settings)["picker"].networks) == 2
    deleted = {path.name for path in _remove_weights(picker, runtime)}
    assert deleted == {"picker.onnx", "decoder.onnx"} and not is_installed(picker, runtime.settings)
    with pytest.raises(ClearcutError, match="import_only"):
        fetch(picker, runtime.settings)
    for file in reversed(files):
        import_weights(picker, file, runtime)
    assert is_installed(picker, runtime.settings)


def _remove_weights(picker: Picker, runtime: Runtime) -> list[Path]:
    return remove_model(picker.model_copy(update={"local": False}), runtime)


@pytest.mark.parametrize("name", KINDS)
def test_those_of_the_catalogue_are_like_the_networks_of_these_tests(name: str) -> None:
    card = house.card(name)
    assert isinstance(card, Picker) and card.kind == KINDS[name]
    assert card.good_for == ("picking",)
    assert card.decoder.variants[0].sha256 and card.variants[0].sha256
    assert card.fetchable == (name != "mobilesam")
