"""The picture behind the subject is as safe as the photo: a reload, New photo or a restarted server loses none."""

from collections.abc import Callable

import numpy as np
from playwright.sync_api import expect

from pipeline import cut_out_bytes
from tests.browser.conftest import Visit
from tests.browser.panel import unfold
from tests.browser.test_nothing_lost import back, notice
from tests.browser.test_picture_behind import WALL, give, until_behind
from tests.pictures import encoded, photo
from tests.process import serving

SEA = encoded(np.full((90, 120, 3), (20, 30, 190), np.uint8))

KEPT = """() => new Promise((done) => {
    const request = indexedDB.open("clearcut");
    request.onsuccess = () => {
        const files = request.result.transaction("files").objectStore("files").getAll();
        files.onsuccess = () => {
            done(files.result.filter(({ behind }) => behind).map(({ file }) => file.name));
            request.result.close();
        };
    };
})"""


def on_wall(visit: Visit, data: bytes, name: str) -> None:
    visit.done(data, name)
    give(visit, WALL, "wall.png")
    until_behind(visit, "image")
    until_kept(visit, name)


def until_kept(visit: Visit, name: str) -> None:
    """Wait until the browser has written down the picture behind the photo `name`."""
    while name not in visit.page.evaluate(KEPT):
        visit.page.wait_for_timeout(50)


def comes_back_on(visit: Visit, data: bytes, behind: bytes) -> None:
    back(visit)
    until_image(visit)
    assert visit.download()[1] == cut_out_bytes(data, behind, background="image")


def until_image(visit: Visit) -> None:
    expect(visit.page.locator("input[name=backdrop][value=image]")).to_be_checked()
    notice(visit.page).to_be_hidden()


def test_a_reload_brings_the_picture_behind_back(visit: Visit, portrait: bytes) -> None:
    on_wall(visit, portrait, "me.jpg")
    for _ in range(2):
        comes_back_on(visit, portrait, WALL)


def test_each_picture_of_the_strip_has_what_stood_behind_it(visit: Visit, portrait: bytes) -> None:
    page, coffee = visit.page, encoded(photo("coffee"), "JPEG")
    on_wall(visit, portrait, "me.jpg")
    until_kept(visit, "me.jpg")
    visit.done(coffee, "coffee.jpg")
    until_kept(visit, "coffee.jpg")
    unfold(visit, "background")
    with page.expect_file_chooser() as chooser:
        page.click("#behind")
    chooser.value.set_files(visit.file(SEA, "sea.png"))
    page.wait_for_function("window.heard.at(-1)?.behind?.name === 'sea.png'")
    visit.until("done")
    for name, data, behind in (("me.jpg", portrait, WALL), ("coffee.jpg", coffee, SEA)):
        page.get_by_role("button", name=name, exact=True).click()
        expect(page.locator("#download")).to_have_attribute("download", name.replace(".jpg", "_cutout.png"))
        visit.until("done")
        assert visit.download()[1] == cut_out_bytes(data, behind, background="image")


def test_the_picture_behind_a_second_photo_comes_back_too(visit: Visit, portrait: bytes) -> None:
    coffee = encoded(photo("coffee"), "JPEG")
    on_wall(visit, portrait, "me.jpg")
    visit.page.click("#new")
    visit.done(coffee, "coffee.jpg")
    until_kept(visit, "coffee.jpg")
    comes_back_on(visit, coffee, WALL)


def test_a_wrong_picture_does_not_take_the_place_of_the_one_that_comes_back(visit: Visit, portrait: bytes) -> None:
    page = visit.page
    on_wall(visit, portrait, "me.jpg")
    unfold(visit, "background")
    with page.expect_file_chooser() as chooser:
        page.click("#behind")
    chooser.value.set_files(visit.file(b"only text", "beach.jpg"))
    notice(page).to_contain_text("“beach.jpg” cannot be the background")
    page.click("#preset-chips [data-name=logo]")
    page.click("#undo")
    until_behind(visit, "image")
    comes_back_on(visit, portrait, WALL)


def test_a_restarted_server_makes_the_result_anew_with_the_picture_behind(
    visit_to: Callable[..., Visit], portrait: bytes, u2netp: object
) -> None:
    with serving() as first:
        port = first.address.rpartition(":")[2]
        visit = visit_to(first)
        on_wall(visit, portrait, "me.jpg")
    notice(visit.page).to_contain_text("connection to Clearcut is lost")
    with serving("--port", port):
        until_image(visit)
        assert visit.download()[1] == cut_out_bytes(portrait, WALL, background="image")
        until_image(visit)
        visit.complaints.clear()  # the browser's own words about the connection
