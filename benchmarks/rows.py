"""What the table is made of, and drawn from."""

from typing import NamedTuple


class Row(NamedTuple):
    """One model on one folder: the mean of each figure, by its name."""

    folder: str
    pictures: int
    title: str
    figures: dict[str, float]
