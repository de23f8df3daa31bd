"""The Batch tab: many photos in, followed as they are cut out, changed one by one, one ZIP out."""

import io
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import Visit
from tests.pictures import composite, encoded, opened
from tests.process import Process, serving

VisitTo = Callable[..., Visit]


@pytest.fixture(scope="module")
def shop(u2netp: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A server with a folder of its own for batches."""
    with serving(CLEARCUT_BATCHES_DIR=str(tmp_path_factory.mktemp("batches"))) as process:
        yield process


@pytest.fixture
def visit(visit_to: VisitTo, shop: Process) -> Visit:
    """An English visitor at a desk, who has opened the Batch tab."""
    return open_tab(visit_to(shop))


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Twelve photos, in a folder with another in it."""
    folder = tmp_path_factory.mktemp("photos") / "summer"
    (folder / "red").mkdir(parents=True)
    names = [*(f"bag {number}.jpg" for number in range(1, 10)), *(f"red/bag {number}.jpg" for number in range(1, 4))]
    for seed, name in enumerate(names):
        (folder / name).write_bytes(encoded(composite(320 + 8 * seed, 240, seed=seed).rgb, "JPEG", quality=90))
    return [folder / name for name in names]


def open_tab(visit: Visit) -> Visit:
    visit.page.click("#tab-batch")
    return visit


def add(visit: Visit, *files: Path, by: str = "#batch-start [data-adds=photos]") -> None:
    with visit.page.expect_file_chooser() as waiting:
        visit.page.click(by)
    waiting.value.set_files(files)


def tile(page: Page, name: str) -> Locator:
    return page.locator(".tile", has=page.locator(".tile-name", has_text=re.compile(rf"^{re.escape(name)}$")))


def tiles(page: Page, state: str) -> Locator:
    return page.locator(f".tile[data-state={state}]")


def press(each: Locator, does: str) -> None:
    each.hover()
    each.locator(f"[data-does={does}]").click()


def is_done(page: Page, done: int, total: int) -> None:
    expect(page.locator("#batch-state")).to_contain_text(f"{done} of {total} done", timeout=60_000)
    expect(page.locator("#batch-end")).to_have_text("New batch", timeout=60_000)


def download_all(visit: Visit) -> zipfile.ZipFile:
    with visit.page.expect_download() as waiting:
        visit.page.click("#batch-archive")
    return zipfile.ZipFile(io.BytesIO(Path(waiting.value.path()).read_bytes()))


def test_a_dropped_folder_of_twelve_comes_back_as_one_zip_with_one_of_them_changed(
    visit: Visit, shop: Process, photos: list[Path]
) -> None:
    page, folder = visit.page, photos[0].parent
    for name in ("notes.txt", "._bag 1.jpg"):
        (folder / name).touch()
    visit.drop(folder)
    is_done(page, 12, 12)
    expect(page.locator("#batch-title")).to_have_text("Batch of 12 photos")
    expect(page.locator("#batch-state")).to_contain_text("1 left out (no photos)")
    tile(page, "bag 4.jpg").locator(".tile-open").click()
    visit.until("done")
    expect(page.locator("#batch-bar")).to_contain_text("From the batch: photo 4 of 12")
    page.click("#preset-chips [data-name=sticker]")
    expect(page.locator("#preset-chips [data-name=sticker]")).to_have_attribute("aria-pressed", "true")
    page.click("#batch-bar-does")
    changed = tile(page, "bag 4.jpg")
    expect(changed.locator(".tile-open")).to_be_focused()
    expect(changed).to_contain_text("own settings")
    is_done(page, 12, 12)
    archive = download_all(visit)
    names = [f"summer/{path.relative_to(folder).with_suffix('.png')}" for path in photos]
    assert sorted(archive.namelist()) == sorted(names)
    for name, options in (("bag 4", {"preset": "sticker"}), ("red/bag 1", {})):
        form = {"image": (f"{name}.jpg", (folder / f"{name}.jpg").read_bytes())}
        alone = httpx.post(f"{shop.address}/api/remove-bg", files=form, data=options, timeout=60).content
        assert archive.read(f"summer/{name}.png") == alone, "the same picture, byte for byte"


def test_a_zip_is_unpacked_and_photos_are_added_to_a_batch_that_is_there(
    visit: Visit, photos: list[Path], tmp_path: Path
) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "photos"), "zip", photos[0].parent, "red"))
    add(visit, archive)
    is_done(visit.page, 3, 3)
    add(visit, *photos[:2], by="#batch-add")
    is_done(visit.page, 5, 5)
    assert len(download_all(visit).namelist()) == 5


