"""A photo in, a cut-out out, the way a person does it."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from pipeline import say
from tests.browser.conftest import Visit
from tests.pictures import encoded, opened, photo
from tests.process import ROOT, Process

DROP = """([name, data]) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const files = new DataTransfer();
    files.items.add(new File([bytes], name, { type: "image/jpeg" }));
    const send = (kind) => document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: files, bubbles: true, cancelable: true }));
    send("dragenter"); send("dragover");
    const seen = !document.getElementById("let-go").hidden;
    send("drop");
    return seen;
}"""  # noqa: E501


def drop(visit: Visit, data: bytes, name: str) -> bool:
    import base64

    return bool(visit.page.evaluate(DROP, [name, base64.b64encode(data).decode()]))


def test_a_dropped_photo_is_downloaded_as_the_same_bytes_that_the_command_line_writes(
    visit: Visit, portrait: bytes, tmp_path: Path
) -> None:
    assert drop(visit, portrait, "My photo.jpg"), "the page says where to let go"
    visit.until("done")
    name, data = visit.download()
    assert name == "My photo_cutout.png"
    pixels = opened(data)
    assert pixels.shape == (*photo("astronaut").shape[:2], 4) and 0 < (pixels[..., 3] > 127).mean() < 1
    file = tmp_path / "My photo.jpg"
    file.write_bytes(portrait)
    subprocess.run([sys.executable, "-m", "pipeline", "cut", str(file)], cwd=ROOT, check=True, capture_output=True)
    assert data == (tmp_path / "My photo_cutout.png").read_bytes()


def test_a_checkerboard_shows_where_the_matte_is_zero(
    visit_to: Callable[..., Visit], server: Process, portrait: bytes
) -> None:
    visit = visit_to(server, reduced_motion="no-preference")
    visit.done(portrait)
    visit.page.wait_for_timeout(900)  # the reveal
    alpha = Image.fromarray(opened(visit.download()[1])[..., 3])
    shown = visit.pixels("#result")
    empty = np.asarray(alpha.resize(shown.shape[1::-1])) == 0
    empty[:, :80] = False  # the handle
    y, x = np.mgrid[: shown.shape[0], : shown.shape[1]]
    dark = (x // 12 + y // 12) % 2 == 1
    inside = (x % 12 > 0) & (x % 12 < 11) & (y % 12 > 0) & (y % 12 < 11) & empty
    tones = [shown[inside & side][:, 0].astype(int) for side in (dark, ~dark)]
    assert all(len(tone) > 1000 and tone.std() < 3 for tone in tones), "squares of 12 pixels, each of one tone"
    assert 15 < abs(tones[0].mean() - tones[1].mean()) < 80, "apart enough to see, quiet enough not to shout"


def test_the_first_screen_has_one_thing_to_do(visit: Visit) -> None:
    page = visit.page
    expect(page.get_by_role("button", name="Choose a photo")).to_be_visible()
    expect(page.get_by_role("heading", name="Drop a photo anywhere")).to_be_visible()
    expect(page.locator("#start").get_by_text("Your pictures never leave this computer.")).to_be_visible()
    for later in ("#model", "#feather", "#download", "#split"):
        expect(page.locator(later)).to_be_hidden()


def test_the_chosen_photo_is_on_the_screen_before_the_server_answers(visit: Visit, portrait: bytes) -> None:
    devtools = visit.page.context.new_cdp_session(visit.page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": len(portrait) / 4}
    devtools.send("Network.enable")
    devtools.send("Network.emulateNetworkConditions", slow)
    visit.choose(portrait)
    expect(visit.page.locator("#before")).to_be_visible()
    expect(visit.page.locator("#step")).to_have_text(re.compile(r"^Sending the photo: [1-9]\d? %$"))
    devtools.detach()


def test_copy_then_paste_anywhere_brings_the_cutout_back_in(visit: Visit, portrait: bytes) -> None:
    visit.done(portrait)
    visit.page.click("#copy")
    expect(visit.page.locator("#copy")).to_have_text("Copied")
    visit.page.click("#new")
    expect(visit.page.get_by_role("heading", name="Drop a photo anywhere")).to_be_visible()
    visit.page.keyboard.press("Control+V")
    visit.until("done")
    assert opened(visit.download()[1]).shape == (*photo("astronaut").shape[:2], 4)


def test_a_photo_that_is_dropped_or_pasted_among_the_models_is_shown_on_the_photo_tab(
    visit: Visit, portrait: bytes
) -> None:
    page = visit.page
    visit.models()
    drop(visit, b"", "nothing.jpg")
    expect(page.get_by_role("tab", name="Photo")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("alert")).to_contain_text("is empty")
    visit.models()
    drop(visit, portrait, "dropped.jpg")
    expect(page.locator("#models")).to_be_hidden()
    expect(page.locator("#before")).to_be_visible()
    visit.until("done")
    page.click("#copy")
    expect(page.locator("#copy")).to_have_text("Copied")
    visit.models()
    page.keyboard.press("Control+V")
    expect(page.locator("#models")).to_be_hidden()
    page.wait_for_function("document.getElementById('download').download === 'image_cutout.png'")
    visit.until("done")


def test_an_example_photo_is_one_click(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Try this photo: a handbag").click()
    visit.until("done")
    assert visit.download()[0] == "bag_cutout.png"


def test_a_setting_runs_again_and_the_download_follows(visit: Visit, portrait: bytes) -> None:
    visit.done(portrait)
    hard = visit.download()[1]
    visit.page.click("#group-edges .fold-head")
    visit.page.locator("#feather input[type=number]").fill("8")
    visit.page.keyboard.press("Tab")
    visit.page.wait_for_function("window.heard.filter((message) => message?.state === 'done').length > 1")
    visit.page.wait_for_timeout(300)
    soft = visit.download()[1]
    edge = lambda data: ((a := opened(data)[..., 3]) > 20) & (a < 235)  # noqa: E731
    assert edge(soft).sum() > 1.1 * edge(hard).sum()


def test_formats_that_browsers_cannot_show_are_shown(visit: Visit) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    for format in ("TIFF", "HEIF"):
        visit.done(encoded(photo("astronaut"), format), f"astronaut.{format.lower()}")
        width, height = visit.page.evaluate("[document.getElementById('before').naturalWidth, after.naturalHeight]")
        assert (height, width) == photo("astronaut").shape[:2]
        visit.page.click("#new")


def test_odd_names_keep_what_they_can(visit: Visit, portrait: bytes) -> None:
    from pipeline import name_cutout

    kept = lambda text: [letter for letter in text if letter.isalnum()]  # noqa: E731
    for name in ('猫 "quoted" & <b>.jpg', "x" * 180 + "100%_#1?.jpg"):
        visit.done(portrait, name)
        suggested, data = visit.download()
        assert opened(data).ndim == 3
        assert kept(suggested) == kept(name_cutout(name))
        visit.page.click("#new")


def test_the_handle_slides_by_keyboard_and_shows_the_original_on_its_left(visit: Visit, portrait: bytes) -> None:
    visit.done(portrait)
    visit.page.wait_for_timeout(900)
    visit.page.focus("#split")
    visit.page.keyboard.press("End")
    before = visit.pixels("#frame")
    visit.page.keyboard.press("Home")
    after = visit.pixels("#frame")
    middle = slice(100, -100)
    truth = np.asarray(Image.fromarray(photo("astronaut")).resize(before.shape[1::-1]))
    assert np.abs(before.astype(int) - truth)[middle, middle].mean() < 6
    assert np.abs(after.astype(int) - truth)[middle, middle].mean() > 12


def test_two_visitors_do_not_see_each_others_results(
    visit_to: Callable[..., Visit], server: Process, portrait: bytes
) -> None:
    one, other = visit_to(server), visit_to(server)
    one.done(portrait, "one.jpg")
    other.done(encoded(photo("coffee"), "JPEG"), "other.jpg")
    assert one.download()[0] == "one_cutout.png" and other.download()[0] == "other_cutout.png"
    assert opened(one.download()[1]).shape != opened(other.download()[1]).shape


def test_the_page_about_the_api_stands_without_a_network(visit: Visit) -> None:
    visit.page.click("#about")
    visit.page.get_by_role("link", name="For programs: the HTTP API").click()
    expect(visit.page.get_by_text("Remove the background of a photo")).to_be_visible()


@pytest.mark.parametrize(
    ("language", "title"), [("en", "Clearcut: remove a background"), ("zh-CN", "Clearcut · 一键抠图")]
)
def test_the_head_of_the_page_is_clearcuts_own_and_names_no_other_host(
    server: Process, language: str, title: str
) -> None:
    page = httpx.get(server.address, headers={"Accept-Language": language}).text
    head = page.partition("</head>")[0]
    tags = re.findall(r"<meta[^>]*>", head)
    assert f"<title>{title}</title>" in head and head.count("<title>") == 1
    named = {key: value for tag in tags for key, value in re.findall(r'(?:name|property)="(.+?)" content="(.*?)"', tag)}
    assert named["og:title"] == title and say("page.description", language) == named["og:description"]
    assert not [tag for tag in tags if "radio" in tag.lower()]
    assert {found for tag in tags for found in re.findall(r"https?://[^/\"]+", tag)} <= {server.address}
    picture = httpx.get(named["og:image"])
    assert picture.status_code == 200 and opened(picture.content).shape == (630, 1200, 3)
