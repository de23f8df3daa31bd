"""Where a face is: an upright one that looks at the camera, found by OpenCV's cascade of local binary patterns.

OpenCV 5 has neither the cascades nor the code that runs them. The cascade comes with the package scikit-image, which is
looked for and not imported; without it no face is looked for.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ..pixels.geometry import fit_size

CASCADE = Path("data", "lbpcascade_frontalface_opencv.xml")  # in that package
LOOKED_AT = 320  # longer side of the picture that is searched, in pixels
DENSE = 40_000  # pixels up to which every window is looked at, of more every second along each side
WINDOW = 24  # side of a face in the cascade
STEP = 1.18  # from one size of face to the next
ALIKE = 0.25  # of a side, by which two finds of one face differ at most
LEAST = 2  # finds that make a face
EYES, CHIN = 0.36, 1.08  # how far down the square they are, in sides of it
CROWN = (0.45, 0.95)  # how far above the eyes a crown is, in sides; what is higher is hair that stands up, or a hat
HAT = 1.6  # how far above the eyes, in sides, there may be something of the subject
ROUND = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))  # neighbours of a cell, row and column

Look = Callable[[int, int], np.ndarray]  # of all windows the sum of pixels above and left of a row and column of theirs


class Face(NamedTuple):
    """A square around a face, from the forehead to the chin, in pixels."""

    left: float
    top: float
    side: float


class Head(NamedTuple):
    """Where a head is: heights of crown, eyes and chin, and its middle across, in pixels."""

    crown: float
    eyes: float
    chin: float
    middle: float


class Stage(NamedTuple):
    """One step of the cascade: `rectangles` ``(N, 4)``, the 256 answers to each ``(N, 256)``, the least sum of them."""

    rectangles: np.ndarray
    answers: np.ndarray
    least: float


def locate_cascade() -> Path | None:
    """The file of the cascade, where the package that brings it is installed."""
    spec = find_spec("skimage")
    path = Path(spec.origin).parent / CASCADE if spec and spec.origin else None
    return path if path and path.is_file() else None


def find_faces(rgb: np.ndarray) -> tuple[Face, ...]:
    """What looks like a face in ``rgb`` ``(H, W, 3)`` uint8, the surest and largest first; empty without a cascade."""
    if locate_cascade() is None:
        return ()
    size = fit_size((rgb.shape[1], rgb.shape[0]), LOOKED_AT)
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    sides, side = [], float(WINDOW)
    while side <= min(size):
        sides.append(side)
        side *= STEP
    scaled = [[max(WINDOW, round(each * WINDOW / side)) for each in size] for side in sides]
    at, x, y = _search([cv2.resize(grey, each, interpolation=cv2.INTER_AREA) for each in scaled])
    found_sides = np.array(sides)[at]
    finds = np.stack((x * found_sides / WINDOW, y * found_sides / WINDOW, found_sides), axis=1)
    found = _join(finds)
    return tuple(Face(*(each * rgb.shape[1] / size[0]).tolist()) for each in found)


def find_head(faces: Iterable[Face], alpha: np.ndarray) -> Head | None:
    """The head of the first of `faces` that is the subject's; `alpha` is the matte, ``(H, W)`` uint8."""
    return next(filter(None, (measure_head(face, alpha) for face in faces)), None)


def measure_head(face: Face, alpha: np.ndarray) -> Head | None:
    """The head that `face` belongs to: its crown is where the matte `alpha` ``(H, W)`` uint8 ends above it.

    None where the face is not the subject's, or not at the upper end of it.
    """
    left, right = round(face.left), round(face.left + face.side)
    eyes = face.top + EYES * face.side
    inside = alpha[max(0, round(face.top)) : round(face.top + face.side), max(0, left) : max(0, right)]
    spare = round(face.side / 5)  # what stands beside a crown is lower than it
    above = alpha[: max(1, round(eyes)), max(0, left + spare) : max(1, right - spare)]
    if not inside.size or inside.mean() < 128:
        return None
    rows = np.flatnonzero((above > 127).mean(axis=1) > 0.2)
    top = float(rows[0]) if len(rows) else eyes
    if top < eyes - HAT * face.side:
        return None
    crown = min(max(top, eyes - CROWN[1] * face.side), eyes - CROWN[0] * face.side)
    return Head(max(crown, 0.0), eyes, face.top + CHIN * face.side, face.left + face.side / 2)


