"""Every state that the page can be in: superseded, cancelled, asking, fetching, waiting, wrong."""

import random
import re
from base64 import b64decode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import numpy as np
from playwright.sync_api import Route, expect

from tests.api.mirror import Mirror
from tests.api.test_guard import run_page_event, uploaded
from tests.browser.conftest import Visit
from tests.gate import Gate
from tests.pictures import composite, encoded, opened, png_header_only
from tests.process import Process

BIG, SLOW = "Best", "isnet-general-use"  # the title of a model, and the network of it that takes long


def done_models(visit: Visit) -> list[str]:
    return [message["options"]["model"] for message in visit.heard() if message["state"] == "done"]


# ---- newer work ------------------------------------------------------------------------------------------------------


def test_a_newer_setting_supersedes_the_older_run(visit: Visit, unseen: bytes, isnet: Path, gate: Gate) -> None:
    visit.done(unseen)
    with gate.shut(SLOW):
        visit.pick_model(BIG)
        gate.until_reached(SLOW)
        visit.pick_model("Fast")
        visit.until("done")
    visit.nothing_more_comes()
    assert "best" not in done_models(visit)
    expect(visit.page.locator("#model-facts")).to_contain_text("u2netp")


def test_a_newer_photo_supersedes_the_older_run(visit: Visit, unseen: bytes, isnet: Path, gate: Gate) -> None:
    visit.done(unseen)
    with gate.shut(SLOW):
        visit.pick_model(BIG)
        gate.until_reached(SLOW)
        visit.choose(encoded(composite().rgb), "ball.png")
        visit.page.wait_for_function("window.heard.some((said) => said?.name === 'ball.png')")
    visit.page.wait_for_function("document.getElementById('download').download === 'ball_cutout.png'", timeout=60_000)
    visit.nothing_more_comes()
    shown = {message["download"]: message["file"] for message in visit.heard() if message["state"] == "done"}
    assert sorted(shown.values()) == ["ball_cutout.png", "photo_cutout.png"]
    assert visit.download()[0] == "ball_cutout.png"


def test_cancel_goes_back_to_the_last_result_and_its_model(
    visit: Visit, unseen: bytes, isnet: Path, gate: Gate
) -> None:
    visit.done(unseen)
    with gate.shut(SLOW):
        visit.pick_model(BIG)
        gate.until_reached(SLOW)
        visit.page.get_by_role("button", name="Cancel").click()
        visit.until("done")
        expect(visit.page.locator("#model input")).to_have_value("Fast")
    visit.nothing_more_comes()
    assert "best" not in done_models(visit)


def test_cancel_puts_the_controls_back_to_the_result_that_is_shown(
    visit: Visit, unseen: bytes, isnet: Path, gate: Gate
) -> None:
    visit.done(unseen)
    with gate.shut(SLOW):
        visit.pick_model(BIG)
        visit.until("working")
        visit.page.click("#group-edges .fold-head")
        visit.page.locator("#feather input[type=number]").fill("20")
        visit.page.keyboard.press("Tab")
        visit.page.get_by_role("button", name="Cancel").click()
        expect(visit.page.locator("#feather input[type=number]")).to_have_value("0")
        expect(visit.page.locator("#model input")).to_have_value("Fast")
        visit.until("done")


def test_cancel_before_any_result_goes_back_to_the_start(visit: Visit, portrait: bytes) -> None:
    visit.page.route("**/gradio_api/upload*", lambda route: None)
    visit.choose(portrait)
    visit.page.get_by_role("button", name="Cancel").click()
    expect(visit.page.get_by_role("button", name="Choose a photo")).to_be_visible()


def test_a_photo_whose_upload_comes_late_never_replaces_a_newer_one(visit: Visit, portrait: bytes) -> None:
    held = []
    visit.page.route("**/gradio_api/upload*", lambda route: route.continue_() if held else held.append(route))
    with visit.page.expect_request("**/gradio_api/upload*"):
        visit.choose(portrait, "late.jpg")
    visit.page.click("#new")
    visit.done(encoded(composite().rgb), "new.png")
    with visit.page.expect_response("**/gradio_api/upload*"):
        held[0].continue_()
    visit.nothing_more_comes()
    assert {message["file"] for message in visit.heard() if message["state"] == "done"} == {"new_cutout.png"}
    name, data = visit.download()
    assert name == "new_cutout.png" and opened(data).shape == (480, 640, 4)


def test_after_a_new_photo_the_old_ones_result_never_appears(visit: Visit, unseen: bytes, gate: Gate) -> None:
    with gate.shut("u2netp"):
        visit.choose(unseen)
        gate.until_reached("u2netp")
        visit.page.click("#new")
        expect(visit.page.locator("#start")).to_be_visible()
    visit.nothing_more_comes()
    expect(visit.page.locator("#start")).to_be_visible()


