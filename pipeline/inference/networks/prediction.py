"""`Prediction`: what a network of any family says of a photo."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import cv2
import numpy as np

from ...pixels.geometry import Size
from ...pixels.resample import shrink
from .feeding import Region

LEAST = np.float32(1e-4)  # weight of a colour where there is no subject
STEPS = 65535  # between 0 and 1, of a matte as it is kept


@dataclass(frozen=True)
class Prediction:
    """A network's prediction for a photo, at the network's size.

    Attributes
    ----------
    matte
        ``(h, w)`` float32 in [0, 1]; 1 is subject.
    foreground
        ``(h, w, 3)`` uint8 sRGB: the subject's own colours, where the network predicts them.
    labels
        ``(h, w)`` uint8: the class of each pixel, 0 the background, where the network predicts only that. The matte is
        then 0 or 1, and is enlarged by nearest neighbour.
    shares
        ``(h, w, classes)`` float16: the probability of each class, where the network predicts them.
    doubt
        ``(h, w)`` float32 in [0, 1]: how far several networks disagree on the matte; None where there was only one.
    exact
        Whether the matte was made at the photo's own size from the photo's own colours, so that no edge is to be found.
    """

    matte: np.ndarray
    foreground: np.ndarray | None = None
    labels: np.ndarray | None = None
    shares: np.ndarray | None = None
    doubt: np.ndarray | None = None
    exact: bool = False

    @property
    def planes(self) -> list[np.ndarray]:
        """All its arrays."""
        return [each for each in (self.matte, self.foreground, self.labels, self.shares) if each is not None]

    @property
    def nbytes(self) -> int:
        """Bytes of all its arrays."""
        return sum(plane.nbytes for plane in self.planes)

    @property
    def is_plain(self) -> bool:
        """Whether it tells nothing but a matte."""
        return len(self.planes) == 1

    @property
    def is_empty(self) -> bool:
        """Whether no pixel is more subject than background."""
        return float(self.matte.max(initial=0)) < 0.5

    def round_matte(self) -> "Prediction":
        """This prediction with its matte rounded to 65,536 steps, as on disk, so that the cache changes no result."""
        return replace(self, matte=np.rint(self.matte * np.float32(STEPS)) / np.float32(STEPS))

    def shrink_to(self, size: Size) -> "Prediction":
        """This prediction at a smaller `size` (width, height): matte and foreground averaged, as a picture is."""
        height, width = self.matte.shape
        if (width, height) == size:
            return self
        matte = shrink(self.matte, size)
        if self.foreground is None:
            return replace(self, matte=matte)
        weights = np.maximum(self.matte, LEAST)[..., None]
        colours = shrink(self.foreground * weights, size) / shrink(weights, size)[..., None]
        return replace(self, matte=matte, foreground=np.clip(colours + 0.5, 0, 255).astype(np.uint8))

    def place_in(self, region: Region, size: Size) -> "Prediction":
        """This prediction of a region as one of the whole photo, of `size`; there is nothing beyond the region."""
        x0, y0, x1, y1 = region
        height, width = self.matte.shape
        across, down = min(size[0], round(width / (x1 - x0))), min(size[1], round(height / (y1 - y0)))
        left, top = min(round(x0 * across), across - 1), min(round(y0 * down), down - 1)
        right, bottom = max(round(x1 * across), left + 1), max(round(y1 * down), top + 1)

        def put(plane: np.ndarray) -> np.ndarray:
            how = cv2.INTER_NEAREST if self.labels is not None else cv2.INTER_AREA
            placed = np.zeros((down, across, *plane.shape[2:]), plane.dtype)
            values = plane.astype(np.float32) if plane.dtype == np.float16 else plane
            placed[top:bottom, left:right] = cv2.resize(values, (right - left, bottom - top), interpolation=how)
            return placed

        planes = (self.foreground, self.labels, self.shares, self.doubt)
        foreground, labels, shares, doubt = (None if plane is None else put(plane) for plane in planes)
        return Prediction(put(self.matte), foreground, labels, shares, doubt, self.exact)

    def select_classes(self, classes: Collection[int]) -> "Prediction":
        """This prediction with a matte of only these `classes`, numbered from 1; unchanged where there are none."""
        if not classes:
            return self
        if self.shares is not None:
            return replace(self, matte=self.shares[..., sorted(classes)].sum(axis=2, dtype=np.float32).clip(0, 1))
        if self.labels is not None:
            return replace(self, matte=np.isin(self.labels, sorted(classes)).astype(np.float32))
        return self
