"""Keying: a matte from the one colour that a drawn picture stands on, exact to the pixel, without a network.

A pixel along an edge is a mixture of the background's colour and of one that is solid nearby; how much of it is
subject follows from where its colour lies between the two. What has the background's colour is background wherever it
is: inside a ring, and white eyes on white as well.

Sources: Porter, Duff, Compositing Digital Images, 1984, for the mixture; Smith, Blinn, Blue Screen Matting, 1996, for
when it can be solved with one known background. Which solid colour counts for which pixel is ours.
"""

from functools import partial
from math import ceil
from typing import Literal, NamedTuple

import cv2
import numpy as np

from ..base.parallel import map_parallel
from .networks import Prediction

SEGMENTS = 8  # parts of each side of the border, of which each has to have the colour
REACH = 48  # pixels across which an edge may be blurred, or a shadow end
FAINT = 24  # grey levels from the background up to which an even colour may be the end of a shadow
CELL = 8  # pixels: side of the squares whose strongest colour is known, for strokes too thin to be solid anywhere
AT_ONCE = 1 << 16  # pixels that are solved together
NEAR = [(y, x) for y in range(-2, 3) for x in range(-2, 3) if (y, x) != (0, 0)]
CELLS = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
FINE = 1024  # pixels of the longer side up to which colours are continued exactly
Pixels = tuple[np.ndarray, np.ndarray]  # rows and columns
SQUARE = np.ones((3, 3), np.uint8)


class _Flat(NamedTuple):
    """Limits for a border that counts as of one colour, in grey levels or as shares of its pixels."""

    share: float  # of its pixels have that colour
    noise: float  # that 99 % of these stay under
    drift: float = 2.0  # of the mean of any part of it
    drawn: float = 0.0  # of the subject's pixels are of the `FEW` most frequent colours


KeyMode = Literal["auto", "outside", "on"]
FLAT: dict[KeyMode, _Flat] = {"on": _Flat(0.8, 6), "outside": _Flat(0.8, 6), "auto": _Flat(0.97, 2, 1.0, 0.5)}
FEW = 12
ENCLOSED = 0.1  # of a subject with its holes filled
LOOSE = 12  # grey levels from the border's median up to which a pixel may be of its colour
JPEG = 2  # grey levels of unevenness beside edges from which a picture was a JPEG
BY_BRIGHTNESS = np.array([[0.51, 1.0, 0.19], [-0.06, -0.12, 0.18], [0.18, -0.15, -0.03]], np.float32)  # 1.7 Y, 0.35 C
SPECK = 0.3  # of the strength of a JPEG's edge: pixels beside it up to which are its noise unless they are mixtures
ECHO = 0.08  # of the strength of an edge: lines beside it up to which are no part of the picture
CROSSED = 20  # grey levels on both sides of the background: what lies between is a mixture of other colours
VALLEY = 0.15  # of the strength around: what is paler, and uneven, has background in it
LEAST = 0.25  # of a thin stroke's opacity: what is paler is a pale colour of its own


class Ground(NamedTuple):
    """The one colour behind a picture.

    Attributes
    ----------
    colour
        ``(3,)`` uint8.
    tolerance
        Grey levels by which pixels of that colour may differ from it.
    jpeg
        Whether colours are coarser than brightness, as in JPEG.
    """

    colour: np.ndarray
    tolerance: int
    jpeg: bool = False


