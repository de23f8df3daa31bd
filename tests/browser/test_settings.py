"""The panel: presets, controls of every kind, undo and reset, what is remembered, ways of looking; in a few visits."""

import io
import json
import re
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from pipeline import Inputs, Options, cut_out, cut_out_bytes, decode, list_canvases
from pipeline.options.presets import list_presets
from tests.browser.conftest import Visit
from tests.browser.panel import after, choose, unfold
from tests.pictures import composite, encoded, opened
from tests.process import Process

pytestmark = pytest.mark.used_pages


def test_a_shop_owner_gets_a_product_on_white_with_a_shadow_in_one_click(visit: Visit, portrait: bytes) -> None:
    visit.done(portrait, "bag.jpg")
    after(visit, lambda: visit.page.click("#preset-chips [data-name=product-white]"))
    expect(visit.page.locator("#preset-chips [data-name=product-white]")).to_have_attribute("aria-pressed", "true")
    name, data = visit.download()
    assert name == "bag_cutout.png"
    assert data == cut_out_bytes(portrait, preset="product-white")
    picture = opened(data)
    assert picture.shape == (2000, 2000, 3)
    assert (picture[0, [0, -1]] == 255).all()
    matte = opened(cut_out_bytes(portrait, preset="product-white", format="matte")).reshape(2000, 2000, -1)[..., 0]
    assert ((picture.max(axis=2) < 245) & (matte == 0)).any(), "a shadow"
    expect(visit.page.get_by_role("alert")).to_contain_text("too small for this size, even enlarged 3 times")


def test_controls_of_every_kind_act_at_once_and_undo_and_reset_take_back(visit: Visit, portrait: bytes) -> None:
    page = visit.page
    visit.done(portrait)
    expect(page.locator("#undo")).to_be_disabled()
    unfold(visit, "background")
    expect(page.locator("#background-color")).to_be_hidden()
    assert after(visit, lambda: choose(visit, "background", "Gradient"))["options"]["background"] == "gradient"
    for shown in ("#background-color", "#background-color-2", "#background-angle"):
        expect(page.locator(shown)).to_be_visible()
    expect(page.locator("#background-blur")).to_be_hidden()
    angle = page.locator("#background-angle input[type=range]")
    assert after(visit, lambda: angle.fill("90"))["options"]["background_angle"] == 90
    unfold(visit, "frame")
    assert after(visit, lambda: page.locator("#crop input").check())["options"]["crop"] is True
    said = after(visit, lambda: (page.fill("#canvas input", "600x300"), page.keyboard.press("Enter")))
    assert (said["width"], said["height"]) == (600, 300)
    unfold(visit, "file")
    after(visit, lambda: choose(visit, "format", "WebP"))
    expect(page.locator("#download")).to_have_text("Download WEBP")
    name, data = visit.download()
    wanted = {"background": "gradient", "background_angle": 90, "crop": True, "canvas": "600x300", "format": "webp"}
    assert name == "photo_cutout.webp" and data == cut_out_bytes(portrait, **wanted)
    assert after(visit, lambda: page.click("#undo"))["options"]["format"] == "png"
    assert after(visit, lambda: page.click("#undo"))["options"]["canvas"] == ""
    expect(page.locator("#crop input")).to_be_checked()
    last = after(visit, lambda: page.click("#reset"))
    assert last["options"] == Options(model="u2netp").model_dump(mode="json")
    expect(page.locator("#crop input")).not_to_be_checked()
    assert after(visit, lambda: page.click("#undo"))["options"]["crop"] is True


def test_a_canvas_brings_the_background_that_it_asks_for_and_undo_takes_back_both(
    visit: Visit, portrait: bytes
) -> None:
    page = visit.page
    visit.done(portrait)
    unfold(visit, "frame")
    blue = next(canvas for canvas in list_canvases().values() if canvas.background not in (None, "#ffffff"))
    choose(visit, "canvas", f"{blue.get_title('en')} · {blue.size[0]} × {blue.size[1]}")
    page.wait_for_function("window.heard.some((said) => said?.state === 'done' && said.options.background === 'color')")
    expect(page.locator("#group-background")).to_have_class(re.compile("touched"))
    visit.nothing_more_comes()
    _, data = visit.download()
    assert data == cut_out_bytes(portrait, canvas=blue.id)
    last = after(visit, lambda: page.click("#undo"))["options"]
    assert (last["canvas"], last["background"], last["background_color"]) == ("", "transparent", "#ffffff")
    expect(page.locator("#undo")).to_be_disabled()


