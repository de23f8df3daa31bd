"""A real app for each set of settings."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from server.app import ServedApp, create_app
from server.settings import ServerSettings
from tests.api.visitors import Visitor
from tests.pictures import composite, encoded
from tests.process import serving

WITH_WORKERS = 3  # apps that have worker processes at a time


@pytest.fixture(scope="session")
def jpeg() -> bytes:
    """A composite as a JPEG file."""
    return encoded(composite().rgb, "JPEG", quality=95)


@pytest.fixture(scope="session")
def apps() -> Iterator[Callable[..., ServedApp]]:
    """The app for some settings, built once for each; those used last keep their worker processes."""
    built: dict[ServerSettings, ServedApp] = {}

    def app(**given: Any) -> ServedApp:
        settings = ServerSettings.read(os.environ, **given)
        served = built.pop(settings, None) or create_app(settings)
        built[settings] = served
        for other in list(built.values())[:-WITH_WORKERS]:
            other.workers.close()
        return served

    yield app
    for each in built.values():
        each.workers.close()


@pytest.fixture
def client_for(apps: Callable[..., ServedApp], u2netp: Path) -> Callable[..., TestClient]:
    """A client of the app with some settings, at ``http://localhost:7860``."""

    def client(base_url: str = "http://localhost:7860", **settings: Any) -> TestClient:
        return TestClient(apps(**settings).app, base_url=base_url, raise_server_exceptions=False)

    return client


@pytest.fixture
def client(client_for: Callable[..., TestClient]) -> TestClient:
    """A client of the app as it is by default."""
    return client_for()


@pytest.fixture(scope="session")
def live(u2netp: Path) -> Iterator[httpx.Client]:
    """A client of a real server process."""
    with serving() as process, httpx.Client(base_url=process.address, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def served(u2netp: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApp]:
    """A server with batches of its own."""
    folder = tmp_path_factory.mktemp("batches")
    app = create_app(ServerSettings.read(os.environ, batches_dir=folder, max_mb=1))
    yield app
    app.batches.stop()
    app.workers.close()


@pytest.fixture
def visitor(served: ServedApp) -> Visitor:
    """Who has no batch yet."""
    return Visitor(TestClient(served.app, base_url="http://localhost:7860", raise_server_exceptions=False))
