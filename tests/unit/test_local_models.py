"""Networks of the user's own: tried in a process with limits, entered, used, removed; and what is turned away."""

import shutil
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import numpy_helper

from pipeline.base.errors import ClearcutError
from pipeline.base.settings import ROOT
from pipeline.base.words import LANGUAGES, explain
from pipeline.cutout import cut_out
from pipeline.inputs import Inputs
from pipeline.manage import local_models, trial
from pipeline.options.options import Options
from pipeline.pixels.image_io import Photo
from pipeline.registry import catalog, fetching, weights
from pipeline.registry.cards import ModelCard
from tests import house
from tests.pictures import encoded, photo
from tests.unit.test_sources import card, files, refused

REAL = {
    "u2netp.onnx": "u2net",
    "mediapipe_selfie.onnx": "selfie",
    "deeplabv3_257_mv.onnx": "deeplab",
    "deeplabv3plus_portrait_513.onnx": "portrait",
    "rvm_mobilenetv3_dequantised.onnx": "rvm",
}
PLAIN = "withoutbg"  # a kind that takes 0-1 as it is, and gives 0-1
pytestmark = pytest.mark.usefixtures("empty_models")


def network(nodes: str, constants: str = "", size: str = "h, w") -> onnx.ModelProto:
    """An ONNX network from its textual form: `nodes` make ``y`` of ``x``."""
    head = f'<ir_version: 8, opset_import: ["": 17]> net (float[1, 3, {size}] x) => (float[a, b, c, d] y)'
    return onnx.parser.parse_model(f"{head} <float one = {{1}}, float zero = {{0}}{constants}> {{ {nodes} }}")


BLUE = ", float[1, 3, 1, 1] kernel = {0, 0, -8}, float[1] bias = {5.44}"  # the drawn wall is bluer than the figure
FINDS = network("a = Conv(x, kernel, bias) y = Clip(a, zero, one)", BLUE)
FINDS_AT_64 = network("a = Conv(x, kernel, bias) y = Clip(a, zero, one)", BLUE, "64, 64")
LOGITS = network("y = Conv(x, kernel, bias)", BLUE)
FINDS_THE_WALL = network("a = Conv(x, kernel, bias) b = Clip(a, zero, one) y = Sub(one, b)", BLUE)
CONSTANT = network("a = Conv(x, kernel, bias) y = Mul(a, zero)", BLUE)
NOT_NUMBERS = network(
    "a = Conv(x, kernel, bias) b = Clip(a, zero, one) c = Sub(b, two) y = Sqrt(c)", f"{BLUE}, float two = {{2}}"
)
NOTHING = network("shape = Identity(none) y = ConstantOfShape(shape)", ", int64[4] none = {1, 1, 0, 0}")
ENDLESS = network(
    """brightness = ReduceMax <keepdims = 0> (x)
    many = Mul(brightness, huge)
    trips = Cast <to = 7> (many)
    out = Loop (trips, yes, x) <body = step (int64 i, bool go, float[1, 3, h, w] a) => (bool on, float[1, 3, h, w] b) {
        on = Identity(go)
        b = Relu(a)
    }>
    y = Conv(out, kernel, bias)""",
    f"{BLUE}, float huge = {{1e15}}, bool yes = {{1}}",
)


def greedy(values: float) -> onnx.ModelProto:
    """A network that asks for a tensor of so many values once it sees a picture."""
    nodes = """brightness = ReduceMax <keepdims = 0> (x)
    many = Mul(brightness, huge)
    count = Cast <to = 7> (many)
    size = Concat <axis = 0> (single, single, single, count)
    y = ConstantOfShape(size)"""
    return network(nodes, f", float[1] huge = {{{values:g}}}, int64[1] single = {{1}}")


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    """Write a network, or any bytes, to a file outside the models folder."""

    def save(content: onnx.ModelProto | bytes, name: str = "own.onnx") -> Path:
        folder = tmp_path / "files"
        folder.mkdir(exist_ok=True)
        data = content if isinstance(content, bytes) else content.SerializeToString()
        (folder / name).write_bytes(data)
        return folder / name

    return save


@pytest.fixture
def real(u2netp: Path, at_hand: Callable[[str], Path]) -> Callable[[str], Path]:
    """Real weights by the name of their file."""
    return lambda name: u2netp if name == u2netp.name else at_hand(name)


