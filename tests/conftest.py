"""Fixtures that every test may use: a clean environment, real weights, the pictures with ground truth."""

import hashlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import settings

from pipeline import prepare_process
from pipeline.base.errors import ClearcutError
from pipeline.base.machine import count_cores
from pipeline.base.settings import PREFIX
from pipeline.inference.pool import Speeds
from pipeline.registry import cards, catalog, fetching
from server import work
from tests import house
from tests.machines import THIS, Machine, pin, read_pinned
from tests.networks import TWO_ANSWERS

TEST_DATA = os.environ.get("CLEARCUT_TEST_DATA")
TEST_MODELS = os.environ.get("CLEARCUT_TEST_MODELS")
TEST_CASES = os.environ.get("CLEARCUT_TEST_CASES")
OF_TESTS = PREFIX + "TEST_"  # these stay: pytest-xdist starts its workers with the environment of this process
for name in [name for name in os.environ if name.startswith(PREFIX) and not name.startswith(OF_TESTS)]:
    del os.environ[name]  # the tests' own settings only, whatever this machine's are
settings.register_profile("ours", deadline=None)  # other programs may take the machine's time
settings.load_profile("ours")
os.environ["CLEARCUT_OPEN"] = "0"
os.environ["CLEARCUT_MODEL"] = "u2netp"  # whatever else has been fetched here; tests of "automatic" say so
os.environ["CLEARCUT_WORKERS"] = "1"  # of each server and batch: starting one costs more than most tests give it to do
os.environ["CLEARCUT_FETCH_AHEAD"] = "0"
os.environ["CLEARCUT_MEASURE"] = "0"  # no engine is timed while others are tested
CACHE_DIR = tempfile.TemporaryDirectory(prefix="clearcut-test-cache-")  # compiled networks stay for the next test
os.environ["CLEARCUT_CACHE_DIR"] = CACHE_DIR.name
os.environ["CLEARCUT_BATCHES_DIR"] = str(Path(CACHE_DIR.name, "batches"))
os.environ.pop("CI", None)  # for its sake two files that differ would be compared byte by byte, which takes minutes
signal.signal(signal.SIGINT, signal.default_int_handler)  # what starts in the background ignores it
prepare_process()
if (pinned := read_pinned(os.environ)) != THIS:
    pin(pinned, pytest.MonkeyPatch())
    work.CUTTER = "tests.cutter"  # the workers of servers, too


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: what waits for a page, an animation or a worker leaves its core to another."""
    return count_cores() + 1


WITH_WEIGHTS = {"u2netp", "isnet", "at_hand"}  # fixtures that hand out weights; whatever else does asks for them


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that is handed weights, so that ``-m "not weights"`` runs those that need none."""
    for item in items:
        if WITH_WEIGHTS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.weights)


@pytest.fixture(autouse=True)
def fresh_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """No prediction of another test is in the cache, no speed is known; a call without a runtime has this one."""
    runtime = house.runtime()
    runtime.forget()
    runtime.speeds = Speeds()
    for module in ("pipeline.cutout", "pipeline.inference.runtime"):
        monkeypatch.setattr(f"{module}.default_runtime", house.runtime)


@pytest.fixture
def on_machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Take this machine for another in this test: ``on_machine(MACHINES[…])``, or ``on_machine(features=…, cores=…,
    providers=…)`` (of onnxruntime) for facts alone. Processes that the test starts do not know of it.
    """

    def put(known: Machine = THIS, **facts: Any) -> None:
        pin(known._replace(**facts), monkeypatch)

    return put


def _fetched(model: str) -> Path:
    try:
        return fetching.fetch_network(house.card(model), house.settings())
    except ClearcutError as error:
        pytest.skip(f"the weights of {model} could not be fetched: {error}")


@pytest.fixture(scope="session")
def u2netp() -> Path:
    """The default model's file, really fetched if it is not in the models folder yet."""
    return fetching.fetch_network(house.card("u2netp"), house.settings())


@pytest.fixture(scope="session")
def isnet() -> Path:
    """The second model's file; skips where it cannot be had."""
    return _fetched("isnet-general-use")


@pytest.fixture
def truth() -> Path:
    """The folder of pictures with ground truth (``CLEARCUT_TEST_DATA``); skips where there is none."""
    if not TEST_DATA or not Path(TEST_DATA).is_dir():
        pytest.skip("CLEARCUT_TEST_DATA names no folder: no pictures with ground truth here")
    return Path(TEST_DATA)


@pytest.fixture
def case() -> Callable[[str], bytes]:
    """A file that once went wrong, by name, from the folder ``CLEARCUT_TEST_CASES``; skips where it is not."""

    def read(file: str) -> bytes:
        if not TEST_CASES or not (Path(TEST_CASES) / file).is_file():
            pytest.skip(f"CLEARCUT_TEST_CASES names no folder that holds {file}")
        return (Path(TEST_CASES) / file).read_bytes()

    return read


@pytest.fixture
def at_hand() -> Callable[[str], Path]:
    """A weight file that only development has, by name, from the folder ``CLEARCUT_TEST_MODELS``."""

    def find(file: str) -> Path:
        if not TEST_MODELS or not (Path(TEST_MODELS) / file).is_file():
            pytest.skip(f"CLEARCUT_TEST_MODELS names no folder that holds {file}")
        return Path(TEST_MODELS) / file

    return find


@pytest.fixture
def empty_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder with nothing in it, in force for this test."""
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("CLEARCUT_MODELS_DIR", str(folder))
    return folder


@pytest.fixture
def own_models(empty_models: Path, u2netp: Path) -> Path:
    """A models folder of this test's own that holds the default model."""
    shutil.copyfile(u2netp, empty_models / u2netp.name)
    return empty_models


@pytest.fixture
def enter(empty_models: Path) -> Callable[..., cards.Card]:
    """Enter networks into the user's catalogue of this test's own models folder.

    ``enter(name, content, kind=…, **row)`` for a network, its content bytes or a file; ``enter(name, members=…,
    weights=…, **row)`` for several in one.
    """
    rows: dict[str, dict[str, Any]] = {}

    def put(name: str, content: bytes | Path = b"", /, **row: Any) -> cards.Card:
        if "kind" in row:
            data = content if isinstance(content, bytes) else content.read_bytes()
            (empty_models / f"{name}.onnx").write_bytes(data)
            variant = {"file": f"{name}.onnx", "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            facts = {"license": "MIT", "license_url": "", "homepage": "", "commercial_use": "yes", "memory_mb": 100}
            row = {**facts, "variants": [variant], **row}
        rows[name] = {"good_for": ["own"], **row}
        write_catalog(empty_models / catalog.LOCAL, tomli_w.dumps(rows))
        return house.card(name)

    return put


def write_catalog(path: Path, text: str) -> None:
    """Write a user's catalogue so that it is newer than before, however coarse the clock of the disk is."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text, encoding="utf-8")
    changed = max(time.time_ns(), before + 2_000_000_000)
    os.utime(path, ns=(changed, changed))


@pytest.fixture
def two_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a network with two outputs, beside a cache folder that is the test's own."""
    monkeypatch.setenv("CLEARCUT_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "two.onnx").write_bytes(TWO_ANSWERS)
    return tmp_path / "two.onnx"
