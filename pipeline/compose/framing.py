"""Frames: crop, canvas of an exact size, aspect ratio, quarter turns and mirrors."""

from typing import Literal, NamedTuple

import cv2
import numpy as np

from ..options.canvas import HeadFacts, HeadRule
from ..pixels.geometry import Size
from ..pixels.resample import enlarge_photo, limit_to_surroundings
from .faces import Head
from .layers import Layer

Flip = Literal["none", "horizontal", "vertical"]
SEEN = 13  # alpha from which a pixel counts as subject: 5 %, since mattes have faint haze far from it
CUT_SHARE = 0.05  # of the subject's width or height on a border of the photo, from which it counts as cut there
ROUNDING = 1e-6  # of floating point: 99.99999 percent are 100
FADE = 0.12  # of the photo's longer side: the reach of a shadow beyond the photo's border
LARGEST = 3.0  # times that a photo is enlarged at most: a soft picture is of more use than one of a wrong size
ENLARGED, TOO_SMALL, NOT_FITTING = "subject_enlarged", "subject_too_small", "head_not_fitting"  # warnings
ABOVE_HEAD = 0.35  # of what a head leaves free of a canvas, above it


class Box(NamedTuple):
    """A rectangle in pixels; `right` and `bottom` are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> Size:
        """Width and height."""
        return self.right - self.left, self.bottom - self.top


class Placement(NamedTuple):
    """How a photo lies on a canvas; the same for its colour, alpha, shadow and background.

    Attributes
    ----------
    box
        The part of the photo that shows, in its pixels.
    at
        Where that part's top left corner lies on the canvas; may be a pixel outside.
    scaled
        Width and height of that part on the canvas.
    size
        Width and height of the canvas.
    scale
        Canvas pixels a photo pixel.
    enlarged
        Times that the pixels of the original photo are enlarged, to a tenth; 1 where they are not.
    warnings
        ``subject_enlarged``: as `enlarged` says; ``subject_too_small``: even enlarged `LARGEST` times the photo is too
        small for the canvas; ``head_not_fitting``: no size and place of the photo fulfil what a document asks of the
        head.
    """

    box: Box
    at: tuple[int, int]
    scaled: Size
    size: Size
    scale: float = 1.0
    enlarged: float = 1.0
    warnings: tuple[str, ...] = ()

    @property
    def is_identity(self) -> bool:
        """Whether nothing is cut off at the left and top, moved or scaled."""
        return (self.box.left, self.box.top) == self.at == (0, 0) and self.scaled == self.box.size == self.size

    def measure_fill(self, box: Box) -> int:
        """How much of the canvas the subject in `box` fills, in whole percents of its longer way across.

        That is of the width or of the height, whichever is more: marketplaces mean it by "85 % of the frame". The share
        of the area would be low for any thin subject.
        """
        lows, highs = (
            [at + (each - start) * self.scale for at, each, start in zip(self.at, corner, self.box[:2], strict=True)]
            for corner in (box[:2], box[2:])
        )
        shown = [min(high, side) - max(low, 0) for low, high, side in zip(lows, highs, self.size, strict=True)]
        return int(100 * max(part / side for part, side in zip(shown, self.size, strict=True)) + ROUNDING)

    def place_layer(self, rgb: np.ndarray, alpha: np.ndarray) -> Layer:
        """Colour and alpha of the photo's size on the canvas, straight; colours are averaged weighted by alpha."""
        if self._is_unchanged(alpha):
            return rgb, alpha
        rgb, alpha = self._cut(rgb), self._cut(alpha)
        if self.scaled == self.box.size:
            return self._paste(cv2.copyTo(rgb, alpha)), self._paste(alpha)
        # half of what 16 bits hold, since cubic interpolation overshoots next to an edge
        weight = self._resize(np.multiply(alpha, 128, dtype=np.uint16))
        shown = cv2.convertScaleAbs(weight, alpha=1 / 128)
        alphas = cv2.cvtColor(alpha, cv2.COLOR_GRAY2BGR)
        weighted = self._resize(cv2.multiply(rgb, alphas, scale=128 / 255, dtype=cv2.CV_16U))
        whole = cv2.cvtColor(np.maximum(weight, 1), cv2.COLOR_GRAY2BGR)
        colour = cv2.divide(weighted, whole, scale=255, dtype=cv2.CV_8U)
        if self.scale > 1:
            limit_to_surroundings(colour, cv2.max(rgb, cv2.bitwise_not(alphas)), rgb)
        return self._paste(cv2.copyTo(colour, shown)), self._paste(shown)

    def place_backdrop(self, rgb: np.ndarray, beyond: int = cv2.BORDER_REFLECT) -> np.ndarray:
        """An opaque picture ``(H, W[, 3])`` of the photo's size on the canvas, mirrored beyond its borders.

        `beyond` is another of OpenCV's border types.
        """
        if self._is_unchanged(rgb):
            return rgb
        part = self._resize(self._cut(rgb))
        right, bottom = (self.size[axis] - self.at[axis] - self.scaled[axis] for axis in (0, 1))
        above, below, before, after = (max(0, side) for side in (self.at[1], bottom, self.at[0], right))
        left, top = (max(0, -side) for side in self.at)
        inside = part[top : top + self.size[1] - above, left : left + self.size[0] - before]
        return cv2.copyMakeBorder(inside, above, below, before, after, beyond)

    def place_shadow(self, plane: np.ndarray) -> np.ndarray:
        """A shadow ``(H, W)`` uint8 on the canvas; where the photo's border cuts it, it fades out beyond."""
        if self._is_unchanged(plane):
            return plane
        fades = [
            _make_fade(*facts, FADE * max(self.scaled)) for facts in zip(self.at, self.scaled, self.size, strict=True)
        ]
        continued = self.place_backdrop(plane, cv2.BORDER_REPLICATE) * fades[1][:, None]
        return cv2.convertScaleAbs(np.multiply(continued, fades[0], out=continued))

    def _is_unchanged(self, plane: np.ndarray) -> bool:
        return self.is_identity and plane.shape[1::-1] == self.size

    def _cut(self, plane: np.ndarray) -> np.ndarray:
        return plane[self.box.top : self.box.bottom, self.box.left : self.box.right]

    def _resize(self, part: np.ndarray) -> np.ndarray:
        if self.scaled == self.box.size:
            return part
        if all(new <= old for new, old in zip(self.scaled, self.box.size, strict=True)):
            return cv2.resize(part, self.scaled, interpolation=cv2.INTER_AREA)
        return enlarge_photo(part, self.scaled)

    def _paste(self, part: np.ndarray) -> np.ndarray:
        out = np.zeros((self.size[1], self.size[0], *part.shape[2:]), part.dtype)
        (left, top), (width, height) = self.at, self.scaled
        target = out[max(0, top) : top + height, max(0, left) : left + width]
        from_left, from_top = max(0, -left), max(0, -top)
        target[:] = part[from_top : from_top + target.shape[0], from_left : from_left + target.shape[1]]
        return out


