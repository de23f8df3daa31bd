"""Apps with settings of their own in one process, each obeying its own; once made, none asks the environment."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.testclient import TestClient

from pipeline.base.settings import ROOT, Settings
from pipeline.inference.cache import FOLDER
from server.app import ServedApp
from server.settings import ServerSettings
from tests.pictures import encoded

Client = Callable[..., TestClient]
NOISE = encoded(np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8))  # no format makes that smaller
OVERHEAD = 1 << 16  # of a form


def post(client: TestClient, data: bytes, **fields: str) -> httpx.Response:
    return client.post("/api/remove-bg", files={"image": ("photo.png", data)}, data=fields)


def models(client: TestClient) -> dict[str, Any]:
    return {model["name"]: model for model in client.get("/api/models").json()}


@pytest.fixture
def folders(tmp_path: Path, u2netp: Path) -> tuple[Path, Path]:
    """A models folder that holds the default model, and one that holds nothing."""
    full, empty = tmp_path / "full", tmp_path / "empty"
    for folder in (full, empty):
        folder.mkdir()
    shutil.copy(u2netp, full)
    return full, empty


def test_each_app_has_the_models_of_its_own_folder(
    client_for: Client, folders: tuple[Path, Path], jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARCUT_MODELS_DIR", str(folders[1]))  # not what the first app was given
    full = client_for(models_dir=folders[0])
    empty = client_for(models_dir=folders[1])
    for _ in range(2):
        assert models(full)["u2netp"]["installed"] and not models(empty)["u2netp"]["installed"]
        assert post(full, jpeg).status_code == 200
        answer = post(empty, jpeg)
        assert (answer.status_code, answer.json()["code"]) == (409, "model_missing")
    shutil.copy(folders[0] / "u2netp.onnx", folders[1])
    assert post(empty, jpeg).content == post(full, jpeg).content
    assert full.delete("/api/models/u2netp").status_code == 204
    assert post(full, jpeg).status_code == 409
    assert post(empty, jpeg).status_code == 200
    assert not (folders[0] / "u2netp.onnx").exists() and (folders[1] / "u2netp.onnx").exists()


def test_each_app_has_its_own_default_model(client_for: Client, own_models: Path, enter: Any, jpeg: bytes) -> None:
    enter("mine", own_models / "u2netp.onnx", kind="u2net")
    first, second = client_for(models_dir=own_models), client_for(models_dir=own_models, model="mine")
    for client, name in ((first, "u2netp"), (second, "mine")):
        assert [each["name"] for each in models(client).values() if each["default"]] == [name]
        assert post(client, jpeg).headers["x-model"] == name
        form = client.get("/api/openapi.json").json()["paths"]["/api/remove-bg"]["post"]["requestBody"]["content"]
        assert form["multipart/form-data"]["schema"]["properties"]["model"]["default"] == name
    assert post(second, jpeg, model="u2netp").headers["x-model"] == "u2netp"


def test_each_app_has_its_own_limits(client_for: Client) -> None:
    wide, narrow = client_for(max_mb=30), client_for(max_mb=0.1)
    assert len(NOISE) > 100_000 + OVERHEAD
    for _ in range(2):
        assert post(wide, NOISE).status_code == 200
        answer = post(narrow, NOISE)
        assert (answer.status_code, answer.json()["code"], answer.json()["facts"]["limit"]) == (413, "too_large", 0.1)
    few = client_for(max_megapixels=0.1)
    assert post(few, NOISE).json()["code"] == "too_many_pixels"
    assert post(wide, NOISE).status_code == 200


def test_each_app_keeps_predictions_as_it_was_told_to(
    apps: Callable[..., ServedApp], client_for: Client, tmp_path: Path, jpeg: bytes
) -> None:
    told: dict[str, dict[str, Any]] = {
        "on": {"cache_dir": tmp_path / "on"},
        "off": {"cache_dir": tmp_path / "off", "cache": False},
        "other": {"cache_dir": tmp_path / "other"},
    }
    answers = {name: [post(client_for(**given), jpeg) for _ in range(2)] for name, given in told.items()}
    assert len({answer.content for both in answers.values() for answer in both}) == 1
    measured = {name: apps(**given).runtime.predictions.measure() for name, given in told.items()}
    assert {name: (each.entries, each.hits) for name, each in measured.items()} == {
        "on": (1, 1),
        "off": (0, 0),
        "other": (1, 1),
    }
    assert client_for(**told["on"]).delete("/api/cache").status_code == 204
    assert apps(**told["on"]).runtime.predictions.measure().entries == 0
    assert apps(**told["other"]).runtime.predictions.measure().entries == 1
    assert (tmp_path / "on" / FOLDER).is_dir() and not (tmp_path / "off" / FOLDER).exists()


def test_apps_share_no_network_slot_or_speed(apps: Callable[..., ServedApp], client_for: Client, jpeg: bytes) -> None:
    one, two = {"slots": 1, "pool_mb": 500}, {"slots": 3, "pool_mb": 600}
    assert post(client_for(**one), jpeg).status_code == 200
    first, second = apps(**one).runtime, apps(**two).runtime
    assert (first.slots.places, second.slots.places) == (1, 3)
    assert (first.settings.pool_mb, second.settings.pool_mb) == (500, 600)
    assert first.speeds.find_median("u2netp") and second.speeds.find_median("u2netp") is None
    assert len({id(each) for each in (first.pool, second.pool, first.predictions, second.predictions)}) == 4


# ---- the environment -------------------------------------------------------------------------------------------------


BLIND = """
import json, os, sys
from pathlib import Path
from starlette.testclient import TestClient
from server.app import create_app
from server.settings import ServerSettings

