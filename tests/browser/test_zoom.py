"""The picture under the hand: nearer by wheel, fingers, keys and double taps, moved about, and whole again."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import CDPSession, Route, expect

from tests.browser.conftest import Visit
from tests.browser.panel import after, unfold
from tests.pictures import encoded, photo
from tests.process import Process

pytestmark = pytest.mark.used_pages

PHONE = {"width": 390, "height": 844, "has_touch": True, "is_mobile": True}
WHOLE = (0.5, 0.5)


@pytest.fixture(scope="module")
def large() -> bytes:
    """A photo with more pixels than the view of it has."""
    return encoded(np.asarray(Image.fromarray(photo("astronaut")).resize((2400, 2400))), "JPEG", quality=90)


def box(visit: Visit, selector: str) -> dict[str, float]:
    found = visit.page.locator(selector).bounding_box()
    assert found
    return dict(found)


def zoom(visit: Visit) -> float:
    return box(visit, "#result")["width"] / box(visit, "#frame")["width"]


def point_at(visit: Visit, x: float, y: float) -> tuple[float, float]:
    """On the screen, what is at a part of the frame."""
    frame = box(visit, "#frame")
    return frame["x"] + x * frame["width"], frame["y"] + y * frame["height"]


def under(visit: Visit, point: tuple[float, float]) -> tuple[float, float]:
    """Which part of the picture is at a point of the screen."""
    sheet = box(visit, "#result")
    return (point[0] - sheet["x"]) / sheet["width"], (point[1] - sheet["y"]) / sheet["height"]


def wheel(visit: Visit, point: tuple[float, float], way: float) -> None:
    visit.page.mouse.move(*point)
    visit.page.mouse.wheel(0, way)


def expect_zoom(visit: Visit, percent: int) -> None:
    expect(visit.page.locator("#zoom-level")).to_have_text(f"{percent} %")
    assert zoom(visit) == pytest.approx(percent / 100, abs=0.01)


def expect_whole(visit: Visit) -> None:
    expect(visit.page.locator("#zoom")).to_be_hidden()
    assert zoom(visit) == pytest.approx(1, abs=0.001)


def full_sizes(visit: Visit) -> list[str]:
    """The addresses of pictures at full size that the page asks for from now on."""
    asked: list[str] = []
    visit.page.on("request", lambda request: asked.append(request.url) if request.url.endswith("close.png") else None)
    return asked


def expect_done(visit: Visit) -> None:
    """The handle has shown what it is for."""
    expect(visit.page.locator("#split")).to_have_value("0")


def test_the_wheel_zooms_where_the_pointer_is_and_down_from_the_whole_it_scrolls_the_page(
    visit: Visit, large: bytes
) -> None:
    visit.done(large)
    visit.page.evaluate("document.querySelector('#work').style.marginBottom = '900px'")
    wheel(visit, point_at(visit, 0.5, 0.5), 300)
    visit.page.wait_for_function("scrollY > 0")
    expect_whole(visit)
    visit.page.evaluate("scrollTo(0, 0)")
    point = point_at(visit, 0.25, 0.3)
    wheel(visit, point, -300)
    expect_zoom(visit, 200)
    assert under(visit, point) == pytest.approx((0.25, 0.3), abs=0.005)
    wheel(visit, point, 150)
    expect(visit.page.locator("#zoom-level")).to_have_text("141 %")
    assert under(visit, point) == pytest.approx((0.25, 0.3), abs=0.005)
    wheel(visit, point, 600)
    expect_whole(visit)


def test_in_a_small_window_the_wheel_scrolls_and_zooms_with_ctrl(
    visit_to: Callable[..., Visit], server: Process, portrait: bytes
) -> None:
    visit = visit_to(server, 640, 400)
    visit.done(portrait)
    point = point_at(visit, 0.5, 0.3)
    wheel(visit, point, 60)
    visit.page.wait_for_function("scrollY > 0")
    expect_whole(visit)
    visit.page.keyboard.down("Control")
    wheel(visit, point, -100)
    visit.page.keyboard.up("Control")
    expect_zoom(visit, 200)
    at = visit.page.evaluate("scrollY")
    wheel(visit, point, 60)
    visit.page.wait_for_function("(at) => scrollY > at", arg=at)
    expect_zoom(visit, 200)


def test_keys_zoom_pan_and_show_the_whole_again(visit: Visit, large: bytes) -> None:
    visit.done(large)
    expect_done(visit)
    visit.page.focus("#split")
    for key, percent in (("+", 150), ("+", 200), ("+", 300), ("-", 200)):
        visit.page.keyboard.press(key)
        expect_zoom(visit, percent)
    assert under(visit, point_at(visit, 0.5, 0.5)) == pytest.approx(WHOLE, abs=0.005)
    visit.page.keyboard.press("Shift+ArrowRight")
    assert under(visit, point_at(visit, 0.5, 0.5))[0] > 0.52
    expect(visit.page.locator("#split")).to_have_value("0")
    for key in ("0", "Escape"):
        visit.page.keyboard.press("+")
        visit.page.keyboard.press(key)
        expect_whole(visit)
    visit.page.keyboard.press("+")
    visit.page.get_by_role("button", name="Show the whole picture").click()
    expect_whole(visit)
    expect(visit.page.locator("#split")).to_be_focused()


def test_a_double_click_looks_closer_there_and_back_and_leaves_the_handle(visit: Visit, large: bytes) -> None:
    visit.done(large)
    expect_done(visit)
    point = point_at(visit, 0.6, 0.4)
    visit.page.mouse.dblclick(*point)
    expect(visit.page.locator("#zoom")).to_be_visible()
    assert box(visit, "#result")["width"] == pytest.approx(2400, abs=2), "real pixels"
    assert under(visit, point) == pytest.approx((0.6, 0.4), abs=0.005)
    expect(visit.page.locator("#split")).to_have_value("0")
    visit.page.mouse.dblclick(*point)
    expect_whole(visit)


def test_a_drag_pans_within_the_picture_and_the_handle_stays_in_the_frame(visit: Visit, large: bytes) -> None:
    visit.done(large)
    expect_done(visit)
    visit.page.focus("#split")
    for _ in range(5):
        visit.page.keyboard.press("PageUp")
    wheel(visit, point_at(visit, 0.5, 0.5), -600)
    expect_zoom(visit, 400)
    start = point_at(visit, 0.75, 0.5)
    there = under(visit, start)

    def drag(x: float, y: float) -> None:
        visit.page.mouse.move(*start)
        visit.page.mouse.down()
        visit.page.mouse.move(start[0] + x, start[1] + y, steps=4)
        visit.page.mouse.up()

    drag(60, -40)
    assert under(visit, (start[0] + 60, start[1] - 40)) == pytest.approx(there, abs=0.005)
    expect(visit.page.locator("#split")).to_have_value("50")
    for _ in range(6):
        drag(500, 500)
    assert under(visit, point_at(visit, 0, 0)) == pytest.approx((0, 0), abs=0.005), "no further than its corner"
    start = point_at(visit, 0.5, 0.5)
    drag(-100, 0)
    assert under(visit, point_at(visit, 0, 0)) == pytest.approx((0, 0), abs=0.005)
    frame = box(visit, "#frame")
    assert float(visit.page.input_value("#split")) == pytest.approx(50 - 10000 / frame["width"], abs=0.5)
    handle = box(visit, "#handle span")
    assert frame["x"] <= handle["x"] and handle["x"] + handle["width"] <= frame["x"] + frame["width"]


def test_before_and_after_are_the_same_place_however_near(visit: Visit, large: bytes) -> None:
    visit.done(large)
    expect_done(visit)
    wheel(visit, point_at(visit, 0.3, 0.6), -450)
    expect(visit.page.locator("#zoom")).to_be_visible()
    places = visit.page.evaluate("""['#before', '#after'].map((one) => {
        const { left, top, width, height } = document.querySelector(one).getBoundingClientRect();
        return [left, top, width, height]; })""")
    assert places[0] == pytest.approx(places[1], abs=0.1)
    truth = Image.fromarray(photo("astronaut"))
    visit.page.focus("#split")
    visit.page.keyboard.press("End")
    seen, (x, y) = visit.pixels("#frame"), under(visit, point_at(visit, 0, 0))
    side = 512 / zoom(visit)
    shown = truth.resize(seen.shape[1::-1], box=(x * 512, y * 512, x * 512 + side, y * 512 + side))
    assert np.abs(seen.astype(int) - np.asarray(shown))[60:-100, 60:-100].mean() < 8


def test_the_full_size_is_fetched_once_and_only_where_the_view_has_too_few_pixels(visit: Visit, large: bytes) -> None:
    visit.done(large)
    asked = full_sizes(visit)
    point = point_at(visit, 0.3, 0.3)
    wheel(visit, point, -300)
    expect_zoom(visit, 200)
    assert box(visit, "#result")["width"] < visit.page.evaluate("document.querySelector('#after').naturalWidth") == 1600
    visit.nothing_more_comes()
    assert asked == []
    wheel(visit, point, -300)
    expect(visit.page.locator("#close")).to_be_visible()
    assert visit.page.evaluate("document.querySelector('#close').naturalWidth") == 2400
    assert box(visit, "#close") == box(visit, "#result")
    expect(visit.page.locator("#after")).to_be_hidden()  # or soft edges would be twice as strong
    for key in ("+", "0", "+", "+", "+", "+", "+"):
        visit.page.focus("#split")
        visit.page.keyboard.press(key)
    visit.nothing_more_comes()
    assert len(asked) == 1


def test_real_pixels_in_the_menu_are_a_level_of_the_same_zoom(visit: Visit, large: bytes) -> None:
    visit.done(large)
    visit.page.click("#view")
    visit.page.get_by_role("button", name="Real pixels").click()
    expect(visit.page.locator("#views")).to_be_hidden()
    expect(visit.page.locator("#close")).to_be_visible()
    assert box(visit, "#close")["width"] == pytest.approx(2400, abs=1)
    visit.page.keyboard.press("Escape")
    expect_whole(visit)


def test_a_full_size_that_cannot_be_made_says_why_and_leaves_what_is_seen(visit: Visit, large: bytes) -> None:
    visit.done(large)
    body = '{"code": "expired", "facts": {}}'
    visit.page.route("**/close.png", lambda route: route.fulfill(status=410, body=body))
    wheel(visit, point_at(visit, 0.5, 0.5), -600)
    expect(visit.page.get_by_role("alert")).to_contain_text("no longer kept")
    expect_zoom(visit, 400)
    expect(visit.page.locator("#after")).to_be_visible()
    visit.complaints.clear()  # the browser's own words about the status


def test_a_full_size_that_newer_settings_have_overtaken_is_not_shown(visit: Visit, large: bytes) -> None:
    visit.done(large)
    held: list[Route] = []
    visit.page.route("**/close.png", lambda route: held.append(route))
    wheel(visit, point_at(visit, 0.5, 0.5), -600)
    visit.page.wait_for_function("document.querySelector('#zoom.working')")
    after(visit, lambda: visit.page.check("input[name=backdrop][value=black]", force=True))
    expect_zoom(visit, 400)
    visit.page.wait_for_timeout(600)  # the new one's full size is asked for, too
    assert len(held) == 2
    held[0].continue_()
    held[1].continue_()
    expect(visit.page.locator("#close")).to_be_visible()
    pixels = visit.pixels("#frame")
    assert pixels[20, 20].max() <= 2 or pixels[20, -20].max() <= 2, "black behind"


def test_settings_keep_the_zoom_and_another_size_or_photo_is_shown_whole(visit: Visit, large: bytes) -> None:
    visit.done(large)
    point = point_at(visit, 0.4, 0.4)
    wheel(visit, point, -300)
    there = under(visit, point)
    unfold(visit, "edges")
    after(visit, lambda: visit.page.locator("#feather input[type=range]").fill("9"))
    expect_zoom(visit, 200)
    assert under(visit, point) == pytest.approx(there, abs=0.005)
    visit.page.click("#view")
    visit.page.click("input[name=view][value=matte]")
    expect_zoom(visit, 200)
    assert box(visit, "#matte") == box(visit, "#result")
    unfold(visit, "frame")
    after(visit, lambda: visit.page.locator("#crop input").check())
    expect_whole(visit)
    visit.page.focus("#split")
    visit.page.keyboard.press("+")
    expect_zoom(visit, 150)
    visit.done(large, "other.jpg")
    expect_whole(visit)


# ---- fingers --------------------------------------------------------------------------------------------------------


def touch(session: CDPSession, kind: str, *points: tuple[float, float]) -> None:
    """Real fingers, as Chromium's own protocol gives them."""
    where: list[dict[str, Any]] = [{"x": x, "y": y, "id": at} for at, (x, y) in enumerate(points)]
    session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": where})


