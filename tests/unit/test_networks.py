"""Every kind of network: the right numbers go in and come out.

Small graphs stand in, with the inputs, outputs, shapes and types of the published files: they give back what they were
fed, undone as their authors would.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from pipeline.base.jobs import Job
from pipeline.cutout import cut_out
from pipeline.inference.networks import NetworkInput, find_family
from pipeline.inference.predict import predict
from pipeline.inputs import Inputs
from pipeline.options.options import Options
from pipeline.pixels.image_io import Photo
from pipeline.registry.cards import ModelCard
from tests import house
from tests.networks import predict_afresh
from tests.pictures import iou, off, photo, scenery

Enter = Callable[..., ModelCard]
AtHand = Callable[[str], Path]
Shape = tuple[int | str, ...]
Node = tuple[str, str, str, dict[str, Any]]  # operator, inputs, output, attributes

NONE, HALF, ONE = (0.0,) * 3, (0.5,) * 3, (1.0,) * 3
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SHARES = np.array([0.5, 0.3, 0.2])  # of red, green and blue in what the graphs answer: no two channels alike


def graph(
    given: tuple[str, Shape],
    answer: tuple[str, Shape],
    nodes: Iterable[Node],
    numbers: dict[str, Any],
    half: bool = False,
) -> bytes:
    """The bytes of an ONNX file that goes from one input to one output; `half`: the output is float16."""
    ends = [helper.make_tensor_value_info(given[0], TensorProto.FLOAT, given[1])]
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    outs = [helper.make_tensor_value_info(answer[0], kind, answer[1])]
    made = [helper.make_node(operator, names.split(), [out], **how) for operator, names, out, how in nodes]
    constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in numbers.items()]
    whole = helper.make_graph(made, "net", ends, outs, constants)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


class Author(NamedTuple):
    """How the authors of a kind feed their network, and how their graph ends."""

    input: str
    output: str
    size: int  # 0: any
    mean: tuple[float, ...] = NONE
    std: tuple[float, ...] = ONE
    how: str = "lanczos"
    end: str = ""

    def graph(self, then: Iterable[Node] = (), out_size: int = 0, **numbers: Any) -> bytes:
        """Undo the feed: answers with half the red of the photo, 0.3 of its green and 0.2 of its blue."""
        side: tuple[int | str, int | str] = (self.size, self.size) if self.size else ("height", "width")
        out = (out_size, out_size) if out_size else side
        kernel = (SHARES * self.std).astype(np.float32).reshape(1, 3, 1, 1)
        bias = np.array([SHARES @ self.mean], np.float32)
        nodes: list[Node] = [("Conv", f"{self.input} kernel bias", "seen", {}), *then]
        last = nodes[-1][2]
        tails: dict[str, list[Node]] = {
            "": [("Identity", last, self.output, {})],
            "half": [("Cast", last, self.output, {"to": TensorProto.FLOAT16})],
            "logits": [
                ("Clip", f"{last} least most", "p", {}),
                ("Sub", "one p", "q", {}),
                ("Div", "p q", "odds", {}),
                ("Log", "odds", self.output, {}),
            ],
        }
        constants = {"kernel": kernel, "bias": bias, **numbers}
        if self.end == "logits":
            constants |= {"least": np.float32(1e-4), "most": np.float32(1 - 1e-4), "one": np.float32(1)}
        ends = (self.input, (1, 3, *side)), (self.output, (1, 1, *out))
        return graph(*ends, [*nodes, *tails[self.end]], constants, half=self.end == "half")

    def resized(self, rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        if self.how == "lanczos":
            return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))
        return cv2.resize(rgb, size, interpolation={"bilinear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA}[self.how])


AUTHORS = {
    "u2net": Author("input.1", "1959", 320, *IMAGENET),
    "isnet": Author("input_image", "output_image", 1024, HALF),
    "birefnet": Author("input_image", "output_image", 1024, *IMAGENET, end="logits"),
    "rmbg-1.4": Author("input", "output", 1024, HALF, how="bilinear"),
    "rmbg-2.0": Author("pixel_values", "alphas", 1024, *IMAGENET),
    "ben2": Author("input.1", "17728", 1024, end="half"),
    "modnet": Author("input", "output", 0, HALF, HALF, how="area"),
    "anime": Author("img", "mask", 1024, how="bilinear"),
    "withoutbg": Author("rgb", "alpha", 448, how="area"),
}
STRETCHED = [kind for kind, author in AUTHORS.items() if author.size and kind not in ("anime", "withoutbg")]
MIN_MAX = ["u2net", "isnet", "rmbg-1.4", "ben2"]  # whose authors stretch the answer's range


def noise(width: int, height: int, top: int = 255) -> np.ndarray:
    """Every value from 0 to `top`."""
    rgb = np.random.default_rng(0).integers(0, top + 1, (height, width, 3), dtype=np.uint8)
    rgb[0, :2] = [[0, 0, 0], [top] * 3]
    return rgb


def answered(rgb: np.ndarray, white: float = 255) -> np.ndarray:
    """What the graphs make of a photo that was fed as their authors do."""
    return (rgb / white) @ SHARES


def min_max(values: np.ndarray) -> np.ndarray:
    return (values - values.min()) / np.ptp(values)


def raw(rgb: np.ndarray, card: ModelCard) -> np.ndarray:
    """What the network itself answers."""
    kind = find_family(card)
    (answer,) = house.runtime().pool.get(card).run(kind.feed(rgb, card).inputs, Job())
    return answer[0, 0].astype(np.float64)


# ---- one map: U-2-Net, IS-Net, BiRefNet, BRIA, BEN2 ------------------------------------------------------------------


@pytest.mark.parametrize("kind", STRETCHED)
def test_a_network_is_fed_as_its_authors_do(kind: str, enter: Enter) -> None:
    author = AUTHORS[kind]
    card = enter(kind + "-like", author.graph(), kind=kind)
    rgb = noise(author.size, author.size, top=200)
    answer = raw(rgb, card)
    if author.end == "logits":
        answer = 1 / (1 + np.exp(-answer))
    wanted = answered(rgb, 200 if kind == "u2net" else 255)
    assert np.abs(answer - wanted).max() < 2e-3
    assert np.abs(answer - wanted).mean() < 5e-4


@pytest.mark.parametrize("kind", STRETCHED)
def test_a_photo_of_any_ratio_is_stretched_to_the_networks_square(kind: str, enter: Enter) -> None:
    author = AUTHORS[kind]
    enter(kind + "-like", author.graph(), kind=kind)
    rgb = scenery(round(author.size * 1.7), round(author.size * 0.8))
    small = author.resized(rgb, (author.size, author.size))
    wanted = answered(small, small.max() if kind == "u2net" else 255)
    matte = predict_afresh(rgb, kind + "-like").matte
    assert matte.shape == (author.size, author.size) and matte.dtype == np.float32
    assert off(matte, min_max(wanted) if kind in MIN_MAX else wanted) <= 1 / 255


@pytest.mark.parametrize("kind", AUTHORS)
def test_only_a_wide_range_is_stretched_and_only_where_the_authors_do(kind: str, enter: Enter) -> None:
    author = AUTHORS[kind]
    narrow = [("Mul", "seen less", "narrow", {}), ("Add", "narrow more", "ranged", {})]
    rgb = noise(author.size or 512, author.size or 512)
    for name, width in (("seen", 0.6), ("unseen", 0.3)):
        numbers = {"less": np.float32(width), "more": np.float32(0.3)}
        enter(name, author.graph(narrow, **numbers), kind=kind)
    seen, unseen = predict_afresh(rgb, "seen"), predict_afresh(rgb, "unseen")
    if kind in MIN_MAX:
        assert (seen.matte.min(), seen.matte.max()) == (0, 1) and not seen.is_empty
        assert not unseen.matte.any() and unseen.is_empty
    else:
        assert seen.matte.min() > 0.25 and seen.matte.max() < 0.95
        assert unseen.matte.min() > 0.25 and unseen.matte.max() < 0.65


def test_logits_become_probabilities_even_when_they_are_extreme() -> None:
    card = house.card("birefnet-general-lite")
    assert isinstance(card, ModelCard)
    logits = np.array([[-1e4, -2, 0], [2, 30, 1e4]], np.float32)
    with np.errstate(all="raise"):
        matte = find_family(card).read([logits[None, None]], card, NetworkInput(np.zeros(1))).matte
    assert np.allclose(matte, [[0, 0.1192, 0.5], [0.8808, 1, 1]], atol=1e-4)
    assert matte.dtype == np.float32


def test_an_answer_of_another_size_than_the_input_is_no_mistake(enter: Enter) -> None:
    smaller: list[Node] = [("AveragePool", "seen", "small", {"kernel_shape": [4, 4], "strides": [4, 4]})]
    author = AUTHORS["birefnet"]
    enter("quarter", author.graph(smaller, out_size=256), kind="birefnet")
    assert predict_afresh(scenery(640, 480), "quarter").matte.shape == (256, 256)
    assert cut_out(Inputs(Photo(scenery(640, 480))), Options(model="quarter")).alpha.shape == (480, 640)


# ---- MODNet ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "wanted"),
    [((1200, 1600), (512, 672)), ((320, 240), (672, 512)), ((600, 400), (576, 384)), ((3000, 250), (2048, 160))],
)
def test_modnet_looks_at_512_on_the_short_side_in_steps_of_32(size, wanted, enter: Enter) -> None:
    author = AUTHORS["modnet"]
    enter("modnet-like", author.graph(), kind="modnet")
    rgb = scenery(*size)
    matte = predict_afresh(rgb, "modnet-like").matte
    assert matte.shape == wanted[::-1]
    assert off(matte, answered(author.resized(rgb, wanted))) <= 1 / 255
    assert cut_out(Inputs(Photo(rgb)), Options(model="modnet-like")).alpha.shape == rgb.shape[:2]


# ---- padded photos ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "inner"), [((800, 600), (1024, 768)), ((900, 1200), (768, 1024))])
def test_isnet_for_drawings_sees_the_photo_in_the_middle_of_black(size, inner, enter: Enter) -> None:
    author = AUTHORS["anime"]
    card = enter("anime-like", author.graph(), kind="anime")
    rgb = scenery(*size)
    canvas = np.zeros((1024, 1024, 3), np.uint8)
    left, top = (1024 - inner[0]) // 2, (1024 - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = author.resized(rgb, inner)
    assert np.abs(raw(rgb, card) - answered(canvas)).max() < 1e-3
    matte = predict_afresh(rgb, "anime-like").matte
    assert matte.shape == inner[::-1]
    assert off(matte, answered(canvas)[top : top + inner[1], left : left + inner[0]]) < 1e-3


@pytest.mark.parametrize(("size", "inner"), [((896, 448), (448, 224)), ((300, 600), (224, 448))])
def test_withoutbg_sees_the_photo_at_the_top_left_of_black(size, inner, enter: Enter) -> None:
    author = AUTHORS["withoutbg"]
    card = enter("withoutbg-like", author.graph(), kind="withoutbg")
    rgb = scenery(*size)
    canvas = np.zeros((448, 448, 3), np.uint8)
    canvas[: inner[1], : inner[0]] = author.resized(rgb, inner)
    assert np.abs(raw(rgb, card) - answered(canvas)).max() < 1e-3
    assert off(predict_afresh(rgb, "withoutbg-like").matte, answered(canvas)[: inner[1], : inner[0]]) < 1e-3


@pytest.mark.parametrize(("size", "wanted"), [((1000, 500), (768, 384)), ((500, 1000), (384, 768))])
def test_padding_is_cut_off_an_answer_smaller_than_the_input(size, wanted, enter: Enter) -> None:
    """As in version 4.1 of withoutBG: 1024 in, 768 out."""
    author = AUTHORS["withoutbg"]._replace(size=1024)
    smaller: list[Node] = [("Resize", "seen none none sizes", "small", {"mode": "nearest"})]
    numbers = {"none": np.zeros(0, np.float32), "sizes": np.array([1, 1, 768, 768], np.int64)}
    enter("older", author.graph(smaller, out_size=768, **numbers), kind="withoutbg", feed={"size": [1024, 1024]})
    ramp = np.linspace(100, 255, size[0]).astype(np.uint8)
    rgb = np.broadcast_to(ramp[None, :, None], (size[1], size[0], 3)).copy()
    matte = predict_afresh(rgb, "older").matte
    assert matte.shape == wanted[::-1]
    assert off(matte * 255, np.broadcast_to(np.linspace(100, 255, wanted[0]), wanted[::-1])) < 1
    assert matte.min() > 0.38  # nothing of the black


def test_equal_inputs_with_different_crops_are_different_answers(enter: Enter) -> None:
    enter("anime-like", AUTHORS["anime"].graph(), kind="anime")
    wide, tall = (np.zeros((height, width, 3), np.uint8) for width, height in ((400, 300), (300, 400)))
    shapes = [
        predict(Photo(rgb), "anime-like", house.runtime(), Job()).prediction.matte.shape for rgb in (wide, tall, wide)
    ]
    assert shapes == [(768, 1024), (1024, 768), (768, 1024)]


# ---- clothes ---------------------------------------------------------------------------------------------------------

# Colours of the background and of three garments, as the graph below tells them: a channel above THRESHOLD decides.
GARMENTS = np.array([[90, 90, 90], [150, 90, 90], [90, 150, 90], [90, 90, 150]], np.uint8)
THRESHOLD = 120


@pytest.fixture
def clothes(enter: Enter) -> np.ndarray:
    """A photo whose colours are garments, the classes ``(H, W)`` of its pixels; the network ``cloth-like``."""
    nodes: list[Node] = [
        ("Mul", "input.1 half", "scaled", {}),
        ("Add", "scaled half", "seen", {}),
        ("Slice", "seen zero one axis", "red", {}),
        ("Mul", "red nothing", "flat", {}),
        ("Add", "flat threshold", "background", {}),
        ("Concat", "background seen", "scores", {"axis": 1}),
    ]
    numbers = {
        "half": np.float32(0.5), "threshold": np.float32(THRESHOLD / 255), "nothing": np.float32(0),
        "zero": np.array([0]), "one": np.array([1]), "axis": np.array([1]),
    }  # fmt: skip
    data = graph(("input.1", (1, 3, 768, 768)), ("scores", (1, 4, 768, 768)), nodes, numbers)
    enter("cloth-like", data, kind="cloth")
    y, x = np.mgrid[:600, :1000]
    return ((x + 2 * y) // 300 % 4).astype(np.uint8)


def test_garments_are_found_and_everything_but_background_is_kept(clothes: np.ndarray) -> None:
    cutout = cut_out(Inputs(Photo(GARMENTS[clothes])), Options(model="cloth-like"))
    assert iou(cutout.alpha, (clothes > 0).astype(np.uint8) * 255) > 0.98
    prediction = predict_afresh(GARMENTS[clothes], "cloth-like")
    assert prediction.labels is not None and prediction.labels.shape == (768, 768)
    assert set(np.unique(prediction.labels)) == {0, 1, 2, 3}


@pytest.mark.parametrize(("keep", "classes"), [("upper", [1]), ("lower", [2]), ("full", [3]), ("upper, full", [1, 3])])
def test_the_user_picks_which_garments_stay(keep: str, classes: list[int], clothes: np.ndarray) -> None:
    alpha = cut_out(Inputs(Photo(GARMENTS[clothes])), Options.of(model="cloth-like", keep=keep)).alpha
    assert iou(alpha, np.isin(clothes, classes).astype(np.uint8) * 255) > 0.97


@pytest.mark.parametrize("times", [1, 3])
def test_there_is_nothing_between_a_garment_and_another(times: int, clothes: np.ndarray) -> None:
    large = GARMENTS[clothes].repeat(times, axis=0).repeat(times, axis=1)
    alpha = cut_out(Inputs(Photo(large)), Options(model="cloth-like", keep=("upper",))).alpha
    assert set(np.unique(alpha)) == {0, 255}


def test_keeping_another_garment_asks_the_network_nothing_new(clothes: np.ndarray, runs: list[str]) -> None:
    for keep in ((), ("upper",), ("lower", "full")):
        cut_out(Inputs(Photo(GARMENTS[clothes])), Options(model="cloth-like", keep=keep))
    assert runs == ["cloth-like"]


# ---- classes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["deeplabv3", "deeplabv3plus-portrait"])
def test_scores_become_probabilities_and_all_but_the_background_is_subject(model: str) -> None:
    card = house.card(model)
    assert isinstance(card, ModelCard)
    scores = np.random.default_rng(0).normal(0, 40, (1, 6, 5, len(card.classes) + 1)).astype(np.float32)
    wanted = np.exp(scores[0].astype(np.float64) - scores[0].max())
    wanted /= wanted.sum(axis=2, keepdims=True)
    given = scores if card.feed.layout == "nhwc" else scores.transpose(0, 3, 1, 2)
    prediction = find_family(card).read([given], card, NetworkInput(np.zeros(1)))
    assert np.allclose(prediction.matte, 1 - wanted[..., 0], atol=1e-5)
    assert prediction.shares is not None and prediction.shares.dtype == np.float16
    assert np.allclose(prediction.shares, wanted, atol=1e-3)


def test_the_cache_is_asked_only_where_it_may(enter: Enter, runs: list[str]) -> None:
    enter("anime-like", AUTHORS["anime"].graph(), kind="anime")
    cat = Photo(photo())
    for use in (True, True, False, True):
        predict(cat, "anime-like", house.runtime(), Job(), cache=use)
    assert len(runs) == 2
    house.runtime().forget()
    predict(cat, "anime-like", house.runtime(), Job())
    assert len(runs) == 3
