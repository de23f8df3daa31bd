"""A trimap on the page: given, seen over the photo, drawn on, saved, taken away; and what it leaves in the file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import expect

from pipeline import InputFiles, cut_out_bytes, make_trimap
from pipeline.commands.command_line import main
from tests.browser.conftest import Visit
from tests.browser.panel import after, unfold
from tests.browser.test_touchup import CORNER, MIDDLE, SIDE, alpha, at, on_screen, paint, take
from tests.browser.test_zoom import PHONE, box, touch
from tests.pictures import encoded, opened, photo
from tests.process import Process, serving

pytestmark = pytest.mark.used_pages

LEVELS = np.zeros((SIDE, SIDE), np.uint8)
cv2.ellipse(LEVELS, (240, 330), (150, 300), 0, 0, 360, 128, -1)
cv2.ellipse(LEVELS, (240, 330), (110, 260), 0, 0, 360, 255, -1)


def file_of(levels: np.ndarray) -> bytes:
    return encoded(np.repeat(levels[..., None], 3, 2))


TRIMAP = file_of(LEVELS)


def give(visit: Visit, data: bytes = TRIMAP, name: str = "mine.png") -> dict:
    """Choose a trimap in the menu of the bar."""

    def choose() -> None:
        visit.page.click("#touch-more")
        with visit.page.expect_file_chooser() as chooser:
            visit.page.click("#trimap-use")
        chooser.value.set_files([visit.file(data, name)])

    return after(visit, choose)


def save(visit: Visit, button: str) -> tuple[str, bytes]:
    """What a button of the menu downloads."""
    visit.page.click("#touch-more")
    with visit.page.expect_download() as waiting:
        visit.page.click(button)
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


@pytest.fixture
def drawing(visit: Visit, portrait: bytes) -> Visit:
    """A visitor who has given a trimap."""
    visit.done(portrait)
    visit.page.click("#touch")
    give(visit)
    return visit


def refused(visit: Visit) -> str:
    expect(visit.page.locator("#notice")).to_have_attribute("data-kind", "error")
    return visit.page.locator("#notice-text").inner_text()


def test_a_trimap_takes_the_place_of_the_model_and_its_file_is_that_of_the_command_line(
    drawing: Visit, portrait: bytes, tmp_path: Path
) -> None:
    _, data = drawing.download()
    assert data == cut_out_bytes(portrait, trimap=TRIMAP) != cut_out_bytes(portrait)
    (tmp_path / "photo.jpg").write_bytes(portrait)
    (tmp_path / "mine.png").write_bytes(TRIMAP)
    made = tmp_path / "made.png"
    assert main(["cut", str(tmp_path / "photo.jpg"), "-o", str(made), "--trimap", str(tmp_path / "mine.png")]) == 0
    assert made.read_bytes() == data


def test_it_is_seen_over_the_photo_what_stays_is_clear_what_goes_red_and_the_rest_yellow(drawing: Visit) -> None:
    page = drawing.page
    expect(page.locator("#touch-tint")).to_be_checked()
    expect(page.locator("#touch-legend")).to_have_text("StaysGoesIs worked out")

    def colour(point: tuple[float, float]) -> np.ndarray:
        x, y = on_screen(drawing, point)
        return drawing.screen({"x": x - 3, "y": y - 3, "width": 6, "height": 6}).reshape(-1, 3).mean(axis=0)

    def plain(point: tuple[float, float]) -> np.ndarray:
        x, y = round(point[0]), round(point[1])
        return photo("astronaut")[y - 2 : y + 2, x - 2 : x + 2].reshape(-1, 3).mean(axis=0)

    red, yellow = np.array([0xE0, 0x35, 0x2B]), np.array([0xE8, 0xA2, 0x00])
    border = (112, 330)
    page.wait_for_function("document.querySelector('#tint').width > 300")
    page.mouse.move(1, 1)
    assert np.abs(colour(MIDDLE) - plain(MIDDLE)).max() < 20
    for point, tint in ((CORNER, red), (border, yellow)):
        shown, mixed = colour(point), 0.58 * plain(point) + 0.42 * tint
        assert np.abs(shown - mixed).max() < 25
    page.uncheck("#touch-tint", force=True)
    expect(page.locator("#touch-legend")).to_be_hidden()
    assert np.ptp(colour(CORNER)) < 3, "the board"


def test_the_brushes_draw_on_it_and_what_is_saved_gives_the_same_file(drawing: Visit, portrait: bytes) -> None:
    page = drawing.page
    expect(page.locator("input[name=touch-how][value=exact]")).to_be_disabled()
    for kind, point in (("keep", CORNER), ("erase", MIDDLE), ("unsure", (300, 430))):
        take(drawing, kind)
        paint(drawing, point)
    name, saved = save(drawing, "#trimap-save")
    levels = opened(saved)
    assert name == "photo_trimap.png" and levels.shape == LEVELS.shape
    assert [at(levels, point) for point in (CORNER, MIDDLE, (300, 430))] == [255, 0, 128]
    changed = levels != LEVELS
    assert 0 < np.count_nonzero(changed) < 0.03 * changed.size
    _, data = drawing.download()
    assert at(alpha(data), CORNER) > 200 and at(alpha(data), MIDDLE) < 50
    assert data == cut_out_bytes(portrait, trimap=saved)
    marks = save(drawing, "#marks-save")[1]
    assert data == cut_out_bytes(portrait, trimap=TRIMAP, marks=marks)
    after(drawing, lambda: page.keyboard.press("Control+z"))
    assert at(opened(save(drawing, "#trimap-save")[1]), (300, 430)) == 255


def test_a_finger_draws_on_it(visit_to: Callable[..., Visit], server: Process, portrait: bytes) -> None:
    phone = visit_to(server, **PHONE)
    phone.done(portrait)
    phone.page.tap("#touch")
    give(phone)
    take(phone, "erase")
    session = phone.page.context.new_cdp_session(phone.page)
    x, y = on_screen(phone, MIDDLE)

    def drag() -> None:
        touch(session, "touchStart", (x, y))
        touch(session, "touchMove", (x, y + 20))
        touch(session, "touchEnd")

    after(phone, drag)
    assert at(opened(save(phone, "#trimap-save")[1]), MIDDLE) == 0


def test_without_one_that_of_the_matte_and_the_strokes_is_saved_and_can_be_given(visit: Visit, portrait: bytes) -> None:
    visit.done(portrait)
    visit.page.click("#touch")
    visit.page.check("input[name=touch-how][value=exact]", force=True)
    take(visit, "erase")
    paint(visit, MIDDLE)
    _, marks = save(visit, "#marks-save")
    _, saved = save(visit, "#trimap-save")
    files = InputFiles(portrait, name="photo.jpg", marks=marks)
    assert saved == make_trimap(files)
    assert at(opened(saved), MIDDLE) == 0 and set(np.unique(opened(saved))) == {0, 128, 255}
    give(visit, saved)
    expect(visit.page.locator("#touch-count")).to_have_text("")
    assert visit.download()[1] == cut_out_bytes(portrait, trimap=saved)


def test_it_stays_with_its_picture_through_settings_a_reload_and_the_strip(drawing: Visit, portrait: bytes) -> None:
    page = drawing.page
    take(drawing, "erase")
    paint(drawing, MIDDLE)
    marks = save(drawing, "#marks-save")[1]
    page.click("#touch-done")
    unfold(drawing, "frame")
    after(drawing, lambda: page.locator("#crop input").check())
    after(drawing, lambda: page.check("input[name=backdrop][value=white]", force=True))
    wanted: dict[str, Any] = {"crop": True, "background": "color", "background_color": "#ffffff"}
    ours = cut_out_bytes(portrait, trimap=TRIMAP, marks=marks, **wanted)
    assert drawing.download()[1] == ours
    drawing.reload()
    drawing.until("done")
    assert drawing.download()[1] == ours
    other = encoded(photo("coffee"))
    drawing.done(other, "coffee.png")
    assert drawing.download()[1] == cut_out_bytes(other, **wanted)
    page.locator("#picture .thumb[title='photo.jpg']").click()
    expect(page.locator("#touch-count")).to_have_text("1")
    drawing.until("done")
    assert drawing.download()[1] == ours
    page.click("#touch")
    expect(page.locator("#touch-tint-part")).to_be_visible()


def test_strokes_from_before_come_back_when_it_is_taken_away_and_that_can_be_undone(
    visit: Visit, portrait: bytes
) -> None:
    page = visit.page
    visit.done(portrait)
    page.click("#touch")
    take(visit, "erase")
    paint(visit, MIDDLE)
    _, first = visit.download()
    give(visit)
    take(visit, "keep")
    paint(visit, CORNER)
    _, drawn = visit.download()
    page.click("#touch-more")
    after(visit, lambda: page.click("#trimap-remove"))
    expect(page.locator("#touch-tint-part")).to_be_hidden()
    expect(page.locator("#touch-count")).to_have_text("1")
    assert visit.download()[1] == first
    after(visit, lambda: page.click("#notice-action"))
    assert visit.download()[1] == drawn


def test_what_is_no_trimap_of_this_photo_is_refused_in_words_and_nothing_is_lost(visit: Visit, portrait: bytes) -> None:
    page = visit.page
    visit.done(portrait)
    page.click("#touch")
    take(visit, "erase")
    paint(visit, MIDDLE)
    _, before = visit.download()
    for data, name, words in (
        (file_of(LEVELS[:, :300]), "narrow.png", "photo’s shape"),
        (b"dear diary", "diary.png", "The trimap” is not a picture"),
    ):
        page.click("#touch-more")
        with page.expect_file_chooser() as chooser:
            page.click("#trimap-use")
        chooser.value.set_files([visit.file(data, name)])
        expect(page.get_by_role("alert")).to_contain_text(words)
        expect(page.locator("#touch-tint-part")).to_be_hidden()
        expect(page.locator("#touch-bar")).to_be_visible()
        expect(page.locator("#touch-count")).to_have_text("1")
        assert visit.download()[1] == before


def test_one_over_the_limit_is_refused_before_it_is_sent(
    visit_to: Callable[..., Visit], u2netp: Path, portrait: bytes
) -> None:
    with serving("--max-mb", "0.5") as process:
        visit = visit_to(process)
        visit.done(portrait)
        visit.page.click("#touch")
        uploads: list[str] = []
        visit.page.on("request", lambda request: uploads.append(request.url) if "/upload" in request.url else None)
        visit.page.click("#touch-more")
        with visit.page.expect_file_chooser() as chooser:
            visit.page.click("#trimap-use")
        chooser.value.set_files([visit.file(bytes(600_000), "large.png")])
        assert "0.6 MB; the limit here is 0.5 MB" in refused(visit)
        assert uploads == []
        visit.leave()


@pytest.mark.parametrize(("locale", "width", "height"), [("zh-CN", 640, 400), ("en-US", 320, 568)])
def test_its_menu_and_the_bar_are_whole_on_every_screen(
    visit_to: Callable[..., Visit], server: Process, portrait: bytes, width: int, height: int, locale: str
) -> None:
    visit = visit_to(server, width=width, height=height, locale=locale)
    page = visit.page
    visit.done(portrait)
    page.click("#touch")
    page.check("input[name=touch-how][value=exact]", force=True)
    page.click("#touch-more")
    for selector in ("#touch-files", "#touch-bar"):
        shown = box(visit, selector)
        assert shown["x"] >= 0 and shown["x"] + shown["width"] <= width
    menu = box(visit, "#touch-files")
    assert menu["y"] >= 0 and menu["y"] + menu["height"] <= height
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_server_that_was_started_anew_is_sent_it_again_with_what_is_drawn_on_it(
    visit_to: Callable[..., Visit], u2netp: Path, portrait: bytes
) -> None:
    with serving() as first:
        port = first.address.rpartition(":")[2]
        visit = visit_to(first)
        visit.done(portrait)
        visit.page.click("#touch")
        give(visit)
        take(visit, "erase")
        paint(visit, MIDDLE)
        marks = save(visit, "#marks-save")[1]
        visit.page.click("#touch-done")
    expect(visit.page.locator("#notice")).to_contain_text("connection to Clearcut is lost", timeout=30_000)
    with serving("--port", port):
        expect(visit.page.locator("#notice")).to_be_hidden(timeout=30_000)
        assert visit.download()[1] == cut_out_bytes(portrait, trimap=TRIMAP, marks=marks)
        visit.complaints.clear()  # the browser's own words about the connection
