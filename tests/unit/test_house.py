"""The rules of the house: who imports whom, words complete in every language, one path."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

import pipeline
from pipeline.base.errors import ANSWERS
from pipeline.base.process import QUIET
from pipeline.options.options import Options
from server.settings import ServerSettings
from tests import house

ROOT = Path(pipeline.__file__).parent.parent
PIPELINE = ROOT / "pipeline"
STOREYS: dict[str, list[str]] = tomllib.loads((PIPELINE / "storeys.toml").read_text("utf-8"))
TOP = "top"  # whose modules stand in the pipeline's own folder
ROOMS = [(storey, room) for storey, rooms in STOREYS.items() for room in rooms]
SURFACE = set(pipeline._HOME) | {"__version__"}
FLOORS = ["pipeline", "ui", "server", "webui"]
LOCALES = {path.stem: json.loads(path.read_text("utf-8")) for path in (ROOT / "assets" / "locale").glob("*.json")}


def imports(path: Path) -> set[str]:
    """Absolute names of the modules that a file of the project imports, whole or in part."""
    return {name for _, names in statements(path) for name in names}


@cache
def statements(path: Path) -> list[tuple[str, list[str]]]:
    """Each import of a file: the module, empty where modules are imported whole, and what it brings; absolute names."""
    package, found = path.relative_to(ROOT).parts[:-1], []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.append(("", [alias.name for alias in node.names]))
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            found.append((module, [module, *(f"{module}.{alias.name}" for alias in node.names)]))
    return found


def room_of(name: str) -> tuple[str, str] | None:
    """The room in which an absolute name of the pipeline lies; of a whole storey, as its last; None for the surface."""
    home, *rest = name.split(".")
    assert home == "pipeline", name
    if rest and rest[0] in STOREYS.get(TOP, ()):
        return TOP, rest[0]
    if rest and rest[0] in STOREYS:
        storey = STOREYS[rest[0]]
        return rest[0], rest[1] if len(rest) > 1 and rest[1] in storey else "__init__"
    return None


def rooms_of(path: Path) -> set[tuple[str, str]]:
    """The rooms that a file of the pipeline takes something from."""
    found = set()
    for module, names in statements(path):
        ours = [name for name in names if name.split(".")[0] == "pipeline"]
        for name in ours:
            room = room_of(name)
            if name == module and any(room_of(each) != room for each in ours):
                continue  # `from . import room` takes the rooms, and nothing of the storey itself
            if room is None and name.removeprefix("pipeline.") not in ("pipeline", "__version__"):
                raise AssertionError(f"{path} takes {name} from the surface, on which nothing below it may stand")
            if room:
                found.add(room)
    return found


def files_of(storey: str, room: str) -> list[Path]:
    place = PIPELINE / room if storey == TOP else PIPELINE / storey / room
    return sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]


def below(storey: str, room: str) -> set[tuple[str, str]]:
    """All that a room may stand on; whole storeys too, where these are not its own."""
    return {*ROOMS[: ROOMS.index((storey, room))], *((each, "__init__") for each in list(STOREYS)[: order(storey)])}


def order(storey: str) -> int:
    return list(STOREYS).index(storey)


@pytest.mark.parametrize(("storey", "room"), ROOMS)
def test_a_room_imports_only_rooms_below_it(storey: str, room: str) -> None:
    for file in files_of(storey, room):
        above = rooms_of(file) - {(storey, room)} - below(storey, room)
        assert not above, f"{file.relative_to(ROOT)} imports rooms above it"


@pytest.mark.parametrize("storey", [storey for storey in STOREYS if storey != TOP])
def test_what_a_storey_hands_out_as_a_whole_is_its_own(storey: str) -> None:
    assert {found for found, _ in rooms_of(PIPELINE / storey / "__init__.py")} <= {storey}


def test_every_module_of_the_pipeline_is_a_room() -> None:
    folders = {path.parent.name for path in PIPELINE.glob("*/*.py")}
    assert folders == set(STOREYS) - {TOP}
    there = {(TOP, path.stem) for path in PIPELINE.glob("*.py")}
    there |= {(path.parent.name, path.stem) for path in PIPELINE.glob("*/*.py")}
    there |= {(path.parts[-3], path.parts[-2]) for path in PIPELINE.glob("*/*/__init__.py")}
    assert {each for each in there if each[1] not in ("__init__", "__main__")} == set(ROOMS)
    assert len(set(ROOMS)) == len(ROOMS)


def test_nobody_imports_the_front_door_of_the_command_line_and_it_stands_on_no_storey_alone() -> None:
    for floor in FLOORS[:-1]:
        for file in (ROOT / floor).rglob("*.py"):
            assert not any("__main__" in name.split(".") for name in imports(file)), file
    assert rooms_of(PIPELINE / "__main__.py") <= set(ROOMS)


def test_the_surface_is_told_to_type_checkers_as_it_loads() -> None:
    told = {}
    for module, names in statements(PIPELINE / "__init__.py"):
        if module.startswith("pipeline."):
            told |= {name.rpartition(".")[2]: module.removeprefix("pipeline.") for name in names[1:]}
    assert told == pipeline._HOME


@pytest.mark.parametrize("room", sorted(set(pipeline._HOME.values())))
def test_the_surface_is_made_of_rooms(room: str) -> None:
    assert room_of(f"pipeline.{room}") in ROOMS


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_run_one_way_from_the_door_to_the_pipeline(floor: str) -> None:
    files = [ROOT / "webui.py"] if floor == "webui" else (ROOT / floor).rglob("*.py")
    above = set(FLOORS[FLOORS.index(floor) + 1 :])
    for file in files:
        assert not {name.split(".")[0] for name in imports(file)} & above, file


def test_the_pipeline_knows_neither_gradio_nor_fastapi() -> None:
    for file in (ROOT / "pipeline").rglob("*.py"):
        assert not {name.split(".")[0] for name in imports(file)} & {"gradio", "fastapi", "starlette", "uvicorn"}, file


@pytest.mark.parametrize("floor", ["ui", "server", "webui"])
def test_page_and_server_take_nothing_deeper_from_the_pipeline_than_its_surface(floor: str) -> None:
    for file in [ROOT / "webui.py"] if floor == "webui" else (ROOT / floor).rglob("*.py"):
        taken = {name for name in imports(file) if name.split(".")[0] == "pipeline"}
        assert not taken - {"pipeline"} - {f"pipeline.{name}" for name in SURFACE}, file


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


def test_a_sentence_names_the_same_facts_in_every_language() -> None:
    for key in LOCALES["en"]:
        facts = {language: set(re.findall(r"\{(\w+)\}", words[key])) for language, words in LOCALES.items()}
        # a label of the language switch speaks the other language; everything else says the same
        assert facts["en"] == facts["zh-CN"], key
        assert all(words[key].strip() for words in LOCALES.values()), key


def test_every_error_has_a_sentence_and_no_sentence_is_left_over() -> None:
    errors = {key.partition(".")[2] for key in LOCALES["en"] if key.startswith("error.")}
    assert errors == set(ANSWERS)


def test_every_word_of_the_page_is_used_and_every_used_word_is_there() -> None:
    sources = [*(ROOT / "assets" / "html").glob("*.html"), *(ROOT / "assets" / "public").rglob("*.js")]
    text = "\n".join(path.read_text("utf-8") for path in [*sources, *(ROOT / "ui").glob("*.py")])
    used = set(re.findall(r"""["'](page\.[\w.]+)["']""", text))
    there = {key for key in LOCALES["en"] if key.startswith("page.")}
    assert used <= there
    batch = tuple(f"page.batch.{kind}." for kind in ("item", "state", "filter", "none"))
    video = ("page.video.format.", "page.video.for.")
    touch = ("page.touch.hint.", "page.touch.did.", "page.touch.picked.", "page.hand.hint.", "page.hand.label.")
    made = (
        "page.step.",
        "page.example.",
        "page.rights.",
        "page.group.",
        *batch,
        *video,
        *touch,
    )  # that the script puts together
    assert {key for key in there - used if not key.startswith(made)} == set()


@pytest.mark.parametrize("name", house.runtime().list_models())
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
    for name, values in pipeline.list_presets().items():
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
    code = (
        "from pipeline import default_runtime, prepare_process, warm_up; prepare_process();"
        "warm_up('u2netp', default_runtime()); import time; time.sleep(1)"
    )
    here = {"TMPDIR": str(tmp_path), "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    bare = {name: value for name, value in os.environ.items() if name not in QUIET}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=bare | here, check=True)
    assert list(tmp_path.iterdir()) == []
