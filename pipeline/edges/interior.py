"""The interior of a matte: solid inside the subject, clear outside, unless the photo speaks for a hole or for glass."""

from typing import Literal

import cv2
import numpy as np

from ..pixels.geometry import fit_size
from ..pixels.resample import resize_for_work
from ..pixels.tiles import Tile, enlarge_tile, find_soft_tiles, run_tiles

Interior = Literal["auto", "solid", "as-found"]
WORKING_SIDE = 384  # pixels of the longer side: the steps look at regions, not at edges
SUBJECT = 102  # grey level above which a pixel is taken for the subject
FAINT = np.clip(255 - 5 * (np.arange(256) - SUBJECT), 0, 255).astype(
    np.uint8
)  # by alpha: how much may be haze, not hair
RIM = 0.008  # of the longer side: how far from the edge the matte begins to be settled; at twice that it is
HALF = 77, 178  # grey levels between which a matte may tell of glass
WIDE = 0.05  # of the longer side: how far half-transparent parts reach at least, to be taken for glass
AGREED = 0.2  # difference of several networks' mattes up to which they agree on it
LARGEST_HOLE = 0.1  # of the subject's area: larger ones are never closed
SURE = 26, 229  # grey levels beyond which pixels show the colours of the background, and of the subject
BINS = 8  # of a colour histogram, for each channel


def settle_interior(
    alpha: np.ndarray, rgb: np.ndarray, interior: Interior = "auto", doubt: np.ndarray | None = None
) -> np.ndarray:
    """Make a network's matte solid inside the subject and clear outside, away from the edge.

    What lies deep inside is solid, what lies far outside and is only haze is clear. Holes are closed where the photo
    shows the subject's colours in them. Wide half-transparent parts stay: glass, veils, smoke.

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8, as a network says it, enlarged.
    rgb
        ``(H, W, 3)`` uint8, the photo.
    interior
        ``solid`` keeps no half-transparent part and closes every hole; ``as-found`` changes nothing.
    doubt
        ``(h, w)`` float32 in [0, 1], of any size: how far several networks disagree. What they disagree on is no glass.

    Returns
    -------
    numpy.ndarray
        ``(H, W)`` uint8; `alpha` itself where nothing is half-transparent.
    """
    if interior == "as-found":
        return alpha
    size = alpha.shape[::-1]
    small = resize_for_work(alpha, fit_size(size, WORKING_SIDE))
    closed = _find_holes(small)
    if interior == "auto" and closed.any():
        closed = _keep_subjects_colours(closed, small, resize_for_work(rgb, small.shape[::-1]))
    holes = (closed > 0).view(np.uint8)
    inside, outside = _measure_depth((small > SUBJECT).view(np.uint8) | holes)
    if interior == "auto":
        changed = 1 - _find_glass(small, doubt)
        inside, outside = inside * changed, outside * changed
    depths = cv2.merge([_round_to_bytes(255 * share) for share in (inside, outside)])
    seen = alpha if not holes.any() else cv2.max(alpha, cv2.resize(holes, size, interpolation=cv2.INTER_NEAREST))
    tiles = list(find_soft_tiles(seen))
    settled = alpha.copy() if tiles else alpha

    def settle_tile(tile: Tile) -> None:
        inside, outside = cv2.split(enlarge_tile(depths, size, tile))
        lost = cv2.multiply(cv2.bitwise_not(alpha[tile]), cv2.bitwise_not(inside), scale=1 / 255)
        haze = cv2.multiply(outside, cv2.LUT(alpha[tile], FAINT), scale=1 / 255)
        settled[tile] = cv2.multiply(cv2.bitwise_not(lost), cv2.bitwise_not(haze), scale=1 / 255)

    run_tiles(tiles, settle_tile)
    return settled


def _measure_depth(subject: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far inside and how far outside of `subject` ``(h, w)`` uint8, 0 or 1, each pixel is: 0 near its edge to 1."""
    rim = RIM * max(subject.shape)
    depths = (cv2.distanceTransform(each, cv2.DIST_L2, 5) for each in (subject, 1 - subject))
    inside, outside = (np.clip(np.minimum(depth, 2 * rim) / rim - 0.5, 0, 1) for depth in depths)
    return inside, outside


def _find_holes(alpha: np.ndarray) -> np.ndarray:
    """Numbers from 1 of the parts that the subject encloses and that are small enough to be closed; 0 elsewhere."""
    empty = (alpha <= SUBJECT).view(np.uint8)
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(empty, connectivity=4)
    height, width = alpha.shape
    left, top, across, down, area = statistics.T
    enclosed = (left > 0) & (top > 0) & (left + across < width) & (top + down < height)
    enclosed &= area < LARGEST_HOLE * (alpha.size - np.count_nonzero(empty))
    enclosed[0] = False
    return np.where(enclosed, np.arange(count), 0)[labels]


def _keep_subjects_colours(holes: np.ndarray, alpha: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    """Those of the numbered `holes` whose colours are likelier the subject's than the background's: ``(h, w)`` bool."""
    bins = ((rgb >> 5).astype(np.intp) * (BINS * BINS, BINS, 1)).sum(axis=2)
    subject, background = (_measure_colours(bins[each]) for each in (alpha > SURE[1], alpha < SURE[0]))
    evidence = np.bincount(holes.ravel(), np.log(subject / background)[bins].ravel())
    evidence[0] = 0
    return (evidence > 0)[holes]


def _measure_colours(bins: np.ndarray) -> np.ndarray:
    """How frequent each colour is among `bins`, smoothed over neighbouring bins, and never 0."""
    counts = np.bincount(bins, minlength=BINS**3).reshape(BINS, BINS, BINS).astype(np.float64)
    for axis in range(3):
        padded = np.pad(counts, [(1, 1) if each == axis else (0, 0) for each in range(3)])
        before, after = (np.take(padded, np.arange(BINS) + shift, axis) for shift in (0, 2))
        counts = counts + (before + after) / 2
    counts += 1e-3 * max(counts.mean(), 1e-9)
    return (counts / counts.sum()).ravel()


def _find_glass(alpha: np.ndarray, doubt: np.ndarray | None) -> np.ndarray:
    """How far each pixel belongs to a wide half-transparent part that networks agree on: ``(h, w)`` float32, 0-1."""
    half = (alpha > HALF[0]) & (alpha < HALF[1])
    if doubt is not None:
        half &= cv2.resize(doubt, alpha.shape[::-1], interpolation=cv2.INTER_AREA) < AGREED
    reach = WIDE * max(alpha.shape)
    core = cv2.distanceTransform(half.view(np.uint8), cv2.DIST_L2, 5) > reach
    if not core.any():
        return np.zeros(alpha.shape, np.float32)
    away = cv2.distanceTransform((~core).view(np.uint8), cv2.DIST_L2, 5)
    return np.clip(2 - away / np.float32(reach), 0, 1)


def _round_to_bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)