def _search(greys: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The picture, left and top of every window of `greys` that all stages take for a face.

    The first stage looks at whole pictures, the others at what is left of all of them at once.
    """
    first, *others = _read_cascade()
    sums, places, before = [], [np.zeros((5, 0), np.intp)], 0
    for number, grey in enumerate(greys):
        plane = cv2.integral(grey)
        step = 1 if grey.size < DENSE else 2
        taken = _passes(first, _look_everywhere(plane, step))
        y, x = np.array(np.nonzero(taken)) * step
        width = plane.shape[1]
        start = before + y * width + x
        places.append(np.stack((np.full_like(x, number), x, y, np.full_like(x, width), start)))
        sums.append(plane.ravel())
        before += plane.size
    at, flat = np.concatenate(places, axis=1), np.concatenate([*sums, np.zeros(1, np.int32)])
    for stage in others:
        at = at[:, _passes(stage, _look_at(flat, at[3], at[4]))]
    return at[0], at[1], at[2]


def _look_everywhere(sums: np.ndarray, step: int) -> Look:
    high, wide = (side - WINDOW for side in sums.shape)
    return lambda row, column: sums[row : row + high : step, column : column + wide : step]


def _look_at(flat: np.ndarray, width: np.ndarray, start: np.ndarray) -> Look:
    return lambda row, column: flat[start + (width * row + column)]


def _passes(stage: Stage, look: Look) -> np.ndarray:
    """Which windows `stage` takes; as `look` sees them."""
    total = np.float32(0)
    for (left, top, wide, high), answers in zip(stage.rectangles.tolist(), stage.answers, strict=True):
        lines = [[look(top + row * high, left + column * wide) for column in range(4)] for row in range(4)]
        bands = [[below - above for above, below in zip(*lines[row : row + 2], strict=True)] for row in range(3)]
        cells = [[band[column + 1] - band[column] for column in range(3)] for band in bands]
        code = np.zeros(cells[1][1].shape, np.uint8)
        for row, column in ROUND:
            code = (code << 1) | (cells[row][column] >= cells[1][1])
        total = total + answers[code]
    return np.asarray(total >= stage.least)


def _join(finds: np.ndarray) -> list[np.ndarray]:
    """The means of those of `finds` ``(N, 3)`` that are of one face, the most frequent first, weighted by its side."""
    found = []
    while len(finds):
        near = np.abs(finds[:, None] - finds).max(axis=2) < ALIKE * finds[:, 2]  # by column, to which find
        best = int(np.argmax(near.sum(axis=0) * finds[:, 2]))
        if near[:, best].sum() >= LEAST:
            found.append(finds[near[:, best]].mean(axis=0))
        finds = finds[~near[:, best]]
    return found


@cache
def _read_cascade() -> tuple[Stage, ...]:
    """The stages of the cascade."""
    from xml.etree import ElementTree

    path = locate_cascade()
    assert path
    cascade = ElementTree.parse(path).getroot()[0]

    def numbers(text: str | None) -> list[float]:
        return [float(each) for each in (text or "").split()]

    rectangles = [numbers(each.text) for each in cascade.iter("rect")]
    stages = []
    for stage in cascade.find("stages") or ():
        at, answers = [], []
        for node, leaves in zip(stage.iter("internalNodes"), stage.iter("leafValues"), strict=True):
            _, _, feature, *bits = map(int, (node.text or "").split())
            yes, no = numbers(leaves.text)
            subset = np.unpackbits(np.array(bits, np.int32).view(np.uint8), bitorder="little")
            at.append(rectangles[feature])
            answers.append(np.where(subset, yes, no))
        least = numbers(stage.findtext("stageThreshold"))[0]
        stages.append(Stage(np.array(at, int), np.array(answers, np.float32), least))
    return tuple(stages)
