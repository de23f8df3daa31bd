"""More looks at a photo that one does not suit: at parts of a very wide one, at the surroundings of a small subject.

A look is one run of a network on the photo or on a region of it. What the whole photo shows has its say in each joined
matte, as a region alone does not tell what is the subject.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from ..pixels.geometry import Size
from .blending import follow_surest, measure_certainty
from .networks.feeding import WHOLE, Region, crop_to_region

WIDE = 2.2  # ratio of the sides from which a photo is seen in parts
PART = 1.6  # ratio of the sides of a part
MOST_PARTS = 6  # of a photo; those of a still wider one are longer
OVERLAP = 0.25  # of a part, at least, which the next one sees too
SEEN = 0.005  # share of a part, as subject in the look at the whole, from which its own look counts
SURE = 0.9  # certainty from which it counts whatever the whole showed
SPECK = 0.05  # of the largest piece: smaller pieces are not part of the subject's box
MARGIN = 0.4  # of the longer side of that box, on each side: the surroundings
FINE = 250**2  # pixels of a matte: surroundings that it shows in more are worth none either
LEAST = 64  # pixels of the photo: regions with a shorter side have no more to show
CLOSER = 3  # weight of the look at the surroundings, beside 1 of the first
RAMP = 0.15  # of the surroundings' sides: where the second look fades into the first
LONGEST = 2048  # pixels of a joined matte's longer side
Look = Callable[[Region], np.ndarray]  # a network's matte ``(h, w)`` float32 of a region of the photo


class Effort(NamedTuple):
    """What looks at a picture may cost.

    Attributes
    ----------
    small
        Share of it up to which a subject's surroundings get a look of their own.
    far
        Times a network's size that is left at least when it is halved before it is resized with care; None: as
        `resize_for_network` does.
    """

    small: float
    far: float | None = None


PHOTO = Effort(0.6)
FRAME = Effort(0.45, 1.5)  # of a clip: above it a second look gains little, and flickers where it comes and goes


def look_again(matte: np.ndarray, size: Size, look: Look, in_parts: bool, small: float = PHOTO.small) -> np.ndarray:
    """`matte`, joined with further looks where the photo asks for them; else itself.

    Parameters
    ----------
    matte
        Of the whole photo, ``(h, w)`` float32 in [0, 1].
    size
        Width and height of the photo in pixels.
    look
        Runs the network on a region.
    in_parts
        Whether a wide photo is worth looking at in parts.
    small
        Share of the photo up to which a subject's surroundings get a look of their own.

    Returns
    -------
    numpy.ndarray
        ``(h, w)`` float32 in [0, 1]; larger than `matte` where more was seen, so that nothing of it is lost.
    """
    parts = list_parts(size) if in_parts else []
    if parts:
        matte = _join_parts(matte, [look(part) for part in parts], parts, size)
    surroundings = find_surroundings(matte, size, small)
    return matte if surroundings is None else _join_closer(matte, look(surroundings), surroundings, size)


def list_parts(size: Size) -> list[Region]:
    """Overlapping regions from one end of a wide or tall photo to the other; none where it is neither.

    >>> [(left, right) for left, _, right, _ in list_parts((1000, 250))]
    [(0.0, 0.4), (0.3, 0.7), (0.6, 1.0)]
    """
    longer, shorter = max(size), min(size)
    if longer < WIDE * shorter or shorter < LEAST:
        return []
    length = PART * shorter
    count = min(MOST_PARTS, 1 + math.ceil((longer - length) / (length * (1 - OVERLAP)) - 1e-9))
    length = round(max(length, longer / (count - (count - 1) * OVERLAP)))
    starts = [round(place * (longer - length) / (count - 1)) for place in range(count)]
    spans = [(start / longer, (start + length) / longer) for start in starts]
    return [(start, 0.0, end, 1.0) if size[0] > size[1] else (0.0, start, 1.0, end) for start, end in spans]


def find_surroundings(matte: np.ndarray, size: Size, small: float = PHOTO.small) -> Region | None:
    """The box of a small subject in a photo of `size`, with a margin; None where a closer look shows no more."""
    pieces = cv2.connectedComponentsWithStats((matte > 0.5).view(np.uint8))[2][1:]
    if not len(pieces):
        return None
    corners = pieces[pieces[:, 4] >= SPECK * pieces[:, 4].max()][:, :4]
    scale = np.array(size) / matte.shape[::-1]
    start, end = corners[:, :2].min(axis=0) * scale, (corners[:, :2] + corners[:, 2:]).max(axis=0) * scale
    margin = MARGIN * (end - start).max()
    start, end = np.rint(np.maximum(start - margin, 0)), np.rint(np.minimum(end + margin, size))
    sides = end - start
    if sides.min() < LEAST or sides.prod() > min(small, FINE / matte.size) * size[0] * size[1]:
        return None
    (left, top), (right, bottom) = (start / size).tolist(), (end / size).tolist()
    return left, top, right, bottom


def _join_parts(whole: np.ndarray, parts: Sequence[np.ndarray], regions: Sequence[Region], size: Size) -> np.ndarray:
    """The matte of the whole photo and those of its parts, which fade into each other where they overlap.

    A network that sees only background finds a subject in it. So a part counts where the whole has a subject, too, or
    where it is sure.
    """
    if max(part.max() for part in parts) < 0.5:
        return whole
    grid = _choose_grid(whole, parts, regions, size)
    enlarged = _place(whole, WHOLE, grid)
    windows = [_make_window(region, OVERLAP, grid) for region in regions]
    joined = np.zeros_like(enlarged)
    for part, region, window in zip(parts, regions, windows, strict=True):
        seen = float((crop_to_region(whole, region) > 0.5).mean()) > SEEN
        joined += window * (_place(part, region, grid) if seen or measure_certainty(part) > SURE else enlarged)
    return follow_surest((enlarged, joined / np.add.reduce(windows)), (1, 1))


def _join_closer(matte: np.ndarray, closer: np.ndarray, region: Region, size: Size) -> np.ndarray:
    """`matte` with the look at `region`, which fades into it towards the region's borders."""
    grid = _choose_grid(matte, [closer], [region], size)
    joined = _place(matte, WHOLE, grid)
    first, second, window = (
        crop_to_region(each, region)
        for each in (joined, _place(closer, region, grid), _make_window(region, RAMP, grid))
    )
    first += window * (follow_surest((first, second), (1, CLOSER)) - first)
    return joined


