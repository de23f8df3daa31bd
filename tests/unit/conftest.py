"""Fixtures for what weight files go through, and folders to run commands in."""

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.base.settings import ROOT
from pipeline.commands.command_line import main
from pipeline.inference.sessions import Session
from pipeline.registry import catalog
from tests.command_line import PNG, Ended
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


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, u2netp: Path) -> None:
    """An empty folder to run ``clearcut batch`` in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def photo_desk(desk: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a photo to run the command line in."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    Path("photo.png").write_bytes(PNG)


@pytest.fixture
def cli(capfdbinary: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """Call the command line in this process."""

    def call(*arguments: str, stdin: bytes = b"") -> Ended:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        try:
            code = main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capfdbinary.readouterr()
        return Ended(code, out, err.decode())

    return call


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the networks that ran, one for each run."""
    names: list[str] = []
    run = Session.run

    def counted(self: Session, *given: Any) -> list[np.ndarray]:
        names.append(self.card.name)
        return run(self, *given)

    monkeypatch.setattr(Session, "run", counted)
    return names
