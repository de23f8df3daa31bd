"""Fixtures for what weight files go through: a web server, a file of one's own, a catalogue of few models."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.registry import catalog
from tests.unit.test_sources import DATA, Site, serving


@pytest.fixture
def site() -> Iterator[Callable[..., Site]]:
    with serving() as start:
        yield start


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The user's own copy of the published file."""
    path = tmp_path / "own.onnx"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Let these be all the models that there are."""
    return lambda *cards: monkeypatch.setattr(
        catalog, "list_models", lambda settings: {each.name: each for each in cards}
    )
