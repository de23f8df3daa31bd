"""What is where: in a wide window, on a phone, at 200 % of the browser's own zoom; with photos of every shape."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Visit
from tests.pictures import encoded, photo
from tests.process import Process

pytestmark = pytest.mark.used_pages

DESK, PHONE, SMALL, ZOOMED = (1280, 800), (390, 844), (320, 568), (640, 400)
TOUCH = {"has_touch": True, "is_mobile": True}
FOLDS = ("edges", "background", "shadow", "frame", "file")
SHAPES = {"square": (512, 512), "wide": (1500, 500), "tall": (1080, 2400), "strip": (300, 3000)}


def shaped(width: int, height: int) -> bytes:
    """The portrait in the middle of a plain photo of that size."""
    side = min(width, height)
    picture = Image.new("RGB", (width, height), (120, 140, 160))
    picture.paste(Image.fromarray(photo("astronaut")).resize((side, side)), ((width - side) // 2, (height - side) // 2))
    return encoded(np.asarray(picture), "JPEG", quality=90)


def box(visit: Visit, selector: str) -> dict[str, float]:
    found = visit.page.locator(selector).bounding_box()
    assert found
    return dict(found)


def bottom(place: dict[str, float]) -> float:
    return place["y"] + place["height"]


def unfold_all(visit: Visit) -> None:
    for group in FOLDS:
        visit.page.click(f"#group-{group} .fold-head")


def settings_of(visit: Visit) -> list[Locator]:
    """All that can be set in the panel and has something to do."""
    return visit.page.locator("#controls :is(input, button):visible").all()


def expect_seen(control: Locator) -> None:
    """Nothing comes to lie over its middle."""
    seen = """(one) => {
        const { left, top, width, height } = one.getBoundingClientRect();
        const found = document.elementFromPoint(left + width / 2, top + height / 2);
        return found === one || one.contains(found) || one.closest(".block, .fold, #presets")?.contains(found); }"""
    control.page.wait_for_function(seen, arg=control.element_handle(), timeout=5000)


def test_the_panel_of_a_wide_window_scrolls_by_itself_and_download_stands_below_it(
    visit: Visit, portrait: bytes
) -> None:
    visit.done(portrait)
    unfold_all(visit)
    page = visit.page
    controls, download = box(visit, "#controls"), box(visit, "#download")
    assert bottom(controls) <= download["y"] and bottom(box(visit, "#panel")) <= DESK[1]
    assert page.evaluate("document.querySelector('#controls').scrollHeight") > controls["height"]
    assert page.evaluate("document.documentElement.scrollHeight") <= DESK[1]
    frame = box(visit, "#frame")
    page.locator("#controls").hover()
    page.mouse.wheel(0, 400)
    page.wait_for_function("document.querySelector('#controls').scrollTop > 300")
    assert page.evaluate("scrollY") == 0 and box(visit, "#frame") == frame
    assert box(visit, "#download") == download


def test_an_open_list_goes_with_its_control_when_the_panel_scrolls(visit: Visit, portrait: bytes) -> None:
    visit.done(portrait)
    unfold_all(visit)
    visit.page.click("#model input")
    gap = "document.querySelector('#model .options').getBoundingClientRect().top"
    gap += " - document.querySelector('#model .wrap-inner').getBoundingClientRect().bottom"
    expect(visit.page.locator("#model .options")).to_be_visible()
    visit.page.wait_for_function(f"Math.abs({gap}) < 12")
    visit.page.evaluate("document.querySelector('#controls').scrollTop = 60")
    visit.page.wait_for_function(f"Math.abs({gap}) < 12")


@pytest.mark.parametrize(("locale", "size"), [("zh-CN", SMALL), ("en-US", ZOOMED)], ids=str)
def test_every_setting_can_be_reached_and_nothing_lies_over_it(
    visit_to: Callable[..., Visit], server: Process, portrait: bytes, size: tuple[int, int], locale: str
) -> None:
    how = TOUCH if size in (PHONE, SMALL) else {}
    visit = visit_to(server, *size, locale=locale, **how)
    visit.done(portrait)
    unfold_all(visit)
    page = visit.page
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    controls = settings_of(visit)
    assert len(controls) > 30
    for control in controls:
        control.focus()
        control.scroll_into_view_if_needed()  # a chip of a row that scrolls sideways
        expect_seen(control)
    page.click("#outline-color .dialog-button")
    expect(page.locator(".color-picker")).to_be_in_viewport(ratio=0.99)
    page.locator("#new").scroll_into_view_if_needed()
    for button in ("#download", "#copy", "#new"):
        expect_seen(page.locator(button))


def test_under_600_px_of_height_nothing_sticks(
    visit_to: Callable[..., Visit], server: Process, portrait: bytes
) -> None:
    for size in (ZOOMED, SMALL, (1280, 560)):
        visit = visit_to(server, *size)
        visit.done(portrait)
        unfold_all(visit)
        stuck = """[...document.querySelectorAll('#work, #work *')].filter(
            (one) => ['sticky', 'fixed'].includes(getComputedStyle(one).position)
                && !one.matches('.options, #notice-part')).map((one) => one.id)"""
        assert visit.page.evaluate(stuck) == []


def test_a_small_window_shows_a_result_to_judge_and_then_download(visit: Visit, portrait: bytes) -> None:
    for width, height in (ZOOMED, SMALL, PHONE):
        visit.page.set_viewport_size({"width": width, "height": height})
        visit.done(portrait)
        frame, download = box(visit, "#frame"), box(visit, "#download")
        assert frame["width"] >= min(0.86 * width, 0.65 * height)
        assert frame["height"] <= height
        assert bottom(download) <= (height if (width, height) != SMALL else bottom(frame) + height)
        first = min(box(visit, f"#group-{group}")["y"] for group in FOLDS)
        assert height > 600 or download["y"] < first, "before the settings"
        visit.page.click("#new")


@pytest.mark.parametrize(
    ("shape", "size"),
    [("square", PHONE), ("wide", DESK), ("tall", PHONE), ("strip", ZOOMED), ("strip", PHONE)],
    ids=str,
)
def test_a_photo_of_any_shape_fits_the_screen_and_has_a_frame_to_look_into(
    visit_to: Callable[..., Visit], server: Process, size: tuple[int, int], shape: str
) -> None:
    visit = visit_to(server, *size, locale="zh-CN", color_scheme="dark")
    visit.done(shaped(*SHAPES[shape]))
    width, height = SHAPES[shape]
    frame, picture = box(visit, "#frame"), box(visit, "#result")
    assert frame["x"] >= 0 and frame["x"] + frame["width"] <= size[0]
    assert frame["y"] >= 0 and bottom(frame) <= size[1]
    assert picture["width"] / picture["height"] == pytest.approx(width / height, rel=0.02)
    assert frame["width"] >= 0.5 * size[0] or frame["width"] >= 0.44 * frame["height"]
    assert max(picture["width"] / size[0], picture["height"] / size[1]) > 0.35
    assert bottom(box(visit, "#download")) <= size[1]
    assert size != DESK or visit.page.evaluate("document.documentElement.scrollHeight") <= size[1]
    visit.page.focus("#split")
    for _ in range(5):
        visit.page.keyboard.press("+")
    grown = box(visit, "#result")
    assert grown["width"] == pytest.approx(6 * picture["width"], rel=0.02)
    if shape == "strip":
        assert grown["width"] >= frame["width"], "nearer, it fills the frame"