def test_the_queue_of_the_page_says_how_many_are_before_you(
    visit: Visit, server: Process, unseen: bytes, gate: Gate
) -> None:
    def visit_the_page(number: int) -> str:
        data = encoded(composite(seed=random.randrange(1 << 30)).rgb)
        with httpx.Client(base_url=server.address, timeout=120) as client:
            told = run_page_event(client, uploaded(client, data, "photo.png"), f"before-{number}")
        return str(told[-1]["output"]["data"][0]["state"])

    with ThreadPoolExecutor(4) as threads:
        with gate.shut("u2netp"):
            before = gate.jobs
            others = [threads.submit(visit_the_page, number) for number in range(4)]
            gate.until_jobs(before + 4)  # else a photo on the page might come before some of them
            visit.choose(unseen)
            expect(visit.page.locator("#step")).to_have_text(re.compile("people before you"))
        visit.until("done")
        assert [other.result() for other in others] == ["done"] * 4
    ahead = [message["ahead"] for message in visit.heard() if message.get("ahead")]
    assert ahead[0] >= 2 and ahead == sorted(ahead, reverse=True)


# ---- a model that is not here ----------------------------------------------------------------------------------------


def test_a_missing_model_is_offered_with_its_size_and_fetched_with_progress(
    visit_to: Callable[..., Visit], portrait: bytes, shop: Process, slow_mirror: Mirror, shop_folder: Path
) -> None:
    visit = visit_to(shop)
    visit.done(portrait)
    visit.pick_model(BIG)
    visit.until("ask")
    expect(visit.page.locator("#ask")).to_contain_text("88 MB")
    expect(visit.page.locator("#ask")).to_contain_text("Apache-2.0")
    visit.page.get_by_role("button", name="Not now").click()
    visit.until("done")
    expect(visit.page.locator("#model input")).to_have_value("Fast")
    visit.pick_model(BIG)
    visit.until("ask")
    visit.page.get_by_role("button", name="Fetch it once").click()
    expect(visit.page.locator("#step")).to_have_text(re.compile("[1-9]\\d of 88 MB"))
    visit.page.wait_for_function("new Set(window.heard.map((said) => said?.done || 0)).size > 2")
    slow_mirror.free.set()
    visit.until("done")
    shares = [message["done"] for message in visit.heard() if message.get("step") == "fetching" and message["done"]]
    assert len(set(shares)) >= 2 and shares == sorted(shares)
    assert done_models(visit)[-1] == "best"
    expect(visit.page.locator("#model-facts")).not_to_contain_text("not fetched yet")
    expect(visit.page.locator("#model input")).to_have_value(BIG)
    visit.offers(BIG)  # without a word of fetching
    assert (shop_folder / "isnet-general-use-fp16.onnx").stat().st_size == 88_188_479
    assert not list(shop_folder.glob("*.part"))


def test_offline_says_which_file_to_bring(visit_to: Callable[..., Visit], portrait: bytes, offline: Process) -> None:
    visit = visit_to(offline)
    visit.done(portrait)
    visit.pick_model(BIG)
    visit.until("ask")
    visit.page.get_by_role("button", name="Fetch it once").click()
    expect(visit.page.get_by_role("alert")).to_contain_text("isnet-general-use-fp16.onnx")
    expect(visit.page.locator("#after")).to_be_visible()  # the last result stays


# ---- wrong files -----------------------------------------------------------------------------------------------------

WRONG = [
    ("notes.jpg", b"only text", "is not a picture"),
    ("bomb.png", png_header_only(30000, 30000), "900 megapixels"),
    ("huge.tif", b"\0" * 30_200_000, "the limit here is 30 MB"),
]


def test_a_wrong_file_gets_a_sentence_and_the_next_photo_works(visit: Visit, portrait: bytes) -> None:
    alert = visit.page.get_by_role("alert")
    for name, data, sentence in WRONG:
        visit.choose(data, name)
        expect(alert).to_contain_text(sentence)
        visit.done(portrait)
        expect(alert).to_be_hidden()
        visit.choose(data, name)
        expect(alert).to_contain_text(sentence)
        visit.page.click("#new")


def test_a_wrong_file_leaves_the_last_result_and_its_settings_working(visit: Visit, portrait: bytes) -> None:
    visit.done(portrait, "good.jpg")
    visit.choose(b"only text", "notes.jpg")
    expect(visit.page.get_by_role("alert")).to_contain_text("is not a picture")
    expect(visit.page.locator("#after")).to_be_visible()
    assert visit.download()[0] == "good_cutout.png"
    visit.page.click("#group-edges .fold-head")
    visit.page.locator("#feather input[type=number]").fill("5")
    visit.page.keyboard.press("Tab")
    visit.until("done")
    name, data = visit.download()
    assert name == "good_cutout.png" and opened(data).shape == (512, 512, 4)


def test_a_download_or_a_copy_that_cannot_be_made_says_why(visit: Visit, portrait: bytes) -> None:
    body = '{"code": "expired", "facts": {}}'
    for button, label in (("#download", "Download PNG"), ("#copy", "Copy")):
        visit.done(portrait)
        expect(visit.page.get_by_role("alert")).to_be_hidden()
        visit.page.route("**/results/**", lambda route: route.fulfill(status=410, body=body))
        visit.page.click(button)
        expect(visit.page.get_by_role("alert")).to_contain_text("no longer kept")
        expect(visit.page.locator(button)).to_have_text(label)
        visit.page.unroute("**/results/**")
    visit.complaints.clear()  # the browser's own words about the status


