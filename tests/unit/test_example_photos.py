"""The example photos of the first screen: they are there after a plain install, and their cut-outs are ones to show."""

import cv2
import numpy as np
import pytest

from pipeline import LANGUAGES, Inputs, Options, cut_out, decode, load_words
from ui.examples import EXAMPLES, list_examples, read_example

HAZE = 0.01  # share of the subject that is neither solid nor beside what is solid


def test_every_example_is_there_and_has_a_name_in_every_language() -> None:
    assert list_examples() == list(EXAMPLES)
    assert all(load_words(language)[f"page.example.{name}"] for name in EXAMPLES for language in LANGUAGES)


def test_what_is_no_example_is_none() -> None:
    with pytest.raises(KeyError):
        read_example("nothing")


@pytest.mark.usefixtures("u2netp")
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_cut_out_of_an_example_has_no_haze_beside_its_subject(name: str) -> None:
    alpha = cut_out(Inputs(decode(read_example(name))), Options()).alpha
    subject, reach = alpha > 12, 2 * (max(alpha.shape) // 60) + 1
    near = cv2.dilate((alpha > 240).astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    assert subject.any() and (subject & ~near).sum() < HAZE * subject.sum()