def turned_away(folder: Path, code: str, file: Path, *arguments: Any, **more: Any) -> dict[str, Any]:
    """`add_model` refuses with `code`, which can be told in every language, and leaves nothing behind."""
    before = files(folder)
    with pytest.raises(ClearcutError) as caught:
        local_models.add_model(file, house.runtime(), *arguments, **more)
    assert caught.value.code == code, caught.value
    assert files(folder) == before
    for language in LANGUAGES:
        assert "{" not in explain(caught.value, language)
    return caught.value.facts


# ---- networks that are taken -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", REAL)
def test_a_real_network_is_at_hand_at_once_and_gone_when_removed(file: str, real: Any, empty_models: Path) -> None:
    card, said = local_models.add_model(real(file), house.runtime(), REAL[file], name="mine", license="Apache-2.0")
    assert catalog.list_models(house.settings())["mine"] == house.card("mine") == card
    assert (card.local, card.kind, card.license, card.memory_mb) == (
        True,
        REAL[file],
        "Apache-2.0",
        round(said.memory_mb),
    )
    assert files(empty_models) == {"mine.onnx", "local.toml"}
    assert 0.05 < cut_out(Inputs(Photo(photo("astronaut"))), Options(model="mine")).alpha.mean() / 255 < 0.8
    catalog._read_local.cache_clear()
    assert catalog.list_models(house.settings())["mine"] == card
    assert set(tomllib.loads((empty_models / "local.toml").read_text("utf-8"))) == {"mine"}
    assert local_models.remove_model(card, house.runtime()) == [empty_models / "mine.onnx"]
    assert (files(empty_models), "mine" in catalog.list_models(house.settings())) == ({"local.toml"}, False)
    refused("unknown_model", cut_out, Inputs(Photo(photo("astronaut"))), Options(model="mine"))


def test_the_size_is_the_one_named_else_the_files_own_else_that_of_its_kind(saved: Any) -> None:
    usual = catalog.find_kind(PLAIN).feed.size
    for network, size, wanted in [
        (FINDS, "", usual),
        (FINDS, "128x96", (128, 96)),
        (FINDS, " 96×128 ", (96, 128)),
        (FINDS_AT_64, "", (64, 64)),
    ]:
        card, _ = local_models.add_model(saved(network), house.runtime(), PLAIN, size)
        assert card.feed.size == catalog.list_models(house.settings())["own"].networks[0].feed.size == wanted


def test_a_single_size_is_the_shorter_side_where_its_kind_goes_by_that(saved: Any) -> None:
    halved = "a = Conv(x, kernel, bias) y = Clip(a, zero, one)"
    centred = network(halved, BLUE.replace("-8", "-4").replace("5.44", "1.44"))  # MODNet's input is -1 to 1
    card, _ = local_models.add_model(saved(centred), house.runtime(), "modnet", "64")
    assert card.feed.size == (64, 2048)


@pytest.mark.parametrize(
    ("file", "name"),
    [("My Model (v2).onnx", "my-model-v2"), ("A.B_c.onnx", "a.b_c"), ("--x--.onnx", "x"), ("plain", "plain")],
)
def test_without_a_name_it_is_called_after_its_file(file: str, name: str, saved: Any) -> None:
    card, _ = local_models.add_model(saved(FINDS, file), house.runtime(), PLAIN)
    assert (card.name, name in catalog.list_models(house.settings())) == (name, True)


@pytest.mark.parametrize("text", ['"quoted" \\ and ünïcode 许可\n\x00\x1b[31m' + "x" * 500, ""], ids=["odd", "none"])
def test_any_text_for_a_licence_is_kept_in_one_short_line(text: str, saved: Any) -> None:
    card, _ = local_models.add_model(saved(FINDS), house.runtime(), PLAIN, license=text)
    catalog._read_local.cache_clear()
    assert catalog.list_models(house.settings())["own"].license == card.license
    assert 1 <= len(card.license) <= 100
    assert card.license.replace(" ", "").isprintable()


def test_one_more_under_an_own_name_takes_the_place_of_the_first(saved: Any, empty_models: Path) -> None:
    local_models.add_model(saved(FINDS), house.runtime(), PLAIN, "64")
    first = cut_out(Inputs(Photo(photo())), Options(model="own"))
    local_models.add_model(saved(FINDS, "other.onnx"), house.runtime(), PLAIN)
    card, _ = local_models.add_model(saved(FINDS_AT_64), house.runtime(), "ben2")
    assert cut_out(Inputs(Photo(photo())), Options(model="own")).alpha.shape == first.alpha.shape
    assert (catalog.list_models(house.settings())["own"], card.kind) == (card, "ben2")
    assert files(empty_models) == {"own.onnx", "other.onnx", "local.toml"}
    turned_away(empty_models, "trial_range", saved(LOGITS), PLAIN)
    assert catalog.list_models(house.settings())["own"] == card
    assert weights.find_checked(card, house.settings())[1].read_bytes() == FINDS_AT_64.SerializeToString()


