"""Quantisation: a network in 8-bit integers made on the user's machine, kept if it is as accurate there, and faster.

It is calibrated with drawn pictures or the user's own, judged on others with ground truth, and used for the precision
``fast``. Layers that do not bear rounding are looked for first, and stay in 32 bits.
"""

import json
import subprocess
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
from ..base.process import make_command
from ..base.settings import Settings
from ..inference import engines
from ..inference.engines import Plan
from ..inference.networks import find_family
from ..inference.running import optimised_networks
from ..inference.runtime import Runtime
from ..inference.sessions import Session
from ..pixels import image_io
from ..pixels.measures import measure_error, measure_iou
from ..registry import weights
from ..registry.cards import ModelCard
from ..registry.kept_layers import KeptLayers
from .sensitivity import Sensitivity, measure_sensitivity
from .trial import draw_test_picture

PICTURES = 24  # drawn ones
MOST = 64  # pictures of the user's own
LONG_SIDE = 2048  # pixels to which those are made smaller
WORSE = 0.005  # loss of mean IoU and MAE that is accepted
FASTER = 0.9  # of the time before, at most: a smaller gain is not worth different edges
ROUNDS = 5  # of measuring time
MINUTES = 60
QUANTISER = "pipeline.manage.quantiser"


class Sample(NamedTuple):
    """A photo ``(H, W, 3)`` uint8, and its ground truth ``(H, W)`` uint8, which is empty where it is unknown."""

    rgb: np.ndarray
    truth: np.ndarray = np.empty(0, np.uint8)


class Figures(NamedTuple):
    """Mean IoU and MAE of a network, and its median seconds."""

    iou: float
    mae: float
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """The result of `optimise`.

    Attributes
    ----------
    kept
        Whether the 8-bit network is used from now on.
    engine, before
        What ran the network until now, and its figures.
    other, after
        The same for the 8-bit network.
    sensitivity
        The layers that stay in 32 bits in it, for what rounding them would cost.
    """

    kept: bool
    engine: str
    other: str
    before: Figures
    after: Figures
    sensitivity: Sensitivity

    @property
    def is_as_good(self) -> bool:
        """Whether the 8-bit network loses no more than `WORSE`."""
        return self.after.iou >= self.before.iou - WORSE and self.after.mae <= self.before.mae + WORSE


def optimise(
    card: ModelCard, runtime: Runtime, folder: Path | None = None, tell: Callable[[str], None] = lambda step: None
) -> Outcome:
    """Make an 8-bit network for `card`, and keep it if it is as accurate and faster.

    Parameters
    ----------
    folder
        A folder of photos, or with ``images`` and ``masks`` of equal stems; drawn pictures without.
    tell
        Called with the code of each step: ``looking``, ``quantising``, ``judging``.

    Raises
    ------
    ClearcutError
        ``needs_package``, ``not_optimisable``, ``model_missing``, ``wrong_checksum``, ``folder_empty``,
        ``optimise_failed``, ``disk_full``.
    """
    settings, store = runtime.settings, runtime.settings.store
    _require_optimisable(card, settings)
    variant, path = weights.find_checked(card, settings)
    checksum = weights.read_checksum(variant, path)
    calibrate, judge = _choose_samples(folder)
    tell("looking")
    sensitivity = measure_sensitivity(card, path, [each.rgb for each in calibrate], settings)
    known = (card.arithmetic and card.arithmetic.keep_f32) or KeptLayers()
    kept_f32 = KeptLayers(layers=tuple(sorted({*sensitivity.losses, *known.layers})), side=known.side)
    tell("quantising")
    with tempfile.TemporaryDirectory() as scratch:
        _quantise(card, path, calibrate, judge, kept_f32, Path(scratch))
        graph, constants = ((Path(scratch) / f"made.{kind}").read_bytes() for kind in ("xml", "bin"))
    optimised_networks.delete(path, store)
    runtime.forget()  # predictions of an earlier 8-bit network differ from those of this one
    runtime.pool.drop(card.name)
    usual = engines.choose_plan(card, "fast", settings)
    tell("judging")
    kept = False
    try:
        if not optimised_networks.keep_network(path, graph, constants, store):
            raise ClearcutError("disk_full")
        plans = usual, Plan("openvino", "int8", "optimised")
        sessions = [Session(card, variant, path, plan, settings) for plan in plans]
        before, after = _measure(card, sessions, judge)
        outcome = Outcome(False, sessions[0].engine, sessions[1].engine, before, after, sensitivity)
        runs = sessions[1].plan.arithmetic == "int8"
        if runs and outcome.is_as_good and after.seconds <= FASTER * before.seconds:
            figures = {"before": before._asdict(), "after": after._asdict(), "sensitivity": sensitivity._asdict()}
            kept = optimised_networks.keep_record(path, checksum, store, **figures, keep_f32=kept_f32._asdict())
            if not kept:
                raise ClearcutError("disk_full")
    finally:
        if not kept:
            optimised_networks.delete(path, store)
    return replace(outcome, kept=kept)


def _require_optimisable(card: ModelCard, settings: Settings) -> None:
    """Raise ``needs_package`` or ``not_optimisable``."""
    for package, has in (("openvino", engines.ENGINES["openvino"].is_here()), ("nncf", find_spec("nncf") is not None)):
        if not has:
            raise ClearcutError("needs_package", package=package)
    usual = engines.choose_plan(card, "fast", settings)
    interface = card.family, card.feed.resize, card.feed.layout, card.read.activation
    if interface != ("saliency", "stretch", "nchw", "none") or usual.why in ("asked", "missing", "gpu"):
        raise ClearcutError("not_optimisable", model=card.name)