def test_what_failed_says_why_can_be_tried_again_and_removed(visit: Visit, photos: list[Path], tmp_path: Path) -> None:
    page = visit.page
    (tmp_path / "notes.jpg").write_text("no picture")
    add(visit, photos[0], tmp_path / "notes.jpg")
    expect(page.locator("#batch-filters")).to_contain_text("Failed 1", timeout=60_000)
    page.click("[data-filter=failed]")
    expect(page.locator(".tile")).to_have_count(1)
    failed = tile(page, "notes.jpg")
    expect(failed.locator(".tile-why")).to_contain_text("is not a picture that Clearcut can read")
    with page.expect_response("**/retry") as answer:
        press(failed, "retry")
    assert answer.value.json()["state"] in ("waiting", "working")
    expect(failed).to_have_attribute("data-state", "failed")
    press(failed, "remove")
    expect(page.locator("#batch-none")).to_have_text("No photo has failed.")
    page.click("[data-filter=all]")
    is_done(page, 1, 1)


def test_a_batch_pauses_and_goes_on(visit: Visit, photos: list[Path]) -> None:
    page = visit.page
    add(visit, *photos)
    page.click("#batch-pause")
    expect(page.locator("#batch-pause")).to_have_text("Go on")
    expect(page.locator("#batch-state")).to_contain_text("paused")
    expect(tiles(page, "working")).to_have_count(0, timeout=30_000)
    expect(tiles(page, "waiting")).not_to_have_count(0)
    page.click("#batch-pause")
    is_done(page, 12, 12)


def test_a_reload_finds_the_batch_and_a_new_one_deletes_it(visit: Visit, photos: list[Path]) -> None:
    page = visit.page
    add(visit, *photos[:3])
    expect(page.locator(".tile")).to_have_count(3)
    batch = page.evaluate("sessionStorage.getItem('clearcut-batch')")
    visit.reload()
    is_done(page, 3, 3)
    page.click("#batch-end")
    page.click("#sure-box button >> text=Cancel")
    expect(page.locator(".tile")).to_have_count(3)
    page.click("#batch-end")
    page.click("#sure-yes")
    expect(page.locator("#batch-start")).to_be_visible()
    assert httpx.get(f"{visit.address}/api/batches/{batch}").status_code in (404, 410)


def test_the_photo_that_is_open_is_still_the_batchs_after_a_reload(visit: Visit, photos: list[Path]) -> None:
    page = visit.page
    add(visit, *photos[:3])
    is_done(page, 3, 3)
    tile(page, "bag 2.jpg").locator(".tile-open").click()
    visit.until("done")
    visit.reload()
    visit.until("done")
    expect(page.locator("#batch-bar")).to_contain_text("photo 2 of 3")
    page.click("#batch-bar-leaves")
    expect(tile(page, "bag 2.jpg").locator(".tile-open")).to_be_focused()
    page.click("#tab-photo")
    expect(page.locator("#batch-bar")).to_be_hidden()


def test_a_server_that_is_started_again_goes_on_with_the_batch(
    visit_to: VisitTo, u2netp: Path, photos: list[Path], tmp_path: Path
) -> None:
    with serving(CLEARCUT_BATCHES_DIR=str(tmp_path)) as first:
        visit = open_tab(visit_to(first))
        add(visit, *photos)
        expect(tiles(visit.page, "done")).not_to_have_count(0, timeout=60_000)
    port = first.address.rpartition(":")[2]
    with serving("--port", port, CLEARCUT_BATCHES_DIR=str(tmp_path)):
        is_done(visit.page, 12, 12)
        assert len(download_all(visit).namelist()) == 12
        visit.complaints.clear()  # the browser's own words about the connection


def test_a_batch_that_is_gone_is_said_and_forgotten(visit: Visit) -> None:
    page = visit.page
    page.evaluate("localStorage.setItem('clearcut-batch', 'no-such-batch')")
    visit.reload()
    open_tab(visit)
    expect(page.locator("#batch-note")).to_contain_text("no longer here")
    expect(page.locator("#batch-start")).to_be_visible()
    assert not page.evaluate("localStorage.getItem('clearcut-batch')")
    visit.complaints.clear()  # that there is nothing at that address


def test_photos_whose_way_was_cut_off_are_sent_once_more_and_none_twice(visit: Visit, photos: list[Path]) -> None:
    page = visit.page
    tries = 0

    def cut_off(route: Route) -> None:
        nonlocal tries
        tries += 1
        if tries > 2:
            return route.continue_()
        if tries == 2:  # it arrives, but the answer does not
            group = [("images", (path.name, path.read_bytes())) for path in photos[:8]]
            httpx.post(route.request.url, files=group, timeout=60).raise_for_status()
        route.abort()

    page.route("**/items", cut_off)
    add(visit, *photos)
    is_done(page, 12, 12)
    expect(page.locator("#batch-title")).to_have_text("Batch of 12 photos")
    visit.complaints.clear()  # the browser's own words about the connection


