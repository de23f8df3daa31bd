"""Marks on frames of a clip: each set of strokes from the frame that it was drawn on to the next scene cut."""

import json
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from ..base.errors import ClearcutError
from ..base.words import say
from ..edges.marks import Marks, Stroke
from .clip import Frame

UNIT = "marks.timed.unit"
KEYS = {"at", "marks"}
LONGEST = 1e6  # seconds


class TimedMarks(NamedTuple):
    """Strokes, and the second of the clip that shows the frame that they were drawn on."""

    at: float
    marks: Marks


def parse_timed_marks(given: str | bytes) -> tuple[TimedMarks, ...]:
    """Marks from JSON: ``[{"at": 2.5, "marks": {…}}, …]``, or those of a photo, which are for the first frame.

    Strokes are exact, whatever they say: what a smart one finds would be another thing in every frame.

    Raises
    ------
    ClearcutError
        ``bad_marks``; also for picks and strokes that are unsure, which are of one picture only.
    """
    if len(given) > Marks.MOST_BYTES:
        raise _refuse("bytes")
    try:
        told = json.loads(given)
    except (ValueError, RecursionError):
        raise _refuse("{") from None
    if isinstance(told, dict):
        told = [{"at": 0, "marks": told}]
    if not isinstance(told, list):
        raise _refuse("{")
    return tuple(sorted((_read(each, place) for place, each in enumerate(told)), key=lambda each: each.at))


def _read(told: Any, place: int) -> TimedMarks:
    if not isinstance(told, dict) or told.keys() != KEYS or not isinstance(told["marks"], dict):
        raise _refuse(f"{place}")
    at = told["at"]
    if isinstance(at, bool) or not isinstance(at, int | float) or not 0 <= at <= LONGEST:
        raise _refuse(f"{place}.at")
    marks = Marks.of(told["marks"])
    for number, stroke in enumerate(marks.strokes):
        if not isinstance(stroke, Stroke) or stroke.kind == "unsure":
            raise _refuse(f"{place}.marks.strokes.{number}", number + 1)
    strokes = tuple(stroke.model_copy(update={"exact": True}) for stroke in marks.strokes)
    return TimedMarks(at, marks.model_copy(update={"strokes": strokes}))


def _refuse(at: str, stroke: int | None = None) -> ClearcutError:
    return ClearcutError("bad_marks", at=at[:100], stroke=stroke, unit=UNIT, accepted=say(UNIT))


def join_marks(sets: Sequence[Marks]) -> Marks:
    """The strokes of at least one set as one; later ones win."""
    return sets[0].model_copy(update={"strokes": tuple(stroke for marks in sets for stroke in marks.strokes)})


class SceneMarks:
    """The marks of frame after frame.

    Parameters
    ----------
    sets
        By the time of their frames.
    base
        Seconds of a tick of frames.
    begin
        The second of the clip at tick 0.
    """

    def __init__(self, sets: Sequence[TimedMarks], base: Fraction, begin: float) -> None:
        self._sets = [(round((each.at - begin) / float(base)), each.marks) for each in sets]
        self._scene, self._count = 0, 0
        self._joined: Marks | None = None

    def enter(self, ticks: int) -> None:
        """A scene begins: what was drawn before is over."""
        self._scene, self._count, self._joined = ticks, 0, None

    def pick(self, frame: Frame) -> Marks | None:
        """The marks that hold for a frame; later ones win. None without."""
        end = frame.ticks + frame.duration
        here = [marks for tick, marks in self._sets if self._scene <= tick < end]
        if len(here) > self._count:  # joined once, so that the same marks are the same object
            self._count, self._joined = len(here), join_marks(here)
        return self._joined