def _choose_samples(folder: Path | None) -> tuple[list[Sample], list[Sample]]:
    """Samples to calibrate with, and others with ground truth to judge by; drawn ones where the folder has none."""
    pictures = draw_pictures(PICTURES) if folder is None else read_pictures(folder)
    calibrate, judge = pictures[::2], [each for each in pictures[1::2] if each.truth.size]
    return (calibrate, judge) if judge else (pictures, draw_pictures(PICTURES))


def draw_pictures(number: int) -> list[Sample]:
    """Samples with exact ground truth: a drawn figure, moved, turned and tinted, before soft backgrounds."""
    random = np.random.default_rng(0)
    picture, figure = draw_test_picture()
    side = len(picture)
    mask = cv2.GaussianBlur(figure.astype(np.uint8) * 255, (0, 0), 1)
    samples = []
    for _ in range(number):
        scale, angle = random.uniform(0.45, 1.1), random.uniform(-20, 20)
        move = cv2.getRotationMatrix2D((side / 2, side / 2), angle, scale)
        move[:, 2] += random.uniform(-0.15, 0.15, 2) * side
        backdrop = cv2.resize(random.integers(20, 236, (*random.integers(2, 9, 2), 3), np.uint8), (side, side),
                            interpolation=cv2.INTER_CUBIC)  # fmt: skip
        backdrop = np.clip(backdrop + random.normal(0, random.uniform(1, 12), backdrop.shape), 0, 255)
        matte = cv2.warpAffine(mask, move, (side, side))
        tint = random.uniform(0.6, 1.3, 3)
        subject = np.clip(cv2.warpAffine(picture, move, (side, side), borderMode=cv2.BORDER_REFLECT) * tint, 0, 255)
        opacity = matte[..., None] / 255
        samples.append(Sample((subject * opacity + backdrop * (1 - opacity)).astype(np.uint8), matte))
    return samples


def read_pictures(folder: Path) -> list[Sample]:
    """Samples from `folder`: its photos, or ``images`` with ``masks``; files that cannot be read are left out."""
    images = folder / "images" if (folder / "images").is_dir() else folder
    masks = {file.stem: file for file in (folder / "masks").glob("*")}
    samples = []
    for file in sorted(images.iterdir()) if images.is_dir() else ():
        try:
            photo = image_io.decode(file.read_bytes(), file.name)
            mask = image_io.decode(masks[file.stem].read_bytes()) if file.stem in masks else None
        except (ClearcutError, OSError):
            continue
        rgb = photo.shrink_to(LONG_SIDE).rgb
        fits = mask is not None and mask.size == photo.size
        samples.append(Sample(rgb, mask.shrink_to(LONG_SIDE).rgb[..., 0].copy()) if mask and fits else Sample(rgb))
        if len(samples) == MOST:
            break
    if not samples:
        raise ClearcutError("folder_empty", name=folder.name)
    return samples


def _quantise(
    card: ModelCard, path: Path, calibrate: list[Sample], judge: list[Sample], kept_f32: KeptLayers, scratch: Path
) -> None:
    """Quantise the network at `path`, but for the layers `kept_f32`, in a child process.

    It is written into `scratch`: ``made.xml`` and ``made.bin``.
    """
    family = find_family(card)
    (output,) = card.read.outputs
    for number, picture in enumerate(calibrate):
        np.save(scratch / f"calibrate-{number:03}.npy", np.asarray(family.feed(picture.rgb, card).inputs))
    for number, picture in enumerate(judge):
        fed = np.asarray(family.feed(picture.rgb, card).inputs)
        truth = cv2.resize(picture.truth, fed.shape[:1:-1], interpolation=cv2.INTER_AREA) > 127
        np.save(scratch / f"judge-{number:03}.npy", fed)
        np.save(scratch / f"truth-{number:03}.npy", truth[None, None])
    facts = json.dumps(output), str(scratch), str(WORSE), json.dumps(kept_f32._asdict())
    command = make_command(QUANTISER, str(path.resolve()), *facts)
    try:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60 * MINUTES)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        last = (error.stderr or b"").decode(errors="replace").strip().splitlines()[-1:]
        raise ClearcutError("optimise_failed", model=card.name, detail="".join(last)[:200]) from None


def _measure(card: ModelCard, sessions: list[Session], judge: list[Sample]) -> list[Figures]:
    """The figures of each of `sessions`, which run the same pictures alternately."""
    family = find_family(card)
    seconds: list[list[float]] = [[] for _ in sessions]
    errors: list[list[tuple[float, float]]] = [[] for _ in sessions]
    for number, picture in enumerate(judge * max(1, -(-ROUNDS // len(judge)))):
        fed = family.feed(picture.rgb, card)
        for at, session in enumerate(sessions):
            start = perf_counter()
            results = session.run(fed.inputs, Job())
            seconds[at].append(perf_counter() - start)
            if number < len(judge):
                errors[at].append(_measure_errors(family.read(results, card, fed).matte, picture.truth))
    means = [np.mean(each, axis=0) for each in errors]
    return [Figures(float(iou), float(mae), median(took)) for (iou, mae), took in zip(means, seconds, strict=True)]


def _measure_errors(matte: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """IoU and MAE of a matte, float32 in [0, 1], at the size of `truth`, uint8."""
    expected = truth / np.float32(255)
    resized = cv2.resize(matte, truth.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return measure_iou(resized > 0.5, expected > 0.5), measure_error(resized, expected)
