"""Whatever waits for a place to run, the server goes on answering; what was overtaken has expired."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import anyio.to_thread
import httpx
import pytest

from pipeline import ClearcutError, Draft, Job, Options, Runtime
from server.app import ResultFile
from tests import house
from tests.gate import Gate
from tests.pictures import composite, encoded
from tests.process import serving
from ui.desk import Desk
from ui.photo_work import PhotoWork
from ui.results import Kept, Results
from ui.settings import PageSettings

WAITING = 45  # more than the threads that the server's framework has
PICTURE = encoded(composite(64, 48).rgb)


def test_with_45_posts_waiting_the_page_its_files_and_health_answer(u2netp: Path, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    with serving("--queue", "60", gate=gate) as process, ThreadPoolExecutor(WAITING) as threads:

        def post(_: int) -> int:
            answer = httpx.post(f"{process.address}/api/remove-bg", files={"image": PICTURE}, timeout=120)
            return answer.status_code

        with gate.shut("u2netp"):
            posts = [threads.submit(post, number) for number in range(WAITING)]
            gate.until_jobs(WAITING)
            for path in ("healthz", "", "app/app.css", "api/models", "examples/bag"):
                assert httpx.get(f"{process.address}/{path}", timeout=60).status_code == 200, path
            assert not any(each.done() for each in posts)
        assert [each.result() for each in posts] == [200] * WAITING


def test_following_work_on_the_page_holds_no_thread_of_the_server() -> None:
    opened = Event()

    async def follow(desk: Desk, visitor: str) -> list[str]:
        def make(work: object) -> dict[str, str]:
            assert opened.wait(60)
            return {"state": "done"}

        return [message["state"] async for message in desk.run(visitor, {"photo": visitor}, make)]

    async def run() -> None:
        desk = Desk(WAITING, places=1)
        following = [asyncio.ensure_future(follow(desk, str(number))) for number in range(WAITING)]
        await asyncio.sleep(0.3)
        assert anyio.to_thread.current_default_thread_limiter().borrowed_tokens == 0
        assert await anyio.to_thread.run_sync(lambda: "answered") == "answered"
        opened.set()
        for states in await asyncio.gather(*following):
            assert states[-1] == "done"

    asyncio.run(run())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "photo.png"
    file.write_bytes(PICTURE)
    return file


def _keep(results: Results, source: Path) -> Kept:
    view = Draft("photo.png", 800, house.runtime()).cut_out(source.read_bytes(), Options(own_alpha="keep"))
    return results.keep("visitor", source, "photo.png", Options(own_alpha="keep"), view)


def test_a_download_that_newer_results_overtake_while_it_is_made_has_expired(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, u2netp: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    results = Results(house.runtime(), 60)
    kept = _keep(results, source)

    def forget_meanwhile(*args: object, **named: object) -> object:
        results.forget("visitor")
        return made(*args, **named)

    from ui import results as room

    made = room.cut_out_file
    monkeypatch.setattr(room, "cut_out_file", forget_meanwhile)
    with pytest.raises(ClearcutError, match="expired"):
        kept.make(kept.download, house.runtime(), Job())


def test_a_file_that_goes_before_it_is_sent_has_expired(tmp_path: Path) -> None:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: object) -> None:
        pytest.fail("nothing is to be sent")

    scope = {"type": "http", "method": "GET", "headers": [], "path": "/results/key/after.png"}
    with pytest.raises(ClearcutError, match="expired"):
        asyncio.run(ResultFile(tmp_path / "after.png")(scope, receive, send))


def test_a_fault_in_sending_a_file_that_is_there_is_no_expiry(tmp_path: Path) -> None:
    (tmp_path / "after.png").write_bytes(b"picture")

    async def receive() -> None:
        await asyncio.Event().wait()  # the caller stays

    async def send(message: object) -> None:
        raise RuntimeError("the connection broke")

    scope = {"type": "http", "method": "GET", "headers": [], "path": "/results/key/after.png"}
    with pytest.raises(RuntimeError, match="the connection broke"):
        asyncio.run(ResultFile(tmp_path / "after.png")(scope, receive, send))


def test_fetching_a_model_keeps_nobody_elses_photo_from_being_cut_out() -> None:
    arrived = Event()

    def fetch(work: object) -> None:
        assert arrived.wait(60)

    async def follow(desk: Desk, visitor: str, **how: Any) -> list[str]:
        def make(work: object) -> dict[str, str]:
            return {"state": "done"}

        return [message["state"] async for message in desk.run(visitor, {"photo": visitor}, make, **how)]

    async def run() -> None:
        desk = Desk(0, places=1)
        fetching = [asyncio.ensure_future(follow(desk, str(number), fetch=fetch)) for number in range(12)]
        await asyncio.sleep(0.2)
        assert (await follow(desk, "another"))[-1] == "done"
        assert not any(each.done() for each in fetching)
        arrived.set()
        assert all(states[-1] == "done" for states in await asyncio.gather(*fetching))

    asyncio.run(run())


def test_forgetting_every_picture_forgets_what_the_page_has_at_hand(source: Path, tmp_path: Path) -> None:
    runtime = Runtime(house.settings())
    work = PhotoWork(PageSettings("u2netp", 10, 10, 1, 1, True), runtime, Results(runtime, 60))
    work._draft(source.read_bytes(), "photo.png")
    assert work._drafts
    runtime.forget()
    assert not work._drafts
