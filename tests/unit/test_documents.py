"""The documents say what the code does: commands, options, settings, models, files, and the same in both languages."""

import os
import re
import shlex
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from functools import cache
from pathlib import Path

import pytest
from pydantic import BaseModel

# What the code knows of itself. Where a module moves, only these lines change.
import webui
from pipeline import (
    Options,
    Runtime,
    Settings,
    add_flags,
    list_canvases,
    list_presets,
    pick_given_values,
    say,
    to_megabytes,
)
from pipeline.base.fields import describe_accepted
from pipeline.commands.command_line import _make_parser
from pipeline.commands.terminal import Terminal
from pipeline.registry import catalog
from server.settings import ServerSettings

ROOT = Path(__file__).parent.parent.parent
GUIDE = ["README.md", "README.zh-CN.md", *(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))]
DOCUMENTS = [*GUIDE, "CONTRIBUTING.md", "SECURITY.md", "NOTICE.md", "CHANGELOG.md", "models/README.md"]
CHINESE = {name: name.replace("README.", "README.zh-CN.").replace("docs/", "docs/zh-CN/") for name in GUIDE}
PAIRS = [(name, other) for name, other in CHINESE.items() if other in GUIDE and other != name]
# more than can be listed
FREE = {"model", "keep", "canvas", "crop_box", "background_color", "background_color_2", "outline_color"}
OF_TESTS = {f"CLEARCUT_TEST_{name}" for name in ("DATA", "MODELS", "CASES", "PROCESSOR", "CORES", "EXAMPLES")}
SETTINGS = ["docs/settings.md", "docs/zh-CN/settings.md"]
OPTIONS = ["docs/options.md", "docs/zh-CN/options.md"]
MODELS = ["docs/models.md", "docs/zh-CN/models.md"]


def command_line_parser(words: list[str]) -> ArgumentParser:
    return _make_parser(words, Terminal())


@cache
def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def blocks(name: str, kind: str) -> list[str]:
    """What stands in the fenced blocks of that kind, without comments."""
    return [re.sub(r"\s+#.*", "", block) for block in re.findall(rf"```{kind}\n(.*?)```", text_of(name), re.S)]


def commands(name: str, program: str) -> set[str]:
    """Every command line of `program` in a document: lines of blocks, and code within sentences."""
    lines = [line for block in blocks(name, "sh") for line in block.splitlines()]
    lines += re.findall(r"^    (\S.*?)(?:\s+#.*)?$", text_of(name), re.M)
    lines += re.findall(r"(?<!`)`([^`\n]+)`(?!`)", re.sub(r"```.*?```", "", text_of(name), flags=re.S))
    return {line.strip() for line in lines if program in line.split()}


def arguments(line: str, program: str) -> list[str]:
    """What `program` is given in that line of a shell, without redirections and what reads its output."""
    words = shlex.split(re.split(r"[<>|…]", line)[0])
    return words[words.index(program) + 1 :]


def rows(name: str, key: str) -> dict[str, list[str]]:
    """The rows of the tables of a document by what `key` finds in them: a list of cells."""
    found = {}
    for line in text_of(name).splitlines():
        match = re.search(key, line) if line.startswith("|") else None
        if match:
            found[match[1]] = [cell.strip() for cell in line.strip("|").split(" | ")]
    return found


def plain(cell: str) -> str:
    """The values in a cell as the code writes them: ``−20 … 20`` is ``-20–20``, `` `a`, `b` `` is ``a, b``."""
    return cell.replace("`", "").replace(" … ", "–").replace("−", "-").replace("、", ", ")


def default_of(model: type[BaseModel], name: str) -> str:
    """The default of a field as a table gives it."""
    default = model.model_fields[name].get_default(call_default_factory=True)
    if isinstance(default, bool | int | float):
        return f"{default:g}"
    if isinstance(default, Path):
        return default.name
    return str(default) if default else "–"


# ---- options, settings, models ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_stands_in_its_table_with_its_values_and_its_default(name: str) -> None:
    found = rows(name, r"^\| `(\w+)` \|")
    assert list(found) == list(Options.model_fields)
    for option, (_, values, default, _) in found.items():
        assert plain(default) == default_of(Options, option), option
        if option not in FREE:
            assert plain(values) == describe_accepted(Options, option), option


@pytest.mark.parametrize("name", OPTIONS)
def test_every_group_of_options_stands_under_its_own_heading(name: str) -> None:
    sections = re.split(r"^## ", text_of(name), flags=re.M)[1:]
    groups = [re.findall(r"^\| `(\w+)` \|", section, re.M) for section in sections]
    of = {option: field.json_schema_extra["group"] for option, field in Options.model_fields.items()}  # type: ignore[index]
    assert [len({of[option] for option in group}) for group in groups if group] == [1] * len(set(of.values()))


