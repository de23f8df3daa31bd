"""The Video tab: a clip in, a frame tried, the new video played and downloaded; stopped, and found again."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.test_axe import violations
from tests.clips import disc, discs, read_clip, silence_with_clicks, write_clip
from tests.process import Process, serving

VisitTo = Callable[..., Visit]
SIZE = {"width": 160, "height": 120}
FRAMES = 12
KEYED = {"key": "on"}  # the wall is keyed: no network is needed


@pytest.fixture(scope="module")
def studio(u2netp: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A server with a folder of its own for videos."""
    with serving(CLEARCUT_BATCHES_DIR=str(tmp_path_factory.mktemp("videos"))) as process:
        yield process


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames of a disc before a green wall, with sound."""
    path = tmp_path_factory.mktemp("clip") / "dance.mp4"
    return write_clip(path, discs(FRAMES, **SIZE, flat=True), sound=silence_with_clicks(0.48, [0.1]))


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More than can be made before somebody stops it."""
    path = tmp_path_factory.mktemp("clip") / "long.mp4"
    return write_clip(path, discs(20, **SIZE, flat=True) * 120)


def visit_keyed(visit_to: VisitTo, studio: Process, **how: object) -> Visit:
    """A visitor whose wall is keyed."""
    visit = visit_to(studio, **how)
    visit.page.evaluate("(kept) => localStorage.setItem('clearcut-settings', JSON.stringify(kept))", KEYED)
    visit.reload()
    return visit


def is_in(page: Page, phase: str) -> None:
    expect(page.locator("#video")).to_have_attribute("data-phase", phase, timeout=90_000)


def shows_frame(page: Page) -> None:
    expect(page.locator("#video-frame")).to_be_visible(timeout=60_000)
    expect(page.locator("#video-trying")).to_be_empty(timeout=60_000)


def test_a_clip_dropped_on_the_photo_tab_becomes_a_transparent_video(
    visit_to: VisitTo, studio: Process, clip: Path, tmp_path: Path
) -> None:
    visit = visit_keyed(visit_to, studio)
    page = visit.page
    visit.drop(clip)
    is_in(page, "ready")
    shows_frame(page)
    assert page.evaluate("document.documentElement.dataset.tab") == "video"
    assert violations(page) == []
    first = page.locator("#video-frame").get_attribute("src")
    page.locator("#video-at").fill("0.36")
    expect(page.locator("#video-frame")).not_to_have_attribute("src", str(first), timeout=60_000)
    shows_frame(page)
    page.click("#video-to-here")
    page.click("#video-begin")
    is_in(page, "done")
    expect(page.locator("#video-made")).to_have_text(re.compile(r"^9 frames, [\d.]+ MB$"))  # no model: a key
    assert violations(page) == []
    player = page.locator("#video-player")
    player.evaluate("async (player) => { player.muted = true; await player.play(); }")
    page.wait_for_function("document.getElementById('video-player').currentTime > 0.1")
    page.locator("#video-split").fill("40")  # the clip itself is left of the line, at the same second
    page.wait_for_function(
        "(([before, player]) => before.videoWidth && Math.abs(before.currentTime - player.currentTime) < 0.1)"
        "(['before', 'player'].map((name) => document.getElementById(`video-${name}`)))"
    )
    expect(page.locator("#video-before")).to_be_visible()
    has_sound = "(player) => player.webkitAudioDecodedByteCount > 0"
    assert player.evaluate(has_sound) and player.evaluate("(player) => player.videoWidth") == SIZE["width"]
    with page.expect_download() as waiting:
        page.click("#video-download")
    assert waiting.value.suggested_filename == "dance_cutout.webm"
    file = tmp_path / "dance.webm"
    waiting.value.save_as(file)
    frames = [rgba for _, rgba in read_clip(file, alpha=True)]
    assert len(frames) == 9  # before second 0.36
    for number, rgba in enumerate(frames):
        wanted = disc(number, **SIZE, flat=True)[1].astype(float)
        assert np.abs(rgba[..., 3] - wanted).mean() < 6
    expect(page.locator("#video-opaque")).to_be_hidden()
    page.add_init_script("CanvasRenderingContext2D.prototype.getImageData = () => ({ data: [0, 0, 0, 255] })")
    visit.reload()  # as in a browser that paints black in the place of what is transparent
    page.click("#tab-video")
    expect(page.locator("#video-opaque")).to_contain_text("no transparency in WebM", timeout=30_000)


