"""Small pictures of cut-outs: of any size the same subject, in its own colour up to its edge."""

import cv2
import numpy as np
import pytest

from pipeline.batch.task import THUMBNAIL, make_thumbnail
from pipeline.cutout import cut_out
from pipeline.inputs import Inputs
from pipeline.options.options import Options
from pipeline.pixels.image_io import Photo
from tests import house
from tests.pictures import opened

RED = (200, 30, 40)


@pytest.mark.parametrize("width", [120, 480, 1999, 4000])
def test_a_thumbnail_shows_the_subject_in_its_own_colour_whatever_the_size(width: int) -> None:
    height = width * 3 // 4
    rgb = np.full((height, width, 3), 255, np.uint8)
    cv2.circle(rgb, (width // 2, height // 2), height // 3, RED, -1)
    cutout = cut_out(Inputs(Photo(rgb)), Options(key="auto"), house.runtime())
    small = opened(make_thumbnail(cutout.picture))
    sides = min(width, THUMBNAIL), min(height, THUMBNAIL * 3 // 4)
    assert small.shape[1::-1] == pytest.approx(sides, abs=1)
    there = small[..., 3] > 127
    assert there.mean() == pytest.approx(np.pi / 9 * height / width, abs=0.02)
    assert np.abs(small[there][:, :3].astype(int) - RED).mean() < 12
