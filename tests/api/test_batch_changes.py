"""Photos of a batch, changed: strokes, trimaps and pictures behind; the bytes of a single photo with the same files."""

import base64
import json
import os
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from pipeline import cut_out_bytes
from server.app import ServedApp, create_app
from server.settings import ServerSettings
from tests.api.visitors import PHOTOS, Visitor
from tests.pictures import composite, encoded, opened

ALPHA = composite(96, 72).alpha
TRIMAP = encoded(np.repeat(np.where((ALPHA > 0) & (ALPHA < 255), np.uint8(128), ALPHA)[..., None], 3, 2))
WALL, SKY = (encoded(composite(50, 50, seed=seed).rgb) for seed in (8, 9))
STROKE = {"kind": "keep", "radius": 6, "exact": True, "points": [[9, 8]]}
DRAWN = {"version": 1, "size": [96, 72], "strokes": [STROKE]}
MARKS = json.dumps(DRAWN).encode()
DO_NOT_FIT: list[tuple[dict[str, object], str]] = [
    ({"marks": {"version": 1}}, "bad_marks"),
    ({"marks": 7}, "bad_request"),
    ({"trimap": "dear diary"}, "not_a_picture"),
    ({"background_image": base64.b64encode(b"dear diary").decode()}, "not_a_picture"),
    ({"options": {"background": "image"}}, "no_background"),
    ({"options": {"feather": "soft"}, "marks": DRAWN}, "bad_option"),
    ({"state": "paused"}, "bad_request"),
]


@pytest.fixture
def id(visitor: Visitor) -> str:
    """A batch that is done."""
    id = visitor.begin(PHOTOS)
    visitor.until_done(id)
    return id


def find_uploads(served: ServedApp, id: str) -> list[str]:
    photos = served.batches.settings.batches_dir / id / "photos"
    return sorted(path.name for path in photos.rglob("*") if path.is_file())


def test_strokes_are_worked_into_their_photo_alone_and_stay_with_it(
    visitor: Visitor, served: ServedApp, id: str
) -> None:
    path = f"/api/batches/{id}/items/{visitor.items(id)['1.png']['number']}"
    answer = visitor.client.patch(path, json={"marks": DRAWN})
    assert answer.json()["state"] in ("waiting", "working")
    visitor.until_done(id)
    marked = cut_out_bytes(PHOTOS["1.png"], marks=MARKS)
    assert visitor.archive(id) == {name: cut_out_bytes(data) for name, data in PHOTOS.items()} | {"1.png": marked}
    assert visitor.client.get("/" + visitor.items(id)["1.png"]["beside"]["marks"]["url"]).json() == DRAWN
    visitor.client.patch(path, json={"options": {"format": "webp"}})
    visitor.client.patch(f"/api/batches/{id}", json={"options": {"feather": 2}})
    visitor.until_done(id)
    assert visitor.archive(id)["1.webp"] == cut_out_bytes(PHOTOS["1.png"], marks=MARKS, feather=2, format="webp")
    visitor.client.patch(path, json={"marks": None, "options": {}})
    visitor.until_done(id)
    assert visitor.archive(id)["1.png"] == cut_out_bytes(PHOTOS["1.png"], feather=2)
    assert find_uploads(served, id) == sorted(PHOTOS)


def test_a_trimap_takes_the_place_of_the_model(visitor: Visitor, id: str) -> None:
    path = f"/api/batches/{id}/items/1"
    assert visitor.client.patch(path, files={"trimap": ("t.png", TRIMAP)}).status_code == 200
    visitor.until_done(id)
    assert visitor.archive(id)["0.png"] == cut_out_bytes(PHOTOS["0.png"], trimap=TRIMAP)


def look(files: dict[str, bytes]) -> dict[str, bytes]:
    """The pixels of pictures, however their files are packed."""
    return {name: opened(data).tobytes() for name, data in files.items()}


def test_the_picture_behind_one_photo_or_all_can_be_exchanged(visitor: Visitor, served: ServedApp) -> None:
    first = visitor.client.post("/api/batches", files={"background_image": ("wall.png", WALL)})
    id = first.json()["id"]
    visitor.add(id, PHOTOS)
    visitor.until_done(id)
    own = {"options": json.dumps({"background": "image"})}
    visitor.client.patch(f"/api/batches/{id}/items/1", data=own, files={"background_image": ("sky.png", SKY)})
    visitor.until_done(id)
    behind = {name: cut_out_bytes(data, WALL) for name, data in PHOTOS.items()}
    assert look(visitor.archive(id)) == look(behind | {"0.png": cut_out_bytes(PHOTOS["0.png"], SKY)})
    text = "data:image/png;base64," + base64.b64encode(SKY).decode()
    status = visitor.client.patch(f"/api/batches/{id}", json={"background_image": text}).json()
    assert visitor.client.get("/" + status["background_image"]["url"]).content == SKY
    visitor.until_done(id)
    assert look(visitor.archive(id)) == look({name: cut_out_bytes(data, SKY) for name, data in PHOTOS.items()})
    visitor.client.patch(f"/api/batches/{id}", json={"background_image": None})
    visitor.until_done(id)
    assert visitor.archive(id)["1.png"] == cut_out_bytes(PHOTOS["1.png"])
    assert visitor.status(id)["background_image"] is None
    assert "wall.png" not in find_uploads(served, id)


def test_changes_that_do_not_fit_are_refused_and_change_nothing(visitor: Visitor, served: ServedApp, id: str) -> None:
    before = visitor.items(id), find_uploads(served, id)
    for changes, code in DO_NOT_FIT:
        answer = visitor.client.patch(f"/api/batches/{id}/items/1", json=changes)
        assert answer.json()["code"] == code, changes
        assert (visitor.items(id), find_uploads(served, id)) == before, changes


def test_what_went_with_a_photo_goes_with_it(visitor: Visitor, served: ServedApp, id: str) -> None:
    visitor.client.patch(f"/api/batches/{id}/items/1", json={"marks": DRAWN})
    visitor.client.delete(f"/api/batches/{id}/items/1")
    visitor.until_done(id)
    assert find_uploads(served, id) == ["1.png", "2.png", "3.png"]


def test_changes_outlive_the_server(u2netp: Path, tmp_path: Path) -> None:
    app, visitor = serve(tmp_path)
    id = visitor.begin({"0.png": PHOTOS["0.png"]})
    visitor.client.patch(f"/api/batches/{id}/items/1", json={"marks": DRAWN})
    visitor.client.patch(f"/api/batches/{id}", files={"background_image": ("sky.png", SKY)})
    app.batches.stop()
    app, visitor = serve(tmp_path)
    app.batches.recover()
    try:
        assert visitor.status(id)["background_image"]["name"] == "sky.png"
        visitor.until_done(id)
        assert visitor.archive(id) == {"0.png": cut_out_bytes(PHOTOS["0.png"], SKY, marks=MARKS)}
    finally:
        app.batches.stop()


def serve(folder: Path) -> tuple[ServedApp, Visitor]:
    app = create_app(ServerSettings.read(os.environ, batches_dir=folder))
    client = TestClient(app.app, base_url="http://localhost:7860", raise_server_exceptions=False)
    return app, Visitor(client)
