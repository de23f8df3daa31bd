"""The catalogue: rows of data that say what each model is, the house's and the user's own."""

import hashlib
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.base.errors import ClearcutError
from pipeline.base.settings import Settings
from pipeline.inference.networks import find_family
from pipeline.registry import catalog, fetching, weights
from pipeline.registry.cards import Accuracy, Card, Ensemble, Feed, ModelCard, Picker, Variant
from pipeline.registry.catalog import LOCAL, read_catalog
from tests import house
from tests.conftest import write_catalog

ROWS = tomllib.loads(catalog.CATALOG_FILE.read_text(encoding="utf-8"))
del ROWS[catalog.PREFERRED]
PUBLISHED = read_catalog(catalog.CATALOG_FILE)
NETWORKS = [card for card in PUBLISHED.values() if isinstance(card, ModelCard)]
VARIANTS = [variant for card in NETWORKS for variant in card.variants]
HEX = "0123456789abcdef" * 4

ROW = """
["{name}"]
kind = "{kind}"
license = "MIT"
license_url = "https://example.com/{name}"
homepage = "https://example.com"
commercial_use = "{use}"
good_for = ["own"]
memory_mb = 10
{more}
[["{name}".variants]]
file = "{name}.onnx"
bytes = 10
"""


def row(name: str, kind: str = "u2net", use: str = "yes", more: str = "") -> str:
    return ROW.format(name=name, kind=kind, use=use, more=more)


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., dict[str, Card]]:
    """The cards of a catalogue file with these rows."""

    def cards(*rows: str) -> dict[str, Card]:
        (tmp_path / "some.toml").write_text("".join(rows), encoding="utf-8")
        return read_catalog(tmp_path / "some.toml")

    return cards


def of(cards: dict[str, Card], name: str) -> ModelCard:
    card = cards[name]
    assert isinstance(card, ModelCard)
    return card


# ---- the published rows ----------------------------------------------------------------------------------------------


def test_the_menu_has_every_model_that_matters() -> None:
    wanted = {
        "u2netp", "best", "u2net", "u2net_human_seg", "u2net_cloth_seg", "silueta", "isnet-general-use", "isnet-anime",
        "birefnet-general", "birefnet-general-lite", "birefnet-portrait", "birefnet-dis", "birefnet-hrsod",
        "birefnet-cod", "birefnet-massive", "bria-rmbg-1.4", "bria-rmbg-2.0", "ben2", "modnet", "rvm-mobilenetv3",
        "rvm-resnet50", "deeplabv3", "deeplabv3plus-portrait", "mediapipe-selfie", "withoutbg",
    }  # fmt: skip
    assert wanted <= set(PUBLISHED)
    assert list(PUBLISHED)[:2] == ["u2netp", "best"]


def test_every_row_is_of_a_kind_that_there_is_and_that_runs() -> None:
    assert {entry["kind"] for entry in ROWS.values() if "members" not in entry} <= set(catalog.list_kinds())
    for card in NETWORKS:
        assert card.family == catalog.list_kinds()[card.kind].family
        assert isinstance(card, Picker) or find_family(card)


def test_every_kind_has_a_published_row() -> None:
    assert {card.kind for card in NETWORKS} == set(catalog.list_kinds())


def test_no_two_rows_share_a_file_name() -> None:
    names = [variant.file.lower() for variant in VARIANTS]
    assert sorted(names) == sorted(set(names))


def test_no_two_rows_are_one_file() -> None:
    sums = [variant.sha256 for variant in VARIANTS if variant.sha256]
    assert sorted(sums) == sorted(set(sums))


def test_everything_that_is_fetched_is_checked_by_sha256() -> None:
    assert all(variant.sha256 for variant in VARIANTS if variant.sources)


def test_what_only_registered_users_may_fetch_is_never_fetched() -> None:
    gated = [card for card in NETWORKS if card.gated]
    assert gated and not any(card.fetchable for card in gated)


