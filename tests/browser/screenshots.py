"""Remake the pictures of the README from the running app: ``python -m tests.browser.screenshots``."""

import shutil
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import FLAGS, Visit
from tests.pictures import encoded, photo
from tests.process import ROOT, serving

FOLDER = ROOT / "assets" / "screenshots"
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
    ("settings", DESK | {"locale": "en-US", "color_scheme": "light"}),
    ("settings-zh-CN", DESK | {"locale": "zh-CN", "color_scheme": "dark"}),
    ("phone", PHONE | {"locale": "en-US", "color_scheme": "light"}),
]


def main() -> None:
    """Serve, visit, photograph."""
    FOLDER.mkdir(exist_ok=True)
    with serving() as process, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for name, how in SHOTS:
            context = chromium.new_context(**how)
            page = Visit(context.new_page(), process).open().page
            kind = name.partition("-")[0]
            if kind == "models":
                page.click("#tab-models")
            elif kind != "start":
                show_result(page)
            if kind == "compare":
                show_comparison(page)
            if kind == "settings":
                show_settings(page)
            page.wait_for_timeout(500)
            page.screenshot(path=FOLDER / f"{name}.png")
            context.close()
        chromium.close()
    shrink(FOLDER)


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


def show_comparison(page: Page) -> None:
    """The installed models, side by side."""
    page.click("#compare-open")
    page.wait_for_function(
        """() => { const tiles = [...document.querySelectorAll("#tiles figure")];
        return tiles.length > 1 && tiles.every((tile) => tile.dataset.state === "done"); }""",
        timeout=60_000,
    )


def shrink(folder: Path) -> None:
    """Fewer colours: the pictures travel with the repository."""
    from PIL import Image

    for file in folder.glob("*.png"):
        Image.open(file).convert("RGB").quantize(200, dither=Image.Dither.FLOYDSTEINBERG).save(file, optimize=True)


if __name__ == "__main__":
    main()
