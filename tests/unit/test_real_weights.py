"""Weights that development has, measured on real photos: what is found, in which colours, of which classes."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from pipeline.base.errors import ClearcutError
from pipeline.base.jobs import Job
from pipeline.cutout import cut_out, warm_up
from pipeline.inference.networks import find_family
from pipeline.inference.predict import predict
from pipeline.inputs import Inputs
from pipeline.options.options import Options
from pipeline.pixels.image_io import Photo, decode
from pipeline.registry import fetching, weights
from pipeline.registry.cards import ModelCard
from tests import house
from tests.networks import predict_afresh
from tests.pictures import iou, off, photo, scenery

Enter = Callable[..., ModelCard]
AtHand = Callable[[str], Path]


class Real(NamedTuple):
    """Weights at hand; `measured`: mean IoU over the 20 pictures of the people set."""

    file: str
    measured: float


REAL = {
    "rvm": Real("rvm_mobilenetv3_dequantised.onnx", 0.8985),
    "deeplab": Real("deeplabv3_257_mv.onnx", 0.7670),
    "selfie": Real("mediapipe_selfie.onnx", 0.8707),
    "portrait": Real("deeplabv3plus_portrait_513.onnx", 0.5627),  # made for ID photos, which few of these are
}
PUBLISHED = {"deeplab": "deeplabv3", "selfie": "mediapipe-selfie", "portrait": "deeplabv3plus-portrait"}


@pytest.fixture
def real(enter: Enter, at_hand: AtHand) -> Callable[[str], str]:
    """The name of a model of this kind with real weights."""
    return lambda kind: enter("real-" + kind, at_hand(REAL[kind].file), kind=kind).name


@pytest.mark.parametrize("kind", REAL)
def test_people_are_found_as_well_as_the_weights_can(kind: str, real: Callable[[str], str], truth: Path) -> None:
    name, found = real(kind), []
    for file in sorted((truth / "people" / "images").iterdir()):
        with Image.open(truth / "people" / "masks" / f"{file.stem}.png") as mask:
            wanted = np.asarray(mask.convert("L"))
        found.append(iou(cut_out(Inputs(decode(file.read_bytes())), Options(model=name)).alpha, wanted))
    assert np.mean(found) > REAL[kind].measured - 0.015, np.round(found, 3)


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def by_hand(kind: str, file: Path, rgb: np.ndarray) -> np.ndarray:
    """The matte as the notes beside the weights say, in 0-1, at the network's size."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def small(side: int) -> np.ndarray:
        return np.asarray(Image.fromarray(rgb).resize((side, side), Image.Resampling.LANCZOS)).astype(np.float32)[None]

    def run(outputs: list[str], **inputs: np.ndarray) -> np.ndarray:
        return session.run(outputs, inputs)[0]

    if kind == "rvm":
        nothing = np.zeros((1, 1, 1, 1), np.float32)
        states = {f"r{number}i": nothing for number in range(1, 5)}
        ratio = np.array([min(1, 512 / max(rgb.shape))], np.float32)
        source = (rgb[None] / 255).transpose(0, 3, 1, 2).astype(np.float32)
        return run(["pha"], src=source, downsample_ratio=ratio, **states)[0, 0]
    if kind == "deeplab":
        return 1 - softmax(run(["ResizeBilinear_3"], sub_7=small(257) / 127.5 - 1)[0])[..., 0]
    if kind == "selfie":
        return run(["activation_10"], **{"input_1:0": small(256) / 255})[0, ..., 0]
    fed = np.ascontiguousarray(small(513).transpose(0, 3, 1, 2) / 255)
    return softmax(run(["transpose:0"], **{"MobilenetV2/MobilenetV2/input:0": fed})[0].transpose(1, 2, 0))[..., 1]


@pytest.mark.parametrize("kind", REAL)
def test_a_matte_is_that_of_the_same_graph_fed_by_hand(kind: str, real: Callable[[str], str], at_hand: AtHand) -> None:
    rgb = np.tile(photo("astronaut"), (1, 2, 1))[:, :700]
    wanted = by_hand(kind, at_hand(REAL[kind].file), rgb)
    assert wanted.std() > 0.1
    assert off(predict_afresh(rgb, real(kind)).matte, wanted) <= 1 / 255


@pytest.mark.parametrize("kind", PUBLISHED)
def test_weights_at_hand_are_those_that_the_catalogue_publishes(kind: str, empty_models: Path, at_hand: AtHand) -> None:
    card = house.card(PUBLISHED[kind])
    fetching.import_file(card, at_hand(REAL[kind].file), house.settings())
    assert isinstance(card, ModelCard) and card.kind == kind and weights.is_installed(card, house.settings())
    assert not predict_afresh(photo("astronaut"), card.name).is_empty


@pytest.mark.parametrize("kind", REAL)
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (2, 1000), (1500, 4)])
def test_photos_of_any_shape_get_an_alpha_of_theirs(size, kind: str, real: Callable[[str], str]) -> None:
    width, height = size
    assert cut_out(Inputs(Photo(scenery(width, height))), Options(model=real(kind))).alpha.shape == (height, width)


