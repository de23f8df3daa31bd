"""Resizing: photos down to a network's input or a screen, mattes up to the photo's size."""

import cv2
import numpy as np
from PIL import Image

from ..base import machine
from ..base.parallel import run_parallel, split_evenly
from .geometry import Interpolation, Size

FAR = 2  # times a network's size that halving leaves at least for Lanczos
FINE, FINE_FAR = 640, 1.4  # the side from which a network sees so finely that less is enough
LANCZOS = Image.Resampling.LANCZOS
HALF_OF_16_BITS = 32767  # a matte of 1 as uint16: half the memory of float32, and room for overshoot
LARGE = 250_000  # pixels from which a second thread is worth its start


def shrink(array: np.ndarray, size: Size) -> np.ndarray:
    """`array` ``(H, W[, C])`` at a smaller `size` (width, height), by averaging; halved first, which is fastest."""
    height, width = array.shape[:2]
    while width >= 2 * size[0] and height >= 2 * size[1] and width % 2 == height % 2 == 0:
        width, height = width // 2, height // 2
        array = cv2.resize(array, (width, height), interpolation=cv2.INTER_AREA)
    return array if (width, height) == size else cv2.resize(array, size, interpolation=cv2.INTER_AREA)


def enlarge_photo(array: np.ndarray, size: Size) -> np.ndarray:
    """`array` ``(H, W[, C])`` uint8 or uint16 at a larger `size` (width, height), sharp and without halos.

    Cubic interpolation overshoots beside an edge, by a tenth of it, which shows as a halo: see `limit_to_surroundings`.
    """
    enlarged = cv2.resize(array, size, interpolation=cv2.INTER_CUBIC)
    limit_to_surroundings(enlarged, array, array)
    return enlarged


def limit_to_surroundings(enlarged: np.ndarray, lowest: np.ndarray, highest: np.ndarray) -> None:
    """Let no value of `enlarged` lie beyond those of the three by three pixels around it before it was enlarged.

    The least of them is looked for in `lowest`, the largest in `highest`. Changes `enlarged`.
    """
    size, around = enlarged.shape[1::-1], np.ones((3, 3), np.uint8)
    for limit, spread, before in ((np.maximum, cv2.erode, lowest), (np.minimum, cv2.dilate, highest)):
        limit(enlarged, cv2.resize(spread(before, around), size, interpolation=cv2.INTER_NEAREST_EXACT), out=enlarged)


