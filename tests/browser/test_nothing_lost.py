"""Nothing that a person gave is lost without a word: a connection breaks, a server goes, a page is left."""

import os
import random
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visit
from tests.gate import Gate
from tests.pictures import composite, encoded, opened
from tests.process import serving

WITHIN = 5_000  # milliseconds in which a lost connection is said


def notice(page: Page) -> "expect":
    return expect(page.get_by_role("alert"))


def thumbs(page: Page) -> list[str]:
    return page.locator(".strip:visible .thumb").evaluate_all("(all) => all.map((each) => each.title)")


def back(visit: Visit) -> None:
    """Reload, and wait until the photo is back with its result."""
    visit.reload()
    visit.page.wait_for_selector("html[data-ready]", state="attached")
    visit.until("done")


def press_preset(visit: Visit, name: str) -> None:
    shown = visit.page.get_attribute("#download", "href") or ""
    visit.page.click(f"#preset-chips [data-name={name}]")
    expect(visit.page.locator("#download")).not_to_have_attribute("href", shown)
    expect(visit.page.locator(f"#preset-chips [data-name={name}]")).to_have_attribute("aria-pressed", "true")
    visit.until("done")


# ---- the page is left ------------------------------------------------------------------------------------------------


def test_a_reload_brings_back_the_photo_and_its_settings(visit: Visit, portrait: bytes) -> None:
    visit.done(portrait, "me.jpg")
    press_preset(visit, "sticker")
    expect(visit.page.locator("#after")).to_have_attribute("src", re.compile("after"))
    _, before = visit.download()
    back(visit)
    expect(visit.page.locator("#preset-chips [data-name=sticker]")).to_have_attribute("aria-pressed", "true")
    name, data = visit.download()
    assert name == "me_cutout.png" and data == before


def test_going_elsewhere_and_back_brings_the_photo_back(visit: Visit, portrait: bytes) -> None:
    visit.done(portrait, "me.jpg")
    visit.page.goto(f"{visit.address}/api/docs")
    visit.page.go_back()
    visit.page.wait_for_selector("html[data-ready]", state="attached")
    visit.until("done")
    assert visit.download()[0] == "me_cutout.png"


def test_earlier_pictures_of_the_visit_come_back_with_the_settings_that_each_had(visit: Visit, portrait: bytes) -> None:
    page = visit.page
    visit.done(portrait, "one.jpg")
    press_preset(visit, "sticker")
    visit.done(encoded(composite().rgb), "two.png")
    page.click("#reset")
    expect(page.locator("#preset-chips [data-name=sticker]")).to_have_attribute("aria-pressed", "false")
    visit.until("done")
    expect(page.locator(".strip:visible .thumb")).to_have_count(2)
    assert thumbs(page) == ["one.jpg", "two.png"]
    page.get_by_role("button", name="one.jpg", exact=True).click()
    expect(page.locator("#preset-chips [data-name=sticker]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#download")).to_have_attribute("download", "one_cutout.png")
    visit.until("done")
    expect(page.get_by_role("button", name="one.jpg", exact=True)).to_have_attribute("aria-current", "true")
    page.get_by_role("button", name="two.png", exact=True).click()
    expect(page.locator("#download")).to_have_attribute("download", "two_cutout.png")
    expect(page.locator("#preset-chips [data-name=sticker]")).to_have_attribute("aria-pressed", "false")


def test_a_new_photo_leaves_the_earlier_one_at_hand_until_it_is_removed(visit: Visit, portrait: bytes) -> None:
    page = visit.page
    visit.done(portrait, "one.jpg")
    page.click("#new")
    expect(page.locator("#start")).to_be_visible()
    page.get_by_role("button", name="one.jpg", exact=True).click()
    visit.until("done")
    page.click("#new")
    page.get_by_role("button", name="Remove one.jpg").click()
    expect(page.locator(".strip:visible")).to_have_count(0)
    visit.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    expect(page.locator("#start")).to_be_visible()
    expect(page.locator(".strip:visible")).to_have_count(0)


