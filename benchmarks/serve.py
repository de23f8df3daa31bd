"""``python -m benchmarks serve``: a server under load: pictures a second, waits, errors and memory."""

import argparse
import io
import itertools
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from socket import socket
from tempfile import TemporaryDirectory
from typing import NamedTuple

import httpx
from PIL import Image

from .launch import held
from .machine import facts, into_docs, markdown
from .peers import ROOT, environment, rembg_home
from .speed import SIZES, photo

SIDE = 64  # pixels over which windows on the photo differ, so that no picture comes twice
LOOK = 0.5  # seconds between looks at the memory
PATIENCE = 300  # seconds for an answer
OURS, THEIRS = "Clearcut", "rembg s"


class Load(NamedTuple):
    """What so many clients at once got.

    Attributes
    ----------
    clients
        Each sends its next picture when it has the answer to the last.
    rate
        Pictures a second.
    waits
        Seconds of each answer.
    errors
        How many answers were no cut-out.
    memory_mb
        The most MiB of all processes of the server together; what they share counts once.
    """

    clients: int
    rate: float
    waits: list[float]
    errors: int
    memory_mb: float


class Server(NamedTuple):
    """A server that runs: its process, where a picture is sent to, and in which field."""

    pid: int
    address: str
    field: str
    model: str

    def cut(self, client: httpx.Client, picture: bytes) -> bool:
        """Send a picture; whether a cut-out came back."""
        answer = client.post(self.address, files={self.field: picture}, data={"model": self.model})
        return answer.is_success and answer.content.startswith(b"\x89PNG")


Start = Callable[[], AbstractContextManager[Server]]


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """``python -m benchmarks serve``."""
    parser = commands.add_parser("serve", help="a server under load: pictures a second, waits, errors, memory")
    parser.add_argument("photo", nargs="?", type=Path, help="a photo, or a folder: its largest; default: an astronaut")
    parser.add_argument("--peers", metavar="PYTHON", help="an interpreter that has rembg: load `rembg s` in turn")
    parser.add_argument("--model", default="u2netp")
    parser.add_argument("--size", choices=SIZES, default="1 MP", help="of the pictures; default %(default)s")
    parser.add_argument("--clients", metavar="A,B", default="1,8,32", help="at once; default %(default)s")
    parser.add_argument("--pictures", type=int, default=96, help="of each load; default %(default)s")
    parser.add_argument("--runs", type=int, default=3, help="of each, in turn; the median counts; default %(default)s")
    parser.add_argument("--out", type=Path, metavar="DIR", help="also write serve.md there")
    parser.add_argument("--docs", action="store_true", help="also renew the table in docs/")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Measure, print, write."""
    clients = [int(each) for each in given.clients.split(",")]
    image = photo(given.photo)
    with TemporaryDirectory() as folder:
        starts: dict[str, Start] = {OURS: lambda: start_ours(given.model, most=max(clients))}
        if given.peers:
            home = rembg_home(Path(folder, "home"), [given.model])
            starts[THEIRS] = lambda: start_rembg(given.peers, given.model, home)
        measured: dict[str, list[list[Load]]] = {name: [] for name in starts}
        for number in range(given.runs):
            for name in starts:
                print(f"{name}, run {number + 1} of {given.runs} …", file=sys.stderr)
                pictures = draw_pictures(image, SIZES[given.size])
                with starts[name]() as server:
                    measured[name].append([put_load(server, each, given.pictures, pictures) for each in clients])
    text = f"{write_table(measured)}\n\n{write_source(given)}\n"
    print(text)
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / "serve.md").write_text(text, encoding="utf-8")
    if given.docs:
        into_docs("benchmarks serve", text)


def draw_pictures(image: Image.Image, size: tuple[int, int]) -> Iterator[bytes]:
    """JPEGs of `size`, each another window on `image`."""
    width, height = size
    whole = image.convert("RGB").resize((width + SIDE, height + SIDE), Image.Resampling.LANCZOS)
    for top, left in itertools.product(range(SIDE), repeat=2):
        file = io.BytesIO()
        whole.crop((left, top, left + width, top + height)).save(file, "JPEG", quality=92)
        yield file.getvalue()


def put_load(server: Server, clients: int, number: int, pictures: Iterator[bytes]) -> Load:
    """Have so many clients send `number` pictures, after some that do not count."""
    warm, coming = list(itertools.islice(pictures, clients)), list(itertools.islice(pictures, number))
    waits: list[float] = []
    errors: list[bool] = []

    def send(client: httpx.Client, picture: bytes) -> None:
        start = time.perf_counter()
        errors.append(not server.cut(client, picture))
        waits.append(time.perf_counter() - start)

    limits = httpx.Limits(max_connections=clients)
    with httpx.Client(timeout=PATIENCE, limits=limits) as client, ThreadPoolExecutor(clients) as threads:
        list(threads.map(lambda picture: send(client, picture), warm))
        waits.clear()
        with watch_memory(server.pid) as seen:
            start = time.perf_counter()
            list(threads.map(lambda picture: send(client, picture), coming))
            seconds = time.perf_counter() - start
    return Load(clients, number / seconds, waits, sum(errors), max(seen))


@contextmanager
def watch_memory(pid: int) -> Iterator[list[float]]:
    """MiB of a process and all that it started, every now and then while inside and once at its end."""
    seen: list[float] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK):
            seen.append(held(pid) / 2**10)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
        seen.append(held(pid) / 2**10)
    finally:
        over.set()
        thread.join()


@contextmanager
def start_ours(model: str, most: int, root: Path = ROOT) -> Iterator[Server]:
    """Our server with an empty cache folder, in which as many may wait as there are clients."""
    port = find_port()
    with TemporaryDirectory() as folder:
        flags = ["--no-open", "--port", str(port), "--model", model, "--queue", str(most), "--cache-dir", folder]
        with start([sys.executable, "webui.py", *flags], port, root, path="readyz") as pid:
            yield Server(pid, f"http://127.0.0.1:{port}/api/remove-bg", "image", model)


@contextmanager
def start_rembg(python: str, model: str, home: Path) -> Iterator[Server]:
    """rembg's server, as it is by default."""
    port = find_port()
    command = [str(Path(python).with_name("rembg")), "s", "-h", "127.0.0.1", "-p", str(port), "-l", "error"]
    with start(command, port, ROOT, home) as pid:
        yield Server(pid, f"http://127.0.0.1:{port}/api/remove", "file", model)


