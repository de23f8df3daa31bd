"""Fixtures that every test may use: a clean environment, real weights, the pictures with ground truth."""

import os
import shutil
from pathlib import Path

import pytest

from pipeline import cache, catalog, runtime, weights
from pipeline.errors import ClearcutError
from pipeline.settings import PREFIX

TEST_DATA = os.environ.get("CLEARCUT_TEST_DATA")
TEST_MODELS = os.environ.get("CLEARCUT_TEST_MODELS")
for name in [name for name in os.environ if name.startswith(PREFIX)]:
    del os.environ[name]  # the tests' own settings only, whatever this machine's are
os.environ["CLEARCUT_OPEN"] = "0"


@pytest.fixture(autouse=True)
def fresh_state() -> None:
    """No prediction of another test is in the cache."""
    cache.CACHE.clear()


def _fetched(model: str) -> Path:
    card = catalog.card(model)
    try:
        return weights.fetch_network(card)
    except ClearcutError as error:
        pytest.skip(f"the weights of {model} could not be fetched: {error}")


@pytest.fixture(scope="session")
def u2netp() -> Path:
    """The default model's file, really fetched if it is not in the models folder yet."""
    return weights.fetch_network(catalog.card("u2netp"))


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
def empty_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder with nothing in it, in force for this test; sessions loaded before are dropped."""
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("CLEARCUT_MODELS_DIR", str(folder))
    runtime.POOL.clear()
    return folder


@pytest.fixture
def own_models(empty_models: Path, u2netp: Path) -> Path:
    """A models folder of this test's own that holds the default model."""
    shutil.copyfile(u2netp, empty_models / u2netp.name)
    return empty_models
