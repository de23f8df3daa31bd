"""``python -m pipeline models …`` as a process of its own: what it does, what it says, and how it ends."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
import tomli_w

from pipeline import say
from pipeline.commands.command_line import main
from pipeline.registry import catalog
from pipeline.registry.cards import Card, Ensemble
from tests import house
from tests.command_line import PNG, Ended, child, sentence
from tests.pictures import encoded, opened, photo
from tests.unit.test_fetching import TINY_DISK
from tests.unit.test_local_models import FINDS
from tests.unit.test_sources import DATA, WRONG, Reply, card, files

OFFLINE = "CLEARCUT_OFFLINE"
MIRROR = "CLEARCUT_MODELS_MIRROR"
FULL = 1 << 20  # bytes of the small disk


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_models: Path) -> None:
    """A folder to work in, and no network beyond this machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("PYTHONPATH", str(catalog.ROOT))
    Path("photo.png").write_bytes(PNG)
    Path("own.onnx").write_bytes(DATA)


def enter_row(folder: Path, name: str = "tiny", **facts: Any) -> None:
    """Write a row of its own, for a file that is `DATA`, into the catalogue of the models folder."""
    entry = card(name=name, names=(f"{name}.onnx",), **facts).model_dump(mode="json", exclude_none=True)
    for each in ("name", "family", "states", "feed", "read", "local"):
        del entry[each]
    path = folder / catalog.LOCAL
    text = path.read_text("utf-8") if path.exists() else ""
    path.write_text(text + tomli_w.dumps({name: entry}), encoding="utf-8")


def models(*arguments: str) -> Ended:
    return child("models", *arguments)


def lines(out: bytes) -> list[str]:
    return out.decode().splitlines()


# ---- what there is ---------------------------------------------------------------------------------------------------


def test_the_list_has_a_row_for_every_model_with_licence_and_whether_it_is_here(own_models: Path) -> None:
    enter_row(own_models, license="Licence of my own", commercial_use="no", gated=True)
    (own_models / "tiny.onnx").write_bytes(DATA)
    enter_row(own_models, "absent", sources=["http://127.0.0.1:9/x"])
    end = models()
    assert (end.code, end.err) == (0, "")
    rows = {line.split()[0]: line for line in lines(end.out) if line}
    there = catalog.list_models(house.settings())
    assert list(rows) == ["NAME", *there, "Models"]
    for name, each in there.items():
        assert f"  {each.license}  " in rows[name]
        assert rows[name].split()[-2] == each.commercial_use
        by_hand = not each.fetchable
        installed = "yes" if name in ("u2netp", "tiny") else "import" if by_hand else "no"
        assert rows[name].split()[-1] == installed, name
    assert {rows[name].split()[-1] for name in there} == {"yes", "no", "import"}
    assert rows["Models"].endswith(str(own_models))


# ---- fetch -----------------------------------------------------------------------------------------------------------


def test_a_mirror_folder_gives_a_model_as_it_is(u2netp: Path, monkeypatch: Any, empty_models: Path) -> None:
    Path("mirror").mkdir()
    shutil.copy(u2netp, "mirror")
    monkeypatch.setenv(MIRROR, str(Path("mirror").resolve()))
    monkeypatch.setenv(OFFLINE, "1")
    assert models("fetch", "u2netp") == (
        0,
        f"{Path('mirror').resolve()}/u2netp.onnx  4.6 MB, checksum verified\n".encode(),
        "",
    )
    assert child("cut", "photo.png").code == 0


