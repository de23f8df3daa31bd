"""The server under load, with real worker processes: what crashes, hangs, is killed, slow or gone harms nobody else."""

import asyncio
import gc
import os
import signal
import socket
import sys
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from PIL import Image
from starlette.datastructures import Headers
from starlette.testclient import TestClient
from uvicorn.server import ServerState

from pipeline import ClearcutError, InputFiles, Options, Runtime, cut_out_bytes
from pipeline.pixels import image_io
from server import connections, cutter
from server.app import ServedApp
from server.connections import HastyProtocol
from server.cutter import Made, Task
from server.settings import ServerSettings
from server.work import Workers
from tests import held, house
from tests.chores import wait_until
from tests.held import Held
from tests.pictures import composite, encoded
from ui.photo_work import PhotoWork
from ui.results import Results
from ui.settings import PageSettings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are killed by signals")

PICTURE = encoded(composite(64, 48).rgb)
WHITE = Image.new("L", (8, 8), 255)
TRIMAP = encoded(np.repeat(np.uint8([[0, 128, 255, 128]]), 48, 0).repeat(16, 1))
MARKS = b'{"version": 1, "size": [64, 48], "strokes": []}'
LARGE = PICTURE + bytes(9_000_000)  # the same, in a file that looks like much work
SOON = 120  # seconds, for tests that would otherwise wait for ever


class Caller:
    """A client that stays, or has gone."""

    def __init__(self, client: str = "ann") -> None:
        self.scope, self.headers = {"client": (client, 1)}, Headers({})
        self.gone = False

    async def is_disconnected(self) -> bool:
        return self.gone


@pytest.fixture(scope="module")
def one(u2netp: Path) -> Iterator[Workers]:
    """A single worker, for which four may wait."""
    settings = ServerSettings.read(os.environ, workers=1, queue=4)
    workers = Workers(settings, Runtime(settings))
    yield workers
    workers.close()


@pytest.fixture
def busy(one: Workers, tmp_path: Path) -> Iterator[Held]:
    """What keeps the worker busy until it is let go."""
    holding = Held(tmp_path)
    order = one.enter("holder", make_task(place=holding))
    holding.until_begun()
    yield holding
    holding.let_go()
    order.answer.exception(SOON)


def make_task(photo: bytes = PICTURE, place: Any = None) -> Task:
    return Task(InputFiles(photo), Options(), place)


def code_of(answer: "Future[Made]") -> str:
    error = answer.exception(SOON)
    assert isinstance(error, ClearcutError), error
    return error.code


