"""Lists, sliders and the handle, as somebody meets them who uses keys, or who has to see where they are."""

from functools import partial

import numpy as np
import pytest
from PIL import ImageColor
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Visit
from tests.browser.panel import after, unfold

RING = 5  # px: 3 of outline, 2 off the box


def listed(visit: Visit, control: str) -> Locator:
    return visit.page.locator(f"#{control} [role=combobox]")


def expect_active(combobox: Locator, label: str) -> None:
    """Wait until that option is the one that the combobox says is active."""
    name = "document.getElementById(one.getAttribute('aria-activedescendant'))?.ariaLabel"
    arg = [combobox.element_handle(), label]
    combobox.page.wait_for_function(f"([one, label]) => {name} === label", arg=arg, timeout=5000)


def press(combobox: Locator, *keys: str) -> None:
    for key in keys:
        combobox.page.keyboard.press(key)


@pytest.fixture
def background(visit: Visit, portrait: bytes) -> Locator:
    """The list of backgrounds, unfolded, with the focus."""
    visit.done(portrait)
    unfold(visit, "background")
    combobox = listed(visit, "background")
    combobox.focus()
    return combobox


def test_a_list_opens_by_the_keys_for_it_and_not_because_the_focus_comes_by(background: Locator) -> None:
    options = background.page.get_by_role("option")
    expect(background).to_have_attribute("aria-expanded", "false")
    press(background, "Shift", "PageDown")
    expect(options).to_have_count(0)
    for key in ("ArrowDown", "ArrowUp", "Enter", "Space"):
        press(background, key)
        expect(background).to_have_attribute("aria-expanded", "true")
        expect(options).to_have_count(6)
        expect_active(background, "Transparent")
        assert background.page.locator(f"#{background.get_attribute('aria-controls')}[role=listbox]").is_visible()
        press(background, "Escape")
        expect(background).to_have_attribute("aria-expanded", "false")
        expect(options).to_have_count(0)
        expect(background).to_be_focused()


def test_keys_go_through_a_list_without_leaving_its_ends(background: Locator) -> None:
    press(background, "ArrowDown")
    expect_active(background, "Transparent")
    for key, where in (
        ("ArrowUp", "Transparent"),
        ("ArrowDown", "Colour"),
        ("End", "The photo’s own"),
        ("ArrowDown", "The photo’s own"),
        ("g", "Gradient"),
        ("PageUp", "Transparent"),
        ("t", "The photo’s own, blurred"),
        ("Home", "Transparent"),
    ):
        press(background, key)
        expect_active(background, where)
    press(background, "Escape", "End")
    expect_active(background, "The photo’s own")


def test_escape_and_tab_close_a_list_and_change_nothing(visit: Visit, background: Locator) -> None:
    press(background, "ArrowDown", "End", "Escape")
    expect(background).to_have_value("Transparent")
    expect(background).to_be_focused()
    press(background, "ArrowDown", "End", "Tab")
    expect(background.page.get_by_role("option")).to_have_count(0)
    expect(background).to_have_value("Transparent")
    expect(background).not_to_be_focused()
    press(background, "Shift+Tab")
    expect(background).to_be_focused()
    expect(background).to_have_attribute("aria-expanded", "false")
    visit.nothing_more_comes()
    assert {said["options"]["background"] for said in visit.heard() if said["state"] == "done"} == {"transparent"}


def test_a_choice_by_key_closes_the_list_and_keeps_the_focus(visit: Visit, background: Locator) -> None:
    for key, value, label in (("Enter", "color", "Colour"), ("Space", "gradient", "Gradient")):
        press(background, "ArrowDown", "ArrowDown")
        assert after(visit, partial(press, background, key))["options"]["background"] == value
        expect(background).to_have_value(label)
        expect(background).to_have_attribute("aria-expanded", "false")
        expect(background).to_be_focused()


def test_a_choice_by_pointer_keeps_the_focus_and_a_second_press_closes_the_list(
    visit: Visit, background: Locator
) -> None:
    for _ in range(2):
        background.click()
        expect(background).to_have_attribute("aria-expanded", "true")
        background.click()
        expect(background).to_have_attribute("aria-expanded", "false")
    background.click()
    said = after(visit, lambda: visit.page.get_by_role("option", name="Gradient").click())
    assert said["options"]["background"] == "gradient"
    expect(background).to_be_focused()


def test_what_is_typed_takes_the_place_of_the_size_and_narrows_the_list(visit: Visit, portrait: bytes) -> None:
    visit.done(portrait)
    unfold(visit, "frame")
    canvas = listed(visit, "canvas")
    canvas.click()
    canvas.press_sequentially("pass")
    expect(canvas).to_have_value("pass")
    expect(visit.page.get_by_role("option").filter(has_not_text="assport")).to_have_count(0)
    canvas.fill("640x200")
    said = after(visit, lambda: press(canvas, "Enter"))
    assert (said["width"], said["height"]) == (640, 200)
    expect(canvas).to_be_focused()