def test_where_nothing_is_found_the_photo_stays_nothing_can_be_taken_along_and_best_is_one_press_away(
    visit: Visit, portrait: bytes
) -> None:
    page = visit.page
    visit.done(encoded(np.full((300, 400, 3), 128, np.uint8)), "wall.png")
    expect(page.get_by_role("alert")).to_contain_text("No clear subject found")
    assert (np.abs(visit.pixels("#frame")[20:60, 20:-20].astype(int) - 128) <= 2).all(), "the photo itself"
    expect(page.locator("#copy")).to_be_disabled()
    expect(page.locator("#download")).to_have_attribute("aria-disabled", "true")
    expect(page.locator("#download")).to_have_accessible_description(re.compile("nothing to take along"))
    thumb = page.locator("#picture .strip img").get_attribute("src") or ""
    assert (opened(b64decode(thumb.partition(",")[2]))[..., 3] == 255).all(), "in the strip, too"
    page.get_by_role("button", name="Try Best").click()
    page.wait_for_function("window.heard.some((said) => said?.state === 'done' && said.options.model === 'best')")
    visit.until("done")
    expect(page.locator("#try-best")).to_be_hidden()
    expect(page.locator("#nothing")).to_contain_text("Paint over it")
    expect(page.get_by_role("button", name="Mark it yourself")).to_be_visible()
    visit.done(portrait)
    expect(page.locator("#nothing")).to_be_hidden()
    expect(page.locator("#copy")).to_be_enabled()
    assert visit.download()[0] == "photo_cutout.png"


def test_best_is_offered_to_be_fetched_where_it_is_not_here(shop: Process, visit_to: Callable[..., Visit]) -> None:
    visit = visit_to(shop)
    visit.done(encoded(np.full((300, 400, 3), 128, np.uint8)), "wall.png")
    visit.page.get_by_role("button", name="Try Best").click()
    visit.until("ask")
    expect(visit.page.get_by_role("button", name="Fetch it once")).to_be_visible()
    expect(visit.page.locator("#nothing")).to_be_hidden()
    visit.page.click("#later")
    visit.until("done")
    expect(visit.page.get_by_role("button", name="Try Best")).to_be_visible()


def test_the_mask_alone_is_shown_copied_and_named_as_a_mask(visit: Visit, portrait: bytes) -> None:
    page = visit.page
    page.evaluate('localStorage.setItem(\'clearcut-settings\', \'{"format": "matte", "background": "blur"}\')')
    visit.open().done(portrait)
    expect(page.locator("#backdrops")).to_be_hidden()
    expect(page.locator("#after")).to_have_attribute("alt", "The mask of the subject")
    shown = page.evaluate("document.getElementById('after').src")
    assert shown.endswith("matte.png")
    name, data = visit.download()
    assert name == "photo_mask.png" and opened(data).squeeze().ndim == 2
    page.click("#copy")
    expect(page.locator("#copy")).to_have_text("Copied")
    copied = page.evaluate("""async () => { const [item] = await navigator.clipboard.read();
        const picture = await createImageBitmap(await item.getType("image/png"));
        const canvas = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
        canvas.drawImage(picture, 0, 0);
        const { data } = canvas.getImageData(0, 0, picture.width, picture.height);
        const odd = (value, at) => at % 4 === 3 ? value < 255 : value !== data[at - at % 4];
        return [picture.width, data.some(odd)]; }""")
    assert copied == [512, False], "opaque and grey"


def test_an_upload_that_fails_is_said(visit: Visit, portrait: bytes) -> None:
    too_large = '{"code": "too_large", "facts": {"megabytes": 31, "limit": 30}}'
    for status, body, sentence in (
        (413, too_large, "This is 31 MB"),
        (500, "Internal Server Error", "Something went wrong"),
    ):
        visit.page.route("**/gradio_api/upload*", partial(Route.fulfill, status=status, body=body))
        visit.choose(portrait)
        expect(visit.page.get_by_role("alert").filter(has_text=sentence)).to_be_visible()
        visit.complaints.clear()  # the browser's own words about the status
        visit.page.unroute("**/gradio_api/upload*")
        visit.done(portrait)


def test_a_script_that_comes_late_is_waited_for(visit: Visit, portrait: bytes) -> None:
    held: list[Route] = []
    visit.page.route("**/js/*/comparison.js", lambda route: held.append(route))
    visit.leave()
    visit.page.goto(visit.address)
    visit.page.wait_for_selector("#respeak", state="attached")
    visit.page.wait_for_timeout(1000)  # the page would have begun without it
    held[0].continue_()
    visit.page.wait_for_selector("html[data-ready]", state="attached")
    visit.done(portrait)
