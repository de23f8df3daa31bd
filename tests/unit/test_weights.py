"""Weight files: found, checked, brought, removed, carried to another machine."""

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.errors import ClearcutError
from pipeline.registry import fetching, weights
from pipeline.registry.cards import Card, Ensemble, ModelCard
from tests import house
from tests.unit.test_sources import DATA, DEAD, SUMS, WRONG, Reply, card, files, refused

UNKNOWN: dict[str, Any] = {"sha256": None, "md5": None}  # a file whose checksum nobody has published
MD5_ONLY: dict[str, Any] = {"sha256": None, "md5": SUMS["md5"]}
pytestmark = pytest.mark.usefixtures("empty_models")


def of_both(*members: ModelCard) -> Ensemble:
    return Ensemble(name="both", good_for=("people",), members=members, weights=(1, 1))


def say_where(facts: dict[str, Any]) -> tuple[str, str]:
    return facts["model"], facts["homepage"]


# ---- found and checked -----------------------------------------------------------------------------------------------


def test_a_file_dropped_into_the_models_folder_is_found_and_nothing_fetched(empty_models: Path) -> None:
    tiny, dropped = card(DEAD), empty_models / "tiny.onnx"
    refused("model_missing", weights.find_checked, tiny, house.settings())
    dropped.write_bytes(DATA)
    assert (
        weights.find_file(tiny, house.settings())
        == weights.find_checked(tiny, house.settings())
        == (tiny.variants[0], dropped)
    )
    assert fetching.fetch_network(tiny, house.settings()) == dropped


def test_an_earlier_variant_is_preferred_wherever_it_lies(empty_models: Path, tmp_path: Path, monkeypatch: Any) -> None:
    both = card(names=("a.onnx", "b.onnx"))
    monkeypatch.setenv("CLEARCUT_MODELS_MIRROR", str(tmp_path))
    for place in (empty_models / "b.onnx", tmp_path / "a.onnx", empty_models / "a.onnx"):
        place.write_bytes(DATA)
        assert (
            fetching.fetch_network(both, house.settings()) == weights.find_checked(both, house.settings())[1] == place
        )


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_a_corrupt_file_is_told_with_the_checksum_wanted_and_found(algorithm: str, empty_models: Path) -> None:
    tiny = card(DEAD, **{**UNKNOWN, algorithm: SUMS[algorithm]})
    (empty_models / "tiny.onnx").write_bytes(WRONG)
    sums = {"wanted": SUMS[algorithm], "found": hashlib.new(algorithm, WRONG).hexdigest()}
    for call in (weights.find_checked, fetching.fetch):
        assert refused("wrong_checksum", call, tiny, house.settings()) == {"model": "tiny", "file": "tiny.onnx", **sums}


def test_a_file_of_which_only_the_md5_is_published_is_fetched_imported_and_held_to_it(
    own: Path, site: Any, empty_models: Path
) -> None:
    bad, good = site(Reply(WRONG)), site()
    tiny = card(bad.url, good.url, **MD5_ONLY)
    assert fetching.fetch_network(tiny, house.settings()).read_bytes() == DATA
    assert bad.asked
    fetching.remove_files(tiny, house.settings())
    assert fetching.import_file(tiny, own, house.settings()) == weights.find_checked(tiny, house.settings())[1]
    assert files(empty_models) == {"tiny.onnx"}
    own.write_bytes(WRONG)
    refused("wrong_checksum", fetching.import_file, tiny, own, house.settings())
    assert weights.find_checked(tiny, house.settings())[1].read_bytes() == DATA


# ---- brought by hand -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gated", [True, False], ids=["gated", "no source"])
@pytest.mark.parametrize("call", [fetching.fetch, fetching.fetch_network, weights.require])
def test_what_cannot_be_fetched_names_its_homepage_and_asks_nobody(call: Any, gated: bool, site: Any) -> None:
    server = site()
    tiny = card(*([server.url] if gated else []), gated=gated)
    facts = {"model": "tiny", "file": "tiny.onnx", "megabytes": 3.5, "homepage": "https://tiny.example"}
    assert refused("import_only", call, tiny, house.settings()) == facts
    assert (server.asked, weights.is_installed(tiny, house.settings())) == ([], False)