def test_the_same_file_given_twice_stands_once_in_the_strip(visit: Visit, portrait: bytes, tmp_path: Path) -> None:
    file = tmp_path / "same.jpg"
    file.write_bytes(portrait)
    for _ in range(2):
        visit.page.set_input_files("#input input[type=file]", str(file))
        visit.until("done")
    visit.page.click("#new")
    expect(visit.page.locator(".strip:visible .thumb")).to_have_count(1)


def test_what_was_no_picture_is_not_in_the_strip_and_not_brought_back(visit: Visit) -> None:
    visit.choose(b"only text", "notes.jpg")
    notice(visit.page).to_contain_text("is not a picture")
    visit.reload()
    visit.page.wait_for_selector("html[data-ready]", state="attached")
    expect(visit.page.locator("#start")).to_be_visible()
    expect(visit.page.locator(".strip:visible")).to_have_count(0)


def test_another_tab_and_whoever_forgets_see_no_pictures_of_this_one(visit: Visit, portrait: bytes) -> None:
    visit.done(portrait)
    other = visit.page.context.new_page()
    other.goto(visit.address)
    other.wait_for_selector("html[data-ready]", state="attached")
    expect(other.locator("#start")).to_be_visible()
    expect(other.locator(".strip:visible")).to_have_count(0)
    other.close()
    visit.page.click("#about")
    visit.page.click("#about-forget")
    expect(visit.page.locator(".strip:visible")).to_have_count(0)
    visit.reload()
    visit.page.wait_for_selector("html[data-ready]", state="attached")
    expect(visit.page.locator("#start")).to_be_visible()


def test_a_browser_that_keeps_nothing_works_without(visit: Visit, portrait: bytes) -> None:
    visit.page.add_init_script("""for (const storage of ["indexedDB", "sessionStorage", "localStorage"]) {
        Object.defineProperty(window, storage, { get() { throw new Error("not here"); } }); }""")
    visit.open().done(portrait)
    visit.page.click("#new")
    visit.page.get_by_role("button", name="photo.jpg", exact=True).click()
    visit.until("done")


# ---- the server goes -------------------------------------------------------------------------------------------------


def test_a_server_that_goes_is_said_and_the_page_works_on_when_it_is_back(
    visit_to: Callable[..., Visit], portrait: bytes, u2netp: Path
) -> None:
    with serving() as first:
        port = first.address.rpartition(":")[2]
        visit = visit_to(first)
        visit.done(portrait)
    notice(visit.page).to_contain_text("connection to Clearcut is lost", timeout=WITHIN)
    expect(visit.page.get_by_role("button", name="Try again")).to_be_visible()
    expect(visit.page.locator("#after")).to_be_visible()
    with serving("--port", port):
        notice(visit.page).to_be_hidden()
        assert visit.download()[0] == "photo_cutout.png"  # made anew: the old server kept it
        visit.complaints.clear()  # the browser's own words about the connection


