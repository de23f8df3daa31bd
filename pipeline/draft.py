"""One photo, looked at again and again while somebody moves its options."""

import hashlib
from functools import cache

from .base.jobs import Job
from .cutout import Result, make_picture
from .inference.runtime import Runtime
from .options.options import Options
from .pixels import image_io
from .pixels.encoders import encode_picture
from .pixels.geometry import Size
from .pixels.image_io import Photo
from .stages import Inputs, Memo, View, hold_slot, run_stages


class Draft:
    """A photo at screen size, with what networks said of it: only what is new in the options is done anew.

    The stages are those of the full size, with a memo. The networks see the whole photo, and lengths are scaled with
    it, so that each picture looks like the full size made smaller. Safe to use from several threads.

    Parameters
    ----------
    name
        The photo's file name.
    long_side
        The longest that a picture may be, in pixels.
    runtime
        Settings and loaded networks.
    """

    def __init__(self, name: str, long_side: int, runtime: Runtime) -> None:
        self._name, self._long_side, self._runtime = name, long_side, runtime
        self._memo = Memo()

    def cut_out(self, data: bytes, options: Options, background: bytes | None = None, job: Job | None = None) -> Result:
        """The picture as a PNG, whatever format the options name, in a run slot. Raises as `cut_out_file` does.

        `data` is always the same photo's file, `background` that of the picture for ``background=image``.
        """
        job, limit = job or Job(), self._runtime.settings.max_megapixels

        @cache
        def original() -> Photo:
            return image_io.decode(data, self._name, limit)

        with hold_slot(self._runtime, job, self._name) as clock:
            with clock("decode"):
                photo, full_size = self._memo.remember("view", (), lambda: self._fit(original()))
                inputs = Inputs(photo, self._decode_background(background, options))
            view = View(original, photo.size[0] / full_size[0], self._long_side)
            cutout = run_stages(inputs, options, self._runtime, job, clock, view=view, memo=self._memo)
            with clock("encode"):
                png = encode_picture("png", make_picture(cutout))
            job.check()
        format = options.file_format
        return Result(png, cutout, full_size, image_io.name_cutout(self._name, format.extension), format.media_type)

    def _fit(self, photo: Photo) -> tuple[Photo, Size]:
        return photo.shrink_to(self._long_side), photo.size

    def _decode_background(self, data: bytes | None, options: Options) -> Photo | None:
        if data is None or options.background != "image":
            return None
        limit = self._runtime.settings.max_megapixels
        digest = hashlib.sha256(data).digest()
        return self._memo.remember(
            "background", digest, lambda: image_io.decode(data, "", limit).shrink_to(2 * self._long_side)
        )