def swipe(session: CDPSession, start: tuple[float, float], way: tuple[float, float]) -> None:
    touch(session, "touchStart", start)
    for step in range(1, 9):
        touch(session, "touchMove", (start[0] + way[0] * step / 8, start[1] + way[1] * step / 8))
    touch(session, "touchEnd")


@pytest.fixture
def phone(visit_to: Callable[..., Visit], server: Process, portrait: bytes) -> Visit:
    visit = visit_to(server, **PHONE)
    visit.done(portrait)
    expect_done(visit)
    return visit


def test_two_fingers_zoom_where_they_are_and_move_the_picture(phone: Visit) -> None:
    session = phone.page.context.new_cdp_session(phone.page)
    x, y = point_at(phone, 0.4, 0.6)
    there = under(phone, (x, y))
    touch(session, "touchStart", (x, y - 30))
    touch(session, "touchStart", (x, y - 30), (x, y + 30))
    for step in range(1, 7):
        touch(session, "touchMove", (x, y - 30 - 5 * step), (x, y + 30 + 5 * step))
    expect_zoom(phone, 200)
    assert under(phone, (x, y)) == pytest.approx(there, abs=0.01)
    touch(session, "touchMove", (x + 20, y - 50), (x + 20, y + 70))
    assert under(phone, (x + 20, y + 10)) == pytest.approx(there, abs=0.01)
    touch(session, "touchEnd")
    expect_zoom(phone, 200)
    assert phone.page.evaluate("[scrollY, visualViewport.scale]") == [0, 1], "the page stays"
    expect(phone.page.locator("#split")).to_have_value("0")


