"""Remake the pictures of the README from the running app: ``python -m tests.browser.screenshots [NAME…]``."""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.chromium import FLAGS
from tests.browser.conftest import Visit
from tests.pictures import encoded, photo
from tests.process import ROOT, Process, serving

FOLDER = ROOT / "assets" / "screenshots"
EXAMPLES = ROOT / "assets" / "examples"
DESK = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
SHOTS = [
    ("start", DESK | {"locale": "en-US", "color_scheme": "light"}),
    ("result", DESK | {"locale": "en-US", "color_scheme": "light"}),
    ("result-zh-CN-dark", DESK | {"locale": "zh-CN", "color_scheme": "dark"}),
    ("start-zh-CN", DESK | {"locale": "zh-CN", "color_scheme": "light"}),
    ("models", DESK | {"locale": "en-US", "color_scheme": "light"}),
    ("models-zh-CN", DESK | {"locale": "zh-CN", "color_scheme": "light"}),
    ("compare", DESK | {"locale": "en-US", "color_scheme": "light"}),
    ("compare-zh-CN", DESK | {"locale": "zh-CN", "color_scheme": "light"}),
    ("batch", DESK | {"locale": "en-US", "color_scheme": "light"}),
    ("batch-zh-CN", DESK | {"locale": "zh-CN", "color_scheme": "light"}),
    ("settings", DESK | {"locale": "en-US", "color_scheme": "light"}),
    ("settings-zh-CN", DESK | {"locale": "zh-CN", "color_scheme": "dark"}),
    ("phone", PHONE | {"locale": "en-US", "color_scheme": "light"}),
]


def main() -> None:
    """Serve, visit, photograph."""
    FOLDER.mkdir(exist_ok=True)
    shots = [shot for shot in SHOTS if not sys.argv[1:] or shot[0] in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as batches, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        with serving(CLEARCUT_BATCHES_DIR=batches) as process:
            take(chromium, process, shots)
        chromium.close()
    shrink([FOLDER / f"{name}.png" for name, _ in shots])


def take(chromium: Browser, process: Process, shots: list[tuple[str, dict[str, Any]]]) -> None:
    """Each of the pictures, by a visitor of its own."""
    for name, how in shots:
        context = chromium.new_context(**how)
        page = Visit(context.new_page(), process).open().page
        kind = name.partition("-")[0]
        if kind == "models":
            page.click("#tab-models")
        elif kind == "batch":
            show_batch(page)
        elif kind != "start":
            show_result(page)
        if kind == "compare":
            show_comparison(page)
        if kind == "settings":
            show_settings(page)
        page.wait_for_timeout(500)
        page.screenshot(path=FOLDER / f"{name}.png")
        context.close()


def show_result(page: Page) -> None:
    """Cut a portrait out, with the handle in the middle."""
    data = encoded(photo("astronaut"), "JPEG", quality=95)
    file = {"name": "astronaut.jpg", "mimeType": "image/jpeg", "buffer": data}
    page.set_input_files("#input input[type=file]", files=[file])
    page.wait_for_selector("html[data-state=done]", state="attached")
    page.wait_for_timeout(1000)
    page.evaluate("""() => { const split = document.getElementById("split");
        split.value = 42; split.dispatchEvent(new Event("input", { bubbles: true })); }""")


def show_settings(page: Page) -> None:
    """A sticker, with a fold of controls open."""
    page.click("#preset-chips [data-name=sticker]")
    page.wait_for_timeout(1500)
    page.click("#group-shadow .fold-head")
    page.locator("#shadow-strength").scroll_into_view_if_needed()


def show_batch(page: Page) -> None:
    """A batch that is done, with one photo that wants a look and one that failed."""
    page.click("#tab-batch")
    names = ["astronaut", "coffee", "chelsea"]
    files = [
        {"name": f"{name}.jpg", "mimeType": "", "buffer": encoded(photo(name), "JPEG", quality=95)} for name in names
    ]
    files += [
        {"name": file.name, "mimeType": "", "buffer": file.read_bytes()} for file in sorted(EXAMPLES.glob("*.jpg"))
    ]
    files.append({"name": "notes.jpg", "mimeType": "", "buffer": b"no picture"})
    with page.expect_file_chooser() as waiting:
        page.click("#batch-start [data-adds=photos]")
    waiting.value.set_files(files)
    page.wait_for_function("document.querySelector('#batch-pause').hidden", timeout=60_000)
    page.locator(".tile-open img[src]").last.evaluate("(image) => image.decode()")


def show_comparison(page: Page) -> None:
    """The installed models, side by side."""
    page.click("#compare-open")
    page.wait_for_function(
        """() => { const tiles = [...document.querySelectorAll("#tiles figure")];
        return tiles.length > 1 && tiles.every((tile) => tile.dataset.state === "done"); }""",
        timeout=60_000,
    )


def shrink(files: list[Path]) -> None:
    """Fewer colours: the pictures travel with the repository."""
    from PIL import Image

    for file in files:
        Image.open(file).convert("RGB").quantize(200, dither=Image.Dither.FLOYDSTEINBERG).save(file, optimize=True)


if __name__ == "__main__":
    main()
