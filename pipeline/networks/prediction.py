"""What every kind of network answers with."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Prediction:
    """What a network said of a photo, at the network's own size.

    Attributes
    ----------
    matte
        ``(h, w)`` float32 in [0, 1]; 1 is subject.
    """

    matte: np.ndarray

    @property
    def nbytes(self) -> int:
        """Bytes that keeping it costs."""
        return self.matte.nbytes

    @property
    def is_empty(self) -> bool:
        """Whether no pixel is more subject than background."""
        return float(self.matte.max(initial=0)) < 0.5