def key_subject(rgb: np.ndarray, how: KeyMode = "on") -> Prediction | None:
    """The matte of what stands on a background of one colour, or None where the background is not of one colour.

    Parameters
    ----------
    rgb
        ``(H, W, 3)`` uint8, the picture.
    how
        ``on`` asks only that the border is of one colour, but for what touches it; ``auto`` also that the picture is
        clean and drawn, since on photos a key makes holes in whatever has the colour of the wall, and that no large
        part of that colour is enclosed, which nobody can tell from a hole. ``outside`` keeps what is enclosed.

    Returns
    -------
    Prediction or None
        Matte and foreground at the picture's own size. Foreground over the background's colour gives the picture again.

    Examples
    --------
    >>> picture = np.full((40, 40, 3), 255, np.uint8)
    >>> picture[10:30, 10:30] = 200, 0, 0
    >>> float(key_subject(picture).matte.sum())
    400.0
    """
    ground = find_ground(rgb, FLAT[how])
    if ground is None or min(rgb.shape[:2]) < 3:
        return None
    planes = _Planes.measure(rgb, ground)
    if how == "auto" and not (_is_drawn(rgb, planes.ground, FLAT[how].drawn) and _is_open(planes.ground)):
        return None
    if how == "outside":
        planes = planes.fill_holes()
    return _solve(rgb, planes)


