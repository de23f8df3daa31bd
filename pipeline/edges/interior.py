"""The interior of a matte: solid inside the subject, clear outside, unless the photo speaks for a hole or for glass."""

from typing import Literal, NamedTuple

import cv2
import numpy as np

from ..pixels.geometry import fit_size
from ..pixels.histograms import count_colours, number_colours
from ..pixels.resample import resize_for_work
from ..pixels.tiles import Tile, enlarge_tile, find_soft_tiles, run_tiles

Interior = Literal["auto", "solid", "as-found"]
WORKING_SIDE = 384  # pixels of the longer side: the steps look at regions, not at edges
SUBJECT = 102  # grey level above which a pixel is taken for the subject
SURE = 26, 229  # grey levels beyond which pixels show the colours of the background, and of the subject
FAINT = np.clip(255 - 5 * (np.arange(256) - SUBJECT), 0, 255).astype(np.uint8)  # share that may be haze, by alpha
RIM = 0.008  # of the longer side: how far from the edge a matte begins to be settled; at twice that it is
NARROW_RIM = 0.02  # of the square root of the subject's area, where that is less: small subjects have an inside too
DEEP = 2  # rims from the edge, beyond which colours are not asked any more
LARGEST_HOLE = 0.1  # of the subject's area: larger ones are never closed
GLASS = 77, 178  # grey levels between which a matte may tell of glass
WIDE = 0.05  # of the longer side: how far such a part reaches at least on each side, to be taken for glass
AGREED = 0.2  # difference of several networks' mattes up to which they agree on it


class _Settled(NamedTuple):
    """What is to be done with a matte, at the working size, ``(h, w)``.

    Attributes
    ----------
    solid, clear
        float32 in [0, 1]: how much of what lacks is filled, and how much of what is faint is taken away.
    holes
        bool: those that are closed.
    """

    solid: np.ndarray
    clear: np.ndarray
    holes: np.ndarray


def settle_interior(
    alpha: np.ndarray, rgb: np.ndarray, interior: Interior = "auto", doubt: np.ndarray | None = None
) -> np.ndarray:
    """Make a network's matte solid inside the subject and clear outside, away from the edge.

    What lies inside is solid, near the edge only in colours that are the subject's; what lies outside and is only haze
    is clear. Holes are closed where the photo shows the subject's colours in them. Wide half-transparent parts stay:
    glass, veils, smoke.

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
        ``(H, W)`` uint8; `alpha` itself where nothing is to be settled.
    """
    if interior == "as-found":
        return alpha
    size = alpha.shape[::-1]
    small = resize_for_work(alpha, fit_size(size, WORKING_SIDE))
    if interior == "solid":
        solid, clear, holes = _settle_all(small)
    else:
        solid, clear, holes = _settle_likely(small, resize_for_work(rgb, small.shape[::-1]), doubt)
    solid, clear = (_round_to_bytes(255 * share) for share in (solid, clear))
    both = cv2.merge([solid, clear, clear, clear])  # four channels are enlarged faster than two
    closed = cv2.resize(holes.view(np.uint8), size, interpolation=cv2.INTER_NEAREST) if holes.any() else None
    tiles = list(find_soft_tiles(alpha if closed is None else cv2.max(alpha, closed)))
    settled = alpha.copy() if tiles else alpha

    def settle_tile(tile: Tile) -> None:
        filled, cleared, *_ = cv2.split(enlarge_tile(both, size, tile))
        lacking = cv2.multiply(cv2.bitwise_not(alpha[tile]), cv2.bitwise_not(filled), scale=1 / 255)
        haze = cv2.multiply(cleared, cv2.LUT(alpha[tile], FAINT), scale=1 / 255)
        settled[tile] = cv2.multiply(cv2.bitwise_not(lacking), cv2.bitwise_not(haze), scale=1 / 255)

    run_tiles(tiles, settle_tile)
    return settled


def _settle_all(alpha: np.ndarray) -> _Settled:
    holes = _number_holes(alpha) > 0
    inside, outside = _measure_depth((alpha > SUBJECT) | holes)
    return _Settled(np.clip(inside - 1, 0, 1), np.clip(outside - 1, 0, 1), holes)


def _settle_likely(alpha: np.ndarray, rgb: np.ndarray, doubt: np.ndarray | None) -> _Settled:
    evidence = _weigh_colours(alpha, rgb)
    holes = _select_holes(_number_holes(alpha), evidence)
    inside, outside = _measure_depth((alpha > SUBJECT) | holes)
    likely = np.clip(cv2.GaussianBlur(evidence, (0, 0), 1) + 1, 0, 1)
    likely = np.maximum(likely, np.clip(inside - DEEP, 0, 1))
    changed = 1 - _find_glass(alpha, doubt)
    return _Settled(changed * likely * np.clip(inside - 1, 0, 1), changed * np.clip(outside - 1, 0, 1), holes)


def _measure_depth(subject: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many rims inside and how many outside of `subject` ``(h, w)`` bool each pixel is, float32; at most 99."""
    mask = subject.view(np.uint8)
    rim = np.float32(max(min(RIM * max(mask.shape), NARROW_RIM * np.sqrt(np.count_nonzero(mask))), 0.5))
    distances = (cv2.distanceTransform(each, cv2.DIST_L2, 5) for each in (mask, 1 - mask))
    inside, outside = (np.minimum(distance, 99 * rim) / rim for distance in distances)
    return inside, outside


def _number_holes(alpha: np.ndarray) -> np.ndarray:
    """Numbers from 1 of the parts that the subject encloses and that are small enough to be closed; 0 elsewhere."""
    empty = (alpha <= SUBJECT).view(np.uint8)
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(empty, connectivity=4)
    height, width = alpha.shape
    left, top, across, down, area = statistics.T
    enclosed = (left > 0) & (top > 0) & (left + across < width) & (top + down < height)
    enclosed &= area < LARGEST_HOLE * (alpha.size - np.count_nonzero(empty))
    enclosed[0] = False
    return np.where(enclosed, np.arange(count), 0)[labels]


def _select_holes(holes: np.ndarray, evidence: np.ndarray) -> np.ndarray:
    """Those of the numbered `holes` that show the subject rather than the background: ``(h, w)`` bool."""
    shown = np.bincount(holes.ravel(), evidence.ravel())
    shown[0] = 0
    return (shown > 0)[holes]


def _weigh_colours(alpha: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    """How much likelier each pixel's colour is the subject's than the background's: ``(h, w)`` float32, log-odds."""
    bins = number_colours(rgb)
    background, subject = (count_colours(bins[each]) for each in (alpha < SURE[0], alpha > SURE[1]))
    return np.log(subject / background).astype(np.float32)[bins]


def _find_glass(alpha: np.ndarray, doubt: np.ndarray | None) -> np.ndarray:
    """How far each pixel belongs to a wide half-transparent part that networks agree on: ``(h, w)`` float32, 0-1."""
    half = (alpha > GLASS[0]) & (alpha < GLASS[1])
    if doubt is not None:
        half &= cv2.resize(doubt, alpha.shape[::-1], interpolation=cv2.INTER_AREA) < AGREED
    reach = np.float32(WIDE * max(alpha.shape))
    core = cv2.distanceTransform(half.view(np.uint8), cv2.DIST_L2, 5) > reach
    if not core.any():
        return np.zeros(alpha.shape, np.float32)
    away = cv2.distanceTransform((~core).view(np.uint8), cv2.DIST_L2, 5)
    return np.clip(2 - np.minimum(away, 2 * reach) / reach, 0, 1)


def _round_to_bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)
