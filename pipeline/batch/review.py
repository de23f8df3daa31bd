"""Which cut-outs a person should look at, and why."""

import cv2
import numpy as np

NOTHING, EVERYTHING = 0.002, 0.97  # share of the photo that a subject has at least and at most
TOUCHED = 0.08  # share of a side that lies in the subject, for it to touch that side
PIECES, PIECE = 4, 0.03  # so many parts, each at least this share of the subject
DOUBT = 0.35  # of the networks, as a share of the subject
HAZE = 0.3  # share of what is not empty that is neither solid nor clear
FAINT, SOLID = 25, 230  # levels between which a matte is soft


def measure_coverage(overview: np.ndarray) -> float:
    """The share of the photo that the subject covers, of its matte ``(h, w)`` uint8: 0 to 1."""
    return float(cv2.mean(overview)[0] / 255)


def list_reasons(overview: np.ndarray, doubt: float = 0.0) -> list[str]:
    """Codes of why a person should look at a cut-out; none where all is as it mostly is.

    Parameters
    ----------
    overview
        ``(h, w)`` uint8, the matte in the photo's own frame, some hundred pixels wide.
    doubt
        How far networks disagree, as `Cutout.doubt`.

    Examples
    --------
    >>> list_reasons(np.zeros((8, 8), np.uint8))
    ['nothing_found']
    """
    subject = overview > 127
    share = float(subject.mean())
    if share < NOTHING:
        return ["nothing_found"]
    if share > EVERYTHING:
        return ["everything_found"]
    sides = (subject[0], subject[-1], subject[:, 0], subject[:, -1])
    soft = np.count_nonzero((overview > FAINT) & (overview < SOLID))
    reasons = {
        "touches_sides": sum(side.mean() > TOUCHED for side in sides) >= 3,
        "many_pieces": _count_pieces(subject) >= PIECES,
        "networks_disagree": doubt > DOUBT,
        "hazy_edge": soft > HAZE * np.count_nonzero(overview > FAINT),
    }
    return [code for code, holds in reasons.items() if holds]


def _count_pieces(subject: np.ndarray) -> int:
    statistics = cv2.connectedComponentsWithStats(subject.view(np.uint8), connectivity=8)[2]
    areas = statistics[1:, cv2.CC_STAT_AREA]
    return int(np.count_nonzero(areas > PIECE * areas.sum()))
