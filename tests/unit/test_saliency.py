"""U-2-Net and IS-Net: fed exactly as their authors feed them, read so that an empty picture stays empty."""

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from pipeline.base.jobs import Job
from pipeline.inference.networks import NetworkInput, Prediction, find_family, saliency
from pipeline.inference.predict import predict
from pipeline.pixels.image_io import Photo, decode
from pipeline.registry import catalog
from pipeline.registry.cards import ModelCard, Picker
from tests import house
from tests.pictures import composite, off, photo

U2NETP, ISNET = house.card("u2netp"), house.card("isnet-general-use")
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
REFERENCE = ["bike", "boat", "girl", "horse", "rifle1", "whisk"]


def fed_otherwise(card: ModelCard, **changes: object) -> ModelCard:
    return card.model_copy(update={"feed": card.feed.model_copy(update=changes)})


def matte(rgb: np.ndarray, card: ModelCard) -> np.ndarray:
    session = house.runtime().pool.get(card)
    fed = saliency.feed(rgb, card)
    return saliency.read(session.run(fed.inputs, Job()), card, fed).matte


def fed_array(rgb: np.ndarray, card: ModelCard) -> np.ndarray:
    inputs = saliency.feed(rgb, card).inputs
    assert isinstance(inputs, np.ndarray)
    return inputs


def read(output: np.ndarray, card: ModelCard) -> Prediction:
    return saliency.read([output], card, NetworkInput(np.zeros(1)))


def noise(width: int, height: int, top: int = 256) -> np.ndarray:
    return np.random.default_rng(0).integers(0, top, (height, width, 3), dtype=np.uint8)


def planes(pixels: np.ndarray) -> np.ndarray:
    return pixels.transpose(2, 0, 1)[None]


def test_u2netp_is_fed_parts_of_the_pictures_own_maximum():
    rgb = noise(320, 320, top=100)
    assert rgb.max() == 99
    fed = fed_array(rgb, U2NETP)
    assert (fed.dtype, fed.shape) == (np.float32, (1, 3, 320, 320))
    assert np.allclose(fed, planes((rgb / 99 - MEAN) / STD), atol=1e-6)


def test_isnet_is_fed_parts_of_255_around_zero():
    rgb = noise(1024, 1024, top=100)
    fed = fed_array(rgb, ISNET)
    assert (fed.dtype, fed.shape) == (np.float32, (1, 3, 1024, 1024))
    assert np.allclose(fed, planes(rgb / 255 - 0.5), atol=1e-6)


def test_a_black_picture_is_fed_without_dividing_by_zero():
    fed = fed_array(np.zeros((50, 40, 3), np.uint8), U2NETP)
    assert np.allclose(fed, planes(np.broadcast_to(-MEAN / STD, (320, 320, 3))), atol=1e-6)


def test_width_comes_before_height_in_a_card_and_after_it_in_an_array():
    rgb = noise(12, 7)
    fed = fed_array(rgb, fed_otherwise(ISNET, size=(12, 7)))
    assert np.allclose(fed, planes(rgb / 255 - 0.5), atol=1e-6)


@pytest.mark.parametrize("model", ["u2netp", "isnet-general-use"])
def test_a_fed_array_lies_in_one_piece(model):
    assert fed_array(composite(64, 48).rgb, house.card(model)).flags.c_contiguous


def output(low: float, high: float) -> np.ndarray:
    return np.linspace(low, high, 30, dtype=np.float32).reshape(1, 1, 5, 6)


@pytest.mark.parametrize(("low", "high"), [(0, 0), (0, 0.29), (0.5, 0.79), (1, 1)])
def test_a_flat_output_stays_empty(low, high):
    prediction = read(output(low, high), U2NETP)
    assert prediction.is_empty
    assert not prediction.matte.any()


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 0.51), (0.2, 0.8), (0.01, 0.97)])
def test_a_wide_output_is_stretched_to_zero_and_one(low, high):
    prediction = read(output(low, high), U2NETP)
    assert not prediction.is_empty
    assert np.allclose(prediction.matte, np.linspace(0, 1, 30).reshape(5, 6), atol=1e-6)
    assert (prediction.matte.dtype, prediction.matte.shape, prediction.nbytes) == (np.float32, (5, 6), 120)


def test_an_output_that_needs_no_stretching_is_only_kept_in_range():
    card = U2NETP.model_copy(update={"read": U2NETP.read.model_copy(update={"normalise_above": None})})
    assert np.array_equal(read(output(-0.1, 0.9), card).matte, np.clip(output(-0.1, 0.9)[0, 0], 0, 1))


def test_every_card_has_a_kind_of_network():
    cutting = (model for model in catalog.list_models(house.settings()).values() if not isinstance(model, Picker))
    for card in (member for model in cutting for member in model.networks):
        assert callable(find_family(card).feed)


@pytest.mark.parametrize("name", REFERENCE)
def test_u2netp_says_what_its_authors_published(name, truth, u2netp):
    """As their ``u2net_test.py`` goes: bilinear in, stretched, cut to 8 bits, bilinear to the photo's size."""
    folder = truth / "reference"
    rgb = decode(next(folder.glob(f"images/{name}.*")).read_bytes()).rgb
    found = matte(rgb, fed_otherwise(U2NETP, interpolation="bilinear"))
    with Image.open(folder / "masks" / f"{name}.png") as published:
        theirs = np.asarray(published.convert("L"))
    ours = Image.fromarray((found * 255).astype(np.uint8)).resize(theirs.shape[::-1], Image.Resampling.BILINEAR)
    assert off(np.asarray(ours), theirs) <= 0.5


@pytest.mark.parametrize("name", ["bike", "boat", "rifle1"])  # those so large that they go through halfway sizes
def test_u2netp_says_the_same_as_on_a_plain_lanczos_feed(name, truth, u2netp):
    rgb = decode(next((truth / "reference").glob(f"images/{name}.*")).read_bytes()).rgb
    plain = np.asarray(Image.fromarray(rgb).resize((320, 320), Image.Resampling.LANCZOS))
    assert off(matte(rgb, U2NETP) * 255, matte(plain, U2NETP) * 255) <= 0.6


def test_isnet_says_the_same_as_its_graph_run_by_hand(isnet):
    rgb = np.tile(photo("coffee"), (3, 3, 1))[:1100, :1700]
    found = predict(Photo(rgb), "isnet-general-use", house.runtime(), Job(), cache=False).prediction.matte
    small = np.asarray(Image.fromarray(rgb).resize((1024, 1024), Image.Resampling.LANCZOS))
    session = onnxruntime.InferenceSession(isnet, providers=["CPUExecutionProvider"])
    fed = planes(small.astype(np.float32) / 255 - np.float32(0.5))
    said = session.run(None, {session.get_inputs()[0].name: fed})[0].squeeze()
    said = (said - said.min()) / (said.max() - said.min())
    assert said.std() > 0.1
    assert off(found * 255, said * 255) <= 1
