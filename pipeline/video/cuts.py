"""Scene cuts: where a clip jumps to another picture, and nothing that was known of the frame before holds."""

import cv2
import numpy as np

from ..pixels.geometry import fit_size
from ..pixels.resample import resize_for_work

WORKING_SIDE = 320  # pixels of the longer side, to which averaging is fast
SIZE = (64, 36)  # pixels at which frames are compared: grain and small movements are gone
BINS = 16  # of each channel's histogram
OTHER_COLOURS = 0.3  # share of pixels whose colours are other ones, from which it may be a cut
OTHER_PICTURE = 0.1  # mean difference, of 1, from which it may be
JUMP = 3.0  # times the usual difference of neighbouring frames
KEPT = 0.8  # of what was usual, from frame to frame


class CutDetector:
    """Tells of each frame whether a new scene begins with it.

    A cut changes colours and picture at once, and far more than the frames before did: a pan changes the picture and
    keeps its colours, a light that is switched on comes near to a cut and may be taken for one.
    """

    def __init__(self) -> None:
        self._before: np.ndarray | None = None
        self._usual = 0.0

    def is_cut(self, rgb: np.ndarray) -> bool:
        """Whether the next frame, ``(H, W, 3)`` uint8, begins a new scene; the first one does not."""
        near = resize_for_work(rgb, fit_size((rgb.shape[1], rgb.shape[0]), WORKING_SIDE))
        small = cv2.resize(near, SIZE, interpolation=cv2.INTER_AREA)
        before, self._before = self._before, small
        if before is None:
            return False
        moved = float(cv2.absdiff(small, before).mean()) / 255
        usual, self._usual = self._usual, KEPT * self._usual + (1 - KEPT) * moved
        is_other = moved > OTHER_PICTURE and _compare_colours(small, before) > OTHER_COLOURS
        if not is_other or moved < JUMP * usual:
            return False
        self._usual = 0.0
        return True

    def save(self) -> dict[str, np.ndarray]:
        """What it knows, as arrays by name."""
        return {} if self._before is None else {"before": self._before, "usual": np.array(self._usual)}

    def restore(self, known: dict[str, np.ndarray]) -> None:
        """Go on with what `save` gave."""
        self._before, self._usual = known.get("before"), float(known.get("usual", 0.0))


def _compare_colours(one: np.ndarray, other: np.ndarray) -> float:
    """The share of pixels, 0 to 1, by which the histograms of two pictures differ, in the channel that differs most."""
    shares = []
    for channel in range(3):
        counts = [np.bincount(each[..., channel].ravel() // (256 // BINS), minlength=BINS) for each in (one, other)]
        shares.append(float(np.abs(counts[0] - counts[1]).sum()) / (2 * one[..., 0].size))
    return max(shares)
