"""What goes through the stages of a cut-out, and what comes of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from .compose import ComposedPicture
from .edges.marks import Marks
from .inference.networks.feeding import WHOLE, Region
from .inference.predict import PredictionResult
from .options.options import Options
from .pixels.image_io import Photo

OVERVIEW = 256  # pixels of the longer side


@dataclass(frozen=True)
class Inputs:
    """All that a cut-out is made from, beside its options.

    Attributes
    ----------
    photo
        From `decode`, or made from an array.
    background
        The picture for ``background=image``.
    marks
        Strokes that a person has drawn on the photo; with a trimap they are painted on that.
    trimap
        ``(h, w)`` uint8 of any size: white is the subject, black is not, the rest is to be found out. No network runs.
    region
        Left, top, right and bottom, from 0 to 1: where in the photo the subject is. A network sees nothing else, and
        nothing else is left of the photo. A trimap says it by itself.
    predicted
        What a network has said of the photo already, as of the frame of a clip; then none runs.
    extent
        ``(h, w)`` uint8 of any size: where the subject is over a whole clip. Crop, canvas and what is measured by the
        subject's size are decided by it, so that they are the same for every frame.
    """

    photo: Photo
    background: Photo | None = None
    marks: Marks | None = None
    trimap: np.ndarray | None = None
    region: Region = WHOLE
    predicted: PredictionResult | None = None
    extent: np.ndarray | None = None


@dataclass(frozen=True)
class Cutout:
    """A cut-out: a subject without its background, or before another one.

    Attributes
    ----------
    picture
        Its colour and alpha, and where the photo lies in them.
    photo, options
        What it was made from.
    engine
        What ran the network, as people are told.
    seconds
        Time spent, by stage.
    warnings
        Codes such as ``nothing_found``.
    overview
        The matte in the photo's own frame, at most `OVERVIEW` pixels wide or high: ``(h, w)`` uint8.
    doubt
        How far the networks of an ensemble disagree in the subject and around it, on average: 0 to 1.
    trimap
        That which was solved, strokes and all: ``(h, w)`` uint8; None without one.
    fresh
        Whether a network has run; else its prediction was kept from before.
    """

    picture: ComposedPicture
    photo: Photo
    options: Options
    engine: str
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    overview: np.ndarray = field(default_factory=lambda: np.zeros((1, 1), np.uint8))
    doubt: float = 0.0
    trimap: np.ndarray | None = None
    fresh: bool = True

    @property
    def rgb(self) -> np.ndarray:
        """``(H, W, 3)`` uint8 sRGB, straight (never multiplied by alpha); 0 where alpha is 0."""
        return self.picture.rgb

    @property
    def alpha(self) -> np.ndarray:
        """``(H, W)`` uint8; 255 throughout with a background."""
        return self.picture.alpha

    @property
    def model(self) -> str:
        """The name of the model."""
        return self.options.model

    @property
    def without_effect(self) -> tuple[str, ...]:
        """The options that were given and do nothing."""
        return self.options.list_without_effect()


class Reduction(NamedTuple):
    """What links a photo that was made smaller to its original.

    Attributes
    ----------
    original
        Returns the original, which the network is fed with; called only when a network runs.
    reduced
        The size of the photo as a fraction of the original's.
    long_side
        The longest side that the result may have, in pixels.
    """

    original: Callable[[], Photo]
    reduced: float
    long_side: int
