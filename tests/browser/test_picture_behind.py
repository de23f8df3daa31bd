"""A picture of one's own for behind the subject that cannot be used: said by name, and gone again."""

from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import FileChooser, Route, expect

from pipeline import cut_out_bytes
from tests.browser.conftest import Visit
from tests.pictures import encoded, photo
from tests.process import Process

pytestmark = pytest.mark.used_pages

WALL = encoded(np.full((90, 120, 3), (200, 30, 90), np.uint8))
ROW = "input[name=backdrop][value={}]"


def give(visit: Visit, data: bytes, name: str) -> None:
    """Choose a picture in the row under the photo, not quicker than a person can."""
    with visit.page.expect_file_chooser() as chooser:
        visit.page.click(ROW.format("image"), force=True)
    until_behind(visit, "image")
    hand_over(visit, chooser.value, data, name)


def hand_over(visit: Visit, chooser: FileChooser, data: bytes, name: str) -> None:
    chooser.set_files(visit.file(data, name))


def on_white(visit: Visit, portrait: bytes) -> None:
    visit.done(portrait)
    visit.page.check(ROW.format("white"), force=True)
    until_behind(visit, "color")


def until_behind(visit: Visit, background: str) -> None:
    """Wait for a result with this background that is on the screen."""
    visit.page.wait_for_function(
        """(background) => window.heard.some((said) => said?.state === "done" && said.options.background === background
        && document.getElementById("after").src.endsWith(said.after))""",
        arg=background,
    )
    visit.until("done")


WRONG = [
    ("beach.jpg", b"only text", "is not a picture"),
    ("huge.tif", b"\0" * 30_200_000, "the limit here is 30 MB"),
]


@pytest.mark.parametrize("name, data, sentence", WRONG, ids=[name for name, *_ in WRONG])
def test_a_wrong_picture_for_behind_is_named_and_the_background_is_what_it_was(
    visit: Visit, portrait: bytes, name: str, data: bytes, sentence: str
) -> None:
    page = visit.page
    on_white(visit, portrait)
    give(visit, data, name)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(f"“{name}” cannot be the background")
    expect(alert).to_contain_text(sentence)
    until_behind(visit, "color")
    expect(page.locator(ROW.format("white"))).to_be_checked()
    expect(page.locator("#background input")).to_have_value("Colour")
    expect(alert).to_contain_text(f"“{name}” cannot be the background")
    visit.nothing_more_comes()
    assert visit.download()[1] == cut_out_bytes(portrait, background="color", background_color="#ffffff")
    page.check(ROW.format("black"), force=True)
    page.wait_for_function("window.heard.at(-1)?.options?.background_color === '#000000'")
    until_behind(visit, "color")
    expect(alert).to_be_hidden()
    visit.done(encoded(photo("coffee"), "JPEG"), "next.jpg")
    expect(alert).to_be_hidden()


def test_a_large_picture_for_behind_is_refused_before_it_is_sent(visit: Visit, portrait: bytes) -> None:
    sent: list[str] = []
    on_white(visit, portrait)
    visit.page.on("request", lambda request: sent.append(request.url) if "/upload?" in request.url else None)
    give(visit, b"\0" * 30_200_000, "huge.tif")
    expect(visit.page.get_by_role("alert")).to_contain_text("“huge.tif” cannot be the background")
    until_behind(visit, "color")
    assert sent == []


def test_after_a_wrong_picture_the_one_before_stands_behind_still(visit: Visit, portrait: bytes) -> None:
    page = visit.page
    visit.done(portrait)
    give(visit, WALL, "wall.png")
    page.wait_for_function("window.heard.at(-1)?.behind?.name === 'wall.png'")
    until_behind(visit, "image")
    page.click("#group-background .fold-head")
    for _ in range(2):  # the same file again is refused again
        with page.expect_file_chooser() as chooser:
            page.click("#behind")
        hand_over(visit, chooser.value, b"only text", "beach.jpg")
        expect(page.get_by_role("alert")).to_contain_text("“beach.jpg” cannot be the background")
        expect(page.locator(ROW.format("image"))).to_be_checked()
        page.click("#notice-close")
    page.click("#group-edges .fold-head")
    page.locator("#feather input[type=number]").fill("5")
    page.keyboard.press("Tab")
    page.wait_for_function("window.heard.at(-1)?.options?.feather === 5")
    until_behind(visit, "image")
    expect(page.get_by_role("alert")).to_be_hidden()
    visit.nothing_more_comes()
    assert visit.download()[1] == cut_out_bytes(portrait, WALL, background="image", feather=5)


