"""Framing by hand: crop, move, scale, shadow and background by mouse, finger and keys, and what comes of it."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from pipeline import cut_out_bytes
from tests.browser.conftest import Visit
from tests.browser.panel import after, choose, unfold
from tests.browser.test_picture_behind import give
from tests.browser.test_zoom import PHONE, box, touch, wheel
from tests.pictures import encoded, opened, photo
from tests.process import Process

pytestmark = pytest.mark.used_pages

SIDE = 512  # of the portrait
Point = tuple[float, float]


@pytest.fixture
def framing(visit: Visit, portrait: bytes) -> Visit:
    """A visitor with a portrait in the hand."""
    visit.done(portrait)
    visit.page.click("#by-hand")
    return visit


def take(visit: Visit, tool: str) -> dict:
    """Take another tool; the result that it is used on."""
    return after(visit, lambda: switch(visit, tool))


def switch(visit: Visit, tool: str) -> None:
    """Take another tool that is used on the same picture, once it is offered."""
    radio = f"input[name=hand-tool][value={tool}]"
    expect(visit.page.locator(f"label:has(> {radio})")).to_be_visible()
    visit.page.check(radio, force=True)


def middle(visit: Visit, selector: str) -> Point:
    found = box(visit, selector)
    return found["x"] + found["width"] / 2, found["y"] + found["height"] / 2


def drag(visit: Visit, start: Point, way: Point) -> None:
    """By mouse, and the button stays down."""
    visit.page.mouse.move(*start)
    visit.page.mouse.down()
    visit.page.mouse.move(start[0] + way[0], start[1] + way[1], steps=4)


def let_go(visit: Visit) -> dict:
    return after(visit, visit.page.mouse.up)


def part(visit: Visit, x: float, y: float) -> Point:
    """So many pixels of the screen as this part of the picture has."""
    sheet = box(visit, "#hand")
    return x * sheet["width"], y * sheet["height"]


def options(message: dict, *names: str) -> dict[str, Any]:
    return {name: message["options"][name] for name in names}


def sides(message: dict) -> list[float]:
    return [float(side) for side in message["options"]["crop_box"].split(",")]


# ---- crop ------------------------------------------------------------------------------------------------------------


def test_a_handle_crops_the_file_to_what_is_in_the_box_and_a_reload_finds_it_again(
    framing: Visit, portrait: bytes
) -> None:
    switch(framing, "crop")
    drag(framing, middle(framing, ".grip[data-part=nw]"), part(framing, 0.25, 0.1))
    expect(framing.page.locator("#hand-facts")).to_contain_text(re.compile("38[34] × 46[01]"))
    cropped = let_go(framing)
    assert sides(cropped) == pytest.approx([25, 10, 100, 100], abs=0.5)
    assert (cropped["width"], cropped["height"]) == (SIDE, SIDE), "it is cropped with all of the photo in sight"
    _, data = framing.download()
    assert data == cut_out_bytes(portrait, crop_box=cropped["options"]["crop_box"])
    expect(framing.page.locator("#hand-bar")).to_be_hidden()
    framing.reload()
    framing.until("done")
    assert framing.download()[1] == data
    framing.page.click("#by-hand")
    switch(framing, "crop")
    expect(framing.page.locator("#hand:not(.waiting)")).to_be_visible()
    frame, crop = box(framing, "#hand"), box(framing, "#hand-crop")
    assert crop["x"] - frame["x"] == pytest.approx(0.25 * frame["width"], abs=2)


def test_every_handle_is_large_enough_for_a_finger_and_crops_its_side(
    visit_to: Callable[..., Visit], server: Process, portrait: bytes
) -> None:
    phone = visit_to(server, **PHONE)
    phone.done(portrait)
    phone.page.click("#by-hand")
    switch(phone, "crop")
    session = phone.page.context.new_cdp_session(phone.page)
    inward = {"n": (0, 0.1), "e": (-0.1, 0), "s": (0, -0.1), "w": (0.1, 0), "se": (-0.1, -0.1)}
    expect(phone.page.locator(".grip")).to_have_count(8)
    for grip in phone.page.locator(".grip").all():
        found = grip.bounding_box()
        assert found and found["width"] >= 44 and found["height"] >= 44
    for handle, way in inward.items():
        start, (x, y) = middle(phone, f".grip[data-part={handle}]"), part(phone, *way)

        def swipe(start: Point = start, x: float = x, y: float = y) -> None:
            touch(session, "touchStart", start)
            touch(session, "touchMove", (start[0] + x, start[1] + y))
            touch(session, "touchEnd")

        last = after(phone, swipe)
    assert sides(last) == pytest.approx([10, 10, 80, 80], abs=1)


def test_a_box_keeps_the_shape_of_the_canvas_until_it_is_let_free(visit: Visit, portrait: bytes) -> None:
    visit.done(portrait)
    unfold(visit, "frame")
    after(visit, lambda: choose(visit, "canvas", "4:5"))
    visit.page.click("#by-hand")
    take(visit, "crop")
    drag(visit, middle(visit, ".grip[data-part=se]"), part(visit, -0.3, -0.3))
    left, top, right, bottom = sides(let_go(visit))
    assert (right - left) / (bottom - top) == pytest.approx(0.8, abs=0.002)
    _, data = visit.download()
    size = opened(data).shape
    assert size[1] / size[0] == pytest.approx(0.8, abs=0.01)
    visit.page.click("#by-hand")
    take(visit, "crop")
    visit.page.uncheck("#hand-shape", force=True)
    drag(visit, middle(visit, ".grip[data-part=e]"), part(visit, 0.1, 0))
    left, top, wider, lower = sides(let_go(visit))
    assert (wider - right, lower - bottom) == pytest.approx((10, 0), abs=0.5)


def test_a_photo_that_is_turned_and_mirrored_is_cropped_where_the_hand_crops_it(visit: Visit, portrait: bytes) -> None:
    visit.done(portrait)
    unfold(visit, "frame")
    after(visit, lambda: choose(visit, "rotate", "90°"))
    after(visit, lambda: choose(visit, "flip", "Left to right"))
    visit.page.click("#by-hand")
    take(visit, "crop")
    drag(visit, middle(visit, ".grip[data-part=w]"), part(visit, 0.25, 0))
    assert sides(let_go(visit)) == pytest.approx([0, 25, 100, 100], abs=0.5)
    _, data = visit.download()
    whole = opened(cut_out_bytes(portrait, rotate=90, flip="horizontal"))
    shown = opened(data)
    assert np.array_equal(shown, whole[:, -shown.shape[1] :])


def test_the_box_moves_as_a_whole_and_its_handles_by_keys(framing: Visit) -> None:
    page = framing.page
    switch(framing, "crop")
    page.focus(".grip[data-part=w]")
    page.keyboard.press("Shift+ArrowRight")
    after(framing, lambda: page.keyboard.press("ArrowRight"))
    page.focus(".grip[data-part=s]")
    narrow = after(framing, lambda: page.keyboard.press("Shift+ArrowUp"))
    assert sides(narrow) == pytest.approx([1100 / SIDE, 0, 100, 100 - 1000 / SIDE], abs=0.01)
    expect(page.locator("#said")).to_have_text("501 × 502, from 2 % left, 0 % top")
    drag(framing, middle(framing, "#hand-crop"), (-300, 300))
    moved = sides(let_go(framing))
    assert moved == pytest.approx([0, 1000 / SIDE, 100 - 1100 / SIDE, 100], abs=0.01)


# ---- move and scale --------------------------------------------------------------------------------------------------


@pytest.fixture
def on_canvas(visit: Visit) -> Visit:
    """A cup on a square canvas, in the hand."""
    visit.done(encoded(photo("coffee")), "coffee.png")
    unfold(visit, "frame")
    after(visit, lambda: choose(visit, "canvas", "1:1"))
    visit.page.click("#by-hand")
    return visit


def test_the_subject_goes_where_it_is_dragged_and_the_file_is_that_of_the_same_options(on_canvas: Visit) -> None:
    on_canvas.page.keyboard.down("Alt")  # without snapping
    drag(on_canvas, middle(on_canvas, "#hand"), part(on_canvas, 0.2, -0.1))
    moved = let_go(on_canvas)
    on_canvas.page.keyboard.up("Alt")
    assert (moved["options"]["offset_x"], moved["options"]["offset_y"]) == pytest.approx((20, -10), abs=0.5)
    _, data = on_canvas.download()
    how = options(moved, "offset_x", "offset_y", "canvas")
    assert data == cut_out_bytes(encoded(photo("coffee")), **how)


def test_the_picture_follows_the_hand_before_the_server_has_answered(on_canvas: Visit) -> None:
    page = on_canvas.page
    page.route("**/queue/join*", lambda route: None)
    before = on_canvas.pixels("#result").astype(int)
    drag(on_canvas, middle(on_canvas, "#hand"), part(on_canvas, 0.25, 0))
    expect(page.locator("#live")).to_be_visible()
    page.mouse.up()
    expect(page.locator("#live")).to_be_visible()
    step = round(0.25 * before.shape[1])
    row = before.shape[0] // 2
    now = on_canvas.pixels("#result").astype(int)
    assert np.abs(now[row, step + 40 : -40] - before[row, 40 : -step - 40]).mean() < 12


def test_what_is_downloaded_right_after_the_hand_lets_go_is_what_it_has_done(on_canvas: Visit) -> None:
    page = on_canvas.page
    drag(on_canvas, middle(on_canvas, "#hand"), part(on_canvas, 0.2, 0.2))
    page.mouse.up()
    _, data = on_canvas.download()
    moved = on_canvas.heard()[-1]
    assert moved["options"]["offset_x"] > 10
    assert data == cut_out_bytes(encoded(photo("coffee")), **options(moved, "offset_x", "offset_y", "canvas"))


def test_a_press_that_hardly_moves_changes_nothing(on_canvas: Visit) -> None:
    after(on_canvas, lambda: on_canvas.page.keyboard.press("ArrowLeft"))
    drag(on_canvas, middle(on_canvas, "#hand"), (2, 1))
    on_canvas.page.mouse.up()
    on_canvas.nothing_more_comes()
    assert on_canvas.heard()[-1]["options"]["offset_x"] < 0, "nor does it snap to the middle"


def test_near_the_middle_and_the_margin_it_snaps_and_shows_the_line(on_canvas: Visit) -> None:
    page = on_canvas.page
    drag(on_canvas, middle(on_canvas, "#hand"), part(on_canvas, 0, 0.2))
    expect(page.locator("#guide-x")).to_be_visible()
    expect(page.locator("#guide-y")).to_be_hidden()
    page.mouse.up()
    page.mouse.move(0, 0)
    drag(on_canvas, middle(on_canvas, "#hand"), (5, -box(on_canvas, "#hand")["height"] * 0.2 - 4))
    expect(page.locator("#guide-y")).to_be_visible()
    back = let_go(on_canvas)
    expect(page.locator(".guide").first).to_be_hidden()
    assert (back["options"]["offset_x"], back["options"]["offset_y"]) == pytest.approx((0, 0), abs=0.25), "to the pixel"


def test_arrow_keys_move_by_a_pixel_with_shift_by_ten_and_it_is_said(on_canvas: Visit) -> None:
    page = on_canvas.page
    page.focus("#hand")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowRight")
    moved = after(on_canvas, lambda: page.keyboard.press("ArrowUp"))
    pixel = 100 / moved["width"]
    assert (moved["options"]["offset_x"], moved["options"]["offset_y"]) == pytest.approx(
        (11 * pixel, -pixel), abs=0.002
    )
    expect(page.locator("#said")).to_have_text(re.compile(r"[\d.]+ % right, -[\d.]+ % down, size 100 %"))
    after(on_canvas, lambda: page.keyboard.press("Control+z"))
    assert page.evaluate("window.heard.at(-1).options.offset_x") == 0, "several keys in a row are one step"


def test_a_corner_the_wheel_and_plus_make_the_subject_larger(on_canvas: Visit) -> None:
    page = on_canvas.page
    corner, at = middle(on_canvas, ".corner[data-part=se]"), middle(on_canvas, "#hand")
    drag(on_canvas, corner, ((at[0] - corner[0]) / 2, (at[1] - corner[1]) / 2))
    half = let_go(on_canvas)
    assert half["options"]["scale"] == pytest.approx(50, abs=2)
    turned = after(on_canvas, lambda: wheel(on_canvas, at, -300))
    assert turned["options"]["scale"] == pytest.approx(half["options"]["scale"] * 2**0.5, abs=0.1)
    page.focus("#hand")
    grown = after(on_canvas, lambda: page.keyboard.press("+"))
    assert grown["options"]["scale"] == pytest.approx(turned["options"]["scale"] * 1.05, abs=0.1)
    assert on_canvas.download()[1] == cut_out_bytes(encoded(photo("coffee")), **options(grown, "scale", "canvas"))


def test_two_fingers_scale_and_one_moves(visit_to: Callable[..., Visit], server: Process, portrait: bytes) -> None:
    phone = visit_to(server, **PHONE)
    phone.done(portrait)
    phone.page.click("#by-hand")
    session = phone.page.context.new_cdp_session(phone.page)
    x, y = middle(phone, "#hand")

    def pinch() -> None:
        touch(session, "touchStart", (x, y - 80))
        touch(session, "touchStart", (x, y - 80), (x, y + 80))
        for step in range(1, 5):
            touch(session, "touchMove", (x, y - 80 + 10 * step), (x, y + 80 - 10 * step))
        touch(session, "touchEnd")

    small = after(phone, pinch)
    assert small["options"]["scale"] == pytest.approx(50, abs=1)

    def push() -> None:
        touch(session, "touchStart", (x, y))
        touch(session, "touchMove", (x + 50, y - 50))
        touch(session, "touchEnd")

    moved = after(phone, push)
    sheet = box(phone, "#hand")
    assert moved["options"]["offset_x"] == pytest.approx(5000 / sheet["width"], abs=3)
    assert phone.page.evaluate("scrollY") == 0


def test_undo_and_redo_are_those_of_the_settings(on_canvas: Visit) -> None:
    page = on_canvas.page
    drag(on_canvas, middle(on_canvas, "#hand"), part(on_canvas, 0.2, 0.2))
    moved = let_go(on_canvas)["options"]
    undone = after(on_canvas, lambda: page.click("#hand-undo"))
    assert (undone["options"]["offset_x"], undone["options"]["canvas"]) == (0, "1:1")
    redone = after(on_canvas, lambda: page.click("#redo"))
    assert redone["options"] == moved
    plain = after(on_canvas, lambda: page.click("#hand-reset"))
    assert options(plain, "offset_x", "offset_y", "scale") == {"offset_x": 0, "offset_y": 0, "scale": 100}


def test_the_next_photo_comes_without_and_the_one_before_comes_back_with_its_frame(
    framing: Visit, portrait: bytes
) -> None:
    drag(framing, middle(framing, "#hand"), part(framing, 0.2, 0))
    moved = let_go(framing)["options"]["offset_x"]
    framing.choose(encoded(photo("coffee")), "coffee.png")
    framing.page.wait_for_function("window.heard.at(-1)?.name === 'coffee.png' && window.heard.at(-1).state === 'done'")
    framing.until("done")
    expect(framing.page.locator("#hand-bar")).to_be_hidden()
    assert framing.download()[1] == cut_out_bytes(encoded(photo("coffee")))
    after(framing, lambda: framing.page.locator("#picture .thumb[title='photo.jpg']").click())
    assert framing.download()[1] == cut_out_bytes(portrait, offset_x=moved)


def test_a_file_that_is_no_picture_leaves_the_photo_before_with_its_frame(framing: Visit, portrait: bytes) -> None:
    drag(framing, middle(framing, "#hand"), part(framing, 0.2, 0))
    moved = let_go(framing)["options"]["offset_x"]
    after(framing, lambda: framing.choose(b"text", "notes.jpg"))
    expect(framing.page.locator("#offset-x input[type=number]")).to_have_value(str(moved))
    assert framing.download()[1] == cut_out_bytes(portrait, offset_x=moved)


def test_of_a_sheet_one_copy_is_framed_and_the_file_is_the_sheet(visit: Visit, portrait: bytes) -> None:
    page = visit.page
    visit.done(portrait)
    after(visit, lambda: page.click("#preset-chips [data-name=id-photo]"))
    unfold(visit, "frame")
    sheet = after(visit, lambda: choose(visit, "sheet", "6 inches (4 × 6)"))
    one = after(visit, lambda: page.click("#by-hand"))
    assert one["width"] < sheet["width"]
    page.focus("#hand")
    after(visit, lambda: page.keyboard.press("Shift+ArrowUp"))
    _, data = visit.download()
    assert opened(data).shape[:2] == (sheet["height"], sheet["width"])


def test_escape_ends_and_the_focus_goes_back(framing: Visit) -> None:
    page = framing.page
    expect(page.locator("#hand")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#hand-bar")).to_be_hidden()
    expect(page.locator("#by-hand")).to_be_focused()


# ---- shadow and background -------------------------------------------------------------------------------------------


def test_a_shadow_falls_where_it_is_dragged_and_is_offered_only_where_it_has_a_direction(
    visit: Visit, portrait: bytes
) -> None:
    page, tool = visit.page, visit.page.locator("label:has(> input[name=hand-tool][value=shadow])")
    visit.done(portrait)
    page.click("#by-hand")
    expect(tool).to_be_hidden()
    unfold(visit, "shadow")
    after(visit, lambda: choose(visit, "shadow", "Behind it"))
    expect(tool).to_be_visible()
    switch(visit, "shadow")
    drag(visit, middle(visit, "#hand-dial .knob"), part(visit, -0.1, 0.05))
    fallen = let_go(visit)
    x, y = fallen["options"]["shadow_x"], fallen["options"]["shadow_y"]
    assert (x, y) == pytest.approx((2 - 10, 3 + 5), abs=0.6)
    page.focus("#hand")
    stepped = after(visit, lambda: page.keyboard.press("ArrowLeft"))
    assert stepped["options"]["shadow_x"] == pytest.approx(x - 0.5)
    how = options(stepped, "shadow", "shadow_x", "shadow_y")
    assert visit.download()[1] == cut_out_bytes(portrait, **how)


def test_the_picture_behind_is_dragged_and_grows_and_the_subject_stays(visit: Visit, portrait: bytes) -> None:
    page, wall = visit.page, encoded(photo("coffee"))  # wider than high
    visit.done(portrait)
    give(visit, wall, "wall.png")
    page.wait_for_function("window.heard.at(-1)?.behind?.name === 'wall.png' && window.heard.at(-1).state === 'done'")
    page.click("#by-hand")
    switch(visit, "background")
    page.wait_for_function("document.getElementById('live-behind').naturalWidth > 0")
    at = middle(visit, "#hand")
    drag(visit, at, part(visit, 0.1, 0.1))
    placed = let_go(visit)
    wide = 600 / 400  # of its height
    assert placed["options"]["background_x"] == pytest.approx(50 - 10 / (wide - 1), abs=1)
    assert placed["options"]["background_y"] == 50, "it has nothing to spare there"
    grown = after(visit, lambda: wheel(visit, at, -600))
    assert grown["options"]["background_zoom"] == 200
    how = options(grown, "background_x", "background_y", "background_zoom")
    assert visit.download()[1] == cut_out_bytes(portrait, wall, **how)
