"""The command line: its help, its languages, every terminal, switches, and what it imports."""

import argparse
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import __version__
from pipeline.base.errors import ClearcutError
from pipeline.base.settings import ROOT
from pipeline.base.words import explain
from pipeline.commands.command_line import _make_parser, main
from pipeline.commands.flags import pick_given_values
from pipeline.commands.terminal import Terminal
from pipeline.options.options import Options
from tests.command_line import Ended, child, files, sentence

pytestmark = pytest.mark.usefixtures("photo_desk")
COMMANDS = [
    "cut",
    "batch",
    "video",
    "serve",
    "models",
    "doctor",
    "cache",
    "fetch",
    "check",
    "measure",
    "optimise",
    "remove",
    "import",
    "export",
    "add",
]


def test_help_names_each_command_and_option_and_version_the_version(cli: Any) -> None:
    fields = Options.model_json_schema()["properties"]
    switches = {"--no-" + name.replace("_", "-") for name, field in fields.items() if field.get("type") == "boolean"}
    flags_of_options = {"--" + name.replace("_", "-") for name in Options.model_fields} | switches
    assert cli("--version") == (0, f"Clearcut {__version__}\n".encode(), "")
    flags = set(re.findall(r"--[a-z0-9-]+", cli("cut", "--help").out.decode().partition("PHOTO")[2]))
    assert flags == {
        "--help",
        "--output",
        "--force",
        "--skip-existing",
        "--preset",
        "--background-image",
        "--marks",
        "--trimap",
        "--no-cache",
    } | {*flags_of_options}
    words = (cli("--help").out + cli("models", "--help").out).decode()
    assert re.findall(r"^    (\w+) ", words, re.MULTILINE) == COMMANDS


MODELS = ["fetch", "check", "measure", "optimise", "remove", "import", "export", "add"]
ALL_COMMANDS = [
    [],
    ["cut"],
    ["video"],
    ["serve"],
    ["models"],
    ["doctor"],
    ["cache"],
    ["cache", "clear"],
    *(["models", each] for each in MODELS),
]
CHINESE = re.compile(r"[\u4e00-\u9fff]")
KEY = re.compile(r"\b(?:cli|option|setting|model|doctor|page|web|choice|warning|why|error)\.[a-z_]+(?:\.[a-z_]+)*\b")


def help_of(command: list[str], language: str, capsys: Any) -> str:
    with pytest.raises(SystemExit) as end:
        main([*command, "--help"], environ={"LANG": language})
    assert end.value.code == 0
    out, err = capsys.readouterr()
    assert err == ""
    return str(out)


@pytest.mark.parametrize("command", ALL_COMMANDS, ids=lambda command: " ".join(command) or "clearcut")
def test_help_speaks_the_language_of_the_machine(command: list[str], capsys: Any) -> None:
    chinese, english = (help_of(command, language, capsys) for language in ("zh_CN.UTF-8", "en_US.UTF-8"))
    assert chinese.startswith(f"用法：{' '.join(['clearcut', *command])}")
    assert CHINESE.search(chinese) and not CHINESE.search(english)
    for text in (chinese, english):
        assert not KEY.search(text) and not set("{}") & set(text)
    flags = [set(re.findall(r"(?<![\w-])--?[a-z][a-z0-9-]*", text)) for text in (chinese, english)]
    assert flags[0] >= flags[1]  # a sentence may be put together otherwise, a flag is called the same


def test_whatever_the_parser_tells_is_in_the_language_of_the_machine() -> None:
    """Each flag and command by itself, whatever a help text shows of it."""
    parsers = [
        _make_parser([name], Terminal("zh-CN")) for name in ("cut", "video", "serve", "models", "doctor", "cache")
    ]
    seen = 0
    while parsers:
        parser = parsers.pop()
        assert parser.description and CHINESE.search(parser.description), parser.prog
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                assert all(CHINESE.search(each.help or "") for each in action._choices_actions), parser.prog
                parsers += action.choices.values()
            elif action.help and action.dest not in ("help", "version"):  # these are argparse's own
                assert CHINESE.search(action.help) and not KEY.search(action.help), action.dest
                seen += 1
    assert seen > len(Options.model_fields)


TERMINALS = ["gbk", "ascii", "cp1252", "shift_jis", "latin-1", "ascii:surrogateescape"]
SAID = ["--help", "cut --help", "models --help", "models", "cache", "nosuch", "cut été×猫.png", "models fetch x"]


@pytest.mark.parametrize("language", ["zh_CN.UTF-8", "en_US.UTF-8"])
@pytest.mark.parametrize("encoding", TERMINALS)
def test_no_command_fails_for_a_letter_that_a_terminal_cannot_show(
    encoding: str, language: str, monkeypatch: Any
) -> None:
    name, _, errors = encoding.partition(":")
    for command in [*SAID, "cut caf\udce9.png", *["doctor"] * (encoding == "ascii")]:
        with monkeypatch.context() as patch:
            for stream in ("stdout", "stderr"):
                patch.setattr(sys, stream, io.TextIOWrapper(io.BytesIO(), name, errors or None))
            try:
                code = main(command.split(" "), environ={**os.environ, "LC_ALL": "", "LANG": language})
            except SystemExit as end:
                code = int(end.code or 0)
            said = [stream.buffer.getvalue() for stream in (sys.stdout, sys.stderr) if not stream.flush()]
        assert code in (0, 2) and any(said), command
        text = b"".join(said).decode(name, "replace")
        assert "\\u" not in text and "Traceback" not in text
        speaks_chinese = language.startswith("zh") and name == "gbk"
        assert bool(CHINESE.search(text.replace("猫", ""))) == speaks_chinese, command


