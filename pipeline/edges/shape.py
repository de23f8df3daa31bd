"""The shape of a matte's edge: its levels, place and softness, and what specks and holes it has."""

from functools import lru_cache
from itertools import count

import cv2
import numpy as np

from ..options.options import Options
from ..pixels.resample import shrink
from ..pixels.tiles import find_soft_tiles

SMALLEST = 0.01  # pixels or percent below which a step is skipped
FAINT = 12  # grey levels up to which pixels do not connect components
FINER = 4  # times the resolution at which a sharp edge is drawn


def shape_edges(
    alpha: np.ndarray, options: Options, reduced: float = 1.0, exact: bool = False, held: np.ndarray | None = None
) -> np.ndarray:
    """Change the edge of a matte as the options ask: levels, clean, largest, shift, harden, feather, in this order.

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8, such as `refine_edges` gives.
    options
        ``levels``, ``clean``, ``largest``, ``shift``, ``harden`` and ``feather`` of them.
    reduced
        The size of `alpha` as a fraction of the original's, of whose pixels `options` speak.
    exact
        Whether `alpha` is a key, whose edge is that of the picture: ``harden`` does not draw it anew, which would cost
        it thin strokes.
    held
        ``(H, W)`` uint8: how far a person's marks decide `alpha`, which levels, clean and largest then leave as it is.

    Returns
    -------
    numpy.ndarray
        ``(H, W)`` uint8; `alpha` itself where nothing is asked for.
    """
    before = alpha
    alpha = apply_levels(alpha, options.levels)
    alpha = clean(alpha, options.clean * reduced)
    if options.largest:
        alpha = keep_largest(alpha)
    if held is not None and alpha is not before:
        alpha = _mix(alpha, before, held)
    alpha = shift(alpha, options.shift * reduced)
    alpha = alpha if exact else harden(alpha, options.harden)
    return feather(alpha, options.feather * reduced)


def feather(alpha: np.ndarray, pixels: float) -> np.ndarray:
    """Soften the edge by a Gaussian that reaches `pixels` on each side (two standard deviations).

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8.
    pixels
        Reach in pixels of `alpha`; 0 returns `alpha` itself.
    """
    if pixels < SMALLEST:
        return alpha
    return cv2.GaussianBlur(alpha, (0, 0), sigmaX=pixels / 2, borderType=cv2.BORDER_REPLICATE)


def shift(alpha: np.ndarray, pixels: float) -> np.ndarray:
    """Move the edge outwards or inwards without changing its softness.

    Grey-scale dilation or erosion by a disc moves every level of a soft edge by the same distance. The reach of a
    digital disc differs with the angle, so the results of the two discs with the next smaller and larger mean reach are
    mixed.

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8.
    pixels
        Distance in pixels of `alpha`, with fractions; above 0 outwards, below 0 inwards, 0 returns `alpha` itself.
    """
    if abs(pixels) < SMALLEST:
        return alpha
    move = cv2.dilate if pixels > 0 else cv2.erode
    shorter, longer, share = _find_discs(round(abs(pixels), 3))
    return cv2.addWeighted(move(alpha, shorter), 1 - share, move(alpha, longer), share, 0)


