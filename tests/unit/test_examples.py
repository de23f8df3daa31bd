"""The examples in docstrings do what they say."""

import doctest
import pkgutil
import socket
from importlib import import_module

import pytest

import pipeline
import server

DOORS = {"pipeline.__main__"}  # to import one is to start it
MODULES = [
    name
    for package in (pipeline, server)
    for name in (
        package.__name__,
        *(each.name for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")),
    )
    if name not in DOORS
]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can be asked for anything."""

    def refuse(*_: object) -> None:
        raise AssertionError("an example went to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_do_what_they_say(name: str) -> None:
    assert doctest.testmod(import_module(name)).failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = {name: sum(len(test.examples) for test in finder.find(import_module(name))) for name in MODULES}
    assert len(MODULES) > 60 and sum(found.values()) > 10
    assert any(number for name, number in found.items() if name.startswith("server."))
