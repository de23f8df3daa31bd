"""Where remove.bg's parameters put things, once the size of the photo and its matte are known: in a worker process."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np

from pipeline import ClearcutError

FAINT = 12  # alpha up to which a pixel is none of the subject's


@dataclass(frozen=True)
class Rectangle:
    """A part of a photo: the left, top, right and bottom side, each in ``px`` or ``%``, and the text that says so."""

    text: str
    parts: Sequence[tuple[float, str]]

    def __call__(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        """The sides from 0 to 1 in a photo of so many pixels. Raises ``bad_option`` where they lie outside of it."""
        sides = (*size, *size)
        x0, y0, x1, y1 = (
            value / (100 if unit == "%" else side) for (value, unit), side in zip(self.parts, sides, strict=True)
        )
        left, right, top, bottom = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
        if right > 1 or bottom > 1 or (right - left) * size[0] < 1 or (bottom - top) * size[1] < 1:
            width, height = size
            raise ClearcutError("bad_option", name="roi", value=self.text[:100], accepted=f"0 0 {width}px {height}px")
        return left, top, right, bottom


@dataclass(frozen=True)
class Placement:
    """How large a subject is to be and where: percent of the frame, from its left and top; None: as it is."""

    scale: float | None
    position: Sequence[float] | None

    def __call__(self, alpha: np.ndarray) -> dict[str, Any]:
        """Options that put the subject of a matte ``(H, W)`` there."""
        height, width = alpha.shape
        left, top, across, down = cv2.boundingRect((alpha > FAINT).view(np.uint8))
        if not across:  # there is none
            return {}
        fill = max(across / width, down / height)
        grown = self.scale / 100 / fill if self.scale else 1.0
        middles = (left + across / 2) / width, (top + down / 2) / height
        shares = across / width, down / height
        offsets = [
            100 * ((at / 100 - 0.5) * (1 - grown * share) if self.position else middle - 0.5)
            for at, middle, share in zip(self.position or (0, 0), middles, shares, strict=True)
        ]
        frame = {"canvas": f"{width}x{height}", "margin": 0.0, "scale": 100 * grown * fill}
        return frame | {"offset_x": offsets[0], "offset_y": offsets[1]}


class Margin(NamedTuple):
    """A margin, in px or in percent of the subject's height or width."""

    value: float
    unit: str

    def measure(self, side: int) -> int:
        """Its pixels, beside a subject that is `side` pixels high or wide."""
        return round(self.value if self.unit == "px" else self.value / 100 * side)


@dataclass(frozen=True)
class Margins:
    """How much is to be left at the top, right, bottom and left of the subject."""

    margins: Sequence[Margin]

    def __call__(self, alpha: np.ndarray) -> dict[str, Any]:
        """Options of a frame that leaves so much around the subject of a matte ``(H, W)``."""
        _, _, across, down = cv2.boundingRect((alpha > FAINT).view(np.uint8))
        if not across:
            return {"crop": True}
        top, right, bottom, left = (
            margin.measure(side) for margin, side in zip(self.margins, (down, across, down, across), strict=True)
        )
        width, height = across + left + right, down + top + bottom
        scale = 100 * max(across / width, down / height)
        offsets = [100 * (at - 0.5) for at in ((left + across / 2) / width, (top + down / 2) / height)]
        frame = {"canvas": f"{width}x{height}", "margin": 0.0, "scale": max(scale, 10.0)}
        return frame | {"offset_x": offsets[0], "offset_y": offsets[1]}
