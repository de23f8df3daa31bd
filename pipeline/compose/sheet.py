"""A sheet to print: as many copies of an ID photo as fit, with marks to cut along."""

from typing import NamedTuple

import cv2
import numpy as np

from ..options.canvas import MM_PER_INCH
from ..pixels.geometry import Size

PAPERS = {"6-inch": (152.4, 101.6), "a4": (210.0, 297.0), "letter": (215.9, 279.4)}  # mm, width and height
BORDER, GAP, MARK = 3.0, 2.0, 3.0  # mm: free at the paper's border, between copies, and the longest mark
WHITE, GREY = 255, 128


class Sheet(NamedTuple):
    """Where copies of a picture lie on paper.

    Attributes
    ----------
    size
        Width and height of the paper in pixels.
    copy
        Those of a copy.
    places
        The top left corner of each copy.
    mark
        Length of a cut mark in pixels.
    """

    size: Size
    copy: Size
    places: tuple[tuple[int, int], ...]
    mark: int

    def lay(self, picture: np.ndarray, paper: int = WHITE) -> np.ndarray:
        """Copies of `picture` ``(H, W[, C])`` uint8 on paper of the level `paper`; a smaller one is enlarged."""
        if picture.shape[1::-1] != self.copy:
            picture = cv2.resize(picture, self.copy, interpolation=cv2.INTER_CUBIC)
        out = np.full((self.size[1], self.size[0], *picture.shape[2:]), paper, np.uint8)
        for x, y in self.places:
            out[y : y + self.copy[1], x : x + self.copy[0]] = picture
        return out

    def draw_marks(self, sheet: np.ndarray) -> None:
        """Draw, into `sheet`, hair lines outside the corners of every copy, in the direction of its sides."""
        wide, high = self.copy
        for x, y in self.places:
            for along in (x - 1, x + wide):
                sheet[max(0, y - self.mark) : y, along] = GREY
                sheet[y + high : y + high + self.mark, along] = GREY
            for across in (y - 1, y + high):
                sheet[across, max(0, x - self.mark) : x] = GREY
                sheet[across, x + wide : x + wide + self.mark] = GREY


def plan_sheet(paper: str, copy: Size, dpi: int) -> Sheet | None:
    """Lay copies of the size `copy` in pixels on `paper`, upright or across, whichever holds more; None if none fits.

    >>> len(plan_sheet("6-inch", (413, 531), 300).places)
    8
    """
    dots = dpi / MM_PER_INCH
    border, gap = round(BORDER * dots), round(GAP * dots)
    best: Sheet | None = None
    for size in (PAPERS[paper], PAPERS[paper][::-1]):
        width, height = (round(side * dots) for side in size)
        columns, rows = (
            (side - 2 * border + gap) // (part + gap) for side, part in zip((width, height), copy, strict=True)
        )
        if columns * rows <= (len(best.places) if best else 0):
            continue
        left, top = (
            (side - number * (part + gap) + gap) // 2
            for side, number, part in zip((width, height), (columns, rows), copy, strict=True)
        )
        places = tuple(
            (left + column * (copy[0] + gap), top + row * (copy[1] + gap))
            for row in range(rows)
            for column in range(columns)
        )
        best = Sheet((width, height), copy, places, min(round(MARK * dots), gap // 2, border))
    return best


def shrink_sheet(sheet: np.ndarray, size: Size) -> np.ndarray:
    """`sheet` made smaller for a screen."""
    return sheet if sheet.shape[1::-1] == size else cv2.resize(sheet, size, interpolation=cv2.INTER_AREA)
