"""A real Chromium before a real server, watched: no request to another host, no error in the console."""

import io
import json
import random
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect, sync_playwright

from tests.api.mirror import Mirror, mirroring
from tests.browser.chromium import FLAGS, Profiles, find_chromium
from tests.conftest import TEST_MODELS
from tests.gate import Gate
from tests.pictures import composite, encoded, photo
from tests.process import Process, serving

DESK = {"locale": "en-US", "permissions": ["clipboard-read", "clipboard-write"], "reduced_motion": "reduce",
        "viewport": {"width": 1280, "height": 800}}  # fmt: skip
AT_REST = ("empty", "done")  # states in which a page waits for its visitor
MOST_USED = 2  # pages that are kept for the next tests
HAS_FAILED = pytest.StashKey[bool]()
LOOK = """() => JSON.stringify([
    innerWidth, innerHeight, scrollY, document.documentElement.lang, document.body.className,
    ["dark", "light"].map((scheme) => matchMedia(`(prefers-color-scheme: ${scheme})`).matches),
    [...document.querySelectorAll("html, [id], input, [role=option]")]
        .filter((each) => !each.closest("#models-list, #hand-bar, #real-pixels, #redo"))
        .map((each) => [each.id, each.className, each.value, each.checked, each.disabled, each.hidden,
            each.ariaPressed, each.ariaExpanded, each.dataset.state])])"""  # what a photo or a setting leaves on a page
PUT_BACK = """(lang) => {
    const [press, find] = [(id) => document.getElementById(id).click(), (all) => document.querySelectorAll(all)];
    for (const value of ["both", "smart"]) document.querySelector(`input[value=${value}]`).click();
    ["tab-photo", "whole", "about-forget", "notice-close"].forEach(press);
    for (let left = 40; left && !document.getElementById("undo").disabled; left -= 1) press("undo");
    for (const head of find(".fold.open .fold-head")) head.click();
    if (document.documentElement.lang !== lang) press("language");
    document.activeElement.blur();
    scrollTo(0, 0);
}"""


expect.set_options(timeout=15_000)