def test_a_local_web_server_gives_a_model_with_visible_progress(
    u2netp: Path, site: Any, monkeypatch: Any, empty_models: Path
) -> None:
    server = site(Reply(u2netp.read_bytes()))
    monkeypatch.setenv(MIRROR, server.base)
    end = models("fetch", "u2netp")
    assert (end.code, end.out) == (0, f"{empty_models}/u2netp.onnx  4.6 MB, checksum verified\n".encode())
    said = [line.removeprefix("u2netp, 4.6 MB: ").removesuffix(" %") for line in end.err.splitlines()]
    percent = said[said[0] == "…" :]  # a server that is slow to answer is waited for
    assert percent == sorted(percent, key=int)
    assert percent[-1] == "100"
    assert ((empty_models / "u2netp.onnx").read_bytes(), server.asked) == (u2netp.read_bytes(), [("/u2netp.onnx", 0)])
    assert models("fetch", "u2netp")[0::2] == (0, "")
    assert len(server.asked) == 1


def test_a_fetch_is_told_of_in_the_language_of_the_machine(site: Any, empty_models: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("LC_ALL", "")
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    how = {"commercial_use": "no", "license": "Strict-1.0", "why": "noncommercial"}
    enter_row(empty_models, sources=[site().url], **how)
    end = models("fetch", "tiny")
    assert end.code == 0
    warning, *progress = end.err.splitlines()
    rights, why = say("model.commercial.no", "zh-CN"), say("why.noncommercial", "zh-CN")
    assert warning == f"tiny, Strict-1.0: {rights}. {why}"
    assert progress and all(re.fullmatch(r"tiny, 3\.5 MB: (…|\d+ %)", line) for line in progress)
    verified = say("cli.models.verified", "zh-CN", megabytes="3.5")
    assert lines(end.out) == [f"{empty_models}/tiny.onnx  {verified}"]
    assert re.search(r"[\u4e00-\u9fff]", rights + why) and re.search(r"[\u4e00-\u9fff]", verified)
    lost = child("models", "fetch", "nosuch")
    assert (lost.code, say("error.unknown_model", "zh-CN").partition("{")[0] in lost.err) == (2, True)


@pytest.mark.parametrize("action", ["", "check", "remove tiny", "import tiny own.onnx", "export stick"])
def test_each_action_tells_in_the_language_of_the_machine(action: str, own_models: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("LC_ALL", "")
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    enter_row(own_models)
    (own_models / "tiny.onnx").write_bytes(DATA)
    end = models(*action.split())
    said = end.out.decode() + end.err
    assert end.code == 0
    assert re.search(r"[\u4e00-\u9fff]", said)
    assert not re.search(r"\b(cli|model|error)\.\w|[{}]", said)


def test_fetch_without_a_name_says_what_to_name(empty_models: Path) -> None:
    end = models("fetch")
    assert (end.code, end.out) == (2, b"")
    assert "--all-permissive" in sentence(end.err)
    assert "“”" not in end.err


def test_a_name_beside_all_permissive_is_not_silently_passed_over(monkeypatch: Any) -> None:
    monkeypatch.setenv(OFFLINE, "1")
    end = models("fetch", "u2netp", "--all-permissive")
    assert end.code == 2
    assert sentence(end.err)


def test_all_permissive_fetches_each_model_that_may_be_used_freely_and_no_other(
    site: Any, monkeypatch: Any, capfd: Any, empty_models: Path
) -> None:
    server, bad = site(), site(Reply(status=404))
    free = [card(server.url, name=name, names=(f"{name}.onnx",)) for name in "ab"]
    others: list[Card] = [
        card(bad.url, name="forbidden", commercial_use="no"),
        card(bad.url, name="doubtful", commercial_use="unclear"),
        card(bad.url, name="on-conditions", why="gpl"),
        card(bad.url, name="gated", gated=True),
        card(name="by-hand"),
        Ensemble(
            name="mixed", good_for=("people",), members=(free[0], card(bad.url, commercial_use="no")), weights=(1, 1)
        ),
    ]
    there: dict[str, Card] = {each.name: each for each in [*others, *free]}
    monkeypatch.setattr(catalog, "list_models", lambda settings: there)
    assert main(["models", "fetch", "--all-permissive"]) == 0
    out, err = capfd.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == [str(empty_models / f"{name}.onnx") for name in "ab"]
    assert (files(empty_models), bad.asked) == ({"a.onnx", "b.onnx"}, [])
    there = {"lost": card(bad.url, name="lost", names=("lost.onnx",)), **there}
    shutil.rmtree(empty_models)
    assert main(["models", "fetch", "--all-permissive"]) == 3  # the others come all the same
    out, err = capfd.readouterr()
    assert files(empty_models) == {"a.onnx", "b.onnx"}
    assert "lost.onnx" in sentence(err.splitlines()[0])


def test_all_permissive_offline_names_each_file_to_bring_once(u2netp: Path, monkeypatch: Any) -> None:
    Path("mirror").mkdir()
    shutil.copy(u2netp, "mirror")
    monkeypatch.setenv(MIRROR, str(Path("mirror").resolve()))
    monkeypatch.setenv(OFFLINE, "1")
    end = models("fetch", "--all-permissive")
    assert (end.code, lines(end.out)) == (3, [f"{Path('mirror').resolve()}/u2netp.onnx  4.6 MB, checksum verified"])
    told = [sentence(line) for line in end.err.splitlines()]
    assert len(told) == len(set(told)) > 1
    for name, each in catalog.list_models(house.settings()).items():
        mentioned = any(f" {name} " in line for line in told)
        assert not mentioned or (each.permissive and each.fetchable), name


@pytest.mark.parametrize("rights", ["no", "unclear"])
@pytest.mark.parametrize("command", ["models fetch tiny", "cut photo.png --model tiny"])
def test_what_a_licence_does_not_allow_is_said_before_anything_is_fetched(
    rights: str, command: str, site: Any, empty_models: Path
) -> None:
    server = site(Reply(status=404))
    enter_row(empty_models, sources=[server.url], commercial_use=rights, license="Strict-1.0", why="noncommercial")
    end = child(*command.split())
    assert (end.code, end.out, len(server.asked)) == (3, b"", 1)
    first, *_, last = end.err.splitlines()
    assert all(
        word in first for word in ("tiny", "Strict-1.0", say(f"model.commercial.{rights}"), say("why.noncommercial"))
    )
    assert "tiny.onnx" in sentence(last)


def test_a_plain_licence_is_not_spoken_of(site: Any, empty_models: Path) -> None:
    enter_row(empty_models, sources=[site().url])
    end = models("fetch", "tiny")
    assert end.code == 0
    assert all(line.startswith("tiny, 3.5 MB: ") for line in end.err.splitlines())


@pytest.mark.parametrize("command", ["models fetch {}", "cut photo.png --model {}"])
@pytest.mark.parametrize("name", ["bria-rmbg-2.0", "tiny"], ids=["gated", "no source"])
def test_a_model_that_has_to_be_brought_says_where_it_is_to_be_had(name: str, command: str, empty_models: Path) -> None:
    enter_row(empty_models)
    end = child(*command.format(name).split())
    assert (end.code, end.out, files(Path())) == (3, b"", {"photo.png", "own.onnx", "models"})
    last = sentence(end.err.splitlines()[-1])
    assert house.card(name).homepage in last
    assert f"models import {name} FILE" in last


# ---- check, import, remove, export -----------------------------------------------------------------------------------


def test_check_tells_of_each_file_and_fails_where_one_is_damaged(own_models: Path) -> None:
    enter_row(own_models)
    for name in ("tiny", "stranger"):
        (own_models / f"{name}.onnx").write_bytes(DATA)
    fine = {"u2netp.onnx": "u2netp  ok", "tiny.onnx": "tiny  ok", "stranger.onnx": "–  not in the catalogue"}
    assert models("check") == (0, "".join(f"{name}  {fine[name]}\n" for name in sorted(fine)).encode(), "")
    (own_models / "tiny.onnx").write_bytes(WRONG)
    end = models("check")
    assert (end.code, "tiny.onnx  tiny  WRONG CHECKSUM" in lines(end.out)) == (3, True)


def test_import_remove_and_import_again(empty_models: Path) -> None:
    enter_row(empty_models, gated=True)
    imported = models("import", "tiny", "own.onnx")
    assert (imported.code, imported.out.split()[0].decode(), imported.err) == (0, str(empty_models / "tiny.onnx"), "")
    assert models("remove", "tiny") == (0, f"{empty_models / 'tiny.onnx'}  removed\n".encode(), "")
    assert files(empty_models) <= {catalog.LOCAL}
    Path("own.onnx").write_bytes(WRONG)
    end = models("import", "u2netp", "own.onnx")
    assert (end.code, end.out, files(empty_models) <= {catalog.LOCAL}) == (3, b"", True)
    assert str(house.card("u2netp").networks[0].variants[0].sha256) in sentence(end.err)


def test_a_file_without_a_published_checksum_is_not_called_verified(
    monkeypatch: Any, capfd: Any, own_models: Path
) -> None:
    known = house.card("u2netp").networks[0]
    unknown = known.variants[0].model_copy(update={"sha256": None, "sources": ()})
    unknown_card = known.model_copy(update={"variants": (unknown,)})
    monkeypatch.setattr(catalog, "list_models", lambda settings: {"u2netp": unknown_card})
    assert main(["models", "import", "u2netp", str(own_models / "u2netp.onnx")]) == 0
    out, _ = capfd.readouterr()
    assert out.split()[0] == str(own_models / "u2netp.onnx")
    assert "verified" not in out  # against what?
    assert "u2netp.onnx.sha256" in files(own_models)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("remove nosuch", 2),
        ("remove best", 2),
        ("remove", 2),
        ("import tiny", 2),
        ("import tiny nosuch.onnx", 2),
        ("import nosuch own.onnx", 2),
        ("import u2netp own.onnx", 3),
        ("export", 2),
        ("export photo.png", 1),
        ("add", 2),
        ("add own.onnx", 2),
        ("add own.onnx --kind nosuch", 2),
        ("add own.onnx --kind u2net", 2),
        ("add nosuch.onnx --kind u2net", 2),
        ("add own.onnx --kind u2net --size big", 2),
        ("add own.onnx --kind u2net --name u2netp", 2),
        ("add own.onnx --kind u2net --picture nosuch.png", 2),
        ("check --nonsense", 2),
    ],
)
def test_what_cannot_be_done_is_told_in_one_sentence(command: str, code: int, capfd: Any, own_models: Path) -> None:
    enter_row(own_models)
    before = files(own_models)
    try:
        ended: Any = main(["models", *command.split()])
    except SystemExit as end:
        ended = end.code
    out, err = capfd.readouterr()
    assert (ended, out, files(own_models)) == (code, "", before)
    assert "{" not in sentence(err)


