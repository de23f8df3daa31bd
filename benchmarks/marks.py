"""How much a few strokes mend: a simulated person looks at the truth and draws where the matte is most wrong."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from pipeline import Inputs, Marks, Options, Photo, default_runtime
from pipeline.base.jobs import Job
from pipeline.edges.brush import cover_pixels
from pipeline.edges.marks import Stroke
from pipeline.memo import Clock, Memo
from pipeline.pixels.measures import measure_error, measure_iou
from pipeline.stages import run_stages

from .edges import pictures
from .folders import pairs
from .machine import facts, into_docs, markdown

BRUSH = 0.03  # of a photo's width: how thick the strokes are
AFTER = (0, 5, 10)  # strokes after which is measured
ANGLES = 16  # in which a straight stroke is tried
STAYS = 0.6  # of the deepest place of an error: how deep inside it the stroke stays, unless the brush fits anyway
SMALLEST = 9  # pixels of an error that is seen
SOFT = 25, 230  # grey levels between which the truth is soft
MUCH, SEEN = 0.25, 0.05  # share of soft pixels from which a place is hair, and mean error from which that is seen
WIDEST = 4  # times the usual brush, with which hair is drawn over
TURN, MOST_STEPS = 0.8, 60  # radians that a winding stroke turns at most at a step of a brush's radius; such steps
WAYS = {"smart": False, "exact": True}


class Figures(NamedTuple):
    """IoU at one half, and MAE × 1000."""

    iou: float
    error: float


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """``python -m benchmarks marks FOLDER…``."""
    parser = commands.add_parser("marks", help="what five and ten strokes mend, on folders of images/ and masks/")
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--model", default="automatic")
    parser.add_argument("--docs", action="store_true", help="also renew the table in docs/")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Measure, print, write."""
    for folder in given.folders:
        pairs(folder)  # complains before the work begins
    measured = {folder.name: measure(folder, given.model) for folder in given.folders}
    pooled = {title: [each for ways in measured.values() for each in ways[title]] for title in WAYS}
    rows = [
        [name, str(len(ways[title])), title, *_write_means(ways[title])]
        for name, ways in ({**measured, "all": pooled} if len(measured) > 1 else measured).items()
        for title in WAYS
    ]
    head = ["folder", "photos", "strokes", *(f"after {count}" if count else "before" for count in AFTER)]
    model = default_runtime().resolve_model(given.model)
    command = f"python -m benchmarks marks {' '.join(measured)}"
    text = f"{markdown(head, rows)}\n\n{facts([model])}.\n`{command}`"
    print(text)
    if given.docs:
        into_docs("benchmarks marks", text)


def measure(folder: Path, model: str) -> dict[str, list[list[Figures]]]:
    """By way and photo, the figures after each number of strokes in `AFTER`."""
    ways: dict[str, list[list[Figures]]] = {title: [] for title in WAYS}
    for _, rgb, truth in pictures(folder):
        for title, exact in WAYS.items():
            mattes = list(draw_strokes(Photo(rgb), truth, model, exact, max(AFTER)))
            ways[title].append([_compare(mattes[min(count, len(mattes) - 1)], truth) for count in AFTER])
    return ways


def draw_strokes(photo: Photo, truth: np.ndarray, model: str, exact: bool, most: int) -> Iterator[np.ndarray]:
    """The mattes before the first stroke and after each, as long as an error is seen; at most `most` strokes.

    A stroke that makes the matte worse is undone; it counts, and nothing is drawn at its place in the same way again.
    """
    options, memo, strokes = Options(model=model, decontaminate=False), Memo(), list[Stroke]()
    tried = {kind: np.zeros(truth.shape, bool) for kind in ("keep", "erase", "unsure")}
    best: np.ndarray | None = None
    for _ in range(most + 1):
        marks = Marks(version=1, size=photo.size, strokes=tuple(strokes))
        inputs = Inputs(photo, marks=marks)
        alpha = run_stages(inputs, options, default_runtime(), Job(), Clock(), memo=memo).alpha
        if best is not None and _compare(alpha, truth).error > _compare(best, truth).error:
            strokes.pop()
        else:
            best = alpha
        yield best
        stroke = choose_stroke(best, truth, exact, tried)
        if stroke is None:
            return
        strokes.append(stroke)
        tried[stroke.kind] |= cover_pixels(np.array(stroke.points), truth.shape, stroke.radius, 0) > 0.5


