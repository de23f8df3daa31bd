"""The example photos of the first screen: large enough, free to pass on, and their cut-outs are ones to show."""

from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline import LANGUAGES, Inputs, Options, cut_out, decode, load_words
from tests.process import ROOT
from ui.examples import EXAMPLES, read_example

HAZE = 0.01  # share of the subject that is neither solid nor beside what is solid
GAPS = {"bag": 3, "man": 0, "dog": 1}  # through the handle and its two rings, and between the forelegs


def test_every_example_has_a_name_in_every_language_and_a_licence() -> None:
    assert all(load_words(language)[f"page.example.{name}"] for name in EXAMPLES for language in LANGUAGES)
    notice = (ROOT / "NOTICE.md").read_text("utf-8")
    assert {path.name for path in (ROOT / "assets" / "examples").iterdir()} == {f"{name}.jpg" for name in EXAMPLES}
    assert all(f"| {name}.jpg |" in notice for name in EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_a_photo_of_1000_pixels_that_loads_quickly_and_tells_nothing_else(name: str) -> None:
    data = read_example(name)
    with Image.open(BytesIO(data)) as picture:
        assert picture.format == "JPEG" and picture.mode == "RGB" and 1000 <= max(picture.size) <= 1400
        assert not picture.getexif() and "icc_profile" not in picture.info
    assert len(data) <= 300_000


def test_what_is_no_example_is_none() -> None:
    for name in ("nothing", "../public/preview", "bag.jpg"):
        with pytest.raises(KeyError):
            read_example(name)


@pytest.mark.usefixtures("u2netp")
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_cut_out_of_an_example_has_neither_haze_beside_its_subject_nor_holes_in_it(name: str) -> None:
    alpha = cut_out(Inputs(decode(read_example(name))), Options()).alpha
    subject, reach = alpha > 12, 2 * (max(alpha.shape) // 60) + 1
    near = cv2.dilate((alpha > 240).astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    assert subject.any() and (subject & ~near).sum() < HAZE * subject.sum()
    assert count_holes(alpha) <= GAPS[name]


def count_holes(alpha: np.ndarray) -> int:
    """How many parts of the background the subject encloses, specks aside."""
    padded = np.pad((alpha < 128).astype(np.uint8), 1, constant_values=1)
    _, _, stats, _ = cv2.connectedComponentsWithStats(padded, connectivity=4)
    areas = np.sort(stats[1:, cv2.CC_STAT_AREA])[:-1]
    return int((areas > alpha.size / 10_000).sum())
