"""The draft of a photo: cut-outs at the size of a screen, again and again while options change."""

import hashlib
from collections.abc import Callable
from functools import cache

import numpy as np

from .base.jobs import Job
from .cutout import Result, decode_background, decode_trimap, make_picture
from .edges.marks import Marks, Pick
from .inference.runtime import Runtime
from .inputs import Inputs, Reduction
from .marking import Picked
from .memo import Memo
from .options.options import Options
from .pixels import image_io
from .pixels.encoders import encode_picture
from .pixels.geometry import Size
from .pixels.image_io import Photo
from .pixels.names import name_cutout
from .stages import hold_slot, preview_pick, run_stages


class Draft:
    """A photo made smaller to the size of a screen, with results of earlier cut-outs, so that a change is shown fast.

    The stages are those of the full size, with a memo. Networks are fed with the whole photo and lengths are scaled, so
    that each picture looks like the full size made smaller. Safe for several threads.

    Parameters
    ----------
    name
        The photo's file name.
    long_side
        The longest side of its pictures, in pixels.
    runtime
        Settings and loaded networks.

    Attributes
    ----------
    seen_by
        The models that have looked at the photo.
    """

    def __init__(self, name: str, long_side: int, runtime: Runtime) -> None:
        self._name, self._long_side, self._runtime = name, long_side, runtime
        self._memo = Memo()
        self.seen_by: set[str] = set()

    def cut_out(
        self,
        data: bytes,
        options: Options,
        background: bytes | None = None,
        job: Job | None = None,
        background_name: str = "",
        marks: Marks | None = None,
        trimap: bytes | None = None,
    ) -> Result:
        """The cut-out as a PNG, whatever format the options name, in a run slot. Raises as `cut_out_file`.

        Parameters
        ----------
        data
            The photo's file, the same at every call.
        background
            The file of the picture for ``background=image``.
        background_name
            Its name, for messages.
        marks
            Strokes drawn on the photo, in pixels of its full size.
        trimap
            The file of a trimap, which takes the place of the network.
        """
        job, decode_original = job or Job(), self._decode_later(data)
        with hold_slot(self._runtime, job, self._name) as clock:
            with clock("decode"):
                photo, full_size = self._memo.remember("reduced", (), lambda: self._fit(decode_original()))
                behind = self._decode_background(background, background_name, options)
                levels = self._decode_trimap(trimap)
            inputs = Inputs(photo, behind, marks and marks.check_size(full_size), levels)
            reduction = Reduction(decode_original, photo.size[0] / full_size[0], self._long_side)
            cutout = run_stages(inputs, options, self._runtime, job, clock, reduction=reduction, memo=self._memo)
            if trimap is None:
                self.seen_by.add(cutout.model)
            with clock("encode"):
                png = encode_picture("png", make_picture(cutout))
            job.check()
        format = options.file_format
        return Result(png, cutout, full_size, name_cutout(self._name, format.ending), format.media_type)

    def preview_pick(
        self,
        data: bytes,
        options: Options,
        pick: Pick,
        settled: bool,
        marks: Marks | None,
        trimap: bytes | None,
        job: Job,
    ) -> Picked:
        """What `pick`, in pixels of the full size, would do after `marks`. Raises as `cut_out`.

        It is told at the size of the draft, and does not depend on how large the photo is.

        Parameters
        ----------
        settled
            Whether it is of the kind that it says; else of the kind that changes more.
        """
        decode_original = self._decode_later(data)
        with hold_slot(self._runtime, job, self._name):
            photo, full_size = self._memo.remember("reduced", (), lambda: self._fit(decode_original()))
            Marks(version=1, size=full_size, strokes=(pick,)).check_places()
            reduction = Reduction(decode_original, photo.size[0] / full_size[0], self._long_side)
            inputs = Inputs(photo, marks=marks, trimap=self._decode_trimap(trimap))
            return preview_pick(inputs, pick, settled, options, self._runtime, job, reduction, self._memo)

    def _decode_later(self, data: bytes) -> Callable[[], Photo]:
        return cache(lambda: image_io.decode(data, self._name, *self._limits))

    @property
    def _limits(self) -> tuple[float | None, int | None]:
        return self._runtime.settings.max_megapixels, self._runtime.settings.max_frames

    def _fit(self, photo: Photo) -> tuple[Photo, Size]:
        return photo.shrink_to(self._long_side), photo.size

    def _decode_trimap(self, data: bytes | None) -> np.ndarray | None:
        if data is None:
            return None
        digest = hashlib.sha256(data).digest()
        return self._memo.remember("trimap", digest, lambda: decode_trimap(data, *self._limits))

    def _decode_background(self, data: bytes | None, name: str, options: Options) -> Photo | None:
        if data is None or options.background != "image":
            return None
        digest = hashlib.sha256(data).digest()
        return self._memo.remember(
            "background", digest, lambda: decode_background(data, name, *self._limits).shrink_to(2 * self._long_side)
        )
