"""The page of a server that is shared: behind a token, storing nothing, in a frame of another page."""

import contextlib
import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
from playwright.sync_api import expect

from server.tokens import make_token
from tests.browser.conftest import Visit
from tests.process import Process, serving

RATE = 100


@contextlib.contextmanager
def web_site(folder: Path) -> Iterator[str]:
    """A web site of somebody else; its address."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_behind_a_token_the_page_works_as_ever_and_says_when_it_was_asked_too_often(
    visit_to: Callable[..., Visit], portrait: bytes, tmp_path: Path, u2netp: Path
) -> None:
    token = make_token("shop", tmp_path / "tokens")
    with serving("--tokens", str(tmp_path / "tokens"), "--no-store", "--rate", str(RATE)) as process:
        visit = visit_to(process, http_credentials={"username": "anyone", "password": token})
        visit.done(portrait, "me.jpg")
        name, data = visit.download()
        assert name == "me_cutout.png" and data.startswith(b"\x89PNG")
        visit.models()
        visit.page.get_by_role("tab", name="Photo").click()
        assert visit.complaints == []
        with httpx.Client(base_url=process.address, headers={"Authorization": f"Bearer {token}"}) as program:
            while program.post("/api/remove-bg").status_code != 429:
                pass
        visit.choose(portrait + b" ", "again.jpg")
        expect(visit.page.locator("#notice")).to_contain_text(f"Too many requests: {RATE} a minute")
        visit.complaints.clear()  # the browser's own words about the answer


def frame_of(process: Process, folder: Path) -> None:
    """A page of somebody else that shows ours."""
    (folder / "index.html").write_text(f'<iframe src="{process.address}/" width="1200" height="700"></iframe>')


def test_a_page_of_somebody_else_does_not_show_this_one(visit: Visit, server: Process, tmp_path: Path) -> None:
    frame_of(server, tmp_path)
    with web_site(tmp_path) as site:
        with visit.page.expect_console_message(lambda said: "frame-ancestors" in said.text):
            visit.page.goto(site)
        expect(visit.page.frame_locator("iframe").locator("#input")).to_have_count(0)
    visit.elsewhere.clear()  # the other page itself
    visit.complaints.clear()


def test_a_page_that_was_named_shows_this_one_and_it_works_there(
    visit_to: Callable[..., Visit], portrait: bytes, tmp_path: Path, u2netp: Path
) -> None:
    with web_site(tmp_path) as site, serving("--embed", site) as process:
        frame_of(process, tmp_path)
        visit = visit_to(process)
        visit.page.goto(site)
        frame = visit.page.frame_locator("iframe")
        expect(frame.locator("html[data-ready]")).to_be_attached()
        frame.locator("#input input[type=file]").set_input_files([visit.file(portrait, "me.jpg")])
        expect(frame.locator("html[data-state=done]")).to_be_attached()
        visit.elsewhere.clear()
        visit.complaints.clear()
