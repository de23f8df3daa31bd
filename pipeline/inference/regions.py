"""Looking for the subject in a part of a photo only, as a person asks for it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..pixels.geometry import Size
from ..pixels.image_io import Photo
from .networks.feeding import WHOLE, Region, crop_to_region
from .predict import PredictionResult


def find_in_region(
    photo: Photo, region: Region, find: Callable[[Photo, Size], PredictionResult], size: Size
) -> PredictionResult:
    """What `find`, as `find_subject`, says of the part `region` of a photo, placed in the whole."""
    if region == WHOLE:
        return find(photo, size)
    alpha = None if photo.alpha is None else crop_to_region(photo.alpha, region)
    part = replace(photo, rgb=crop_to_region(photo.rgb, region), alpha=alpha)
    predicted = find(part, part.size)
    return predicted._replace(prediction=predicted.prediction.place_in(region, size))


def clear_beyond(matte: np.ndarray, region: Region) -> np.ndarray:
    """`matte` ``(H, W)`` uint8 with nothing beyond `region`."""
    if region == WHOLE:
        return matte
    cleared = np.zeros_like(matte)
    crop_to_region(cleared, region)[:] = crop_to_region(matte, region)
    return cleared
