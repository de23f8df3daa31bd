"""Which model: a menu of a few, "More models…", and "Use" on the cards of all that are here."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.gate import Gate
from tests.process import Process, serving

FEW = ["Automatic", "Fast", "Best · 93 MB to fetch"]
SELFIES = "People · Selfies (MediaPipe)"
MORE = "More models…"
SLOW = "isnet-general-use"
VisitTo = Callable[..., Visit]


def ran_with(visit: Visit) -> list[str]:
    """The models of all that the server told of."""
    return [message["options"]["model"] for message in visit.heard()]


def test_the_menu_offers_three_models_and_more(visit_to: VisitTo, stocked: Process, portrait: bytes) -> None:
    visit = visit_to(stocked)
    visit.done(portrait)
    assert visit.menu() == [*FEW, MORE]


def test_more_models_opens_their_tab_and_leaves_the_choice_as_it_was(
    visit_to: VisitTo, stocked: Process, portrait: bytes
) -> None:
    visit = visit_to(stocked)
    page = visit.page
    visit.done(portrait)
    told = len(visit.heard())
    visit.pick_model(MORE)
    expect(page.get_by_role("tabpanel", name="Models")).to_be_visible()
    expect(page.get_by_role("tab", name="Models")).to_be_focused()
    page.get_by_role("tab", name="Photo").click()
    expect(page.locator("#model input")).to_have_value("Fast")
    visit.nothing_more_comes()
    assert len(visit.heard()) == told and visit.menu() == [*FEW, MORE]
    expect(page.locator("#undo")).to_be_disabled()


def test_a_model_that_is_used_from_its_card_runs_at_once_and_stays_in_the_menu(
    visit_to: VisitTo, stocked: Process, portrait: bytes
) -> None:
    visit = visit_to(stocked)
    page = visit.page
    visit.done(portrait)
    visit.use_model("mediapipe-selfie")
    expect(page.locator("#after")).to_be_visible()
    expect(page.get_by_role("tab", name="Photo")).to_be_focused()
    expect(page.locator("#model-facts")).to_contain_text("mediapipe-selfie")
    visit.until("done")
    expect(page.locator("#model input")).to_have_value(SELFIES)
    visit.offers(SELFIES)
    assert visit.menu() == [*FEW, SELFIES, MORE]
    visit.open().done(portrait)
    assert ran_with(visit)[-1] == "mediapipe-selfie"
    expect(page.locator("#model input")).to_have_value(SELFIES)
    page.click("#language")
    expect(page.locator("#model input")).to_have_value("人物 · 自拍（MediaPipe）")
    page.click("#language")
    visit.pick_model("Fast")
    expect(page.locator("#model-facts")).to_contain_text("u2netp")
    page.wait_for_function("document.querySelector('#model input').value === 'Fast'")
    expect(page.locator("#model [role=option]")).to_have_count(0)
    visit.offers(MORE)
    assert visit.menu() == [*FEW, MORE]


def test_the_menu_and_the_cards_work_by_keyboard(visit_to: VisitTo, stocked: Process, portrait: bytes) -> None:
    visit = visit_to(stocked)
    page = visit.page
    visit.done(portrait)
    menu = page.locator("#model input")
    assert menu.get_attribute("readonly") is not None, "it is no field to type in"
    menu.focus()
    page.keyboard.press("ArrowDown")
    expect(menu).to_have_attribute("aria-activedescendant", re.compile("-1$"))
    for at in range(2, len(FEW) + 1):
        page.keyboard.press("ArrowDown")
        expect(menu).to_have_attribute("aria-activedescendant", re.compile(f"-{at}$"))
    expect(page.locator(f"#{menu.get_attribute('aria-activedescendant')}")).to_contain_text(MORE)
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="Models")).to_be_focused()
    expect(visit.card("mediapipe-selfie")).to_be_visible()
    use = page.get_by_role("button", name="Use: Selfies (MediaPipe)")
    use.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="Photo")).to_be_focused()
    expect(menu).to_have_value(SELFIES)


def test_without_a_photo_the_model_is_kept_for_the_next_one(
    visit_to: VisitTo, stocked: Process, portrait: bytes
) -> None:
    visit = visit_to(stocked)
    visit.use_model("mediapipe-selfie")
    expect(visit.page.get_by_role("alert")).to_contain_text("“Selfies (MediaPipe)” is chosen")
    visit.done(portrait)
    assert {*ran_with(visit)} == {"mediapipe-selfie"}


def test_a_model_that_is_used_ends_a_comparison(visit: Visit, unseen: bytes, isnet: Path, gate: Gate) -> None:
    page = visit.page
    visit.done(unseen)
    with gate.shut(SLOW):
        page.click("#compare-open")
        gate.until_reached(SLOW)
        visit.use_model("u2netp")
        expect(page.locator("#after")).to_be_visible()
        expect(page.locator("#model input")).to_have_value("Fast")
    visit.use_model(SLOW)
    expect(page.locator("#model-facts")).to_contain_text(SLOW)
    visit.until("done")
    visit.nothing_more_comes()
    assert ran_with(visit)[-1] == SLOW and page.locator("#tiles").is_hidden()


def test_only_what_is_here_can_be_used(visit_to: VisitTo, stocked: Process) -> None:
    visit = visit_to(stocked).models()
    using = visit.page.get_by_role("button", name="Use:").evaluate_all(
        "(all) => all.map((one) => one.closest('article').dataset.model)"
    )
    assert {*using} == {"u2netp", "mediapipe-selfie", "deeplabv3plus-portrait"}
    expect(visit.card(SLOW).get_by_role("button", name="Fetch")).to_be_visible()


def test_the_menu_shows_the_model_that_the_server_is_told_to_begin_with(
    visit_to: VisitTo, own_models: Path, portrait: bytes
) -> None:
    with serving(CLEARCUT_MODELS_DIR=str(own_models), CLEARCUT_MODEL="bria-rmbg-2.0") as process:
        visit = visit_to(process)
        visit.choose(portrait)
        visit.until("ask")
        expect(visit.page.locator("#model input")).to_have_value(re.compile("^Products · "))