def test_export_lists_what_it_copied_and_says_what_to_do_with_it(own_models: Path) -> None:
    end = models("export", "stick")
    assert (end.code, lines(end.out)) == (0, ["stick/u2netp.onnx"])
    assert "CLEARCUT_MODELS_MIRROR" in sentence(end.err)
    assert files(Path("stick")) == {"u2netp.onnx", "SHA256SUMS"}


def test_an_export_of_nothing_does_not_pretend(empty_models: Path) -> None:
    end = models("export", "stick")
    assert end.out == b""
    assert "CLEARCUT_MODELS_MIRROR=stick" not in end.err or Path("stick").is_dir()


# ---- models of one's own ---------------------------------------------------------------------------------------------


def test_an_own_network_is_added_used_and_removed(u2netp: Path, empty_models: Path) -> None:
    end = models("add", str(u2netp), "--kind", "u2net", "--name", "mine", "--license", "Apache-2.0", "--size", "320")
    assert (end.code, end.err) == (0, "")
    assert "mine" in end.out.decode()
    assert "320 × 320" in end.out.decode()
    row = next(line for line in lines(models().out) if line.startswith("mine "))
    assert "  Apache-2.0  " in row
    assert row.endswith("yes")
    assert child("cut", "photo.png", "--model", "mine")[:2] == (0, b"")
    assert Path("photo_cutout.png").is_file()
    assert models("remove", "mine").code == 0
    assert child("cut", "photo.png", "--model", "mine", "--force").code == 2
    assert "mine" not in models().out.decode()


