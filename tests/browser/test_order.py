"""Of two things that are asked for in quick succession the later one is what remains."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visit
from tests.browser.panel import after, unfold
from tests.pictures import composite, encoded

pytestmark = pytest.mark.used_pages

SENT = re.compile("/(queue/join|run/)")


def hold_first(page: Page) -> Callable[[], None]:
    """Keep the next word to the server on its way until the function that is returned is called."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route) if not held else route.continue_()

    page.route(SENT, hold)
    return lambda: held[0].continue_()


def press(page: Page, preset: str) -> None:
    page.evaluate("(name) => document.querySelector(`#preset-chips [data-name=${name}]`).click()", preset)


def newest(visit: Visit) -> dict:
    """The options of the newest run that was told of; what is still told of older ones the page does not listen to."""
    return max(visit.heard(), key=lambda said: said["run"])["options"]


@pytest.mark.parametrize("first, second", [("sticker", "logo"), ("product-white", "portrait")])
def test_the_later_of_two_settings_remains_though_the_first_is_late(
    visit: Visit, portrait: bytes, first: str, second: str
) -> None:
    page = visit.page
    visit.done(portrait)
    let_go = hold_first(page)
    with page.expect_request(SENT):
        press(page, first)
    press(page, second)
    visit.nothing_more_comes()
    let_go()
    expect(page.locator(f"#preset-chips [data-name={second}]")).to_have_attribute("aria-pressed", "true")
    visit.nothing_more_comes()
    visit.until("done")
    last, wanted = newest(visit), page.evaluate("(name) => window.CLEARCUT.presets[name]", second)
    assert {name: last[name] for name in wanted} == wanted
    expect(page.locator(f"#preset-chips [data-name={second}]")).to_have_attribute("aria-pressed", "true")


def test_settings_in_a_row_without_a_pause_end_with_the_last(visit: Visit, portrait: bytes) -> None:
    page = visit.page
    visit.done(portrait)
    for name in (*("logo", "portrait", "product-white") * 6, "sticker"):
        press(page, name)
    page.wait_for_function("window.heard.some((said) => said?.state === 'done' && said.options.outline > 0)")
    visit.nothing_more_comes()
    assert newest(visit)["outline"] > 0
    expect(page.locator("#preset-chips [data-name=sticker]")).to_have_attribute("aria-pressed", "true")


def test_a_slider_acts_on_a_photo_that_came_while_the_slider_was_moved(visit: Visit, portrait: bytes) -> None:
    page = visit.page
    visit.done(portrait)
    unfold(visit, "edges")
    let_go = hold_first(page)
    with page.expect_request(SENT):
        page.locator("#feather input[type=range]").fill("3")
    visit.choose(encoded(composite().rgb), "next.png")
    expect(page.locator("#download")).to_be_hidden()
    let_go()
    expect(page.locator("#download")).to_have_attribute("download", "next_cutout.png")
    visit.until("done")
    said = after(visit, lambda: page.locator("#feather input[type=range]").fill("9"))
    assert said["options"]["feather"] == 9
