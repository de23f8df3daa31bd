"""Blending: one matte from those of an ensemble's members, by the rule that its card names."""

import cv2
import numpy as np

from ..pixels.geometry import Size
from ..registry.cards import Ensemble
from .networks import Prediction

SEEN = 0.1  # a matte above it counts when a network's certainty is measured
POWER = 4  # of its certainty, which a network's word is weighed with
APART = 0.65  # difference of the mattes from which they contradict each other wholly
FAVOUR = 3.0  # of the subject, in log-odds, where one says yes and one says no: a lost part is missed more than haze
CERTAIN = 0.01  # probability of error that is left where a network says 0 or 1


def blend(predictions: list[Prediction], card: Ensemble) -> Prediction:
    """The prediction of an ensemble, at the size of its largest member's, with how far its members disagree."""
    height, width = max((each.matte.shape for each in predictions), key=lambda shape: shape[0] * shape[1])
    mattes = [_enlarge(each.matte, (width, height)) for each in predictions]
    doubt = np.maximum.reduce(mattes) - np.minimum.reduce(mattes)
    if card.rule == "surest":
        return Prediction(_follow_surest(mattes, card.weights, doubt), doubt=doubt)
    low, high = card.levels
    mean = np.average(mattes, axis=0, weights=card.weights)
    return Prediction(np.clip((mean - low) / (high - low), 0, 1).astype(np.float32), doubt=doubt)


def measure_certainty(matte: np.ndarray) -> float:
    """How far from one half a matte ``(h, w)`` in [0, 1] is where it is above `SEEN`: 0 to 1; 0 where it never is.

    >>> round(measure_certainty(np.array([[0.0, 1.0, 0.75]])), 2)
    0.75
    """
    seen = matte[matte > SEEN]
    return float(np.abs(2 * seen - 1).mean()) if seen.size else 0.0


def _follow_surest(mattes: list[np.ndarray], weights: tuple[float, ...], doubt: np.ndarray) -> np.ndarray:
    """The mattes' weighted mean in log-odds; the more they contradict each other, up to twice that, for one to win.

    A logarithmic opinion pool (Genest, Zidek, Combining Probability Distributions, 1986): half-transparent parts that
    all agree on stay, and a sure network outvotes one in doubt, pixel by pixel and as a whole.
    """
    certainty = np.array([measure_certainty(matte) for matte in mattes]) ** POWER + 1e-9
    shares = certainty * weights / (certainty * weights).sum()
    odds = np.zeros_like(doubt)
    for matte, share in zip(mattes, shares, strict=True):
        odds += np.float32(share) * _to_log_odds(matte)
    odds += np.minimum(doubt / np.float32(APART), 1) * odds
    odds += np.float32(FAVOUR) * np.maximum(2 * doubt - 1, 0)
    blended = 1 / (1 + cv2.exp(-odds))
    return np.clip((blended - CERTAIN) / (1 - 2 * CERTAIN), 0, 1).astype(np.float32)


def _to_log_odds(matte: np.ndarray) -> np.ndarray:
    inside = CERTAIN + (1 - 2 * CERTAIN) * matte
    return cv2.log(inside / (1 - inside))


def _enlarge(matte: np.ndarray, size: Size) -> np.ndarray:
    if matte.shape == size[::-1]:
        return matte
    return np.clip(cv2.resize(matte, size, interpolation=cv2.INTER_CUBIC), 0, 1)
