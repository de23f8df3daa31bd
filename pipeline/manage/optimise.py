"""A network in 8-bit integers, made on the user's machine: kept where it is as good there, and faster.

It runs where ``fast`` is asked for. It is calibrated with drawn pictures or the user's own, and judged on others, of
which the truth is known.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

import cv2
import numpy as np

from ..base.errors import ClearcutError
from ..base.jobs import Job
from ..base.settings import ROOT
from ..inference import engines
from ..inference.engines import Plan, optimised
from ..inference.networks import find_family
from ..inference.runtime import Runtime
from ..inference.sessions import Session
from ..pixels import image_io
from ..pixels.measures import measure_error, measure_iou
from ..registry import weights
from ..registry.catalog import ModelCard
from .trial import draw_test_picture

PICTURES = 24  # that are drawn
MOST = 64  # of the user's own
LONG_SIDE = 2048  # pixels to which they are made smaller
WORSE = 0.005  # how much of IoU and MAE the integers may cost on the mean
FASTER = 0.9  # of the time that it took before: less is not worth other edges
ROUNDS = 5
MINUTES = 60
QUANTISER = "pipeline.manage.quantiser"


class Sample(NamedTuple):
    """A photo ``(H, W, 3)`` uint8, and its matte ``(H, W)`` uint8; of no size where that is not known."""

    rgb: np.ndarray
    truth: np.ndarray = np.empty(0, np.uint8)


class Figures(NamedTuple):
    """How good a network was on the mean, and how many seconds it took on the median."""

    iou: float
    mae: float
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What came of it: `kept` if `after`, by `other`, is as good as `before`, by `engine`, and faster."""

    kept: bool
    engine: str
    other: str
    before: Figures
    after: Figures

    @property
    def is_as_good(self) -> bool:
        """Whether the integers cost no more than `WORSE`."""
        return self.after.iou >= self.before.iou - WORSE and self.after.mae <= self.before.mae + WORSE


def optimise(
    card: ModelCard, runtime: Runtime, folder: Path | None = None, tell: Callable[[str], None] = lambda step: None
) -> Outcome:
    """Try 8-bit integers for `card`, and keep them if they are worth it.

    Parameters
    ----------
    folder
        Photos, or ``images`` and ``masks`` with equal stems; drawn pictures without.
    tell
        Told of each step by its code, ``quantising`` and ``judging``.

    Raises
    ------
    ClearcutError
        ``needs_package``, ``not_optimisable``, ``model_missing``, ``wrong_checksum``, ``folder_empty``,
        ``optimise_failed``, ``disk_full``.
    """
    settings, store = runtime.settings, runtime.settings.store
    for package, has in (("openvino", engines.ENGINES["openvino"].is_here()), ("nncf", find_spec("nncf") is not None)):
        if not has:
            raise ClearcutError("needs_package", package=package)
    usual = engines.choose_plan(card, "fast", settings)
    shape = card.family, card.feed.resize, card.feed.layout, card.read.activation
    if shape != ("saliency", "stretch", "nchw", "none") or usual.why in ("asked", "missing", "gpu"):
        raise ClearcutError("not_optimisable", model=card.name)
    variant, path = weights.find_checked(card, settings)
    checksum = weights.read_checksum(variant, path)
    pictures = draw_pictures(PICTURES) if folder is None else read_pictures(folder)
    calibrate, judge = pictures[::2], [each for each in pictures[1::2] if each.truth.size]
    if not judge:
        calibrate, judge = pictures, draw_pictures(PICTURES)
    tell("quantising")
    with tempfile.TemporaryDirectory() as scratch:
        _quantise(card, path, calibrate, judge, Path(scratch))
        graph, constants = ((Path(scratch) / f"made.{kind}").read_bytes() for kind in ("xml", "bin"))
    optimised.delete(path, store)
    runtime.forget()  # what the integers of before said is not what these say
    runtime.pool.drop(card.name)
    usual = engines.choose_plan(card, "fast", settings)
    tell("judging")
    kept = False
    try:
        if not optimised.keep_network(path, graph, constants, store):
            raise ClearcutError("disk_full")
        plans = usual, Plan("openvino", "int8", "optimised")
        sessions = [Session(card, variant, path, plan, settings) for plan in plans]
        before, after = _measure(card, sessions, judge)
        outcome = Outcome(False, sessions[0].engine, sessions[1].engine, before, after)
        runs = sessions[1].plan.arithmetic == "int8"
        if runs and outcome.is_as_good and after.seconds <= FASTER * before.seconds:
            kept = optimised.keep_record(path, checksum, store, before=before._asdict(), after=after._asdict())
            if not kept:
                raise ClearcutError("disk_full")
    finally:
        if not kept:
            optimised.delete(path, store)
    return replace(outcome, kept=kept)


