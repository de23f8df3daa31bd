"""Canvases that marketplaces, social networks and passport offices ask for, from ``assets/canvas.csv``."""

import csv
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ..base.settings import ROOT
from ..base.words import say
from ..pixels.geometry import Size

TABLE = ROOT / "assets" / "canvas.csv"
GROUPS = ("shop", "social", "id_photo")
MM_PER_INCH = 25.4
DPI = 300  # of a canvas in millimetres that names none
LARGEST = 10_000  # pixels along a side of a canvas such as ``1200x800``


class Span(NamedTuple):
    """The least and the most of something, in percent of the height of a canvas."""

    least: float
    most: float

    def accepts(self, percent: float) -> bool:
        """Whether `percent` lies within, in whole percents: those that are told, and nobody measures a print finer."""
        return round(self.least) <= round(percent) <= round(self.most)


FRAME = Span(0, 100)
HeadFault = Literal["too_small", "too_large", "eyes", "top", "cut"]
FillVerdict = Literal["passes", "margin", "room", "crop", "hand", ""]


class FillFacts(NamedTuple):
    """How much of its frame a subject fills.

    Attributes
    ----------
    percent
        Of the frame's width or of its height, whichever is more; whole, so that what is told is what counts.
    verdict
        Where its canvas asks how much: ``passes``, or what would make it enough: a smaller ``margin``, less ``room``
        for outline and shadow, a ``crop`` to the subject, or another size or place than the ``hand`` gave it. Empty
        where nothing is asked, or a warning tells why nothing would help.
    """

    percent: int
    verdict: FillVerdict = ""


class HeadFacts(NamedTuple):
    """How a head stands in its frame, in percent of the frame's height.

    Attributes
    ----------
    height
        From chin to crown.
    eyes
        Of the eyes above the lower edge.
    top
        Of the crown below the upper edge.
    """

    height: float
    eyes: float
    top: float


class HeadRule(NamedTuple):
    """What a document asks of a head, each as in `HeadFacts`; None where it says nothing."""

    height: Span
    eyes: Span | None = None
    top: Span | None = None

    def find_fault(self, head: HeadFacts) -> HeadFault | None:
        """What is wrong with a head; None where all is as asked for."""
        if not self.height.accepts(head.height):
            return "too_small" if head.height < self.height.least else "too_large"
        if self.eyes and not self.eyes.accepts(head.eyes):
            return "eyes"
        if self.top and not self.top.accepts(head.top):
            return "top"
        return None if FRAME.accepts(head.top) and FRAME.accepts(head.top + head.height) else "cut"


USUAL = HeadRule(Span(50, 70))  # where an ID photo is asked for and nothing is known of the head


@dataclass(frozen=True)
class Canvas:
    """A frame of an exact size that somebody asks for.

    Attributes
    ----------
    id, group
        The value of the option ``canvas``, and one of `GROUPS`.
    width, height, unit
        In ``px`` or ``mm``.
    dpi
        Dots per inch at which it is printed, or None.
    background
        The colour that is asked for, ``#rrggbb``; None for any.
    min_fill
        Percent of the frame that the subject has to fill, as in `FillFacts`; 0 where there is no rule.
    title_en, title_zh
        Its name for people.
    head
        What a document asks of the head on it; None where nothing is known.
    source
        Where that is said.
    """

    id: str
    group: str
    width: float
    height: float
    unit: str
    dpi: int | None
    background: str | None
    min_fill: float
    title_en: str
    title_zh: str
    head: HeadRule | None = None
    source: str = ""

    @property
    def size(self) -> Size:
        """Width and height in pixels; millimetres at its own dpi, else at `DPI`."""
        if self.unit == "px":
            return round(self.width), round(self.height)
        dots = (self.dpi or DPI) / MM_PER_INCH
        return round(self.width * dots), round(self.height * dots)

    @property
    def head_to_make(self) -> HeadRule | None:
        """How the head is made to stand on it: as is asked for, else as is usual; None for what is no ID photo."""
        return self.head or (USUAL if self.group == "id_photo" else None)

    def get_title(self, language: str) -> str:
        """Its name for people."""
        return self.title_zh if language.startswith("zh") else self.title_en

    def accepts(self, fill: float) -> bool:
        """Whether a subject that fills `fill` percent of the frame is large enough."""
        return fill >= self.min_fill


