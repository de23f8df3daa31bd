"""``webui.py`` as a process of its own on a free port: started afresh, or forked from one that has all it imports."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO

from tests.gate import Gate

ROOT = Path(__file__).parent.parent
FLAGS = ("--port", "0", "--no-open")
FORKS = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")
FORKS.set_forkserver_preload(["server.app", "uvicorn", "tests.process"])  # seconds of imports, once a test worker


class Process:
    """``webui.py`` running for real on a free port."""

    def __init__(self, pid: int, address: str, said: list[str], output: IO[str]) -> None:
        self.pid, self.address, self.said, self.output = pid, address, said, output
        self.stopping = False
        self.code: int | None = None  # once it has ended


@contextmanager
def serving(*flags: str, gate: Gate | None = None, **environment: str) -> Iterator[Process]:
    """Serve in a process that need not import anything first, wait for the address, stop as a service manager would."""
    reader, writer = FORKS.Pipe(duplex=False)
    given = (*FLAGS, *flags), _environment(environment), writer, gate
    child = FORKS.Process(target=_main, args=given, daemon=True)
    child.start()
    writer.close()
    with reader, os.fdopen(os.dup(reader.fileno()), encoding="utf-8", errors="replace") as output:
        yield from _followed(child.pid or 0, output, lambda: _ended(child))


@contextmanager
def started(*flags: str, **environment: str) -> Iterator[Process]:
    """``serving``, by ``python webui.py``: for what the start itself is asked."""
    command = [sys.executable, "webui.py", *FLAGS, *flags]
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    popen = subprocess.Popen(command, cwd=ROOT, env=_environment(environment), **how)
    assert popen.stdout
    yield from _followed(popen.pid, popen.stdout, lambda: popen.wait(20))


def _environment(more: dict[str, str]) -> dict[str, str]:
    return {**os.environ, "LANG": "C.UTF-8", **more}


def _main(flags: tuple[str, ...], environment: dict[str, str], output: Connection, gate: Gate | None) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    output.close()
    if gate:
        gate.guard()
    sys.argv = ["webui.py", *flags]
    import webui

    sys.exit(webui.main())


def _ended(child: multiprocessing.process.BaseProcess) -> int | None:
    child.join(20)
    return child.exitcode


def _followed(pid: int, output: IO[str], ended: Callable[[], int | None]) -> Iterator[Process]:
    said: list[str] = []
    process = None
    try:
        for line in output:
            said.append(line.rstrip())
            if found := re.search(r"http://\S+", line):
                process = Process(pid, found.group(), said, output)
                yield process
                break
        else:
            raise AssertionError(f"it did not start: {said}")
    finally:
        if process:
            process.stopping = True
        with suppress(ProcessLookupError):  # a test may have killed it
            os.kill(pid, signal.SIGTERM)
        said.extend(output.read().splitlines())
        code = ended()
        if process:
            process.code = code
