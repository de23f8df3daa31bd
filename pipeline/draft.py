"""One photo, looked at again and again while somebody moves its options."""

import hashlib
from typing import Any

import numpy as np

from .base.jobs import Job
from .compose import compose
from .cutout import Clock, Result, decoded_background, find, finish, full_matte, in_turn, picture_of, separate
from .inference.predict import Predicted
from .options.options import Options, list_options
from .pixels import image_io
from .pixels.formats import FORMATS, write
from .pixels.image_io import Photo
from .registry import catalog, weights

PREDICTIONS = 6  # that a draft keeps: some megabytes each
WITH_EDGES = list_options("edges")


class Draft:
    """A photo at screen size, with what networks said of it: only what is new in the options is done anew.

    The networks see the whole photo, and lengths are scaled with it, so that each picture looks like the full size made
    smaller. Safe to use from several threads.

    Parameters
    ----------
    name
        The photo's file name.
    long_side
        The longest that a picture may be, in pixels.
    """

    def __init__(self, name: str, long_side: int, max_megapixels: float | None = None) -> None:
        self._name, self._long_side, self._max_megapixels = name, long_side, max_megapixels
        self._view: tuple[Photo, tuple[int, int]] | None = None
        self._predicted: dict[Any, Predicted] = {}
        self._matte: tuple[Predicted, Any, np.ndarray] | None = None
        self._kept: tuple[Predicted, Any, np.ndarray, np.ndarray] | None = None
        self._backgrounds: tuple[bytes, Photo] | None = None

    def cut_out(
        self, data: bytes, options: Options, background_image: bytes | None = None, job: Job | None = None
    ) -> Result:
        """The picture as a PNG, whatever format the options name, in a run slot. Raises as `cut_out_file` does.

        `data` is always the same photo's file.
        """
        job = job or Job()
        with in_turn(job, self._name) as clock:
            with clock("network"):
                predicted, photo, full_size = self._look(data, options, job)
            with clock("decode"):
                behind = self._background(background_image, options)
            reduced = photo.size[0] / full_size[0]
            subject, alpha = self._separated(photo, predicted, options, job, clock, reduced)
            with clock("compose"):
                picture = compose(subject, alpha, photo, options, behind, reduced=reduced, long_side=self._long_side)
            cutout = finish(picture, photo, predicted, options, clock)
            with clock("encode"):
                png = write("png", picture_of(cutout))
            job.check()
        format = FORMATS[options.format]
        name = image_io.name_cutout(self._name, format.extension)
        return Result(png, cutout, full_size, name, format.media_type)

    def _look(self, data: bytes, options: Options, job: Job) -> tuple[Predicted, Photo, tuple[int, int]]:
        networks = weights.stamp(catalog.find_card(options.model))
        asked = networks, options.model, options.keep, options.precision, options.own_alpha == "keep"
        predicted, view = self._predicted.get(asked), self._view
        if predicted is None or view is None:
            job.at("reading")
            photo = image_io.decode(data, self._name, self._max_megapixels)
            view = self._view = view or (photo.fitted(self._long_side), photo.size)
            while len(self._predicted) >= PREDICTIONS:
                self._predicted.pop(next(iter(self._predicted)))
            predicted = self._predicted[asked] = find(photo, options, job, cache=True)
        return predicted, *view

    def _separated(
        self, photo: Photo, predicted: Predicted, options: Options, job: Job, clock: Clock, reduced: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `separate`; not done again while only what stands around the subject changes."""
        job.at("finishing")
        asked = tuple(getattr(options, name) for name in WITH_EDGES), options.background == "original"
        kept = self._kept
        if kept is None or kept[0] is not predicted or kept[1] != asked:
            with clock("matte"):
                matte = self._full_matte(photo, predicted, options, reduced)
            kept = self._kept = predicted, asked, *separate(photo, predicted, matte, options, job, clock, reduced)
        return kept[2], kept[3]

    def _full_matte(self, photo: Photo, predicted: Predicted, options: Options, reduced: float) -> np.ndarray:
        """As `full_matte`; the edge is not looked for again while only its shape changes."""
        asked = options.refine, options.trimap_band, options.own_alpha == "keep"
        kept = self._matte
        if kept is None or kept[0] is not predicted or kept[1] != asked:
            matte = full_matte(photo, predicted.prediction, options, reduced)
            kept = self._matte = predicted, asked, matte
        return kept[2]

    def _background(self, data: bytes | None, options: Options) -> Photo | None:
        if data is None or options.background != "image":
            return None
        kept, digest = self._backgrounds, hashlib.sha256(data).digest()
        if kept is None or kept[0] != digest:
            decoded = decoded_background(data, options, self._max_megapixels)
            assert decoded
            kept = self._backgrounds = digest, decoded.fitted(2 * self._long_side)
        return kept[1]
