"""Colour and matte → the picture that leaves: background, shadow, outline, crop and canvas; one idea a file.

Everything here is straight alpha, never multiplied into the colour, and nothing hides where a picture is transparent.
`compose` puts the ideas together, in the only order that is right.
"""

from .arrange import BARE, OPAQUE, Composed, compose
from .layers import clear_background, join_alpha

__all__ = ["BARE", "OPAQUE", "Composed", "compose", "join_alpha", "without_background"]