def find_ground(rgb: np.ndarray, limits: _Flat) -> Ground | None:
    """The colour of the border of `rgb` ``(H, W, 3)`` uint8; None where it is not one colour within `limits`."""
    depth = max(1, min(4, min(rgb.shape[:2]) // 50))
    sides = [rgb[:depth], rgb[-depth:], rgb[:, :depth].swapaxes(0, 1), rgb[:, -depth:].swapaxes(0, 1)]
    border = np.concatenate([side.reshape(-1, 3) for side in sides])
    colour = np.median(border, axis=0)
    close = np.abs(border - colour).max(axis=1) <= LOOSE
    if close.mean() < limits.share:
        return None
    colour = np.rint(np.median(border[close], axis=0))
    noise = float(np.percentile(np.abs(border[close] - colour).max(axis=1), 99))
    for side in sides:
        for part in np.array_split(side, min(SEGMENTS, side.shape[1]), axis=1):
            values = part.reshape(-1, 3)
            values = values[np.abs(values - colour).max(axis=1) <= LOOSE]
            if len(values) and np.abs(values.mean(axis=0) - colour).max() > limits.drift:
                return None
    return Ground(colour.astype(np.uint8), max(1, ceil(noise))) if noise <= limits.noise else None


class _Planes(NamedTuple):
    """What is known of each pixel, all ``(H, W)``.

    Attributes
    ----------
    away
        uint8: how far its colour is from the background's, in the channel where it is farthest.
    ground, pale, still, peak
        bool: it has the background's colour; it is close to that, for its surroundings; these have its own colour; none
        beside it is farther from the background's.
    """

    known: Ground
    away: np.ndarray
    ground: np.ndarray
    pale: np.ndarray
    still: np.ndarray
    peak: np.ndarray

    @classmethod
    def measure(cls, rgb: np.ndarray, ground: Ground) -> "_Planes":
        """Look at each pixel and those beside it."""
        away = _reach_farthest(cv2.absdiff(rgb, (*map(float, ground.colour), 0.0)))
        ringing = _measure_ringing(rgb, away)
        tolerance = max(ground.tolerance, ringing)
        least, most = cv2.erode(rgb, SQUARE), cv2.dilate(rgb, SQUARE)
        spread = _reach_farthest(cv2.subtract(most, least))
        still = spread <= cv2.max(cv2.convertScaleAbs(away, alpha=0.1), np.full_like(away, tolerance + 1))
        climb = cv2.subtract(cv2.dilate(away, np.ones((15, 15), np.uint8)), away)
        clear = (away > FAINT) | (climb <= tolerance + 1)  # else it may be where a shadow ends
        still &= clear
        peak = cv2.subtract(cv2.dilate(away, SQUARE), away) <= tolerance // 2
        strongest = cv2.dilate(away, np.ones((7, 7), np.uint8))
        pale = away <= cv2.convertScaleAbs(strongest, alpha=VALLEY, beta=tolerance)
        empty = away <= tolerance
        if not empty.all():
            crossings = _find_crossings(pale, least, most, Ground(ground.colour, tolerance))
            empty[crossings], still[crossings] = False, True
            empty |= _find_echoes(away, strongest, tolerance) & peak
        peak &= clear
        return cls(Ground(ground.colour, tolerance, ringing > JPEG), away, empty, pale, still & ~empty, peak & ~empty)

    def fill_holes(self) -> "_Planes":
        """The same with what the subject encloses as a part of it."""
        outside = _find_outside(self.ground)
        still = self.still | (self.ground & ~outside)
        return self._replace(ground=outside, pale=np.zeros_like(self.pale), still=still)


def _reach_farthest(difference: np.ndarray) -> np.ndarray:
    """The largest of the three channels."""
    red, green, blue = cv2.split(difference)
    return cv2.max(cv2.max(red, green), blue)


def _measure_ringing(rgb: np.ndarray, away: np.ndarray) -> int:
    """Grey levels by which JPEG changes the background beside edges; 0 for pictures that never were JPEG.

    It is what is uneven there: a shadow or a glow is smooth.
    """
    strong = (away > 40).view(np.uint8)
    beside = cv2.dilate(strong, np.ones((17, 17), np.uint8)) & (1 - cv2.dilate(strong, np.ones((5, 5), np.uint8)))
    rows, columns = np.nonzero(beside & (away <= 24))
    if not len(rows):
        return 0
    step = max(1, len(rows) // 100_000)
    rows, columns = rows[::step], columns[::step]
    if np.percentile(away[rows, columns], 97) == 0:
        return 0
    uneven = _reach_farthest(cv2.absdiff(rgb, cv2.blur(rgb, (3, 3))))[rows, columns]
    return min(16, ceil(1.5 * float(np.percentile(uneven, 97))))


def _find_crossings(
    pale: np.ndarray, least: np.ndarray, most: np.ndarray, ground: Ground
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels between a brighter and a darker part of the subject that come near the background only in passing."""
    wide = cv2.dilate(cv2.erode(pale.view(np.uint8), np.ones((2, 2), np.uint8)), SQUARE) > 0
    rows, columns = np.nonzero(pale & ~wide)
    middle, off = ground.colour.astype(np.int16), CROSSED + ground.tolerance
    crossed = (middle - least[rows, columns] > off) & (most[rows, columns] - middle > off)
    passing = crossed.any(axis=1)
    return rows[passing], columns[passing]


def _find_echoes(away: np.ndarray, strongest: np.ndarray, tolerance: int) -> np.ndarray:
    """Faint lines beside strong edges, which sharp resizing leaves."""
    faint = cv2.convertScaleAbs(strongest, alpha=ECHO, beta=tolerance + 2) >= away
    faint &= away > tolerance
    wide = cv2.morphologyEx(faint.view(np.uint8), cv2.MORPH_OPEN, SQUARE)
    return faint & (wide == 0)


def _is_drawn(rgb: np.ndarray, ground: np.ndarray, share: float) -> bool:
    """Whether `share` of the subject is of very few colours: drawings are, photos even of smooth things are not."""
    subject = rgb[cv2.erode((~ground).view(np.uint8), SQUARE) > 0]
    subject = subject[:: max(1, len(subject) // 200_000)]
    if len(subject) == 0:
        return True
    packed = subject.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    counts = np.unique(packed, return_counts=True)[1]
    return float(np.sort(counts)[-FEW:].sum()) >= share * len(packed)


def _is_open(ground: np.ndarray) -> bool:
    """Whether little of the background's colour is enclosed by the subject, where it may be a part of it."""
    outside = _find_outside(ground)
    filled = outside.size - np.count_nonzero(outside)
    return bool(np.count_nonzero(ground & ~outside) <= ENCLOSED * filled)


def _find_outside(ground: np.ndarray) -> np.ndarray:
    """What of the background hangs together with that beyond the border."""
    around = cv2.copyMakeBorder(ground.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    return cv2.connectedComponents(around, connectivity=4)[1][1:-1, 1:-1] == 1


def _solve(rgb: np.ndarray, planes: _Planes) -> Prediction:
    """Matte and foreground of a picture whose pixels are known."""
    matte = (~planes.ground).astype(np.float32)
    seeds = planes.still | planes.peak
    if not seeds.any():
        return Prediction(matte, rgb, exact=True)
    mixed, foreground, colour = _find_mixed(planes), rgb.copy(), planes.known.colour.astype(np.float32)
    mixing = _Mixing(foreground, seeds, planes)
    thin = mixed & planes.peak & ~planes.still
    for part, is_thin in ((thin, True), (mixed & ~thin, False)):  # thin ones first: they are seeds for others
        rows, columns = np.nonzero(part)
        pieces = [(rows[at : at + AT_ONCE], columns[at : at + AT_ONCE]) for at in range(0, len(rows), AT_ONCE)]
        solved = list(map_parallel(partial(mixing.solve, thin=is_thin), pieces))
        for piece, (opacity, solid) in zip(pieces, solved, strict=True):
            matte[piece] = opacity
            foreground[piece] = np.clip(solid + colour + 0.5, 0, 255)
    cv2.copyTo(mixing.around, planes.ground.view(np.uint8), foreground)  # for edges that are moved or softened later
    return Prediction(matte, foreground, exact=True)


def _find_mixed(planes: _Planes) -> np.ndarray:
    """Pixels on the way up from the background to a solid colour, at most `REACH` from it."""
    ramp = ~planes.ground & ~planes.still
    mixed = ramp & planes.pale  # such as in the eye of a small e
    reached = planes.ground | mixed
    for _ in range(REACH):
        lowest = cv2.erode(np.where(reached, planes.away, np.uint8(255)), SQUARE)
        new = ramp & ~mixed & (lowest <= planes.away)
        if not new.any():
            break
        mixed |= new
        reached = reached | (new & ~planes.peak)
    return mixed


def _find_strongest(away: np.ndarray, seeds: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """For each square of `side` pixels row and column of the seed that is farthest from the background's colour."""
    height, width = away.shape
    down, across = -(-height // side), -(-width // side)
    values = np.zeros((down * side, across * side), np.uint8)
    np.multiply(away, seeds, out=values[:height, :width])
    cells = values.reshape(down, side, across, side).swapaxes(1, 2).reshape(down, across, -1)
    y, x = np.divmod(cells.argmax(axis=2), side)
    y += np.arange(down)[:, None] * side
    x += np.arange(across)[None] * side
    return np.minimum(y, height - 1), np.minimum(x, width - 1)


def _continue_colours(rgb: np.ndarray, away: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """The colour of the nearest seed for each pixel, ``(H, W, 3)`` uint8; in large pictures to a few pixels."""
    height, width = away.shape
    side = max(1, max(height, width) // FINE)
    y, x = _find_strongest(away, seeds, side)
    colours, empty = rgb[y, x], ~seeds[y, x]
    if empty.any():
        gaps, by_pixel = empty.view(np.uint8), cv2.DIST_LABEL_PIXEL
        _, labels = cv2.distanceTransformWithLabels(gaps, cv2.DIST_L2, 3, labelType=by_pixel)
        nearest = np.zeros((int(labels.max()) + 1, 3), np.uint8)
        nearest[labels[~empty]] = colours[~empty]
        colours = nearest[labels]
    return colours.repeat(side, 0)[:height].repeat(side, 1)[:, :width] if side > 1 else colours


class _Mixing:
    """Pixels as mixtures of the background's colour and of a solid one nearby.

    Attributes
    ----------
    around
        ``(H, W, 3)`` uint8: the colour of a seed near each pixel.
    """

    def __init__(self, rgb: np.ndarray, seeds: np.ndarray, planes: _Planes) -> None:
        self._rgb, self._seeds, self._known = rgb, seeds, planes.known
        self._colour = planes.known.colour.astype(np.float32)
        self._strongest = _find_strongest(planes.away, seeds, CELL)
        self.around = _continue_colours(rgb, planes.away, seeds)

    def solve(self, at: Pixels, thin: bool) -> tuple[np.ndarray, np.ndarray]:
        """Opacity ``(n,)`` and solid colour ``(n, 3)``, as a difference from the background's, of pixels.

        Of the solid colours beside a pixel that explain it the farthest from the background's counts; where none does,
        the one that explains it best. A pixel of a `thin` stroke is solid itself unless one farther off explains it.
        """
        rows, columns = at
        height, width = self._seeds.shape
        best = _Best(self._look(at), self._known, thin)
        for y, x in NEAR:
            near = np.clip(rows + y, 0, height - 1), np.clip(columns + x, 0, width - 1)
            best.try_colours(self._look(near), self._seeds[near])
        missing = np.ones(len(rows), bool) if thin else ~best.explained
        if missing.any():
            down, across = self._strongest[0].shape
            for y, x in CELLS:
                cell = np.clip(rows // CELL + y, 0, down - 1), np.clip(columns // CELL + x, 0, across - 1)
                far = self._strongest[0][cell], self._strongest[1][cell]
                best.try_colours(self._look(far), self._seeds[far] & missing)
            best.try_colours(self.around[at] - self._colour, missing)
        return best.finish()

    def _look(self, at: Pixels) -> np.ndarray:
        """Colours of pixels as differences from the background's, ``(n, 3)`` float32."""
        return self._rgb[at] - self._colour


class _Best:
    """The best explanation so far of pixels as mixtures."""

    def __init__(self, own: np.ndarray, known: Ground, thin: bool) -> None:
        self._colour, self._own, self._known, self._thin = own, self._weigh(own, known), known, thin
        self._tolerance, self._length = known.tolerance, np.linalg.norm(self._own, axis=1)
        self.explained = np.full(len(own), thin)
        self._solid, self._size, self._strongest = own, self._length, np.zeros_like(self._length)
        self._rest = np.full(len(own), 0 if thin else np.inf, np.float32)

    def try_colours(self, solid: np.ndarray, allowed: np.ndarray) -> None:
        """Take `solid`, one colour a pixel, where it is `allowed` and explains the pixel better."""
        weighed = self._weigh(solid, self._known)
        square = np.einsum("ij,ij->i", weighed, weighed)
        share = np.einsum("ij,ij->i", self._own, weighed) / np.maximum(square, 1)
        rest = np.linalg.norm(self._own - share[:, None] * weighed, axis=1)
        size = np.sqrt(square)
        self._strongest = np.maximum(self._strongest, size * allowed)
        allowed = allowed & (share > 0) & (size >= self._length - self._tolerance)
        fits = rest <= 2 + self._tolerance + 0.04 * self._length
        if self._thin:
            better = allowed & fits & (size > self._size + self._tolerance) & (share >= LEAST)
        else:
            stronger = fits & (~self.explained | (size > self._size))
            better = allowed & (stronger | (~fits & ~self.explained & (rest < self._rest)))
        self.explained |= better & fits
        self._solid = np.where(better[:, None], solid, self._solid)
        self._size, self._rest = np.where(better, size, self._size), np.where(better, rest, self._rest)

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """Opacity, and the solid colour that gives the pixel again."""
        weighed = self._weigh(self._solid, self._known)
        square = np.maximum(np.einsum("ij,ij->i", weighed, weighed), 1)
        opacity = np.clip(np.einsum("ij,ij->i", self._own, weighed) / square, 0, 1)
        noise = self._tolerance / np.sqrt(square)
        opacity[opacity >= 1 - noise] = 1
        if self._known.jpeg:  # what else is in the pixel is noise
            alone = ~self.explained | (self._size <= self._length)
            opacity[(opacity <= noise) | (alone & (self._length <= SPECK * self._strongest))] = 0
            return opacity.astype(np.float32), self._solid
        rest = self._colour - opacity[:, None] * self._solid
        known = np.linalg.norm(rest, axis=1) <= self._tolerance
        share = np.where(known, opacity, 1 / np.maximum(opacity, 1 / 255))[:, None]
        return opacity.astype(np.float32), self._solid + share * rest

    @staticmethod
    def _weigh(colours: np.ndarray, known: Ground) -> np.ndarray:
        """Colours as they are compared: of a JPEG mostly by brightness, which is sharper there."""
        return cv2.transform(colours[None], BY_BRIGHTNESS)[0] if known.jpeg else colours
