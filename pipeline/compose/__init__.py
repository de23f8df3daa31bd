"""Composing: a cut-out put together with background, shadow, outline and frame.

Alpha is straight everywhere, never multiplied into the colour, and colour is 0 where a picture is transparent.
"""

from .composition import ComposedPicture, compose
from .faces import Face, find_faces
from .layers import join_alpha

__all__ = ["ComposedPicture", "Face", "compose", "find_faces", "join_alpha"]
