"""One `Options`, many faces: each field does the same over HTTP, on the command line, on the page, in the library."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.testclient import TestClient

from pipeline import Options, cut_out_bytes
from pipeline.commands.command_line import main
from tests.api.test_guard import page_controls, run_page_event, uploaded
from tests.options import NEEDED, WITHOUT_EFFECT_HERE, other_than_default
from tests.pictures import encoded

WALL = encoded(np.full((60, 80, 3), (10, 120, 200), np.uint8))
NAMES = [name for name in Options.model_fields if name not in ("model", "keep")]  # which tests of models walk


def wall_for(fields: dict[str, Any]) -> bytes | None:
    return WALL if fields.get("background") == "image" else None


def asked_for(name: str) -> dict[str, Any]:
    return {**NEEDED.get(name, {}), name: other_than_default(name)}


@pytest.mark.parametrize("name", NAMES)
def test_every_option_does_the_same_over_http_on_the_command_line_and_in_the_library(
    client: TestClient, jpeg: bytes, name: str, tmp_path: Path
) -> None:
    fields = asked_for(name)
    flags = []
    for each, given in fields.items():
        flag = each.replace("_", "-")
        flags += [f"--{flag}"] if given is True else [f"--no-{flag}"] if given is False else [f"--{flag}", str(given)]
    photo, made, files = tmp_path / "photo.jpg", tmp_path / "made", {"image": ("photo.jpg", jpeg)}
    photo.write_bytes(jpeg)
    if wall := wall_for(fields):
        (tmp_path / "wall.png").write_bytes(wall)
        flags += ["--background-image", str(tmp_path / "wall.png")]
        files["background_image"] = "wall.png", wall
    answer = client.post(
        "/api/remove-bg",
        files=files,
        data={each: str(given).lower() if isinstance(given, bool) else str(given) for each, given in fields.items()},
    )
    assert answer.status_code == 200, answer.text
    assert main(["cut", str(photo), "-o", str(made), *flags]) == 0
    ours = cut_out_bytes(jpeg, wall, **fields)
    assert answer.content == made.read_bytes() == ours
    if name not in WITHOUT_EFFECT_HERE:
        needed = NEEDED.get(name, {})
        assert ours != cut_out_bytes(jpeg, wall_for(needed), **needed), "the option does something"


def test_a_picture_for_behind_the_subject_stands_there_unless_something_else_is_asked_for(
    client: TestClient, jpeg: bytes, tmp_path: Path
) -> None:
    files = {"image": ("photo.jpg", jpeg), "background_image": ("wall.png", WALL)}
    (tmp_path / "photo.jpg").write_bytes(jpeg)
    (tmp_path / "wall.png").write_bytes(WALL)
    given = ["cut", str(tmp_path / "photo.jpg"), "--background-image", str(tmp_path / "wall.png"), "--force"]
    for fields in ({}, {"background": "transparent"}):
        flags = [part for name, value in fields.items() for part in (f"--{name}", value)]
        assert main([*given, *flags]) == 0
        ours = cut_out_bytes(jpeg, WALL, **{"background": "image"} | fields)
        assert client.post("/api/remove-bg", files=files, data=fields).content == ours
        assert (tmp_path / "photo_cutout.png").read_bytes() == ours == cut_out_bytes(jpeg, WALL, **fields)


def test_every_option_has_a_control_on_the_page(live: httpx.Client) -> None:
    assert set(page_controls(live.get("/config").json())) == set(Options.model_fields)


def test_every_option_does_on_the_page_what_it_does_in_the_library(live: httpx.Client, jpeg: bytes) -> None:
    photo, wall = uploaded(live, jpeg, "photo.jpg"), uploaded(live, WALL, "wall.png")
    for name in NAMES:
        fields = asked_for(name)
        behind = wall if wall_for(fields) else None
        last = run_page_event(live, photo, f"walk-{name}", behind=behind, **fields)[-1]
        message = last["output"]["data"][0]
        assert message["state"] == "done", (name, message)
        data = live.get("/" + message["download"] + message["file"]).content
        assert data == cut_out_bytes(jpeg, wall_for(fields), **fields), name
