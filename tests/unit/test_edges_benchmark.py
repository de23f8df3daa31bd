"""The errors that `python -m benchmarks edges` prints."""

import numpy as np
import pytest
from PIL import Image

from benchmarks.edges import connectivity_error, edge_band, errors, gradient_error, pictures
from tests.pictures import composite


def test_the_truth_is_without_error():
    alpha = composite(200, 150).alpha
    assert errors(alpha, alpha) == pytest.approx([0, 0, 0, 0, 0], abs=1e-6)


def test_the_opposite_of_the_truth_is_all_error():
    alpha = np.where(composite(200, 150).alpha > 127, np.uint8(255), np.uint8(0))
    mae, mse, *_, band = errors(255 - alpha, alpha)
    assert (mae, mse, band) == pytest.approx((1000, 1000, 1000))


def test_a_constant_offset_has_no_gradient_error_and_a_blurred_edge_has():
    ramp = np.tile(np.linspace(0.2, 0.5, 100, dtype=np.float32), (50, 1))
    step = np.float32(np.arange(100)[None] > 50).repeat(50, 0)
    assert gradient_error(ramp + np.float32(0.1), ramp) == pytest.approx(0, abs=1e-6)
    assert gradient_error(step * 0.5, step) > 0.01


def test_an_island_is_a_connectivity_error_and_a_faint_one_is_not():
    wanted = np.zeros((40, 40), np.float32)
    wanted[10:30, 10:30] = 1
    island, faint = wanted.copy(), wanted.copy()
    island[2:5, 2:5], faint[2:5, 2:5] = 1, 0.1
    assert connectivity_error(island, wanted) == pytest.approx(9 / 1000)
    assert connectivity_error(faint, wanted) == 0


def test_the_edge_band_holds_what_is_soft_and_leaves_out_what_is_far():
    it = composite(400, 300)
    band = edge_band(it.alpha)
    assert band[(it.alpha > 5) & (it.alpha < 250)].all()
    assert not band[150, 200] and not band[:10].any()


def test_pictures_are_paired_with_their_masks_by_stem(tmp_path):
    it = composite(60, 40)
    for folder, pixels, suffix in (("images", it.rgb, "bmp"), ("masks", it.alpha, "png")):
        (tmp_path / folder).mkdir()
        Image.fromarray(pixels).save(tmp_path / folder / f"ball.{suffix}")
    [(path, rgb, truth)] = pictures(tmp_path)
    assert path.name == "ball.bmp" and np.array_equal(rgb, it.rgb) and np.array_equal(truth, it.alpha)
