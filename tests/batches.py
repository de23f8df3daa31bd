"""The command ``batch`` as a person runs it, in a process of its own, and what it leaves behind."""

import csv
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pipeline.batch.journal import FOLDER
from tests.pictures import composite, encoded

COMMAND = [sys.executable, "-m", "pipeline", "batch"]
PNG = encoded(composite(96, 72).rgb)


def put(number: int, folder: str = "in") -> None:
    """So many photos, no two alike."""
    Path(folder, "sub").mkdir(parents=True, exist_ok=True)
    for at in range(number):
        place = Path(folder, "sub" if at % 3 == 0 else ".", f"{at}.png")
        place.write_bytes(encoded(composite(96, 72, seed=at).rgb))


def run(*words: str, code: int = 0) -> str:
    """What the command says in a process of its own."""
    ended = subprocess.run([*COMMAND, *words], capture_output=True, text=True, encoding="utf-8", timeout=120)
    assert ended.returncode == code, ended.stderr
    assert ended.stdout == ""
    return ended.stderr


def cutouts(folder: str = "out") -> dict[str, bytes]:
    """All files that a batch has made, but its journal and its report."""
    files = (path for path in Path(folder).rglob("*") if path.is_file() and FOLDER not in path.parts)
    made = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    return {name: data for name, data in made.items() if not name.startswith("report.")}


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def table(folder: str = "out") -> dict[str, dict[str, str]]:
    with Path(folder, "report.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["photo"]: row for row in csv.DictReader(file)}
