"""Strokes on frames: they hold from their frame to the next scene cut, exactly as drawn; what cannot is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import Job, Options
from pipeline.base.errors import ClearcutError
from pipeline.video.cut_video import cut_out_video
from pipeline.video.formats import FORMATS
from pipeline.video.order import VideoOrder
from pipeline.video.peek import find_marks
from pipeline.video.reader import Reader
from pipeline.video.timed_marks import parse_timed_marks
from tests import house
from tests.clips import disc, write_clip

WALL, FIRST, CUT, ALL = (85, 8), 5, 60, 70  # a place that the disc does not reach; frames


def draw(kind: str = "keep", size: tuple[int, int] = (96, 64), **how: Any) -> dict[str, Any]:
    return {"version": 1, "size": size, "strokes": [{"kind": kind, "radius": 4, "points": [WALL], **how}]}


def test_a_stroke_holds_from_its_frame_to_the_next_cut_also_in_a_run_that_goes_on(tmp_path: Path, u2netp: Path) -> None:
    frames = [disc(number % CUT, flat=True, speed=0.2)[0] for number in range(ALL)]
    frames[CUT:] = [np.roll(frame, 1, axis=2) for frame in frames[CUT:]]
    source = write_clip(tmp_path / "in.mkv", frames, "ffv1", "bgra")
    marks = parse_timed_marks(json.dumps([{"at": FIRST / 25, "marks": draw()}]))
    order = VideoOrder(Options(key="on", model="u2netp"), FORMATS["mov"], marks=marks)
    stopped = Job()

    def stop(done: int, _: int | None) -> None:
        if done == 52:
            stopped.cancel()

    with pytest.raises(ClearcutError, match="cancelled"):
        cut_out_video(source, tmp_path / "out.mov", order, house.runtime(), stopped, stop)
    assert cut_out_video(source, tmp_path / "out.mov", order, house.runtime()).resumed == 48
    alphas = [frame.load().alpha for frame in Reader(tmp_path / "out.mov").read()]
    shown = [alpha is not None and int(alpha[WALL[1], WALL[0]]) > 127 for alpha in alphas]
    assert shown == [FIRST <= number < CUT for number in range(ALL)]
    looked = FIRST - 1, FIRST, CUT - 1, CUT, ALL - 1
    previewed = [find_marks(Reader(source), marks, number / 25) is not None for number in looked]
    assert previewed == [shown[number] for number in looked]


@pytest.mark.parametrize(
    "given, at",
    [
        ("no JSON", "{"),
        ([{"at": -1, "marks": draw()}], "0.at"),
        ([{"marks": draw()}], "0"),
        ([{"at": 0, "marks": draw()}, {"at": 1, "marks": draw("unsure")}], "1.marks.strokes.0"),
        ([{"at": 0, "marks": draw(radius=-1)}], "strokes.0.radius"),
    ],
)
def test_marks_that_do_not_fit_are_refused_with_their_place(given: Any, at: str) -> None:
    with pytest.raises(ClearcutError) as caught:
        parse_timed_marks(given if isinstance(given, str) else json.dumps(given))
    assert (caught.value.code, caught.value.facts["at"]) == ("bad_marks", at)


def test_strokes_of_another_size_are_refused_before_anything_is_made(tmp_path: Path, u2netp: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", [disc(0, flat=True)[0]], "ffv1", "bgra")
    marks = parse_timed_marks(json.dumps(draw(size=(9, 9))))
    order = VideoOrder(Options(key="on", model="u2netp"), FORMATS["mov"], marks=marks)
    with pytest.raises(ClearcutError, match="bad_marks"):
        cut_out_video(source, tmp_path / "out.mov", order, house.runtime())
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]
