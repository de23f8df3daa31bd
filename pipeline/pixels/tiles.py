"""Work at full size done only in tiles where a matte is soft, with values enlarged from a smaller size."""

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np

from ..base.parallel import run_parallel

Tile = tuple[slice, slice]
TILE = 192  # pixels: large enough for OpenCV to be fast, small enough for the processor's cache and to skip most


def find_soft_tiles(alpha: np.ndarray, low: int = 0, high: int = 255) -> Iterator[Tile]:
    """Tiles that cover every pixel of `alpha` ``(H, W)`` uint8 between `low` and `high`, both exclusive.

    Each is cut to the box around such pixels, and at most `TILE` on a side.
    """
    height, width = alpha.shape
    for top in range(0, height, TILE):
        soft = cv2.inRange(alpha[top : top + TILE], low + 1, high - 1)
        for left in range(0, width, TILE):
            x, y, across, down = cv2.boundingRect(soft[:, left : left + TILE])
            if across:
                yield slice(top + y, top + y + down), slice(left + x, left + x + across)


def run_tiles(tiles: Sequence[Tile], work: Callable[[Tile], None]) -> None:
    """Do `work` on each of `tiles`, on all cores; it must write only inside its own tile."""
    run_parallel(work, tiles)


def enlarge_tile(small: np.ndarray, size: tuple[int, int], tile: Tile) -> np.ndarray:
    """The part `tile` of what `small` ``(h, w[, C])`` would be after bilinear resizing to `size` (width, height).

    With one channel or four, OpenCV takes a half to a quarter of the time of two or three.
    """
    across, down = small.shape[1] / size[0], small.shape[0] / size[1]
    rows, columns = tile
    transform = np.array(
        [
            [across, 0, (columns.start + 0.5) * across - 0.5],
            [0, down, (rows.start + 0.5) * down - 0.5],
        ]
    )
    wanted = columns.stop - columns.start, rows.stop - rows.start
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(small, transform, wanted, flags=how, borderMode=cv2.BORDER_REPLICATE)
