"""Clearcut and rembg side by side: each in a process of its own, warm, a photo at a time."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from PIL import Image

from pipeline import default_runtime
from pipeline.registry import cards, catalog, weights

ROOT = Path(__file__).parent.parent
SHARED = {  # models of rembg's that run one of our weight files under the same name
    "u2netp",
    "u2net",
    "u2net_human_seg",
    "silueta",
    "isnet-general-use",
    "isnet-anime",
    *(f"birefnet-{name}" for name in ("general", "general-lite", "portrait", "dis", "hrsod", "cod", "massive")),
}
LAUNCHER = Path(__file__).with_name("launch.py")


class Spent(NamedTuple):
    """What a cut-out took: seconds, processor seconds of all cores together, most memory so far in MiB."""

    wall: float
    cpu: float
    peak_mb: float


class Contender:
    """One who cuts photos out with one model in a process of its own. Close it, or use it as a context.

    Parameters
    ----------
    who
        ``clearcut`` or ``rembg``.
    scratch
        A folder for its cut-outs.
    python
        The interpreter that has it; ours without.
    home
        Of rembg: the folder from `rembg_home`.
    """

    def __init__(
        self, who: str, model: str, scratch: Path, python: str | None = None, home: Path | None = None
    ) -> None:
        self._target = scratch / f"{who}-{model}.png"
        command = [python or sys.executable, "-m", "benchmarks.contender", who, model]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment(home), stdin=pipe, stdout=pipe, text=True, encoding="utf-8"
        )
        self.who = who
        self.engine: str = self._answer()

    def cut(self, photo: Path, **how: Any) -> Spent:
        """Cut `photo` out; what it took. `how`: see ``contender.py``."""
        assert self._process.stdin
        order = {"photo": str(photo.resolve()), "target": str(self._target), "how": how}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return Spent(*self._answer())

    @property
    def cutout(self) -> np.ndarray:
        """Its last cut-out, ``(H, W, 4)`` uint8."""
        with Image.open(self._target) as cutout:
            return np.asarray(cutout)

    @property
    def matte(self) -> np.ndarray:
        """Alpha of its last cut-out, ``(H, W)`` uint8."""
        return self.cutout[..., 3]

    def _answer(self) -> Any:
        assert self._process.stdout
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit("it gave no answer; its own words are above")
        return json.loads(answer)

    def close(self) -> None:
        """Let it go."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def rembg_home(folder: Path, models: list[str]) -> Path:
    """`folder` as rembg's own, holding our weight files of `models`: it takes what lies there as it is."""
    folder.mkdir(exist_ok=True)
    settings = default_runtime().settings
    for name in models:
        card = catalog.find_card(name, settings)
        if isinstance(card, cards.ModelCard):
            (folder / f"{name}.onnx").symlink_to(weights.find_checked(card, settings)[1].resolve())
    return folder


def environment(home: Path | None = None) -> Mapping[str, str]:
    """The environment of a contender; with `home`, of rembg."""
    quiet = {"ORT_DISABLE_TELEMETRY": "1", "PYTHONUTF8": "1"}
    rembgs = {"U2NET_HOME": str(home), "MODEL_CHECKSUM_DISABLED": "1"} if home else {}
    return {**os.environ, **quiet, **rembgs}


def run_cold(command: list[str], home: Path | None = None, watched: bool = False) -> Spent:
    """What a command takes from its start to its end; see ``launch.py``."""
    launch = [sys.executable, "-I", "-S", str(LAUNCHER), *["--watch"] * watched, *command]
    done = subprocess.run(launch, cwd=ROOT, env=environment(home), stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{command[:4]} failed; its own words are above")
    return Spent(*json.loads(done.stdout))


@contextmanager
def serving() -> Iterator[None]:
    """``clearcut serve``, ready for the command lines that are measured."""
    command = [sys.executable, "-m", "pipeline", "serve"]
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stderr=subprocess.PIPE) as process:
        assert process.stderr
        process.stderr.readline()
        try:
            yield
        finally:
            process.terminate()
