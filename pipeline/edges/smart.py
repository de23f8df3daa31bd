"""Smart strokes: from a rough dab, the part of the photo that it means, up to the edge that the photo shows."""

import cv2
import numpy as np

from ..pixels.geometry import Size, fit_size
from ..pixels.histograms import count_colours, number_colours
from ..pixels.resample import resize_for_work
from .brush import measure_distance
from .refine import refine_guided

REACH = 12.0  # radii around a stroke within which its part is looked for
WORKING_SIDE = 160  # pixels of the longer side: the cut takes tens of milliseconds here
CORE = 0.5  # of the radius: a rough dab may stray over the edge by the rest
SURE_CORE = 0.25  # of the radius: what is certain; between this and the core the photo may say otherwise
GAP = 5  # pixels of the working size that may lie between what is added and what it is added to
AWAY = 3.0  # radii from a stroke, from which on colours count as those of the other side
ALIKE = 2.0  # log-odds from which a colour counts as the stroke's before the cut
CUTS = 1  # rounds of GrabCut
SURE = 26, 229  # grey levels beyond which a matte is taken as certain
SEED, SPREAD = 255, 254  # what `held` tells: drawn by hand, and found from that


def grow_stroke(
    alpha: np.ndarray, rgb: np.ndarray, held: np.ndarray, points: np.ndarray, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """Add to a matte the part of the subject that a stroke lies on. Nothing is taken away.

    A graph cut at a working size (GrabCut) separates colours like those under the stroke from those farther away; of
    what it gives to the subject, the parts that touch the stroke are added, with an edge drawn to that in the photo.

    Parameters
    ----------
    alpha, held
        ``(H, W)`` uint8, the matte around the stroke, and what marks have decided in it: `SEED` stays where it is not
        under the stroke.
    rgb
        ``(H, W, 3)`` uint8.
    points
        ``(N, 2)`` float64, the way of the brush.

    Returns
    -------
    tuple
        The matte, and how far the stroke decides it: `SEED` under it, `SPREAD` where the part was found.

    Notes
    -----
    Rother, Kolmogorov, Blake, GrabCut, 2004.
    """
    full = alpha.shape[::-1]
    size = fit_size(full, WORKING_SIDE)
    scale = size[0] / full[0]
    small, small_rgb = (resize_for_work(each, size) for each in (alpha, rgb))
    distance = measure_distance(points * scale, small.shape, radius * scale)
    if distance.min() > max(radius * scale, 1):  # it passes by outside
        return alpha, np.zeros_like(alpha)
    distance /= radius * scale
    core, sure = (distance <= max(share, distance.min()) for share in (CORE, SURE_CORE))
    taken = np.where(small < 128, cv2.resize(held, size, interpolation=cv2.INTER_NEAREST), np.uint8(0))
    crossed = _connect(taken == SEED, core) & (taken == SEED)
    barred = (taken == SEED) & ~crossed
    doubted = _connect(taken > 0, crossed) & ~barred  # what a stroke took that this one crosses, and asks back
    solid = small > SURE[1]
    part = _connect(_cut_out(small, small_rgb, sure, core, distance, barred, doubted) & ~solid, sure)
    part |= _find_gaps(part, solid) & ~barred
    near = cv2.dilate(part.view(np.uint8), np.ones((7, 7), np.uint8)) > 0
    joined = part | (solid & near)  # without a seam
    softened = cv2.GaussianBlur(joined.astype(np.float32) * 255, (0, 0), 0.7).astype(np.uint8)
    grown = refine_guided(cv2.max(alpha, cv2.resize(softened, full, interpolation=cv2.INTER_LINEAR)), rgb)
    near, seed = _enlarge(near & (~barred | sure), full), _enlarge(sure, full)
    decided = near.astype(np.uint8) * np.uint8(SPREAD)
    decided[seed] = SEED
    grown[grown > SURE[1]] = 255  # no veil where old and new meet
    return np.where(seed, np.uint8(255), np.where(near, cv2.max(alpha, grown), alpha)), decided


def _enlarge(mask: np.ndarray, size: Size) -> np.ndarray:
    """`mask` ``(h, w)`` bool at another size, without steps."""
    return np.asarray(cv2.resize(mask.view(np.uint8) * np.uint8(255), size, interpolation=cv2.INTER_LINEAR) > 127)


def _find_gaps(part: np.ndarray, solid: np.ndarray) -> np.ndarray:
    """Where a thin gap lies between `part` and `solid`: ``(h, w)`` bool."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (GAP, GAP))
    closed = cv2.morphologyEx((part | solid).view(np.uint8), cv2.MORPH_CLOSE, disc) > 0
    beside = [cv2.dilate(each.view(np.uint8), disc) > 0 for each in (part, solid)]
    return np.asarray(closed & beside[0] & beside[1] & ~solid)


def _cut_out(
    alpha: np.ndarray,
    rgb: np.ndarray,
    sure: np.ndarray,
    core: np.ndarray,
    distance: np.ndarray,
    barred: np.ndarray,
    doubted: np.ndarray,
) -> np.ndarray:
    """What a graph cut gives to the subject: ``(h, w)`` bool.

    Of the stroke's `core` the middle is `sure`. `distance` is that from the stroke, in radii; nothing of `barred` is
    given; `doubted` tells of neither side.
    """
    alike = _find_alike(alpha, rgb, core, distance, doubted)
    guess = np.where((alpha > 127) | alike | core, cv2.GC_PR_FGD, cv2.GC_PR_BGD)
    guess[(distance >= REACH) & (alpha < 127)] = cv2.GC_BGD
    guess[barred] = cv2.GC_BGD
    guess[sure | (alpha > SURE[1])] = cv2.GC_FGD
    labels = guess.astype(np.uint8)
    if not (labels % 2 == 0).any():  # all is subject already
        return labels > 0
    cv2.setRNGSeed(0)  # of its colour clusters: the same stroke always gives the same
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(rgb, labels, None, *models, CUTS, cv2.GC_INIT_WITH_MASK)
    return (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)


def _find_alike(
    alpha: np.ndarray, rgb: np.ndarray, core: np.ndarray, distance: np.ndarray, doubted: np.ndarray
) -> np.ndarray:
    """Where colours are rather those under the stroke than those of the other side farther away: ``(h, w)`` bool."""
    other = (alpha < SURE[0]) & ~core & ~doubted
    if np.count_nonzero(away := other & (distance > AWAY)) > 50:
        other = away
    bins = number_colours(rgb)
    ours, theirs = (count_colours(bins[each]) for each in (core, other))
    odds = np.log(ours / theirs).astype(np.float32)[bins]
    return np.asarray(cv2.GaussianBlur(odds, (0, 0), 1) > ALIKE)


def _connect(subject: np.ndarray, core: np.ndarray) -> np.ndarray:
    """The parts of `subject` that touch `core`, with it: ``(h, w)`` bool."""
    _, labels = cv2.connectedComponents((subject | core).view(np.uint8), connectivity=4)
    touched = np.zeros(labels.max() + 1, bool)
    touched[labels[core]] = True
    return touched[labels]
