"""The simulated person of the benchmarks: where it draws, and that its strokes mend."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from benchmarks.__main__ import main
from benchmarks.marks import choose_stroke, draw_strokes
from pipeline import Photo
from pipeline.edges.marks import Stroke
from pipeline.pixels.measures import measure_iou
from tests.pictures import composite
from tests.spies import answer_without_weights

TRUTH = np.zeros((90, 200), np.uint8)
TRUTH[20:60, 30:150] = 255


def choose(alpha: np.ndarray, truth: np.ndarray, exact: bool, tried: str = "") -> Stroke | None:
    """Its next stroke, where it has drawn all over in the way `tried` before."""
    places = {kind: np.full(truth.shape, kind == tried) for kind in ("keep", "erase", "unsure")}
    return choose_stroke(alpha, truth, exact, places)


def test_it_draws_through_the_largest_part_that_is_wrong_and_stays_inside() -> None:
    found = TRUTH.copy()
    found[20:60, 50:150] = 0  # the larger error: lacking
    found[70:85, 160:190] = 255  # the smaller one: too much
    stroke = choose(found, TRUTH, exact=False)
    assert stroke and (stroke.kind, stroke.exact, stroke.radius) == ("keep", False, 3)
    (left, top), (right, bottom) = sorted(stroke.points)
    assert right - left > 60
    assert min(left, right) >= 50 and max(left, right) < 150 and min(top, bottom) >= 20 and max(top, bottom) < 60


def test_it_takes_away_what_is_too_much_and_leaves_a_true_matte_alone() -> None:
    found = TRUTH.copy()
    found[70:85, 160:190] = 255
    stroke = choose(found, TRUTH, exact=True)
    assert stroke and (stroke.kind, stroke.exact) == ("erase", True)
    assert choose(TRUTH, TRUTH, exact=True) is None


def test_it_draws_over_soft_hair_with_a_brush_as_wide_and_where_it_winds() -> None:
    truth = cv2.GaussianBlur(
        cv2.ellipse(np.zeros((300, 400), np.uint8), (200, 250), (150, 180), 0, 180, 360, 160, 40), (0, 0), 3
    )
    stroke = choose(np.zeros_like(truth), truth, exact=False)
    assert stroke and stroke.kind == "unsure" and 10 < stroke.radius <= 24
    xs, ys = np.array(stroke.points).T
    assert np.ptp(xs) > 200 and np.ptp(ys) > 100
    assert all(truth[int(y), int(x)] > 100 for x, y in stroke.points)
    plain = choose(np.zeros_like(truth), truth, exact=True)
    assert plain is None or plain.kind == "keep"


def test_it_does_not_draw_again_where_the_same_did_not_help() -> None:
    found = TRUTH.copy()
    found[20:60, 50:150] = 0
    found[70:85, 160:190] = 255
    stroke = choose(found, TRUTH, exact=False, tried="keep")
    assert stroke and stroke.kind == "erase"


def test_a_stroke_that_makes_it_worse_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_without_weights(monkeypatch)
    one = composite(160, 120, 8)
    truth = np.random.default_rng(0).integers(0, 2, one.alpha.shape, np.uint8) * np.uint8(255)
    mattes = draw_strokes(Photo(one.rgb), cv2.medianBlur(truth, 9), "u2netp", False, 6)
    errors = [np.abs(each.astype(int) - cv2.medianBlur(truth, 9)).mean() for each in mattes]
    assert len(errors) == 7 and (np.diff(errors) <= 0).all()


def test_its_strokes_bring_a_matte_nearer_to_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_without_weights(monkeypatch)
    one = composite(160, 120, 8)
    photo, shifted = Photo(one.rgb), np.roll(one.alpha, 30, 1)
    ious = [measure_iou(each > 127, shifted > 127) for each in draw_strokes(photo, shifted, "u2netp", True, 5)]
    assert len(ious) == 6 and ious[-1] > ious[0] + 0.05


def test_the_table_compares_smart_and_exact_strokes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer_without_weights(monkeypatch)
    one = composite(160, 120, 8)
    for name, pixels in {"images": one.rgb, "masks": one.alpha}.items():
        (tmp_path / name).mkdir()
        Image.fromarray(pixels).save(tmp_path / name / "ball.png")
    main(["marks", str(tmp_path), "--model", "u2netp"])
    out = capsys.readouterr().out
    assert f"| {tmp_path.name} | 1 | smart |" in out and f"| {tmp_path.name} | 1 | exact |" in out
