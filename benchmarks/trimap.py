"""Trimap matting beside pymatting's: errors in the unknown part of trimaps that are made of the truth, and time."""

import argparse
import io
import statistics
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from time import process_time
from typing import NamedTuple

import cv2
import numpy as np

from pipeline.edges.given_trimap import solve_trimap
from pipeline.pixels.geometry import Size
from pipeline.pixels.measures import measure_error

from .edges import pictures
from .folders import pairs
from .machine import facts, into_docs, markdown

PIXELS = 1e6  # of a picture, which is made larger or smaller first
BAND = 10  # pixels on each side of the true edge that the trimap leaves unknown
SURE = 5, 250  # grey levels of the truth beyond which a pixel is no part of the edge
HEAD = ["folder", "photos", "SAD", "SAD of pymatting", "seconds", "seconds of pymatting", "times faster"]


class Figures(NamedTuple):
    """Sum of absolute differences in thousands, and processor seconds."""

    sad: float
    seconds: float


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """``python -m benchmarks trimap FOLDER…``."""
    parser = commands.add_parser("trimap", help="trimap matting beside pymatting's, on folders of images/ and masks/")
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--docs", action="store_true", help="also renew the table in docs/")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Measure, print, write."""
    for folder in given.folders:
        pairs(folder)  # complains before the work begins
    rows = [[folder.name, *_summarise(measure(folder))] for folder in given.folders]
    command = f"python -m benchmarks trimap {' '.join(folder.name for folder in given.folders)}"
    text = f"{markdown(HEAD, rows)}\n\n{facts([])}.\n`{command}`"
    print(text)
    if given.docs:
        into_docs("benchmarks trimap", text)


def measure(folder: Path) -> list[tuple[Figures, Figures]]:
    """The figures of each picture, ours and pymatting's."""
    both = []
    for _, rgb, truth in pictures(folder):
        scale = (PIXELS / truth.size) ** 0.5
        size = round(truth.shape[1] * scale), round(truth.shape[0] * scale)
        rgb, truth = (_resize(each, size) for each in (rgb, truth))
        trimap = make_trimap(truth)
        ours, theirs = (_time(way, trimap, rgb, truth) for way in (solve_trimap, _solve_by_pymatting))
        both.append((ours, theirs))
    return both


def make_trimap(truth: np.ndarray) -> np.ndarray:
    """The trimap of a true matte ``(H, W)`` uint8: 128 where a soft or an other pixel is within `BAND`."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * BAND + 1, 2 * BAND + 1))
    subject, background = (cv2.erode(mask.view(np.uint8), disc) for mask in (truth >= SURE[1], truth <= SURE[0]))
    return np.where(subject > 0, np.uint8(255), np.where(background > 0, np.uint8(0), np.uint8(128)))


def _resize(array: np.ndarray, size: Size) -> np.ndarray:
    return cv2.resize(array, size, interpolation=cv2.INTER_LINEAR if size[0] > array.shape[1] else cv2.INTER_AREA)


def _time(
    way: Callable[[np.ndarray, np.ndarray], np.ndarray], trimap: np.ndarray, rgb: np.ndarray, truth: np.ndarray
) -> Figures:
    start = process_time()
    alpha = way(trimap, rgb)
    seconds = process_time() - start
    unknown = trimap == 128
    error = measure_error(alpha[unknown] / np.float32(255), truth[unknown] / np.float32(255))
    return Figures(error * np.count_nonzero(unknown) / 1000, seconds)


def _solve_by_pymatting(trimap: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    try:
        from pymatting import estimate_alpha_cf
    except ImportError:
        raise SystemExit("this needs the package pymatting: pip install pymatting") from None
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        alpha = estimate_alpha_cf(rgb / 255, np.where(trimap == 128, 0.5, trimap / 255))
    return np.clip(alpha * 255 + 0.5, 0, 255).astype(np.uint8)


def _summarise(both: list[tuple[Figures, Figures]]) -> list[str]:
    """Mean errors, median seconds, and the median of how many times faster."""
    sads, seconds = ([[getattr(each, name) for each in pair] for pair in both] for name in Figures._fields)
    means, medians = np.mean(sads, axis=0), np.median(seconds, axis=0)
    faster = statistics.median(theirs / ours for ours, theirs in seconds)
    return [str(len(both)), *(f"{each:.2f}" for each in (*means, *medians)), f"{faster:.1f}"]
