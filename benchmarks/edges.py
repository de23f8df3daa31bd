"""How near mattes come to the truth along the edge, on a folder of ``images`` and ``masks`` with equal stems."""

import argparse
import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from pipeline import Photo, default_runtime
from pipeline.base.jobs import Job
from pipeline.edges.refine import refine_guided
from pipeline.edges.trimap import solve_matte
from pipeline.inference.predict import predict
from pipeline.pixels import image_io
from pipeline.pixels.resample import resize_matte

from .errors import BAND, errors
from .folders import pairs, truth
from .peers import Contender, rembg_home

TRIMAP_BAND = 1 / 80  # of the longer side
COLUMNS = ("MAE", "MSE", "gradient", "connectivity", "edge band")
REMBG = {"rembg": False, "rembg -a": True}  # with alpha matting?
Matte = Callable[[np.ndarray, np.ndarray], np.ndarray]

WAYS: dict[str, Matte] = {
    "plain": lambda alpha, rgb: alpha,
    "refine": refine_guided,
    "trimap matting": lambda alpha, rgb: solve_matte(alpha, rgb, TRIMAP_BAND * max(alpha.shape)),
}


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """``python -m benchmarks edges FOLDER``."""
    parser = commands.add_parser("edges", help="errors along the edge, on a folder of images/ and masks/")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="u2netp")
    parser.add_argument("--peers", metavar="PYTHON", help="an interpreter that has rembg: run it on the same files too")
    parser.set_defaults(run=measure)


def measure(given: argparse.Namespace) -> None:
    """Print the table."""
    rows: dict[str, list[list[float]]] = {}

    def note(title: str, alpha: np.ndarray, truth: np.ndarray, seconds: float) -> None:
        wrong = errors(alpha, truth)
        rows.setdefault(title, []).append([*(wrong[name] for name in COLUMNS), seconds])

    with TemporaryDirectory() as folder, ExitStack() as stack:
        peer = _rembg(given.peers, given.model, Path(folder), stack) if given.peers else None
        for path, rgb, truth in pictures(given.folder):
            start = perf_counter()
            predicted = predict(Photo(rgb), given.model, default_runtime(), Job(), cache=False).prediction
            network = perf_counter() - start
            for title, way in WAYS.items():
                start = perf_counter()
                alpha = way(resize_matte(predicted.matte, rgb.shape[1::-1]), rgb)
                note(title, alpha, truth, network + perf_counter() - start)
            for title, refined in REMBG.items():
                if peer:
                    seconds = peer.cut(path, pixels=True, refined=refined).wall
                    note(title, peer.matte, truth, seconds)
    print(
        f"{given.folder.name}, {given.model}, mean of {len(rows['plain'])} pictures, median seconds with the network;"
    )
    print(f"MAE, MSE and edge band (within {BAND} pixels of the soft edge) × 1000\n")
    print("| | " + " | ".join([*COLUMNS, "seconds"]) + " |\n" + "|---" * (len(COLUMNS) + 2) + "|")
    for title, row in rows.items():
        columns = list(zip(*row, strict=True))
        figures = [f"{statistics.mean(values):.1f}" for values in columns[:-1]]
        print(f"| {title} | " + " | ".join([*figures, f"{statistics.median(columns[-1]):.2f}"]) + " |")


def _rembg(python: str, model: str, folder: Path, stack: ExitStack) -> Contender:
    home = rembg_home(folder, [model])
    return stack.enter_context(Contender("rembg", model, folder, python, home))


def pictures(folder: Path) -> Iterator[tuple[Path, np.ndarray, np.ndarray]]:
    """Path, photo ``(H, W, 3)`` and true alpha ``(H, W)``, both uint8, of each picture in `folder`."""
    for path, mask in pairs(folder):
        yield path, image_io.decode(path.read_bytes()).rgb, truth(mask)
