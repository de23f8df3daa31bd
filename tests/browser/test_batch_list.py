"""The tiles of a batch: thousands of them, by keyboard, on a phone, in Chinese."""

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.test_axe import check
from tests.pictures import composite, encoded
from tests.process import Process, serving

VisitTo = Callable[..., Visit]
TOUCH = {"has_touch": True, "is_mobile": True}
BALL = encoded(composite(320, 240).rgb)
WALL = encoded(np.full((300, 400, 3), 128, np.uint8))
FILES = {"ball.png": BALL, "second ball.png": BALL, "wall.png": WALL, "notes.jpg": b"no picture"}


@pytest.fixture(scope="module")
def shop(u2netp: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A server with a folder of its own for batches."""
    with serving(CLEARCUT_BATCHES_DIR=str(tmp_path_factory.mktemp("batches"))) as process:
        yield process


def begin(shop: Process, files: dict[str, bytes], *, paused: bool = False) -> str:
    """A batch of these files; its id."""
    batch = httpx.post(f"{shop.address}/api/batches", timeout=60).json()["id"]
    if paused:
        httpx.patch(f"{shop.address}/api/batches/{batch}", json={"state": "paused"}, timeout=60).raise_for_status()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    sent = {"images": ("photos.zip", packed.getvalue())}
    httpx.post(f"{shop.address}/api/batches/{batch}/items", files=sent, timeout=60).raise_for_status()
    return str(batch)


def visit_batch(visit: Visit, batch: str) -> Page:
    """Open the tab with a batch that this browser knows."""
    visit.page.evaluate("(batch) => localStorage.setItem('clearcut-batch', batch)", batch)
    visit.reload()
    visit.page.click("#tab-batch")
    expect(visit.page.locator(".tile").first).to_be_visible()
    return visit.page


@pytest.fixture(scope="module")
def thousand(shop: Process) -> str:
    """A batch of 1,000 photos that waits."""
    return begin(shop, {f"{number:04}.png": BALL for number in range(1, 1001)}, paused=True)


@pytest.fixture(scope="module")
def mixed(shop: Process) -> str:
    """A batch with two good photos, one in which nothing is found, and a file that is no picture."""
    batch = begin(shop, FILES)
    with httpx.stream("GET", f"{shop.address}/api/batches/{batch}/events", timeout=60) as events:
        next(line for line in events.iter_lines() if line.startswith("data: ") and '"state": "done", "counts"' in line)
    return batch


def names(page: Page) -> list[str]:
    return page.locator(".tile-name").all_inner_texts()


def is_in_sight(page: Page, name: str) -> bool:
    return bool(page.locator(".tile", has_text=name).evaluate(
        "(tile) => { const { top, bottom } = tile.getBoundingClientRect(); return top >= 0 && bottom <= innerHeight; }"
    ))  # fmt: skip


def test_of_a_thousand_tiles_only_those_in_sight_are_in_the_page(
    visit_to: VisitTo, shop: Process, thousand: str
) -> None:
    page = visit_batch(visit_to(shop), thousand)
    expect(page.locator("#batch-filters")).to_contain_text("All 1,000")
    page.wait_for_function("document.querySelector('.tile')?.ariaSetSize === '1000'")
    assert page.locator(".tile").count() < 200
    assert names(page)[0] == "0001.png"
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    expect(page.get_by_text("1000.png")).to_be_in_viewport()
    assert page.locator(".tile").count() < 200
    assert "0500.png" not in names(page)


def test_arrow_keys_go_from_tile_to_tile_and_tab_past_them(visit_to: VisitTo, shop: Process, thousand: str) -> None:
    page = visit_batch(visit_to(shop), thousand)
    page.wait_for_function("document.querySelector('.tile')?.ariaSetSize === '1000'")
    focused = "document.activeElement.closest('.tile').querySelector('.tile-name').textContent"
    page.focus("#batch-filters .chip:last-child")
    page.keyboard.press("Tab")
    for key, name in [("ArrowRight", "0002.png"), ("End", "1000.png"), ("ArrowLeft", "0999.png"), ("Home", "0001.png")]:
        page.keyboard.press(key)
        assert page.evaluate(focused) == name
    page.keyboard.press("PageDown")
    name = page.evaluate(focused)
    assert name > "0006.png" and is_in_sight(page, name)
    page.mouse.wheel(0, 20_000)
    expect(page.get_by_text(name)).not_to_be_in_viewport()
    assert page.evaluate(focused) == name, "it stays in the page though it is out of sight"
    for _ in range(4):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.tile')") is None


def test_the_focus_goes_to_the_neighbour_of_a_photo_that_is_removed(visit_to: VisitTo, shop: Process) -> None:
    page = visit_batch(visit_to(shop), begin(shop, {"a.png": BALL, "b.png": BALL, "c.png": BALL}))
    expect(page.locator(".tile[data-state=done]")).to_have_count(3, timeout=60_000)
    for left in ("Open b.png", "Open c.png"):
        page.get_by_role("button", name="Remove:").first.press("Enter")
        expect(page.get_by_role("button", name=left)).to_be_focused()
    page.get_by_role("button", name="Remove:").press("Enter")
    expect(page.locator("#batch-title")).to_be_focused()


@pytest.mark.parametrize(
    ("locale", "size"),
    [
        ("zh-CN", (1280, 800)),
        ("en-US", (640, 400)),
        ("en-US", (320, 568)),
    ],
)
def test_nothing_stands_beyond_the_window(
    visit_to: VisitTo, shop: Process, mixed: str, size: tuple[int, int], locale: str
) -> None:
    visit = visit_to(shop, *size, locale=locale)
    page = visit.page
    page.click("#tab-batch")
    expect(page.locator("#batch-start")).to_be_visible()
    wide = "document.documentElement.scrollWidth"
    assert page.evaluate(wide) <= size[0]
    visit_batch(visit, mixed)
    assert page.evaluate(wide) <= size[0]
    boxes = page.locator(".tile").evaluate_all("(all) => all.map((each) => each.getBoundingClientRect().toJSON())")
    assert all(box["left"] >= 0 and box["right"] <= size[0] for box in boxes)
    assert size[0] < 1280 or len({box["top"] for box in boxes}) == 1


def test_on_a_phone_a_small_menu_holds_what_can_be_done(visit_to: VisitTo, shop: Process) -> None:
    visit = visit_to(shop, 390, 844, **TOUCH)
    page = visit_batch(visit, begin(shop, {"ball.png": BALL}))
    tile = page.locator(".tile")
    expect(tile).to_have_attribute("data-state", "done", timeout=60_000)
    expect(tile.locator(".tile-actions")).to_be_hidden()
    tile.locator(".tile-more").tap()
    expect(tile.locator(".tile-actions > :visible")).to_have_text(["Open and change", "Download", "Remove"])
    for each in tile.locator(".tile-actions > :visible").all():
        assert (each.bounding_box() or {})["height"] >= 44
    tile.get_by_role("button", name="Remove").tap()
    expect(page.locator("#batch-none")).to_be_visible()


def test_the_tab_speaks_chinese_down_to_what_is_wrong_with_a_photo(
    visit_to: VisitTo, shop: Process, mixed: str
) -> None:
    page = visit_batch(visit_to(shop, locale="zh-CN"), mixed)
    expect(page.locator("#batch-title")).to_have_text("一批照片：4 张")
    expect(page.locator(".tile[data-state=failed] .tile-why")).to_contain_text("不是可以读取的图片")
    assert not page.locator("#batch-work").get_by_text("Waiting").count()
    page.click("#language")
    expect(page.locator("#batch-title")).to_have_text("Batch of 4 photos")
    expect(page.locator(".tile[data-state=looks] .tile-state")).to_have_text("Nothing was found.")


@pytest.mark.parametrize("locale", ["en-US"])
def test_axe_finds_nothing_on_the_tab(visit_to: VisitTo, shop: Process, mixed: str, locale: str) -> None:
    visit = visit_to(shop, locale=locale)
    page = visit.page
    page.click("#tab-batch")
    check(visit, "empty")
    visit_batch(visit, mixed)
    expect(page.locator(".tile")).to_have_count(4)
    check(visit, "tiles")
    page.locator(".tile").first.hover()
    check(visit, "what can be done with one")
    page.click("[data-filter=failed]")
    check(visit, "failed")
    page.click("#batch-end")
    check(visit, "sure?")
    page.keyboard.press("Escape")
    page.click("[data-filter=all]")
    page.get_by_role("button", name="wall.png").first.click()
    visit.until("done")
    check(visit, "a photo of it on the Photo tab")