@pytest.mark.parametrize("size", [(1, 1100), (2100, 2)])
def test_rvm_looks_at_a_pixel_at_least(size, real: Callable[[str], str]) -> None:
    assert cut_out(Inputs(Photo(scenery(*size))), Options(model=real("rvm"))).alpha.shape == size[::-1]


@pytest.mark.parametrize("kind", REAL)
def test_a_network_can_be_warmed_up(kind: str, real: Callable[[str], str], runs: list[str]) -> None:
    name = real(kind)
    warm_up(name, house.runtime())
    assert runs == [name]


# ---- the subject's own colours ---------------------------------------------------------------------------------------


def test_rvm_tells_the_subjects_colours_and_the_cache_keeps_them(real: Callable[[str], str], runs: list[str]) -> None:
    name, rgb = real("rvm"), photo("astronaut")
    first, again = (predict(Photo(rgb.copy()), name, house.runtime(), Job()).prediction for _ in range(2))
    assert runs == [name] and again is first
    assert first.foreground is not None and first.foreground.dtype == np.uint8
    assert first.foreground.shape == rgb.shape and first.matte.shape == rgb.shape[:2]
    certain = first.matte > 0.999
    assert certain.mean() > 0.2
    assert off(first.foreground[certain], rgb[certain]) < 2
    assert first.nbytes == first.matte.nbytes + first.foreground.nbytes


def test_rvm_looks_first_at_512_pixels_and_sees_at_most_1920(real: Callable[[str], str]) -> None:
    card = house.card(real("rvm"))
    assert isinstance(card, ModelCard)
    for size, seen, ratio in [
        ((300, 200), (300, 200), 1),
        ((1024, 768), (1024, 768), 0.5),
        ((3840, 960), (1920, 480), 512 / 1920),
    ]:
        inputs = find_family(card).feed(np.zeros((size[1], size[0], 3), np.uint8), card).inputs
        assert isinstance(inputs, dict) and list(inputs) == ["src", "r1i", "r2i", "r3i", "r4i", "downsample_ratio"]
        assert inputs["src"].shape == (1, 3, seen[1], seen[0])
        assert inputs["downsample_ratio"] == pytest.approx(ratio) and inputs["downsample_ratio"].shape == (1,)
        assert not any(inputs[f"r{number}i"].any() for number in range(1, 5))
        assert {each.dtype for each in inputs.values()} == {np.dtype(np.float32)}


def test_nothing_is_remembered_from_one_photo_to_the_next(real: Callable[[str], str]) -> None:
    name, cat, person = real("rvm"), photo(), photo("astronaut")
    alone = predict_afresh(person, name).matte
    predict_afresh(cat, name)
    assert np.array_equal(predict_afresh(person, name).matte, alone)


# ---- chosen classes --------------------------------------------------------------------------------------------------


def test_a_cat_is_a_subject_unless_only_people_are_kept(real: Callable[[str], str], runs: list[str]) -> None:
    name, cat = real("deeplab"), Photo(photo("chelsea"))
    everything = cut_out(Inputs(cat), Options(model=name))
    assert (everything.alpha > 127).mean() > 0.6 and "nothing_found" not in everything.warnings
    cats = cut_out(Inputs(cat), Options(model=name, keep=("cat",)))
    assert iou(cats.alpha, everything.alpha) > 0.99
    people = cut_out(Inputs(cat), Options(model=name, keep=("person",)))
    assert people.alpha.max() < 20 and "nothing_found" in people.warnings
    assert runs == [name]  # one look is enough for all three


def test_a_person_stays_where_people_are_kept(real: Callable[[str], str]) -> None:
    name, astronaut = real("deeplab"), Photo(photo("astronaut"))
    kept = [
        cut_out(Inputs(astronaut), Options(model=name, keep=keep)).alpha
        for keep in ((), ("person",), ("dog", "person"))
    ]
    assert (kept[1] > 127).mean() > 0.4
    assert iou(kept[1], kept[0]) > 0.95 and iou(kept[2], kept[1]) > 0.99


def test_an_unknown_class_is_refused_with_those_that_there_are(real: Callable[[str], str], runs: list[str]) -> None:
    for kind, accepted in (("deeplab", ["cat", "person"]), ("portrait", ["person"])):
        for keep in (("unicorn",), ("person", "unicorn"), ("background",)):
            with pytest.raises(ClearcutError) as caught:
                cut_out(Inputs(Photo(photo())), Options(model=real(kind), keep=keep))
            assert (caught.value.code, caught.value.facts["name"]) == ("bad_option", "keep")
            assert caught.value.facts["value"] == keep[-1]
            assert set(accepted) <= set(caught.value.facts["accepted"].split(", "))
            assert "background" not in caught.value.facts["accepted"]
    assert not runs


@pytest.mark.parametrize("model", ["u2netp", "best"])
def test_a_model_that_tells_no_classes_apart_has_none_to_keep(model: str) -> None:
    with pytest.raises(ClearcutError) as caught:
        cut_out(Inputs(Photo(photo())), Options(model=model, keep=("person",)))
    assert (caught.value.code, caught.value.facts["accepted"]) == ("bad_option", "–")
