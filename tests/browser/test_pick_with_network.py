"""Picking with a network that was installed for it: what the Models tab says of it, and what it changes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.panel import after
from tests.browser.test_pick import lit
from tests.browser.test_touchup import alpha, at, take
from tests.browser.test_zoom import box
from tests.pictures import encoded
from tests.process import Process, serving
from tests.unit.test_picking import RGB, SIZE, install

RED, BLUE = (200, 200), (450, 200)  # in two things that touch along a whole side


@pytest.fixture
def equipped(own_models: Path, enter: Callable[..., Any]) -> Iterator[Process]:
    """A server with the default model, and one that picks."""
    install("mobilesam", enter, own_models)
    with serving(CLEARCUT_MODELS_DIR=str(own_models)) as process:
        yield process


def test_it_is_named_for_what_it_is_for_and_offered_for_nothing_else(
    visit_to: Callable[..., Visit], equipped: Process
) -> None:
    visit = visit_to(equipped)
    visit.done(encoded(RGB), "two.png")
    assert not any(word in line for line in visit.menu() for word in ("picker", "Pick"))
    card = visit.models().card("picker")
    expect(card).to_contain_text("Pick in Touch up uses it")
    expect(card.get_by_role("button", name="Use:")).to_have_count(0)
    expect(visit.card("u2netp").get_by_role("button", name="Use:")).to_have_count(1)
    expect(visit.page.get_by_role("heading", name="Picking by a click")).to_be_visible()


def test_a_click_takes_what_the_network_says(visit_to: Callable[..., Visit], equipped: Process) -> None:
    visit = visit_to(equipped)
    visit.done(encoded(RGB), "two.png")
    before = alpha(visit.download()[1])
    visit.page.click("#touch" if visit.page.locator("#touch").is_visible() else "#nothing-touch")
    take(visit, "pick")
    sheet = box(visit, "#result")
    point = [sheet["x"] + BLUE[0] / SIZE[0] * sheet["width"], sheet["y"] + BLUE[1] / SIZE[1] * sheet["height"]]
    visit.page.mouse.move(point[0], point[1])
    expect(visit.page.locator("#picked")).to_be_visible()
    parts = [lit(visit.page, (x / SIZE[0] * 640, y / SIZE[1] * 480)) for x, y in (BLUE, RED)]
    assert parts[0][3] > 50 and parts[1][3] == 0
    after(visit, lambda: visit.page.mouse.click(point[0], point[1]))
    now = alpha(visit.download()[1])
    assert (at(now, BLUE) > 127) is not (at(before, BLUE) > 127)
    assert (at(now, RED) > 127) is (at(before, RED) > 127)