@pytest.mark.parametrize("name", OPTIONS)
def test_every_preset_is_named(name: str) -> None:
    assert all(f"`{preset}`" in text_of(name) for preset in list_presets())


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_stands_in_the_table_with_its_flags_its_default_and_whom_it_concerns(name: str) -> None:
    found = rows(name, r"`CLEARCUT_(\w+)`")
    assert {setting.lower() for setting in found} == set(ServerSettings.model_fields)
    parser = ArgumentParser()
    add_flags(parser, ServerSettings, "setting", "en")
    flags = {action.dest: action.option_strings for action in parser._actions}
    everybodys = set(ServerSettings.__base__.model_fields)  # type: ignore[union-attr]
    for setting, (flag, variable, default, _) in found.items():
        field = setting.lower()
        assert [word.split()[0] for word in plain(flag).split(", ")] == flags[field]
        assert plain(default) == default_of(ServerSettings, field), setting
        assert ("∗" in variable) == (field in everybodys), setting


@pytest.mark.parametrize("name", MODELS)
def test_every_model_stands_in_the_table_with_its_facts(name: str) -> None:
    language = "zh-CN" if "zh-CN" in name else "en"
    found = rows(name, r"^\| `([\w.-]+)` \|")
    assert list(found) == list(catalog.list_models(Settings()))
    yes = {"en": ("yes", "unclear", "**no**"), "zh-CN": ("可以", "不明确", "**不可**")}[language]
    for model, (_, title, size, _, licence, commercial, tried) in found.items():
        card = catalog.list_models(Settings())[model]
        assert title == say(f"model.{model}.title", language)
        first = sum(network.variants[0].bytes for network in card.networks)
        assert re.match(f"{to_megabytes(first)} MB(?! *[0-9])", size), model
        assert bool(re.search("import only|仅可导入", size)) == (not card.fetchable), model
        assert licence.startswith(card.license)
        assert commercial.startswith(yes[("yes", "unclear", "no").index(card.commercial_use)]), model
        held = all(network.variants[0].verified for network in card.networks)
        assert (tried in ("yes", "是")) == held, model


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_a_model_in_the_readme_has_the_facts_that_it_has_in_the_whole_table(name: str) -> None:
    whole = rows(MODELS["zh-CN" in name], r"^\| `([\w.-]+)` \|")
    brief = rows(name, r"^\|[^|]+\| `([\w.-]+)` \|")
    assert next(iter(brief)) == "u2netp" and len(brief) > 3
    for model, (title, _, size, use, commercial) in brief.items():
        _, the_title, the_size, the_use, _, the_commercial, _ = whole[model]
        assert (title, use) == (the_title, the_use)
        assert the_size.startswith(size) and the_commercial.startswith(commercial)


@pytest.mark.parametrize("name", GUIDE)
def test_no_variable_or_canvas_is_named_that_does_not_exist(name: str) -> None:
    there = {f"CLEARCUT_{setting.upper()}" for setting in ServerSettings.model_fields}
    assert set(re.findall(r"CLEARCUT_[A-Z_]+", text_of(name))) <= there | OF_TESTS
    for canvas in re.findall(r"(?:--canvas |canvas=\")([a-z][\w-]*)", text_of(name)):
        assert canvas in list_canvases()


# ---- commands --------------------------------------------------------------------------------------------------------


def parsed(parser: ArgumentParser, given: list[str]) -> Namespace | None:
    """What comes of it; None for ``--help`` and ``--version``."""
    try:
        return parser.parse_args(given)
    except SystemExit as end:
        assert end.code == 0, given
        return None


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_of_the_command_line_is_real(name: str) -> None:
    for program in ("./clearcut", "clearcut"):
        for words in filter(None, (arguments(line, program) for line in commands(name, program))):
            given = parsed(command_line_parser(words), words)
            if given and hasattr(given, "photos"):
                preset = {"preset": given.preset} if hasattr(given, "preset") else {}
                Options.of(**pick_given_values(given, Options), **preset, background_image=bool(given.background_image))


def test_the_guide_shows_every_command() -> None:
    lines = [arguments(line, "./clearcut") for line in commands("docs/command-line.md", "./clearcut")]
    shown = {" ".join(word for word in line[:2] if word.isalpha()) for line in lines}
    help_of = [re.findall(r"^    (\w+) ", command_line_parser([]).format_help(), re.M)]
    models_help = command_line_parser(["models"])._subparsers._group_actions[0].choices["models"].format_help()  # type: ignore[union-attr]
    wanted = {*help_of[0], *(f"models {action}" for action in re.findall(r"^    (\w+) ", models_help, re.M))}
    assert len(wanted) > 10 and wanted <= shown


@pytest.mark.parametrize("name", GUIDE)
def test_every_flag_of_the_web_server_is_real(name: str) -> None:
    parser = webui.make_parser("en")
    for line in commands(name, "./webui.sh"):
        ServerSettings(
            **pick_given_values(parsed(parser, arguments(line, "./webui.sh")) or Namespace(), ServerSettings)
        )


