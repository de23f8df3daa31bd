"""What a hand does to a frame: a part of the photo on a canvas, the subject larger or smaller in it, and moved."""

from typing import NamedTuple

import numpy as np

from ..pixels.geometry import Size
from .framing import ENLARGED, LARGEST, TOO_SMALL, Box, Placement, find_origin, make_placement, warn

ALIKE = 2.0  # pixels by which a part misses the shape of a canvas and still counts as having it: sides are whole pixels
KEPT = 0.1  # of the subject, or of the frame where that is smaller: what stays in sight wherever it is moved


class Stand(NamedTuple):
    """Where the subject stands in its frame, in fractions of the frame's width and height.

    Attributes
    ----------
    box
        Left, top, right and bottom of it; may reach beyond the frame.
    pivot
        The point that stays where it is while the scale changes: its middle, or where the photo's border cuts it.
    offset
        How far it was moved from where it stood.
    """

    box: tuple[float, float, float, float]
    pivot: tuple[float, float]
    offset: tuple[float, float]


def place_part(alpha: np.ndarray, size: Size, natural: float = 1.0) -> Placement:
    """A canvas of exactly `size` with all of a cropped photo in its middle, as large as it fits.

    `alpha` is ``(H, W)`` uint8, `natural` as in `place_on_canvas`.
    """
    part = alpha.shape[1], alpha.shape[0]
    low, high = sorted(side / own for side, own in zip(size, part, strict=True))
    beyond = max(own - side / high for side, own in zip(size, part, strict=True))
    wanted = high if beyond <= ALIKE else low
    scale = min(wanted, LARGEST * natural)
    origin = tuple((own - side / scale) / 2 for side, own in zip(size, part, strict=True))
    return warn(make_placement(alpha, origin, size, scale, natural), round(wanted / natural, 1) > LARGEST)


def place_part_in_ratio(alpha: np.ndarray, wide: float, high: float) -> Placement:
    """As `place_part`, not scaled, on a canvas that has the ratio `wide` : `high`."""
    width, height = alpha.shape[1], alpha.shape[0]
    across, down = round(height * wide / high), round(width * high / wide)
    choose = min if max(abs(width - across), abs(height - down)) <= ALIKE else max
    size = (max(1, choose(width, across)), max(1, choose(height, down)))
    origin = ((width - size[0]) / 2, (height - size[1]) / 2)
    return make_placement(alpha, origin, size, 1.0)


def move_subject(
    alpha: np.ndarray,
    box: Box,
    placed: Placement,
    offset: tuple[float, float] = (0.0, 0.0),
    scale: float = 1.0,
    natural: float = 1.0,
) -> tuple[Placement, Stand]:
    """`placed` with the subject `scale` times as large, then moved, as far as a part of it stays in sight.

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8, the matte of the photo that was placed.
    box
        The subject in it.
    offset
        To the right and downwards, in fractions of the frame's width and height.
    natural
        As in `place_on_canvas`.

    Returns
    -------
    Placement, Stand
        The first is `placed` itself where nothing is asked for.
    """
    middle = find_origin(alpha, box, (0.0, 0.0))
    pivot = [at + (point - low) * placed.scale for point, at, low in zip(middle, placed.at, placed.box, strict=False)]
    factor = placed.scale * scale
    ways, lows, highs = [], [], []
    for axis, side in enumerate(placed.size):
        low, high = (pivot[axis] + (box[axis + end] - middle[axis]) * factor for end in (0, 2))
        kept = KEPT * min(high - low, side)
        way = offset[axis] * side
        way = min(max(way, kept - high), side - kept - low) if way else 0.0
        ways.append(way)
        lows.append((low + way) / side)
        highs.append((high + way) / side)
    sides = placed.size
    stand = Stand(
        (lows[0], lows[1], highs[0], highs[1]),
        ((pivot[0] + ways[0]) / sides[0], (pivot[1] + ways[1]) / sides[1]),
        (ways[0] / sides[0], ways[1] / sides[1]),
    )
    if scale == 1 and not any(ways):
        return placed, stand
    origin = tuple(point - (at + way) / factor for point, at, way in zip(middle, pivot, ways, strict=True))
    moved = make_placement(alpha, origin, placed.size, factor, natural)
    return moved._replace(warnings=_renew_warnings(placed, moved)), stand


def _renew_warnings(placed: Placement, moved: Placement) -> tuple[str, ...]:
    """The warnings of `placed` as far as they are still true: who enlarges by hand knows what is too small."""
    too_small = TOO_SMALL in placed.warnings and moved.scale <= placed.scale
    others = tuple(code for code in placed.warnings if code not in (ENLARGED, TOO_SMALL))
    if too_small:
        return (*others, TOO_SMALL)
    return (*others, ENLARGED) if moved.enlarged > 1 else others