def harden(alpha: np.ndarray, percent: float) -> np.ndarray:
    """Replace the edge by a sharp, anti-aliased one where the matte is one half: for logos and cartoons.

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8.
    percent
        0 returns `alpha` itself, 100 the sharp edge, between them a mixture of both.
    """
    if percent < SMALLEST:
        return alpha
    height, width = alpha.shape
    hardened = alpha.copy()
    for rows, columns in find_soft_tiles(alpha):
        top, left = max(rows.start - 1, 0), max(columns.start - 1, 0)
        around = alpha[top : min(rows.stop + 1, height), left : min(columns.stop + 1, width)]
        size = around.shape[::-1]
        fine = cv2.resize(around, (FINER * size[0], FINER * size[1]), interpolation=cv2.INTER_LINEAR)
        sharp = shrink(cv2.threshold(fine, 127, 255, cv2.THRESH_BINARY)[1], size)
        mixed = cv2.addWeighted(sharp, percent / 100, around, 1 - percent / 100, 0)
        hardened[rows, columns] = mixed[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return hardened


def apply_levels(alpha: np.ndarray, amount: float) -> np.ndarray:
    """Make half-transparent pixels more opaque, or more transparent.

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8.
    amount
        From -100, which stretches 50 to 95 % opacity to 0 to 100 %, to 100, which stretches 5 to 50 %; 0 returns
        `alpha` itself. The effect below 0 mirrors that above 0: as on the inverted matte.
    """
    if abs(amount) < SMALLEST:
        return alpha
    part = abs(amount) / 100
    low, high = (0.05 * part, 1 - 0.5 * part) if amount > 0 else (0.5 * part, 1 - 0.05 * part)
    return cv2.LUT(alpha, _round_to_bytes((np.arange(256) / 255 - low) / (high - low) * 255))


def clean(alpha: np.ndarray, pixels: float) -> np.ndarray:
    """Remove specks and fill pinholes that are smaller than a square of `pixels` by `pixels`.

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8.
    pixels
        Side of the square in pixels of `alpha`; 0 returns `alpha` itself.
    """
    if pixels < SMALLEST:
        return alpha
    without_specks = _remove_small(alpha, pixels * pixels)
    holes = cv2.bitwise_not(without_specks)
    filled = _remove_small(holes, pixels * pixels)
    return without_specks if filled is holes else cv2.bitwise_not(filled)


def keep_largest(alpha: np.ndarray) -> np.ndarray:
    """Keep only the largest subject, with the soft parts that are nearer to it than to any other.

    A subject is a connected component of pixels with a quarter of full opacity or more. `alpha` is ``(H, W)`` uint8; it
    is returned itself where it has fewer than two subjects.
    """
    empty = (alpha < 64).view(np.uint8)
    number, labels, statistics, _ = cv2.connectedComponentsWithStats(1 - empty, connectivity=8)
    if number < 3:
        return alpha
    biggest = 1 + int(statistics[1:, cv2.CC_STAT_AREA].argmax())
    row, column = np.unravel_index((labels == biggest).argmax(), labels.shape)
    _, nearest = cv2.distanceTransformWithLabels(empty, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_CCOMP)
    return np.where(nearest == nearest[row, column], alpha, np.uint8(0))


def _mix(alpha: np.ndarray, other: np.ndarray, share: np.ndarray) -> np.ndarray:
    """`alpha` with `other` in its place as far as `share` says, all ``(H, W)`` uint8."""
    return _round_to_bytes(alpha + share / np.float32(255) * (other.astype(np.float32) - alpha))


def _remove_small(alpha: np.ndarray, area: float) -> np.ndarray:
    """`alpha` without components of fewer than `area` pixels above `FAINT`; itself where there is none."""
    seen = (alpha > FAINT).view(np.uint8)
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(seen, connectivity=8)
    small = statistics[:, cv2.CC_STAT_AREA] < area
    small[0] = False
    if not small.any():
        return alpha
    removed = small.astype(np.uint8)[labels]
    faint_rim = cv2.dilate(removed, np.ones((7, 7), np.uint8))
    faint_rim[seen > 0] = 0
    return np.where(removed | faint_rim, np.uint8(0), alpha)


@lru_cache(maxsize=64)
def _find_discs(reach: float) -> tuple[np.ndarray, np.ndarray, float]:
    """The two digital discs with the next smaller and larger mean reach, and the share of the second in a mixture."""
    shorter, least = _make_disc(int(reach * reach))
    for square in count(int(reach * reach) + 1):
        longer, most = _make_disc(square)
        if most > reach:
            return shorter, longer, (reach - least) / (most - least)
        shorter, least = longer, most
    raise AssertionError("discs grow without end")


def _make_disc(square: int) -> tuple[np.ndarray, float]:
    """The kernel of all pixels within the root of `square`, and how far it moves an edge, averaged over all angles."""
    radius = int(square**0.5)
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disc = x * x + y * y <= square
    angles = np.linspace(0, np.pi / 4, 65)[:, None]
    reaches = (x[disc] * np.cos(angles) + y[disc] * np.sin(angles)).max(axis=1)
    return disc.astype(np.uint8), float(np.trapezoid(reaches, angles[:, 0]) / (np.pi / 4))


def _round_to_bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)
