"""Touching up: brushes on the picture by mouse, finger, pen and keys, and what they leave in the file."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Request, expect

from pipeline import InputFiles, Options, cut_out_bytes, cut_out_file
from tests.browser.conftest import Visit
from tests.browser.panel import after, choose, unfold
from tests.browser.test_zoom import PHONE, box, touch, wheel
from tests.pictures import encoded, opened, photo
from tests.process import Process

pytestmark = pytest.mark.used_pages

SIDE = 512  # of the photo
MIDDLE = (256, 300)  # of the subject, in its pixels
CORNER = (40, 60)  # of the background
Point = tuple[float, float]


@pytest.fixture
def touching(visit: Visit, portrait: bytes) -> Visit:
    """A visitor who touches up, with exact strokes."""
    visit.done(portrait)
    begin(visit)
    return visit


def begin(visit: Visit) -> None:
    visit.page.click("#touch")
    visit.page.check("input[name=touch-how][value=exact]", force=True)


def take(visit: Visit, kind: str) -> None:
    visit.page.check(f"input[name=touch-kind][value={kind}]", force=True)


def on_screen(visit: Visit, point: Point) -> Point:
    """Where a pixel of the photo is on the screen."""
    sheet = box(visit, "#result")
    return sheet["x"] + point[0] / SIDE * sheet["width"], sheet["y"] + point[1] / SIDE * sheet["height"]


def paint(visit: Visit, *points: Point) -> dict:
    """A stroke by mouse from pixel to pixel of the photo; what the server makes of it."""
    start, *others = [on_screen(visit, point) for point in points]

    def move() -> None:
        visit.page.mouse.move(*start)
        visit.page.mouse.down()
        for other in others:
            visit.page.mouse.move(*other, steps=4)
        visit.page.mouse.up()

    return after(visit, move)


def marks_sent(visit: Visit) -> list[Any]:
    """The marks of each run that the page asks for from now on."""
    sent: list[Any] = []

    def note(request: Request) -> None:
        given = json.loads(request.post_data or "{}").get("data") if "queue/join" in request.url else None
        if given and isinstance(given[0], dict) and "marks" in given[0]:
            sent.append(given[0]["marks"])

    visit.page.on("request", note)
    return sent


def alpha(data: bytes) -> np.ndarray:
    return opened(data)[..., 3]


def at(picture: np.ndarray, point: Point) -> int:
    return int(picture[round(point[1]), round(point[0])])


def test_erase_takes_away_what_is_under_the_brush_and_the_file_is_that_of_the_same_marks(
    touching: Visit, portrait: bytes
) -> None:
    sent = marks_sent(touching)
    take(touching, "erase")
    paint(touching, MIDDLE, (300, 330))
    _, data = touching.download()
    before, now = alpha(cut_out_bytes(portrait)), alpha(data)
    assert at(before, MIDDLE) == 255 and at(now, MIDDLE) == 0 and at(now, (280, 316)) == 0
    far = (330, 450)
    assert at(now, far) == at(before, far) == 255
    files = InputFiles(portrait, name="photo.jpg", marks=json.dumps(sent[-1]).encode())
    assert data == cut_out_file(files, Options()).data


def test_keep_brings_an_erased_part_back(touching: Visit) -> None:
    take(touching, "erase")
    paint(touching, MIDDLE)
    assert at(alpha(touching.download()[1]), MIDDLE) == 0
    take(touching, "keep")
    paint(touching, MIDDLE)
    assert at(alpha(touching.download()[1]), MIDDLE) == 255


def test_undo_of_all_strokes_gives_the_first_file_again_and_redo_the_last(touching: Visit, portrait: bytes) -> None:
    page = touching.page
    take(touching, "erase")
    paint(touching, MIDDLE)
    paint(touching, (200, 400), (260, 420))
    _, last = touching.download()
    after(touching, lambda: page.keyboard.press("Control+z"))
    after(touching, lambda: page.click("#touch-undo"))
    expect(page.locator("#touch-undo")).to_be_disabled()
    _, first = touching.download()
    assert first == cut_out_bytes(portrait) != last
    after(touching, lambda: page.click("#touch-redo"))
    after(touching, lambda: page.keyboard.press("Control+Shift+Z"))
    assert touching.download()[1] == last
    expect(page.locator("#undo")).to_be_disabled()  # the settings have steps of their own
    after(touching, lambda: page.click("#touch-reset"))
    assert touching.download()[1] == first


def test_a_stroke_is_seen_before_the_server_has_answered(touching: Visit) -> None:
    page = touching.page
    page.route("**/queue/join*", lambda route: None)
    take(touching, "erase")
    x, y = on_screen(touching, CORNER)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.up()
    page.mouse.move(x, y + 200)
    pixels = touching.screen({"x": x - 2, "y": y - 2, "width": 4, "height": 4}).reshape(-1, 3).mean(axis=0)
    assert pixels[0] > pixels[1] + 60, "a red tint"


def test_a_reload_finds_the_strokes_and_they_can_still_be_undone(touching: Visit, portrait: bytes) -> None:
    page = touching.page
    take(touching, "erase")
    paint(touching, MIDDLE)
    _, before = touching.download()
    touching.reload()
    touching.until("done")
    expect(page.locator("#touch-count")).to_have_text("1")
    assert touching.download()[1] == before
    page.click("#touch")
    page.click("#touch-undo")
    expect(page.locator("#touch-undo")).to_be_disabled()
    assert touching.download()[1] == cut_out_bytes(portrait)


def test_strokes_stay_with_their_picture_through_the_strip_and_through_other_settings(touching: Visit) -> None:
    page = touching.page
    take(touching, "erase")
    paint(touching, MIDDLE)
    touching.done(encoded(photo("coffee")), "coffee.png")
    expect(page.locator("#touch-bar")).to_be_hidden()
    expect(page.locator("#touch-count")).to_be_hidden()
    page.locator("#picture .thumb[title='photo.jpg']").click()
    expect(page.locator("#touch-count")).to_have_text("1")
    touching.until("done")
    after(touching, lambda: page.check("input[name=backdrop][value=white]", force=True))
    middle = opened(touching.download()[1])[MIDDLE[1], MIDDLE[0]]
    assert middle.tolist() == [255, 255, 255]


def test_a_picture_that_is_cropped_and_turned_is_touched_up_whole_and_framed_again_in_the_file(
    visit: Visit, portrait: bytes
) -> None:
    page = visit.page
    visit.done(portrait)
    unfold(visit, "frame")
    after(visit, lambda: page.locator("#crop input").check())
    framed = after(visit, lambda: choose(visit, "rotate", "90°"))
    sent = marks_sent(visit)
    whole = after(visit, lambda: begin(visit))
    assert (whole["width"], whole["height"]) == (SIDE, SIDE) != (framed["width"], framed["height"])
    expect(page.locator("#touch-hint")).to_have_text("Crop, canvas and turning wait until you are done.")
    take(visit, "erase")
    paint(visit, MIDDLE)
    _, data = visit.download()
    expect(page.locator("#touch-bar")).to_be_hidden()
    files = InputFiles(portrait, name="photo.jpg", marks=json.dumps(sent[-1]).encode())
    assert data == cut_out_file(files, Options(crop=True, rotate=90)).data
    assert page.locator("#crop input").is_checked()


def test_strokes_land_where_the_pointer_is_at_four_times_the_size(touching: Visit) -> None:
    sent = marks_sent(touching)
    frame = box(touching, "#frame")
    wheel(touching, (frame["x"] + frame["width"] / 3, frame["y"] + frame["height"] / 2), -600)
    expect(touching.page.locator("#zoom-level")).to_have_text("400 %")
    take(touching, "erase")
    sheet = box(touching, "#result")
    pointer = (frame["x"] + 150, frame["y"] + 220)
    wanted = [(pointer[0] - sheet["x"]) / sheet["width"] * SIDE, (pointer[1] - sheet["y"]) / sheet["height"] * SIDE]
    after(touching, lambda: touching.page.mouse.click(*pointer))
    (stroke,) = sent[-1]["strokes"]
    assert stroke["points"][0] == pytest.approx(wanted, abs=0.5)
    assert stroke["radius"] == pytest.approx(20 * SIDE / sheet["width"], rel=0.02)
    assert at(alpha(touching.download()[1]), (wanted[0], wanted[1])) == 0


def test_space_and_the_middle_button_move_the_picture_and_draw_nothing(touching: Visit) -> None:
    page = touching.page
    sent = marks_sent(touching)
    frame = box(touching, "#frame")
    point = frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2
    wheel(touching, point, -600)
    for way, button in ((30, "middle"), (30, "left")):
        before = box(touching, "#result")["x"]
        if button == "left":
            page.keyboard.down("Space")
        page.mouse.move(*point)
        page.mouse.down(button=button)  # type: ignore[arg-type]
        page.mouse.move(point[0] + way, point[1], steps=3)
        page.mouse.up(button=button)  # type: ignore[arg-type]
        page.keyboard.up("Space")
        assert box(touching, "#result")["x"] == pytest.approx(before + way, abs=1)
    touching.nothing_more_comes()
    assert sent == []


def test_without_a_pointer_the_arrow_keys_move_a_cross_and_space_or_enter_paints(touching: Visit) -> None:
    page = touching.page
    sent = marks_sent(touching)
    page.focus("#strokes")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#brush")).to_be_visible()
    after(touching, lambda: page.keyboard.press("Enter"))
    page.keyboard.press("ArrowDown")
    after(touching, lambda: page.keyboard.press("Space"))
    first, second = (stroke["points"][0] for stroke in sent[-1]["strokes"])
    step = 10 * SIDE / box(touching, "#result")["width"]
    assert first == pytest.approx([SIDE / 2 + step, SIDE / 2], abs=1)
    assert second == pytest.approx([SIDE / 2 + step, SIDE / 2 + step], abs=1)
    page.keyboard.press("Escape")
    expect(page.locator("#touch-bar")).to_be_hidden()
    expect(page.locator("#touch")).to_be_focused()


def test_brackets_and_the_wheel_with_alt_change_the_size_of_the_brush(touching: Visit) -> None:
    page, size = touching.page, touching.page.locator("#touch-size")
    point = on_screen(touching, MIDDLE)
    page.mouse.move(*point)
    before = int(size.input_value())
    page.keyboard.press("]")
    larger = int(size.input_value())
    page.keyboard.down("Alt")
    page.mouse.wheel(0, -100)
    expect(size).not_to_have_value(str(larger))
    page.keyboard.up("Alt")
    assert before < larger < int(size.input_value())
    assert box(touching, "#brush")["width"] == pytest.approx(int(size.input_value()), abs=1)
    assert page.locator("#zoom").is_hidden()
    page.keyboard.press("[")
    assert int(size.input_value()) <= larger + 1


def test_the_pressure_of_a_pen_is_the_size_and_its_stroke_is_undone_as_one(touching: Visit) -> None:
    sent = marks_sent(touching)
    session = touching.page.context.new_cdp_session(touching.page)

    def pen(kind: str, point: Point, force: float) -> None:
        x, y = on_screen(touching, point)
        how = {"type": kind, "x": x, "y": y, "force": force, "pointerType": "pen", "button": "left", "buttons": 1}
        session.send("Input.dispatchMouseEvent", how | {"clickCount": 1})

    def stroke() -> None:
        pen("mousePressed", (100, 100), 0.25)
        pen("mouseMoved", (150, 100), 0.25)
        pen("mouseMoved", (200, 100), 1.0)
        pen("mouseReleased", (200, 100), 0)

    after(touching, stroke)
    thin, thick = sent[-1]["strokes"]
    assert thick["radius"] == pytest.approx(4 * thin["radius"], rel=0.02)
    assert thin["points"][-1] == thick["points"][0], "one line"
    expect(touching.page.locator("#touch-count")).to_have_text("1")
    after(touching, lambda: touching.page.click("#touch-undo"))
    assert sent[-1] is None


def test_a_finger_paints_and_two_fingers_zoom(visit_to: Callable[..., Visit], server: Process, portrait: bytes) -> None:
    phone = visit_to(server, **PHONE)
    phone.done(portrait)
    begin(phone)
    sent = marks_sent(phone)
    take(phone, "erase")
    session = phone.page.context.new_cdp_session(phone.page)
    x, y = on_screen(phone, MIDDLE)
    touch(session, "touchStart", (x, y - 30))
    touch(session, "touchStart", (x, y - 30), (x, y + 30))
    for step in range(1, 7):
        touch(session, "touchMove", (x, y - 30 - 5 * step), (x, y + 30 + 5 * step))
    touch(session, "touchEnd")
    expect(phone.page.locator("#zoom-level")).to_have_text("200 %")
    phone.page.click("#whole")
    expect(phone.page.locator("#zoom")).to_be_hidden()
    phone.nothing_more_comes()
    assert sent == []
    x, y = on_screen(phone, MIDDLE)

    def drag() -> None:
        touch(session, "touchStart", (x, y))
        touch(session, "touchMove", (x, y + 20))
        touch(session, "touchEnd")

    after(phone, drag)
    assert at(alpha(phone.download()[1]), MIDDLE) == 0


def test_show_original_lays_the_photo_over_what_is_gone(touching: Visit) -> None:
    page = touching.page
    x, y = on_screen(touching, CORNER)
    spot = {"x": x, "y": y, "width": 30, "height": 30}
    page.mouse.move(*on_screen(touching, (500, 500)))
    before = touching.screen(spot).astype(int)
    page.check("#touch-faint", force=True)
    shown = touching.screen(spot).astype(int)
    assert np.abs(shown - before).mean() > 10
    page.uncheck("#touch-faint", force=True)
    assert np.abs(touching.screen(spot).astype(int) - before).mean() < 1


def test_where_nothing_is_found_a_subject_can_be_marked_on_the_photo(visit: Visit) -> None:
    page = visit.page
    visit.done(encoded(np.full((SIDE, SIDE, 3), 128, np.uint8)), "wall.png")
    page.click("#nothing-touch")
    expect(page.locator("#touch-faint")).to_be_checked()
    page.check("input[name=touch-how][value=exact]", force=True)
    paint(visit, MIDDLE)
    page.click("#touch-done")
    expect(page.locator("#nothing")).to_be_hidden()
    shown = alpha(visit.download()[1])
    assert at(shown, MIDDLE) == 255 and at(shown, CORNER) == 0
