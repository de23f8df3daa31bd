"""Colour and matte → the picture that leaves: background, shadow, outline, crop and canvas; one idea a file.

Everything here is straight alpha, never multiplied into the colour, and nothing hides where a picture is transparent.
What to call in which order: `turned`; `kept` (at the photo's size); a `Placement` from `crop`, `ratio`, `canvas` or
`cover`, through which colour, alpha, kept shadow and the photo's own background go; `outline`; `drop` or `contact` of
the placed alpha, put `under` it; `over` a background, or not.
"""

from .backgrounds import Fit, blurred, gradient, picture
from .canvases import GROUPS, Canvas, canvases
from .framing import ENLARGED, TOO_SMALL, Flip, Placement, canvas, cover, crop, fill, ratio, subject_box, turned
from .layers import Colour, Layer, OwnAlpha, join_alpha, over, under, with_own_alpha, without_background
from .outline import outline
from .own_shadow import NOT_PLAIN, kept
from .shadows import contact, drop, strengthened

__all__ = [
    "ENLARGED",
    "GROUPS",
    "NOT_PLAIN",
    "TOO_SMALL",
    "Canvas",
    "Colour",
    "Fit",
    "Flip",
    "Layer",
    "OwnAlpha",
    "Placement",
    "blurred",
    "canvas",
    "canvases",
    "contact",
    "cover",
    "crop",
    "drop",
    "fill",
    "gradient",
    "join_alpha",
    "kept",
    "outline",
    "over",
    "picture",
    "ratio",
    "strengthened",
    "subject_box",
    "turned",
    "under",
    "with_own_alpha",
    "without_background",
]
