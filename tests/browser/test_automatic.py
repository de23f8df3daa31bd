"""Automatic on the page: the fast result at once, the better one in its place; the better model comes by itself."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.api.mirror import Mirror
from tests.browser.conftest import Visit
from tests.browser.panel import after
from tests.gate import Gate
from tests.pictures import opened
from tests.process import Process, serving

AUTOMATIC = {"CLEARCUT_MODEL": "automatic"}


@pytest.fixture(scope="module")
def both(u2netp: Path, isnet: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, Gate]]:
    """A server with both networks of the best model, and a gate before them."""
    folder, gate = tmp_path_factory.mktemp("both"), Gate(tmp_path_factory.mktemp("gate"))
    for file in (u2netp, isnet):
        (folder / file.name).symlink_to(file)
    with serving(gate=gate, CLEARCUT_MODELS_DIR=str(folder), **AUTOMATIC) as process:
        yield process, gate


@pytest.fixture
def visit(visit_to: Callable[..., Visit], both: tuple[Process, Gate]) -> Visit:
    return visit_to(both[0])


def done_by(visit: Visit) -> list[str]:
    return [message["model"] for message in visit.heard() if message["state"] == "done"]


def test_the_fast_result_is_there_while_the_better_one_is_made_and_download_waits_for_that(
    visit: Visit, both: tuple[Process, Gate], unseen: bytes
) -> None:
    page, gate = visit.page, both[1]
    with page.expect_download() as waiting:
        with gate.shut("isnet-general-use"):
            visit.choose(unseen)
            page.wait_for_selector("html[data-early]", state="attached")
            expect(page.locator("#after")).to_be_visible()
            expect(page.locator("#busy")).to_be_hidden()
            expect(page.locator("#facts")).to_have_text("A finer cut-out is on its way")
            early = page.locator("#after").get_attribute("src")
            page.click("#download")
            expect(page.locator("#download")).to_have_text(re.compile("Preparing"))
        visit.until("done")
    assert waiting.value.suggested_filename == "photo_cutout.png"
    assert page.locator("#after").get_attribute("src") != early
    assert set(done_by(visit)) == {"best"}
    page.click("#details summary")
    expect(page.locator("#model-facts")).to_contain_text("best")
    expect(page.locator("#model input")).to_have_value("Automatic")


def test_a_control_that_moves_meanwhile_acts_on_the_fast_result(
    visit: Visit, both: tuple[Process, Gate], unseen: bytes
) -> None:
    page = visit.page
    with both[1].shut("isnet-general-use"):
        visit.choose(unseen)
        page.wait_for_selector("html[data-early]", state="attached")
        early = page.locator("#after").get_attribute("src")
        page.click("input[name=backdrop][value=white]")
    visit.until("done")
    expect(page.locator("#after")).not_to_have_attribute("src", early or "")
    assert opened(visit.download()[1]).shape[2] == 3 or (opened(visit.download()[1])[..., 3] == 255).all()


def test_where_the_better_model_has_seen_the_photo_nothing_is_shown_before(
    visit: Visit, both: tuple[Process, Gate], unseen: bytes
) -> None:
    visit.done(unseen)
    before = len([message for message in visit.heard() if message.get("early")])
    after(visit, lambda: visit.page.click("input[name=backdrop][value=black]"))
    assert len([message for message in visit.heard() if message.get("early")]) == before


def test_page_and_api_make_the_same_of_a_photo(visit: Visit, both: tuple[Process, Gate], portrait: bytes) -> None:
    import httpx

    visit.done(portrait)
    answer = httpx.post(f"{both[0].address}/api/remove-bg", files={"image": ("photo.jpg", portrait)}, timeout=60)
    assert answer.headers["x-model"] == "best"
    assert visit.download()[1] == answer.content


@pytest.fixture
def first_start(u2netp: Path, slow_mirror: Mirror, tmp_path: Path) -> Iterator[Process]:
    """A server on a machine that has only the fast model, and may fetch the other from a slow mirror."""
    models = tmp_path / "models"
    models.mkdir()
    shutil.copyfile(u2netp, models / u2netp.name)
    where = {"CLEARCUT_MODELS_DIR": str(models), "CLEARCUT_CACHE_DIR": str(tmp_path / "cache")}
    with serving("--fetch-ahead", CLEARCUT_MODELS_MIRROR=slow_mirror.address, **where, **AUTOMATIC) as process:
        yield process


def test_the_better_model_comes_by_itself_and_is_used_from_then_on(
    visit_to: Callable[..., Visit], first_start: Process, slow_mirror: Mirror, portrait: bytes, unseen: bytes
) -> None:
    visit = visit_to(first_start)
    visit.done(portrait)
    assert set(done_by(visit)) == {"u2netp"}
    line = visit.page.locator("#better")
    expect(line).to_contain_text(re.compile(r"\d+ of 88 MB\. Apache-2\.0"))
    slow_mirror.free.set()
    expect(line).to_contain_text("Best is here")
    visit.done(unseen)
    assert done_by(visit)[-1] == "best"


def test_a_fetch_that_was_cancelled_does_not_begin_again_by_itself(
    visit_to: Callable[..., Visit], first_start: Process, portrait: bytes, tmp_path: Path
) -> None:
    visit = visit_to(first_start)
    visit.done(portrait)
    visit.page.locator("#better").get_by_role("button", name="Cancel").click()
    expect(visit.page.locator("#better")).to_be_hidden()
    assert [file.name for file in (tmp_path / "cache" / "declined").iterdir()] == ["best"]
    assert not list((tmp_path / "models").glob("isnet*.onnx"))