def find_subject_box(alpha: np.ndarray) -> Box | None:
    """The smallest box around all pixels of `alpha` ``(H, W)`` uint8 that are at least 5 % opaque; None without any."""
    left, top, width, height = cv2.boundingRect(cv2.threshold(alpha, SEEN - 1, 255, cv2.THRESH_BINARY)[1])
    return Box(left, top, left + width, top + height) if width else None


def place_cropped(alpha: np.ndarray, margin: float = 0.0) -> Placement:
    """A crop to the subject with a margin around it, not scaled.

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8. Without a subject the whole photo is kept.
    margin
        In percent of the subject's longer side; it is empty beyond the photo. A side where the photo's border cuts the
        subject gets none, so that shoulders end at the border.
    """
    box = find_subject_box(alpha)
    if box is None:
        return place_whole(alpha)
    sides = _measure_margins(alpha, box, margin)
    origin = (box.left - sides[0], box.top - sides[1])
    size = (box.right + sides[2] - origin[0], box.bottom + sides[3] - origin[1])
    return make_placement(alpha, origin, size, 1.0)


def place_in_ratio(alpha: np.ndarray, wide: float, high: float, margin: float = 0.0) -> Placement:
    """As `place_cropped`, with the shorter of the two directions made longer until width : height is as asked for."""
    box = find_subject_box(alpha) or place_whole(alpha).box
    sides = _measure_margins(alpha, box, margin) if find_subject_box(alpha) else (0, 0, 0, 0)
    width, height = box.size[0] + sides[0] + sides[2], box.size[1] + sides[1] + sides[3]
    size = (max(width, round(height * wide / high)), max(height, round(width * high / wide)))
    return make_placement(alpha, find_origin(alpha, box, size), size, 1.0)


def place_on_canvas(
    alpha: np.ndarray, size: Size, margin: float = 0.0, natural: float = 1.0, min_fill: float = 0.0
) -> Placement:
    """A canvas of exactly `size` with the subject in the middle, as large as it fits.

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8. Without a subject the whole photo is fitted.
    size
        Width and height in pixels.
    margin
        The least on every side, in percent of the subject's longer side. A side where the photo's border cuts the
        subject gets none, and lies on the border of the canvas.
    natural
        Canvas pixels a photo pixel up to which nothing counts as enlarged; the photo is enlarged at most `LARGEST`
        times that. Other than 1 where photo and canvas are views made smaller.
    min_fill
        Percent of the canvas that is enough, as `Placement.measure_fill` measures it; 0 where the subject is to fill
        what the margin leaves.
    """
    subject = find_subject_box(alpha)
    box = subject or place_whole(alpha).box
    spare = margin / 100 * max(box.size)
    cut = _cut_sides(alpha, subject) if subject else (True,) * 4
    free = (2 - cut[0] - cut[2], 2 - cut[1] - cut[3])
    wanted = min(side / (part + spare * n) for side, part, n in zip(size, box.size, free, strict=True))
    scale = min(wanted, LARGEST * natural)
    seen = (size[0] / scale, size[1] / scale)
    placed = make_placement(alpha, find_origin(alpha, box, seen), size, scale, natural)
    too_small = _is_too_small(box, size, natural, min_fill) if min_fill else round(wanted / natural, 1) > LARGEST
    return warn(placed, too_small) if subject else placed


