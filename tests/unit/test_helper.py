"""The helper process, which loads the network for the command line: whatever becomes of it, the cut-out is the same."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tomli_w

from pipeline.base.settings import ROOT
from tests.command_line import child, sentence
from tests.pictures import composite, encoded

PNG = encoded(composite(160, 120).rgb)
ECHO = """
import os, sys
def serve(received):
    print("printed", flush=True)
    print("complained", file=sys.stderr, flush=True)
    yield os.getpid()
    for thing in received:
        yield 1 / thing
"""
BUSY = """
import os, time
def serve(received):
    yield os.getpid()
    time.sleep(600)
"""
ASLEEP = """
import ctypes, os
def serve(received):
    yield os.getpid()
    ctypes.PyDLL(None).sleep(600)  # in C, with Python's lock, until a signal comes
"""
DEEP = """
import collections, itertools, os
def serve(received):
    yield os.getpid()
    collections.deque(itertools.repeat(0), maxlen=0)  # in C, with Python's lock, for ever: no handler gets a turn
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only where processes are forked")


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, u2netp: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(ROOT), str(tmp_path))))
    Path("photo.png").write_bytes(PNG)
    Path("echo.py").write_text(ECHO, encoding="utf-8")
    Path("busy.py").write_text(BUSY, encoding="utf-8")
    Path("asleep.py").write_text(ASLEEP, encoding="utf-8")
    Path("deep.py").write_text(DEEP, encoding="utf-8")


AHEAD = "pipeline.inference.running.ahead"
BEGIN = "import os, signal, sys, time\nfrom pipeline.inference.helper import Helper\n"


def ran(code: str, *python: str) -> "subprocess.CompletedProcess[bytes]":
    """A fresh process without any thread, as the command line is at its start."""
    return subprocess.run([sys.executable, *python, "-c", BEGIN + code], capture_output=True, timeout=60)


def lines(code: str) -> list[str]:
    done = ran(code)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode().splitlines()


def test_it_answers_in_order_and_writes_nothing() -> None:
    code = "h = Helper('echo')\nprint(h.receive() == h.pid)\nfor n in 1, 2: h.send(n)\nprint(h.receive(), h.receive())"
    assert lines(code) == ["True", "1.0 0.5"]


@pytest.mark.parametrize(
    "last", ["h.stop()", "h.send(0)", "os.kill(h.pid, signal.SIGKILL)", "os.kill(h.pid, signal.SIGTERM)"]
)
def test_once_it_has_ended_there_is_no_answer_and_sending_harms_nobody(last: str) -> None:
    code = f"h = Helper('echo')\nh.receive()\n{last}\nos.waitpid(h.pid, 0)\n"
    assert lines(code + "h.send(bytes(10**6))\nprint(h.receive())") == ["None"]


def test_a_module_that_cannot_be_imported_is_no_answer() -> None:
    assert lines("h = Helper('no_such_module')\nh.send(1)\nprint(h.receive())") == ["None"]


def runs(process: int) -> bool:
    """Whether there is such a process, and it has not ended."""
    try:
        facts = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):  # the latter where it went while it was read
        return False
    return facts.rpartition(")")[2].split()[0] not in ("Z", "X")


@pytest.mark.parametrize("end", ["", "os.kill(os.getpid(), signal.SIGKILL)", "h.stop(); time.sleep(60)"])
@pytest.mark.parametrize("module", ["echo", "busy", "asleep", "deep"])
def test_it_ends_with_its_object_and_with_the_process_that_it_helps(module: str, end: str) -> None:
    """At once, though what it is deep in would take ten minutes, or for ever."""
    code = f"{BEGIN}h = Helper({module!r})\nhelper = h.receive()\ntime.sleep(0.2)\nprint(helper, flush=True)\n{end}"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout
        helper = int(process.stdout.readline())
        last = time.monotonic() + 30
        try:
            while runs(helper):
                assert time.monotonic() < last
                time.sleep(0.01)
        finally:
            process.kill()
            if runs(helper):
                os.kill(helper, signal.SIGKILL)


