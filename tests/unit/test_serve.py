"""``clearcut serve``: whoever is served by the resident process gets the same as without it."""

import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.resident import locate_socket
from tests.command_line import PNG, Ended, child, files

pytestmark = [
    pytest.mark.usefixtures("photo_desk"),
    pytest.mark.skipif(os.name != "posix", reason="there are no Unix sockets"),
]
COMMAND = [sys.executable, "-m", "pipeline"]


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for the socket, whose name is short enough for one; the socket."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        path = locate_socket()
        assert path
        yield path


@pytest.fixture
def resident(place: Path) -> Iterator["subprocess.Popen[str]"]:
    """A resident process that is ready."""
    with subprocess.Popen([*COMMAND, "serve", "--idle", "2m"], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr and "Ready" in process.stderr.readline()
        yield process
        process.kill()


def wait_for(path: Path, there: bool = True) -> None:
    last = time.monotonic() + 60
    while path.exists() != there:
        assert time.monotonic() < last
        time.sleep(0.01)


def run(words: str, **how: Any) -> tuple[Ended, bool]:
    """What a command did, and whether the resident process has done it: a process without numpy cannot."""
    end = child(*words.split(), python=("-X", "importtime"), **how)
    said = "".join(line for line in end.err.splitlines(keepends=True) if not line.startswith("import time:"))
    has_numpy = re.search(r"\| +numpy$", end.err, re.MULTILINE)
    return end._replace(err=re.sub(r"\d+\.\d\d s", "", said)), not has_numpy


COMMANDS = [  # with the language of the terminal, and the exit code
    ("cut -", "C.UTF-8", 0),
    ("cut photo.png --force", "zh_CN.UTF-8", 0),
    ("cut photo.png", "C.UTF-8", 2),
    ("cut missing.png", "zh_CN.UTF-8", 2),
    ("cut photo.png --crop=perhaps", "C.UTF-8", 2),
    ("cut photo.png --nosuch", "zh_CN.UTF-8", 2),
    ("cut photo.png -o - --feather 2 --no-cache", "C.UTF-8", 0),
]


def test_it_makes_and_says_the_same_and_is_its_own_users_alone(resident: "subprocess.Popen[str]", place: Path) -> None:
    assert [stat.S_IMODE(each.stat().st_mode) for each in (place, place.parent)] == [0o600, 0o700]
    Path("there").mkdir()
    Path("there/photo.png").write_bytes(PNG)
    for words, language, code in COMMANDS:
        environ = {**os.environ, "LC_ALL": "", "LANG": language}
        wait_for(place)
        through, by_resident = run(words, input=PNG, cwd="there", env=environ)
        alone, _ = run(words, input=PNG, cwd="there", env={**environ, "XDG_RUNTIME_DIR": "/nowhere"})
        assert by_resident and through == alone and alone.code == code, words
    assert files() == {"photo.png", "there/photo.png", "there/photo_cutout.png"}


def test_what_does_not_fit_and_what_comes_after_it_the_command_does_itself(
    resident: "subprocess.Popen[str]", place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = "cut photo.png --force"
    assert not run(again, env={**os.environ, "OMP_NUM_THREADS": "1"})[1]
    wait_for(place)
    with subprocess.Popen([*COMMAND, "cut", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as waiting:
        wait_for(place, there=False)  # it is at work
        assert not run(again)[1]
        waiting.send_signal(signal.SIGINT)
        assert waiting.wait(20) == 130
    wait_for(place)
    assert run(again)[1], "what nobody waits for any more was given up"
    resident.kill()
    resident.wait()
    end, by_resident = run(again)
    assert (end.code, by_resident) == (0, False)
