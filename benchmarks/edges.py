"""How near mattes come to the truth along the edge, on a folder of ``images`` and ``masks`` with equal stems.

Errors as on alphamatting.com (Rhemann et al., A Perceptually Motivated Online Benchmark for Image Matting, 2009), but
over the whole picture, for a background remover is given no trimap.
"""

import argparse
import json
import statistics
import subprocess
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import cv2
import numpy as np
from PIL import Image

from pipeline import Photo, edges, image_io, mattes
from pipeline.jobs import Job
from pipeline.matting import trimap_matting
from pipeline.resample import matte_to_photo

BAND = 10  # pixels around what is soft in the truth that count as the edge
TRIMAP_BAND = 1 / 80  # of the longer side
COLUMNS = ("MAE", "MSE", "gradient", "connectivity", "edge band", "seconds")
Matte = Callable[[np.ndarray, np.ndarray], np.ndarray]

WAYS: dict[str, Matte] = {
    "plain": lambda alpha, rgb: alpha,
    "refine": edges.refine,
    "trimap matting": lambda alpha, rgb: trimap_matting(alpha, rgb, TRIMAP_BAND * max(alpha.shape)),
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
    with TemporaryDirectory() as scratch:
        peer = _Rembg(given.peers, given.model, Path(scratch)) if given.peers else None
        for path, rgb, truth in pictures(given.folder):
            start = perf_counter()
            predicted = mattes.predict(Photo(rgb), given.model, Job(), cache=False).prediction
            network = perf_counter() - start
            for title, way in WAYS.items():
                start = perf_counter()
                alpha = way(matte_to_photo(predicted.matte, rgb.shape[1::-1]), rgb)
                rows.setdefault(title, []).append([*errors(alpha, truth), network + perf_counter() - start])
            for title, alpha, seconds in peer.mattes(path) if peer else ():
                rows.setdefault(title, []).append([*errors(alpha, truth), seconds])
        if peer:
            peer.close()
    print(
        f"{given.folder.name}, {given.model}, mean of {len(rows['plain'])} pictures, median seconds with the network;"
    )
    print(f"MAE, MSE and edge band (within {BAND} pixels of the soft edge) × 1000\n")
    print("| | " + " | ".join(COLUMNS) + " |\n" + "|---" * (len(COLUMNS) + 1) + "|")
    for title, row in rows.items():
        columns = list(zip(*row, strict=True))
        figures = [f"{statistics.mean(values):.1f}" for values in columns[:-1]]
        print(f"| {title} | " + " | ".join([*figures, f"{statistics.median(columns[-1]):.2f}"]) + " |")


def pictures(folder: Path) -> Iterator[tuple[Path, np.ndarray, np.ndarray]]:
    """Path, photo ``(H, W, 3)`` and true alpha ``(H, W)``, both uint8, of each picture in `folder`."""
    masks = {path.stem: path for path in (folder / "masks").iterdir()}
    for path in sorted((folder / "images").iterdir()):
        truth = np.asarray(Image.open(masks[path.stem]).convert("L"))
        yield path, image_io.decode(path.read_bytes()).rgb, truth


def errors(alpha: np.ndarray, truth: np.ndarray) -> list[float]:
    """MAE, MSE, gradient, connectivity and edge band error of `alpha` against `truth`, both ``(H, W)`` uint8."""
    found, wanted = alpha / np.float32(255), truth / np.float32(255)
    off = np.abs(found - wanted)
    near = edge_band(truth)
    band = float(off[near].mean()) if near.any() else 0.0
    return [
        1000 * float(off.mean()),
        1000 * float((off * off).mean()),
        gradient_error(found, wanted),
        connectivity_error(found, wanted),
        1000 * band,
    ]


def edge_band(truth: np.ndarray) -> np.ndarray:
    """Where the truth is soft, or changes, within `BAND` pixels: ``(H, W)`` bool."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * BAND + 1, 2 * BAND + 1))
    some, full = ((truth > limit).astype(np.uint8) for limit in (5, 249))
    return (cv2.dilate(some, disc) > 0) & (cv2.erode(full, disc) == 0)


def gradient_error(found: np.ndarray, wanted: np.ndarray, sigma: float = 1.4) -> float:
    """Sum of squared differences of the gradients' lengths (derivatives of a Gaussian), in thousands."""
    reach = np.arange(-int(np.ceil(3 * sigma)) - 1, int(np.ceil(3 * sigma)) + 2)
    bell = np.exp(-(reach**2) / (2 * sigma**2))
    slope = reach * bell
    bell, slope = bell / np.linalg.norm(bell), slope / np.linalg.norm(slope)

    def length(alpha: np.ndarray) -> np.ndarray:
        across, down = (cv2.sepFilter2D(alpha, cv2.CV_32F, *pair) for pair in ((slope, bell), (bell, slope)))
        return np.hypot(across, down)

    return float(((length(found) - length(wanted)) ** 2).sum()) / 1000


def connectivity_error(found: np.ndarray, wanted: np.ndarray, step: float = 0.1, least: float = 0.15) -> float:
    """Sum of differences in how far each pixel hangs together with the solid source region, in thousands."""
    reached = np.full(found.shape, -1.0, np.float32)
    thresholds = np.arange(0, 1 + step / 2, step)
    for below, threshold in pairwise(thresholds):
        both = ((found >= threshold) & (wanted >= threshold)).astype(np.uint8)
        _, labels, facts, _ = cv2.connectedComponentsWithStats(both, connectivity=4)
        source = labels == 1 + facts[1:, cv2.CC_STAT_AREA].argmax() if len(facts) > 1 else np.zeros_like(both, bool)
        reached[(reached < 0) & ~source] = below
    reached[reached < 0] = 1

    def connected(alpha: np.ndarray) -> np.ndarray:
        apart = alpha - reached
        return 1 - np.where(apart >= least, apart, 0)

    return float(np.abs(connected(found) - connected(wanted)).sum()) / 1000


class _Rembg:
    """rembg in an interpreter of its own, without and with alpha matting, warm, a picture at a time."""

    SCRIPT = """
import json, sys, time
from PIL import Image
from rembg import new_session, remove
model, folder = sys.argv[1:]
session = new_session(model)
remove(Image.new("RGB", (64, 64)), session=session)
say, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    image = Image.open(line.strip()).convert("RGB")
    for number, matting in enumerate((False, True)):
        start = time.perf_counter()
        cut = remove(image, session=session, alpha_matting=matting)
        seconds = time.perf_counter() - start
        cut.getchannel("A").save(f"{folder}/{number}.png")
        print(json.dumps(seconds), file=say, flush=True)
"""
    TITLES = ("rembg", "rembg -a")

    def __init__(self, python: str, model: str, scratch: Path) -> None:
        self._scratch = scratch
        command = [python, "-c", self.SCRIPT, model, str(scratch)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def mattes(self, path: Path) -> Iterator[tuple[str, np.ndarray, float]]:
        """Title, matte and seconds of each way that it has."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{path.resolve()}\n")
        self._process.stdin.flush()
        answers = [self._process.stdout.readline() for _ in self.TITLES]
        for number, (title, answer) in enumerate(zip(self.TITLES, answers, strict=True)):
            if not answer:
                raise SystemExit("rembg did not answer; its own words are above")
            yield title, np.asarray(Image.open(self._scratch / f"{number}.png")), json.loads(answer)

    def close(self) -> None:
        """Let it go."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