def test_weights_that_are_not_for_commercial_use_are_never_the_default() -> None:
    forbidden = {name for name, card in PUBLISHED.items() if card.commercial_use == "no"}
    assert {"bria-rmbg-1.4", "bria-rmbg-2.0"} <= forbidden
    assert Settings.read({}).model == "automatic"
    *better, first = catalog.list_preferred()
    assert PUBLISHED[first].commercial_use == "yes" and PUBLISHED[first].permissive
    assert not forbidden & set(better)
    assert PUBLISHED["best"].commercial_use != "no"
    assert not any(PUBLISHED[name].permissive for name in forbidden)


def test_a_licence_that_is_no_plain_yes_says_why() -> None:
    for card in PUBLISHED.values():
        assert card.why or card.commercial_use == "yes", card.name
    assert all(PUBLISHED[name].why for name in ("rvm-mobilenetv3", "rvm-resnet50"))  # GPL: yes, with a condition


def test_published_facts_have_an_address() -> None:
    for card in NETWORKS:
        figures = [figure.source for figure in card.accuracy]
        assert all(address.startswith("https://") for address in (card.license_url, card.homepage, *figures)), card.name
        assert not card.local and card.license


@pytest.mark.parametrize(
    ("model", "count", "some"),
    [
        ("deeplabv3", 20, {"person", "cat", "dog"}),
        ("deeplabv3plus-portrait", 1, {"person"}),
        ("u2net_cloth_seg", 3, {"upper", "lower", "full"}),
        ("u2netp", 0, set()),
        ("best", 0, set()),
    ],
)
def test_classes_that_can_be_kept_are_all_but_the_background(model: str, count: int, some: set[str]) -> None:
    assert len(PUBLISHED[model].classes) == count and some <= set(PUBLISHED[model].classes)


# ---- reading ---------------------------------------------------------------------------------------------------------


def test_a_row_is_what_its_kind_says(read: Callable[..., dict[str, Card]]) -> None:
    card, like = of(read(row("mine", "modnet")), "mine"), catalog.find_kind("modnet")
    assert (card.kind, card.family, card.feed, card.read) == ("modnet", like.family, like.feed, like.read)


def test_a_row_may_differ_from_its_kind_in_single_values(read: Callable[..., dict[str, Card]]) -> None:
    more = 'feed = { size = [64, 48], divide_by = "maximum" }\nread = { outputs = ["last"], activation = "sigmoid" }'
    card, like = of(read(row("mine", "isnet", more=more)), "mine"), catalog.find_kind("isnet")
    assert card.feed == like.feed.model_copy(update={"size": (64, 48), "divide_by": "maximum"})
    assert card.read == like.read.model_copy(update={"outputs": ("last",), "activation": "sigmoid"})
    assert card.read.normalise_above == like.read.normalise_above
    assert catalog.find_kind("isnet") == like


def test_the_files_order_is_the_menus(read: Callable[..., dict[str, Card]]) -> None:
    both = '["both"]\nmembers = ["z", "a"]\nweights = [1, 1]\ngood_for = ["own"]\n'
    assert list(read(row("z"), both, row("a"))) == ["z", "both", "a"]


@pytest.mark.parametrize(
    "wrong",
    [
        row("mine").replace("memory_mb = 10", "memory_mb = 0"),
        row("mine").replace('good_for = ["own"]', "good_for = []"),
        row("mine", use="perhaps"),
        row("mine", more="colour = 3"),
        row("mine", more='feed = { resize = "squeeze" }'),
        row("mine", more="feed = { multiple_of = 0 }"),
        row("mine").replace('file = "mine.onnx"', 'file = "../mine.onnx"'),
        row("mine").replace('file = "mine.onnx"', 'file = "mine.pth"'),
        row("mine").replace("bytes = 10", "bytes = 0"),
        row("mine").partition("[[")[0],
        row("mine") + 'sha256 = "abc"\n',
    ],
)
def test_a_row_with_a_mistake_is_refused(wrong: str, read: Callable[..., dict[str, Card]]) -> None:
    with pytest.raises((ValidationError, TypeError)):
        read(wrong)