def draw_pictures(number: int) -> list[Sample]:
    """Pictures with exact truth: a drawn figure, moved, turned and tinted, before soft backgrounds."""
    random = np.random.default_rng(0)
    picture, figure = draw_test_picture()
    side = len(picture)
    mask = cv2.GaussianBlur(figure.astype(np.uint8) * 255, (0, 0), 1)
    made = []
    for _ in range(number):
        scale, angle = random.uniform(0.45, 1.1), random.uniform(-20, 20)
        move = cv2.getRotationMatrix2D((side / 2, side / 2), angle, scale)
        move[:, 2] += random.uniform(-0.15, 0.15, 2) * side
        behind = cv2.resize(random.integers(20, 236, (*random.integers(2, 9, 2), 3), np.uint8), (side, side),
                            interpolation=cv2.INTER_CUBIC)  # fmt: skip
        behind = np.clip(behind + random.normal(0, random.uniform(1, 12), behind.shape), 0, 255)
        matte = cv2.warpAffine(mask, move, (side, side))
        tint = random.uniform(0.6, 1.3, 3)
        subject = np.clip(cv2.warpAffine(picture, move, (side, side), borderMode=cv2.BORDER_REFLECT) * tint, 0, 255)
        opacity = matte[..., None] / 255
        made.append(Sample((subject * opacity + behind * (1 - opacity)).astype(np.uint8), matte))
    return made


def read_pictures(folder: Path) -> list[Sample]:
    """Photos in `folder`, or in its ``images`` with what is in ``masks``; those that cannot be read are left out."""
    images = folder / "images" if (folder / "images").is_dir() else folder
    masks = {file.stem: file for file in (folder / "masks").glob("*")}
    found = []
    for file in sorted(images.iterdir()) if images.is_dir() else ():
        try:
            photo = image_io.decode(file.read_bytes(), file.name)
            mask = image_io.decode(masks[file.stem].read_bytes()) if file.stem in masks else None
        except (ClearcutError, OSError):
            continue
        rgb = photo.shrink_to(LONG_SIDE).rgb
        fits = mask is not None and mask.size == photo.size
        found.append(Sample(rgb, mask.shrink_to(LONG_SIDE).rgb[..., 0].copy()) if mask and fits else Sample(rgb))
        if len(found) == MOST:
            break
    if not found:
        raise ClearcutError("folder_empty", name=folder.name)
    return found


def _quantise(card: ModelCard, path: Path, calibrate: list[Sample], judge: list[Sample], scratch: Path) -> None:
    """Have the network in the file at `path` quantised: ``made.xml`` and ``made.bin`` in `scratch`."""
    kind = find_family(card)
    (output,) = card.read.outputs
    for number, picture in enumerate(calibrate):
        np.save(scratch / f"calibrate-{number:03}.npy", np.asarray(kind.feed(picture.rgb, card).inputs))
    for number, picture in enumerate(judge):
        fed = np.asarray(kind.feed(picture.rgb, card).inputs)
        truth = cv2.resize(picture.truth, fed.shape[:1:-1], interpolation=cv2.INTER_AREA) > 127
        np.save(scratch / f"judge-{number:03}.npy", fed)
        np.save(scratch / f"truth-{number:03}.npy", truth[None, None])
    command = [sys.executable, "-m", QUANTISER, str(path.resolve()), json.dumps(output), str(scratch), str(WORSE)]
    try:
        subprocess.run(
            command, check=True, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, timeout=60 * MINUTES
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        last = (error.stderr or b"").decode(errors="replace").strip().splitlines()[-1:]
        raise ClearcutError("optimise_failed", model=card.name, detail="".join(last)[:200]) from None


def _measure(card: ModelCard, sessions: list[Session], judge: list[Sample]) -> list[Figures]:
    """The figures of each of `sessions`, in turn on the same pictures."""
    kind = find_family(card)
    seconds: list[list[float]] = [[] for _ in sessions]
    errors: list[list[tuple[float, float]]] = [[] for _ in sessions]
    for number, picture in enumerate(judge * max(1, -(-ROUNDS // len(judge)))):
        fed = kind.feed(picture.rgb, card)
        for at, session in enumerate(sessions):
            start = perf_counter()
            results = session.run(fed.inputs, Job())
            seconds[at].append(perf_counter() - start)
            if number < len(judge):
                errors[at].append(_measure_errors(kind.read(results, card, fed).matte, picture.truth))
    means = [np.mean(each, axis=0) for each in errors]
    return [Figures(float(iou), float(mae), median(took)) for (iou, mae), took in zip(means, seconds, strict=True)]


def _measure_errors(matte: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    wanted = truth / np.float32(255)
    found = cv2.resize(matte, truth.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return measure_iou(found > 0.5, wanted > 0.5), measure_error(found, wanted)