@contextmanager
def start(command: list[str], port: int, folder: Path, home: Path | None = None, path: str = "") -> Iterator[int]:
    """The number of a process that serves at `port`, once it answers at `path`."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=folder, env=environment(home), stdout=quiet, stderr=quiet)
    try:
        while not is_answered(port, path):
            if process.poll() is not None:
                raise SystemExit(f"{command[:3]} did not start")
            time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def is_answered(port: int, path: str) -> bool:
    """Whether a server answers there; that of our page would begin to load its model."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/{path}", timeout=PATIENCE).is_success
    except httpx.HTTPError:
        return False


def find_port() -> int:
    """A port that is free."""
    with socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def write_table(measured: dict[str, list[list[Load]]]) -> str:
    """A Markdown table: of each load the median of the runs, with all errors and the most memory."""
    head = ["", "clients", "pictures a second", "p50, s", "p95, s", "p99, s", "errors", "MiB"]
    rows = []
    for name, runs in measured.items():
        for loads in zip(*runs, strict=True):
            waits = [wait for load in loads for wait in load.waits]
            quantiles = statistics.quantiles(waits, n=100, method="inclusive")
            figures = [statistics.median(load.rate for load in loads), *(quantiles[at - 1] for at in (50, 95, 99))]
            errors, memory = sum(load.errors for load in loads), max(load.memory_mb for load in loads)
            row = [name, str(loads[0].clients), *(f"{each:.2f}" for each in figures), str(errors), f"{memory:.0f}"]
            rows.append(row)
    return markdown(head, rows)


def write_source(given: argparse.Namespace) -> str:
    """Where and how it was measured."""
    named = f" {given.photo.name}" if given.photo else ""
    peers = " --peers PYTHON" if given.peers else ""
    what = f"{given.pictures} pictures of {given.size} for each load, {given.model}, {given.runs} runs in turn"
    return f"{facts([])}.\n`python -m benchmarks serve{named}{peers}`: {what}; no page is open."
