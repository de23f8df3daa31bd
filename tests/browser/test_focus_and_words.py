"""Where the focus is led, what a screen reader is told and how often, boxes that must be answered, undo by key."""

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.gate import Gate
from tests.pictures import composite, encoded
from tests.process import Process

BIG, SLOW = "Best", "isnet-general-use"  # the title of a model, and the network of it that takes long
WALL = encoded(np.full((300, 400, 3), 128, np.uint8))
VisitTo = Callable[..., Visit]

# What is said: each text that an alert or the status comes to show.
LISTEN = """() => {
    window.said = [];
    const regions = [...document.querySelectorAll("[role=alert], [role=status]")];
    const shown = new Map(regions.map((each) => [each, each.checkVisibility() ? each.innerText.trim() : ""]));
    new MutationObserver((changes) => {
        for (const region of regions) {
            const touched = changes.some(({ type, target }) => type === "childList" && region.contains(target));
            const text = region.checkVisibility() ? region.innerText.trim() : "";
            if (text && (touched || text !== shown.get(region))) window.said.push([region.getAttribute("role"), text]);
            shown.set(region, text);
        }
    }).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ["hidden"] });
}"""


def said(visit: Visit, role: str) -> list[str]:
    return [text for by, text in visit.page.evaluate("window.said") if by == role]


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.localName"))


# ---- where the focus is ---------------------------------------------------------------------------------------------


def test_the_focus_goes_to_the_first_result_is_seen_there_and_goes_from_there_to_the_handle(
    visit: Visit, portrait: bytes
) -> None:
    page = visit.page
    page.keyboard.press("Tab")
    page.locator("#input button").focus()
    visit.done(portrait)
    expect(page.locator("#frame")).to_be_focused()
    expect(page.locator("#frame")).to_have_accessible_name("Photo “photo.jpg”")
    outline = (
        "(({ outlineStyle, outlineWidth }) => [outlineStyle, outlineWidth])(getComputedStyle(document.activeElement))"
    )
    assert page.evaluate(outline) == ["solid", "2px"]
    page.keyboard.press("Tab")
    expect(page.locator("#split")).to_be_focused()


def test_what_has_the_focus_is_in_sight_on_a_low_screen_too(
    visit_to: VisitTo, server: Process, portrait: bytes
) -> None:
    visit = visit_to(server, 640, 400)
    visit.done(portrait)
    visit.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    visit.done(WALL, "wall.png")
    expect(visit.page.get_by_role("button", name="Try Best")).to_be_focused()
    expect(visit.page.get_by_role("button", name="Try Best")).to_be_in_viewport(ratio=1)


def test_a_later_setting_leaves_the_focus_where_it_is(visit: Visit, portrait: bytes) -> None:
    page = visit.page
    visit.done(portrait)
    page.focus("#preset-chips [data-name=sticker]")
    page.keyboard.press("Enter")
    page.wait_for_function("window.heard.at(-1)?.state === 'done' && window.heard.at(-1).options.outline > 0")
    visit.until("done")
    assert page.evaluate("document.activeElement.dataset.name") == "sticker"


def test_who_is_typing_keeps_the_focus_when_another_photo_is_done(visit: Visit, portrait: bytes) -> None:
    page = visit.page
    visit.done(portrait)
    page.click("#group-edges .fold-head")
    page.locator("#feather input[type=number]").focus()
    visit.choose(encoded(composite().rgb), "ball.png")
    page.wait_for_function("document.getElementById('download').download === 'ball_cutout.png'")
    visit.until("done")
    expect(page.locator("#feather input[type=number]")).to_be_focused()
    page.focus("#group-edges .fold-head")
    visit.choose(portrait)
    page.wait_for_function("document.getElementById('download').download === 'photo_cutout.png'")
    expect(page.locator("#frame")).to_be_focused()


def test_a_file_that_is_no_photo_leads_back_to_the_chooser(visit: Visit) -> None:
    visit.page.locator("#input button").focus()
    visit.choose(b"text", "notes.jpg")
    expect(visit.page.get_by_role("alert")).to_contain_text("is not a picture")
    expect(visit.page.locator("#input button")).to_be_focused()


def test_cancel_leads_back_to_the_result(visit: Visit, unseen: bytes, isnet: Path, gate: Gate) -> None:
    visit.done(unseen)
    with gate.shut(SLOW):
        visit.pick_model(BIG)
        gate.until_reached(SLOW)
        visit.until("working")
        visit.page.focus("#cancel")
        visit.page.keyboard.press("Enter")
        visit.until("done")
        expect(visit.page.locator("#frame")).to_be_focused()


# ---- what is said ---------------------------------------------------------------------------------------------------


