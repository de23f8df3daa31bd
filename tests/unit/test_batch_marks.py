"""A row of a list may name strokes, a trimap and a background picture: the bytes of ``cut`` with the same files."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline import cut_out_bytes
from pipeline.commands.command_line import main
from tests.batches import PNG, cutouts, run, table
from tests.pictures import composite, encoded, opened

pytestmark = pytest.mark.usefixtures("desk")
ALPHA = composite(96, 72).alpha
TRIMAP = encoded(np.repeat(np.where((ALPHA > 0) & (ALPHA < 255), np.uint8(128), ALPHA)[..., None], 3, 2))
WALL = encoded(composite(50, 50, seed=9).rgb)


def strokes(x: int, width: int = 96) -> bytes:
    """A dot that is kept, on a photo of that width."""
    stroke = {"kind": "keep", "radius": 6, "exact": True, "points": [[x, 8]]}
    return json.dumps({"version": 1, "size": [width, 72], "strokes": [stroke]}).encode()


def lay(**files: bytes) -> None:
    Path("in/drawn").mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        Path("in", name.replace("__", "/").replace("_", ".")).write_bytes(data)


def test_files_of_a_row_give_the_bytes_that_cut_gives_with_them() -> None:
    lay(a_png=PNG, b_png=PNG, c_png=PNG, drawn__a_json=strokes(9), drawn__b_png=TRIMAP, wall_png=WALL)
    rows = [
        "path,marks,trimap,background_image,feather",
        "a.png,drawn/a.json,,,2",
        "b.png,,drawn/b.png,,",
        "c.png,,,wall.png,",
    ]
    Path("in/list.csv").write_text("\n".join(rows))
    run("in/list.csv", "-o", "out")
    run_cut("a", "--marks", "in/drawn/a.json", "--feather", "2")
    run_cut("b", "--trimap", "in/drawn/b.png")
    run_cut("c", "--background-image", "in/wall.png")
    assert cutouts() == cutouts("single")
    assert len(set(cutouts().values())) == 3


def run_cut(name: str, *words: str) -> None:
    Path("single").mkdir(exist_ok=True)
    assert main(["cut", f"in/{name}.png", "-o", f"single/{name}.png", *words]) == 0


def test_a_list_of_json_lines_may_name_strokes_too() -> None:
    lay(a_png=PNG, a_json=strokes(9))
    Path("in/list.jsonl").write_text(json.dumps({"path": "a.png", "marks": "a.json", "crop": True}))
    run("in/list.jsonl", "-o", "out")
    assert cutouts() == {"a.png": cut_out_bytes(PNG, marks=strokes(9), crop=True)}


def test_changed_strokes_are_noticed_and_only_their_photo_is_done_anew() -> None:
    lay(a_png=PNG, b_png=PNG, a_json=strokes(9), b_json=strokes(80))
    Path("in/list.csv").write_text("path,marks\na.png,a.json\nb.png,b.json\n")
    run("in/list.csv", "-o", "out")
    before = Path("out/b.png").stat().st_mtime_ns
    lay(a_json=strokes(30))
    run("-o", "out", "--resume")
    assert cutouts()["a.png"] == cut_out_bytes(PNG, marks=strokes(30))
    Path("in/list.csv").write_text("path,marks\na.png,\nb.png,b.json\n")
    run("-o", "out", "--resume")
    assert cutouts()["a.png"] == cut_out_bytes(PNG)
    assert Path("out/b.png").stat().st_mtime_ns == before


def test_strokes_that_are_missing_or_of_another_photo_fail_alone_and_are_told() -> None:
    lay(a_png=PNG, b_png=PNG, c_png=PNG, b_json=strokes(9, width=95))
    Path("in/list.csv").write_text("path,marks\na.png,gone.json\nb.png,b.json\nc.png,\n")
    said = run("in/list.csv", "-o", "out", code=2)
    assert "gone.json" in said
    assert {name: row["state"] for name, row in table().items()} == {
        "a.png": "failed",
        "b.png": "failed",
        "c.png": "done",
    }
    lay(gone_json=strokes(9), b_json=strokes(9))
    run("-o", "out", "--resume")
    wanted = opened(cut_out_bytes(PNG, marks=strokes(9)))
    assert all(np.array_equal(opened(cutouts()[name]), wanted) for name in ("a.png", "b.png"))
