"""Parts: the subjects that a matte shows, told apart, so that one of them can be taken by a click."""

from typing import NamedTuple

import cv2
import numpy as np

from ..pixels.geometry import fit_size
from ..pixels.resample import resize_for_work
from .marks import Box, Pick

WORKING_SIDE = 320  # pixels of the longer side
SPECK = 12  # pixels at the working size below which something is no part of its own
NECK = 0.45  # of a part's inner radius: where two touch in less than this, they are two
LOBE = 0.2  # share of what hangs together that each of two has at least
STEPS = 8  # necks that are tried, from thin to thick
CUTS = 2  # rounds of GrabCut
NEAR, AROUND = (
    2.0,
    0.06,
)  # pixels beside a part in which a click still means it; share of the longer side that is its own
ENCLOSED = 0.5  # share of a part that a box has to hold


class Parts(NamedTuple):
    """The parts of a matte, at the working size.

    Attributes
    ----------
    nearest
        ``(h, w)`` int32: the number of the part that each pixel is nearest to, from 1; 0 throughout without any.
    distance
        ``(h, w)`` float32: how far it is from that, 0 in it.
    rgb
        ``(h, w, 3)`` uint8: the photo.
    """

    nearest: np.ndarray
    distance: np.ndarray
    rgb: np.ndarray


def split_parts(alpha: np.ndarray, rgb: np.ndarray) -> Parts:
    """Tell the subjects of a matte apart: what does not hang together, and what hangs together by a neck only.

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8.
    rgb
        ``(H, W, 3)`` uint8, the photo.
    """
    size = fit_size(alpha.shape[::-1], WORKING_SIDE)
    small, small_rgb = resize_for_work(alpha, size), resize_for_work(rgb, size)
    count, pieces, facts, _ = cv2.connectedComponentsWithStats((small > 127).view(np.uint8), connectivity=4)
    labels = np.zeros_like(pieces)
    for piece in range(1, count):
        left, top, width, height, area = facts[piece]
        if area < SPECK:
            continue
        tile = slice(top, top + height), slice(left, left + width)
        split = _split_lobes(pieces[tile] == piece, small_rgb[tile])
        labels[tile] = np.where(split > 0, split + labels.max(), labels[tile])
    return Parts(*_spread(labels), small_rgb)


def spread_mask(mask: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """What `mask` ``(h, w)`` bool tells, with what is around it up to the other subjects of a matte: ``(h, w)`` bool.

    `alpha` is the matte, ``(h, w)`` uint8.
    """
    others = ((alpha > 127) & ~mask).view(np.uint8)
    others = cv2.morphologyEx(others, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))  # not the rim of the same
    nearest, distance = _spread(np.where(mask, 1, np.where(others > 0, 2, 0)).astype(np.int32))
    return np.asarray((nearest == 1) & (distance <= AROUND * max(mask.shape)))


