"""What the project does to its own process: nothing by being imported, and what its doors ask for, once."""

import ast
import json
import os
import pkgutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import pipeline
from pipeline.base.process import KEPT_BYTES, QUIET, make_command
from pipeline.base.settings import ROOT

DOORS = {"pipeline.__main__"}  # to import one is to start it
MODULES = ["pipeline", *(each.name for each in pkgutil.walk_packages(pipeline.__path__, "pipeline."))]
FILES = [ROOT / "webui.py", *(file for floor in ("pipeline", "server", "ui") for file in (ROOT / floor).rglob("*.py"))]
CHANGES = {"setdefault", "update", "pop", "popitem", "clear", "__setitem__", "__delitem__", "__ior__"}
WRITES = {  # every change of the environment that there is
    "pipeline/base/process.py": [  # the last three put it back as it was
        "os.environ.update(QUIET)",
        "os.environ.update(QUIET)",
        "del os.environ[variable]",
        "os.environ[variable] = value",
    ],
    "pipeline/base/worker.py": ["os.environ.update(dict.fromkeys(THREADS, str(cores)))"],
    "pipeline/__main__.py": ["os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')"],
    "pipeline/commands/serve.py": ["os.environ.clear()", "os.environ.update(environ)"],  # each is that of who asks
    "server/serve.py": ["os.environ['GRADIO_TEMP_DIR'] = str(folder / 'uploads')"],
}
READS = {  # the doors, which read it once: of a program that made no runtime, of the command line, of the page
    "pipeline/base/process.py",  # only to put back what it has changed
    "pipeline/inference/runtime.py",
    "pipeline/commands/command_line.py",
    "pipeline/base/resident.py",  # to hand it over
    "pipeline/commands/serve.py",  # to put it back
    "server/cluster.py",  # of a replica
    "webui.py",
}


def is_environ(node: ast.AST) -> bool:
    """Whether it is the environment of this process: ``os.environ``, ``os.environb``, or either by its bare name."""
    name = ast.unparse(node)
    return name in ("os.environ", "os.environb") or (isinstance(node, ast.Name) and name in ("environb", "_environ"))


def find_writes(tree: ast.AST) -> Iterator[ast.AST]:
    """Each statement or call that changes the environment of this process."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Delete):
            targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else [node.target]
            inside = [each for target in targets for each in ast.walk(target)]
            if any(is_environ(each) for each in inside):
                yield node
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = node.func.attr
            if name in ("putenv", "unsetenv") or (name in CHANGES and is_environ(node.func.value)):
                yield node


def find_reads(tree: ast.AST) -> bool:
    """Whether a file looks at the environment of this process at all."""
    writes = {each for write in find_writes(tree) for each in ast.walk(write)}
    others = [node for node in ast.walk(tree) if node not in writes]
    getters = [node for node in others if isinstance(node, ast.Attribute | ast.Name)]
    names = [node.attr if isinstance(node, ast.Attribute) else node.id for node in getters]
    return any(is_environ(node) for node in others) or bool({"getenv", "getenvb"} & set(names))


def of_os(tree: ast.AST) -> set[str]:
    """What a file imports from ``os`` by name."""
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "os"]
    return {alias.name for node in froms for alias in node.names}


def test_the_environment_is_changed_in_the_places_that_are_listed_alone() -> None:
    found = defaultdict(list)
    for file in FILES:
        for node in find_writes(ast.parse(file.read_text("utf-8"))):
            found[str(file.relative_to(ROOT))].append(ast.unparse(node))
    assert found == WRITES


def test_the_environment_is_read_at_the_doors_alone() -> None:
    trees = {str(file.relative_to(ROOT)): ast.parse(file.read_text("utf-8")) for file in FILES}
    assert {name for name, tree in trees.items() if find_reads(tree)} == READS
    assert not [name for name, tree in trees.items() if of_os(tree) & {"environ", "environb", "getenv", "putenv"}]


@pytest.mark.parametrize(
    "code",
    [
        "os.environ['A'] = 'b'",
        "os.environ |= {}",
        "del os.environ['A']",
        "a, os.environ['A'] = b",
        "os.environ = {}",
        "os.environ.setdefault('A', 'b')",
        "os.environ.update(a)",
        "os.putenv('A', 'b')",
        "os.environ.pop('A')",
    ],
)
def test_this_search_would_find_a_change(code: str) -> None:
    assert list(find_writes(ast.parse(code)))


@pytest.mark.parametrize(
    "code", ["os.environ['A']", "os.getenv('A')", "dict(os.environ)", "{**os.environ}", "f(os.environ)"]
)
def test_this_search_would_find_a_look(code: str) -> None:
    assert find_reads(ast.parse(code)) and not list(find_writes(ast.parse(code)))


LOOK = """
import ctypes, gc, importlib, json, logging, os, signal, sys, threading, warnings
from contextlib import suppress

def import_all(names):
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:  # a package of development, or for another machine
            if (error.name or "").startswith("pipeline"):
                raise

