"""A photo of the batch on the Photo tab: mended by strokes, given another picture behind, and put back."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import expect

from pipeline import cut_out_bytes
from tests.browser.conftest import Visit
from tests.browser.panel import after
from tests.browser.test_batch import add, download_all, is_done, open_tab, tile
from tests.browser.test_touchup import MIDDLE, alpha, at, begin, paint, take
from tests.browser.test_trimap import TRIMAP, give
from tests.pictures import encoded, opened
from tests.process import Process, serving

VisitTo = Callable[..., Visit]
RED, BLUE = (encoded(np.full((240, 240, 3), colour, np.uint8)) for colour in ((200, 30, 30), (20, 40, 200)))


@pytest.fixture(scope="module")
def shop(u2netp: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A server with a folder of its own for batches."""
    with serving(CLEARCUT_BATCHES_DIR=str(tmp_path_factory.mktemp("batches"))) as process:
        yield process


@pytest.fixture
def visit(visit_to: VisitTo, shop: Process, portrait: bytes, tmp_path: Path) -> Visit:
    """Who has a batch of two photos, done."""
    visit = open_tab(visit_to(shop))
    for name in ("one.jpg", "two.jpg"):
        (tmp_path / name).write_bytes(portrait)
    add(visit, tmp_path / "one.jpg", tmp_path / "two.jpg")
    is_done(visit.page, 2, 2)
    return visit


def open_photo(visit: Visit, name: str) -> None:
    tile(visit.page, name).locator(".tile-open").click()
    expect(visit.page.locator("#batch-bar")).to_contain_text("From the batch")
    visit.until("done")


def put_back(visit: Visit) -> None:
    visit.page.click("#batch-bar-does")
    expect(visit.page.locator("#tab-batch")).to_have_attribute("aria-selected", "true")
    expect(visit.page.locator(":is([data-state=waiting], [data-state=working]).tile")).to_have_count(0, timeout=60_000)
    is_done(visit.page, 2, 2)


def choose_behind(visit: Visit, name: str, data: bytes) -> None:
    def choose() -> None:
        with visit.page.expect_file_chooser() as waiting:
            visit.page.click("input[name=backdrop][value=image]", force=True)
        waiting.value.set_files([{"name": name, "mimeType": "image/png", "buffer": data}])

    after(visit, choose)
    visit.page.wait_for_function(
        "name => window.heard.at(-1)?.state === 'done' && window.heard.at(-1).behind?.name === name", arg=name
    )


def corner(data: bytes) -> tuple[int, ...]:
    return tuple(int(value) for value in opened(data)[5, 5][:3])


def test_a_photo_mended_by_strokes_comes_back_to_the_batch_and_still_has_them(visit: Visit, portrait: bytes) -> None:
    page = visit.page
    open_photo(visit, "one.jpg")
    begin(visit)
    take(visit, "erase")
    paint(visit, MIDDLE, (300, 330))
    put_back(visit)
    expect(tile(page, "one.jpg")).to_contain_text("touched up")
    expect(tile(page, "two.jpg")).not_to_contain_text("touched up")
    files = download_all(visit)
    assert at(alpha(files.read("one.png")), MIDDLE) == 0
    assert files.read("two.png") == cut_out_bytes(portrait, model="u2netp")
    item = httpx.get(f"{visit.address}/api/batches/{batch_of(visit)}/items").json()["items"][0]
    marks = httpx.get(f"{visit.address}/{item['beside']['marks']['url']}").content
    assert files.read("one.png") == cut_out_bytes(portrait, marks=marks, model="u2netp")
    for again in (lambda: None, lambda: forget_the_visit(visit)):
        again()
        open_photo(visit, "one.jpg")
        begin(visit)
        expect(page.locator("#touch-count")).to_have_text("1")
        page.click("#touch-done")
        page.click("#batch-bar-leaves")
    open_photo(visit, "two.jpg")
    begin(visit)
    expect(page.locator("#touch-count")).to_be_hidden()


def test_a_photo_with_a_trimap_comes_back_to_the_batch_with_it_and_without_it_once_it_is_taken_away(
    visit: Visit, portrait: bytes
) -> None:
    page = visit.page
    open_photo(visit, "one.jpg")
    begin(visit)
    give(visit)
    put_back(visit)
    assert download_all(visit).read("one.png") == cut_out_bytes(portrait, trimap=TRIMAP)
    forget_the_visit(visit)
    open_photo(visit, "one.jpg")
    page.click("#touch")
    page.click("#touch-more")
    page.click("#trimap-remove")
    expect(page.locator("#trimap-remove")).to_be_hidden()
    put_back(visit)
    assert download_all(visit).read("one.png") == cut_out_bytes(portrait, model="u2netp")


def batch_of(visit: Visit) -> str:
    return str(visit.page.evaluate("localStorage.getItem('clearcut-batch')"))


def forget_the_visit(visit: Visit) -> None:
    """Another tab, which knows of the batch alone."""
    visit.page.evaluate("sessionStorage.clear()")
    visit.reload()
    open_tab(visit)
    is_done(visit.page, 2, 2)


def test_strokes_that_were_undone_are_gone_from_the_batch_too(visit: Visit, portrait: bytes) -> None:
    open_photo(visit, "one.jpg")
    begin(visit)
    take(visit, "erase")
    paint(visit, MIDDLE)
    put_back(visit)
    open_photo(visit, "one.jpg")
    begin(visit)
    after(visit, lambda: visit.page.click("#touch-undo"))
    put_back(visit)
    expect(tile(visit.page, "one.jpg")).not_to_contain_text("touched up")
    assert download_all(visit).read("one.png") == cut_out_bytes(portrait, model="u2netp")


def test_a_photo_or_all_of_them_can_be_given_another_picture_behind(visit: Visit) -> None:
    page = visit.page
    open_photo(visit, "one.jpg")
    choose_behind(visit, "red.png", RED)
    put_back(visit)
    expect(tile(page, "one.jpg")).to_contain_text("own settings")
    assert corner(download_all(visit).read("one.png")) == (200, 30, 30)
    page.click("#tab-photo")
    choose_behind(visit, "blue.png", BLUE)
    page.click("#tab-batch")
    page.click("#batch-as-photo")
    page.click("#sure-yes")
    expect(page.locator("#batch-settings-name")).to_have_text("as on the Photo tab")
    is_done(page, 2, 2)
    files = download_all(visit)
    assert (corner(files.read("one.png")), corner(files.read("two.png"))) == ((200, 30, 30), (20, 40, 200))
    forget_the_visit(visit)
    open_photo(visit, "two.jpg")
    assert corner(visit.download()[1]) == (20, 40, 200)
    page.click("#batch-bar-leaves")
    page.click("#batch-presets [data-name=product-white]")
    page.click("#sure-yes")
    expect(page.locator("#batch-settings-name")).to_have_text("Product on white")
    is_done(page, 2, 2)
    assert corner(download_all(visit).read("two.png")) == (255, 255, 255)