def _choose_grid(whole: np.ndarray, parts: Sequence[np.ndarray], regions: Sequence[Region], size: Size) -> Size:
    """Width and height at which nothing that a look saw is lost; at most the photo's, or `LONGEST`."""
    seen = [
        (part.shape[1] / (x1 - x0), part.shape[0] / (y1 - y0))
        for part, (x0, y0, x1, y1) in zip(parts, regions, strict=True)
    ]
    width, height = (min(side, max(each)) for side, each in zip(size, zip(*seen, strict=True), strict=True))
    scale = min(1.0, LONGEST / max(width, height))
    return max(whole.shape[1], round(width * scale)), max(whole.shape[0], round(height * scale))


def _place(matte: np.ndarray, region: Region, grid: Size) -> np.ndarray:
    """The matte of `region` at its place in one of the whole photo, to fractions of a pixel; repeated beyond."""
    x0, y0, x1, y1 = region
    wanted = max(1, round((x1 - x0) * grid[0])), max(1, round((y1 - y0) * grid[1]))
    fewer = min(wanted[0], matte.shape[1]), min(wanted[1], matte.shape[0])
    if fewer != matte.shape[::-1]:
        matte = cv2.resize(matte, fewer, interpolation=cv2.INTER_AREA)
    across, down = matte.shape[1] / (x1 - x0), matte.shape[0] / (y1 - y0)  # its pixels in the whole photo
    there = np.array(
        [
            [across / grid[0], 0, across * (0.5 / grid[0] - x0) - 0.5],
            [0, down / grid[1], down * (0.5 / grid[1] - y0) - 0.5],
        ]
    )
    how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.clip(cv2.warpAffine(matte, there, grid, flags=how, borderMode=cv2.BORDER_REPLICATE), 0, 1)


def _make_window(region: Region, ramp: float, grid: Size) -> np.ndarray:
    """1 in `region` and 0 beyond, ``(h, w)`` float32; in between ramps of so much of its sides, none at the photo's."""
    x0, y0, x1, y1 = region
    across, down = _make_ramps(x0, x1, ramp, grid[0]), _make_ramps(y0, y1, ramp, grid[1])
    return down[:, None] * across


def _make_ramps(start: float, end: float, ramp: float, length: int) -> np.ndarray:
    at, width = (np.arange(length, dtype=np.float32) + 0.5) / length, ramp * (end - start)
    rising = (at - start) / width if start > 0 else np.ones_like(at)
    falling = (end - at) / width if end < 1 else np.ones_like(at)
    return np.clip(np.minimum(rising, falling), 0, 1).astype(np.float32)