def look():
    from PIL import Image
    return {
        "environ": dict(os.environ),
        "picture": Image.MAX_IMAGE_PIXELS,
        "warnings": [str(each) for each in warnings.filters],
        "absent": sorted(name for name, module in sys.modules.items() if module is None),
        "garbage": gc.get_threshold(),
        "threads": sorted(each.name for each in threading.enumerate()),
        "path": sys.path,
        "folder": os.getcwd(),
        "signals": [str(signal.getsignal(each)) for each in signal.valid_signals()],
        "limits": sys.getrecursionlimit(),
        "excepthook": str(sys.excepthook),
        "mallopt": allocated,
        "handlers": [str(each) for each in logging.getLogger("clearcut").handlers + logging.getLogger().handlers],
    }

class Watched(ctypes.CDLL):
    def __getattr__(self, name):
        if name != "mallopt":
            return super().__getattr__(name)
        return lambda *given: allocated.append(given)

allocated = []
ctypes.CDLL = Watched
"""
ONCE = """
import_all(json.loads(sys.argv[1]))
print(json.dumps([name for name, module in sys.modules.items() if module is not None]))
"""
AGAIN = """
modules, others = map(json.loads, sys.argv[1:3])
for name in others:  # what other people's packages do to the process is theirs
    with suppress(Exception):
        importlib.import_module(name)
before = json.dumps(look())
import_all(modules)
after = json.dumps(look())
from pipeline import prepare_process
prepare_process()
print(json.dumps([json.loads(before), json.loads(after), look()]))
"""


def ask(code: str, *given: list[str]) -> Any:
    command = [sys.executable, "-c", LOOK + code, *map(json.dumps, given)]
    bare = {name: value for name, value in os.environ.items() if name not in QUIET}  # this process is prepared already
    done = subprocess.run(command, cwd=ROOT, env=bare, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def looks() -> list[dict[str, Any]]:
    """A process before the pipeline is imported, after all of it is, and after `prepare_process`."""
    modules = [name for name in MODULES if name not in DOORS]
    assert len(modules) > 60
    loaded = ask(ONCE, modules)
    assert {"pipeline.stages", "pipeline.commands.command_line", "numpy", "cv2"} <= set(loaded)
    others = [name for name in loaded if name.partition(".")[0] not in ("pipeline", "__main__")]
    found: list[dict[str, Any]] = ask(AGAIN, modules, others)
    return found


def test_importing_every_module_of_the_pipeline_changes_nothing_in_the_process(looks: list[dict[str, Any]]) -> None:
    before, after, _ = looks
    assert {name: (before[name], after[name]) for name in before if before[name] != after[name]} == {}
    assert before["picture"] and before["mallopt"] == []


def test_preparing_the_process_changes_what_it_says(looks: list[dict[str, Any]]) -> None:
    _, before, after = looks
    assert after["picture"] is None
    assert after["environ"] == {**before["environ"], **QUIET} != before["environ"]
    (silent,) = [each for each in after["warnings"] if each not in before["warnings"]]
    assert "ignore" in silent and "PIL" in silent
    if sys.platform == "linux":
        assert {size for _, size in after["mallopt"]} == {KEPT_BYTES, KEPT_BYTES // 8}
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {"environ", "picture", "warnings", "absent", "mallopt"}


UNPREPARED = """
import os, sys
from pipeline.base.process import NOT_WANTED, import_quietly
before = dict(os.environ)
for name in {names}:
    import_quietly(name)
print(dict(os.environ) == before, [name for name in NOT_WANTED if name in sys.modules])
"""


@pytest.mark.parametrize("variable", [{}, {"ORT_DISABLE_TELEMETRY": "0"}], ids=["unset", "set otherwise"])
def test_engines_imported_into_anybodys_program_leave_no_trace_there(tmp_path: Path, variable: dict[str, str]) -> None:
    names = [name for name in ("openvino", "onnxruntime") if find_spec(name)]
    environment = {**os.environ, **variable, "HOME": str(tmp_path)}
    command = [sys.executable, "-c", UNPREPARED.format(names=names)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout == "True []\n", done.stderr
    assert list(tmp_path.iterdir()) == [], "OpenVINO's client keeps a name for its user there"


RACE = """
import sys, threading, time
sys.path.insert(0, {folder!r})
from pipeline.base.process import import_quietly
failures = []
def use():
    try:
        assert import_quietly("slow").whole
    except Exception as error:
        failures.append(repr(error))
threads = [threading.Thread(target=use) for _ in range(4)]
for thread in threads:
    thread.start()
    time.sleep(0.02)
for thread in threads:
    thread.join()
print(failures)
"""


def test_a_library_that_two_threads_want_at_once_is_whole_for_both(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(0.3)\nwhole = True\n")
    command = [sys.executable, "-c", RACE.format(folder=str(tmp_path))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize("variables", [{}, {"PYTHONSAFEPATH": "1"}], ids=["plain", "safe path"])
def test_a_module_of_the_pipeline_runs_by_itself_from_any_folder(tmp_path: Path, variables: dict[str, str]) -> None:
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "__init__.py").write_text("raise SystemExit('another pipeline')")
    environment = {**os.environ, **variables}
    command = make_command("pipeline", "--version")
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout == f"Clearcut {pipeline.__version__}\n", done.stderr
