"""The Models tab: what there is and under which licence; fetched, cancelled, removed, imported."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import APIResponse, Page, Route, expect

from pipeline import load_words
from tests import house
from tests.api.mirror import Mirror
from tests.browser.conftest import Visit
from tests.process import Process, serving

BIG, BIG_TITLE = "isnet-general-use", "Finer detail"
VisitTo = Callable[..., Visit]
FOCUS = """() => { const at = document.activeElement;
    return [at.closest("article")?.dataset.model ?? null, at.dataset.does ?? at.localName]; }"""


def answer(page: Page, button: str) -> str:
    """Answer the question that stands; what was asked."""
    box = page.locator("#sure-box")
    expect(box).to_be_visible()
    asked = box.inner_text()
    box.get_by_role("button", name=button).click()
    expect(box).to_be_hidden()
    return asked


def rises(visit: Visit, model: str, above: float = 0) -> float:
    """Wait until the progress bar of `model` shows more than `above` bytes; how many."""
    shown = visit.page.wait_for_function(
        """([name, above]) => {
            const bar = document.querySelector(`article[data-model="${name}"] progress`);
            return bar?.hasAttribute("value") && bar.value > above && bar.value;
        }""",
        arg=[model, above],
    )
    return float(shown.json_value())


# ---- what there is ---------------------------------------------------------------------------------------------------


def test_every_model_has_a_card_with_licence_size_memory_and_whether_it_is_here(visit: Visit) -> None:
    visit.models()
    shown = visit.page.locator("#models-list article").evaluate_all(
        """(cards) => cards.map((card) => ({ name: card.dataset.model, text: card.innerText,
        badge: [...card.querySelectorAll(".badge:not(.here)")].map((each) => [each.className, each.textContent]),
        here: card.querySelector(".badge.here") !== null }))"""
    )
    told = {model["name"]: model for model in httpx.get(f"{visit.address}/api/models", timeout=60).json()}
    assert sorted(card["name"] for card in shown) == sorted(house.runtime().list_models())
    for card in shown:
        model = told[card["name"]]
        words = load_words("en")[f"model.commercial.{model['commercial_use']}"]
        assert card["badge"] == [[f"badge {model['commercial_use']}", words]]
        assert card["here"] is model["installed"]
        assert f"{model['megabytes']:g} MB" in card["text"] and "GB of memory" in card["text"]
        assert model["title"] in card["text"] and model["about"] in card["text"]


def test_no_model_is_said_to_take_no_memory(visit: Visit) -> None:
    visit.models()
    texts = visit.page.locator("#models-list .quiet-text").all_inner_texts()
    assert [text for text in texts if "· 0.0 GB" in text or "· 0 GB" in text] == []


def test_the_colour_of_the_licence_is_green_amber_or_red(visit: Visit) -> None:
    visit.models()
    colour = """(badge) => getComputedStyle(badge).color.match(/\\d+/g).map(Number)"""
    green, amber, red = (
        visit.card(name).locator(".badge").first.evaluate(colour) for name in ("u2netp", BIG, "bria-rmbg-1.4")
    )
    assert green[1] > green[0] and green[1] > green[2]
    assert amber[0] > amber[2] and amber[1] > amber[2]
    assert red[0] > 2 * red[1] and red[0] > 2 * red[2]


def test_more_about_a_model_names_its_licence_its_training_and_who_measured_it(visit: Visit) -> None:
    card = visit.models().card("birefnet-general-lite")
    card.get_by_text("More about it").click()
    expect(card).to_contain_text("Trained on: DIS5K")
    expect(card).to_contain_text("S-measure 0.882")
    expect(card.get_by_role("link", name="Licence: MIT")).to_have_attribute("href", re.compile("^https://"))
    expect(card.get_by_role("link", name="Where it comes from")).to_be_visible()


def test_a_model_that_must_be_brought_has_no_button_to_fetch_it(visit: Visit) -> None:
    card = visit.models().card("bria-rmbg-2.0")
    expect(card.get_by_role("button", name="Import a file")).to_be_visible()
    expect(card.get_by_role("button", name="Fetch")).to_have_count(0)


def test_a_model_tells_its_speed_here_once_it_has_run(visit: Visit, portrait: bytes) -> None:
    visit.done(portrait)
    expect(visit.models().card("u2netp")).to_contain_text(re.compile(r"(under 0\.1|[1-9]|\d\.[1-9]) s here"))


# ---- fetching --------------------------------------------------------------------------------------------------------


def test_a_model_is_fetched_cancelled_fetched_again_used_and_removed(
    shop: Process, visit_to: VisitTo, slow_mirror: Mirror, shop_folder: Path, portrait: bytes
) -> None:
    visit = visit_to(shop)
    page = visit.page
    visit.done(portrait)
    visit.offers("Best · 93 MB to fetch")  # of which the big one is a part
    card = visit.models().card(BIG)
    card.get_by_role("button", name="Fetch 88 MB").click()
    first = rises(visit, BIG)
    rises(visit, BIG, above=first)
    expect(card).to_contain_text(re.compile(r"\d of 88 MB"))
    card.get_by_role("button", name="Cancel").click()
    expect(card.get_by_role("button", name="Fetch 88 MB")).to_be_visible()
    expect(card.locator("progress")).to_have_count(0)
    while list(shop_folder.glob("isnet*")):  # what had come is deleted in a moment
        page.wait_for_timeout(50)

    card.get_by_role("button", name="Fetch 88 MB").click()
    rises(visit, BIG)
    slow_mirror.free.set()
    expect(card.locator(".badge.here")).to_be_visible()
    assert (shop_folder / "isnet-general-use-fp16.onnx").stat().st_size == 88_188_479
    page.get_by_role("tab", name="Photo").click()
    expect(page.locator("#after")).to_be_visible()
    page.wait_for_function("document.querySelector('#model input').value === 'Fast'")
    visit.offers("Best")  # without a word of fetching, and without a reload
    visit.pick_model("Best")
    page.wait_for_function("window.heard.some((said) => said?.state === 'done' && said.options.model !== 'u2netp')")

    visit.models()
    card.get_by_role("button", name="Remove").click()
    assert f"Remove “{BIG_TITLE}” (88 MB) from this computer?" in answer(page, "Remove")
    expect(card.get_by_role("button", name="Fetch 88 MB")).to_be_visible()
    assert not list(shop_folder.glob("isnet*"))
    page.get_by_role("tab", name="Photo").click()
    expect(page.locator("#model input")).to_have_value(re.compile("to fetch"))


def test_while_a_model_comes_only_how_far_it_is_is_asked_for(
    shop: Process, visit_to: VisitTo, slow_mirror: Mirror
) -> None:
    visit = visit_to(shop)
    with visit.page.expect_response(re.compile("/api/models$")):
        visit.models()
    asked: list[str] = []
    visit.page.on("request", lambda request: asked.append(request.url.removeprefix(f"{shop.address}/api/models")))
    with visit.page.expect_response(re.compile("/api/models$")):
        visit.card(BIG).get_by_role("button", name="Fetch").click()
    shown = 0.0
    for _ in range(3):
        shown = rises(visit, BIG, above=shown)
    assert asked.count("/fetches") >= 2 and asked.count("") == 1
    slow_mirror.free.set()
    expect(visit.card(BIG).locator(".badge.here")).to_be_visible()
    assert asked.count("") == 2, "once it began, and once it had come"
    so_far = asked.count("/fetches")
    visit.page.wait_for_timeout(1000)
    assert asked.count("/fetches") == so_far, "and then no more"


def test_a_fetch_that_somebody_else_stops_has_ended_here_too(shop: Process, visit_to: VisitTo) -> None:
    visit = visit_to(shop).models()
    card = visit.card(BIG)
    card.get_by_role("button", name="Fetch").click()
    rises(visit, BIG)
    assert httpx.delete(f"{shop.address}/api/models/{BIG}/fetch", timeout=60).status_code == 204
    expect(card.locator("progress")).to_have_count(0)
    expect(card.get_by_role("button", name="Fetch 88 MB")).to_be_visible()


def test_a_model_is_not_removed_by_who_says_no(shop: Process, visit_to: VisitTo, shop_folder: Path) -> None:
    visit = visit_to(shop).models()
    visit.card("u2netp").get_by_role("button", name="Remove").click()
    assert "Fast" in answer(visit.page, "Cancel")
    visit.page.wait_for_timeout(300)
    assert (shop_folder / "u2netp.onnx").is_file()


def test_a_fetch_goes_on_while_the_visitor_is_elsewhere_and_is_there_on_return(
    shop: Process, visit_to: VisitTo, slow_mirror: Mirror
) -> None:
    visit = visit_to(shop)
    visit.models().card(BIG).get_by_role("button", name="Fetch").click()
    first = rises(visit, BIG)
    visit.page.get_by_role("tab", name="Photo").click()
    visit.open().models()
    rises(visit, BIG, above=first)
    slow_mirror.free.set()
    expect(visit.card(BIG).locator(".badge.here")).to_be_visible()


def test_a_fetch_that_fails_says_why_on_the_card(visit_to: VisitTo, offline: Process) -> None:
    visit = visit_to(offline)
    card = visit.models().card(BIG)
    card.get_by_role("button", name="Fetch").click()
    expect(card.locator(".failed")).to_contain_text("isnet-general-use-fp16.onnx")
    visit.page.click("#language")
    expect(card.locator(".failed")).to_contain_text(load_words("zh-CN")["error.offline"][:6])


def test_a_non_commercial_model_is_fetched_only_by_who_has_read_that(
    shop: Process, visit_to: VisitTo, slow_mirror: Mirror
) -> None:
    visit = visit_to(shop).models()
    visit.card("bria-rmbg-1.4").get_by_role("button", name="Fetch").click()
    assert "Not for commercial use" in answer(visit.page, "Cancel")
    visit.page.wait_for_timeout(500)
    assert not slow_mirror.asked
    expect(visit.card("bria-rmbg-1.4").locator("progress")).to_have_count(0)


def test_a_list_of_models_that_comes_late_does_not_hide_what_is_being_fetched(shop: Process, visit_to: VisitTo) -> None:
    visit = visit_to(shop)
    late: list[Route] = []
    answers: list[APIResponse] = []

    def hold(route: Route) -> None:
        if late:
            return route.continue_()
        late.append(route)  # before its answer is there: another may come meanwhile
        answers.append(route.fetch())

    visit.page.route("**/api/models", hold)
    visit.models().card(BIG).get_by_role("button", name="Fetch").click()
    first = rises(visit, BIG)
    with visit.page.expect_response("**/api/models"):
        late[0].fulfill(response=answers[0])
    rises(visit, BIG, above=rises(visit, BIG, above=first))


def test_what_others_bring_and_remove_meanwhile_is_seen(
    shop: Process, visit_to: VisitTo, at_hand: Callable[[str], Path], portrait: bytes
) -> None:
    visit = visit_to(shop)
    visit.done(portrait)
    file = at_hand("mediapipe_selfie.onnx")
    address = f"{shop.address}/api/models"
    assert httpx.put(f"{address}/mediapipe-selfie/file", content=file.read_bytes(), timeout=60).status_code == 204
    assert httpx.delete(f"{address}/u2netp", timeout=60).status_code == 204
    visit.models()
    expect(visit.card("mediapipe-selfie").locator(".badge.here")).to_be_visible()
    visit.use_model("mediapipe-selfie")
    visit.offers("People · Selfies (MediaPipe)")
    visit.offers("Fast · 4.6 MB to fetch")


# ---- importing -------------------------------------------------------------------------------------------------------


def choose(visit: Visit, model: str, file: Any) -> None:
    with visit.page.expect_file_chooser() as chooser:
        visit.card(model).get_by_role("button", name="Import a file").click()
    chooser.value.set_files(file)


def test_a_file_of_ones_own_is_imported_and_then_used(
    shop: Process, visit_to: VisitTo, at_hand: Callable[[str], Path], shop_folder: Path, portrait: bytes
) -> None:
    file = at_hand("mediapipe_selfie.onnx")
    visit = visit_to(shop).models()
    choose(visit, "mediapipe-selfie", file)
    expect(visit.card("mediapipe-selfie").locator(".badge.here")).to_be_visible()
    assert (shop_folder / file.name).read_bytes() == file.read_bytes()
    visit.page.get_by_role("tab", name="Photo").click()
    visit.done(portrait)
    visit.use_model("mediapipe-selfie")
    visit.offers("People · Selfies (MediaPipe)")  # without a word of fetching, and without a reload


def test_a_wrong_file_is_refused_with_a_sentence_on_the_card(
    shop: Process, visit_to: VisitTo, shop_folder: Path
) -> None:
    visit = visit_to(shop).models()
    choose(visit, "mediapipe-selfie", visit.file(bytes(2_000_000), "holiday.onnx"))
    card = visit.card("mediapipe-selfie")
    expect(card.locator(".failed")).to_contain_text("is not the published one")
    expect(card.get_by_text("Checksum of this file")).to_be_hidden()
    card.locator(".sums summary").click()
    expect(card.get_by_text(re.compile("Checksum of this file: [0-9a-f]{64}"))).to_be_visible()
    expect(card.locator(".badge.here")).to_have_count(0)
    assert {path.name for path in shop_folder.iterdir() if path.suffix != ".lock"} == {"u2netp.onnx"}
    visit.complaints.clear()  # the browser's own words about the status


# ---- who may ---------------------------------------------------------------------------------------------------------


def test_on_an_exposed_server_the_tab_only_shows(visit_to: VisitTo, public: Process) -> None:
    visit = visit_to(public).models()
    expect(visit.page.get_by_text("On this server models can only be looked at.")).to_be_visible()
    expect(visit.page.locator("#models-list article")).to_have_count(len(house.runtime().list_models()))
    expect(visit.page.locator("#models-list button")).to_have_text("Use")  # only what is here can be used
    expect(visit.card("u2netp").locator(".badge.here")).to_be_visible()


def test_the_owner_of_an_exposed_server_can_allow_it(visit_to: VisitTo, own_models: Path) -> None:
    flags = ("--host", "0.0.0.0", "--public", "--manage-models")
    with serving(*flags, CLEARCUT_MODELS_DIR=str(own_models)) as process:
        visit = visit_to(process).models()
        expect(visit.page.locator("#models-rights")).to_be_hidden()
        expect(visit.card(BIG).get_by_role("button", name="Fetch")).to_be_visible()


def test_on_an_exposed_server_a_missing_model_is_not_offered(
    visit_to: VisitTo, public: Process, portrait: bytes
) -> None:
    visit = visit_to(public)
    visit.done(portrait)
    visit.pick_model("Best")
    visit.until("ask")
    expect(visit.page.locator("#fetch")).to_be_hidden()
    visit.page.get_by_role("button", name="Not now").click()
    visit.until("done")


# ---- keyboards -------------------------------------------------------------------------------------------------------


def test_arrow_keys_go_from_tab_to_tab(visit: Visit) -> None:
    page = visit.page
    photo, tab = page.get_by_role("tab", name="Photo"), page.get_by_role("tab", name="Models")
    photo.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Batch")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Video")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(tab).to_be_focused()
    expect(tab).to_have_attribute("aria-selected", "true")
    expect(photo).to_have_attribute("aria-selected", "false")
    expect(page.get_by_role("tabpanel", name="Models")).to_be_visible()
    expect(page.locator("#start")).to_be_hidden()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    expect(photo).to_be_focused()
    expect(page.locator("#start")).to_be_visible()
    expect(page.locator("#models")).to_be_hidden()


def test_a_model_is_fetched_and_cancelled_by_keyboard_and_the_focus_stays_on_its_card(
    shop: Process, visit_to: VisitTo
) -> None:
    visit = visit_to(shop).models()
    visit.card(BIG).get_by_role("button", name="Fetch").focus()
    visit.page.keyboard.press("Enter")
    shown = 0.0
    for _ in range(3):
        shown = rises(visit, BIG, above=shown)
        assert visit.page.evaluate(FOCUS) == [BIG, "cancel"]
    visit.page.keyboard.press("Enter")
    expect(visit.card(BIG).locator("progress")).to_have_count(0)
    assert visit.page.evaluate(FOCUS)[0] == BIG


def test_who_reads_another_card_by_keyboard_is_not_moved_by_a_progress_bar(shop: Process, visit_to: VisitTo) -> None:
    visit = visit_to(shop).models()
    visit.card(BIG).get_by_role("button", name="Fetch").click()
    shown = rises(visit, BIG)
    visit.card("u2netp").locator("summary").focus()
    visit.page.keyboard.press("Enter")
    rises(visit, BIG, above=shown)
    assert visit.page.evaluate(FOCUS) == ["u2netp", "summary"]
    expect(visit.card("u2netp").locator("details")).to_have_attribute("open", "")


def test_a_slow_click_counts_though_the_progress_moves_meanwhile(shop: Process, visit_to: VisitTo) -> None:
    visit = visit_to(shop).models()
    visit.card(BIG).get_by_role("button", name="Fetch").click()
    shown = rises(visit, BIG)
    visit.card(BIG).get_by_role("button", name="Cancel").hover()
    visit.page.mouse.down()
    rises(visit, BIG, above=shown)
    visit.page.mouse.up()
    expect(visit.card(BIG).get_by_role("button", name="Fetch")).to_be_visible()
