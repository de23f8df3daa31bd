"""Colour and matte → the picture that leaves: background, shadow, outline, crop and canvas; one idea a file.

Everything here is straight alpha, never multiplied into the colour, and nothing hides where a picture is transparent.
`compose` puts the ideas together, in the only order that is right.
"""

from .arrange import ComposedPicture, compose
from .layers import join_alpha

__all__ = ["ComposedPicture", "compose", "join_alpha"]
