"""Disputes: where an ensemble's networks contradict each other, and the photo shows that there is background."""

from collections.abc import Callable, Sequence
from functools import partial

import cv2
import numpy as np

from ..pixels.geometry import fit_size
from ..pixels.histograms import count_colours, number_colours
from ..pixels.resample import resize_for_work

WORKING_SIDE = 384  # pixels of the longer side
CLAIMED, DENIED = 0.5, 0.25  # where one matte is above and one below, networks contradict each other
AGREED = 0.1  # from 0 or 1, up to which they agree on background, or on the subject
BINS = 16  # of a colour histogram, for each channel
ALIKE = 3.0  # log-odds from which a colour is the background's
MOSTLY = 0.55  # share of a disputed piece that shows the background at least, for it to be background
OPEN = 0.1  # share of its border by which what is disputed hangs together with the background, and is no hole
WHITE = 250  # grey level of a background before which white parts of things cannot be told from holes
AROUND = 0.015  # of the longer side: the radius within which it is measured how even a background is
GRAIN = 2  # grey levels that an even background strays from its own course on average
STRAY = 4  # grey levels more that a pixel strays from it at most


def find_background(mattes: Sequence[np.ndarray], rgb: np.ndarray) -> np.ndarray | None:
    """Where some networks see a subject and others do not, and the photo bears the latter out.

    That is a hole, as in a ring or between the spokes of a wheel, which mostly shows colours that the background has
    and the subject has not; and, where what is disputed is no hole, what goes on just as an even background does.
    White holes before white are left alone: there they look the same as white parts of the subject.

    Parameters
    ----------
    mattes
        ``(h, w)`` float32 in [0, 1], one a network.
    rgb
        ``(H, W, 3)`` uint8, the photo.

    Returns
    -------
    numpy.ndarray
        ``(h', w')`` uint8, 0 or 1, of a working size; None where it is nowhere.
    """
    size = fit_size(rgb.shape[1::-1], WORKING_SIDE)
    small = [cv2.resize(matte, size, interpolation=cv2.INTER_AREA) for matte in mattes]
    highest, lowest = np.maximum.reduce(small), np.minimum.reduce(small)
    disputed, beyond = (highest > CLAIMED) & (lowest < DENIED), highest < AGREED
    subject = lowest > 1 - AGREED
    if not (disputed.any() and beyond.any() and subject.any()):
        return None
    photo = resize_for_work(rgb, size)
    bins = number_colours(photo, BINS)
    odds = np.log(count_colours(bins[beyond], BINS) / count_colours(bins[subject], BINS))
    alike = disputed & (odds[bins] > ALIKE)
    count, pieces = cv2.connectedComponents(disputed.view(np.uint8), connectivity=4)
    measure = partial(_measure, pieces, count)
    enclosed = _find_enclosed(disputed, highest <= CLAIMED, measure)
    white = measure(alike & (photo.min(axis=2) >= WHITE)) > MOSTLY * measure(disputed)
    shown = alike & np.where(enclosed[pieces], ~white[pieces], _continues(photo, beyond))
    shown &= (measure(shown) > MOSTLY * measure(disputed))[pieces]
    return cv2.dilate(shown.view(np.uint8), np.ones((3, 3), np.uint8)) if shown.any() else None


def _measure(pieces: np.ndarray, count: int, where: np.ndarray) -> np.ndarray:
    """How many pixels of each of the numbered `pieces` lie `where` they are asked for."""
    return np.bincount(pieces[where], minlength=count)


def _find_enclosed(disputed: np.ndarray, beyond: np.ndarray, measure: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Which pieces of `disputed` are enclosed by the subject, ``(count,)`` bool; `beyond` it no network sees one."""
    square = np.ones((3, 3), np.uint8)
    outside = cv2.dilate(np.pad(beyond, 1, constant_values=True).view(np.uint8), square)[1:-1, 1:-1] > 0
    rim = cv2.erode(np.pad(disputed, 1).view(np.uint8), square)[1:-1, 1:-1] == 0
    return np.asarray(measure(disputed & rim & outside) <= OPEN * measure(disputed & rim))


def _continues(photo: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Where `photo` goes on as the even part of the `background` that is nearest to it does: ``(h, w)`` bool."""
    colours = photo.astype(np.float32)
    colours -= _fit_course(colours, background)
    reach = 2 * max(1, round(AROUND * max(background.shape))) + 1

    def average(values: np.ndarray) -> np.ndarray:
        """The mean of `values` over what there is of the background around it."""
        summed = cv2.blur(values * share, (reach, reach)), cv2.blur(share, (reach, reach))
        return np.asarray(summed[0] / np.maximum(summed[1], 1e-6))

    share = background[..., None].repeat(3, axis=2).astype(np.float32)
    mean = average(colours)
    grain = average(np.abs(colours - mean)).max(axis=2)
    _, seeds = cv2.distanceTransformWithLabels(
        (~background).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    places = np.zeros(seeds.max() + 1, np.intp)
    places[seeds[background]] = np.flatnonzero(background)
    nearest = places[seeds]
    strays = np.abs(colours - mean.reshape(-1, 3)[nearest]).max(axis=2)
    grain = grain.ravel()[nearest]
    return np.asarray((grain < GRAIN) & (strays <= STRAY + grain))


def _fit_course(colours: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The surface of second degree that is nearest to `colours` ``(h, w, 3)`` float32 `where` it is to be."""
    height, width = where.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=2).astype(np.float32)
    known = terms[where]
    solved = np.linalg.lstsq(known.T @ known, known.T @ colours[where], rcond=None)[0]
    return np.asarray(terms @ solved)