def test_models_removed_one_right_after_another_are_all_gone(saved: Any, empty_models: Path) -> None:
    local_models.add_model(saved(FINDS, "first.onnx"), house.runtime(), PLAIN)
    entry = tomllib.loads((empty_models / "local.toml").read_text("utf-8"))["first"]
    for _ in range(20):
        local_models._write_entries({f"m{number}": entry for number in range(4)}, house.settings())
        for left in (3, 2, 1, 0):
            assert len(catalog.read_local_models(house.settings())) == left + 1
            local_models.remove_model(house.card(f"m{left}"), house.runtime())


def test_a_photo_of_the_users_own_stands_in_for_the_drawn_figure(saved: Any, empty_models: Path) -> None:
    wall = saved(FINDS_THE_WALL)
    turned_away(empty_models, "trial_implausible", wall, PLAIN)
    half = np.zeros((64, 64, 3), np.uint8)
    half[:32] = 255
    _, said = local_models.add_model(wall, house.runtime(), PLAIN, picture=saved(encoded(half), "photo.png"))
    assert said.share == pytest.approx(0.5, abs=0.05)


def test_an_own_model_is_exported_with_its_row_and_works_there(saved: Any, tmp_path: Path, monkeypatch: Any) -> None:
    card, _ = local_models.add_model(saved(FINDS), house.runtime(), PLAIN)
    assert {path.name for path in fetching.export_files(tmp_path / "stick", house.settings())} == {
        "own.onnx",
        "local.toml",
    }
    monkeypatch.setenv("CLEARCUT_MODELS_DIR", str(tmp_path / "stick"))
    assert catalog.list_models(house.settings())["own"] == card
    assert cut_out(Inputs(Photo(photo())), Options(model="own")).model == "own"


# ---- networks that are turned away -----------------------------------------------------------------------------------