def test_an_unknown_kind_or_model_is_told_with_those_that_there_are() -> None:
    with pytest.raises(ClearcutError) as caught:
        catalog.find_kind("u3net" * 50)
    assert caught.value.code == "unknown_kind" and len(caught.value.facts["kind"]) == 100
    cutting = {name for name, kind in catalog.list_kinds().items() if kind.decoding is None}
    assert set(caught.value.facts["known"].split(", ")) == cutting
    with pytest.raises(ClearcutError, match="unknown_kind"):
        catalog.find_kind("sam")  # two networks are no network of one's own that finds a subject
    with pytest.raises(ClearcutError) as caught:
        house.card("u3net")
    assert caught.value.code == "unknown_model" and "u2netp, best" in caught.value.facts["known"]


# ---- files -----------------------------------------------------------------------------------------------------------


def test_a_file_with_a_source_needs_a_checksum() -> None:
    with pytest.raises(ValidationError, match="needs a checksum"):
        Variant(file="a.onnx", bytes=1, sources=("https://example.com/a.onnx",))
    for checksum in ({"sha256": HEX}, {"md5": HEX[:32]}):
        assert Variant(file="a.onnx", bytes=1, sources=("https://example.com/a.onnx",), **checksum).checksum
    assert Variant(file="a.onnx", bytes=1).checksum is None


def test_the_strongest_checksum_counts() -> None:
    assert Variant(file="a.onnx", bytes=1, sha256=HEX, md5=HEX[:32]).checksum == HEX
    assert Variant(file="a.onnx", bytes=1, md5=HEX[:32]).checksum == HEX[:32]


def test_a_rounded_length_leaves_room_and_an_exact_one_leaves_none() -> None:
    assert Variant(file="a.onnx", bytes=1000).most_bytes == 1000
    assert Variant(file="a.onnx", bytes=1000, rounded=True).most_bytes == 1050


def entered(enter: Callable[..., Card], content: bytes, **variant: Any) -> ModelCard:
    """A network of the user's own whose row gives these facts of its file."""
    facts = {"file": "brought.onnx", "bytes": len(content), **variant}
    card = enter("brought", content, kind="u2net", variants=[facts])
    assert isinstance(card, ModelCard)
    return card


def test_a_file_is_held_to_an_md5_where_that_is_all_there_is(enter: Callable[..., Card], empty_models: Path) -> None:
    card = entered(enter, b"weights", md5=hashlib.md5(b"weights").hexdigest())
    (empty_models / "brought.onnx").write_bytes(b"weights")
    assert weights.find_checked(card, house.settings()) == (card.variants[0], empty_models / "brought.onnx")
    (empty_models / "brought.onnx").write_bytes(b"weightz")
    with pytest.raises(ClearcutError) as caught:
        weights.find_checked(card, house.settings())
    assert caught.value.code == "wrong_checksum"


def test_a_file_without_a_checksum_is_held_to_what_it_was_when_it_was_brought(
    enter: Callable[..., Card], empty_models: Path, tmp_path: Path
) -> None:
    card = entered(enter, b"weights", rounded=True)
    (empty_models / "brought.onnx").write_bytes(b"weights")
    assert not card.fetchable and not weights.is_installed(card, house.settings())  # nobody has vouched for it
    (tmp_path / "mine.onnx").write_bytes(b"weights, a few more")
    fetching.import_file(card, tmp_path / "mine.onnx", house.settings())
    assert weights.find_checked(card, house.settings())[1].read_bytes() == b"weights, a few more"
    (empty_models / "brought.onnx").write_bytes(b"something else")
    with pytest.raises(ClearcutError) as caught:
        weights.find_checked(card, house.settings())
    assert caught.value.code == "wrong_checksum"


def test_what_is_gated_or_has_no_source_must_be_brought_by_hand(enter: Callable[..., Card]) -> None:
    sources = {"sha256": HEX, "sources": ["https://example.com/a.onnx"]}
    for facts, gated, fetchable in (({}, False, False), (sources, False, True), (sources, True, False)):
        card = enter("far", b"", kind="u2net", gated=gated, variants=[{"file": "a.onnx", "bytes": 1, **facts}])
        assert card.fetchable is fetchable
        with pytest.raises(ClearcutError) as caught:
            weights.require(card, house.settings())
        assert caught.value.code == ("model_missing" if fetchable else "import_only")


# ---- several networks in one -----------------------------------------------------------------------------------------