def test_a_picture_of_ones_own_stands_behind_the_subject(visit: Visit, portrait: bytes) -> None:
    wall = encoded(np.full((90, 120, 3), (200, 30, 90), np.uint8))
    visit.done(portrait)
    unfold(visit, "background")
    with visit.page.expect_file_chooser() as chooser:
        choose(visit, "background", "A picture")
    message = after(
        visit,
        lambda: chooser.value.set_files({"name": "wall.png", "mimeType": "image/png", "buffer": wall}),
    )
    assert message["options"]["background"] == "image"
    visit.nothing_more_comes()
    _, data = visit.download()
    assert data == cut_out_bytes(portrait, wall, background="image")


def test_settings_are_remembered_by_the_browser(visit: Visit, portrait: bytes) -> None:
    visit.done(portrait)
    after(visit, lambda: visit.page.click("#preset-chips [data-name=sticker]"))
    visit.open()
    expect(visit.page.locator("#preset-chips [data-name=sticker]")).to_have_attribute("aria-pressed", "true")
    visit.done(portrait)
    _, data = visit.download()
    assert data == cut_out_bytes(portrait, preset="sticker")


def test_settings_of_another_version_or_another_hand_do_no_harm(visit: Visit, portrait: bytes) -> None:
    odd = {"feather": "much", "crop": 5, "nothing": 1, "model": "u3net", "background": "image", "margin": 20}
    visit.page.evaluate("(kept) => localStorage.setItem('clearcut-settings', kept)", json.dumps(odd))
    visit.open().done(portrait)
    _, data = visit.download()
    assert data == cut_out_bytes(portrait, margin=20)
    visit.page.evaluate("localStorage.setItem('clearcut-settings', '{')")
    visit.open().done(portrait)


def backdrop(visit: Visit) -> str:
    """What the row under the picture says."""
    return visit.page.evaluate("document.querySelector('input[name=backdrop]:checked')?.value ?? ''")


def test_the_row_under_the_picture_is_the_background_on_the_screen_and_in_the_file(
    visit: Visit, portrait: bytes
) -> None:
    page = visit.page
    visit.done(portrait)
    assert backdrop(visit) == "transparent"
    for choice, colour in (("white", "#ffffff"), ("black", "#000000")):
        after(visit, lambda choice=choice: page.check(f"input[name=backdrop][value={choice}]", force=True))
        seen = visit.pixels("#result")[12, -12]
        assert (seen == (255 if choice == "white" else 0)).all()
        visit.nothing_more_comes()
        assert visit.download()[1] == cut_out_bytes(portrait, background="color", background_color=colour)
    after(visit, lambda: page.check("input[name=backdrop][value=blur]", force=True))
    assert visit.download()[1] == cut_out_bytes(portrait, background="blur")
    assert after(visit, lambda: page.click("#undo"))["options"]["background_color"] == "#000000"
    assert backdrop(visit) == "black"
    after(visit, lambda: page.click("input[name=backdrop][value=color]", force=True))
    expect(page.locator("#colours")).to_be_visible()
    after(visit, lambda: page.check("input[name=backdrop-colour][value='#d9001b']", force=True))
    page.fill("#hex", "much")
    page.keyboard.press("Enter")
    expect(page.locator("#hex-hint")).to_contain_text("#3fa7ff")
    page.fill("#hex", "0af")
    said = after(visit, lambda: page.keyboard.press("Enter"))["options"]
    assert (said["background"], said["background_color"]) == ("color", "#00aaff")
    page.keyboard.press("Escape")
    expect(page.locator("#colours")).to_be_hidden()
    assert visit.download()[1] == cut_out_bytes(portrait, background="color", background_color="#00aaff")