@contextmanager
def connect(address: tuple[str, int], number: int) -> Iterator[list[socket.socket]]:
    """So many connections, which take in little that is not read."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            each.connect(address)
        yield sockets


def note_order(orders: dict[str, "Future[Made]"]) -> list[str]:
    """Their names, as they are answered."""
    done: list[str] = []
    for name, answer in orders.items():
        answer.add_done_callback(lambda _, name=name: done.append(name))  # type: ignore[misc]
    return done


def test_a_small_picture_overtakes_large_ones_that_came_before_it(one: Workers, busy: Held) -> None:
    names = {"large": LARGE, "as large": LARGE, "small": PICTURE}
    orders = {name: one.enter("ann", make_task(data)).answer for name, data in names.items()}
    done = note_order(orders)
    busy.let_go()
    assert [answer.result(SOON).media_type for answer in orders.values()] == ["image/png"] * 3
    assert done == ["small", "large", "as large"]


def test_who_sends_one_picture_waits_for_one_of_those_who_send_many(one: Workers, busy: Held) -> None:
    orders = {f"ann {number}": one.enter("ann", make_task()).answer for number in range(3)}
    orders["ben"] = one.enter("ben", make_task()).answer
    done = note_order(orders)
    busy.let_go()
    assert [answer.exception(SOON) for answer in orders.values()] == [None] * 4
    assert done.index("ben") <= 1


def test_a_full_queue_turns_away_the_last_of_who_has_most_in_it(one: Workers, busy: Held) -> None:
    anns = [one.enter("ann", make_task()).answer for _ in range(4)]
    with pytest.raises(ClearcutError, match="busy"):
        one.enter("ann", make_task())
    ben = one.enter("ben", make_task()).answer
    assert code_of(anns[-1]) == "busy"
    busy.let_go()
    assert [each.exception(SOON) for each in (*anns[:-1], ben)] == [None] * 4


def test_a_full_queue_answers_429_with_retry_after_is_not_ready_and_shows_in_the_figures(
    client_for: Callable[..., TestClient], apps: Callable[..., ServedApp], tmp_path: Path
) -> None:
    how = {"queue": 0, "workers": 1, "metrics": True}
    client, served, holding = client_for(**how), apps(**how), Held(tmp_path)
    served.activity.is_warm = True
    assert client.get("/readyz").status_code == 200  # and the first request starts the worker
    order = served.workers.enter("holder", make_task(place=holding))
    holding.until_begun()
    for asked in (client.post("/api/remove-bg", files={"image": PICTURE}), client.get("/readyz")):
        assert asked.status_code == 429 and asked.json()["code"] == "busy"
        assert int(asked.headers["retry-after"]) >= 1
    figures = client.get("/metrics").text
    assert (
        'clearcut_tasks_running{work="requests"} 1.0' in figures and 'clearcut_workers{work="requests"} 1.0' in figures
    )
    assert 'clearcut_tasks_waiting{work="requests"} 0.0' in figures and 'clearcut_workers{work="videos"} 0.0' in figures
    holding.let_go()
    order.answer.result(SOON)
    assert client.get("/readyz").status_code == 200
    assert client.post("/api/remove-bg", files={"image": PICTURE}).status_code == 200


def test_no_picture_stays_in_memory_once_it_is_answered(one: Workers) -> None:
    gc.disable()  # which would come at last
    try:
        order = one.enter("ann", make_task())
        kept = weakref.ref(order)
        assert order.answer.result(SOON)
        del order
        assert wait_until(lambda: kept() is None)
    finally:
        gc.enable()


def test_who_leaves_the_queue_is_never_served(one: Workers, busy: Held, tmp_path: Path) -> None:
    caller, never = Caller(), Held(tmp_path / "never")
    never.folder.mkdir()

    async def ask() -> None:
        asked = asyncio.ensure_future(one.run(caller, make_task(place=never)))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        caller.gone = True
        with pytest.raises(ClearcutError, match="cancelled"):
            await asked

    asyncio.run(ask())
    assert len(one._queue) == 0
    busy.let_go()
    assert one.enter("ben", make_task()).answer.result(SOON)
    assert never.list_begun() == []


@pytest.mark.parametrize("how", ["the client leaves", "the server stops"])
def test_the_run_of_who_leaves_is_ended(one: Workers, tmp_path: Path, how: str) -> None:
    caller, holding = Caller(), Held(tmp_path)

    async def ask() -> int:
        asked = asyncio.ensure_future(one.run(caller, make_task(place=holding)))  # type: ignore[arg-type]
        pid = await asyncio.get_running_loop().run_in_executor(None, holding.until_begun)
        if how == "the client leaves":
            caller.gone = True
        else:
            asked.cancel()
        with pytest.raises((ClearcutError, asyncio.CancelledError)):
            await asked
        return pid

    pid = asyncio.run(ask())
    assert wait_until(lambda: pid not in one.pids)
    assert one.enter("ben", make_task()).answer.result(SOON)
    assert holding.list_begun() == [pid]  # it was not tried again


@pytest.mark.parametrize(("fault", "code"), [(held.crash, "worker_died"), (held.fail, "unexpected")])
def test_a_picture_that_ends_its_worker_is_answered_and_the_next_one_is_cut_out(
    one: Workers, fault: Any, code: str
) -> None:
    bad, good = (one.enter("ann", make_task(place=place)).answer for place in (fault, None))
    assert code_of(bad) == code
    assert good.result(SOON).media_type == "image/png"


def test_what_ends_its_worker_is_a_503_and_what_nobody_foresaw_a_500_without_a_trace(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for fault, status in ((held.crash, 503), (held.fail, 500)):
        with monkeypatch.context() as patched:
            patched.setattr("server.api.Task", lambda files, options, fault=fault: Task(files, options, fault))
            answer = client.post("/api/remove-bg", files={"image": PICTURE})
        assert answer.status_code == status
        assert "Traceback" not in answer.text and "/" not in answer.json()["sentence"]
        assert client.post("/api/remove-bg", files={"image": PICTURE}).status_code == 200


def test_a_request_that_takes_too_long_is_given_up_and_its_worker_replaced(u2netp: Path) -> None:
    settings = ServerSettings.read(os.environ, workers=1, request_seconds=1.0)
    workers = Workers(settings, Runtime(settings))
    try:
        workers.enter("ann", make_task()).answer.result(SOON)  # it has started
        with pytest.raises(ClearcutError) as late:
            asyncio.run(workers.run(Caller(), make_task(place=held.hang)))  # type: ignore[arg-type]
        assert late.value.status == 503 and late.value.facts == {"seconds": 1.0}
        assert workers.enter("ben", make_task()).answer.result(SOON).media_type == "image/png"
    finally:
        workers.close()


def test_what_crashes_a_decoder_is_refused_before_the_page_opens_it(
    one: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = PageSettings("u2netp", 10, 10, 4, 1, may_fetch=False)
    work = PhotoWork(page, house.runtime(), Results(house.runtime(), 60), one.check)
    for name, data in (("good", PICTURE), ("broken", PICTURE[:40]), ("bad", LARGE[:-1])):
        (tmp_path / name).write_bytes(data)
    assert work._read(tmp_path / "good") == PICTURE
    assert work._read(tmp_path / "broken")  # whoever opens it says what is wrong with it
    with monkeypatch.context() as patched:
        patched.setattr(one, "enter", lambda client, _, enter=one.enter: enter(client, make_task(place=held.crash)))
        with pytest.raises(ClearcutError, match="worker_died"):
            work._read(tmp_path / "bad")
        assert work._read(tmp_path / "good") == PICTURE  # as it was checked before


def test_a_picture_behind_and_a_trimap_are_decoded_by_a_worker_wherever_they_come_in(
    client_for: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, picture, files = client_for(workers=1), {"background_image": PICTURE}, {"trimap": TRIMAP, "marks": MARKS}
    clip = {"video": ("clip.gif", encoded(Image.new("L", (8, 8)), "GIF", save_all=True, append_images=[WHITE]))}
    monkeypatch.setattr(image_io, "decode", None)  # in this process: its workers have their own
    monkeypatch.setattr(Image, "open", None)
    begun = client.post("/api/batches", files={"images": ("a.png", PICTURE), **picture}, data={"key": "on"})
    video = client.post("/api/videos", files=clip | picture, data={"key": "on", "begin": "false"})
    batch, clip_path = f"/api/batches/{begun.json()['id']}", f"/api/videos/{video.json()['id']}"
    answers = [begun, video, client.patch(batch, files=picture), client.patch(clip_path, files=picture)]
    answers += [client.patch(f"{batch}/items/1", files=picture | files)]
    answers += [client.post("/api/remove-bg", files={"image": PICTURE, **picture, **files})]
    answers += [client.post("/v1.0/removebg", files={"image_file": PICTURE, "bg_image_file": PICTURE})]
    assert [each.status_code for each in answers] == [201, 201, 200, 200, 200, 200, 200], answers
    broken = client.patch(clip_path, files={"background_image": PICTURE[:60]})
    assert broken.status_code == 422 and broken.json()["facts"]["part"] == "background"
    assert [client.delete(each).status_code for each in (batch, clip_path)] == [204, 204]


def test_without_free_memory_a_request_is_refused_for_the_moment(client_for: Callable[..., TestClient]) -> None:
    answer = client_for(spare_mb=1e12).post("/api/remove-bg", files={"image": PICTURE})
    assert answer.status_code == 503 and answer.json()["code"] == "low_memory"
    assert int(answer.headers["retry-after"]) >= 1


def test_a_picture_that_would_need_the_last_memory_is_refused_before_it_is_decoded(
    u2netp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ServerSettings.read(os.environ)
    monkeypatch.setattr(cutter, "measure_free_mb", lambda: 500.0)
    huge = encoded(np.zeros((8000, 8000), np.uint8))
    with pytest.raises(ClearcutError, match="low_memory"):
        cutter.cut(make_task(huge), Runtime(settings), spare_mb=200.0)
    assert cutter.cut(make_task(), Runtime(settings), spare_mb=200.0).size == (64, 48)


def test_with_workers_killed_under_load_every_answer_is_right_or_a_503(
    client_for: Callable[..., TestClient], apps: Callable[..., ServedApp]
) -> None:
    known = {"workers": 2, "queue": 64}
    client, workers = client_for(**known), apps(**known).workers
    pictures = [encoded(composite(96, 64, seed=seed).rgb) for seed in range(24)]
    with ThreadPoolExecutor(8) as threads:
        answers = [threads.submit(client.post, "/api/remove-bg", files={"image": each}) for each in pictures]
        for number in (2, 8, 14):
            assert wait_until(lambda number=number: sum(each.done() for each in answers) >= number)  # type: ignore[misc]
            assert wait_until(lambda: bool(workers.pids))
            os.kill(workers.pids[0], signal.SIGKILL)
        got = [each.result(SOON) for each in answers]
    assert {answer.status_code for answer in got} <= {200, 503}
    right = [index for index, answer in enumerate(got) if answer.status_code == 200]
    assert len(right) >= 20
    assert all(got[index].content == cut_out_bytes(pictures[index]) for index in right)
    assert client.post("/api/remove-bg", files={"image": PICTURE}).status_code == 200


def test_a_client_that_sends_no_head_of_a_request_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    async def answer_late(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.6)
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    async def say(port: int, *parts: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for part in parts:
            writer.write(b"" if reader.at_eof() else part)
            await asyncio.sleep(0.1)
        try:
            return await asyncio.wait_for(reader.read(), SOON)
        except ConnectionError:  # something was sent after the end
            return b""
        finally:
            writer.close()

    async def serve() -> list[bytes]:
        config = uvicorn.Config(answer_late, lifespan="off", log_config=None)
        config.load()
        begin = asyncio.get_running_loop().create_server
        async with await begin(lambda: HastyProtocol(config, ServerState(), {}), "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await asyncio.gather(
                say(port), say(port, *(bytes([each]) for each in request[:8])), say(port, request)
            )

    silent, slow, quick = asyncio.run(serve())
    assert (silent, slow, quick[:12]) == (b"", b"", b"HTTP/1.1 204")


def test_clients_that_send_or_read_slowly_hold_no_worker(live: httpx.Client) -> None:
    noise = encoded(np.random.default_rng(0).integers(0, 256, (1400, 1400, 3), np.uint8))
    request = live.build_request("POST", "/api/remove-bg", files={"image": noise}, data={"background": "original"})
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    message = f"POST /api/remove-bg HTTP/1.1\r\n{head}\r\n".encode() + request.read()
    address = (live.base_url.host, live.base_url.port)
    with connect(address, 8) as sockets:
        for number, each in enumerate(sockets):
            each.sendall(message if number % 2 else message[: len(message) // 2])  # these read nothing, those stall
        for _ in range(3):
            assert live.post("/api/remove-bg", files={"image": PICTURE}).status_code == 200
        assert live.get("/healthz").status_code == 200
