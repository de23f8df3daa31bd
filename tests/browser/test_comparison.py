"""Models side by side on one photo, and models that need a word before they can be used."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from playwright.sync_api import Locator, expect

from tests.api.mirror import Mirror
from tests.browser.conftest import Visit
from tests.gate import Gate
from tests.pictures import composite, encoded, opened
from tests.process import Process, serving

SLOW = "isnet-general-use"
VisitTo = Callable[..., Visit]


def by_the_api(address: str, photo: bytes, **options: str) -> bytes:
    answer = httpx.post(f"{address}/api/remove-bg", files={"image": ("photo.jpg", photo)}, data=options, timeout=120)
    assert answer.status_code == 200
    return answer.content


def compare(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Compare models on this photo").click()
    expect(visit.page.get_by_role("heading", name="Compare models")).to_be_visible()


def tiles(visit: Visit, state: str = "done") -> Locator:
    return visit.page.locator(f"#tiles figure[data-state={state}]")


def shown(visit: Visit) -> list[Any]:
    """What is on the screen of a result: the pictures, the download, the model."""
    return list(
        visit.page.evaluate("""() => [document.documentElement.dataset.state, document.getElementById("after").src,
        document.getElementById("download").href, document.querySelector("#model input").value]""")
    )


def dones(visit: Visit) -> list[int]:
    """How many tiles were done, in each message of a comparison."""
    return [
        sum(tile["state"] == "done" for tile in message["tiles"]) for message in visit.heard() if message.get("tiles")
    ]


# ---- side by side ----------------------------------------------------------------------------------------------------


def test_tiles_come_one_by_one_with_their_time(visit: Visit, unseen: bytes, isnet: Path, gate: Gate) -> None:
    visit.done(unseen)
    with gate.shut(SLOW):
        compare(visit)
        expect(tiles(visit)).to_have_count(1)
        expect(tiles(visit, "working")).to_have_count(1)
        expect(tiles(visit, "waiting")).to_have_count(1)
    expect(tiles(visit)).to_have_count(3, timeout=60_000)
    assert visit.page.locator("#tiles strong").all_inner_texts() == ["Fast", "Best", "Finer detail"]
    for seconds in visit.page.locator("#tiles figcaption span").all_inner_texts():
        assert float(seconds.removesuffix(" s")) > 0
    for image in visit.page.locator("#tiles img").all():
        assert image.evaluate("(image) => image.decode().then(() => image.naturalWidth)") == 900
    came = dones(visit)
    assert came == sorted(came) and came[0] < 3 and came[-1] == 3


def test_the_one_that_is_kept_is_the_result_and_its_download_is_that_models(
    visit_to: VisitTo, stocked: Process, portrait: bytes
) -> None:
    visit = visit_to(stocked)
    visit.done(portrait)
    compare(visit)
    expect(tiles(visit)).to_have_count(3)
    kept = visit.page.locator("#tiles figure[data-model=mediapipe-selfie]")
    picture = kept.locator("img").get_attribute("src") or "nothing"
    kept.get_by_role("button", name="Keep this one").click()
    visit.until("done")
    expect(visit.page.locator("#model input")).to_have_value("People · Selfies (MediaPipe)")
    expect(visit.page.locator("#model-facts")).to_contain_text("mediapipe-selfie")
    assert visit.page.get_attribute("#after", "src") == picture
    name, data = visit.download()
    assert name == "photo_cutout.png"
    assert data == by_the_api(visit.address, portrait, model="mediapipe-selfie")
    assert data != by_the_api(visit.address, portrait, model="u2netp")


def test_after_keeping_one_a_setting_works_on_with_its_model(
    visit_to: VisitTo, stocked: Process, portrait: bytes
) -> None:
    visit = visit_to(stocked)
    visit.done(portrait)
    compare(visit)
    expect(tiles(visit)).to_have_count(3)
    visit.page.locator("#tiles figure[data-model=mediapipe-selfie] button").click()
    visit.until("done")
    expect(visit.page.locator("#model input")).to_have_value("People · Selfies (MediaPipe)")
    before = visit.page.get_attribute("#download", "href")
    visit.page.click("#group-edges .fold-head")
    visit.page.locator("#feather input[type=number]").fill("6")
    visit.page.keyboard.press("Tab")
    expect(visit.page.locator("#download")).not_to_have_attribute("href", before or "")
    visit.until("done")
    assert visit.download()[1] == by_the_api(visit.address, portrait, model="mediapipe-selfie", feather="6")


def test_back_restores_the_earlier_result(visit_to: VisitTo, stocked: Process, portrait: bytes) -> None:
    visit = visit_to(stocked)
    visit.done(portrait)
    before = shown(visit)
    compare(visit)
    expect(tiles(visit)).to_have_count(3)
    visit.page.get_by_role("button", name="Back").click()
    visit.until("done")
    assert shown(visit) == before
    expect(visit.page.locator("#compare")).to_be_hidden()
    assert visit.download()[1] == by_the_api(visit.address, portrait)


def test_other_models_can_be_chosen_at_least_two(visit_to: VisitTo, stocked: Process, portrait: bytes) -> None:
    visit = visit_to(stocked)
    visit.done(portrait)
    compare(visit)
    expect(tiles(visit)).to_have_count(3)
    page = visit.page
    fast = page.get_by_role("group", name="Models to compare").get_by_role("button", name="Fast")
    expect(fast).to_have_attribute("aria-pressed", "true")
    fast.click()
    expect(fast).to_have_attribute("aria-pressed", "false")
    expect(fast).to_be_focused()
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(tiles(visit)).to_have_count(2)
    assert page.locator("#tiles strong").all_inner_texts() == ["Selfies (MediaPipe)", "ID photos (DeepLabV3+)"]
    page.get_by_role("group", name="Models to compare").get_by_role("button", name="Selfies").click()
    expect(page.get_by_role("button", name="Compare", exact=True)).to_be_disabled()


def test_with_one_model_a_second_is_fetched_in_place_and_then_compared(
    shop: Process, visit_to: VisitTo, slow_mirror: Mirror, portrait: bytes
) -> None:
    visit = visit_to(shop)
    page = visit.page
    visit.done(portrait)
    before = shown(visit)
    compare(visit)
    expect(page.locator("#compare-hint")).to_contain_text("only one is on this computer")
    expect(page.locator("#compare-run")).to_be_hidden()
    picture = page.get_by_role("img", name="The subject without its background: Fast")
    expect(picture).to_be_visible()
    offer = page.locator(".offer")
    for told in ("Best", "93 MB", "Apache-2.0", "Commercial use is unclear"):
        expect(offer).to_contain_text(told)
    offer.get_by_role("button", name="Fetch 93 MB").press("Enter")
    expect(offer.locator("progress")).to_be_visible()
    expect(offer).to_contain_text(re.compile(r"[1-9]\d of \d+ MB"))
    expect(offer.get_by_role("button", name="Cancel")).to_be_focused()
    expect(picture).to_be_visible()
    page.get_by_role("button", name="Back").click()
    visit.until("done")
    assert shown(visit) == before
    compare(visit)
    expect(offer.locator("progress")).to_be_visible()  # it goes on meanwhile
    slow_mirror.free.set()
    expect(tiles(visit)).to_have_count(3, timeout=60_000)
    assert page.locator("#tiles strong").all_inner_texts() == ["Fast", "Best", "Finer detail"]
    expect(page.locator("#compare-run")).to_be_visible()


def test_the_fetch_of_a_second_model_can_be_cancelled_or_fail_with_a_sentence(
    visit_to: VisitTo, shop: Process, offline: Process, portrait: bytes
) -> None:
    visit = visit_to(shop)
    visit.done(portrait)
    compare(visit)
    visit.page.locator(".offer").get_by_role("button", name="Fetch").click()
    expect(visit.page.locator(".offer progress")).to_be_visible()
    visit.page.locator(".offer").get_by_role("button", name="Cancel").click()
    expect(visit.page.locator(".offer").get_by_role("button", name="Fetch")).to_be_visible()
    visit = visit_to(offline)
    visit.done(portrait)
    compare(visit)
    visit.page.locator(".offer").get_by_role("button", name="Fetch").click()
    expect(visit.page.locator(".offer .failed")).to_contain_text("Clearcut is set to stay offline")
    expect(visit.page.locator(".offer").get_by_role("button", name="Fetch")).to_be_visible()


def test_who_may_not_fetch_a_second_model_is_told_who_can(visit_to: VisitTo, public: Process, portrait: bytes) -> None:
    visit = visit_to(public)
    visit.done(portrait)
    compare(visit)
    expect(visit.page.locator("#compare-hint")).to_contain_text("Whoever runs this Clearcut can add another")
    expect(visit.page.get_by_role("img", name="The subject without its background: Fast")).to_be_visible()
    expect(visit.page.locator(".offer")).to_have_count(0)


def test_a_file_that_is_no_photo_dropped_into_a_comparison_is_said_beside_the_result(
    visit_to: VisitTo, stocked: Process, portrait: bytes
) -> None:
    visit = visit_to(stocked)
    visit.done(portrait)
    compare(visit)
    expect(tiles(visit)).to_have_count(3)
    visit.choose(b"", "nothing.jpg")
    expect(visit.page.get_by_role("alert")).to_contain_text("is empty")
    expect(visit.page.locator("#compare")).to_be_hidden()
    expect(visit.page.locator("#after")).to_be_visible()


def test_a_model_that_fails_says_so_in_its_tile_and_the_others_still_come(
    visit_to: VisitTo, own_models: Path, enter: Callable[..., Any], u2netp: Path, portrait: bytes
) -> None:
    (own_models / "mediapipe_selfie.onnx").write_bytes(b"not what was published")
    enter("zz-mine", u2netp, kind="u2net")
    with serving(CLEARCUT_MODELS_DIR=str(own_models)) as process:
        visit = visit_to(process)
        visit.done(portrait)
        compare(visit)
        expect(tiles(visit)).to_have_count(2)
        assert visit.page.locator("#tiles strong").all_inner_texts() == ["Fast", "Selfies (MediaPipe)", "zz-mine"]
        expect(tiles(visit, "error")).to_contain_text("mediapipe_selfie.onnx is not the published one")
        expect(tiles(visit, "error").get_by_role("button")).to_have_count(0)
        visit.page.locator("#tiles figure[data-model=zz-mine] button").click()
        visit.until("done")
        expect(visit.page.locator("#model input")).to_have_value("Your own · zz-mine")


def test_a_comparison_under_way_can_be_left_and_a_new_photo_works(
    visit: Visit, unseen: bytes, isnet: Path, gate: Gate
) -> None:
    visit.done(unseen)
    before = shown(visit)
    with gate.shut(SLOW):
        compare(visit)
        expect(tiles(visit)).to_have_count(1)
        gate.until_reached(SLOW)
        visit.page.get_by_role("button", name="Back").click()
        visit.until("done")
        assert shown(visit) == before
        visit.choose(encoded(composite().rgb), "ball.png")
        visit.page.wait_for_function("document.getElementById('download').download === 'ball_cutout.png'")
        visit.until("done")
        heard = len(visit.heard())
    visit.nothing_more_comes()
    assert not [message for message in visit.heard()[heard:] if message.get("comparing")]
    expect(visit.page.locator("#compare")).to_be_hidden()
    assert opened(visit.download()[1]).shape == (480, 640, 4)


def test_a_photo_dropped_into_a_comparison_is_cut_out(visit: Visit, unseen: bytes, isnet: Path, gate: Gate) -> None:
    visit.done(unseen)
    with gate.shut(SLOW):
        compare(visit)
        expect(tiles(visit)).to_have_count(1)
        visit.choose(encoded(composite().rgb), "ball.png")
        visit.page.wait_for_function("document.getElementById('download').download === 'ball_cutout.png'")
        visit.until("done")
        expect(visit.page.locator("#compare")).to_be_hidden()


def test_the_language_switches_within_a_comparison(visit_to: VisitTo, stocked: Process, portrait: bytes) -> None:
    visit = visit_to(stocked)
    visit.done(portrait)
    compare(visit)
    expect(tiles(visit)).to_have_count(3)
    visit.page.click("#language")
    expect(visit.page.locator("#tiles strong").first).to_have_text("快速")
    expect(tiles(visit)).to_have_count(3)


# ---- what to keep ----------------------------------------------------------------------------------------------------


def test_a_model_that_tells_classes_apart_lets_one_choose_what_to_keep(
    visit_to: VisitTo, own_models: Path, at_hand: Callable[[str], Path], portrait: bytes
) -> None:
    file = at_hand("deeplabv3_257_mv.onnx")
    with serving(CLEARCUT_MODELS_DIR=str(own_models)) as process:
        brought = httpx.put(f"{process.address}/api/models/deeplabv3/file", content=file.read_bytes(), timeout=120)
        assert brought.status_code == 204
        visit = visit_to(process)
        page = visit.page
        visit.done(portrait)
        expect(page.locator("#keep")).to_be_hidden()
        visit.use_model("deeplabv3")
        expect(page.locator("#keep")).to_be_visible()
        page.wait_for_function("window.heard.some((said) => said?.state === 'done' && said.options.model !== 'u2netp')")
        visit.until("done")
        everything = visit.download()[1]
        assert everything == by_the_api(process.address, portrait, model="deeplabv3")

        keep(visit, "Cat")
        expect(page.get_by_role("alert")).to_contain_text("No clear subject found")
        expect(page.locator("#download")).to_have_attribute("aria-disabled", "true")
        nothing = by_the_api(process.address, portrait, model="deeplabv3", keep="cat")
        assert np.count_nonzero(opened(nothing)[..., 3] > 127) < np.count_nonzero(opened(everything)[..., 3] > 127)
        keep(visit, "Person")
        expect(page.get_by_role("alert")).to_be_hidden()
        wanted = by_the_api(process.address, portrait, model="deeplabv3", keep="cat,person")
        assert visit.download()[1] == wanted

        visit.pick_model("Fast")
        expect(page.locator("#keep")).to_be_hidden()
        page.wait_for_function(
            "window.heard.at(-1)?.state === 'done' && window.heard.at(-1).options.model === 'u2netp'"
        )
        assert visit.download()[1] == by_the_api(process.address, portrait)
        visit.use_model("deeplabv3")
        expect(page.locator("#keep .token")).to_have_count(0)


def keep(visit: Visit, name: str) -> None:
    """Choose a class, and wait for the cut-out with it."""
    before = visit.page.get_attribute("#download", "href") or ""
    visit.page.click("#keep input")
    visit.page.locator("#keep").get_by_role("option", name=name, exact=True).click()
    visit.page.locator("#keep input").blur()
    expect(visit.page.locator("#download")).not_to_have_attribute("href", before)
    visit.until("done")


# ---- a word before -------------------------------------------------------------------------------------------------


def test_a_model_that_must_be_brought_says_where_it_is_to_be_had_and_opens_models(
    visit_to: VisitTo, own_models: Path, portrait: bytes
) -> None:
    with serving(CLEARCUT_MODELS_DIR=str(own_models), CLEARCUT_MODEL="bria-rmbg-2.0") as process:
        visit = visit_to(process)
        visit.choose(portrait)
        visit.until("ask")
        ask = visit.page.locator("#ask")
        expect(ask).to_contain_text("https://huggingface.co/briaai/RMBG-2.0")
        expect(ask).to_contain_text("Not for commercial use.")
        expect(ask.get_by_role("button", name="Fetch it once")).to_be_hidden()
        ask.get_by_role("button", name="Open Models").click()
        expect(visit.card("bria-rmbg-2.0").get_by_role("button", name="Import a file")).to_be_visible()
        expect(visit.page.get_by_role("tab", name="Models")).to_be_focused()


def test_a_non_commercial_model_says_so_before_the_download(
    visit_to: VisitTo, own_models: Path, portrait: bytes
) -> None:
    with serving("--offline", CLEARCUT_MODELS_DIR=str(own_models), CLEARCUT_MODEL="bria-rmbg-1.4") as process:
        visit = visit_to(process)
        visit.choose(portrait)
        visit.until("ask")
        ask = visit.page.locator("#ask")
        expect(ask).to_contain_text("176 MB")
        expect(ask).to_contain_text("Not for commercial use.")
        expect(ask).to_contain_text("forbids commercial use")
        expect(ask.get_by_role("button", name="Fetch it once")).to_be_visible()
        visit.page.get_by_role("button", name="Not now").click()
        visit.until("done")
        expect(visit.page.locator("#model input")).to_have_value("Fast")


def test_a_free_model_asks_without_a_warning(visit_to: VisitTo, own_models: Path, portrait: bytes) -> None:
    with serving("--offline", CLEARCUT_MODELS_DIR=str(own_models), CLEARCUT_MODEL="modnet") as process:
        visit = visit_to(process)
        visit.choose(portrait)
        visit.until("ask")
        expect(visit.page.locator("#ask")).to_contain_text("Apache-2.0")
        expect(visit.page.locator("#ask")).not_to_contain_text("ommercial")


def test_another_engine_than_the_one_asked_for_is_said_once(
    visit_to: VisitTo, own_models: Path, portrait: bytes
) -> None:
    with serving(CLEARCUT_MODELS_DIR=str(own_models), CLEARCUT_ENGINE="cuda") as process:
        visit = visit_to(process)
        page = visit.page
        visit.done(portrait)
        expect(page.get_by_role("alert")).to_contain_text("The engine that was asked for cannot run this model")
        expect(page.locator("#engine")).to_contain_text("CPU")
        visit.choose(encoded(composite().rgb), "ball.png")
        page.wait_for_function("document.getElementById('download').download === 'ball_cutout.png'")
        visit.until("done")
        expect(page.get_by_role("alert")).to_be_hidden()
        expect(page.locator("#engine")).to_contain_text("CPU")
