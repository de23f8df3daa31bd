"""axe finds nothing in any state of the page, light and dark, in both languages."""

import random
from collections.abc import Callable

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.test_trimap import give as give_trimap
from tests.gate import Gate
from tests.pictures import composite, encoded
from tests.process import Process, serving

WALL = encoded(np.full((300, 400, 3), 128, np.uint8))
LANGUAGES = ["zh-CN"]  # what axe looks at differs by its words only; the other tests with axe are in English
SETTLED = """async () => {
    const ends = (each) => each.playState === "running" && each.effect.getComputedTiming().endTime < Infinity;
    for (let moving; (moving = document.getAnimations().filter(ends)).length;) {
        await Promise.allSettled(moving.map((each) => each.finished));
    }
}"""
GRADIOS = ".toast-wrap"  # what Gradio itself says of a lost connection
VisitTo = Callable[..., Visit]


def violations(page: Page) -> list[str]:
    page.evaluate(SETTLED)  # colours between two
    found = Axe().run(page, {"exclude": [[GRADIOS]]}).response["violations"]
    return [f"{issue['id']}: {[node['html'][:120] for node in issue['nodes']]}" for issue in found]


def check(visit: Visit, state: str) -> None:
    """Look at the state in both themes."""
    for theme in ("light", "dark"):
        dark = theme == "dark"
        visit.page.evaluate(
            """(dark) => { document.body.classList.toggle("dark", dark);
            document.documentElement.style.colorScheme = dark ? "dark" : "light"; }""",
            dark,
        )
        assert violations(visit.page) == [], f"{state}, {theme}"


@pytest.mark.parametrize("locale", LANGUAGES)
def test_from_the_start_to_an_error(visit_to: VisitTo, server: Process, portrait: bytes, locale: str) -> None:
    visit = visit_to(server, locale=locale)
    page = visit.page
    check(visit, "start")
    page.evaluate("""() => { const data = new DataTransfer(); data.items.add(new File(["a"], "a.jpg"));
        document.body.dispatchEvent(new DragEvent("dragenter", { dataTransfer: data, bubbles: true })); }""")
    expect(page.locator("#let-go")).to_be_visible()
    check(visit, "let go")
    page.evaluate("document.body.dispatchEvent(new DragEvent('dragleave', { bubbles: true }))")
    page.route("**/gradio_api/upload*", lambda route: None)
    visit.choose(portrait)
    expect(page.locator("#before")).to_be_visible()
    check(visit, "working")
    page.click("#cancel")
    page.unroute("**/gradio_api/upload*")
    visit.choose(b"text", "notes.jpg")
    expect(page.get_by_role("alert")).to_be_visible()
    check(visit, "error at the start")
    visit.done(portrait)
    visit.choose(b"text", "notes.jpg")
    expect(page.get_by_role("alert")).to_be_visible()
    check(visit, "error beside a result")


@pytest.mark.parametrize("locale", LANGUAGES)
def test_a_result_and_all_that_opens_beside_it(
    visit_to: VisitTo, server: Process, portrait: bytes, locale: str
) -> None:
    visit = visit_to(server, locale=locale)
    page = visit.page
    visit.done(portrait)
    check(visit, "done")
    page.click("#view")
    expect(page.locator("#views")).to_be_visible()
    check(visit, "view menu")
    page.keyboard.press("Escape")
    page.click("input[name=backdrop][value=color]", force=True)
    expect(page.locator("#colours")).to_be_visible()
    check(visit, "colours")
    page.keyboard.press("Escape")
    page.click("#touch")
    expect(page.locator("#touch-bar")).to_be_visible()
    check(visit, "touching up")
    page.check("input[name=touch-how][value=exact]", force=True)
    page.click("#touch-more")
    check(visit, "strokes and trimap")
    page.keyboard.press("Escape")
    give_trimap(visit)
    expect(page.locator("#touch-legend")).to_be_visible()
    check(visit, "a trimap over the photo")
    page.click("#touch-done")
    page.click("#by-hand")
    check(visit, "moving by hand")
    page.check("input[name=hand-tool][value=crop]", force=True)
    expect(page.locator(".grip").first).to_be_visible()
    check(visit, "cropping")
    page.keyboard.press("Escape")
    page.click("#about")
    check(visit, "about")
    page.keyboard.press("Escape")
    for head in page.locator(".fold-head").all():
        head.click()
        check(visit, head.inner_text())
        head.click()
    page.click("#model input")
    check(visit, "model menu")


@pytest.mark.parametrize("locale", LANGUAGES)
def test_nothing_found_questions_and_a_fetch_under_way(
    visit_to: VisitTo, shop: Process, portrait: bytes, locale: str
) -> None:
    visit = visit_to(shop, locale=locale)
    page = visit.page
    visit.done(WALL, "wall.png")
    expect(page.locator("#nothing")).to_be_visible()
    check(visit, "nothing found")
    page.click("#try-best")
    visit.until("ask")
    check(visit, "asking")
    page.keyboard.press("Escape")
    visit.done(portrait)
    page.click("#compare-open")
    expect(page.locator(".offer")).to_be_visible()
    check(visit, "a second model offered")
    page.click("#compare-close")
    visit.models()
    visit.card("u2netp").locator("[data-does=remove]").click()
    check(visit, "sure?")
    page.keyboard.press("Escape")
    visit.card("isnet-general-use").locator("[data-does=fetch]").click()
    expect(visit.card("isnet-general-use").locator("progress")).to_be_visible()
    check(visit, "fetching")


@pytest.mark.parametrize("locale", LANGUAGES)
def test_models_side_by_side(visit_to: VisitTo, stocked: Process, portrait: bytes, locale: str) -> None:
    visit = visit_to(stocked, locale=locale)
    visit.done(portrait)
    visit.page.click("#compare-open")
    expect(visit.page.locator("#tiles figure[data-state=done]")).to_have_count(3)
    visit.page.locator("#tiles img").last.evaluate("(image) => image.decode()")
    check(visit, "comparing")


@pytest.mark.parametrize("locale", LANGUAGES)
def test_waiting_behind_others_and_a_server_that_has_gone(
    visit_to: VisitTo, server: Process, u2netp: object, gate: Gate, locale: str
) -> None:
    visit, other = visit_to(server, locale=locale), visit_to(server)
    with gate.shut("u2netp"):
        other.choose(encoded(composite(seed=random.randrange(1 << 30)).rgb))
        gate.until_reached("u2netp")
        visit.choose(encoded(composite(seed=random.randrange(1 << 30)).rgb))
        visit.page.wait_for_function("window.heard.at(-1)?.step === 'waiting'")
        check(visit, "waiting")
    visit.until("done")
    with serving() as process:
        lost = visit_to(process, locale=locale)
    lost.choose(WALL, "wall.png")
    expect(lost.page.get_by_role("alert")).to_be_visible()
    check(lost, "connection lost")
    lost.complaints.clear()  # the browser's own words about the connection