def member(name: str, use: str, **more: Any) -> ModelCard:
    facts: dict[str, Any] = {
        "kind": "u2net", "family": "saliency", "license": "MIT", "license_url": f"https://example.com/{name}",
        "homepage": f"https://example.com/of/{name}", "good_for": ("own",), "memory_mb": 100, "feed": Feed(size=(8, 8)),
        "variants": (Variant(file=f"{name}.onnx", bytes=1, sha256=HEX, sources=("https://example.com",)),),
        "why": "" if use == "yes" else f"why-{use}",
    }  # fmt: skip
    return ModelCard(name=name, commercial_use=use, **{**facts, **more})  # type: ignore[arg-type]


def ensemble(*members: ModelCard) -> Ensemble:
    return Ensemble(name="several", good_for=("own",), members=members, weights=(1,) * len(members))


@pytest.mark.parametrize(
    ("uses", "strictest"),
    [
        (("yes", "yes"), "yes"),
        (("yes", "unclear"), "unclear"),
        (("unclear", "yes", "no"), "no"),
        (("no", "unclear"), "no"),
    ],
)
def test_an_ensemble_is_as_strict_as_its_strictest_member(uses: tuple[str, ...], strictest: str) -> None:
    several = ensemble(*(member(f"{number}-{use}", use) for number, use in enumerate(uses)))
    number = uses.index(strictest)
    assert several.commercial_use == strictest
    assert several.license_url == f"https://example.com/{number}-{strictest}"
    assert several.homepage == f"https://example.com/of/{number}-{strictest}"
    assert several.why == ("" if strictest == "yes" else f"why-{strictest}")
    assert several.permissive is (strictest == "yes")


def test_an_ensemble_adds_up_its_members() -> None:
    several = ensemble(
        member("a", "yes", memory_mb=50, trained_on=("DUTS", "DIS5K"), license="MIT"),
        member("b", "yes", memory_mb=70, trained_on=("DIS5K", "P3M"), license="Apache-2.0"),
        member("c", "yes", memory_mb=1, license="MIT"),
    )
    assert several.memory_mb == 121
    assert several.trained_on == ("DUTS", "DIS5K", "P3M")
    assert several.license == "MIT, Apache-2.0"
    assert [network.name for network in several.networks] == ["a", "b", "c"]


def test_an_ensemble_is_fetched_where_every_member_is_and_gated_where_one_is() -> None:
    free, gated = member("a", "yes"), member("b", "yes", gated=True)
    brought = member("c", "yes", variants=(Variant(file="c.onnx", bytes=1),))
    assert ensemble(free, free).fetchable and not ensemble(free, free).gated
    assert not ensemble(free, gated).fetchable and ensemble(free, gated).gated
    assert not ensemble(free, brought).fetchable and not ensemble(free, brought).gated


def test_a_condition_on_a_member_is_a_condition_on_the_ensemble() -> None:
    several = ensemble(member("a", "yes"), member("b", "yes", why="gpl"))
    assert several.commercial_use == "yes" and not several.permissive


# ---- the user's own --------------------------------------------------------------------------------------------------


def test_a_model_of_the_users_own_comes_after_the_houses(empty_models: Path) -> None:
    assert list(catalog.list_models(house.settings())) == list(PUBLISHED)
    write_catalog(empty_models / LOCAL, row("mine", "modnet") + row("another"))
    assert list(catalog.list_models(house.settings())) == [*PUBLISHED, "mine", "another"]
    assert house.card("mine").local and not house.card("u2netp").local
    assert set(catalog.read_local_models(house.settings())) == {"mine", "another"}


def test_a_change_on_disk_is_seen(empty_models: Path) -> None:
    path = empty_models / LOCAL
    write_catalog(path, row("mine"))
    assert of(catalog.list_models(house.settings()), "mine").kind == "u2net"
    write_catalog(path, row("mine", "isnet") + row("more"))
    assert of(catalog.list_models(house.settings()), "mine").kind == "isnet" and "more" in catalog.list_models(
        house.settings()
    )
    path.unlink()
    assert list(catalog.list_models(house.settings())) == list(PUBLISHED)
    write_catalog(path, row("back"))
    assert "back" in catalog.list_models(house.settings())