@cache
def plain(photo: bytes) -> bytes:
    """The cut-out as a process without a helper makes it."""
    code = "from pipeline import cut_out_bytes, prepare_process\nprepare_process()\nphoto = sys.stdin.buffer.read()\n"
    code += "sys.stdout.buffer.write(cut_out_bytes(photo, cache=False))"
    done = subprocess.run([sys.executable, "-c", BEGIN + code], input=photo, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


CUT = """
from pipeline import Settings
from pipeline.commands import command_line
from pipeline.inference import engines, sessions
from pipeline.registry.catalog import find_card
helper = Helper({module!r})
card, settings = find_card("u2netp", Settings()), Settings.read(os.environ)
ordered = engines.order_network(card, engines.choose_plan(card, "exact", settings), settings)
run = sessions.RemoteSession.run
def counted(*arguments):
    made = run(*arguments)
    print("ran")
    {after}
    return made
sessions.RemoteSession.run = counted
{before}
print(command_line.main(["cut", "photo.png", "other.png", "-o", "out/", "--no-cache", "--model=u2netp"], helper))
"""


@pytest.mark.parametrize(
    ("module", "before", "after", "runs"),
    [
        (AHEAD, "", "", 2),
        (AHEAD, "os.kill(helper.pid, signal.SIGKILL)", "", 0),
        (AHEAD, "", "os.kill(helper.pid, signal.SIGKILL)", 2),
        (AHEAD, "helper.send(ordered._replace(threads=1))", "", 0),
        (AHEAD, "helper.send(ordered._replace(file=ordered.file._replace(checksum='0' * 64)))", "", 0),
        (AHEAD, "helper.send('nothing that it knows')", "", 0),
        ("no_such_module", "", "", 0),
    ],
    ids=[
        "well",
        "killed before",
        "killed between",
        "told of other threads",
        "told of another file",
        "told a word",
        "never there",
    ],
)
def test_whatever_becomes_of_it_the_cut_outs_are_the_same(module: str, before: str, after: str, runs: int) -> None:
    Path("other.png").write_bytes(encoded(composite(120, 160, seed=1).rgb))
    done = ran(CUT.format(module=module, before=before, after=after))
    assert done.stdout.decode().splitlines() == [*["ran"] * runs, "0"], done.stderr
    for name in ("photo", "other"):
        assert Path(f"out/{name}_cutout.png").read_bytes() == plain(Path(f"{name}.png").read_bytes())


@pytest.mark.parametrize("flag", ["--force", "--own-alpha=keep"], ids=["from the cache", "without a network"])
def test_a_helper_that_was_not_needed_is_let_go(flag: str) -> None:
    Path("photo.png").write_bytes(encoded(np.dstack((composite(160, 120).rgb, composite(160, 120).alpha))))
    assert child("cut", "photo.png").code == 0
    code = f"""from pipeline.commands import command_line
helper = Helper({AHEAD!r})
code = command_line.main(["cut", "photo.png", "--force", "{flag}"], helper)
print(code, os.waitpid(helper.pid, 0)[0] == helper.pid)"""
    assert ran(code).stdout == b"0 True\n"


def test_the_command_line_has_its_network_loaded_and_run_beside_it() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "pipeline", "cut", "photo.png", "--no-cache"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert done.returncode == 0 and "numpy" in imported
    assert not imported & {"MNN", "openvino", "onnxruntime"} or len(os.sched_getaffinity(0)) == 1
    assert Path("photo_cutout.png").read_bytes() == plain(PNG)


@pytest.mark.parametrize("core", [1, 2])
def test_weights_that_are_no_network_are_told_of_in_one_sentence(core: int, empty_models: Path) -> None:
    row = {"kind": "u2net", "license": "MIT", "license_url": "", "homepage": "", "commercial_use": "yes", "why": "own"}
    content = b"no network"
    variant = {"file": "own.onnx", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (empty_models / "own.onnx").write_bytes(content)
    rows = {"own": {**row, "good_for": ["own"], "memory_mb": 1.0, "variants": [variant]}}
    (empty_models / "local.toml").write_text(tomli_w.dumps(rows), encoding="utf-8")
    cores = sorted(os.sched_getaffinity(0))[:core]
    end = child("cut", "photo.png", "--model=own", preexec_fn=lambda: os.sched_setaffinity(0, cores))
    assert end.code == 3 and "own.onnx" in sentence(end.err)