class Silent(dict):
    '''An environment of which nobody may ask what the project's variables are.'''
    def check(self, name):
        if str(name).startswith("CLEARCUT_"):
            raise AssertionError(f"{name} was looked at")
        return name
    def __getitem__(self, name):
        return super().__getitem__(self.check(name))
    def get(self, name, default=None):
        return super().get(self.check(name), default)
    def __contains__(self, name):
        return super().__contains__(self.check(name))

given = json.loads(sys.argv[1])
served = create_app(ServerSettings(**given), Path(given["cache_dir"]))
names = ["CLEARCUT_" + name.upper() for name in ServerSettings.model_fields]
os.environ = Silent({**os.environ, **dict.fromkeys(names, "nonsense")})
for name in names[:1]:
    try:
        os.getenv(name)
    except AssertionError:
        break
    raise SystemExit("this test looks at nothing")
client = TestClient(served.app, base_url="http://localhost:7860")
photo = Path(sys.argv[2]).read_bytes()
def post(**fields):
    return client.post("/api/remove-bg", files={"image": ("photo.jpg", photo)}, data=fields)
answers = [
    client.get("/healthz"),
    client.get("/"),
    client.get("/api/models"),
    client.get("/api/openapi.json"),
    post(),
    post(model="u2netp", feather="3", background="blur", format="zip"),
    post(model="nosuch"),
    post(feather="1000"),
    client.post("/api/models/isnet-general-use/fetch"),
    client.delete("/api/models/isnet-general-use/fetch"),
    client.delete("/api/models/mediapipe-selfie"),
    client.put("/api/models/isnet-general-use/file", content=b"wrong"),
    client.delete("/api/cache"),
    client.get("/api/nothing"),
]
print(json.dumps([answer.status_code for answer in answers]))
"""


def test_once_it_is_made_an_app_asks_nothing_of_the_environment(
    own_models: Path, u2netp: Path, tmp_path: Path, jpeg: bytes
) -> None:
    (tmp_path / "photo.jpg").write_bytes(jpeg)
    given = {"models_dir": str(own_models), "cache_dir": str(tmp_path / "cache"), "offline": True}
    bare = {name: value for name, value in os.environ.items() if not name.startswith("CLEARCUT_")}
    command = [sys.executable, "-c", BLIND, json.dumps(given), str(tmp_path / "photo.jpg")]
    done = subprocess.run(command, cwd=ROOT, env=bare, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    wanted = [200, 200, 200, 200, 200, 200, 422, 422, 202, 204, 204, 409, 204, 404]
    assert json.loads(done.stdout.splitlines()[-1]) == wanted
    assert "was looked at" not in done.stderr


def test_settings_of_a_server_are_those_of_the_pipeline_and_more() -> None:
    assert set(Settings.model_fields) < set(ServerSettings.model_fields)
    assert ServerSettings.read({}) == ServerSettings()