def test_what_a_terminal_lacks_is_shown_so_that_it_can_be_read(monkeypatch: Any) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    assert child("cut", "été.png").err == 'There is no file "ete.png".\n'
    assert "160 x 120" in child("cut", "photo.png").err


REPLACED = """
import os, sys
from pipeline.base.streams import prepare_streams
file = os.open("said", os.O_CREAT | os.O_RDWR)
kept = os.dup(1)
os.dup2(file, 1)
sys.stdout = open(1, "w", encoding="ascii", closefd=False)
os.dup2(kept, 1)
prepare_streams({})
print("été …", flush=True)
"""


def test_a_stream_that_has_become_a_pipe_meanwhile_is_prepared_all_the_same() -> None:
    end = subprocess.run([sys.executable, "-c", REPLACED], capture_output=True)
    assert (end.stdout, end.stderr) == (b"ete ...\n", b"")


def test_the_web_server_too_speaks_to_every_terminal(monkeypatch: Any) -> None:
    for name, value in {"LC_ALL": "", "LANG": "zh_CN.UTF-8", "PYTHONIOENCODING": "ascii"}.items():
        monkeypatch.setenv(name, value)
    for flags, code in (["--help"], 0), (["--port", "多"], 2), (["--host", "0.0.0.0"], 2):
        end = subprocess.run([sys.executable, str(ROOT / "webui.py"), *flags], capture_output=True, timeout=60)
        assert end.returncode == code and b"Traceback" not in end.stderr
        assert (end.stdout + end.stderr).isascii()


@pytest.mark.parametrize(
    ("given", "crop"),
    [
        ("--crop", True),
        ("--crop 1", True),
        ("--crop=1", True),
        ("--crop YES", True),
        ("--crop=on", True),
        ("--crop true", True),
        ("--no-crop", False),
        ("--no-cro", False),
        ("--crop 0", False),
        ("--crop=0", False),
        ("--crop false", False),
        ("--crop=no", False),
        ("--crop off", False),
        ("--crop --no-crop", False),
    ],
)
@pytest.mark.parametrize("order", ["{} photo.png", "photo.png {}", "{} -- photo.png"])
def test_a_switch_takes_what_the_table_says_and_a_photo_after_it_is_a_photo(given: str, crop: bool, order: str) -> None:
    words = ["cut", *order.format(given).split()]
    parsed = _make_parser(words, Terminal()).parse_args(words)
    assert parsed.photos == ["photo.png"]
    assert Options.of(**pick_given_values(parsed, Options)).crop is crop


@pytest.mark.parametrize("flag", ["--crop", "--no-crop", "--crop 1", "--feather 2"])
def test_photos_may_stand_on_both_sides_of_a_flag(flag: str) -> None:
    for command, name in (("cut", "photos"), ("batch", "inputs")):
        words = [command, "a.jpg", *flag.split(), "1", "b.jpg", "-o", "x/", "-"]
        words = words if flag.split()[-1] != "--crop" else [each for each in words if each != "1"]
        parsed = _make_parser(words, Terminal()).parse_args(words)
        assert getattr(parsed, name) == [each for each in ("a.jpg", "1", "b.jpg", "-") if each in words]
    with pytest.raises(SystemExit):
        _make_parser(words, Terminal()).parse_args([*words, "--nothing"])


def test_a_switch_may_be_shortened_and_have_its_value_where_no_other_begins_so() -> None:
    words = ["cut", "--larg", "true", "photo.png"]
    parsed = _make_parser(words, Terminal()).parse_args(words)
    assert (parsed.photos, Options.of(**pick_given_values(parsed, Options)).largest) == (["photo.png"], True)


@pytest.mark.parametrize("given", ["--crop=perhaps", "--no-crop=1", "--crop="])
def test_what_a_switch_does_not_take_is_refused(given: str, cli: Any) -> None:
    end = cli("cut", "photo.png", given)
    assert (end.code, files()) == (2, {"photo.png"})
    assert "crop" in sentence(end.err)


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh-CN"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_TW.UTF-8"}, "zh-CN"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "fr_FR.UTF-8"}, "en"),
        ({}, "en"),
    ],
)
def test_the_locale_decides_as_everywhere_on_the_machine(environ: dict[str, str], language: str, capfd: Any) -> None:
    assert main(["cut", "nosuch.png"], environ={**os.environ, "LC_ALL": "", **environ}) == 2
    wanted = explain(ClearcutError("file_missing", name="nosuch.png"), language)
    assert capfd.readouterr().err == f"{wanted}\n"


@pytest.mark.parametrize("command", ["cut photo.png", "--version"])
def test_nothing_is_imported_that_is_not_needed(command: str) -> None:
    heavy = ["numpy", "cv2", "PIL", "onnxruntime", "pydantic"]
    needless = ["gradio", "fastapi", "httpx"] + heavy * (command == "--version")
    end = child(*command.split(), python=("-X", "importtime"))
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in end.err.splitlines()}
    assert "argparse" in imported
    assert not imported & {*needless}


def test_for_a_photo_that_is_not_there_no_model_is_fetched(
    cli: Callable[..., Ended], empty_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARCUT_OFFLINE", "1")
    end = cli("cut", "missing.png")
    assert end.code == 2 and "missing.png" in end.err
    assert cli("cut", "missing.png", "photo.png").code == 3, "the other photo needs it"