def read_canvases(path: Path) -> dict[str, Canvas]:
    """The canvases in the CSV file at `path`, by id, in the file's order."""
    with path.open(encoding="utf-8", newline="") as file:
        return {row["id"]: _make_canvas(row) for row in csv.DictReader(file)}


@cache
def list_canvases() -> dict[str, Canvas]:
    """Every canvas of ``assets/canvas.csv``, by id."""
    return read_canvases(TABLE)


def parse_canvas(text: str) -> Canvas | tuple[float, float] | None:
    """The value of the option ``canvas``: a canvas by its id or as ``1200x800``, a ratio such as ``4:5``, or nothing.

    Returns
    -------
    Canvas, (width, height) or None
        The second for a ratio, the third for an empty `text`.

    Raises
    ------
    ValueError
        It is none of these, or larger than `LARGEST`.

    Examples
    --------
    >>> parse_canvas("4:5"), parse_canvas("1200 × 800").size
    ((4.0, 5.0), (1200, 800))
    """
    if not text or text in list_canvases():
        return list_canvases().get(text)
    text = text.replace(" ", "").replace("×", "x").lower()
    if ratio := re.fullmatch(r"(\d{1,3}(?:\.\d+)?):(\d{1,3}(?:\.\d+)?)", text):
        wide, high = float(ratio[1]), float(ratio[2])
        if wide and high and 1 / 20 <= wide / high <= 20:
            return wide, high
    if size := re.fullmatch(r"(\d{1,5})x(\d{1,5})", text):
        width, height = int(size[1]), int(size[2])
        if min(width, height) >= 1 and max(width, height) <= LARGEST:
            return Canvas(text, "own", width, height, "px", None, None, 0, text, text)
    raise ValueError(f"no canvas: {text[:100]}")


def describe_head(head: HeadFacts | None, text: str, language: str) -> str:
    """A sentence that says whether a head is as large, and where, as the document wants it that a canvas is for.

    Parameters
    ----------
    head
        None where no face was found.
    text
        The value of the option ``canvas``.

    Returns
    -------
    str
        Empty where that canvas has no rule.
    """
    canvas = parse_canvas(text)
    rule = canvas.head if isinstance(canvas, Canvas) else None
    if head is None or rule is None or not isinstance(canvas, Canvas):
        return ""
    fault = rule.find_fault(head)
    asked = fault if fault in ("eyes", "top") else "height"
    found = getattr(head, asked)
    least, most = (round(each) for each in getattr(rule, asked))
    facts: dict[str, Any] = {"found": round(found), "least": least, "most": most, "canvas": canvas.get_title(language)}
    return say(f"head.{fault or 'passes'}", language, **facts)


def describe_fill(fill: FillFacts | None, text: str, language: str) -> str:
    """A sentence that says whether the subject fills enough of its canvas, and if not, what would help.

    Parameters
    ----------
    fill
        None where there is no frame.
    text
        The value of the option ``canvas``.

    Returns
    -------
    str
        Empty where that canvas has no rule, or a warning says it.
    """
    canvas = parse_canvas(text)
    if fill is None or not fill.verdict or not isinstance(canvas, Canvas):
        return ""
    least, title = round(canvas.min_fill), canvas.get_title(language)
    return say(f"fill.{fill.verdict}", language, fill=fill.percent, least=least, canvas=title)


def _make_canvas(row: dict[str, str]) -> Canvas:
    height = _read_span(row, "head")
    return Canvas(
        id=row["id"],
        group=row["group"],
        width=float(row["width"]),
        height=float(row["height"]),
        unit=row["unit"],
        dpi=int(row["dpi"]) if row["dpi"] else None,
        background=row["background"] or None,
        min_fill=float(row["min_fill"] or 0),
        title_en=row["title_en"],
        title_zh=row["title_zh"],
        head=HeadRule(height, _read_span(row, "eyes"), _read_span(row, "top")) if height else None,
        source=row["source"],
    )


def _read_span(row: dict[str, str], name: str) -> Span | None:
    least, most = row[f"{name}_min"], row[f"{name}_max"]
    return Span(float(least), float(most)) if least and most else None