def test_the_ring_of_a_list_is_seen_on_all_four_sides(visit: Visit, background: Locator) -> None:
    for _ in ("light", "dark"):
        press(background, "ArrowDown", "Escape")
        left, top, width, height = background.evaluate(
            "(one) => Object.values(one.closest('.wrap').getBoundingClientRect().toJSON())"
        )[:4]
        seen = visit.screen({"x": left - RING, "y": top - RING, "width": width + 2 * RING, "height": height + 2 * RING})
        accent = ImageColor.getrgb(visit.page.evaluate("getComputedStyle(document.body).getPropertyValue('--accent')"))
        row, column = seen[len(seen) // 2], seen[:, seen.shape[1] // 2]
        for side in (row, row[::-1], column, column[::-1]):
            assert np.abs(side[:RING].astype(int) - accent).max(axis=1).min() <= 30
        visit.page.click("#theme")
        background.focus()


def test_the_open_list_has_an_edge_and_a_shadow(background: Locator) -> None:
    press(background, "ArrowDown")
    look = background.page.locator("#background .options").evaluate(
        "(box) => { const { borderTopWidth, borderTopColor, backgroundColor, boxShadow } = getComputedStyle(box);"
        " return [borderTopWidth, borderTopColor, backgroundColor, boxShadow]; }"
    )
    assert look[0] == "1px" and look[3] != "none"
    assert contrast(look[1], look[2]) >= 3


def contrast(one: str, other: str) -> float:
    """Of two colours, as WCAG has it."""

    def luminance(colour: str) -> float:
        part = np.array(ImageColor.getrgb(colour)[:3]) / 255
        linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.2126, 0.7152, 0.0722)) + 0.05

    darker, lighter = sorted(map(luminance, (one, other)))
    return lighter / darker


def hexed(pixel: np.ndarray) -> str:
    return f"#{bytes(pixel).hex()}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_sliders_thumb_stands_out_and_one_with_two_sides_is_filled_from_the_middle(
    visit: Visit, portrait: bytes, scheme: str
) -> None:
    page = visit.page
    if scheme == "dark":
        page.click("#theme")
    visit.done(portrait)
    unfold(visit, "edges")
    slider = page.locator("#levels input[type=range]")
    after(visit, lambda: slider.fill("50"))
    row = visit.pixels("#levels input[type=range]")
    row = row[len(row) // 2]
    track, card = (
        row[len(row) // 4],
        page.evaluate("getComputedStyle(document.querySelector('#panel')).backgroundColor"),
    )
    unfold(visit, "frame")
    edge = visit.pixels("#outline-color .dialog-button")[20, 0]
    assert contrast(hexed(edge), card) >= 3, "a white button on a white panel, too"
    thumb = row[10 + round((len(row) - 20) * 0.75)]
    assert contrast(hexed(thumb), card) >= 3
    assert contrast(hexed(thumb), hexed(track)) >= 3
    fill = row[round(len(row) * 0.6)]
    assert (fill == thumb).all() and not (track == fill).all()
    assert (row[round(len(row) * 0.95)] == track).all()
    after(visit, lambda: slider.fill("-50"))
    row = visit.pixels("#levels input[type=range]")
    row = row[len(row) // 2]
    assert (row[round(len(row) * 0.4)] == fill).all()
    assert (row[round(len(row) * 0.6)] == track).all() and (row[round(len(row) * 0.05)] == track).all()


def test_a_slider_and_its_number_say_the_same_whoever_sets_them(visit: Visit, portrait: bytes) -> None:
    visit.done(portrait)
    unfold(visit, "edges")
    slider, number = (visit.page.locator(f"#feather input[type={kind}]") for kind in ("range", "number"))
    after(visit, lambda: slider.fill("7.5"))
    expect(number).to_have_value("7.5")
    after(visit, lambda: (number.fill("12"), visit.page.keyboard.press("Tab")))
    expect(slider).to_have_value("12")
    slider.focus()
    after(visit, lambda: visit.page.keyboard.press("ArrowRight"))
    expect(number).to_have_value("12.5")
    after(visit, lambda: visit.page.click("#reset"))
    expect(slider).to_have_value("0")
    expect(number).to_have_value("0")


def test_the_handle_moves_by_one_and_ten_percent_and_to_the_ends(visit: Visit, portrait: bytes) -> None:
    visit.done(portrait)
    handle = visit.page.locator("#split")
    expect(handle).to_have_value("0")  # once it has shown what it is for
    handle.focus()
    for key, percent in (
        ("ArrowRight", 1),
        ("ArrowUp", 2),
        ("PageUp", 12),
        ("ArrowLeft", 11),
        ("ArrowDown", 10),
        ("PageDown", 0),
        ("ArrowLeft", 0),
        ("End", 100),
        ("PageUp", 100),
        ("Home", 0),
    ):
        visit.page.keyboard.press(key)
        expect(handle).to_have_value(str(percent))
        assert (
            visit.page.evaluate("document.querySelector('#frame').style.getPropertyValue('--split')") == f"{percent}%"
        )
