"""How much a batch may take where others can reach the server, or where the owner says so."""

import io
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from server.app import create_app
from server.settings import ServerSettings
from tests.api.visitors import PHOTOS, Visitor
from tests.pictures import encoded

NOISE = encoded(np.random.default_rng(1).integers(0, 256, (200, 300, 3), np.uint8))  # 0.18 MB
FLAT = encoded(np.zeros((200, 300, 3), np.uint8), "BMP")  # as large, and next to nothing packed


@pytest.fixture
def serve(u2netp: Path, tmp_path: Path) -> Iterator[Callable[..., Visitor]]:
    """A visitor of a server with settings."""
    apps = []

    def serve(**settings: Any) -> Visitor:
        apps.append(create_app(ServerSettings.read(os.environ, batches_dir=tmp_path, **settings)))
        client = TestClient(apps[-1].app, base_url="http://localhost:7860", raise_server_exceptions=False)
        return Visitor(client)

    yield serve
    for app in apps:
        app.batches.stop()


def pack(files: dict[str, bytes]) -> bytes:
    """A TAR, compressed."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, data in files.items():
            about = tarfile.TarInfo(name)
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))
    return packed.getvalue()


def find_bytes(folder: Path, id: str) -> int:
    places = (folder / id / "photos", folder / id / "cutouts" / ".clearcut" / "unpacked")
    return sum(path.stat().st_size for place in places for path in place.rglob("*") if path.is_file())


def test_on_ones_own_machine_there_is_no_limit(serve: Callable[..., Visitor]) -> None:
    visitor = serve()
    status = visitor.status(visitor.begin())
    assert (status["limit"], status["limit_mb"], status["room"]) == (None, None, None)


def test_where_others_come_in_a_batch_has_limits_that_the_owner_can_change(serve: Callable[..., Visitor]) -> None:
    visitor = serve(host="0.0.0.0", public=True)
    status = visitor.status(visitor.begin())
    assert (status["limit"], status["limit_mb"], status["room"]) == (100, 1000, 1_000_000_000)
    visitor = serve(host="0.0.0.0", public=True, batch_photos=3, batch_mb=0.5)
    id = visitor.begin()
    answer = visitor.add(id, PHOTOS)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_photos")
    assert visitor.status(id)["room"] == 500_000


def test_more_than_there_is_room_for_is_refused_and_what_was_there_stays(
    serve: Callable[..., Visitor], tmp_path: Path
) -> None:
    visitor = serve(batch_mb=0.5)
    id = visitor.begin({"a.png": NOISE, "b.png": NOISE})
    room = visitor.status(id)["room"]
    assert room == 500_000 - 2 * len(NOISE)
    answer = visitor.add(id, {"c.png": NOISE})
    assert (answer.status_code, answer.json()["code"]) == (413, "batch_too_large")
    assert f"{room / 1e6:.1f} MB" in answer.json()["sentence"]
    assert list(visitor.items(id)) == ["a.png", "b.png"]
    assert find_bytes(tmp_path, id) == 2 * len(NOISE)
    visitor.until_done(id)
    visitor.client.delete(f"/api/batches/{id}/items/1")
    assert visitor.status(id)["room"] == 500_000 - len(NOISE)
    assert visitor.add(id, {"c.png": NOISE}).status_code == 200


def test_an_archive_that_would_take_more_unpacked_is_refused_and_leaves_nothing(
    serve: Callable[..., Visitor], tmp_path: Path
) -> None:
    visitor = serve(batch_mb=0.5)
    id = visitor.begin({"a.png": NOISE})
    answer = visitor.add(id, {"many.tar.gz": pack({f"{at}.bmp": FLAT for at in range(4)})})
    assert (answer.status_code, answer.json()["code"]) == (413, "archive_too_large")
    assert "many.tar.gz" in answer.json()["sentence"]
    assert find_bytes(tmp_path, id) == len(NOISE)
    assert visitor.add(id, {"one.tar.gz": pack({"0.bmp": FLAT})}).status_code == 200
    assert visitor.status(id)["room"] == 500_000 - find_bytes(tmp_path, id)
    visitor.until_done(id)
    assert sorted(visitor.archive(id)) == ["0.png", "a.png"]


def test_a_picture_behind_counts_too(serve: Callable[..., Visitor]) -> None:
    visitor = serve(batch_mb=0.3)
    id = visitor.begin({"a.png": NOISE})
    for path in (f"/api/batches/{id}", f"/api/batches/{id}/items/1"):
        answer = visitor.client.patch(path, files={"background_image": ("b.png", NOISE)})
        assert answer.json()["code"] == "batch_too_large"
