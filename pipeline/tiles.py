"""Work at full size only where a matte is soft, tile by tile, with what was found at a smaller size."""

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np

from .machine import side_by_side

Tile = tuple[slice, slice]
TILE = 256  # pixels; large enough for OpenCV to be quick, small enough to skip most of a picture


def soft_tiles(alpha: np.ndarray, low: int = 0, high: int = 255) -> Iterator[Tile]:
    """The tiles of `alpha` ``(H, W)`` that are neither all at most `low` nor all at least `high`."""
    height, width = alpha.shape
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            tile = slice(top, min(top + TILE, height)), slice(left, min(left + TILE, width))
            least, most, _, _ = cv2.minMaxLoc(alpha[tile])
            if most > low and least < high:
                yield tile


def each_tile(tiles: Sequence[Tile], work: Callable[[Tile], None]) -> None:
    """Do `work` on every one of `tiles`, several at a time; each must write nowhere but in its own tile."""
    for _ in side_by_side(work, tiles):
        pass


def enlarged_tile(small: np.ndarray, size: tuple[int, int], tile: Tile) -> np.ndarray:
    """What `tile` of `small` would be, were `small` ``(h, w[, C])`` resized bilinearly to `size` (width, height)."""
    across, down = small.shape[1] / size[0], small.shape[0] / size[1]
    rows, columns = tile
    there = np.array(
        [
            [across, 0, (columns.start + 0.5) * across - 0.5],
            [0, down, (rows.start + 0.5) * down - 0.5],
        ]
    )
    wanted = columns.stop - columns.start, rows.stop - rows.start
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(small, there, wanted, flags=how, borderMode=cv2.BORDER_REPLICATE)
