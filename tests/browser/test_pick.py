"""Picking a subject: it lights up under the pointer, a click or a tap drops it or brings it back, and so do keys."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from pipeline import InputFiles, Options, cut_out_bytes, cut_out_file
from tests.browser.conftest import Visit
from tests.browser.panel import after
from tests.browser.test_touchup import alpha, at, marks_sent, take
from tests.browser.test_zoom import PHONE, box, touch
from tests.pictures import composite, encoded
from tests.process import Process

pytestmark = pytest.mark.used_pages

SIZE = 640, 480
LEFT, RIGHT = (160, 250), (480, 250)  # the middles of two balls
WALL = (320, 30)


@pytest.fixture(scope="module")
def two() -> bytes:
    """Two subjects, one beside the other."""
    return encoded(np.hstack([composite(320, 480).rgb] * 2))


@pytest.fixture
def picking(visit: Visit, two: bytes) -> Visit:
    """A visitor who picks one of two."""
    visit.done(two, "two.png")
    begin(visit)
    return visit


def begin(visit: Visit) -> None:
    visit.page.click("#touch")
    take(visit, "pick")


def on_screen(visit: Visit, point: tuple[float, float]) -> tuple[float, float]:
    sheet = box(visit, "#result")
    return sheet["x"] + point[0] / SIZE[0] * sheet["width"], sheet["y"] + point[1] / SIZE[1] * sheet["height"]


def click(visit: Visit, point: tuple[float, float]) -> None:
    after(visit, lambda: visit.page.mouse.click(*on_screen(visit, point)))


def lit(page: Page, point: tuple[float, float]) -> list[int]:
    """The colour of the light at a pixel of the photo: red, green, blue, opacity."""
    return page.evaluate(
        """([x, y]) => {
            const canvas = document.querySelector("#picked");
            const at = [x * canvas.width, y * canvas.height].map(Math.floor);
            return canvas.hidden ? [0, 0, 0, 0] : [...canvas.getContext("2d").getImageData(...at, 1, 1).data];
        }""",
        [point[0] / SIZE[0], point[1] / SIZE[1]],
    )


def expect_light(visit: Visit, point: tuple[float, float]) -> list[int]:
    expect(visit.page.locator("#picked")).to_be_visible()
    light = lit(visit.page, point)
    assert light[3] > 50
    return light


def test_one_of_two_is_dropped_by_a_click_and_the_file_is_that_of_the_same_marks(picking: Visit, two: bytes) -> None:
    sent = marks_sent(picking)
    click(picking, LEFT)
    _, data = picking.download()
    now = alpha(data)
    assert at(now, LEFT) == 0 and at(now, RIGHT) == 255
    assert now[:, :300].max() == 0, "with its whole edge"
    (mark,) = sent[-1]["strokes"]
    assert mark["kind"] == "erase" and mark["include"][0] == pytest.approx(LEFT, abs=1)
    files = InputFiles(two, name="two.png", marks=json.dumps(sent[-1]).encode())
    assert data == cut_out_file(files, Options()).data


def test_what_would_go_lights_up_in_red_and_what_would_come_back_in_green(picking: Visit) -> None:
    page = picking.page
    page.mouse.move(*on_screen(picking, LEFT))
    red, green, _, _ = expect_light(picking, LEFT)
    assert red > green and lit(page, RIGHT)[3] == 0
    click(picking, LEFT)
    red, green, _, _ = expect_light(picking, LEFT)
    assert green > red
    page.mouse.move(*on_screen(picking, WALL))
    expect(page.locator("#picked")).to_be_hidden()
    page.mouse.move(*on_screen(picking, RIGHT))
    expect_light(picking, RIGHT)
    take(picking, "keep")
    page.mouse.move(*on_screen(picking, LEFT))
    expect(page.locator("#picked")).to_be_hidden()


def test_a_second_click_brings_it_back_and_each_click_is_undone_alone(picking: Visit, two: bytes) -> None:
    page = picking.page
    first = cut_out_bytes(two)
    click(picking, LEFT)
    click(picking, LEFT)
    back = alpha(picking.download()[1])
    assert np.abs(back.astype(int) - alpha(first)).mean() < 0.5
    expect(page.locator("#touch-count")).to_have_text("2")
    after(picking, lambda: page.keyboard.press("Control+z"))
    assert at(alpha(picking.download()[1]), LEFT) == 0
    after(picking, lambda: page.click("#touch-undo"))
    assert picking.download()[1] == first
    after(picking, lambda: page.click("#touch-redo"))
    assert at(alpha(picking.download()[1]), LEFT) == 0


def test_a_click_on_the_bare_wall_says_so_and_changes_nothing(picking: Visit) -> None:
    sent = marks_sent(picking)
    picking.page.mouse.click(*on_screen(picking, WALL))
    expect(picking.page.locator("#touch-hint")).to_contain_text("Nothing stands out here")
    picking.nothing_more_comes()
    assert sent == []


def test_keys_alone_drop_a_subject(picking: Visit) -> None:
    page = picking.page
    page.focus("#strokes")
    page.keyboard.press("ArrowLeft")
    while box(picking, "#brush")["x"] + 8 > on_screen(picking, LEFT)[0]:
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#brush")).to_be_visible()
    expect_light(picking, LEFT)
    after(picking, lambda: page.keyboard.press("Enter"))
    expect(page.locator("#said")).not_to_be_empty()
    now = alpha(picking.download()[1])
    assert at(now, LEFT) == 0 and at(now, RIGHT) == 255


def test_a_tap_drops_a_subject(visit_to: Callable[..., Visit], server: Process, two: bytes) -> None:
    phone = visit_to(server, **PHONE)
    phone.done(two, "two.png")
    begin(phone)
    session = phone.page.context.new_cdp_session(phone.page)

    def tap() -> None:
        touch(session, "touchStart", on_screen(phone, RIGHT))
        touch(session, "touchEnd")

    after(phone, tap)
    now = alpha(phone.download()[1])
    assert at(now, RIGHT) == 0 and at(now, LEFT) == 255


def test_a_reload_finds_what_was_picked_and_it_can_still_be_undone(picking: Visit, two: bytes) -> None:
    click(picking, RIGHT)
    _, before = picking.download()
    picking.reload()
    picking.until("done")
    expect(picking.page.locator("#touch-count")).to_have_text("1")
    assert picking.download()[1] == before
    picking.page.click("#touch")
    picking.page.click("#touch-undo")
    expect(picking.page.locator("#touch-undo")).to_be_disabled()
    assert picking.download()[1] == cut_out_bytes(two)


def test_strokes_and_picks_stand_in_one_line_and_the_later_wins(picking: Visit) -> None:
    page = picking.page
    click(picking, LEFT)
    take(picking, "keep")
    page.check("input[name=touch-how][value=exact]", force=True)
    click(picking, LEFT)
    now = alpha(picking.download()[1])
    assert at(now, LEFT) == 255 and at(now, (100, 250)) == 0


# ---- more than one click ---------------------------------------------------------------------------------------------


def mean_click(visit: Visit, meaning: str) -> None:
    visit.page.check(f"input[name=touch-click][value={meaning}]", force=True)


def test_a_frame_drops_what_is_in_it_and_brings_it_back(picking: Visit, two: bytes) -> None:
    sent = marks_sent(picking)
    mouse = picking.page.mouse
    for kind in ("erase", "keep"):
        mouse.move(*on_screen(picking, (10, 10)))
        mouse.down()
        mouse.move(*on_screen(picking, (310, 470)), steps=3)
        expect(picking.page.locator("#pick-frame")).to_be_visible()
        after(picking, mouse.up)
        expect(picking.page.locator("#pick-frame")).to_be_hidden()
        mark = sent[-1]["strokes"][-1]
        assert mark["kind"] == kind and mark["box"] == pytest.approx([10, 10, 310, 470], abs=1.5)
    assert np.abs(alpha(picking.download()[1]).astype(int) - alpha(cut_out_bytes(two))).mean() < 0.5


def test_a_finger_draws_a_frame(visit_to: Callable[..., Visit], server: Process, two: bytes) -> None:
    phone = visit_to(server, **PHONE)
    phone.done(two, "two.png")
    begin(phone)
    session = phone.page.context.new_cdp_session(phone.page)

    def swipe() -> None:
        touch(session, "touchStart", on_screen(phone, (330, 5)))
        touch(session, "touchMove", on_screen(phone, (500, 300)))
        touch(session, "touchMove", on_screen(phone, (638, 475)))
        touch(session, "touchEnd")

    after(phone, swipe)
    now = alpha(phone.download()[1])
    assert at(now, RIGHT) == 0 and at(now, LEFT) == 255


def test_a_second_click_adds_to_the_pick_or_takes_from_it_and_is_a_step_of_its_own(picking: Visit) -> None:
    page, sent = picking.page, marks_sent(picking)
    expect(page.locator("input[name=touch-click][value=more]")).to_be_disabled()
    click(picking, LEFT)
    mean_click(picking, "more")
    expect(page.locator("#touch-hint")).to_contain_text("as well")
    click(picking, RIGHT)
    (mark,) = sent[-1]["strokes"]
    assert mark["kind"] == "erase" and np.allclose(mark["include"], [LEFT, RIGHT], atol=1)
    page.keyboard.press("Control+z")
    page.wait_for_function("window.heard.at(-1).state === 'done'")
    picking.until("done")
    mean_click(picking, "less")
    click(picking, (176, 260))
    (mark,) = sent[-1]["strokes"]
    assert len(mark["include"]) == 1 and np.allclose(mark["exclude"], [(176, 260)], atol=1)
    after(picking, lambda: page.click("#touch-reset"))
    expect(page.locator("input[name=touch-click][value=new]")).to_be_checked()


def test_shift_and_a_click_belong_to_the_pick_before(picking: Visit) -> None:
    page, sent = picking.page, marks_sent(picking)
    click(picking, LEFT)
    page.keyboard.down("Shift")
    click(picking, RIGHT)
    page.keyboard.up("Shift")
    assert len(sent[-1]["strokes"]) == 1 and len(sent[-1]["strokes"][0]["include"]) == 2
    click(picking, LEFT)
    assert len(sent[-1]["strokes"]) == 2


def test_the_next_photo_begins_with_the_brush_that_keeps(picking: Visit, portrait: bytes) -> None:
    page = picking.page
    picking.choose(portrait, "next.jpg")
    page.wait_for_function("window.heard.at(-1)?.name === 'next.jpg' && window.heard.at(-1).state === 'done'")
    picking.until("done")
    page.click("#touch")
    expect(page.locator("input[name=touch-kind][value=keep]")).to_be_checked()
    expect(page.locator("#touch-faint")).not_to_be_checked()