def _spread(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of `labels`, 0 between them, each pixel is nearest to: ``(h, w)`` int32; and how far it is from that."""
    if not labels.any():
        return labels, np.full(labels.shape, np.inf, np.float32)
    outside = (labels == 0).view(np.uint8)
    distance, seeds = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    of_seed = np.zeros(seeds.max() + 1, np.int32)
    of_seed[seeds[labels > 0]] = labels[labels > 0]
    return of_seed[seeds], distance


def _split_lobes(piece: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    """The lobes of `piece` ``(h, w)`` bool as labels from 1, cut along what the photo shows where they touch."""
    seeds = _find_lobes(piece)
    labels, rest = piece.astype(np.int32), piece.copy()
    for number in range(1, seeds.max()):
        cut = cut_between(rgb, rest, seeds == number, seeds > number)
        labels[rest & ~cut] = number + 1
        rest &= ~cut
    return labels


def _find_lobes(piece: np.ndarray) -> np.ndarray:
    """The middles of the lobes of `piece`, as labels from 1; only one where no neck is thin enough."""
    depth = cv2.distanceTransform(np.pad(piece, 1).view(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    for neck in depth.max() * NECK * np.arange(1, STEPS + 1) / STEPS:
        count, cores = cv2.connectedComponents((depth > neck).view(np.uint8), connectivity=4)
        deep = [core for core in range(1, count) if depth[cores == core].max() * NECK >= neck]
        if len(deep) < 2:
            continue
        middles = np.where(np.isin(cores, deep), cores, 0)
        areas = np.bincount(_spread(middles)[0][piece], minlength=count)
        large = [core for core in deep if areas[core] >= LOBE * areas.sum()]
        if len(large) > 1:
            return sum((number * (cores == core) for number, core in enumerate(large, 1)), np.zeros_like(cores))
    return piece.astype(np.int32)


def cut_between(rgb: np.ndarray, within: np.ndarray, ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """What of `within` goes with `ours` rather than with `theirs`, by a graph cut (GrabCut): ``(h, w)`` bool.

    What lies outside must not count: it takes the colour of `theirs`.
    """
    picture = rgb.copy()
    picture[~within] = rgb[theirs].mean(axis=0)
    to_ours, to_theirs = (cv2.distanceTransform((~each).view(np.uint8), cv2.DIST_L2, 5) for each in (ours, theirs))
    labels = np.where(to_ours < to_theirs, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[theirs | ~within] = cv2.GC_BGD
    labels[ours] = cv2.GC_FGD
    cv2.setRNGSeed(0)  # of its colour clusters: the same click always gives the same
    cv2.grabCut(picture, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), CUTS, cv2.GC_INIT_WITH_MASK)
    cut = _keep_connected((labels % 2 == 1) & within, ours)
    return within & ~_keep_connected(within & ~cut, theirs)  # islands are of what they lie in


def _keep_connected(area: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """What of `area` ``(h, w)`` bool hangs together with `seeds`."""
    _, pieces = cv2.connectedComponents(area.view(np.uint8), connectivity=4)
    return area & np.isin(pieces, np.unique(pieces[seeds & area]))


def choose_parts(parts: Parts, pick: Pick, scale: float) -> np.ndarray | None:
    """Where the parts are that a pick means, each with what is around it; None where it means none.

    Parameters
    ----------
    scale
        Of the working size, as a fraction of the pixels that `pick` is told in.

    Returns
    -------
    numpy.ndarray
        ``(h, w)`` bool at the working size.
    """
    ours, theirs = (_find_part_at(parts, points, scale) for points in (pick.include, pick.exclude))
    if pick.box is not None:
        ours |= _find_parts_in(parts, pick.box, scale)
    chosen = np.isin(parts.nearest, list(ours - theirs))
    for both in ours & theirs:
        chosen |= _cut_part(parts, both, pick, scale)
    chosen &= parts.distance <= AROUND * max(parts.distance.shape)
    return chosen if chosen.any() else None


def _find_part_at(parts: Parts, points: tuple[tuple[float, float], ...], scale: float) -> set[int]:
    places = [_place(parts, point, scale) for point in points]
    return {int(parts.nearest[place]) for place in places if parts.distance[place] <= NEAR}


def _find_parts_in(parts: Parts, box: Box, scale: float) -> set[int]:
    left, top, right, bottom = (round(side * scale) for side in box)
    inside = np.where(parts.distance == 0, parts.nearest, 0)
    whole = np.bincount(inside.ravel())
    held = np.bincount(inside[top : bottom + 1, left : right + 1].ravel(), minlength=len(whole))
    return {int(part) for part in np.flatnonzero(held > ENCLOSED * whole) if part}


def _cut_part(parts: Parts, part: int, pick: Pick, scale: float) -> np.ndarray:
    """What of a part, with what is around it, goes with the points in it rather than with those that are excluded."""
    inside = (parts.nearest == part) & (parts.distance == 0)
    ours, theirs = (_draw_dots(parts, points, scale) & inside for points in (pick.include, pick.exclude))
    ours &= ~theirs
    if not (ours.any() and theirs.any()):
        return np.zeros_like(inside)
    cut = cut_between(parts.rgb, inside, ours, theirs)
    nearest, _ = _spread(np.where(cut, 1, np.where(inside, 2, 0)).astype(np.int32))
    return np.asarray((nearest == 1) & (parts.nearest == part))


def _draw_dots(parts: Parts, points: tuple[tuple[float, float], ...], scale: float) -> np.ndarray:
    dots = np.zeros(parts.nearest.shape, np.uint8)
    for point in points:
        row, column = _place(parts, point, scale)
        cv2.circle(dots, (column, row), 3, 1, -1)
    return dots > 0


def _place(parts: Parts, point: tuple[float, float], scale: float) -> tuple[int, int]:
    """The row and column of a point."""
    height, width = parts.nearest.shape
    return min(int(point[1] * scale), height - 1), min(int(point[0] * scale), width - 1)
