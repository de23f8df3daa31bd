"""Languages, themes, keyboards, screen readers and phones."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests import house
from tests.browser.conftest import Visit
from tests.process import Process

PHONE = {"width": 390, "height": 844, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
DESK = {"width": 1280, "height": 800}
SMALL = """() => [...document.querySelectorAll('button, summary')]
        .filter((one) => one.offsetParent && !one.closest('dialog'))
        .map((one) => [one.id || one.textContent, one.getBoundingClientRect().height])
        .filter(([, height]) => height < 44)"""  # what a finger cannot reach
ENGLISH = {"the", "and", "of", "is", "to", "for", "on", "with", "from", "model", "memory", "use", "fetch", "import"}


def findings(visit: Visit) -> list[str]:
    settled = "Promise.all(document.getAnimations().map((each) => each.finished.catch(() => {})))"
    visit.page.evaluate(f"Promise.race([{settled}, new Promise((go) => setTimeout(go, 2000))])")  # colours between two
    found = Axe().run(visit.page).response["violations"]
    return [
        f"{issue['id']}: {[node['html'][:120] for node in issue['nodes']]}"
        for issue in found
        if issue["impact"] in ("serious", "critical")
    ]


def unfold(visit: Visit) -> None:
    """Open every fold of the panel."""
    for head in visit.page.locator(".fold-head").all():
        head.click()


@pytest.mark.parametrize(("scheme", "size"), [("dark", DESK), ("light", PHONE)], ids=["desk-dark", "phone-light"])
def test_axe_finds_nothing_serious(
    visit_to: Callable[..., Visit], server: Process, portrait: bytes, scheme: str, size: dict
) -> None:
    visit = visit_to(server, color_scheme=scheme, **size)
    assert findings(visit) == []
    visit.choose(b"text", "notes.jpg")
    expect(visit.page.get_by_role("alert")).to_be_visible()
    assert findings(visit) == []
    visit.done(portrait)
    unfold(visit)
    visit.page.wait_for_timeout(1000)
    visit.page.evaluate("scrollTo(0, document.body.scrollHeight)")  # on a phone Download floats over what is below it
    visit.page.wait_for_timeout(200)
    assert findings(visit) == []
    visit.choose(b"text", "notes.jpg")
    expect(visit.page.get_by_role("alert")).to_be_visible()
    assert findings(visit) == [], "an error beside the last result"
    visit.page.click("#about")
    assert findings(visit) == []


def test_models_and_comparison_are_for_everyone_on_a_dark_chinese_phone(
    visit_to: Callable[..., Visit], stocked: Process, portrait: bytes
) -> None:
    visit = visit_to(stocked, color_scheme="dark", locale="zh-CN", **PHONE)
    page = visit.page

    def check(part: str) -> None:
        assert page.evaluate(SMALL) == []
        assert ENGLISH.isdisjoint(word.strip("，。、（）：·").lower() for word in page.inner_text(part).split())
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

    visit.done(portrait)
    visit.models()
    check("#models")
    for summary in page.locator("#models-list summary").all()[:3]:
        summary.click()
    assert findings(visit) == []
    page.locator("#tab-photo").click()
    page.click("#compare-open")
    expect(page.locator("#tiles figure[data-state=done]")).to_have_count(3)
    page.locator("#tiles img").last.evaluate("(image) => image.decode()")
    check("#compare")
    assert findings(visit) == []


@pytest.mark.parametrize(
    "locale, drop",
    [("zh-CN", "把照片拖到页面任意处"), ("zh-TW", "把照片拖到页面任意处"), ("fr-FR", "Drop a photo anywhere")],
)
def test_the_browsers_language_is_spoken(
    visit_to: Callable[..., Visit], server: Process, locale: str, drop: str
) -> None:
    visit = visit_to(server, locale=locale)
    expect(visit.page.get_by_role("heading", name=drop)).to_be_visible()
    button = {"Drop a photo anywhere": "Choose a photo"}.get(drop, "选择照片")
    assert visit.page.inner_text("#input button") == button, "from the first sight on"
    assert visit.page.evaluate("document.querySelector('#input input').multiple"), "several can be chosen"
    assert visit.page.evaluate("document.documentElement.lang") == ("zh-CN" if locale.startswith("zh") else "en")


def test_the_language_switches_in_place_and_is_remembered(visit: Visit, portrait: bytes) -> None:
    visit.done(portrait)
    visit.page.click("#language")
    expect(visit.page.get_by_role("link", name="下载 PNG")).to_be_visible()
    expect(visit.page.locator("#model input")).to_have_value("快速")
    expect(visit.page.locator("#model-facts")).to_contain_text("可免费商用")
    expect(visit.page.locator("#after")).to_be_visible()
    visit.open()
    expect(visit.page.get_by_role("link", name="下载 PNG")).to_be_visible()


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_no_word_of_the_other_language_is_left(
    visit_to: Callable[..., Visit], server: Process, portrait: bytes, locale: str
) -> None:
    visit = visit_to(server, locale=locale)
    visit.done(portrait)
    unfold(visit)
    visit.page.click("#about")
    text = visit.page.inner_text("body").replace("中文", "").replace("English", "")
    if locale == "en-US":
        assert not any("\u4e00" <= letter <= "\u9fff" for letter in text)
    else:
        known = {
            "Clearcut",
            "PNG",
            "HTTP",
            "API",
            "MB",
            "CPU",
            "OpenVINO",
            "MNN",
            "WebP",
            "AVIF",
            "JPEG",
            "Apache-2.0",
            "0.1.0",
            *house.runtime().list_models(),
        }
        latin = {word.strip("，。、（）：·") for word in text.split() if word.isascii() and word[:1].isalpha()}
        assert latin <= known


def test_errors_speak_chinese_too(visit_to: Callable[..., Visit], server: Process) -> None:
    visit = visit_to(server, locale="zh-CN")
    visit.choose(b"text", "notes.jpg")
    expect(visit.page.get_by_role("alert")).to_contain_text("不是可以读取的图片")


def test_the_theme_follows_the_system_switches_and_is_remembered(
    visit_to: Callable[..., Visit], server: Process
) -> None:
    visit = visit_to(server, color_scheme="dark")
    assert visit.page.evaluate("document.body.classList.contains('dark')")
    expect(visit.page.locator("#theme .sun")).to_be_visible()
    visit.page.get_by_role("button", name="Light theme").click()
    expect(visit.page.locator("#theme .sun")).to_be_hidden()
    expect(visit.page.locator("#theme .moon")).to_be_visible()
    visit.open()
    assert not visit.page.evaluate("document.body.classList.contains('dark')")


def test_everything_can_be_reached_by_keyboard(visit: Visit, portrait: bytes) -> None:
    def reached(presses: int) -> set[str]:
        seen = set()
        for _ in range(presses):
            visit.page.keyboard.press("Tab")
            seen.add(visit.page.evaluate("document.activeElement.id || document.activeElement.name || ''"))
            seen.add(
                visit.page.evaluate(
                    "document.activeElement.closest('[id=model], [id=group-edges], [id=input]')?.id ?? ''"
                )
            )
        return seen

    assert {"language", "theme", "about", "input"} <= reached(8)
    visit.done(portrait)
    assert {"split", "backdrop", "view", "model", "group-edges", "download", "copy", "new"} <= reached(30)


def test_focus_is_visible(visit: Visit) -> None:
    for _ in range(4):
        visit.page.keyboard.press("Tab")
    width = visit.page.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)")
    assert width >= 2


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_a_phone_shows_everything_without_sideways_scrolling(
    visit_to: Callable[..., Visit], server: Process, portrait: bytes, locale: str
) -> None:
    visit = visit_to(server, locale=locale, **PHONE)
    page = visit.page
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    visit.choose(b"text", "notes.jpg")
    expect(page.locator("#notice")).to_be_visible()
    notice, tabs = (page.locator(each).bounding_box() for each in ("#notice", ".tabs"))
    assert notice and tabs and notice["y"] >= tabs["y"] + tabs["height"], "a note lies over no tab"
    visit.done(portrait)
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    box = page.locator("#download").bounding_box()
    assert box and page.evaluate("scrollY") == 0 and box["y"] + box["height"] <= 844
    small = page.evaluate("""() => [...document.querySelectorAll('button, a, select, label:has(input)')]
        .filter((one) => one.offsetParent && !one.closest('#feather, dialog'))
        .map((one) => [one.id || one.className, one.getBoundingClientRect().height])
        .filter(([, height]) => height < 44)""")
    assert small == []


def test_a_desk_shows_picture_and_download_without_scrolling(visit: Visit, portrait: bytes) -> None:
    visit.done(portrait)
    for part in ("#frame", "#facts", "#download", "#new"):
        expect(visit.page.locator(part)).to_be_in_viewport(ratio=1)


def test_motion_is_off_for_those_who_ask(visit_to: Callable[..., Visit], server: Process, portrait: bytes) -> None:
    visit = visit_to(server, reduced_motion="reduce")
    visit.done(portrait)
    assert visit.page.input_value("#split") == "0"