def test_a_photo_that_the_server_went_with_is_done_when_it_is_back(
    visit_to: Callable[..., Visit], unseen: bytes, u2netp: Path, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    with serving(gate=gate) as first:
        port = first.address.rpartition(":")[2]
        visit = visit_to(first)
        with gate.shut("u2netp"):
            visit.choose(unseen, "half.jpg")
            gate.until_reached("u2netp")
            os.kill(first.pid, signal.SIGKILL)
    notice(visit.page).to_contain_text("connection to Clearcut is lost", timeout=WITHIN)
    expect(visit.page.locator("#before")).to_be_visible()
    expect(visit.page.locator(".toast-wrap:visible")).to_have_count(0)
    with serving("--port", port):
        visit.until("done")
        notice(visit.page).to_contain_text("Here is your photo")
        assert visit.download()[0] == "half_cutout.png"
        visit.complaints.clear()


def test_a_result_that_is_no_longer_kept_is_made_anew_when_it_is_asked_for(visit: Visit, portrait: bytes) -> None:
    visit.done(portrait)
    gone: list[Route] = []

    def forget_once(route: Route) -> None:
        if gone:
            return route.continue_()
        gone.append(route)
        route.fulfill(status=410, body='{"code": "expired", "facts": {}}')

    visit.page.route("**/results/**?prepare=true", forget_once)
    assert opened(visit.download()[1]).shape == (512, 512, 4)
    assert gone
    visit.complaints.clear()


def test_while_work_is_waited_for_the_server_is_looked_after_every_two_seconds_however_much_it_says(
    visit: Visit, unseen: bytes, gate: Gate
) -> None:
    looks: list[str] = []
    with gate.shut("u2netp"):
        visit.choose(unseen)
        gate.until_reached("u2netp")
        visit.page.wait_for_function("window.heard.at(-1)?.state === 'working'")
        visit.page.evaluate("""() => {
            const said = window.heard.at(-1);
            window.chatter = setInterval(() => window.clearcut.show(said), 20);
        }""")
        visit.page.on("request", lambda request: looks.append(request.url) if "/healthz" in request.url else None)
        visit.page.wait_for_timeout(5000)
        visit.page.evaluate("clearInterval(window.chatter)")
    assert 1 <= len(looks) <= 3
    visit.until("done")


# ---- a photo does not arrive -----------------------------------------------------------------------------------------


def test_an_upload_that_is_cut_off_is_said_and_can_be_tried_again(visit: Visit, portrait: bytes) -> None:
    visit.page.route("**/gradio_api/upload*", lambda route: route.abort())
    visit.choose(portrait, "me.jpg")
    notice(visit.page).to_contain_text("me.jpg", timeout=WITHIN)
    notice(visit.page).to_contain_text("cut off")
    expect(visit.page.locator(".toast-wrap:visible")).to_have_count(0)
    visit.page.unroute("**/gradio_api/upload*")
    visit.page.get_by_role("button", name="Try again").click()
    visit.until("done")
    assert visit.download()[0] == "me_cutout.png"
    visit.complaints.clear()


def test_a_job_that_the_server_does_not_take_is_said(visit: Visit, portrait: bytes) -> None:
    visit.page.route("**/gradio_api/queue/join*", lambda route: route.fulfill(status=500, body="no"))
    visit.choose(portrait)
    notice(visit.page).to_contain_text("Something went wrong")
    expect(visit.page.locator(".toast-wrap:visible")).to_have_count(0)
    visit.page.unroute("**/gradio_api/queue/join*")
    visit.done(portrait)
    visit.complaints.clear()


def test_a_dropped_folder_gives_its_first_photo(visit: Visit, portrait: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "bags"
    (folder / "more").mkdir(parents=True)
    for name in ("bag 10.jpg", "bag 2.jpg", "more/bag 1.jpg"):
        (folder / name).write_bytes(portrait)
    (folder / "list.txt").write_text("not a photo")
    visit.drop(folder)
    visit.until("done")
    expect(visit.page.locator("#batch-bar")).to_contain_text("This is “bag 2.jpg”, the first of 3 photos")
    assert visit.download()[0] == "bag 2_cutout.png"


def test_a_dropped_folder_without_a_photo_says_so(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "list.txt").write_text("not a photo")
    visit.drop(tmp_path / "texts")
    notice(visit.page).to_contain_text("no photo in “texts”")
    expect(visit.page.locator("#start")).to_be_visible()


# ---- a value that cannot be obeyed -----------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["a photo before", "no photo before"])
def test_a_value_that_cannot_be_obeyed_never_reaches_the_next_photo(visit: Visit, portrait: bytes, first: str) -> None:
    page = visit.page
    if first == "a photo before":
        visit.done(portrait, "first.jpg")
        page.click("#group-frame .fold-head")
        page.fill("#canvas input", "1200 by a lot")
        page.keyboard.press("Enter")
    else:
        page.evaluate("""localStorage.setItem('clearcut-settings', '{"canvas": "12 by a lot"}')""")
        visit.open()
        visit.choose(portrait, "first.jpg")
    notice(page).to_contain_text("by a lot")
    if first == "a photo before":
        expect(page.locator("#canvas input")).not_to_have_value(re.compile("a lot"))
    else:
        visit.until("done")
    visit.done(encoded(composite(seed=random.randrange(1 << 30)).rgb), "next.png")
    assert visit.download()[0] == "next_cutout.png"
