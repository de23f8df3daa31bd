"""Marks and trimaps: the same bytes from HTTP, the command line, the page and the library; refusals in words."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.testclient import TestClient

from pipeline import Marks, cut_out_bytes
from pipeline.commands.command_line import main
from tests.api.test_guard import run_page_event, uploaded
from tests.pictures import composite, encoded, opened

DRAWN = {
    "version": 1,
    "size": [640, 480],
    "strokes": [
        {"kind": "keep", "radius": 9, "exact": True, "points": [[60, 60], [90, 60]]},
        {"kind": "erase", "radius": 12, "points": [[320, 250]]},
        {"kind": "unsure", "radius": 8, "points": [[470, 200], [470, 300]]},
        {"kind": "erase", "include": [[60, 60]]},
        {"kind": "keep", "box": [50, 40, 110, 80], "exclude": [[320, 250]]},
        {"kind": "keep", "include": [[70, 60]]},
    ],
}
MARKS = json.dumps(DRAWN).encode()
ALPHA = composite().alpha
BAND = np.where((ALPHA > 0) & (ALPHA < 255), np.uint8(128), ALPHA)
TRIMAP = encoded(np.repeat(BAND[..., None], 3, 2))


def send(client: TestClient, jpeg: bytes, data: dict[str, str] | None = None, **files: bytes) -> Any:
    parts = {"image": ("photo.jpg", jpeg), **{name: (name, each) for name, each in files.items()}}
    return client.post("/api/remove-bg", files=parts, data=data or {})


def test_marks_give_the_same_bytes_everywhere(
    client: TestClient, live: httpx.Client, jpeg: bytes, tmp_path: Path
) -> None:
    ours = cut_out_bytes(jpeg, marks=MARKS, model="u2netp")
    assert opened(ours)[60, 75, 3] == 255 and ours != cut_out_bytes(jpeg, model="u2netp")
    assert send(client, jpeg, marks=MARKS).content == ours
    assert send(client, jpeg, {"marks": MARKS.decode()}).content == ours
    (tmp_path / "photo.jpg").write_bytes(jpeg)
    (tmp_path / "marks.json").write_bytes(MARKS)
    made = tmp_path / "made.png"
    assert main(["cut", str(tmp_path / "photo.jpg"), "-o", str(made), "--marks", str(tmp_path / "marks.json")]) == 0
    assert made.read_bytes() == ours
    message = run_page_event(live, uploaded(live, jpeg, "photo.jpg"), "marked", marks=DRAWN)[-1]["output"]["data"][0]
    assert live.get("/" + message["download"] + message["file"]).content == ours


def test_the_page_is_told_of_marks_that_do_not_fit(live: httpx.Client, jpeg: bytes) -> None:
    photo, wrong = uploaded(live, jpeg, "photo.jpg"), DRAWN | {"size": [640, 481]}
    message = run_page_event(live, photo, "mismarked", marks=wrong)[-1]["output"]["data"][0]
    assert (message["state"], message["code"], message["facts"]["at"]) == ("error", "bad_marks", "size")


def test_a_trimap_with_marks_gives_the_same_bytes_everywhere(
    client: TestClient, live: httpx.Client, jpeg: bytes, tmp_path: Path
) -> None:
    ours = cut_out_bytes(jpeg, marks=MARKS, trimap=TRIMAP)
    assert opened(ours)[60, 75, 3] > 200 and ours != cut_out_bytes(jpeg, trimap=TRIMAP)
    assert send(client, jpeg, marks=MARKS, trimap=TRIMAP).content == ours
    files = {"photo.jpg": jpeg, "marks.json": MARKS, "trimap.png": TRIMAP}
    photo, marks, trimap = (str(tmp_path / name) for name in files)
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    assert main(["cut", photo, "-o", str(tmp_path / "made.png"), "--marks", marks, "--trimap", trimap]) == 0
    assert (tmp_path / "made.png").read_bytes() == ours
    given = uploaded(live, TRIMAP, "trimap.png")
    told = run_page_event(live, uploaded(live, jpeg, "photo.jpg"), "drawn", marks=DRAWN, trimap=given)
    message = told[-1]["output"]["data"][0]
    assert live.get("/" + message["download"] + message["file"]).content == ours
    saved = live.get("/" + message["trimap"]).content
    assert cut_out_bytes(jpeg, trimap=saved) == ours


def test_the_page_is_told_of_a_trimap_that_does_not_fit(live: httpx.Client, jpeg: bytes) -> None:
    photo = uploaded(live, jpeg, "photo.jpg")
    for data, code, part in (
        (encoded(np.full((48, 60, 3), 128, np.uint8)), "bad_trimap", None),
        (b"x", "not_a_picture", "trimap"),
    ):
        told = run_page_event(live, photo, code, trimap=uploaded(live, data, "trimap.png"))
        message = told[-1]["output"]["data"][0]
        assert (message["state"], message["code"], message["facts"].get("part")) == ("error", code, part)


def test_a_place_of_a_result_tells_what_a_click_there_would_do(live: httpx.Client, jpeg: bytes) -> None:
    message = run_page_event(live, uploaded(live, jpeg, "photo.jpg"), "pointed", marks=None)[-1]["output"]["data"][0]
    address = "/" + message["download"] + "pick"
    ball = live.get(address, params={"places": '{"include": [[320, 250]]}'}).json()
    assert ball["kind"] == "erase" and ball["area"].startswith("data:image/png;base64,")
    assert live.get(address, params={"places": '{"include": [[5, 5]]}'}).json() == {"kind": None, "area": None}
    for x in ("641", "-1", "NaN", "Infinity", '"x"'):
        outside = live.get(address, params={"places": f'{{"include": [[{x}, 5]]}}'})
        assert (outside.status_code, outside.json()["code"]) == (422, "bad_marks")
        assert "inside the photo" in outside.json()["sentence"]
    assert live.get("/results/nobody/pick", params={"places": '{"include": [[5, 5]]}'}).json()["code"] == "expired"


def test_a_trimap_needs_no_model_and_gives_the_same_bytes_everywhere(
    client: TestClient, jpeg: bytes, tmp_path: Path, empty_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARCUT_MODELS_DIR", str(empty_models))
    ours = cut_out_bytes(jpeg, trimap=TRIMAP)
    answer = send(client, jpeg, trimap=TRIMAP)
    assert answer.content == ours and answer.headers["X-Engine"] == "trimap"
    for name, data in {"photo.jpg": jpeg, "trimap.png": TRIMAP}.items():
        (tmp_path / name).write_bytes(data)
    made = tmp_path / "made.png"
    assert main(["cut", str(tmp_path / "photo.jpg"), "-o", str(made), "--trimap", str(tmp_path / "trimap.png")]) == 0
    assert made.read_bytes() == ours
    found = opened(ours)[..., 3]
    assert (found[BAND == 255] == 255).all() and (found[BAND == 0] == 0).all()
    assert np.abs(found.astype(int) - ALPHA)[BAND == 128].mean() < 40


@pytest.mark.parametrize("levels", [BAND[:, :600], np.where(BAND == 128, 255, BAND), np.full_like(BAND, 128)])
def test_a_trimap_of_another_shape_or_with_nothing_to_find_out_or_all_of_it_is_refused(
    client: TestClient, jpeg: bytes, levels: np.ndarray
) -> None:
    answer = send(client, jpeg, trimap=encoded(np.repeat(levels.astype(np.uint8)[..., None], 3, 2)))
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_trimap")
    assert "grey" in answer.json()["sentence"]


def test_marks_and_trimaps_that_are_none_are_refused(client: TestClient, jpeg: bytes) -> None:
    assert send(client, jpeg, marks=b"dear diary").json()["code"] == "bad_marks"
    assert send(client, jpeg, trimap=b"dear diary").json()["code"] == "not_a_picture"
    assert send(client, jpeg, {"trimap": "dear diary"}).json()["code"] == "not_a_picture"


def test_photo_background_and_trimap_each_as_large_as_allowed_and_many_marks_go_through(
    client_for: Callable[..., TestClient], jpeg: bytes
) -> None:
    limit = 1.0
    full = int(limit * 1e6)
    client = client_for(max_mb=limit)
    trimap, photo = TRIMAP + bytes(full - len(TRIMAP)), jpeg + bytes(full - len(jpeg))
    many = MARKS + b" " * (Marks.MOST_BYTES - len(MARKS))
    whole = send(client, photo, {"background": "image"}, background_image=photo, trimap=trimap, marks=many)
    assert whole.status_code == 200
    texts = {"image": photo, "trimap": trimap, "background_image": photo}
    written = {name: base64.b64encode(data).decode() for name, data in texts.items()}
    asked = written | {"background": "image", "marks": MARKS.decode()}
    assert client.post("/api/remove-bg", data=asked).content == whole.content
    more = send(client, photo, trimap=trimap + b"x")
    assert (more.status_code, more.json()["facts"]) == (413, {"megabytes": 1.0, "limit": limit})
