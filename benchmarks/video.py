"""How good and how steady mattes of a clip are, made frame by frame and in time; how fast beside network and rembg."""

import argparse
import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import cv2
import numpy as np

from pipeline import Job, Options, Photo, Runtime, default_runtime
from pipeline.inference.looks import FRAME
from pipeline.inference.predict import PredictionResult
from pipeline.pixels.measures import measure_iou
from pipeline.stages import find_subject
from pipeline.video.finishing import Finisher
from pipeline.video.overlap import run_ahead
from pipeline.video.predictor import ClipPredictor, smooth_prediction
from pipeline.video.reader import Reader
from pipeline.video.smoothing import MatteSmoother

from .peers import Spent, rembg_home, run_cold

HALF = 127  # alpha above which a pixel is the subject
HD = 1920, 1080
RUNS = 3  # of each program


def add_command(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add ``video``."""
    video = commands.add_parser(
        "video", help="a clip with its truth: IoU and flicker, with and without smoothing; speed"
    )
    video.add_argument("folder", type=Path, help="holds one clip, and a folder masks with a PNG for each frame")
    video.add_argument("--model", default="u2netp")
    video.add_argument("--frames", type=int, default=20, help="frames of which the speed at 1920 x 1080 is measured")
    video.add_argument("--peers", metavar="PYTHON", help="an interpreter that has rembg: `rembg b` on the same clip")
    video.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Print the tables."""
    runtime, options = default_runtime(), Options(model=given.model)
    clip = next(path for path in sorted(given.folder.iterdir()) if path.suffix in (".mp4", ".webm", ".mov", ".mkv"))
    truths = [
        np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
        for path in sorted((given.folder / "masks").glob("*.png"))
    ]
    frames = [frame.load() for frame in Reader(clip).read()]
    found = [find_subject(photo, options, runtime, Job(), cache=False, effort=FRAME) for photo in frames]
    print("| | IoU | flicker |\n|---|--:|--:|")
    for title, smooth in (("each frame for itself", False), ("made steady", True)):
        alphas = list(_make_alphas(frames, found, options, runtime, smooth))
        iou = float(
            np.mean([measure_iou(alpha > HALF, truth > HALF) for alpha, truth in zip(alphas, truths, strict=True)])
        )
        print(f"| {title} | {iou:.3f} | {100 * measure_flicker(alphas, truths):.1f} % |")
    _time(frames[: given.frames], options, runtime)
    if given.peers:
        _race(clip, frames, given.model, given.peers)


def _make_alphas(
    frames: list[Photo], found: list[PredictionResult], options: Options, runtime: Runtime, smooth: bool
) -> Iterator[np.ndarray]:
    smoother, finisher = MatteSmoother(), Finisher(options, runtime, Job())
    for photo, result in zip(frames, found, strict=True):
        steady = smooth_prediction(result, photo, smoother) if smooth else result
        yield finisher.finish(photo, steady).alpha


def measure_flicker(alphas: list[np.ndarray], truths: list[np.ndarray]) -> float:
    """How much alpha changes from frame to frame where the truth does not, on average: 0 to 1."""
    changes = [
        np.abs(after.astype(np.float32) - before)[truth_after == truth_before].mean() / 255
        for (before, after), (truth_before, truth_after) in zip(pairwise(alphas), pairwise(truths), strict=True)
    ]
    return float(np.mean(changes))


def _time(frames: list[Photo], options: Options, runtime: Runtime) -> None:
    """Frames a second at 1920 x 1080: of the network alone, and of network and edges, which overlap."""
    large = [replace(photo, rgb=cv2.resize(photo.rgb, HD, interpolation=cv2.INTER_CUBIC)) for photo in frames]
    find_subject(large[0], options, runtime, Job(), cache=False, effort=FRAME)  # loads the network
    start = perf_counter()
    for photo in large:
        find_subject(photo, options, runtime, Job(), cache=False, effort=FRAME)
    alone = perf_counter() - start
    predictor, finisher = ClipPredictor(options, runtime, Job()), Finisher(options, runtime, Job())
    start = perf_counter()
    for photo, result in run_ahead((photo, predictor.predict(photo)) for photo in large):
        finisher.finish(photo, result)
    whole = perf_counter() - start
    print(f"\n1920 × 1080: the network alone {len(large) / alone:.1f} frames a second, all {len(large) / whole:.1f}")


def _race(clip: Path, frames: list[Photo], model: str, python: str) -> None:
    """The clip from file to file, beside `rembg b`, which gets its frames as raw ones: the best of `RUNS`, in turn."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "frames").write_bytes(b"".join(photo.rgb.tobytes() for photo in frames))
        (folder / "made").mkdir()
        width, height = frames[0].size
        rembg = shlex.quote(str(Path(python).with_name("rembg")))
        piped = f"cat frames | {rembg} b {width} {height} -m {model} -o made/%d.png | cat"  # it takes pipes only
        theirs = ["sh", "-c", f"cd {shlex.quote(name)} && {piped}"]
        ours = [sys.executable, "-m", "pipeline", "video", str(clip.resolve()), "--model", model, "--force", "-o"]
        works = {"rembg b, PNG": theirs, "PNG": [*ours, f"{name}/png"], "WebM": [*ours, f"{name}/clip.webm"]}
        works["PNG"] += ["--format", "png"]
        home, spent = rembg_home(folder / "home", [model]), dict[str, list[Spent]]()
        for _ in range(RUNS):
            for title, command in works.items():
                spent.setdefault(title, []).append(run_cold(command, home if title.startswith("rembg") else None))
        if len(list((folder / "made").iterdir())) != len(frames):
            raise SystemExit("rembg made another number of frames")
    print(f"\n| {len(frames)} frames, {width} × {height} | seconds | of the processor |\n|---|--:|--:|")
    for title, each in spent.items():
        print(f"| {title} | {min(one.wall for one in each):.1f} | {min(one.cpu for one in each):.1f} |")
