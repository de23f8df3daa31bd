"""Strokes as files on the page: saved, loaded, refused in words; the rim of the exact brush; touch-ups that stay."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import expect

from pipeline import cut_out_bytes
from pipeline.commands.command_line import main
from tests.browser.conftest import Visit
from tests.browser.panel import after, unfold
from tests.browser.test_touchup import CORNER, MIDDLE, SIDE, alpha, at, begin, box, marks_sent, on_screen, paint, take
from tests.browser.test_trimap import TRIMAP, give, save
from tests.process import Process

pytestmark = pytest.mark.used_pages

DOT = {"kind": "keep", "radius": 12, "exact": True, "points": [CORNER]}
DRAWN = {"version": 1, "size": [SIDE, SIDE], "strokes": [DOT, {**DOT, "kind": "erase", "points": [MIDDLE]}]}


@pytest.fixture
def touching(visit: Visit, portrait: bytes) -> Visit:
    """A visitor who touches up, with smart strokes."""
    visit.done(portrait)
    visit.page.click("#touch")
    return visit


def load(visit: Visit, data: bytes, name: str = "strokes.json") -> None:
    visit.page.click("#touch-more")
    with visit.page.expect_file_chooser() as chooser:
        visit.page.click("#marks-load")
    chooser.value.set_files([visit.file(data, name)])


def written(given: Any) -> bytes:
    return json.dumps(given).encode()


def test_what_the_page_saves_gives_the_same_bytes_on_the_command_line(
    touching: Visit, portrait: bytes, tmp_path: Path
) -> None:
    page = touching.page
    take(touching, "erase")
    paint(touching, MIDDLE, (300, 330))
    page.check("input[name=touch-how][value=exact]", force=True)
    page.fill("#touch-soft", "70")
    take(touching, "keep")
    paint(touching, CORNER, (90, 90))
    take(touching, "unsure")
    paint(touching, (400, 300))
    name, saved = save(touching, "#marks-save")
    assert name == "photo_strokes.json" and len(json.loads(saved)["strokes"]) == 3
    (tmp_path / "photo.jpg").write_bytes(portrait)
    (tmp_path / name).write_bytes(saved)
    made = tmp_path / "made.png"
    assert main(["cut", str(tmp_path / "photo.jpg"), "-o", str(made), "--marks", str(tmp_path / name)]) == 0
    assert made.read_bytes() == touching.download()[1] != cut_out_bytes(portrait)


def test_loaded_strokes_take_the_place_of_others_and_can_be_undone_one_by_one_or_all_at_once(
    touching: Visit, portrait: bytes
) -> None:
    page = touching.page
    expect(page.locator("#marks-save")).to_be_hidden()
    take(touching, "erase")
    paint(touching, (200, 400))
    _, before = touching.download()
    after(touching, lambda: load(touching, written(DRAWN)))
    expect(page.locator("#notice-text")).to_have_text("Strokes loaded: 2.")
    ours = cut_out_bytes(portrait, marks=written(DRAWN))
    assert touching.download()[1] == ours
    assert json.loads(save(touching, "#marks-save")[1]) == json.loads(written(DRAWN))
    after(touching, lambda: page.click("#notice-action"))
    assert touching.download()[1] == before
    after(touching, lambda: load(touching, written(DRAWN)))
    after(touching, lambda: page.keyboard.press("Control+z"))
    first = DRAWN | {"strokes": [DOT]}
    assert touching.download()[1] == cut_out_bytes(portrait, marks=written(first))


def test_a_file_with_strokes_is_dropped_anywhere_and_a_picture_on_the_bar_is_the_trimap(
    touching: Visit, portrait: bytes, tmp_path: Path
) -> None:
    strokes, trimap = tmp_path / "strokes.json", tmp_path / "trimap.png"
    strokes.write_bytes(written(DRAWN))
    trimap.write_bytes(TRIMAP)
    after(touching, lambda: touching.drop(strokes))
    assert touching.download()[1] == cut_out_bytes(portrait, marks=strokes.read_bytes())
    bar = box(touching, "#touch-hint")
    after(touching, lambda: touching.drop(trimap, at=(bar["x"] + 60, bar["y"] + 10)))
    assert touching.download()[1] == cut_out_bytes(portrait, trimap=TRIMAP)


def test_what_holds_no_strokes_for_this_photo_is_refused_in_words_and_nothing_is_lost(touching: Visit) -> None:
    take(touching, "erase")
    paint(touching, MIDDLE)
    _, before = touching.download()
    for data, words in (
        (b"\xff\xfe\x00", "holds no strokes"),
        (written(DRAWN | {"size": [40, 30]}), "belong to a photo of 40 × 30 pixels; this one has 512 × 512"),
        (written(DRAWN) + b" " * 4_000_000, "holds no strokes"),
        (written(DRAWN | {"strokes": [DOT, {"kind": "cut"}]}), "strokes.1.kind"),
    ):
        load(touching, data)
        expect(touching.page.get_by_role("alert")).to_contain_text(words)
        expect(touching.page.locator("#touch-count")).to_have_text("1")
        assert touching.download()[1] == before


def test_the_rim_is_chosen_for_exact_strokes_alone_seen_in_the_ring_and_in_the_file(
    visit: Visit, portrait: bytes
) -> None:
    page, soft = visit.page, visit.page.locator("#touch-soft")
    visit.done(portrait)
    page.click("#touch")
    expect(soft).to_be_hidden()
    begin_exact = "input[name=touch-how][value=exact]"
    page.check(begin_exact, force=True)
    expect(soft).to_be_visible()
    take(visit, "unsure")
    expect(soft).to_be_hidden()
    take(visit, "keep")
    sent = marks_sent(visit)

    def inner_ring() -> float:
        page.mouse.move(*on_screen(visit, CORNER))
        return float(page.evaluate("parseFloat(getComputedStyle(document.querySelector('#brush'), '::after').width)"))

    whole = box(visit, "#brush")["width"] if page.locator("#brush").is_visible() else 40
    edges = {}
    for percent in (0, 100):
        soft.fill(str(percent))
        assert inner_ring() == pytest.approx((1 - percent / 100) * whole, abs=5)
        paint(visit, CORNER)
        assert sent[-1]["strokes"][-1]["soft"] == percent / 100
        edges[percent] = alpha(visit.download()[1])[CORNER[1], CORNER[0] - 30 : CORNER[0] + 30]
        after(visit, lambda: page.keyboard.press("Control+z"))
    partly = {percent: np.count_nonzero((row > 5) & (row < 250)) for percent, row in edges.items()}
    assert partly[0] <= 4 < 10 < partly[100]


@pytest.mark.parametrize("trimap", [b"", TRIMAP], ids=["strokes", "strokes on a trimap"])
def test_touch_ups_stay_through_another_model_softer_edges_a_background_a_size_and_a_reload(
    visit_to: Callable[..., Visit], stocked: Process, portrait: bytes, trimap: bytes
) -> None:
    visit = visit_to(stocked)
    visit.done(portrait)
    begin(visit)
    if trimap:
        give(visit)
    take(visit, "erase")
    paint(visit, MIDDLE)
    marks = save(visit, "#marks-save")[1]
    page = visit.page
    page.click("#touch-done")
    given: dict[str, str] = {}

    def is_that_of_http() -> None:
        files = {"image": ("photo.jpg", portrait), "marks": ("marks", marks)}
        if trimap:
            files["trimap"] = ("trimap.png", trimap)
        answer = httpx.post(f"{stocked.address}/api/remove-bg", files=files, data=given, timeout=60)
        assert visit.download()[1] == answer.content

    is_that_of_http()
    assert at(alpha(visit.download()[1]), MIDDLE) == 0
    after(visit, lambda: visit.use_model("mediapipe-selfie"))
    given["model"] = "mediapipe-selfie"
    is_that_of_http()
    unfold(visit, "edges")
    after(visit, lambda: page.locator("#feather input[type=range]").fill("3"))
    given["feather"] = "3"
    is_that_of_http()
    after(visit, lambda: page.check("input[name=backdrop][value=black]", force=True))
    given |= {"background": "color", "background_color": "#000000"}
    is_that_of_http()
    unfold(visit, "frame")
    after(visit, lambda: page.locator("#crop input").check())
    given["crop"] = "true"
    is_that_of_http()
    visit.reload()
    visit.until("done")
    is_that_of_http()
    expect(page.locator("#touch-count")).to_have_text("1")


def test_escape_closes_the_menu_and_leaves_the_brush_in_the_hand(touching: Visit) -> None:
    page = touching.page
    page.click("#touch-more")
    expect(page.locator("#marks-load")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#touch-files")).to_be_hidden()
    expect(page.locator("#touch-more")).to_be_focused()
    expect(page.locator("#touch-bar")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#touch-bar")).to_be_hidden()
