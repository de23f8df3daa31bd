"""Mattes made steady in time: what shows the same point of the scene in several frames has one alpha.

Flow: Kroeger et al., Fast Optical Flow using Dense Inverse Search, 2016.
"""

from functools import lru_cache

import cv2
import numpy as np

from ..pixels.geometry import fit_size
from ..pixels.resample import resize_for_work

WORKING_SIDE = 320  # pixels of the longer side at which movement is measured
MOST = 5  # frames of which a matte is made
REGION = 0.028  # of each side: narrower differences to the frame before are edges, which movement misses by a little
NEAR_FLOW = 1.5  # pixels by which the way there and back may miss, or what is hidden in one frame is taken over
NEAR_COLOUR = 24.0  # grey levels by which a point may change from frame to frame


class MatteSmoother:
    """Averages mattes along the movement of the picture.

    A point is followed to where it was in the frame before. Where the way back leads elsewhere, or the colour is
    another, it was hidden or has just come into sight: its matte starts anew, and nothing is dragged along as a ghost.
    Only what differs over a region is averaged, as where a network loses a leg for some frames; the edge is always that
    of the frame itself, since movement is known to a pixel at best and averaged edges would be blurred by that.
    """

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self.reset()

    def reset(self) -> None:
        """Forget the frames before, as at a scene cut."""
        self._small: np.ndarray | None = None
        self._matte: np.ndarray | None = None
        self._seen: np.ndarray | None = None

    def smooth(self, matte: np.ndarray, rgb: np.ndarray) -> np.ndarray:
        """The matte ``(h, w)`` float32 of the next frame ``(H, W, 3)`` uint8, made steady.

        `matte` may have another shape than the frame: a network's own.
        """
        small = resize_for_work(rgb, fit_size((rgb.shape[1], rgb.shape[0]), WORKING_SIDE))
        steady, seen = matte, np.ones(matte.shape, np.float32)
        if self._small is not None and self._small.shape == small.shape:
            assert self._matte is not None and self._seen is not None
            ways, same = self._follow(small, self._small)
            places = _enlarge_ways(ways, matte.shape)
            before, count = (_fetch(each, places) for each in (self._matte, self._seen))
            weight = np.minimum(count, MOST - 1) * _resize(same, matte.shape)
            steady = matte + weight / (1 + weight) * _find_regions(before - matte)
            seen = 1 + weight
        self._small, self._matte, self._seen = small, steady, seen
        return steady

    def _follow(self, small: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where each pixel was in the frame before, ``(h, w, 2)`` in pixels, and how sure that is, 0 to 1."""
        greys = [cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) for each in (small, before)]
        back, forth = self._flow.calc(greys[0], greys[1], None), self._flow.calc(greys[1], greys[0], None)
        ways = _list_places(back.shape[:2]) + back
        returned = cv2.remap(forth, ways, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        missed = cv2.magnitude(*cv2.split(back + returned))
        warped = cv2.remap(before, ways, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        red, green, blue = cv2.split(cv2.absdiff(cv2.blur(small, (3, 3)), cv2.blur(warped, (3, 3))))
        changed = cv2.max(cv2.max(red, green), blue).astype(np.float32)
        height, width = greys[0].shape
        sure = np.clip(2 - missed / NEAR_FLOW, 0, 1) * np.clip(2 - changed / NEAR_COLOUR, 0, 1)
        sure[cv2.inRange(ways, (0, 0), (width - 1, height - 1)) == 0] = 0
        return ways, cv2.erode(sure, np.ones((3, 3), np.uint8))

    def save(self) -> dict[str, np.ndarray]:
        """What it knows, as arrays by name."""
        known = {"small": self._small, "matte": self._matte, "seen": self._seen}
        return {name: each for name, each in known.items() if each is not None}

    def restore(self, known: dict[str, np.ndarray]) -> None:
        """Go on with what `save` gave."""
        self._small, self._matte, self._seen = (known.get(name) for name in ("small", "matte", "seen"))


@lru_cache(maxsize=2)  # those of the working size and of mattes, which stay the same for a clip
def _list_places(shape: tuple[int, ...]) -> np.ndarray:
    """The place of each pixel, ``(h, w, 2)`` float32: x and y; not to be changed."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return np.dstack([x, y])


def _find_regions(difference: np.ndarray) -> np.ndarray:
    """`difference` ``(h, w)`` float32, -1 to 1, without what is narrower than `REGION`, in steps of a grey level.

    Its two signs are opened, each for itself.
    """
    kernel = np.ones([max(3, round(REGION * side)) for side in difference.shape], np.uint8)
    scaled = cv2.multiply(difference, 255.0)
    more, less = (
        cv2.morphologyEx(np.maximum(each, 0).astype(np.uint8), cv2.MORPH_OPEN, kernel) for each in (scaled, -scaled)
    )
    return np.asarray(cv2.subtract(more, less, dtype=cv2.CV_32F) / 255)


def _resize(plane: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return plane if plane.shape == shape else cv2.resize(plane, shape[::-1], interpolation=cv2.INTER_LINEAR)


def _enlarge_ways(ways: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Where each pixel of a plane of `shape` was in the frame before; `ways` are in pixels of the working size."""
    moved = cv2.resize(ways - _list_places(ways.shape[:2]), shape[::-1], interpolation=cv2.INTER_LINEAR)
    moved *= np.array([shape[1] / ways.shape[1], shape[0] / ways.shape[0]], np.float32)
    return moved + _list_places(shape)


def _fetch(plane: np.ndarray, places: np.ndarray) -> np.ndarray:
    """`plane` of the frame before as it lies now, at the size of `places`."""
    there = _resize(plane, places.shape[:2])
    return cv2.remap(there, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