def resize_for_work(array: np.ndarray, size: Size) -> np.ndarray:
    """`array` ``(H, W[, C])`` uint8 at a smaller `size` (width, height) of the same ratio, fast, for computing with.

    Averaging is slow between sizes that are no multiples of each other. So it is halved as often as possible, and the
    rest, less than a factor of two, is done by bilinear interpolation: before halving where the sides are odd.
    """
    height, width = array.shape[:2]
    times = 1 << (max(1, min(width // size[0], height // size[1])).bit_length() - 1)
    if width % times or height % times:
        array = cv2.resize(array, (times * size[0], times * size[1]), interpolation=cv2.INTER_LINEAR)
    array = shrink(array, (array.shape[1] // times, array.shape[0] // times))
    return array if array.shape[1::-1] == size else cv2.resize(array, size, interpolation=cv2.INTER_LINEAR)


def resize_for_network(rgb: np.ndarray, size: Size, interpolation: Interpolation = "lanczos") -> np.ndarray:
    """A photo at a network's input size.

    Parameters
    ----------
    rgb
        ``(H, W, 3)`` uint8.
    size
        Width and height of the input.
    interpolation
        ``lanczos`` is Pillow's, anti-aliased; far larger photos are halved first, which changes mattes by 0.25 of 255
        on average and saves most of the time. ``bilinear`` samples without anti-aliasing, as the authors of U-2-Net
        do; ``area`` averages, as those of MODNet do.

    Returns
    -------
    numpy.ndarray
        ``(h, w, 3)`` uint8.
    """
    if interpolation != "lanczos":
        how = cv2.INTER_LINEAR if interpolation == "bilinear" else cv2.INTER_AREA
        return cv2.resize(rgb, size, interpolation=how)
    height, width = (float(side) for side in rgb.shape[:2])
    far = FINE_FAR if min(size) >= FINE else FAR
    while width >= 2 * far * size[0] and height >= 2 * far * size[1]:
        rgb, width, height = halve(rgb), width / 2, height / 2
    return _resize_lanczos(rgb, size, (width, height))


def halve(rgb: np.ndarray) -> np.ndarray:
    """Averages of two by two pixels; the last row or column of an odd side counts twice."""
    down, across = rgb.shape[0] % 2, rgb.shape[1] % 2
    if down or across:
        rgb = cv2.copyMakeBorder(rgb, 0, down, 0, across, cv2.BORDER_REPLICATE)
    return cv2.resize(rgb, (rgb.shape[1] // 2, rgb.shape[0] // 2), interpolation=cv2.INTER_AREA)


def _resize_lanczos(rgb: np.ndarray, size: Size, inside: tuple[float, float]) -> np.ndarray:
    """Pillow's Lanczos to the byte, on all cores: along the rows in strips, then along the columns.

    `inside`: width and height of the part of `rgb`, from its top left, that becomes `size`.
    """
    height, width = rgb.shape[:2]
    if height * width < LARGE or machine.count_cores() == 1:
        return np.asarray(Image.fromarray(rgb).resize(size, LANCZOS, (0, 0, *inside)))
    narrow = np.empty((height, size[0], 4), np.uint8)
    small = np.empty((size[1], size[0], 4), np.uint8)

    def resize_rows(part: slice) -> None:
        strip = cv2.cvtColor(rgb[part], cv2.COLOR_RGB2RGBA)
        rows = len(strip)
        narrow[part] = np.asarray(_map_picture(strip).resize((size[0], rows), LANCZOS, (0, 0, inside[0], rows)))

    def resize_columns(part: slice) -> None:
        strip = np.ascontiguousarray(narrow[:, part])
        columns = strip.shape[1]
        resized = _map_picture(strip).resize((columns, size[1]), LANCZOS, (0, 0, columns, inside[1]))
        small[:, part] = np.asarray(resized)

    run_parallel(resize_rows, split_evenly(height))
    run_parallel(resize_columns, split_evenly(size[0]))
    return cv2.cvtColor(small, cv2.COLOR_RGBA2RGB)


def _map_picture(rgbx: np.ndarray) -> Image.Image:
    """``(H, W, 4)`` uint8 as Pillow's picture, in the same memory: three bytes a pixel it would copy to four itself,
    while it holds the interpreter lock.
    """
    return Image.frombuffer("RGBX", rgbx.shape[1::-1], rgbx, "raw", "RGBX", 0, 1)


def resize_matte(matte: np.ndarray, size: Size, hard: bool = False) -> np.ndarray:
    """A network's matte at the photo's size.

    Parameters
    ----------
    matte
        ``(h, w)`` float32 in [0, 1].
    size
        Width and height of the photo.
    hard
        Whether the matte is only 0 and 1, as from labels: it is then enlarged by nearest neighbour, else bicubically.

    Returns
    -------
    numpy.ndarray
        ``(H, W)`` uint8.
    """
    height, width = matte.shape
    if hard:
        return cv2.convertScaleAbs(cv2.resize(matte, size, interpolation=cv2.INTER_NEAREST_EXACT), alpha=255)
    averaged = (min(size[0], width), min(size[1], height))
    resized = matte if averaged == (width, height) else cv2.resize(matte, averaged, interpolation=cv2.INTER_AREA)
    fine = (resized * np.float32(HALF_OF_16_BITS) + np.float32(0.5)).astype(
        np.uint16
    )  # room for the overshoot of cubic interpolation
    enlarged = cv2.resize(fine, size, interpolation=cv2.INTER_CUBIC)
    return cv2.convertScaleAbs(enlarged, alpha=255 / HALF_OF_16_BITS)
