"""``/api/live``: frames of a camera become mattes by a model for that, few at a time, and only where it is offered."""

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from server.app import ServedApp, create_app
from server.live import MOST
from server.settings import ServerSettings
from tests.pictures import encoded, photo

RATE = 6  # requests a minute, which frames are none of


@pytest.fixture
def served(u2netp: Path, tmp_path: Path) -> Iterator[ServedApp]:
    """A server that has the default model and, where it is at hand, the one for selfies."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / u2netp.name).symlink_to(u2netp)
    selfie = Path(os.environ.get("CLEARCUT_TEST_MODELS") or "nowhere", "mediapipe_selfie.onnx")
    if not selfie.is_file():
        pytest.skip("CLEARCUT_TEST_MODELS names no folder that holds mediapipe_selfie.onnx")
    (folder / selfie.name).symlink_to(selfie)
    app = create_app(ServerSettings.read(os.environ, models_dir=folder, rate=RATE))
    yield app
    app.live.stop()


def client_of(served: ServedApp) -> TestClient:
    return TestClient(served.app, base_url="http://localhost:7860", raise_server_exceptions=False)


def test_frames_of_a_camera_become_mattes_that_a_browser_cuts_out_with(served: ServedApp) -> None:
    client, frame = client_of(served), encoded(photo("astronaut"), "JPEG", quality=85)
    begun = client.post("/api/live")
    assert begun.status_code == 201 and begun.json()["model"] == "mediapipe-selfie"
    id = begun.json()["id"]
    for _ in range(RATE + 1):
        answer = client.post(f"/api/live/{id}/frames", content=frame)
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-live-model"] == "mediapipe-selfie" and answer.headers["cache-control"] == "no-store"
    matte = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert matte.shape == (512, 512, 2) and not matte[..., 0].any()
    assert matte[60:400, 180:260, 1].mean() > 240 and matte[:100, :60, 1].mean() < 15  # the astronaut; the wall
    smaller = client.post(f"/api/live/{id}/frames", content=encoded(photo("astronaut")[::2, ::2], "WEBP"))
    assert Image.open(io.BytesIO(smaller.content)).size == (256, 256)
    assert client.post(f"/api/live/{id}/frames", content=b"no picture").json()["code"] == "not_a_picture"
    assert client.post(f"/api/live/{id}/frames", content=bytes(2_000_000)).status_code == 413
    others = [client.post("/api/live") for _ in range(MOST)]
    assert [each.status_code for each in others] == [201] * (MOST - 1) + [429]
    assert client.delete(f"/api/live/{id}").status_code == 204
    assert client.post(f"/api/live/{id}/frames", content=frame).json()["code"] == "expired"


def test_a_camera_is_offered_on_ones_own_computer_and_elsewhere_only_where_that_is_said(
    client_for: Callable[..., TestClient],
) -> None:
    shared = {"host": "0.0.0.0", "public": True}
    own, others = client_for(), client_for(**shared)
    assert others.post("/api/live").json()["code"] == "live_off"
    assert "camera=(self)" in own.get("/").headers["permissions-policy"]
    assert "camera=()" in others.get("/").headers["permissions-policy"]
    assert ServerSettings(**shared, live=True).offers_live and not ServerSettings(live=False).offers_live