@pytest.mark.parametrize("sums", [SUMS, MD5_ONLY], ids=["sha256", "md5"])
@pytest.mark.parametrize("gated", [True, False], ids=["gated", "no source"])
def test_a_mirror_on_the_web_gives_also_what_its_publisher_does_not(
    gated: bool, sums: Any, site: Any, monkeypatch: Any
) -> None:
    publisher, mirror = site(), site()
    tiny = card(*([publisher.url] if gated else []), gated=gated, **sums)
    monkeypatch.setenv("CLEARCUT_MODELS_MIRROR", mirror.base)
    assert refused("model_missing", weights.require, tiny, house.settings())["model"] == "tiny"
    assert fetching.fetch(tiny, house.settings())[0].read_bytes() == DATA
    assert (mirror.asked, publisher.asked) == ([("/tiny.onnx", 0)], [])


def test_a_mirror_folder_gives_also_what_its_publisher_does_not(own: Path, monkeypatch: Any) -> None:
    tiny = card(gated=True)
    own.rename(own.with_name("tiny.onnx"))
    monkeypatch.setenv("CLEARCUT_MODELS_MIRROR", str(own.parent))
    assert (
        fetching.fetch(tiny, house.settings())
        == [weights.find_checked(tiny, house.settings())[1]]
        == [own.with_name("tiny.onnx")]
    )