def test_every_flag_that_is_named_is_one_of_a_command() -> None:
    parsers = [webui.make_parser("en"), *(command_line_parser([name]) for name in ("cut", "batch", "video", "models"))]
    known = set()
    while parsers:
        for action in parsers.pop()._actions:
            known |= set(action.option_strings)
            parsers += action.choices.values() if isinstance(action.choices, dict) else []
    known |= {flag for name in ("table", "speed", "video") for flag in re.findall(r"--[a-z-]+", benchmark_help(name))}
    for name in GUIDE:
        for code in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text_of(name)):
            named = set() if "pip install" in code else set(re.findall(r"(?<!\S)--[a-z][a-z-]*", code))
            assert named <= known, (name, code)


@cache
def benchmark_help(subcommand: str) -> str:
    command = [sys.executable, "-m", "benchmarks", subcommand, "--help"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_every_benchmark_is_real_with_its_flags() -> None:
    lines = {line for name in DOCUMENTS for line in commands(name, "benchmarks")}
    given = [words for line in lines if (words := arguments(line, "benchmarks"))]
    assert len(given) > 4
    for words in given:
        subcommand = "table" if words[0] == "FOLDER" else words[0]
        assert all(word in benchmark_help(subcommand) for word in words if word.startswith("--")), words


def test_every_request_that_is_shown_finds_a_route() -> None:
    from fastapi import FastAPI

    from server.api import build_router
    from server.batches import Batches
    from server.models import Downloads
    from server.videos import Videos
    from server.work import Workers

    app, settings = FastAPI(docs_url="/api/docs"), ServerSettings()
    runtime = Runtime(settings)
    videos, workers = Videos(settings, runtime), Workers(settings, runtime)
    app.include_router(build_router(settings, runtime, Downloads(settings), Batches(settings), videos, workers))
    routes = {
        (method.upper(), re.sub(r"\{[^}]+\}", "[^/]+", path))
        for path, all_ in app.openapi()["paths"].items()
        for method in all_
    }
    lines = {line for name in GUIDE for block in blocks(name, "sh") for line in block.splitlines() if "curl" in line}
    assert len(lines) > 5
    for line in lines:
        [path] = re.findall(r"localhost:7860(/[^\s?\"]+)", line)
        asked = re.findall(r"-X (\w+)", line) or ["POST" if " -F " in line else "PUT" if " -T " in line else "GET"]
        assert any(method == asked[0] and re.fullmatch(route, path) for method, route in routes), line


@pytest.mark.parametrize("example", blocks("docs/python.md", "python"))
def test_the_python_examples_run(example: str, u2netp: Path, tmp_path: Path) -> None:
    from tests.pictures import composite, encoded

    (tmp_path / "photo.jpg").write_bytes(encoded(composite().rgb, "JPEG"))
    [(made, call)] = re.findall(r"(\w+) = (cut_out\w*)\(", example)
    enough = f"len({made}) > 1000" if call == "cut_out_bytes" else f"{made}.alpha.any()"
    code = f"{example}\nassert {enough}"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)


# ---- links and languages ---------------------------------------------------------------------------------------------


def anchors(name: str) -> set[str]:
    """What a link may name in a document: its headings, as hosts of code write them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text_of(name), flags=re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(name: str) -> None:
    for link in re.findall(r"(?:\]\(|src=\")(?!https?:)([^)\"]+)", text_of(name)):
        file, _, anchor = link.partition("#")
        target = (ROOT / name).parent.joinpath(file).resolve() if file else ROOT / name
        assert target.exists(), link
        assert not anchor or anchor in anchors(str(target.relative_to(ROOT))), link


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_every_document_is_a_link_away_from_the_readme(readme: str) -> None:
    linked = set(re.findall(r"\]\(([^)#]+\.md)", text_of(readme)))
    chinese = "zh-CN" in readme
    wanted = {CHINESE[name] if chinese and CHINESE[name] in GUIDE else name for name in GUIDE if "zh-CN" not in name}
    assert wanted - {readme} <= linked


@pytest.mark.parametrize("english, chinese", PAIRS)
def test_both_languages_show_the_same_commands_and_settings(english: str, chinese: str) -> None:
    def facts(name: str) -> set[str]:
        return set(re.findall(r"`(--[a-z-]+|CLEARCUT_[A-Z_]+|X-\w+|[a-z0-9-]+\.\w+)`", text_of(name)))

    assert blocks(english, r"\w+") == blocks(chinese, r"\w+")
    assert facts(english) == facts(chinese)
    assert f"[English]({os.path.relpath(english, Path(chinese).parent)})" in text_of(chinese)
    assert f"[简体中文]({os.path.relpath(chinese, Path(english).parent)})" in text_of(english)


def test_what_one_needs_without_programming_is_there_in_chinese() -> None:
    assert {Path(chinese).name for _, chinese in PAIRS} >= {
        "README.zh-CN.md",
        *(f"{name}.md" for name in ("options", "models", "settings", "privacy", "command-line")),
    }
