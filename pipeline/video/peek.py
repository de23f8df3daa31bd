"""The marks that hold for a single frame of a clip, without its making."""

from collections.abc import Sequence

from ..edges.marks import Marks
from .cuts import CutDetector
from .reader import Reader
from .timed_marks import TimedMarks, join_marks

LOOK = 5.0  # seconds before the frame in which scene cuts are looked for: each frame of them is decoded


def find_marks(reader: Reader, sets: Sequence[TimedMarks], second: float) -> Marks | None:
    """The marks that hold for the frame that is shown at a second; None without.

    They are those of `SceneMarks`, but that a cut is seen only in the last `LOOK` seconds before the frame.
    """
    drawn = [each for each in sets if each.at <= second]
    if not drawn:
        return None
    scene = _find_scene(reader, max(drawn[0].at, second - LOOK), second)
    base = reader.clip.time_base
    held = [each.marks for each in drawn if round(each.at / base) >= scene]
    return join_marks(held) if held else None


def _find_scene(reader: Reader, start: float, second: float) -> int:
    """The tick of the last cut after the frame at second `start` and not after the one at `second`; 0 without."""
    clip, detector, scene = reader.clip, CutDetector(), 0
    before = max(0.0, start - float(1 / clip.rate))  # frames that begin before a second are not read from it on
    if round(start * clip.rate) == round(second * clip.rate):
        return scene
    begin = round(reader.find_start(before) / clip.time_base)
    for frame in reader.read(before, second + float(clip.time_base)):
        if detector.is_cut(frame.load().rgb):
            scene = begin + frame.ticks
    return scene