def test_other_settings_for_all_are_asked_about_and_used(visit: Visit, photos: list[Path]) -> None:
    page = visit.page
    add(visit, *photos[:2])
    is_done(page, 2, 2)
    expect(page.locator("#batch-settings-name")).to_have_text("standard")
    page.click("#batch-presets [data-name=product-white]")
    expect(page.locator("#sure-question")).to_contain_text("All 2 photos are cut out anew")
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        page.click("#sure-yes")
    expect(page.locator("#batch-settings-name")).to_have_text("Product on white")
    is_done(page, 2, 2)
    page.click("#batch-as-photo")
    page.click("#sure-yes")
    expect(page.locator("#batch-settings-name")).to_have_text("standard")
    expect(page.locator("#batch-as-photo")).to_be_hidden()
    is_done(page, 2, 2)


def test_several_photos_on_the_photo_tab_can_become_a_batch(
    visit_to: VisitTo, shop: Process, photos: list[Path]
) -> None:
    visit = visit_to(shop)
    page = visit.page
    page.set_input_files("#input input[type=file]", photos[:3])
    expect(page.locator("#batch-bar")).to_contain_text("This is “bag 1.jpg”, the first of 3 photos")
    visit.until("done")
    message = page.evaluate("parseFloat(getComputedStyle(document.querySelector('#notice-part')).top)")
    bar = page.locator("#batch-bar").bounding_box()
    assert bar and message >= bar["y"] + bar["height"], "a message does not lie over the bar"
    page.get_by_role("button", name="Cut out all 3 as a batch").click()
    expect(page.locator("#tab-batch")).to_have_attribute("aria-selected", "true")
    is_done(page, 3, 3)
    page.click("#tab-photo")
    expect(page.locator("#batch-bar")).to_be_hidden()
    visit.drop(*photos[3:5])
    expect(page.get_by_role("button", name="Add all 2 to the batch")).to_be_visible()
    page.get_by_role("button", name="Only this one").click()
    expect(page.locator("#batch-bar")).to_be_hidden()
    visit.until("done")


def test_settings_of_the_photo_tab_are_those_that_a_batch_begins_with(
    visit_to: VisitTo, shop: Process, photos: list[Path]
) -> None:
    visit = visit_to(shop)
    visit.done(photos[0].read_bytes())
    visit.page.click("#preset-chips [data-name=product-white]")
    expect(visit.page.locator("#preset-chips [data-name=product-white]")).to_have_attribute("aria-pressed", "true")
    open_tab(visit)
    expect(visit.page.locator("#batch-begins-with")).to_contain_text("Settings: Product on white.")
    add(visit, photos[1])
    expect(visit.page.locator("#batch-settings-name")).to_have_text("Product on white")
    is_done(visit.page, 1, 1)


def test_a_picture_behind_goes_with_the_batch(visit_to: VisitTo, shop: Process, photos: list[Path]) -> None:
    visit = visit_to(shop)
    visit.done(photos[0].read_bytes())
    blue = encoded(np.full((240, 320, 3), (20, 40, 200), np.uint8))
    with visit.page.expect_file_chooser() as waiting:
        visit.page.click("input[name=backdrop][value=image]", force=True)
    waiting.value.set_files([{"name": "blue.png", "mimeType": "image/png", "buffer": blue}])
    visit.page.wait_for_function(
        "window.heard.at(-1)?.state === 'done' && window.heard.at(-1).options.background === 'image'"
    )
    open_tab(visit)
    add(visit, photos[1])
    is_done(visit.page, 1, 1)
    pixels = opened(download_all(visit).read("bag 2.png"))
    assert tuple(pixels[5, 5][:3]) == (20, 40, 200)
    tile(visit.page, "bag 2.jpg").locator(".tile-open").click()
    expect(visit.page.locator("#batch-bar")).to_be_visible()
    visit.until("done")
    assert visit.heard()[-1]["behind"]["name"] == "blue.png"


def test_who_leaves_while_photos_are_sent_is_asked_and_told_afterwards(visit: Visit, photos: list[Path]) -> None:
    page = visit.page
    page.route("**/items", lambda route: None)  # a transfer that takes its time
    add(visit, *photos)
    expect(page.locator("#batch-sending")).to_have_text("0 of 12 sent")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    visit.reload()
    assert asked == ["beforeunload"]
    open_tab(visit)
    expect(page.locator("#batch-note")).to_contain_text("12 photos had not been sent")


def test_where_others_can_reach_the_server_a_batch_takes_a_hundred_photos(
    visit_to: VisitTo, u2netp: Path, photos: list[Path], tmp_path: Path
) -> None:
    with serving("--host", "0.0.0.0", "--public", CLEARCUT_BATCHES_DIR=str(tmp_path)) as shared:
        visit = open_tab(visit_to(shared))
        many = [(f"{number:03}.jpg", photos[0].read_bytes()) for number in range(101)]
        files = [{"name": name, "mimeType": "image/jpeg", "buffer": data} for name, data in many]
        with visit.page.expect_file_chooser() as waiting:
            visit.page.click("#batch-start [data-adds=photos]")
        waiting.value.set_files(files)
        expect(visit.page.locator("#batch-note")).to_contain_text("may have 100 photos")
        expect(visit.page.locator("#batch-title")).to_have_text("Batch of 100 photos", timeout=60_000)
        visit.leave()