BROKEN = {
    "text": (ROOT / "README.md").read_bytes(),
    "empty": b"",
    "zeros": bytes(4096),
    "picture": encoded(np.zeros((8, 8, 3), np.uint8)),
    "cut short": FINDS.SerializeToString()[:-25],
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_no_network_is_turned_away(what: str, saved: Any, empty_models: Path) -> None:
    assert turned_away(empty_models, "trial_unreadable", saved(BROKEN[what]), PLAIN)["file"] == "own.onnx"


def test_real_weights_cut_short_are_turned_away(u2netp: Path, saved: Any, empty_models: Path) -> None:
    half = saved(u2netp.read_bytes()[: u2netp.stat().st_size // 2])
    turned_away(empty_models, "trial_unreadable", half, "u2net")


WRONG_KINDS = [("selfie", "trial_failed"), ("rvm", "trial_failed"), ("deeplab", "trial_failed")]
WRONG_KINDS += [("portrait", "trial_implausible")]  # one class alone: it is all background


@pytest.mark.parametrize(("kind", "code"), WRONG_KINDS)
def test_a_wrong_kind_is_told(kind: str, code: str, u2netp: Path, empty_models: Path) -> None:
    turned_away(empty_models, code, u2netp, kind, "320", name="mine")


def test_a_wrong_size_is_told_with_the_size_that_the_network_takes(u2netp: Path, empty_models: Path) -> None:
    facts = turned_away(empty_models, "trial_failed", u2netp, "u2net", "256", name="mine")
    assert "320" in facts["detail"]


@pytest.mark.parametrize(
    ("bad", "kind", "code"),
    [
        (LOGITS, PLAIN, "trial_range"),
        (CONSTANT, PLAIN, "trial_implausible"),
        (CONSTANT, "u2net", "trial_implausible"),
        (FINDS_THE_WALL, PLAIN, "trial_implausible"),
        (NOT_NUMBERS, "birefnet", "trial_implausible"),
    ],
    ids=["logits", "constant", "constant, stretched", "background", "not numbers"],
)
def test_what_no_person_would_call_a_cut_out_is_turned_away(
    bad: onnx.ModelProto, kind: str, code: str, saved: Any, empty_models: Path
) -> None:
    turned_away(empty_models, code, saved(bad), kind, "64")


@pytest.mark.parametrize("bad", [NOT_NUMBERS, NOTHING], ids=["not numbers", "nothing at all"])
def test_a_matte_without_numbers_is_turned_away(bad: onnx.ModelProto, saved: Any, empty_models: Path) -> None:
    with pytest.raises(ClearcutError) as caught:
        local_models.add_model(saved(bad), house.runtime(), PLAIN, "64")
    assert caught.value.code in ("trial_range", "trial_implausible", "trial_failed")
    assert files(empty_models) == set()


@pytest.mark.parametrize("place", ["weights.bin", "./weights.bin", "sub/weights.bin", "{absolute}"])
def test_a_network_whose_weights_lie_in_other_files_is_turned_away(
    place: str, saved: Any, empty_models: Path, tmp_path: Path
) -> None:
    model = onnx.ModelProto.FromString(FINDS.SerializeToString())
    for each in model.graph.initializer:
        each.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(each), each.name))
    file = saved(b"")
    (file.parent / "sub").mkdir()
    absolute = str(file.parent / "weights.bin")
    onnx.save(model, file, save_as_external_data=True, location="weights.bin", size_threshold=0)
    shutil.copy(absolute, file.parent / "sub")
    elsewhere = onnx.load(file, load_external_data=False)
    for each in elsewhere.graph.initializer:
        each.external_data[0].value = place.format(absolute=absolute)
    file.write_bytes(elsewhere.SerializeToString())
    turned_away(empty_models, "trial_external", file, PLAIN, "64")


def test_a_network_that_never_ends_is_stopped(saved: Any, empty_models: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(trial, "SECONDS", 2)
    facts = turned_away(empty_models, "trial_limits", saved(ENDLESS), PLAIN, "64")
    assert (facts["file"], facts["seconds"]) == ("own.onnx", 2)


@pytest.mark.skipif(sys.platform == "win32", reason="memory is not limited on Windows")
@pytest.mark.parametrize("values", [1.5e9, 1e13], ids=["6 GB", "40 TB"])
def test_a_network_that_wants_all_memory_is_turned_away(
    values: float, saved: Any, empty_models: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    limited = tmp_path / "python"  # the child is a process of its own: its limit is lowered there
    code = "from pipeline.manage import trial; trial.MEMORY_MB = 3000; trial._run_child()"
    limited.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{code}'\n")
    limited.chmod(0o755)
    monkeypatch.setattr(trial.sys, "executable", str(limited))
    with pytest.raises(ClearcutError) as caught:
        local_models.add_model(saved(greedy(values)), house.runtime(), PLAIN, "64")
    assert caught.value.code in ("trial_limits", "trial_failed")
    assert files(empty_models) == set()


def test_a_child_that_dies_is_told_as_one_that_broke_its_limits(
    saved: Any, empty_models: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(trial.sys, "executable", "/bin/false")
    turned_away(empty_models, "trial_limits", saved(FINDS), PLAIN)


NAMES = ["Ümlaut", "Big", "a/b", "../x", "-x", ".x", "_x", "x" * 62, "a b", "模型", "x\n", "u2netp", "best", "con/../x"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_cannot_be_or_is_taken_is_refused(name: str, saved: Any, empty_models: Path) -> None:
    assert turned_away(empty_models, "bad_name", saved(FINDS), PLAIN, name=name)["name"] == name


@pytest.mark.parametrize("file", ["模型.onnx", "u2netp.onnx", "automatic.onnx", "---.onnx"])
def test_a_file_that_no_name_can_be_made_of_wants_one(file: str, saved: Any, empty_models: Path) -> None:
    turned_away(empty_models, "bad_name", saved(FINDS, file), PLAIN)


def test_a_name_whose_file_would_be_another_models_is_refused(saved: Any, empty_models: Path) -> None:
    taken = house.card("isnet-general-use").networks[0].variants[0].file.removesuffix(".onnx")
    (empty_models / f"{taken}.onnx").write_bytes(b"published")
    turned_away(empty_models, "bad_name", saved(FINDS), PLAIN, name=taken)
    assert (empty_models / f"{taken}.onnx").read_bytes() == b"published"


@pytest.mark.parametrize(
    "size", ["0", "8193", "320x", "x320", "-1", "1.5", "320x320x3", "large", "64x0", "999999", "1e3"]
)
def test_a_size_that_cannot_be_is_refused(size: str, saved: Any, empty_models: Path) -> None:
    assert turned_away(empty_models, "bad_size", saved(FINDS), PLAIN, size)["value"] == size


def test_an_unknown_kind_names_those_that_there_are(saved: Any, empty_models: Path) -> None:
    facts = turned_away(empty_models, "unknown_kind", saved(FINDS), "nosuch")
    kinds = catalog.list_kinds().items()
    assert facts["known"] == ", ".join(name for name, kind in kinds if kind.decoding is None)


def test_files_that_are_not_there_are_told(saved: Any, empty_models: Path, tmp_path: Path) -> None:
    for file in (tmp_path / "none.onnx", tmp_path):
        turned_away(empty_models, "file_missing", file, PLAIN)
        turned_away(empty_models, "file_missing", saved(FINDS), PLAIN, picture=file)


@pytest.mark.parametrize("content", [b"hello", b""], ids=["text", "empty"])
def test_a_photo_that_is_none_is_told_by_its_name(content: bytes, saved: Any, empty_models: Path) -> None:
    picture = saved(content, "photo.png")
    with pytest.raises(ClearcutError) as caught:
        local_models.add_model(saved(FINDS), house.runtime(), PLAIN, picture=picture)
    assert caught.value.code in ("not_a_picture", "empty_file")
    assert files(empty_models) == set()
    assert "photo.png" in explain(caught.value)


def test_a_models_folder_that_cannot_be_written_to_is_told(saved: Any, monkeypatch: Any) -> None:
    file = saved(FINDS)
    monkeypatch.setenv("CLEARCUT_MODELS_DIR", str(file / "models"))
    refused("write_failed", local_models.add_model, file, house.runtime(), PLAIN)


@pytest.mark.parametrize(
    "text", ["[", "x = 3", "[x]\nkind = 'nosuch'", "[x]\nkind = 'u2net'", "[x]\nmembers = ['y']", "\x00"]
)
def test_a_broken_list_of_own_models_is_told_and_left_alone(text: str, saved: Any, empty_models: Path) -> None:
    (empty_models / "local.toml").write_text(text)
    turned_away(empty_models, "broken_catalog", saved(FINDS), PLAIN)
    assert refused("broken_catalog", catalog.list_models, house.settings()) == {"file": "local.toml"}
    assert (empty_models / "local.toml").read_text() == text


def test_a_trial_writes_no_files_anywhere(saved: Any, tmp_path: Path, monkeypatch: Any) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for name in ("HOME", "XDG_CACHE_HOME", "TMPDIR"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setattr(trial.tempfile, "tempdir", None)
    monkeypatch.chdir(home)
    tiny = catalog.read_local_models(house.settings()) or catalog.list_models(house.settings())["u2netp"]
    assert isinstance(tiny, ModelCard)
    file = saved(FINDS)
    before = files(file.parent)
    plain = tiny.model_copy(update={"feed": catalog.find_kind(PLAIN).feed, "read": catalog.find_kind(PLAIN).read})
    assert trial.try_network(plain, file, house.settings()).share > 0.1
    assert (list(home.iterdir()), files(file.parent)) == ([], before)


# ---- published models without a checksum -----------------------------------------------------------------------------


def test_a_file_that_nobody_has_vouched_for_is_tried_before_it_is_imported(saved: Any, empty_models: Path) -> None:
    kind = catalog.find_kind(PLAIN)
    tiny = card(sha256=None, kind=PLAIN, family=kind.family, feed=kind.feed, read=kind.read)
    for bad, code in ((saved(b"hello"), "trial_unreadable"), (saved(LOGITS, "b.onnx"), "trial_range")):
        refused(code, local_models.import_weights, tiny, bad, house.runtime())
        assert files(empty_models) == set()
    assert (
        local_models.import_weights(tiny, saved(FINDS), house.runtime())
        == weights.find_checked(tiny, house.settings())[1]
    )
    assert files(empty_models) == {"tiny.onnx", "tiny.onnx.sha256"}
    assert local_models.remove_model(tiny, house.runtime()) == [empty_models / "tiny.onnx"]
    assert files(empty_models) == set()


def test_a_published_model_stays_in_the_catalogue_when_its_file_is_removed(own_models: Path) -> None:
    real = house.card("u2netp")
    cut_out(Inputs(Photo(photo())), Options(model="u2netp"))
    assert local_models.remove_model(real, house.runtime()) == [own_models / "u2netp.onnx"]
    refused("model_missing", cut_out, Inputs(Photo(photo())), Options(model="u2netp"), cache=False)
    assert house.card("u2netp") == real
    assert files(own_models) == set()
    refused("not_removable", local_models.remove_model, house.card("best"), house.runtime())