def place_head(alpha: np.ndarray, size: Size, head: Head, rule: HeadRule, natural: float = 1.0) -> Placement:
    """A canvas of exactly `size` with the head as large, and where, as `rule` asks, and in the middle across.

    Where the photo's border cuts the subject, no gap is left below, and none at the sides if a size that the rule
    allows does without; of all such sizes the one nearest to the middle of what is allowed is taken.

    Parameters
    ----------
    alpha, size, natural
        As in `place_on_canvas`.
    head
        Where it is in the photo.
    """
    box = find_subject_box(alpha) or place_whole(alpha).box
    left, _, right, bottom = _cut_sides(alpha, box)
    aside = [head.middle - box.left] * left + [box.right - head.middle] * right
    unit = size[1] / (head.chin - head.crown) / 100  # canvas pixels a photo pixel, for a head of one percent
    middle = sum(rule.height) / 2
    fitting = []
    largest = LARGEST * natural / unit
    for percent in [*np.linspace(*rule.height, 41).tolist(), *[largest] * rule.height.accepts(largest)]:
        scale = percent * unit
        low, high = _span_crown(size[1], scale, head, rule)
        needed = size[1] - scale * (box.bottom - head.crown) if bottom else low
        if percent <= largest and max(low, needed) <= high:
            gaps = sum(scale * part < size[0] / 2 for part in aside)
            fitting.append((gaps, abs(percent - middle), scale))
    scale = min(fitting)[2] if fitting else unit * min(rule.height.most if bottom else middle, largest)
    low, high = _span_crown(size[1], scale, head, rule)
    crown = min(max((size[1] - scale * (head.chin - head.crown)) * ABOVE_HEAD, low), high)
    if bottom:
        crown = max(crown, size[1] - scale * (box.bottom - head.crown))
    origin = (head.middle - size[0] / scale / 2, head.crown - crown / scale)
    placed = make_placement(alpha, origin, size, scale, natural)
    fault = rule.find_fault(measure_placed_head(head, placed))
    if fault in (None, "too_small"):
        return warn(placed, fault == "too_small")
    return placed._replace(warnings=(NOT_FITTING,))


def _span_crown(high: int, scale: float, head: Head, rule: HeadRule) -> tuple[float, float]:
    """The least and the most that a crown may be below the upper edge of a canvas `high` pixels high."""
    spans = [(0.0, high - scale * (head.chin - head.crown))]
    if rule.top:
        spans.append((rule.top.least * high / 100, rule.top.most * high / 100))
    if rule.eyes:
        above = scale * (head.eyes - head.crown)
        spans.append((high * (1 - rule.eyes.most / 100) - above, high * (1 - rule.eyes.least / 100) - above))
    lows, highs = zip(*spans, strict=True)
    return max(lows), min(highs)


def measure_placed_head(head: Head, placement: Placement) -> HeadFacts:
    """How a head of the photo stands on the canvas of `placement`."""
    high = placement.size[1]
    crown, eyes, chin = (
        placement.at[1] + (each - placement.box.top) * placement.scale for each in (head.crown, head.eyes, head.chin)
    )
    return HeadFacts(100 * (chin - crown) / high, 100 * (1 - eyes / high), 100 * crown / high)


def place_covering(alpha: np.ndarray, size: Size, natural: float = 1.0, min_fill: float = 0.0) -> Placement:
    """A canvas of exactly `size` that the photo fills, cut to its shape as evenly around the subject as it can be.

    `natural` and `min_fill` are as in `place_on_canvas`.
    """
    height, width = alpha.shape
    wanted = max(size[0] / width, size[1] / height)
    scale = min(wanted, LARGEST * natural)
    subject = find_subject_box(alpha)
    box = subject or place_whole(alpha).box
    middle = ((box.left + box.right) / 2, (box.top + box.bottom) / 2)
    seen = (size[0] / scale, size[1] / scale)
    origin = tuple(_fit_window(at, part, whole) for at, part, whole in zip(middle, seen, (width, height), strict=True))
    placed = make_placement(alpha, origin, size, scale, natural)
    too_small = round(wanted / natural, 1) > LARGEST or _is_too_small(box, size, natural, min_fill)
    return warn(placed, too_small) if subject else placed