def test_a_wrong_file_of_a_mirror_is_not_taken(empty_models: Path, site: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("CLEARCUT_MODELS_MIRROR", site(Reply(WRONG)).base)
    refused("fetch_failed", fetching.fetch, card(gated=True), house.settings())
    assert files(empty_models) == set()


def test_without_a_published_checksum_even_a_mirror_gives_nothing(own: Path, site: Any, monkeypatch: Any) -> None:
    tiny, mirror = card(**UNKNOWN), site()
    own.rename(own.with_name("tiny.onnx"))
    for place in (mirror.base, str(own.parent)):
        monkeypatch.setenv("CLEARCUT_MODELS_MIRROR", place)
        assert say_where(refused("import_only", fetching.fetch, tiny, house.settings())) == (
            "tiny",
            "https://tiny.example",
        )
    assert mirror.asked == []


def test_the_checksum_of_an_imported_file_is_noted_where_none_is_published(own: Path, empty_models: Path) -> None:
    tiny, here = card(**UNKNOWN), empty_models / "tiny.onnx"
    here.write_bytes(DATA)  # dropped by hand: nobody has vouched for it
    assert (weights.find_file(tiny, house.settings()), weights.is_installed(tiny, house.settings())) == (None, False)
    refused("model_missing", weights.find_checked, tiny, house.settings())
    here.unlink()
    assert fetching.import_file(tiny, own, house.settings()) == here
    assert (empty_models / "tiny.onnx.sha256").read_text() == f"{SUMS['sha256']}  tiny.onnx\n"
    assert fetching.fetch(tiny, house.settings()) == [weights.find_checked(tiny, house.settings())[1]] == [here]
    here.write_bytes(WRONG)
    facts = {"model": "tiny", "file": "tiny.onnx", "wanted": SUMS["sha256"]}
    facts["found"] = hashlib.sha256(WRONG).hexdigest()
    assert refused("wrong_checksum", weights.find_checked, tiny, house.settings()) == facts
    fetching.import_file(tiny, here, house.settings())  # the user says that it is meant so
    assert weights.find_checked(tiny, house.settings()) == (tiny.variants[0], here)


@pytest.mark.parametrize("note", [b"", b"\n", b"\xff\xfe", b"nonsense", SUMS["md5"].encode()])
def test_a_note_that_is_spoilt_never_lets_a_file_pass_for_another(note: bytes, own: Path, empty_models: Path) -> None:
    tiny = card(**UNKNOWN)
    fetching.import_file(tiny, own, house.settings())
    (empty_models / "tiny.onnx").write_bytes(WRONG)
    (empty_models / "tiny.onnx.sha256").write_bytes(note)
    with pytest.raises(ClearcutError) as caught:
        weights.find_checked(tiny, house.settings())
    assert caught.value.code in ("wrong_checksum", "broken_weights")


def test_offline_the_file_to_bring_is_named_and_nobody_asked(site: Any, monkeypatch: Any) -> None:
    server = site()
    monkeypatch.setenv("CLEARCUT_OFFLINE", "1")
    for call in (fetching.fetch, fetching.fetch_network):
        facts = refused("offline", call, card(server.url), house.settings())
        assert facts == {"model": "tiny", "file": "tiny.onnx", "megabytes": 3.5}
    assert server.asked == []


@pytest.mark.parametrize("call", [fetching.fetch, fetching.fetch_network])
def test_offline_too_a_file_without_a_checksum_has_to_be_imported(call: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("CLEARCUT_OFFLINE", "1")
    refused(
        "import_only", call, card(**UNKNOWN), house.settings()
    )  # put into the models folder by hand it would not count


def test_a_model_made_of_others_names_the_one_that_has_to_be_brought(own: Path, site: Any) -> None:
    fetched = card(site().url, name="a", names=("a.onnx",))
    gated = card(name="b", names=("b.onnx",), gated=True, homepage="https://b.example")
    both = of_both(fetched, gated)
    assert say_where(refused("import_only", weights.require, both, house.settings())) == ("b", "https://b.example")
    fetching.import_file(gated, own, house.settings())
    assert refused("model_missing", weights.require, both, house.settings())["model"] == "both"
    assert [path.read_bytes() for path in fetching.fetch(both, house.settings())] == [DATA, DATA]
    weights.require(both, house.settings())


def test_an_import_knows_by_its_length_which_variant_a_file_is(own: Path, empty_models: Path) -> None:
    first, second = card(names=("a.onnx",), bytes=7).variants[0], card(names=("b.onnx",)).variants[0]
    tiny = card().model_copy(update={"variants": (first, second)})
    assert fetching.import_file(tiny, own, house.settings()) == empty_models / "b.onnx"
    refused("file_missing", fetching.import_file, tiny, own.parent / "none.onnx", house.settings())
    refused("file_missing", fetching.import_file, tiny, own.parent, house.settings())
    assert files(empty_models) == {"b.onnx"}


# ---- looked over, removed, carried away ------------------------------------------------------------------------------


def test_check_looks_at_every_weight_file_in_the_models_folder(own: Path, empty_models: Path, only: Any) -> None:
    cards = {name: card(name=name, names=(f"{name}.onnx",)) for name in ("good", "bad")}
    cards |= {name: card(name=name, names=(f"{name}.onnx",), **UNKNOWN) for name in ("noted", "dropped", "changed")}
    only(*cards.values(), of_both(cards["good"], cards["bad"]))
    for name in ("good", "noted", "changed"):
        fetching.import_file(cards[name], own, house.settings())
    for name, data in {"bad": WRONG, "changed": WRONG, "dropped": DATA, "stranger": DATA}.items():
        (empty_models / f"{name}.onnx").write_bytes(data)
    (empty_models / "good.onnx.part").write_bytes(b"")
    found = {each.path.name: (each.model, each.holds) for each in weights.check_all(house.settings())}
    holds = {"good": True, "noted": True, "bad": False, "changed": False, "dropped": False}
    wanted: dict[str, tuple[str | None, bool]] = {f"{name}.onnx": (name, held) for name, held in holds.items()}
    assert found == {**wanted, "stranger.onnx": (None, False)}
    assert list(found) == sorted(found)


def test_check_finds_nothing_where_there_is_nothing(only: Any, tmp_path: Path, monkeypatch: Any) -> None:
    only(card())
    assert list(weights.check_all(house.settings())) == []
    monkeypatch.setenv("CLEARCUT_MODELS_DIR", str(tmp_path / "nowhere"))
    assert list(weights.check_all(house.settings())) == []


def test_removing_deletes_each_file_its_note_and_what_a_fetch_left(own: Path, empty_models: Path) -> None:
    tiny, other = card(names=("a.onnx", "b.onnx"), **UNKNOWN), card(name="other", names=("other.onnx",))
    for each in (tiny, other):
        fetching.import_file(each, own, house.settings())
    for name in ("b.onnx", "b.onnx.part", "a.onnx.part"):
        (empty_models / name).write_bytes(DATA)
    assert fetching.remove_files(tiny, house.settings()) == [empty_models / "a.onnx", empty_models / "b.onnx"]
    assert files(empty_models) == {"other.onnx"}
    assert fetching.remove_files(tiny, house.settings()) == []


def test_a_model_made_of_others_is_not_removed(own: Path, empty_models: Path) -> None:
    a, b = (card(name=name, names=(f"{name}.onnx",)) for name in "ab")
    fetching.import_file(a, own, house.settings())
    assert refused("not_removable", fetching.remove_files, of_both(a, b), house.settings()) == {
        "model": "both",
        "members": "a, b",
    }
    assert files(empty_models) == {"a.onnx"}


def test_what_lies_in_a_mirror_folder_is_never_removed(own: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("CLEARCUT_MODELS_MIRROR", str(own.parent))
    tiny = card(names=("own.onnx",))
    assert (fetching.remove_files(tiny, house.settings()), weights.find_checked(tiny, house.settings())[1]) == ([], own)


def exported(folder: Path, own: Path, only: Any) -> list[Card]:
    """Two models, of which one has a published checksum, installed and exported into `folder`."""
    cards = [card(name="a", names=("a.onnx",)), card(name="b", names=("b.onnx",), **UNKNOWN)]
    only(*cards, card(name="absent", names=("absent.onnx",)), of_both(cards[0], cards[1]))
    for each in cards:
        fetching.import_file(each, own, house.settings())
    assert list(fetching.export_files(folder, house.settings())) == [folder / "a.onnx", folder / "b.onnx"]
    return [*cards]


@pytest.mark.parametrize("setting", ["CLEARCUT_MODELS_DIR", "CLEARCUT_MODELS_MIRROR"])
def test_an_exported_folder_serves_another_machine(
    setting: str, own: Path, tmp_path: Path, only: Any, monkeypatch: Any
) -> None:
    folder = tmp_path / "new" / "stick"
    cards = exported(folder, own, only)
    assert files(folder) == {"a.onnx", "b.onnx", "b.onnx.sha256", "SHA256SUMS"}
    for name, value in {"MODELS_DIR": tmp_path / "other", "OFFLINE": 1}.items():
        monkeypatch.setenv(f"CLEARCUT_{name}", str(value))
    assert not any(weights.is_installed(each, house.settings()) for each in cards)
    monkeypatch.setenv(setting, str(folder))
    for each in cards:
        assert fetching.fetch(each, house.settings()) == [folder / f"{each.name}.onnx"]
    if setting == "CLEARCUT_MODELS_DIR":
        assert [each.holds for each in weights.check_all(house.settings())] == [True, True]


def test_an_exported_folder_behind_a_web_server_serves_too(own: Path, site: Any, only: Any, monkeypatch: Any) -> None:
    tiny, *_ = exported(own.parent / "stick", own, only)
    fetching.remove_files(tiny, house.settings())
    mirror = site(Reply((own.parent / "stick" / "a.onnx").read_bytes()))
    monkeypatch.setenv("CLEARCUT_MODELS_MIRROR", mirror.base)
    assert fetching.fetch(tiny, house.settings())[0].read_bytes() == DATA


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="sha256sum is not installed")
def test_sha256sum_itself_verifies_an_exported_folder(own: Path, tmp_path: Path, only: Any) -> None:
    exported(tmp_path / "stick", own, only)
    for sums in ("SHA256SUMS", "b.onnx.sha256"):
        command = ["sha256sum", "--strict", "-c", sums]
        subprocess.run(command, cwd=tmp_path / "stick", check=True, stdout=subprocess.DEVNULL)
    (tmp_path / "stick" / "a.onnx").write_bytes(WRONG)
    assert subprocess.run([*command[:-1], "SHA256SUMS"], cwd=tmp_path / "stick", capture_output=True).returncode == 1


def test_exporting_into_the_models_folder_or_twice_harms_nothing(own: Path, empty_models: Path, only: Any) -> None:
    for folder in (empty_models, empty_models, own.parent / "stick", own.parent / "stick"):
        exported(folder, own, only)
        assert files(folder) == {"a.onnx", "b.onnx", "b.onnx.sha256", "SHA256SUMS"}
        assert [each.holds for each in weights.check_all(house.settings())] == [True, True]


def test_a_damaged_file_is_not_exported(own: Path, empty_models: Path, tmp_path: Path, only: Any) -> None:
    only(card())
    (empty_models / "tiny.onnx").write_bytes(WRONG)
    refused("wrong_checksum", lambda: list(fetching.export_files(tmp_path / "stick", house.settings())))
    assert not (tmp_path / "stick" / "tiny.onnx").exists()


def test_exporting_onto_a_file_is_told(own: Path, only: Any) -> None:
    only(card())
    fetching.import_file(card(), own, house.settings())
    assert refused("write_failed", lambda: list(fetching.export_files(own, house.settings())))["name"] == "tiny.onnx"
    assert own.read_bytes() == DATA