def test_a_photo_that_meets_a_wrong_picture_is_cut_out_all_the_same(visit: Visit, portrait: bytes) -> None:
    page = visit.page
    visit.done(portrait)
    held: list[Route] = []
    page.route("**/gradio_api/upload*", lambda route: held.append(route))
    give(visit, b"only text", "beach.jpg")
    visit.choose(encoded(photo("coffee"), "JPEG"), "coffee.jpg")
    expect(page.locator("#step")).to_have_text("Sending the photo")
    for route in held:
        route.continue_()
    page.wait_for_function("document.getElementById('download').download === 'coffee_cutout.png'")
    until_behind(visit, "transparent")
    expect(page.locator(ROW.format("transparent"))).to_be_checked()
    assert visit.download()[0] == "coffee_cutout.png"


def test_an_upload_for_behind_that_fails_leaves_the_background_and_the_photo(visit: Visit, portrait: bytes) -> None:
    page = visit.page
    on_white(visit, portrait)
    too_large = '{"code": "too_large", "facts": {"megabytes": 31, "limit": 30}}'

    def refuse(route: Route) -> None:
        route.fulfill(status=413, body=too_large)

    def break_off(route: Route) -> None:
        route.abort()

    for fail, sentence in ((refuse, "This is 31 MB"), (break_off, "Something went wrong")):
        page.route("**/gradio_api/upload*", fail)
        give(visit, WALL, "wall.png")
        alert = page.get_by_role("alert").filter(has_text="“wall.png” cannot be the background")
        expect(alert).to_contain_text(sentence)
        until_behind(visit, "color")
        expect(page.locator(ROW.format("white"))).to_be_checked()
        page.unroute("**/gradio_api/upload*")
    visit.complaints.clear()  # the browser's own words about the status
    give(visit, WALL, "wall.png")
    until_behind(visit, "image")
    visit.nothing_more_comes()
    assert visit.download()[1] == cut_out_bytes(portrait, WALL, background="image", background_color="#ffffff")


def test_a_picture_for_behind_that_is_being_sent_can_be_cancelled(visit: Visit, portrait: bytes) -> None:
    page = visit.page
    visit.done(portrait)
    give(visit, WALL, "wall.png")
    page.wait_for_function("window.heard.at(-1)?.behind?.name === 'wall.png'")
    until_behind(visit, "image")
    page.route("**/gradio_api/upload*", lambda route: None)
    page.click("#group-background .fold-head")
    with page.expect_file_chooser() as chooser:
        page.click("#behind")
    hand_over(visit, chooser.value, encoded(photo("coffee"), "JPEG"), "coffee.jpg")
    expect(page.locator("#step")).to_have_text("Sending the background picture")
    page.get_by_role("button", name="Cancel").click()
    visit.until("done")
    assert visit.download()[1] == cut_out_bytes(portrait, WALL, background="image")


def test_the_sentence_is_chinese_too(visit_to: Callable[..., Visit], server: Process, portrait: bytes) -> None:
    visit = visit_to(server, locale="zh-CN")
    on_white(visit, portrait)
    give(visit, b"only text", "海滩.jpg")
    expect(visit.page.get_by_role("alert")).to_contain_text("“海滩.jpg”不能用作背景")
    until_behind(visit, "color")
    visit.page.click("#language")
    expect(visit.page.get_by_role("alert")).to_contain_text("“海滩.jpg” cannot be the background")