def test_a_photo_that_is_done_is_said_once_in_a_region_that_was_there_from_the_start(
    visit: Visit, portrait: bytes
) -> None:
    expect(visit.page.locator("#said")).to_be_attached()
    visit.page.evaluate(LISTEN)
    visit.done(portrait)
    expect(visit.page.get_by_role("status").filter(has_text="Done: 512 × 512, ")).to_have_count(1)
    assert len([text for text in said(visit, "status") if text.startswith("Done")]) == 1
    assert said(visit, "alert") == []
    visit.done(portrait, "again.jpg")
    visit.page.wait_for_function("window.said.filter(([, text]) => text.startsWith('Done')).length === 2")


def test_what_takes_long_is_said_while_it_lasts(visit: Visit, unseen: bytes, gate: Gate) -> None:
    visit.page.evaluate(LISTEN)
    with gate.shut("u2netp"):
        visit.choose(unseen)
        visit.page.wait_for_function(
            "window.said.some(([role, text]) => role === 'status' && text === 'Finding the subject')"
        )
    visit.until("done")


def test_an_error_is_said_once(visit: Visit, portrait: bytes) -> None:
    visit.page.evaluate(LISTEN)
    visit.choose(b"text", "notes.jpg")
    expect(visit.page.get_by_role("alert")).to_be_visible()
    visit.nothing_more_comes()
    assert len(said(visit, "alert")) == 1 and "is not a picture" in said(visit, "alert")[0]
    visit.done(portrait)
    visit.choose(b"text", "notes.jpg")
    expect(visit.page.get_by_role("alert")).to_be_visible()
    visit.nothing_more_comes()
    assert len(said(visit, "alert")) == 2, "and the next time again"


def test_nothing_found_is_said_once_and_the_focus_is_on_what_may_help(visit: Visit) -> None:
    page = visit.page
    page.evaluate(LISTEN)
    visit.done(WALL, "wall.png")
    expect(page.get_by_role("button", name="Try Best")).to_be_focused()
    visit.nothing_more_comes()
    assert len(said(visit, "alert")) == 1 and said(visit, "alert")[0].startswith("No clear subject found")
    assert not [text for text in said(visit, "status") if text.startswith("Done")]
    page.keyboard.press("Enter")
    page.wait_for_function("window.heard.some((said) => said?.state === 'done' && said.options.model === 'best')")
    visit.until("done")
    expect(page.locator("#frame")).to_be_focused()


def test_every_state_has_one_heading_of_the_first_level_and_leaves_no_level_out(
    visit_to: VisitTo, stocked: Process, portrait: bytes
) -> None:
    visit = visit_to(stocked)
    page = visit.page

    def outline() -> list[int]:
        return list(
            page.evaluate("""() => [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")]
                .filter((each) => each.checkVisibility() && each.textContent).map(({ localName }) => +localName[1])""")
        )

    def check(state: str) -> None:
        levels = outline()
        assert levels.count(1) == 1 and levels[0] == 1, (state, levels)
        assert all(next_one <= one + 1 for one, next_one in pairwise(levels)), (state, levels)

    check("start")
    page.route("**/gradio_api/upload*", lambda route: None)
    visit.choose(portrait)
    visit.until("working")
    check("working")
    page.get_by_role("button", name="Cancel").click()
    page.unroute("**/gradio_api/upload*")
    visit.choose(b"text", "notes.jpg")
    expect(page.get_by_role("alert")).to_be_visible()
    check("error")
    visit.done(portrait)
    check("done")
    visit.done(WALL, "wall.png")
    expect(page.locator("#nothing")).to_be_visible()
    check("nothing found")
    page.get_by_role("button", name="Try Best").click()
    visit.until("ask")
    check("asking")
    page.keyboard.press("Escape")
    visit.done(portrait)
    page.click("#compare-open")
    check("comparing")
    visit.models()
    check("models")


# ---- boxes that must be answered ------------------------------------------------------------------------------------


def stays_within(page: Page, box: str) -> None:
    """Tab goes round within the box (and the browser's own buttons)."""
    expect(page.locator(box)).to_be_visible()
    seen = set()
    for key in ["Tab"] * 8 + ["Shift+Tab"] * 8:
        page.keyboard.press(key)
        where = page.evaluate(
            "(box) => document.activeElement === document.body || !!document.activeElement.closest(box)", box
        )
        assert where, focused(page)
        seen.add(focused(page))
    assert len(seen - {"body"}) >= 2


def test_the_box_about_clearcut_keeps_the_focus_and_gives_it_back(visit: Visit) -> None:
    page = visit.page
    page.focus("#about")
    page.keyboard.press("Enter")
    stays_within(page, "#about-box")
    page.keyboard.press("Escape")
    expect(page.locator("#about-box")).to_be_hidden()
    expect(page.locator("#about")).to_be_focused()