def test_each_models_folder_has_its_own(empty_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_catalog(empty_models / LOCAL, row("mine"))
    assert "mine" in catalog.list_models(house.settings())
    monkeypatch.setenv("CLEARCUT_MODELS_DIR", str(tmp_path))
    write_catalog(tmp_path / LOCAL, row("theirs"))
    os.utime(tmp_path / LOCAL, ns=(0, (empty_models / LOCAL).stat().st_mtime_ns))
    assert list(catalog.read_local_models(house.settings())) == ["theirs"]


@pytest.mark.parametrize(
    "text",
    [
        "not toml",
        "mine = 3",
        'mine = "members"',
        "[mine]",
        '["mine"]\nmembers = ["u2netp", "nobody"]\nweights = [1, 1]\ngood_for = ["own"]',
        row("mine", "u3net"),
        row("mine", more="feed = 3"),
        row("mine", more='read = { activation = "loud" }'),
        row("mine") + 'sources = ["https://example.com"]',
        row("mine") + row("mine"),
    ],
)
def test_a_broken_catalogue_of_the_users_own_is_told_by_its_name(text: str, empty_models: Path) -> None:
    write_catalog(empty_models / LOCAL, text)
    for _ in range(2):
        with pytest.raises(ClearcutError) as caught:
            catalog.list_models(house.settings())
        assert (caught.value.code, caught.value.facts) == ("broken_catalog", {"file": LOCAL})
    write_catalog(empty_models / LOCAL, row("mine"))
    assert "mine" in catalog.list_models(house.settings())


def test_a_catalogue_that_is_no_text_is_broken_too(empty_models: Path) -> None:
    (empty_models / LOCAL).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ClearcutError) as caught:
        catalog.list_models(house.settings())
    assert caught.value.code == "broken_catalog"


def test_a_published_model_cannot_be_replaced(empty_models: Path) -> None:
    write_catalog(empty_models / LOCAL, row("u2netp", "modnet") + row("best") + row("mine"))
    assert house.card("u2netp") == PUBLISHED["u2netp"] and house.card("best") == PUBLISHED["best"]
    assert list(catalog.list_models(house.settings())) == [*PUBLISHED, "mine"]


def test_several_of_the_users_own_make_one(empty_models: Path) -> None:
    both = '["both"]\nmembers = ["a", "b"]\nweights = [1, 3]\nlevels = [0.1, 0.9]\ngood_for = ["own"]\n'
    write_catalog(empty_models / LOCAL, row("a") + row("b", use="no") + both)
    card = house.card("both")
    assert isinstance(card, Ensemble) and card.local
    assert (card.weights, card.levels, card.commercial_use) == ((1, 3), (0.1, 0.9), "no")


def test_those_for_most_photos_come_first_and_each_other_model_stands_under_its_first_use() -> None:
    groups = {group: [card.name for card in cards] for group, cards in catalog.group_models(PUBLISHED).items()}
    assert next(iter(groups)) == "general" and groups["general"] == ["u2netp", "best", "isnet-general-use"]
    assert sorted(name for names in groups.values() for name in names) == sorted(PUBLISHED)
    others = {name: card for name, card in PUBLISHED.items() if name not in groups["general"]}
    assert all(name in groups[card.good_for[0]] for name, card in others.items())
    assert list(groups) == ["general", *dict.fromkeys(card.good_for[0] for card in others.values())]
    assert catalog.group_models({"modnet": PUBLISHED["modnet"]}) == {"people": [PUBLISHED["modnet"]]}


def test_a_figure_needs_whoever_published_it() -> None:
    with pytest.raises(ValidationError):
        Accuracy(on="DIS-VD", measure="MAE", value=0.07)  # type: ignore[call-arg]


def test_the_menu_offers_at_most_two_models_beside_automatic():
    featured = [card for card in PUBLISHED.values() if card.featured]
    assert 1 <= len(featured) <= 2 and catalog.list_preferred()[-1] in [card.name for card in featured]
    assert all(card in catalog.group_models(PUBLISHED)["general"] for card in featured)
