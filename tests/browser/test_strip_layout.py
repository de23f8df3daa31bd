"""The strip of this visit's pictures stays within the page, and the picture that is shown is in sight in it."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.pictures import composite, encoded
from tests.process import Process

MANY = 9


def strip_is_within(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing leads sideways"
    left, right = page.locator(".strip:visible ul").evaluate("""(list) => {
        const card = list.closest("#start, #picture").getBoundingClientRect();
        const { left, right } = list.getBoundingClientRect();
        return [left - card.left, card.right - right];
    }""")
    assert left >= 0 and right >= 0


@pytest.mark.parametrize("width, height", [(320, 568)])
def test_many_pictures_stay_within_the_page_and_the_current_one_is_in_sight(
    visit_to: Callable[..., Visit], server: Process, width: int, height: int
) -> None:
    visit = visit_to(server, width, height)
    for number in range(MANY):
        visit.done(encoded(composite(seed=number).rgb), f"{number}.png")
        strip = visit.page.locator("#picture .strip li")
        expect(strip).to_have_count(number + 1)
    strip_is_within(visit.page)
    current = visit.page.locator("#picture .strip li:has([aria-current=true])")
    inside = """(item) => {
        const [own, list] = [item.getBoundingClientRect(), item.closest("ul").getBoundingClientRect()];
        return own.left >= list.left && own.right <= list.right;
    }"""
    assert current.evaluate(inside)
    visit.page.click("#new")
    strip_is_within(visit.page)
    visit.page.click("#about")
    box = visit.page.locator("#about-box").bounding_box()
    assert box and box["x"] >= 0 and box["x"] + box["width"] <= width
