"""How far a matte is from the truth: the measures of salient-object detection and of matting.

Matting errors as on alphamatting.com (Rhemann et al., A Perceptually Motivated Online Benchmark for Image Matting,
2009), but over the whole picture, for a background remover is given no trimap.
"""

from itertools import pairwise

import cv2
import numpy as np

from pipeline.pixels.measures import measure_iou

BAND = 10  # pixels around what is soft in the truth that count as the edge
REACH = 4.0  # pixels along an outline over which it is smoothed to see how rough it is
SHORTEST = 32  # pixels: outlines that are shorter are specks
HALF = 127  # an alpha above it is subject


def errors(alpha: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """What one matte gets wrong.

    Parameters
    ----------
    alpha, truth
        ``(H, W)`` uint8.

    Returns
    -------
    dict
        ``IoU`` at one half, 0–1; ``MAE``, ``MSE`` and ``edge band`` (the mean error within `BAND` pixels of the soft
        edge) in thousandths; ``SAD``, ``gradient`` and ``connectivity`` summed over the picture, in thousands.
    """
    found, wanted = alpha / np.float32(255), truth / np.float32(255)
    off = np.abs(found - wanted)
    near = edge_band(truth)
    return {
        "IoU": measure_iou(alpha > HALF, truth > HALF),
        "MAE": 1000 * float(off.mean()),
        "SAD": float(off.sum(dtype=np.float64)) / 1000,
        "MSE": 1000 * float((off * off).mean()),
        "gradient": gradient_error(found, wanted),
        "connectivity": connectivity_error(found, wanted),
        "edge band": 1000 * float(off[near].mean()) if near.any() else 0.0,
    }


def edge_band(truth: np.ndarray, reach: int = BAND) -> np.ndarray:
    """Where the truth is soft, or changes, within `reach` pixels: ``(H, W)`` bool."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    some, full = ((truth > limit).astype(np.uint8) for limit in (5, 249))
    return (cv2.dilate(some, disc) > 0) & (cv2.erode(full, disc) == 0)


def gradient_error(found: np.ndarray, wanted: np.ndarray, sigma: float = 1.4) -> float:
    """Sum of squared differences of the gradients' lengths (derivatives of a Gaussian), in thousands."""
    reach = np.arange(-int(np.ceil(3 * sigma)) - 1, int(np.ceil(3 * sigma)) + 2)
    bell = np.exp(-(reach**2) / (2 * sigma**2))
    slope = reach * bell
    bell, slope = bell / np.linalg.norm(bell), slope / np.linalg.norm(slope)

    def length(alpha: np.ndarray) -> np.ndarray:
        across, down = (cv2.sepFilter2D(alpha, cv2.CV_32F, *pair) for pair in ((slope, bell), (bell, slope)))
        return np.hypot(across, down)

    return float(((length(found) - length(wanted)) ** 2).sum()) / 1000


def connectivity_error(found: np.ndarray, wanted: np.ndarray, step: float = 0.1, least: float = 0.15) -> float:
    """Sum of differences in how far each pixel hangs together with the solid source region, in thousands."""
    reached = np.full(found.shape, -1.0, np.float32)
    thresholds = np.arange(0, 1 + step / 2, step)
    for below, threshold in pairwise(thresholds):
        both = ((found >= threshold) & (wanted >= threshold)).astype(np.uint8)
        _, labels, facts, _ = cv2.connectedComponentsWithStats(both, connectivity=4)
        source = labels == 1 + facts[1:, cv2.CC_STAT_AREA].argmax() if len(facts) > 1 else np.zeros_like(both, bool)
        reached[(reached < 0) & ~source] = below
    reached[reached < 0] = 1

    def connected(alpha: np.ndarray) -> np.ndarray:
        apart = alpha - reached
        return 1 - np.where(apart >= least, apart, 0)

    return float(np.abs(connected(found) - connected(wanted)).sum()) / 1000


def roughness(alpha: np.ndarray) -> float:
    """How far the outline at one half strays from itself made smooth, in pixels on the mean of its length.

    The outline is taken between pixels, walked in steps of about one pixel, and smoothed by a Gaussian of `REACH`
    pixels along its way. A straight edge has 0, a drawn circle about 0.1, a staircase or ragged hair more. The
    definition is ours: papers name the smoothness of an edge and measure it in no common way.

    Parameters
    ----------
    alpha
        ``(H, W)`` uint8.

    Returns
    -------
    float
        NaN where there is no outline of `SHORTEST` pixels or more.
    """
    from scipy.ndimage import gaussian_filter1d
    from skimage.measure import find_contours

    strays = [np.empty(0)]
    for outline in find_contours(alpha.astype(np.float32), HALF + 0.5):
        steps = np.hypot(*np.diff(outline, axis=0).T)
        way = np.concatenate([[0], np.cumsum(steps)])
        if way[-1] < SHORTEST:
            continue
        closed = np.allclose(outline[0], outline[-1])
        stops = np.linspace(0, way[-1], round(way[-1]), endpoint=not closed)
        walked = np.stack([np.interp(stops, way, axis) for axis in outline.T], axis=1)
        smooth = gaussian_filter1d(walked, REACH, axis=0, mode="wrap" if closed else "nearest")
        ends = 0 if closed else int(3 * REACH)  # an open outline has nothing beyond its ends to be smoothed with
        strays.append(np.hypot(*(walked - smooth).T)[ends : len(stops) - ends])
    every = np.concatenate(strays)
    return float(every.mean()) if len(every) else float("nan")


class Scores:
    """The measures of many mattes, gathered: those of `errors`, max-F, weighted F and roughness.

    Max-F is the highest point of the mean F curve (beta² = 0.3; Achanta et al. 2009), weighted F that of Margolin et
    al. 2014, both by pysodmetrics with the truth cut at one half. ``roughness`` is the matte's less the truth's: 0 is
    as smooth as the truth, above 0 rougher, below 0 smoother.
    """

    def __init__(self) -> None:
        from py_sod_metrics import FmeasureHandler, FmeasureV2, WeightedFmeasure

        self._curve = FmeasureV2({"F": FmeasureHandler(with_dynamic=True, with_adaptive=False, beta=0.3)})
        self._weighted = WeightedFmeasure()
        self._rows: list[dict[str, float]] = []

    def add(self, alpha: np.ndarray, truth: np.ndarray) -> None:
        """One more matte and its truth, ``(H, W)`` uint8."""
        if alpha.shape != truth.shape:
            raise ValueError(f"a matte of {alpha.shape} has a truth of {truth.shape}")
        opacity, subject = alpha / 255, truth > HALF
        self._curve.step(opacity, subject, normalize=False)
        self._weighted.step(opacity, subject, normalize=False)
        self._rows.append(errors(alpha, truth) | {"roughness": roughness(alpha) - roughness(truth)})

    def means(self) -> dict[str, float]:
        """Each measure over all mattes; a roughness that there is not counts nowhere."""
        rough = [row["roughness"] for row in self._rows if not np.isnan(row["roughness"])]
        plain = {name: float(np.mean([row[name] for row in self._rows])) for name in self._rows[0]}
        return {
            "max-F": float(np.max(self._curve.get_results()["F"]["dynamic"])),
            "weighted F": float(self._weighted.get_results()["wfm"]),
            **plain,
            "roughness": float(np.mean(rough)) if rough else float("nan"),
        }
