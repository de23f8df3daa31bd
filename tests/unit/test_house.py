"""The rules of the house: who imports whom, words complete in every language, one path."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pipeline
import pipeline.preset
from pipeline.errors import KINDS
from pipeline.options import Options
from server.settings import ServerSettings

ROOT = Path(pipeline.__file__).parent.parent
ROOMS = (pipeline.__doc__ or "").partition("::")[2].split()
FLOORS = ["pipeline", "ui", "server", "webui"]
LOCALES = {path.stem: json.loads(path.read_text("utf-8")) for path in (ROOT / "assets" / "locale").glob("*.json")}


def imports(path: Path) -> set[str]:
    """Absolute names of the modules that a file of the project imports, whole or in part."""
    package = path.relative_to(ROOT).parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def rooms_of(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imports(path) if name.startswith("pipeline.")} & set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_rooms_below_it(room: str) -> None:
    place = ROOT / "pipeline" / room
    files = list(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    below = set(ROOMS[: ROOMS.index(room)])
    for file in files:
        assert rooms_of(file) - {room} <= below, f"{file.name} imports rooms above it"


def test_every_module_of_the_pipeline_is_a_room() -> None:
    files = [*(ROOT / "pipeline").glob("*.py"), *(ROOT / "pipeline").glob("*/__init__.py")]
    there = {path.parent.name if path.parent.name != "pipeline" else path.stem for path in files}
    assert there - {"__init__"} == set(ROOMS)


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_run_one_way_from_the_door_to_the_pipeline(floor: str) -> None:
    files = [ROOT / "webui.py"] if floor == "webui" else (ROOT / floor).rglob("*.py")
    above = set(FLOORS[FLOORS.index(floor) + 1 :])
    for file in files:
        assert not {name.split(".")[0] for name in imports(file)} & above, file


def test_the_pipeline_knows_neither_gradio_nor_fastapi() -> None:
    for file in (ROOT / "pipeline").rglob("*.py"):
        assert not {name.split(".")[0] for name in imports(file)} & {"gradio", "fastapi", "starlette", "uvicorn"}, file


@pytest.mark.parametrize("floor", ["ui", "server"])
def test_page_and_server_take_nothing_deeper_from_the_pipeline_than_its_surface(floor: str) -> None:
    for file in (ROOT / floor).rglob("*.py"):
        deeper = {name for name in imports(file) if re.match(r"pipeline\.\w+\.\w+", name)}
        assert not deeper, file
        assert not rooms_of(file) - set(dir(pipeline)) - set(pipeline._HOME), file


def test_importing_the_surface_loads_no_heavy_library() -> None:
    code = "import pipeline, sys; print({'numpy', 'cv2', 'onnxruntime', 'PIL', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_name_of_the_surface_is_there() -> None:
    for name in pipeline._HOME:
        assert getattr(pipeline, name) is not None


# ---- words -----------------------------------------------------------------------------------------------------------


def test_every_language_has_every_word() -> None:
    assert set(LOCALES) == set(pipeline.LANGUAGES)
    keys = {language: set(words) for language, words in LOCALES.items()}
    assert keys["en"] == keys["zh-CN"]


@pytest.mark.parametrize("key", LOCALES["en"])
def test_a_sentence_names_the_same_facts_in_every_language(key: str) -> None:
    facts = {language: set(re.findall(r"\{(\w+)\}", words[key])) for language, words in LOCALES.items()}
    # a label of the language switch speaks the other language; everything else says the same
    assert facts["en"] == facts["zh-CN"]
    assert all(words[key].strip() for words in LOCALES.values())


@pytest.mark.parametrize("code", KINDS)
def test_every_error_has_a_sentence(code: str) -> None:
    assert f"error.{code}" in LOCALES["en"]


def test_no_sentence_is_left_over() -> None:
    errors = {key.partition(".")[2] for key in LOCALES["en"] if key.startswith("error.")}
    assert errors == set(KINDS)


def test_every_word_of_the_page_is_used_and_every_used_word_is_there() -> None:
    sources = [*(ROOT / "assets" / "html").glob("*.html"), *(ROOT / "assets" / "public").rglob("*.js")]
    text = "\n".join(path.read_text("utf-8") for path in [*sources, *(ROOT / "ui").glob("*.py")])
    used = set(re.findall(r"""["'](page\.[\w.]+)["']""", text))
    there = {key for key in LOCALES["en"] if key.startswith("page.")}
    assert used <= there
    made = ("page.step.", "page.example.", "page.rights.", "page.group.")  # names that the script puts together
    assert {key for key in there - used if not key.startswith(made)} == set()


@pytest.mark.parametrize("name", pipeline.models())
def test_every_model_has_a_title_and_a_description(name: str) -> None:
    for words in LOCALES.values():
        assert words[f"model.{name}.title"] and words[f"model.{name}.about"]


@pytest.mark.parametrize(
    "prefix, model", [("option", Options), ("setting", ServerSettings)], ids=["options", "settings"]
)
def test_every_option_and_setting_has_its_words(prefix: str, model: type) -> None:
    for name in model.model_fields:  # type: ignore[attr-defined]
        assert f"{prefix}.{name}.help" in LOCALES["en"]


@pytest.mark.parametrize("name", [name for name in Options.model_fields if name not in ("model", "keep")])
def test_every_option_has_words_for_its_control_and_each_of_its_choices(name: str) -> None:
    field = Options.model_json_schema()["properties"][name]
    keys = [
        f"option.{name}.label",
        f"option.{name}.info",
        *(f"choice.{name}.{value}" for value in field.get("enum", ())),
    ]
    for words in LOCALES.values():
        assert all(words[key] for key in keys)


def test_every_preset_is_made_of_options_and_has_a_name() -> None:
    for name, values in pipeline.preset.presets().items():
        Options.of(**values)
        assert Options.of(preset=name) == Options.of(**values)
        assert all(f"preset.{name}" in words for words in LOCALES.values())


def test_the_project_names_no_path_of_a_machine_and_no_package_registry() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    hosts = ["pypi" + ".org", "files.python" + "hosted.org", "registry." + "npmjs", "deb." + "debian.org"]
    for file in listed.stdout.split():
        text = (ROOT / file).read_bytes().decode("utf-8", "ignore")
        assert not [word for word in (*hosts, "/work" + "/", "/root" + "/") if word in text], file


def test_running_a_network_reports_to_nobody(tmp_path: Path, u2netp: Path) -> None:
    """The inference engine's official builds keep a device identity and send events; ours must not even begin to."""
    code = "from pipeline import warm_up; warm_up('u2netp'); import time; time.sleep(1)"
    here = {"TMPDIR": str(tmp_path), "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **here}, check=True)
    assert list(tmp_path.iterdir()) == []