def choose_stroke(alpha: np.ndarray, truth: np.ndarray, exact: bool, tried: dict[str, np.ndarray]) -> Stroke | None:
    """A stroke through the part of a matte that is most wrong; None where nothing is seen to be wrong.

    Hair and other soft parts are made unsure by a brush as wide as they are, unless strokes are to be `exact`; what is
    plainly wrong is kept or erased. `tried` holds where each kind of stroke has been drawn already.
    """
    wrong = truth.astype(np.int16) - alpha
    radius = max(BRUSH / 2 * alpha.shape[1], 0.5)
    places = {"keep": wrong > 127, "erase": wrong < -127}
    if not exact:
        places["unsure"] = _find_soft_errors(np.where(tried["unsure"], np.int16(0), wrong), truth, round(radius))
    parts = {kind: _find_largest(mask & ~tried[kind]) for kind, mask in places.items()}
    kind = max(parts, key=lambda each: int(np.abs(wrong[parts[each]]).sum()))
    if np.count_nonzero(parts[kind]) < SMALLEST:
        return None
    if kind == "unsure":
        points, radius = _draw_along(parts[kind], radius)
    else:
        points = _draw_through(parts[kind], radius)
    return Stroke.model_validate({"kind": kind, "radius": radius, "exact": exact, "points": points})


def _find_soft_errors(wrong: np.ndarray, truth: np.ndarray, reach: int) -> np.ndarray:
    """Where much is soft in truth and seen to be wrong within `reach`: ``(h, w)`` bool."""
    soft = ((truth > SOFT[0]) & (truth < SOFT[1])).astype(np.float32)
    side = 2 * reach + 1, 2 * reach + 1
    return np.asarray((cv2.blur(soft, side) > MUCH) & (cv2.blur(np.abs(wrong) / np.float32(255), side) > SEEN))


def _find_largest(mask: np.ndarray) -> np.ndarray:
    """The largest connected part of `mask`, ``(h, w)`` bool."""
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=4)
    areas = statistics[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    return np.asarray((labels == areas.argmax()) & mask)


def _measure_depth(part: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """How deep inside `part` each pixel lies, ``(h, w)`` float32; row and column of the deepest."""
    padded = cv2.copyMakeBorder(part.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    return depth, (int(row), int(column))


def _draw_along(part: np.ndarray, radius: float) -> tuple[list[tuple[float, float]], float]:
    """The way of a brush along the middle of a winding `part`, from its deepest place both ways; the brush's radius."""
    depth, (row, column) = _measure_depth(part)
    radius = float(np.clip(depth[row, column], radius, WIDEST * radius))
    middle = column + 0.5, row + 0.5
    ahead = _walk(depth, middle, 0.0, np.pi, radius)
    if not ahead:
        return [middle], radius
    back = float(np.arctan2(middle[1] - ahead[0][1], middle[0] - ahead[0][0]))
    return [*reversed(ahead), middle, *_walk(depth, middle, back, TURN, radius)], radius


def _walk(
    depth: np.ndarray, place: tuple[float, float], heading: float, turn: float, step: float
) -> list[tuple[float, float]]:
    """Steps from `place` to the deepest place within a `turn` of the last `heading`, while it is deep enough."""
    way: list[tuple[float, float]] = []
    while len(way) < MOST_STEPS:
        headings = heading + np.linspace(-turn, turn, ANGLES)
        places = np.stack((place[0] + step * np.cos(headings), place[1] + step * np.sin(headings)), axis=1)
        inside = ((places >= 0) & (places < depth.shape[::-1])).all(axis=1)
        columns, rows = places[inside].astype(int).T
        depths = np.zeros(ANGLES)
        depths[inside] = depth[rows, columns]
        deepest = int(depths.argmax())
        if depths[deepest] <= max(1.0, STAYS / 2 * min(step, float(depth.max()))):
            break
        heading, turn = float(headings[deepest]), TURN
        place = float(places[deepest, 0]), float(places[deepest, 1])
        way.append(place)
    return way


def _draw_through(part: np.ndarray, radius: float) -> list[tuple[float, float]]:
    """The ends of the longest straight line through the deepest place of `part` that stays inside it."""
    depth, (y, x) = _measure_depth(part)
    inside = depth >= min(radius, STAYS * depth[y, x])

    def reach(across: float, down: float) -> int:
        for step in range(1, max(part.shape)):
            row, column = int(y + step * down + 0.5), int(x + step * across + 0.5)
            if not (0 <= row < part.shape[0] and 0 <= column < part.shape[1] and inside[row, column]):
                return step - 1
        return max(part.shape)

    lines = []
    for angle in np.linspace(0, np.pi, ANGLES, endpoint=False):
        across, down = float(np.cos(angle)), float(np.sin(angle))
        before, after = reach(-across, -down), reach(across, down)
        ends = [(float(x + 0.5 + step * across), float(y + 0.5 + step * down)) for step in (-before, after)]
        lines.append((before + after, ends))
    return max(lines, key=lambda line: line[0])[1]


def _compare(alpha: np.ndarray, truth: np.ndarray) -> Figures:
    error = measure_error(alpha / np.float32(255), truth / np.float32(255))
    return Figures(measure_iou(alpha > 127, truth > 127), 1000 * error)


def _write_means(photos: list[list[Figures]]) -> list[str]:
    return [f"{iou:.3f} / {error:.1f}" for iou, error in np.mean(photos, axis=0)]
