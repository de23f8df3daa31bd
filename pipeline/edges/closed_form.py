"""Closed-form matting: the opacity of unknown pixels, from the photo's colours and the known pixels around them.

Source: Levin, Lischinski, Weiss, A Closed-Form Solution to Natural Image Matting, 2008.
"""

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

EPS = 1e-7  # colour variance, on a scale of 0 to 1, below which a window counts as flat
TOLERANCE = 1e-4  # of the residual, where steps end; to go on makes soft mattes worse, as it follows the photo's noise
MOST_STEPS = 1000  # of conjugate gradients
NEAR = [(down, across) for down in (-1, 0, 1) for across in (-1, 0, 1)]  # pixels of a window, from its middle
FAR = 5  # pixels across which one window after another links a pixel with others


def solve_opacity(opacity: np.ndarray, rgb: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """Find the opacity of unknown pixels, so that in each 3 x 3 window it is as linear in the colours as can be.

    Time and memory grow with the number of unknown pixels, about one kilobyte each.

    Parameters
    ----------
    opacity
        ``(H, W)`` float64 in [0, 1], at least 3 x 3; counts where it is known.
    rgb
        ``(H, W, 3)`` uint8, the photo.
    unknown
        ``(H, W)`` bool.

    Returns
    -------
    numpy.ndarray
        ``(N,)`` float64 in [0, 1], of the unknown pixels row by row.
    """
    from scipy.sparse import csr_matrix  # loaded only where it is needed

    rows = np.flatnonzero(unknown)
    numbers = np.full(unknown.size, -1, np.int32)
    numbers[rows] = np.arange(rows.size, dtype=np.int32)
    weights = _weigh_pairs(rgb, unknown, numbers)
    around = np.arange(FAR) - FAR // 2
    others = rows[:, None] + (around[:, None] * unknown.shape[1] + around).ravel()
    others = np.clip(others, 0, unknown.size - 1)  # beyond the picture weights are 0
    columns = numbers[others]
    known = columns < 0
    wanted = -np.einsum("ij,ij->i", weights, np.where(known, opacity.ravel()[others], 0))
    weights[known], columns[known] = 0, 0
    starts = np.arange(0, columns.size + 1, FAR * FAR)
    system = csr_matrix((weights.ravel(), columns.ravel(), starts), shape=(rows.size, rows.size))
    return np.clip(_descend(system, wanted, weights[:, FAR * FAR // 2]), 0, 1)


def _weigh_pairs(rgb: np.ndarray, unknown: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """The rows of the matting Laplacian for the unknown pixels: ``(N, 25)`` float64, of the 5 x 5 pixels around each.

    `numbers` is the number of each unknown pixel, and -1 elsewhere.
    """
    width = unknown.shape[1]
    middles = cv2.dilate(unknown.view(np.uint8), np.ones((3, 3), np.uint8))
    middles[[0, -1]], middles[:, [0, -1]] = 0, 0
    pixels = np.flatnonzero(middles)[:, None] + [down * width + across for down, across in NEAR]
    colours = (rgb.reshape(-1, 3) / 255)[pixels]
    colours -= colours.mean(axis=1, keepdims=True)
    covariance = np.einsum("nki,nkj->nij", colours, colours) / len(NEAR)
    covariance[:, range(3), range(3)] += EPS / len(NEAR)
    affinity = (1 + colours @ np.linalg.inv(covariance) @ colours.transpose(0, 2, 1)) / len(NEAR)
    weights = np.zeros((int(numbers.max()) + 1, FAR * FAR))
    for here, (down, across) in enumerate(NEAR):
        own = numbers[pixels[:, here]]
        ours = own >= 0
        part = -affinity[ours, here]
        part[:, here] += 1
        columns = [(y - down + FAR // 2) * FAR + x - across + FAR // 2 for y, x in NEAR]
        weights[own[ours][:, None], columns] += part
    return weights


def _descend(system: "csr_matrix", wanted: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
    """Solve `system` by conjugate gradients from one half, preconditioned by its `diagonal`.

    Sums are made by numpy and not by a BLAS library, whose threads would change their last digits.
    """
    enough = TOLERANCE**2 * np.sum(wanted * wanted)
    if not enough:  # no known subject touches the unknown pixels
        return np.zeros_like(wanted)
    found = np.full_like(wanted, 0.5)
    residual = wanted - system @ found
    direction = residual / diagonal
    size = np.sum(residual * direction)
    for _ in range(MOST_STEPS):
        if np.sum(residual * residual) <= enough:
            break
        change = system @ direction
        step = size / np.sum(direction * change)
        found += step * direction
        residual -= step * change
        corrected = residual / diagonal
        before, size = size, np.sum(residual * corrected)
        direction = corrected + size / before * direction
    return found
