"""The page's own scripts: who imports whom, who knows Gradio, and how browsers come by the newest."""

import json
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from pipeline import LANGUAGES
from ui import PUBLIC, words
from ui.bridge import PRESSED

ROOT = PUBLIC.parent.parent
SCRIPTS = sorted(PUBLIC.rglob("*.js"))
IMPORT = re.compile(r'^(?:import|} from|export .* from)\b.*"(.+)";', re.MULTILINE)
GRADIO = re.compile(
    rf"""[Gg]radio|window\.(fetch|clearcut)\b|XMLHttpRequest\.prototype|/upload|type=["']?file|#input\b|DataTransfer\("""
    rf"""|["'`]#?({"|".join(PRESSED)}|message)["'`]"""
)
EVENTS = re.compile(r"\.(click|change|input|upload|load|then|select)\(|\bgr\.on\(|\bjs=")


def code(script: Path) -> str:
    """A script without its comments."""
    return re.sub(r"(^|\s)//.*|/\*.*?\*/", "", script.read_text("utf-8"))


def test_all_scripts_are_modules_of_one_folder() -> None:
    assert {script.parent for script in SCRIPTS} == {PUBLIC / "js"}
    assert "main" in {script.stem for script in SCRIPTS}


def test_no_id_stands_twice_on_the_page() -> None:
    ids = [
        id
        for part in sorted(PUBLIC.parent.glob("html/*.html"))
        for id in re.findall(r'\bid="([^"{]+)"', part.read_text("utf-8"))
    ]
    assert len(ids) > 200 and [id for id in ids if ids.count(id) > 1] == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    imports = {script.name: set(IMPORT.findall(script.read_text("utf-8"))) for script in SCRIPTS}
    assert all(name.startswith("./") for names in imports.values() for name in names), "relative, so with the version"
    graph = {script: {name.removeprefix("./") for name in names} for script, names in imports.items()}
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError
    assert sorted(order) == sorted(graph), "every module that is imported is there"
    assert order[-1] == "main.js"


def test_what_tells_gradio_apart_is_found_in_the_bridge() -> None:
    found = {match.group() for match in GRADIO.finditer(code(PUBLIC / "js" / "bridge.js"))}
    assert {"window.fetch", "window.clearcut", "/upload", "type=file", '"restore"', '"kept"'} <= found


@pytest.mark.parametrize(
    "script", [script for script in SCRIPTS if script.stem != "bridge"], ids=lambda path: path.stem
)
def test_only_the_bridge_knows_gradio(script: Path) -> None:
    assert not GRADIO.search(code(script))


@pytest.mark.parametrize("file", sorted((ROOT / "ui").glob("*.py")), ids=lambda path: path.stem)
def test_only_the_bridge_wires_events(file: Path) -> None:
    assert bool(EVENTS.search(file.read_text("utf-8"))) is (file.stem == "bridge")


def test_what_events_call_is_what_the_script_offers() -> None:
    called = set(re.findall(r"(?:clearcut\.|_once_there\(\")(\w+)\(", (ROOT / "ui" / "bridge.py").read_text("utf-8")))
    offered = code(PUBLIC / "js" / "bridge.js").partition("window.clearcut = {")[2].partition("\n  };")[0]
    assert called == set(re.findall(r"^    (\w+)[:,]", offered, re.MULTILINE))


@pytest.mark.parametrize("folder", ["assets/public", "assets/html", "ui", "server", "pipeline"])
def test_no_file_is_over_400_lines(folder: str) -> None:
    for file in (ROOT / folder).rglob("*.*"):
        if file.suffix in (".py", ".js", ".css", ".html"):
            assert len(file.read_text("utf-8").splitlines()) <= 400, file.name


def test_the_head_names_scripts_that_are_there_by_their_version() -> None:
    head = words.head({"evil": "</script><b>"})
    address = words.scripts_address()
    assert re.findall(r'<script type="module" src="(.+?)">', head) == [f"{address}/main.js"]
    assert set(re.findall(r'rel="modulepreload" href="(.+?)"', head)) == {f"{address}/{file.name}" for file in SCRIPTS}
    facts = json.loads(re.findall(r"window\.CLEARCUT = (.+?);window\.", head)[0])
    assert facts["evil"] == "</script><b>" and head.count("</script>") == 2
    assert facts["words"].keys() == set(LANGUAGES)


def test_another_script_has_another_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "PUBLIC", tmp_path)
    seen = set()
    for text in ("one", "two"):
        (tmp_path / "a.js").write_text(text)
        words.public_version.cache_clear()
        seen.add(words.scripts_address())
    words.public_version.cache_clear()
    assert len(seen) == 2
