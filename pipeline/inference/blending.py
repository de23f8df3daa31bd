"""Blending: one matte from those of an ensemble's members, by the rule that its card names."""

from collections.abc import Sequence

import cv2
import numpy as np

from ..pixels.geometry import Size
from ..registry.cards import Ensemble
from .disputes import find_background
from .networks import Prediction

SEEN = 0.1  # a matte above it counts when a network's certainty is measured
POWER = 4  # of its certainty, which a network's word is weighed with
FAVOUR = 1.5  # of the subject, in log-odds, where one says yes and one says no: a lost part is missed more than haze
WIDE = 0.05  # of the longer side: half of how wide at least a region is that one network alone sees, to be a lost part
WIDE_FAVOUR = 64.0  # of the subject there, in log-odds, times the certainty of who sees it and the share of the others
WORKING_SIDE = 256  # pixels of the longer side at which such regions are looked for
OUTRIGHT = 0.8  # difference of mattes from which they contradict each other outright
VERDICT = 3.0  # times what speaks for a piece as a whole, in log-odds of at most `CLEAR`, counts in each of its pixels
CLEAR = 4.0
CERTAIN = 0.01  # probability of error that is left where a network says 0 or 1


def blend(predictions: list[Prediction], card: Ensemble, rgb: np.ndarray) -> Prediction:
    """The prediction of an ensemble, at the size of its largest member's, with how far its members disagree.

    Where the photo `rgb` ``(H, W, 3)`` uint8 shows that a member sees what is background, the lowest matte counts.
    """
    height, width = max((each.matte.shape for each in predictions), key=lambda shape: shape[0] * shape[1])
    mattes = [_enlarge(each.matte, (width, height)) for each in predictions]
    doubt = measure_doubt(mattes)
    if card.rule == "surest":
        matte = follow_surest(mattes, card.weights)
    else:
        low, high = card.levels
        matte = np.clip((np.average(mattes, axis=0, weights=card.weights) - low) / (high - low), 0, 1)
    shown = find_background(mattes, rgb)
    if shown is not None:
        share = cv2.resize(shown.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        matte -= share * np.maximum(matte - np.minimum.reduce(mattes), 0)
    return Prediction(matte.astype(np.float32), doubt=doubt)


def measure_certainty(matte: np.ndarray) -> float:
    """How far from one half a matte ``(h, w)`` in [0, 1] is where it is above `SEEN`: 0 to 1; 0 where it never is.

    >>> round(measure_certainty(np.array([[0.0, 1.0, 0.75]])), 2)
    0.75
    """
    seen = matte[matte > SEEN]
    return float(np.abs(2 * seen - 1).mean()) if seen.size else 0.0


def measure_doubt(mattes: Sequence[np.ndarray]) -> np.ndarray:
    """How far mattes ``(h, w)`` in [0, 1] disagree, pixel by pixel."""
    return np.asarray(np.maximum.reduce(mattes) - np.minimum.reduce(mattes))


def follow_surest(mattes: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """The mattes' weighted mean in log-odds; the more they contradict each other, up to twice that, for one to win.

    A logarithmic opinion pool (Genest, Zidek, Combining Probability Distributions, 1986): half-transparent parts that
    all agree on stay, and a sure network outvotes one in doubt, pixel by pixel and as a whole. A wide part that only
    one sees is rather a shoulder that the others lost; a thin one along the edge is rather a rim of the background.
    """
    doubt = measure_doubt(mattes)
    certainty = np.array([measure_certainty(matte) for matte in mattes]) ** POWER + 1e-9
    shares = certainty * weights / (certainty * weights).sum()
    odds = np.zeros_like(doubt)
    for matte, share in zip(mattes, shares, strict=True):
        odds += np.float32(share) * _to_log_odds(matte)
    odds *= 1 + doubt
    odds += np.float32(FAVOUR) * np.maximum(2 * doubt - 1, 0)
    outvoted = (certainty * (1 - shares)).astype(np.float32)[np.argmax(mattes, axis=0)]
    odds += np.float32(WIDE_FAVOUR) * outvoted * _find_lost_parts(doubt, odds > 0)
    odds += np.float32(VERDICT) * _judge_pieces(doubt, odds)
    blended = 1 / (1 + cv2.exp(-odds))
    return np.clip((blended - CERTAIN) / (1 - 2 * CERTAIN), 0, 1).astype(np.float32)


def _find_lost_parts(doubt: np.ndarray, subject: np.ndarray) -> np.ndarray:
    """`doubt` ``(h, w)`` where it is wide, 0 elsewhere and in the holes of `subject`, which are no lost parts."""
    small = _reduce(doubt)
    reach = round(WIDE * max(small.shape))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    wide = cv2.morphologyEx(small, cv2.MORPH_OPEN, disc)
    subject = cv2.resize(subject.view(np.uint8), small.shape[::-1])
    outside = cv2.copyMakeBorder(subject, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    cv2.floodFill(outside, None, (0, 0), 2)
    wide[outside[1:-1, 1:-1] == 0] = 0
    return np.minimum(cv2.resize(wide, doubt.shape[::-1]), doubt)


def _judge_pieces(doubt: np.ndarray, odds: np.ndarray) -> np.ndarray:
    """The mean of `odds` ``(h, w)`` over each piece that mattes contradict each other on outright; 0 elsewhere."""
    _, pieces = cv2.connectedComponents((_reduce(doubt) > OUTRIGHT).view(np.uint8), connectivity=4)
    sums = np.bincount(pieces.ravel(), np.clip(_reduce(odds), -CLEAR, CLEAR).ravel())
    means = (sums / np.maximum(np.bincount(pieces.ravel()), 1)).astype(np.float32)
    means[0] = 0
    return cv2.resize(means[pieces], doubt.shape[::-1])


def _reduce(plane: np.ndarray) -> np.ndarray:
    """`plane` ``(h, w)`` with a longer side of at most `WORKING_SIDE`."""
    height, width = (max(1, round(side * min(1, WORKING_SIDE / max(plane.shape)))) for side in plane.shape)
    return cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA)


def _to_log_odds(matte: np.ndarray) -> np.ndarray:
    inside = CERTAIN + (1 - 2 * CERTAIN) * matte
    return cv2.log(inside / (1 - inside))


def _enlarge(matte: np.ndarray, size: Size) -> np.ndarray:
    if matte.shape == size[::-1]:
        return matte
    return np.clip(cv2.resize(matte, size, interpolation=cv2.INTER_CUBIC), 0, 1)