def test_classes_to_keep_are_named_on_the_command_line(at_hand: Any) -> None:
    file = at_hand("deeplabv3_257_mv.onnx")
    Path("cat.png").write_bytes(encoded(photo("chelsea")))
    assert models("add", str(file), "--kind", "deeplab", "--name", "voc").code == 0
    alpha = {}
    for keep in ("cat", "dog,cat", "person"):
        end = child("cut", "cat.png", "--model", "voc", "--keep", keep, "-o", "-")
        assert end.code == 0
        alpha[keep] = opened(end.out)[..., 3].mean()
    assert alpha["person"] < 1 < 25 < alpha["cat"] <= alpha["dog,cat"] + 1
    end = child("cut", "cat.png", "--model", "voc", "--keep", "cat,unicorn", "-o", "-")
    assert (end.code, end.out) == (2, b"")
    assert all(word in sentence(end.err) for word in ("unicorn", "keep", "person"))


def test_a_model_that_knows_no_classes_keeps_none(own_models: Path) -> None:
    end = child("cut", "photo.png", "--keep", "person", "-o", "-")
    assert (end.code, end.out) == (2, b"")
    assert "keep" in sentence(end.err)


def test_an_engine_that_is_not_here_is_told_once_for_two_photos(own_models: Path, monkeypatch: Any) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has the engine")
    monkeypatch.setenv("CLEARCUT_ENGINE", "cuda")
    shutil.copy("photo.png", "again.png")
    end = child("cut", "photo.png", "again.png")
    assert (end.code, end.out) == (0, b"")
    assert Path("again_cutout.png").read_bytes() == Path("photo_cutout.png").read_bytes()
    assert end.err.count(say("warning.engine_fallback")) == 1
    assert sum("engine" in line for line in end.err.splitlines()) == 1


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Callable[..., list[str]]:
    """Run a shell command where a folder is a disk of 1 MB; the lines that it says."""
    (tmp_path / "small").mkdir()

    def run(command: str) -> list[str]:
        how: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        end = subprocess.run([*TINY_DISK, str(tmp_path / "small"), "sh", "-c", command], **how)
        return [line for line in end.stdout.splitlines() if line]

    if not shutil.which("unshare") or run("echo here") != ["here"]:
        pytest.skip("no small disk can be mounted here")
    return run


def test_a_disk_that_is_full_during_a_trial_is_told(u2netp: Path, tiny_disk: Any, empty_models: Path) -> None:
    add = f"'{sys.executable}' -m pipeline models add '{u2netp}' --kind u2net --name mine"
    told, code = tiny_disk(f"TMPDIR=small {add}; echo $?")
    assert (code, files(empty_models)) == ("1", set())
    assert "full" in sentence(told)
    assert "stdout" not in told


def test_a_disk_that_is_full_when_an_own_model_is_entered_keeps_nothing_of_it(tiny_disk: Any) -> None:
    padded = onnx.ModelProto.FromString(FINDS.SerializeToString())
    padded.doc_string = "x" * (FULL - padded.ByteSize() - 4)  # its key and its length take four bytes
    assert padded.ByteSize() == FULL
    Path("own.onnx").write_bytes(padded.SerializeToString())
    add = f"'{sys.executable}' -m pipeline models add own.onnx --kind withoutbg --size 64"
    told, code, *left = tiny_disk(f"CLEARCUT_MODELS_DIR=small {add}; echo $?; ls -A small")
    assert (code, left) == ("1", [])
    assert "full" in sentence(told)
