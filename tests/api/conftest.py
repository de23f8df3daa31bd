"""A real app for each set of settings, and a real server process for what only a process can show."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from server.app import Served, create_app
from server.settings import ServerSettings
from tests.pictures import composite, encoded

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="session")
def jpeg() -> bytes:
    """A composite as a JPEG file."""
    return encoded(composite().rgb, "JPEG", quality=95)


@pytest.fixture(scope="session")
def apps() -> Callable[..., Served]:
    """The app for some settings, built once for each."""
    built: dict[str, Served] = {}

    def app(**settings: Any) -> Served:
        key = repr(sorted(settings.items()))
        if key not in built:
            built[key] = create_app(ServerSettings(**settings))
        return built[key]

    return app


@pytest.fixture
def client_for(apps: Callable[..., Served], u2netp: Path) -> Callable[..., TestClient]:
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


class Process:
    """``webui.py`` running for real on a free port."""

    def __init__(self, popen: "subprocess.Popen[str]", address: str, said: list[str]) -> None:
        self.popen, self.address, self.said = popen, address, said


@contextmanager
def serving(*flags: str, **environment: str) -> Iterator[Process]:
    """Start ``webui.py --port 0``, wait for its address, stop it as a service manager would."""
    env = {**os.environ, "LANG": "C.UTF-8", **environment}
    command = [sys.executable, "webui.py", "--port", "0", "--no-open", *flags]
    popen = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said: list[str] = []
    assert popen.stdout
    try:
        for line in popen.stdout:
            said.append(line.rstrip())
            if found := re.search(r"http://\S+", line):
                yield Process(popen, found.group(), said)
                break
        else:
            raise AssertionError(f"it did not start: {said}")
    finally:
        popen.send_signal(signal.SIGTERM)
        said.extend(popen.stdout.read().splitlines())
        popen.wait(20)