def test_one_finger_scrolls_the_page_over_the_whole_picture_and_moves_a_larger_one(phone: Visit) -> None:
    session = phone.page.context.new_cdp_session(phone.page)
    swipe(session, point_at(phone, 0.2, 0.5), (120, 0))
    width = box(phone, "#frame")["width"]
    assert float(phone.page.input_value("#split")) == pytest.approx(20 + 12000 / width, abs=1), "sideways: the handle"
    phone.page.focus("#split")
    phone.page.keyboard.press("Home")
    phone.page.keyboard.press("+")
    phone.page.keyboard.press("+")
    start = point_at(phone, 0.5, 0.5)
    there = under(phone, start)
    swipe(session, start, (30, -50))
    assert under(phone, (start[0] + 30, start[1] - 50)) == pytest.approx(there, abs=0.01)
    assert phone.page.evaluate("scrollY") == 0
    phone.page.keyboard.press("Escape")
    expect_whole(phone)
    swipe(session, point_at(phone, 0.5, 0.8), (0, -150))
    phone.page.wait_for_function("scrollY > 50")
    expect(phone.page.locator("#split")).to_have_value("0")


def test_a_double_tap_looks_closer_and_shows_the_whole_again(phone: Visit) -> None:
    point = point_at(phone, 0.6, 0.4)
    for _ in range(2):
        phone.page.touchscreen.tap(*point)
    expect(phone.page.locator("#zoom-level")).to_have_text(re.compile(r"^\d{3} %$"))
    assert under(phone, point) == pytest.approx((0.6, 0.4), abs=0.01)
    expect(phone.page.locator("#split")).to_have_value("0")
    for _ in range(2):
        phone.page.touchscreen.tap(*point)
    expect_whole(phone)
