"""The command line, run as people do, and what it says."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from tests.pictures import composite, encoded

PNG = encoded(composite(160, 120).rgb)


class Ended(NamedTuple):
    code: int
    out: bytes
    err: str


def child(*arguments: str, python: tuple[str, ...] = (), **how: Any) -> Ended:
    """Run the command line as a process of its own."""
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "input": b"", "timeout": 60, **how}
    end = subprocess.run([sys.executable, *python, "-m", "pipeline", *arguments], **how)
    return Ended(end.returncode, end.stdout or b"", end.stderr.decode())


def sentence(err: str) -> str:
    """The one sentence that `err` consists of."""
    (line,) = err.splitlines()
    assert not re.search(r"Traceback|\w(Error|Exception|Exists)\b|[{}]|errno", line, re.IGNORECASE), line
    assert len(line.split()) > 3
    return line


def files() -> set[str]:
    """What lies in this folder and those in it."""
    return {str(path) for path in Path().rglob("*") if path.is_file() and path.suffix != ".lock"}