def test_the_row_under_the_picture_follows_the_panel_presets_and_reset(visit: Visit, portrait: bytes) -> None:
    page = visit.page
    visit.done(portrait)
    after(visit, lambda: page.click("#preset-chips [data-name=product-white]"))
    assert backdrop(visit) == "white"
    after(visit, lambda: page.click("#reset"))
    assert backdrop(visit) == "transparent"
    unfold(visit, "background")
    after(visit, lambda: choose(visit, "background", "Gradient"))
    assert backdrop(visit) == ""
    after(visit, lambda: page.check("input[name=backdrop][value=blur]", force=True))
    expect(page.locator("#background input")).to_have_value("The photo’s own, blurred")
    after(visit, lambda: page.check("input[name=backdrop][value=transparent]", force=True))
    unfold(visit, "file")
    after(visit, lambda: choose(visit, "format", "JPEG (never transparent)"))
    assert backdrop(visit) == "white", "a JPEG is never transparent"
    expect(page.locator("input[name=backdrop][value=transparent]")).to_be_disabled()


def test_a_slider_that_moves_while_a_background_is_chosen_keeps_what_it_has_come_to(
    visit: Visit, portrait: bytes
) -> None:
    page = visit.page
    visit.done(portrait)
    unfold(visit, "edges")
    slider = page.locator("#feather input[type=range]")
    for value in ("3", "7", "11"):
        slider.fill(value)
    page.check("input[name=backdrop][value=black]", force=True)
    wanted = {"feather": 11, "background": "color", "background_color": "#000000"}
    page.wait_for_function(
        """(wanted) => window.heard.some((said) => said?.state === "done"
        && Object.entries(wanted).every(([name, value]) => said.options[name] === value))""",
        arg=wanted,
    )
    visit.nothing_more_comes()
    assert visit.download()[1] == cut_out_bytes(portrait, **wanted)

    def choose_both() -> None:
        page.click("#preset-chips [data-name=sticker]")
        expect(page.locator("input[name=backdrop][value=transparent]")).to_be_checked()  # else black still is
        page.check("input[value=black]", force=True)

    after(visit, choose_both)
    visit.nothing_more_comes()
    black = {"background": "color", "background_color": "#000000"}
    assert visit.download()[1] == cut_out_bytes(portrait, preset="sticker", **black)


def test_a_picture_is_chosen_in_the_row_too_and_the_row_is_used_by_keyboard(visit: Visit, portrait: bytes) -> None:
    page = visit.page
    wall = encoded(np.full((90, 120, 3), (200, 30, 90), np.uint8))
    visit.done(portrait)
    page.focus("input[name=backdrop][value=transparent]")
    after(visit, lambda: page.keyboard.press("ArrowRight"))
    assert backdrop(visit) == "white"
    outline = "getComputedStyle(document.activeElement.nextElementSibling).outlineWidth"
    assert page.evaluate(outline) == "3px"
    after(visit, lambda: [page.keyboard.press("ArrowRight") for _ in range(2)])
    expect(page.locator("#colours")).to_be_hidden()
    page.keyboard.press("Space")
    expect(page.locator("#colours")).to_be_visible()
    after(visit, lambda: page.keyboard.press("ArrowRight"))
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.value") == "color", "the focus is where it was"
    with page.expect_file_chooser() as chooser:
        page.click("input[name=backdrop][value=image]", force=True)
    wall_file = {"name": "wall.png", "mimeType": "image/png", "buffer": wall}
    after(visit, lambda: chooser.value.set_files(wall_file))
    visit.nothing_more_comes()
    options = [message for message in visit.heard() if message["state"] == "done"][-1]["options"]
    colour = options["background_color"]
    assert visit.download()[1] == cut_out_bytes(portrait, wall, background="image", background_color=colour)


def test_a_number_beyond_its_range_becomes_the_nearest_and_a_message_can_be_closed(
    visit: Visit, portrait: bytes
) -> None:
    page = visit.page
    visit.done(portrait)
    unfold(visit, "edges")
    field = page.locator("#feather input[type=number]")
    said = after(visit, lambda: (field.fill("999"), page.keyboard.press("Tab")))
    assert said["options"]["feather"] == 50
    expect(field).to_have_value("50")
    expect(page.locator("#feather .nearest")).to_have_text("From 0 to 50: set to 50.")
    after(visit, lambda: (field.fill("2"), page.keyboard.press("Tab")))
    expect(page.locator("#feather .nearest")).to_be_hidden()
    after(visit, lambda: page.click("#preset-chips [data-name=product-white]"))
    expect(page.get_by_role("alert")).to_be_in_viewport(ratio=1)
    page.click("#notice-close")
    expect(page.get_by_role("alert")).to_be_hidden()
    after(visit, lambda: page.check("input[name=backdrop][value=black]", force=True))
    expect(page.get_by_role("alert")).to_be_hidden()