class Visit:
    """One visitor's page."""

    def __init__(self, page: Page, process: Process) -> None:
        self.page, self.process, self.address = page, process, process.address
        self.elsewhere: list[str] = []
        self.complaints: list[str] = []
        self.at_first = ""  # how the page looked before anything was done on it, until it is left
        self.files = tempfile.TemporaryDirectory()
        page.on("request", self._request)
        page.on("pageerror", lambda error: self._complain(str(error)))
        page.on("console", lambda said: self._complain(said.text) if said.type == "error" else None)

    def _complain(self, text: str) -> None:
        if not self.process.stopping:  # that it misses a server which a test has stopped is no fault
            self.complaints.append(text)

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.elsewhere.append(request.url)

    def leave(self) -> None:
        """Leave the page; that its streams end with it is no fault."""
        so_far = [*self.complaints]
        self.page.goto("about:blank")
        self.complaints[:] = so_far
        self.at_first = ""

    def reload(self) -> None:
        """Load the page anew; that its streams end with the old one is no fault."""
        so_far = [*self.complaints]
        self.page.reload()
        self.page.wait_for_selector("html[data-ready]", state="attached", timeout=30_000)
        self.complaints[:] = so_far
        self.at_first = ""

    def open(self) -> "Visit":
        self.leave()
        self.page.goto(self.address)
        self.page.wait_for_selector("html[data-ready]", state="attached", timeout=30_000)
        self.page.evaluate("""() => {
            window.heard = [];
            const show = window.clearcut.show;
            window.clearcut.show = (message) => { window.heard.push(message); return show(message); };
        }""")
        return self

    def begin_anew(self) -> bool:
        """Forget the photo, take back all settings, and load nothing; whether the page then is as it was at first."""
        if not self.at_first or self.page.is_closed() or self.process.stopping:
            return False
        if self.page.get_attribute("html", "data-state") not in AT_REST:
            return False
        self.page.unroute_all(behavior="ignoreErrors")
        self.page.mouse.up()
        self.page.mouse.move(0, 0)
        self.page.evaluate(PUT_BACK, json.loads(self.at_first)[3])
        is_as_at_first = f"(at_first) => ({LOOK})() === at_first"
        try:
            self.page.wait_for_function(is_as_at_first, arg=self.at_first, timeout=1000, polling=100)
        except TimeoutError:
            return False
        self.page.evaluate("localStorage.clear(); window.heard.length = 0")
        return True

    def choose(self, data: bytes, name: str = "photo.jpg") -> None:
        self.page.set_input_files("#input input[type=file]", [self.file(data, name)])

    def file(self, data: bytes, name: str) -> Any:
        """What Playwright takes for a file; of more than a megabyte one on the disk, which it need not copy about."""
        if len(data) < 1_000_000:
            return {"name": name, "mimeType": "application/octet-stream", "buffer": data}
        path = Path(self.files.name, name)
        path.write_bytes(data)
        return path

    def drop(self, *paths: Path, at: tuple[float, float] = (400, 300)) -> None:
        """Drop files and folders of the disk onto the page, as a file manager does."""
        devtools = self.page.context.new_cdp_session(self.page)
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            devtools.send("Input.dispatchDragEvent", {"type": kind, "x": at[0], "y": at[1], "data": data})
        devtools.detach()

    def until(self, state: str) -> None:
        self.page.wait_for_selector(f"html[data-state={state}]", state="attached", timeout=60_000)

    def done(self, data: bytes, name: str = "photo.jpg") -> None:
        self.choose(data, name)
        self.until("done")

    def pick_model(self, title: str) -> None:
        self.page.click("#model input")
        self.page.get_by_role("option", name=title).click()

    def use_model(self, model: str) -> None:
        """Choose any installed model on its card."""
        self.models().card(model).get_by_role("button", name="Use:").click()

    def models(self) -> "Visit":
        self.page.get_by_role("tab", name=re.compile("Models|模型")).click()
        expect(self.page.locator("#models-list article").first).to_be_visible()
        return self

    def card(self, model: str) -> Locator:
        return self.page.locator(f'#models-list article[data-model="{model}"]')

    def menu(self) -> list[str]:
        """The lines of the model menu, which is closed again."""
        self.page.click("#model input")
        lines = self.page.locator("#model [role=option]").all_inner_texts()
        self.page.locator("#model input").blur()
        return [line.replace("✓", "").strip() for line in lines]

    def nothing_more_comes(self) -> None:
        """Wait until the server would have told of all that it had taken in hand."""
        files = {"image": ("a.png", encoded(np.zeros((8, 8, 3), np.uint8)))}
        httpx.post(f"{self.address}/api/remove-bg", files=files, timeout=60)  # it waits its turn behind them
        self.page.wait_for_timeout(500)

    def offers(self, line: str) -> None:
        """The model menu, which is closed again, comes to have this line."""
        self.page.click("#model input")
        options = self.page.locator("#model [role=option]")
        expect(options.filter(has_text=re.compile(rf"^[\s✓]*{re.escape(line)}\s*$"))).to_have_count(1)
        self.page.locator("#model input").blur()

    def heard(self) -> list[dict]:
        return [message for message in self.page.evaluate("window.heard") if message]

    def download(self) -> tuple[str, bytes]:
        with self.page.expect_download() as waiting:
            self.page.click("#download")
        return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()

    def pixels(self, selector: str) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(self.page.locator(selector).screenshot())).convert("RGB"))

    def screen(self, clip: Any) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(self.page.screenshot(clip=clip))).convert("RGB"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def profiles(browser: Browser) -> Profiles:
    return Profiles(browser)


@pytest.fixture(scope="session")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    """Before the networks of `server`: ``with gate.shut(model)`` they wait."""
    return Gate(tmp_path_factory.mktemp("gate"))


@pytest.fixture(scope="session")
def server(u2netp: Path, gate: Gate) -> Iterator[Process]:
    with serving(gate=gate) as process:
        yield process


@pytest.fixture(scope="session")
def stocked(u2netp: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A server with three small models of its own: the default one, selfies and ID photos."""
    folder = tmp_path_factory.mktemp("stocked")
    (folder / u2netp.name).symlink_to(u2netp)
    for name in ("mediapipe_selfie.onnx", "deeplabv3plus_portrait_513.onnx"):
        file = Path(TEST_MODELS or "nowhere", name)
        if not file.is_file():
            pytest.skip(f"CLEARCUT_TEST_MODELS names no folder that holds {name}")
        (folder / name).symlink_to(file)
    with serving(CLEARCUT_MODELS_DIR=str(folder)) as process:
        yield process


@pytest.fixture(scope="session")
def mirror(isnet: Path) -> Iterator[Mirror]:
    """A real web server with the weights of the larger model."""
    with mirroring(isnet.parent) as mirror:
        yield mirror


@pytest.fixture
def slow_mirror(mirror: Mirror) -> Iterator[Mirror]:
    """The mirror, slow enough that progress can be seen."""
    mirror.begin_anew()
    yield mirror
    mirror.free.set()


@pytest.fixture(scope="session")
def shop_folder(u2netp: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models folder of `shop`."""
    folder = tmp_path_factory.mktemp("shop")
    shutil.copyfile(u2netp, folder / u2netp.name)
    return folder


@pytest.fixture(scope="session")
def shop_process(shop_folder: Path, mirror: Mirror) -> Iterator[Process]:
    with serving(CLEARCUT_MODELS_DIR=str(shop_folder), CLEARCUT_MODELS_MIRROR=mirror.address) as process:
        yield process


@pytest.fixture
def shop(shop_process: Process, shop_folder: Path, slow_mirror: Mirror, u2netp: Path) -> Iterator[Process]:
    """A server with the default model alone that fetches from the slow mirror. What a test fetches goes with it."""
    yield shop_process
    end_fetches(shop_process)
    for file in shop_folder.iterdir():
        if file.is_file() and file.name != u2netp.name:
            file.unlink(missing_ok=True)
    if not (shop_folder / u2netp.name).exists():
        shutil.copyfile(u2netp, shop_folder / u2netp.name)


def end_fetches(process: Process) -> None:
    """Have the server fetch nothing any more, and know of no fetch that failed."""
    with httpx.Client(base_url=f"{process.address}/api/models", timeout=60) as client:
        for model in client.get("/fetches").json():
            client.delete(f"/{model}/fetch")


@pytest.fixture(scope="session")
def small_shelf(u2netp: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with the default model alone."""
    folder = tmp_path_factory.mktemp("models")
    (folder / u2netp.name).symlink_to(u2netp)
    return folder


@pytest.fixture(scope="session")
def offline_process(small_shelf: Path) -> Iterator[Process]:
    with serving("--offline", CLEARCUT_MODELS_DIR=str(small_shelf)) as process:
        yield process


@pytest.fixture
def offline(offline_process: Process) -> Iterator[Process]:
    """A server with the default model alone that cannot fetch any."""
    yield offline_process
    end_fetches(offline_process)


@pytest.fixture(scope="session")
def public(small_shelf: Path) -> Iterator[Process]:
    """A server with the default model alone that others can reach."""
    with serving("--host", "0.0.0.0", "--public", CLEARCUT_MODELS_DIR=str(small_shelf)) as process:
        yield process


class Used(NamedTuple):
    """A page that a test has left as it was at first, and how it was opened."""

    visit: Visit
    how: dict[str, Any]


@pytest.fixture(scope="session")
def used_pages() -> list[Used]:
    """The pages that were left last; each takes a hundred megabytes, and is at work even when nobody looks."""
    return []


@pytest.fixture
def visit_to(
    request: pytest.FixtureRequest, profiles: Profiles, used_pages: list[Used]
) -> Iterator[Callable[..., Visit]]:
    """Open pages of a server, each in a browser profile of its own; their complaints fail the test.

    With the mark ``used_pages`` they may be pages where another visitor has been: loading one takes longer than most
    tests.
    """
    visits: list[Used] = []
    used = request.node.get_closest_marker("used_pages") is not None

    def close(page: Used) -> None:
        profiles.take_back(page.visit.page, page.how)
        page.visit.files.cleanup()

    def visit(process: Process, width: int = 1280, height: int = 800, **how: Any) -> Visit:
        how = DESK | {"viewport": {"width": width, "height": height}} | how
        alike = [each for each in used_pages if (each.visit.process, each.how) == (process, how)]
        if used and alike:
            used_pages.remove(alike[-1])
            visits.append(alike[-1])
            return alike[-1].visit
        visit = Visit(profiles.lend(how), process).open()
        visit.at_first = visit.page.evaluate(LOOK) if used else ""
        visits.append(Used(visit, how))
        return visit

    yield visit
    faults = [fault for each in visits for fault in (*each.visit.elsewhere, *each.visit.complaints)]
    for each in visits:
        if faults or request.node.stash[HAS_FAILED] or not each.visit.begin_anew():
            close(each)
        else:
            used_pages.append(each)
    while len(used_pages) > MOST_USED:
        close(used_pages.pop(0))
    assert faults == []


@pytest.fixture
def visit(visit_to: Callable[..., Visit], server: Process) -> Visit:
    """An English visitor at a desk."""
    return visit_to(server)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Note whether a test has failed, for the fixtures that end after it."""
    report = yield
    item.stash[HAS_FAILED] = report.failed or item.stash.get(HAS_FAILED, False)
    return report


@pytest.fixture
def unseen() -> bytes:
    """A photo that no network has seen on this server: what takes long takes long."""
    return encoded(composite(900, 700, seed=random.randrange(1 << 30)).rgb, "JPEG", quality=92)


@pytest.fixture(scope="session")
def portrait() -> bytes:
    """A real photo, as a JPEG file."""
    return encoded(photo("astronaut"), "JPEG", quality=92)
