"""The camera on the Video tab: its picture is cut out, a still and a recording are taken along; and without one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import FLAGS, find_chromium
from tests.browser.conftest import Visit
from tests.browser.test_axe import violations
from tests.clips import read_clip
from tests.pictures import encoded, photo
from tests.process import Process

CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
SIZE = (640, 360)


@pytest.fixture
def page(browser: Browser, stocked: Process, tmp_path: Path) -> Iterator[Page]:
    """A page in a browser whose camera sees an astronaut."""
    scene = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    scene[:, 140:500] = np.asarray(Image.fromarray(photo("astronaut")).resize((360, 360)))
    file = tmp_path / "camera.mjpeg"
    file.write_bytes(encoded(scene, "JPEG", quality=95) * 2)
    args = [*FLAGS, *CAMERA, f"--use-file-for-fake-video-capture={file}"]
    chromium = browser.browser_type.launch(executable_path=find_chromium(), args=args)
    visit = Visit(chromium.new_page(locale="en-US", viewport={"width": 1280, "height": 800}), stocked).open()
    yield visit.page
    chromium.close()
    assert [*visit.elsewhere, *visit.complaints] == []


def test_what_a_camera_sees_is_cut_out_and_can_be_taken_along(page: Page, tmp_path: Path) -> None:
    page.click("#tab-video")
    page.click("#video-live")
    expect(page.locator("#live-facts")).to_contain_text("frames a second", timeout=90_000)
    expect(page.locator("#live-facts")).to_contain_text("Selfies")
    assert violations(page) == []
    with page.expect_download() as waiting:
        page.click("#live-still")
    still = np.asarray(Image.open(waiting.value.path()))
    assert waiting.value.suggested_filename.endswith(".png") and still.shape == (*SIZE[::-1], 4)
    assert still[:60, 560:, 3].mean() < 20 and still[120:300, 280:360, 3].mean() > 235  # beside the person; on them
    page.get_by_role("button", name="Colour", exact=True).click()
    page.click("#live-record")
    expect(page.locator("#live-record")).to_contain_text("1 s", timeout=30_000)
    with page.expect_download() as waiting:
        page.click("#live-record")
    film = tmp_path / "live.webm"
    waiting.value.save_as(film)
    frames = [rgb for _, rgb in read_clip(film)]
    assert frames and frames[-1].shape == (*SIZE[::-1], 3)
    red, green, blue = frames[-1][:60, 560:].mean(axis=(0, 1))
    assert blue > green > red  # the colour behind
    page.click("#live-end")
    expect(page.locator("#video-live")).to_be_focused()
    assert page.evaluate("document.getElementById('live-source').srcObject") is None


def test_without_a_camera_one_sentence_says_what_to_do(visit_to: Callable[..., Visit], stocked: Process) -> None:
    visit = visit_to(stocked, locale="zh-CN", width=390, height=844)
    visit.page.click("#tab-video")
    visit.page.click("#video-live")
    expect(visit.page.locator("#video-note")).to_contain_text("摄像头")
    expect(visit.page.locator("#video")).to_have_attribute("data-phase", "empty")
