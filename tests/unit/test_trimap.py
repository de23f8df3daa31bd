"""Trimap matting: of a trimap that a person gives, and of one made of a matte."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from benchmarks.__main__ import main
from benchmarks.trimap import make_trimap
from pipeline.base import machine
from pipeline.edges import trimap
from pipeline.edges.given_trimap import solve_trimap
from pipeline.edges.trimap import MOST, solve_matte, solve_unknown
from pipeline.pixels.resample import shrink
from tests.pictures import composite, hairy, off, rough

sides = st.integers(1, 12)
pictures = st.tuples(sides, sides).flatmap(
    lambda shape: st.tuples(arrays(np.uint8, shape), arrays(np.uint8, (*shape, 3)))
)


def test_matting_finds_the_edge_from_the_colours() -> None:
    it = composite(400, 300, softness=5)
    alpha = rough(it.alpha, 40)
    assert off(solve_matte(alpha, it.rgb, 8), it.alpha) < 0.5 * off(alpha, it.alpha)


def test_hair_in_the_grey_part_of_a_trimap_is_found() -> None:
    it = hairy()
    levels = np.where(it.alpha == 255, np.uint8(255), np.uint8(0))
    levels[cv2.dilate(it.alpha, np.ones((25, 25))) > cv2.erode(it.alpha, np.ones((25, 25)))] = 128
    assert off(solve_trimap(levels, it.rgb), it.alpha) < 2


def test_what_a_trimap_says_stays_to_the_byte() -> None:
    it = composite(400, 300)
    levels = make_trimap(it.alpha)
    solved = solve_trimap(levels, it.rgb)
    assert np.array_equal(solved[levels != 128], levels[levels != 128])


def test_what_is_known_to_be_half_transparent_counts_as_it_is() -> None:
    alpha = np.full((60, 90), 128, np.uint8)
    unknown = np.zeros(alpha.shape, bool)
    unknown[20:40, 30:60] = True
    rgb = np.full((60, 90, 3), 90, np.uint8)
    assert abs(solve_unknown(np.where(unknown, np.uint8(255), alpha), rgb, unknown).astype(int) - 128).max() <= 2


def test_large_pictures_are_solved_small_and_still_follow_the_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trimap, "WORKING_SIDE", 300)
    it = composite(900, 700, softness=5)
    alpha = rough(it.alpha, 60)
    solved = solve_matte(alpha, it.rgb, 15)
    assert off(solved, it.alpha) < 0.5 * off(alpha, it.alpha)
    assert set(np.unique(solved[:100])) == {0} and (solved[340:380, 420:480] == 255).all()


def test_however_much_is_unknown_no_more_than_a_bound_is_solved(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []

    def noting(opacity: np.ndarray, rgb: np.ndarray, unknown: np.ndarray) -> np.ndarray:
        counts.append(np.count_nonzero(unknown))
        return opacity[unknown]

    monkeypatch.setattr(trimap, "solve_opacity", noting)
    levels = np.full((900, 1200), 128, np.uint8)
    levels[:, :20], levels[440:460, 590:610] = 0, 255
    solve_trimap(levels, composite(1200, 900).rgb)
    assert 0.9 * MOST < counts[0] <= 1.05 * MOST


def test_thin_scribbles_on_a_large_photo_are_heeded() -> None:
    it = composite(2400, 1800)
    levels = np.full(it.alpha.shape, 128, np.uint8)
    cv2.line(levels, (1100, 900), (1300, 900), 255, 2)
    cv2.rectangle(levels, (10, 10), (2390, 1790), 0, 2)
    assert np.count_nonzero((solve_trimap(levels, it.rgb) > 127) != (it.alpha > 127)) < 0.1 * it.alpha.size


def test_the_same_bytes_on_any_number_of_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    it, found = hairy(900, 700), []
    for cores in (1, 4):
        monkeypatch.setattr(machine, "count_cores", lambda cores=cores: cores)
        found.append(solve_trimap(make_trimap(it.alpha), it.rgb))
    assert np.array_equal(*found)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_where_all_or_nothing_is_known_the_matte_is_given_back_itself(level: int) -> None:
    alpha = np.full((60, 80), level, np.uint8)
    assert solve_matte(alpha, composite(80, 60).rgb, 5) is alpha


def lonely_speck(height: int = 3, width: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """A matte whose one doubtful pixel has no subject near it; and a black picture."""
    alpha = np.zeros((height, width), np.uint8)
    alpha[0, 0], alpha[:, -1] = 25, 255
    return alpha, np.zeros((height, width, 3), np.uint8)


@settings(max_examples=60)
@given(pictures, st.floats(0, 3))
@example(lonely_speck(), 0.0)
def test_any_matte_on_any_picture_can_be_solved(planes: tuple[np.ndarray, np.ndarray], band: float) -> None:
    alpha, rgb = planes
    solved = solve_matte(alpha, rgb, band)
    assert (solved.dtype, solved.shape) == (np.uint8, alpha.shape)


def test_what_is_soft_far_from_a_sharp_subject_is_background() -> None:
    alpha, _ = lonely_speck(90, 120)
    solved = solve_matte(alpha, composite(120, 90).rgb, 0)
    assert solved[0, 0] == 0 and np.array_equal(solved[alpha != 25], alpha[alpha != 25])


def test_sparse_matrices_are_loaded_only_when_asked_for() -> None:
    code = "import pipeline.edges.trimap, sys; print({'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_screen_sized_matting_looks_like_the_full_size_made_smaller() -> None:
    it = composite(1200, 900, softness=5)
    alpha = rough(it.alpha, 60)
    wanted = shrink(solve_matte(alpha, it.rgb, 24), (600, 450))
    view = solve_matte(shrink(alpha, (600, 450)), shrink(it.rgb, (600, 450)), 12)
    assert off(view, wanted) <= 2


def test_the_table_has_no_more_error_than_the_peer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pymatting", reason="the peer of trimap matting is the package pymatting")
    it = hairy(800, 600)
    for name, pixels in {"images": it.rgb, "masks": it.alpha}.items():
        (tmp_path / name).mkdir()
        Image.fromarray(pixels).save(tmp_path / name / "hair.png")
    main(["trimap", str(tmp_path)])
    cells = capsys.readouterr().out.splitlines()[2].strip("| ").split(" | ")
    assert cells[:2] == [tmp_path.name, "1"] and float(cells[2]) <= float(cells[3])
