"""`KeptLayers`: a type of its own, light enough for a process that only runs networks."""

from typing import NamedTuple


class KeptLayers(NamedTuple):
    """Layers that stay in 32 bits where others do not.

    Attributes
    ----------
    layers
        Names in the weight file.
    side
        All whose result has at most so many pixels a side stay as well: the deepest ones, which cost little.
    """

    layers: tuple[str, ...] = ()
    side: int = 0
