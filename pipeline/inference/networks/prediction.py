"""What every kind of network answers with."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

STEPS = 65535  # of opacity


@dataclass(frozen=True)
class Prediction:
    """What a network said of a photo, at the network's own size.

    Attributes
    ----------
    matte
        ``(h, w)`` float32 in [0, 1]; 1 is subject.
    foreground
        ``(h, w, 3)`` uint8 sRGB: the subject's own colours, where the network tells them.
    labels
        ``(h, w)`` uint8: the class of each pixel, 0 the background, where the network knows only that. The matte then
        is 0 or 1 and has no size of its own between pixels: it grows by nearest neighbour.
    shares
        ``(h, w, classes)`` float16: the probability of each class, where the network tells them apart softly.
    """

    matte: np.ndarray
    foreground: np.ndarray | None = None
    labels: np.ndarray | None = None
    shares: np.ndarray | None = None

    @property
    def planes(self) -> list[np.ndarray]:
        """Every array that it consists of."""
        return [each for each in (self.matte, self.foreground, self.labels, self.shares) if each is not None]

    @property
    def nbytes(self) -> int:
        """Bytes that keeping it costs."""
        return sum(plane.nbytes for plane in self.planes)

    @property
    def is_empty(self) -> bool:
        """Whether no pixel is more subject than background."""
        return float(self.matte.max(initial=0)) < 0.5

    def round_matte(self) -> "Prediction":
        """This prediction with its matte in 65,536 steps, as it is kept: kept or not, it gives the same bytes."""
        return replace(self, matte=np.rint(self.matte * np.float32(STEPS)) / np.float32(STEPS))

    def select_classes(self, classes: Collection[int]) -> "Prediction":
        """This prediction with only these classes as the subject; without any, as it is."""
        if not classes:
            return self
        if self.shares is not None:
            return replace(self, matte=self.shares[..., sorted(classes)].sum(axis=2, dtype=np.float32).clip(0, 1))
        if self.labels is not None:
            return replace(self, matte=np.isin(self.labels, sorted(classes)).astype(np.float32))
        return self