def turn(plane: np.ndarray, quarters: int = 0, flip: Flip = "none") -> np.ndarray:
    """Turn `plane` ``(H, W[, C])`` by quarter turns clockwise, then mirror it; itself where nothing is asked for.

    >>> turn(np.array([[1, 2]], np.uint8), quarters=1).tolist()
    [[1], [2]]
    """
    turns = {1: cv2.ROTATE_90_CLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_COUNTERCLOCKWISE}
    if quarters % 4:
        plane = cv2.rotate(plane, turns[quarters % 4])
    return plane if flip == "none" else cv2.flip(plane, 1 if flip == "horizontal" else 0)


def _make_fade(low: int, length: int, size: int, reach: float) -> np.ndarray:
    """Weights ``(size,)`` float32: 1 for `length` pixels from `low` on, and falling to 0 beyond."""
    way = np.arange(size)
    beyond = np.maximum(np.maximum(low - way, way - low - length + 1), 0)
    return np.exp(-((beyond / reach) ** 2)).astype(np.float32)


def place_whole(alpha: np.ndarray) -> Placement:
    """The photo as it is."""
    height, width = alpha.shape
    return Placement(Box(0, 0, width, height), (0, 0), (width, height), (width, height))


def _cut_sides(alpha: np.ndarray, box: Box) -> tuple[bool, ...]:
    """Whether the photo's border cuts the subject in `box`: left, top, right, bottom."""
    wide, high = box.size
    borders = ((alpha[:, 0], high), (alpha[0], wide), (alpha[:, -1], high), (alpha[-1], wide))
    return tuple(bool((line > 127).sum() > CUT_SHARE * along) for line, along in borders)


def _measure_margins(alpha: np.ndarray, box: Box, margin: float) -> tuple[int, ...]:
    """Pixels of margin at the left, top, right and bottom."""
    spare = round(margin / 100 * max(box.size))
    return tuple(0 if cut else spare for cut in _cut_sides(alpha, box))


def find_origin(alpha: np.ndarray, box: Box, seen: tuple[float, float]) -> tuple[float, float]:
    """The top left corner, in the photo, of a part `seen` large with `box` in its middle or at a side that cuts it.

    What is cut at the bottom stands there, whatever touches the top: hair may, and a bust would float.
    """
    left, top, right, bottom = _cut_sides(alpha, box)
    beside = _start_view(box.left, box.right, seen[0], left and not right, right and not left)
    return beside, _start_view(box.top, box.bottom, seen[1], top and not bottom, bottom)


def _start_view(low: int, high: int, view: float, at_low: bool, at_high: bool) -> float:
    """Where a view of what lies from `low` to `high` starts: at one of the two, or with it in the middle."""
    return low if at_low else high - view if at_high else (low + high - view) / 2


def _fit_window(middle: float, part: float, whole: int) -> float:
    """Where a part of `whole` pixels starts: around `middle`, moved inside; centred where it is longer."""
    return (whole - part) / 2 if part >= whole else min(max(middle - part / 2, 0), whole - part)


def _is_too_small(box: Box, size: Size, natural: float, min_fill: float) -> bool:
    """Whether what is in `box` fills less than `min_fill` percent of a canvas, however large it is made."""
    fits = min(side / part for side, part in zip(size, box.size, strict=True))
    return 100 * min(1.0, LARGEST * natural / fits) < min_fill


def warn(placement: Placement, too_small: bool) -> Placement:
    """`placement` with the one warning on its size that is true: that it is too small, or enlarged."""
    if too_small:
        return placement._replace(warnings=(TOO_SMALL,))
    return placement._replace(warnings=(ENLARGED,)) if placement.enlarged > 1 else placement


def make_placement(
    alpha: np.ndarray, origin: tuple[float, ...], size: Size, scale: float, natural: float = 1.0
) -> Placement:
    """The photo seen from `origin` (in its pixels) at `scale`, cut to whole pixels of both."""
    low, high, at, scaled = [], [], [], []
    for start, side, whole in zip(origin, size, alpha.shape[::-1], strict=True):
        start = round(start) if scale == 1 else start
        first = min(max(0, int(np.floor(start + 1e-6))), whole - 1)
        last = max(first + 1, min(whole, int(np.ceil(start + side / scale - 1e-6))))
        low.append(first)
        high.append(last)
        at.append(min(round((first - start) * scale), side - 1))
        scaled.append(max(1 - min(at[-1], 0), round((last - start) * scale) - at[-1]))  # at least one pixel shows
    enlarged = max(1.0, round(scale / natural, 1))
    return Placement(Box(*low, *high), (at[0], at[1]), (scaled[0], scaled[1]), size, scale, enlarged)
