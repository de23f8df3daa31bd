"""Canvases that shops, networks and offices ask for: ``assets/canvas.csv`` read into facts."""

import csv
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..resample import Size
from ..settings import ROOT
from .layers import Colour

TABLE = ROOT / "assets" / "canvas.csv"
GROUPS = ("shop", "social", "id_photo")
MM_PER_INCH = 25.4
HEADROOM = 2.0  # percent of the frame by which a subject fills more than it has to


@dataclass(frozen=True)
class Canvas:
    """One canvas that somebody asks for.

    Attributes
    ----------
    id, group
        Its name, and one of `GROUPS`.
    width, height, unit
        In ``px`` or ``mm``.
    dpi
        Dots per inch at which it is printed, or None.
    background
        The colour asked for; None where any will do.
    min_fill
        Percent of the frame that the subject has to fill, as `compose.fill` measures it; 0 where nobody says.
    title_en, title_zh
        Its name for people.
    """

    id: str
    group: str
    width: float
    height: float
    unit: str
    dpi: int | None
    background: Colour | None
    min_fill: float
    title_en: str
    title_zh: str

    @property
    def size(self) -> Size:
        """Width and height in pixels."""
        if self.unit == "px":
            return round(self.width), round(self.height)
        dots = (self.dpi or 300) / MM_PER_INCH
        return round(self.width * dots), round(self.height * dots)

    @property
    def margin(self) -> float:
        """The margin in percent of the subject's longer side with which it fills a square canvas as it has to."""
        wanted = min(100.0, self.min_fill + HEADROOM)
        return 50 * (100 / wanted - 1) if self.min_fill else 8.0

    def accepts(self, fill: float) -> bool:
        """Whether a subject that fills this much of the frame, in percent, fills enough."""
        return fill >= self.min_fill


def read_canvases(path: Path) -> dict[str, Canvas]:
    """The canvases in the CSV file at `path`, by id, in the file's order."""
    with path.open(encoding="utf-8", newline="") as file:
        return {row["id"]: _canvas(row) for row in csv.DictReader(file)}


@cache
def canvases() -> dict[str, Canvas]:
    """Every canvas of the house, by id."""
    return read_canvases(TABLE)


def _canvas(row: dict[str, str]) -> Canvas:
    return Canvas(
        id=row["id"],
        group=row["group"],
        width=float(row["width"]),
        height=float(row["height"]),
        unit=row["unit"],
        dpi=int(row["dpi"]) if row["dpi"] else None,
        background=_colour(row["background"]),
        min_fill=float(row["min_fill"] or 0),
        title_en=row["title_en"],
        title_zh=row["title_zh"],
    )


def _colour(text: str) -> Colour | None:
    if not text:
        return None
    red, green, blue = (int(pair, 16) for pair in re.findall("[0-9a-f]{2}", text))
    return red, green, blue