def test_the_question_before_a_fetch_keeps_the_focus_and_escape_is_a_no(
    visit_to: VisitTo, shop: Process, portrait: bytes
) -> None:
    visit = visit_to(shop)
    page = visit.page
    visit.done(portrait)
    visit.pick_model(BIG)
    dialog = page.get_by_role("dialog", name="“Best” is not on this computer yet")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("button", name="Fetch it once")).to_be_focused()
    stays_within(page, "#ask-box")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    visit.until("done")
    expect(page.locator("#model input")).to_have_value("Fast")
    expect(page.locator("#model input")).to_be_focused()
    visit.done(WALL, "wall.png")
    page.get_by_role("button", name="Try Best").press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    visit.until("done")
    expect(page.get_by_role("button", name="Try Best")).to_be_focused()


def test_a_photo_that_is_given_while_a_question_stands_is_cut_out(
    visit_to: VisitTo, shop: Process, portrait: bytes
) -> None:
    visit = visit_to(shop)
    visit.done(portrait)
    visit.pick_model(BIG)
    visit.until("ask")
    visit.choose(b"", "nothing.jpg")
    expect(visit.page.get_by_role("dialog")).to_be_hidden()
    expect(visit.page.get_by_role("alert")).to_contain_text("is empty")


def test_whether_to_remove_a_model_is_asked_in_a_box_that_gives_the_focus_back(
    shop: Process, visit_to: VisitTo, shop_folder: Path
) -> None:
    visit = visit_to(shop).models()
    page = visit.page
    remove = visit.card("u2netp").get_by_role("button", name="Remove")
    remove.press("Enter")
    dialog = page.get_by_role("dialog", name="Fast")
    expect(dialog).to_have_accessible_description(re.compile("It can be fetched again"))
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    stays_within(page, "#sure-box")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(remove).to_be_focused()
    assert (shop_folder / "u2netp.onnx").is_file()


# ---- undo and redo --------------------------------------------------------------------------------------------------


def behind(visit: Visit, value: str) -> None:
    """Wait for the row under the picture, and the result that is on the screen, to have this background."""
    expect(visit.page.locator(f"input[name=backdrop][value={value}]")).to_be_checked()
    visit.page.wait_for_function(
        """(wanted) => window.heard.some((said) => said?.state === "done"
        && document.getElementById("after").src.endsWith(said.after)
        && wanted === said.options[said.options.background === "color" ? "background_color" : "background"])""",
        arg={"white": "#ffffff", "black": "#000000"}.get(value, value),
    )


def pick(visit: Visit, value: str) -> None:
    visit.page.check(f"input[name=backdrop][value={value}]", force=True)
    behind(visit, value)


def test_keys_undo_and_redo_settings(visit: Visit, portrait: bytes) -> None:
    visit.done(portrait)
    for mod in ("Control", "Meta"):
        undo_and_redo(visit, mod)
        visit.page.keyboard.press(f"{mod}+z")
        behind(visit, "white")
        visit.page.keyboard.press(f"{mod}+z")
        behind(visit, "transparent")


def undo_and_redo(visit: Visit, mod: str) -> None:
    page = visit.page
    pick(visit, "white")
    pick(visit, "black")
    page.keyboard.press(f"{mod}+z")
    behind(visit, "white")
    page.keyboard.press(f"{mod}+z")
    behind(visit, "transparent")
    page.keyboard.press(f"{mod}+z")
    behind(visit, "transparent")
    page.keyboard.press(f"{mod}+Shift+z")
    behind(visit, "white")
    page.keyboard.press(f"{mod}+y")
    behind(visit, "black")
    expect(page.locator("#redo")).to_be_disabled()


def test_a_new_change_takes_away_what_could_be_redone(visit: Visit, portrait: bytes) -> None:
    page = visit.page
    visit.done(portrait)
    pick(visit, "white")
    page.get_by_role("button", name="Undo").click()
    behind(visit, "transparent")
    expect(page.get_by_role("button", name="Redo")).to_be_focused()  # Undo has nothing more to do, and is hidden
    page.get_by_role("button", name="Redo").click()
    behind(visit, "white")
    page.keyboard.press("Control+z")
    behind(visit, "transparent")
    pick(visit, "blur")
    expect(page.locator("#redo")).to_be_disabled()
    page.keyboard.press("Control+Shift+z")
    behind(visit, "blur")


def test_while_one_types_the_browsers_own_undo_is_meant(visit: Visit, portrait: bytes) -> None:
    page = visit.page
    visit.done(portrait)
    page.click("input[name=backdrop][value=color]", force=True)
    expect(page.locator("#hex")).to_be_visible()
    page.focus("#hex")
    page.keyboard.press("Control+a")
    page.keyboard.type("abc")
    page.keyboard.press("Control+z")
    expect(page.locator("#hex")).not_to_have_value("abc")
    expect(page.locator("input[name=backdrop][value=color]")).to_be_checked()
    visit.nothing_more_comes()
    assert [message for message in visit.heard() if message["state"] == "done"][-1]["options"]["background"] == "color"
