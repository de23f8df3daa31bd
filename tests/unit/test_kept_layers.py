"""Layers that stay in 32 bits where the rest of a network runs in bf16, and how they are found."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.base import machine
from pipeline.base.jobs import Job
from pipeline.inference import engines
from pipeline.inference.engines import ENGINES, Plan
from pipeline.inference.networks import find_family
from pipeline.inference.running import WeightFile, kept_layers
from pipeline.inference.running.open_vino import OpenVinoNetwork
from pipeline.inference.sessions import load_session
from pipeline.manage.sensitivity import RoundedNetwork, measure_sensitivity
from pipeline.pixels.image_io import decode
from pipeline.registry import weights
from pipeline.registry.cards import Arithmetic, Card, ModelCard
from pipeline.registry.kept_layers import KeptLayers
from tests import house
from tests.machines import identify_this_processor
from tests.networks import network
from tests.pictures import composite, photo

pytestmark = pytest.mark.skipif(not ENGINES["openvino"].is_here(), reason="no OpenVINO here")
needs_bf16 = pytest.mark.skipif(
    not machine.FAST_BF16 & set(identify_this_processor()[1]), reason="this processor has no bf16"
)
# Red and 100 more than that, of which `cancels` takes 100 again: bf16 has eight bits, steps of a half at 100.
CANCELS = network(
    "net (float[1, 3, 64, 64] x) => (float[1, 1, 64, 64] out) <float[2, 3, 1, 1] first = {1, 0, 0, 0, 0, 0}, "
    "float[2] bias = {100, 100}, float[1, 2, 1, 1] second = {1, -1}, float[1, 1, 1, 1] third = {1}> "
    "{ raised = Conv(x, first, bias) high = Relu(raised) cancels = Conv(high, second) out = Conv(cancels, third) }"
)
# 64 times red less a bias that is 64 in bf16, then two layers that change nothing.
BIASED = network(
    "net (float[1, 3, 64, 64] x) => (float[1, 1, 64, 64] out) <float[1, 3, 1, 1] kernel = {64, 0, 0}, "
    "float[1] bias = {-63.9}, float[1, 1, 1, 1] one = {1}> "
    "{ biased = Conv(x, kernel, bias) high = Relu(biased) between = Conv(high, one) out = Conv(between, one) }"
)


@pytest.fixture
def card(enter: Callable[..., Card]) -> ModelCard:
    made = enter("cancels", CANCELS, kind="anime", feed={"size": [64, 64], "resize": "stretch"})
    assert isinstance(made, ModelCard)
    return made


def load(card: ModelCard, arithmetic: Arithmetic, *kept: str) -> OpenVinoNetwork:
    (_, path) = weights.find_checked(card, house.settings())
    return OpenVinoNetwork(
        WeightFile(path, "0" * 64, [0], KeptLayers(layers=kept) if kept else None), arithmetic, house.settings()
    )


def answer(loaded: OpenVinoNetwork) -> np.ndarray:
    feed = np.random.default_rng(0).random((1, 3, 64, 64), np.float32)
    (result,) = loaded.run({"x": feed}, [0], Job())
    return np.abs(result[0, 0] - feed[0, 0])  # how far from red


def test_in_32_bits_a_network_with_kept_layers_says_what_it_says_without(card: ModelCard, tmp_path: Path) -> None:
    import openvino

    (_, path) = weights.find_checked(card, house.settings())
    core, feed = openvino.Core(), np.random.default_rng(0).random((1, 3, 64, 64), np.float32)
    model = core.read_model(path)
    said = []
    for each in (model, kept_layers.keep_in_f32(model, KeptLayers(layers=["cancels"]), tmp_path)):
        compiled = core.compile_model(each, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        kept_layers.require_f32(compiled, ["raised", "cancels", "out"])
        said.append(compiled(feed)[0].tobytes())
    assert said[0] == said[1]


@needs_bf16
def test_a_kept_layer_and_what_feeds_it_keep_their_bits(card: ModelCard) -> None:
    kept = load(card, "bf16+f32", "cancels")
    for each in (kept, load(card, "bf16+f32", "cancels")):  # the second from the cache folder
        assert answer(each).max() < 0.004
    assert answer(load(card, "bf16")).max() > 0.2
    with pytest.raises(RuntimeError, match="not in 32 bits"):
        kept_layers.require_f32(load(card, "bf16")._compiled, ["cancels"])


@needs_bf16
def test_biases_keep_their_bits_in_all_other_layers(enter: Callable[..., Card]) -> None:
    card = enter("biased", BIASED, kind="anime", feed={"size": [64, 64], "resize": "stretch"})
    assert isinstance(card, ModelCard)
    red = {"x": np.ones((1, 3, 64, 64), np.float32)}
    plain, kept = (load(card, each, "out").run(red, [0], Job())[0] for each in ("bf16", "bf16+f32"))
    assert plain.max() == 0 and np.abs(kept - 0.1).max() < 0.001


def test_a_layer_that_the_network_does_not_have_is_not_passed_over(card: ModelCard) -> None:
    with pytest.raises(ValueError, match="elsewhere"):
        load(card, "bf16+f32", "elsewhere")
    (_, path) = weights.find_checked(card, house.settings())
    file = WeightFile(path, "0" * 64, [0], KeptLayers(layers=["elsewhere"]))
    _, followed = engines.load(card, file, Plan("openvino", "bf16+f32", "measured"), house.settings())
    assert (followed.engine, followed.arithmetic) == ("openvino", "f32")


@needs_bf16
def test_the_default_model_is_exact_in_bf16_but_for_the_layers_that_its_row_keeps(truth: Path, u2netp: Path) -> None:
    card = house.card("u2netp")
    assert isinstance(card, ModelCard) and card.arithmetic and card.arithmetic.exact == "bf16+f32"
    family, settings = find_family(card), house.settings()
    sessions = [load_session(card, Plan("openvino", each), settings) for each in ("f32", "bf16+f32")]
    assert [session.engine for session in sessions] == ["OpenVINO f32", "OpenVINO bf16+f32"]
    off = []
    for folder in ("soft", "people", "logos", "scenes"):
        for file in sorted((truth / folder / "images").iterdir())[:2]:
            fed = family.feed(decode(file.read_bytes()).rgb, card)
            exact, ours = (family.read(session.run(fed.inputs, Job()), card, fed).matte for session in sessions)
            off.append(255 * float(np.abs(exact - ours).mean()))
    assert np.mean(off) <= 0.5 and max(off) <= 2.5


def test_inputs_are_rounded_as_bf16_rounds_them_and_only_those_of_the_layers_that_are_asked_for(
    card: ModelCard,
) -> None:
    (_, path) = weights.find_checked(card, house.settings())
    rounded, rgb = RoundedNetwork(card, path, house.settings()), photo()
    assert rounded.layers == ["raised", "cancels", "out"]
    exact = rounded.run(rgb, ())
    fed = find_family(card).feed(rgb, card).inputs[0, 0]
    assert np.abs(exact - fed).max() < 1e-4
    assert np.abs(rounded.run(rgb, [1]) - np.clip(np.round(2 * (100 + fed)) / 2 - 100, 0, 1)).max() < 1e-4
    assert 0 < np.abs(rounded.run(rgb, [0]) - exact).max() < 0.004


def test_the_layer_whose_sums_cancel_is_found_among_others(card: ModelCard) -> None:
    (_, path) = weights.find_checked(card, house.settings())
    found = measure_sensitivity(card, path, [photo(), composite(90, 70).rgb], house.settings())
    assert list(found.losses) == ["cancels"] and found.losses["cancels"] > 10
    assert found.tried == found.number == 3