PAINTED = """() => document.querySelector("#matte").decode().then(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))"""


def look(visit: Visit, view: str) -> None:
    visit.page.click("#view")
    visit.page.click(f"input[name=view][value={view}]")


def test_the_result_is_looked_at_as_a_mask(visit: Visit, portrait: bytes) -> None:
    page = visit.page
    visit.done(portrait)
    expect(page.locator("#split")).to_have_value("0")  # the background is wiped away
    look(visit, "matte")
    expect(page.locator("#views")).to_be_hidden()
    expect(page.locator("#matte")).to_be_visible()
    page.wait_for_function("document.querySelector('#matte').complete && document.querySelector('#matte').naturalWidth")
    page.evaluate(PAINTED)
    seen = visit.pixels("#result")[100:-100, 100:-100]  # the handle and the rounded corners aside
    assert np.ptp(seen, axis=2).max() <= 2 and (seen < 9).any() and (seen > 245).any()
    look(visit, "both")
    expect(page.locator("#matte")).to_be_hidden()
    expect(page.locator("#view")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#real-pixels")).to_be_disabled()  # the whole shows them already
    page.keyboard.press("ArrowDown")
    expect(page.locator("#matte")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#view")).to_be_focused()


def test_a_shop_that_asks_for_more_is_named_when_the_subject_fills_too_little(visit: Visit, portrait: bytes) -> None:
    visit.done(encoded(np.asarray(Image.open(io.BytesIO(portrait)).resize((1600, 1600))), "JPEG"))
    unfold(visit, "frame")
    after(visit, lambda: choose(visit, "canvas", "Amazon main image · 2000 × 2000"))
    margin = visit.page.locator("#margin input[type=range]")
    after(visit, lambda: margin.fill("60"))
    expect(visit.page.locator("#frame-facts")).to_contain_text("Amazon main image asks for 85 %: too little")
    after(visit, lambda: margin.fill("2"))
    expect(visit.page.locator("#frame-facts")).to_contain_text("enough")
    visit.page.click("#language")
    expect(visit.page.locator("#frame-facts")).to_contain_text("达标")
    expect(visit.page.locator("#margin")).to_contain_text("边距")


def test_a_small_photo_is_enlarged_for_its_canvas_and_the_page_says_how_far(visit: Visit) -> None:
    data = encoded(composite(640, 480).rgb)
    visit.done(data)
    unfold(visit, "frame")
    page = visit.page
    after(visit, lambda: (page.fill("#canvas input", "900x900"), page.keyboard.press("Enter")))
    (times,) = re.findall(r"Enlarged (\d(?:\.\d)?) times", page.get_by_role("alert").inner_text())
    made = cut_out(Inputs(decode(data)), Options(canvas="900x900"))
    assert float(times) == made.picture.placement.enlarged > 1
    page.click("#language")
    expect(page.get_by_role("alert")).to_contain_text(f"已放大 {times} 倍")


def test_forgetting_deletes_the_results_and_starts_anew(visit: Visit, portrait: bytes) -> None:
    page = visit.page
    visit.done(portrait)
    result = page.get_attribute("#after", "src")
    assert page.request.get(f"{visit.address}/{result}").status == 200
    page.click("#about")
    page.click("#about-forget")
    expect(page.get_by_role("alert")).to_contain_text("Forgotten")
    while page.request.get(f"{visit.address}/{result}").status != 410:
        page.wait_for_timeout(50)
    visit.done(portrait)


def test_every_preset_shows_what_the_library_makes_on_a_phone_too(
    visit_to: Callable[..., Visit], server: Process, portrait: bytes
) -> None:
    visit = visit_to(server, 390, 844, has_touch=True, is_mobile=True, locale="zh-CN")
    visit.done(portrait)
    for name in list_presets():
        after(visit, lambda name=name: visit.page.tap(f"#preset-chips [data-name={name}]"))
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
        _, data = visit.download()
        assert data == cut_out_bytes(portrait, preset=name), name
        Image.open(io.BytesIO(data)).verify()
