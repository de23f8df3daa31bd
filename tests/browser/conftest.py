"""A real Chromium before a real server, watched: no request to another host, no error in the console."""

import io
import random
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from tests.api.mirror import Mirror, mirroring
from tests.conftest import TEST_MODELS
from tests.gate import Gate
from tests.pictures import composite, encoded, photo
from tests.process import Process, serving

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--process-per-site"]  # fmt: skip
expect.set_options(timeout=15_000)


class Visit:
    """One visitor's page."""

    def __init__(self, page: Page, process: Process) -> None:
        self.page, self.process, self.address = page, process, process.address
        self.elsewhere: list[str] = []
        self.complaints: list[str] = []
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

    def reload(self) -> None:
        """Load the page anew; that its streams end with the old one is no fault."""
        so_far = [*self.complaints]
        self.page.reload()
        self.page.wait_for_selector("html[data-ready]", state="attached", timeout=30_000)
        self.complaints[:] = so_far

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


def find_chromium() -> str:
    """The path of the system's browser; skips where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip("no Chromium on this machine")
    return path


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


class Profiles:
    """Browser profiles, each for one visitor at a time. Emptied and lent again, with the page's scripts at hand."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._free: dict[str, list[BrowserContext]] = {}

    def lend(self, how: dict[str, Any]) -> Page:
        """A new page in a profile that nobody is using."""
        free = self._free.setdefault(repr(how), [])
        profile = free.pop() if free else self._browser.new_context(**how)
        before, page = profile.pages, profile.new_page()
        for each in before:  # it stayed for its process, which the new page has taken over
            each.close()
        return page

    def take_back(self, page: Page, how: dict[str, Any]) -> None:
        """Keep the profile of `page` for the next visitor, with nothing of this one."""
        profile = page.context
        if page.is_closed() or len(profile.pages) != 1:
            return profile.close()
        page.unroute_all(behavior="ignoreErrors")
        page.evaluate("""() => { try { localStorage.clear(); sessionStorage.clear();
            indexedDB.deleteDatabase("clearcut"); } catch {} }""")
        profile.clear_cookies()
        page.goto("about:blank")
        self._free[repr(how)].append(profile)


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


@pytest.fixture
def slow_mirror(isnet: Path) -> Iterator[Mirror]:
    """A real web server with the weights of the larger model, slow enough that progress can be seen."""
    with mirroring(isnet.parent) as mirror:
        yield mirror


@pytest.fixture
def shop(own_models: Path, slow_mirror: Mirror) -> Iterator[Process]:
    """A server with the default model, in a folder of this test's own, that fetches from the slow mirror."""
    with serving(CLEARCUT_MODELS_DIR=str(own_models), CLEARCUT_MODELS_MIRROR=slow_mirror.address) as process:
        yield process


@pytest.fixture
def visit_to(profiles: Profiles) -> Iterator[Callable[..., Visit]]:
    """Open pages of a server, each in a browser profile of its own; their complaints fail the test."""
    visits: list[tuple[Visit, dict[str, Any]]] = []

    def visit(process: Process, width: int = 1280, height: int = 800, **how: Any) -> Visit:
        how = {"locale": "en-US", "permissions": ["clipboard-read", "clipboard-write"]} | how
        how["viewport"] = {"width": width, "height": height}
        visits.append((Visit(profiles.lend(how), process), how))
        return visits[-1][0].open()

    yield visit
    faults = [fault for each, _ in visits for fault in (*each.elsewhere, *each.complaints)]
    for each, how in visits:
        profiles.take_back(each.page, how)
        each.files.cleanup()
    assert faults == []


@pytest.fixture
def visit(visit_to: Callable[..., Visit], server: Process) -> Visit:
    """An English visitor at a desk."""
    return visit_to(server)


@pytest.fixture
def unseen() -> bytes:
    """A photo that no network has seen on this server: what takes long takes long."""
    return encoded(composite(900, 700, seed=random.randrange(1 << 30)).rgb, "JPEG", quality=92)


@pytest.fixture(scope="session")
def portrait() -> bytes:
    """A real photo, as a JPEG file."""
    return encoded(photo("astronaut"), "JPEG", quality=92)