def test_strokes_on_a_frame_are_in_its_preview_after_a_reload_and_in_the_video(
    visit_to: VisitTo, studio: Process, clip: Path, tmp_path: Path
) -> None:
    visit = visit_keyed(visit_to, studio, width=1280, height=800)
    page = visit.page
    visit.drop(clip)
    is_in(page, "ready")
    shows_frame(page)
    page.locator("#video-at").fill("0.2")
    page.click("#video-touch")
    expect(page.locator("#video-original")).to_be_visible(timeout=60_000)
    assert violations(page) == []
    stage = page.locator("#video-stage").bounding_box()
    assert stage
    scale = stage["width"] / SIZE["width"]
    page.mouse.move(stage["x"] + 140 * scale, stage["y"] + 20 * scale)
    page.mouse.down()
    page.mouse.move(stage["x"] + 140 * scale, stage["y"] + 40 * scale, steps=3)
    page.mouse.up()
    becomes(page, 255)
    page.keyboard.press("Control+z")
    becomes(page, 0)
    expect(page.locator("#video-undo")).to_be_disabled()
    page.keyboard.press("Control+Shift+z")
    becomes(page, 255)
    visit.reload()
    page.click("#tab-video")
    is_in(page, "ready")
    expect(page.locator("#video-count")).to_have_text("1")
    page.click("#video-begin")
    is_in(page, "done")
    with page.expect_download() as waiting:
        page.click("#video-download")
    file = tmp_path / "dance.webm"
    waiting.value.save_as(file)
    kept = [rgba[30, 140, 3] > 127 for _, rgba in read_clip(file, alpha=True)]
    assert kept == [number >= 5 for number in range(FRAMES)]


def becomes(page: Page, alpha: int) -> None:
    """The alpha of the frame that is shown, where the stroke is drawn."""
    look = """(alpha) => {
        const frame = document.getElementById("video-frame");
        const pen = new OffscreenCanvas(frame.naturalWidth, frame.naturalHeight).getContext("2d");
        pen.drawImage(frame, 0, 0);
        return pen.getImageData(140, 30, 1, 1).data[3] === alpha;
    }"""
    page.wait_for_function(look, arg=alpha, timeout=60_000)


def test_a_photo_that_moves_is_offered_as_a_whole_and_stays_what_it_is(
    visit_to: VisitTo, studio: Process, tmp_path: Path
) -> None:
    first, *others = [Image.fromarray(frame) for frame in discs(4, **SIZE, flat=True)]
    gif = tmp_path / "wave.gif"
    first.save(gif, save_all=True, append_images=others, duration=80, loop=0)
    visit = visit_keyed(visit_to, studio)
    page = visit.page
    visit.done(gif.read_bytes(), gif.name)  # of no type that the browser knows: its name tells
    expect(page.locator("#batch-bar-text")).to_contain_text("This picture moves")
    expect(page.locator("#notice")).to_be_hidden()
    page.locator("#batch-bar-does").press("Enter")
    is_in(page, "ready")
    expect(page.locator("#video-title")).to_be_focused()
    expect(page.locator("#video-format")).to_have_value("gif")
    page.click("#tab-photo")
    page.locator("#batch-bar-leaves").press("Enter")
    expect(page.locator("#batch-bar")).to_be_hidden()
    expect(page.locator("#after")).to_be_visible()


def test_a_video_under_way_is_found_by_a_reload_and_can_be_stopped(
    visit_to: VisitTo, studio: Process, long_clip: Path, clip: Path
) -> None:
    visit = visit_keyed(visit_to, studio, width=390, height=844)
    page = visit.page
    page.click("#tab-video")
    with page.expect_file_chooser() as waiting:
        page.click("#video-choose")
    waiting.value.set_files(long_clip)
    is_in(page, "ready")
    becomes(page, 0)
    with page.expect_file_chooser() as waiting:
        page.click("#video-behind")
    waiting.value.set_files(clip)
    becomes(page, 255)
    page.click("#video-begin")
    expect(page.locator("#video-rate")).to_contain_text("frames a second", timeout=90_000)
    visit.reload()
    page.click("#tab-video")
    is_in(page, "working")
    expect(page.locator("#video-title")).to_have_text("long.mp4")
    shows_frame(page)  # the newest one
    is_in(page, "working")
    assert violations(page) == []
    page.click("#video-cancel")
    is_in(page, "ready")
    shows_frame(page)
    expect(page.locator("#video-format")).to_have_value("mp4")
    expect(page.locator("#video-behind")).to_have_text("Take “dance.mp4” away from behind")
    page.click("#video-behind")
    becomes(page, 0)
    expect(page.locator("#video-format")).to_have_value("webm")
    expect(page.locator("#video-offer")).to_be_empty()  # nothing that a key would use
    page.evaluate("localStorage.setItem('clearcut-settings', '{\"model\": \"automatic\"}')")
    visit.reload()
    page.click("#tab-video")
    expect(page.locator("#video-offer")).to_contain_text("GPL-3.0")
    expect(page.locator("#video-offer").get_by_role("button", name="Fetch 15 MB: People in motion")).to_be_visible()
    shows_frame(page)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("#video-new")
    is_in(page, "empty")
    expect(page.locator("#video-choose")).to_be_focused()
