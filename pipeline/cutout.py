"""From the bytes of a photo to the bytes of its cut-out: what every face of the house calls."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .base.jobs import Job
from .inference.predict import predict
from .inference.runtime import Runtime, default_runtime
from .options.canvas import Canvas, parse_canvas
from .options.options import Options
from .pixels import image_io
from .pixels.encoders import Picture, encode_picture
from .pixels.geometry import Size
from .pixels.image_io import Photo
from .pixels.metadata import filter_exif
from .stages import Clock, Cutout, Inputs, hold_slot, run_stages


@dataclass(frozen=True)
class InputFiles:
    """`Inputs` as files.

    Attributes
    ----------
    photo
        The bytes of the photo's file.
    background
        Those of the picture for ``background=image``.
    name
        The photo's file name, which messages tell and the cut-out is named after.
    """

    photo: bytes
    background: bytes | None = None
    name: str = ""


@dataclass(frozen=True)
class Result:
    """A cut-out as a file.

    Attributes
    ----------
    data
        The file.
    cutout
        What is in it.
    original_size
        Width and height of the photo.
    name
        What the file is to be called.
    media_type
        What HTTP calls its format.
    """

    data: bytes
    cutout: Cutout
    original_size: Size
    name: str
    media_type: str

    @property
    def size(self) -> Size:
        """Width and height of the picture in pixels."""
        return self.cutout.picture.placement.size

    @property
    def full_size(self) -> Size:
        """Width and height of the picture as it is downloaded, of which a draft is a smaller view."""
        wanted, placement = parse_canvas(self.cutout.options.canvas), self.cutout.picture.placement
        if isinstance(wanted, Canvas):
            return wanted.size
        turned = self.original_size[::-1] if self.cutout.options.rotate % 180 else self.original_size
        shown = self.cutout.picture.turned_photo.size
        if placement.size == shown:
            return turned
        width, height = (round(side * turned[0] / shown[0]) for side in placement.size)
        return width, height


def cut_out(
    inputs: Inputs,
    options: Options | None = None,
    runtime: Runtime | None = None,
    *,
    job: Job | None = None,
    cache: bool = True,
) -> Cutout:
    """Cut the subject out of a decoded photo.

    Parameters
    ----------
    inputs
        The photo, and a picture for behind it.
    options
        What is wanted; the defaults without.
    runtime
        Settings and loaded networks; those of the environment without.
    job
        Follow or stop the work from another thread.
    cache
        Look for a kept prediction, and keep the new one.

    Raises
    ------
    ClearcutError
        See `ANSWERS` in ``base/errors.py``.

    Examples
    --------
    >>> photo = decode(open("cat.jpg", "rb").read())  # doctest: +SKIP
    >>> cutout = cut_out(Inputs(photo), Options(feather=2))  # doctest: +SKIP
    >>> cutout.alpha.shape == photo.rgb.shape[:2]  # doctest: +SKIP
    True
    """
    runtime = runtime or default_runtime()
    return run_stages(inputs, options or Options(), runtime, job or Job(), Clock(), cache=cache)


def cut_out_file(
    files: InputFiles,
    options: Options | None = None,
    runtime: Runtime | None = None,
    *,
    job: Job | None = None,
    cache: bool = True,
) -> Result:
    """The bytes of a photo → the bytes of its cut-out, in a run slot. Parameters as `cut_out`.

    Raises
    ------
    ClearcutError
        Nothing else; what was not foreseen comes as ``unexpected``.
    """
    runtime, job = runtime or default_runtime(), job or Job()
    options = options or Options()
    with hold_slot(runtime, job, files.name) as clock:
        with clock("decode"):
            inputs = decode_inputs(files, options, runtime)
        cutout = run_stages(inputs, options, runtime, job, clock, cache=cache)
        with clock("encode"):
            encoded = _encode(cutout, files.photo)
        job.check()
    format = options.file_format
    name = image_io.name_cutout(files.name, format.extension)
    return Result(encoded, cutout, inputs.photo.size, name, format.media_type)


def cut_out_bytes(
    data: bytes,
    background_image: bytes | None = None,
    *,
    runtime: Runtime | None = None,
    cache: bool = True,
    **options: Any,
) -> bytes:
    """The bytes of a photo in, the bytes of a transparent PNG (or of what the options ask for) out.

    >>> png = cut_out_bytes(open("cat.jpg", "rb").read(), model="u2netp", feather=2)  # doctest: +SKIP
    """
    wanted = Options.of(**options, background_image=background_image is not None)
    return cut_out_file(InputFiles(data, background_image), wanted, runtime, cache=cache).data


def warm_up(model: str, runtime: Runtime) -> None:
    """Load `model` and run it once, so that the first photo does not wait for it."""
    predict(Photo(np.zeros((8, 8, 3), np.uint8)), runtime.find_card(model).name, runtime, Job(), cache=False)


def decode_inputs(files: InputFiles, options: Options, runtime: Runtime) -> Inputs:
    """The pictures in `files`, as far as `options` ask for them. Raises as `decode`."""
    limit = runtime.settings.max_megapixels
    photo = image_io.decode(files.photo, files.name, limit)
    behind = files.background if options.background == "image" else None
    return Inputs(photo, None if behind is None else image_io.decode(behind, "", limit))


def make_picture(cutout: Cutout) -> Picture:
    """What is to be written; a picture with a background has no alpha."""
    made, options = cutout.picture, cutout.options
    wanted = parse_canvas(options.canvas)
    dpi = wanted.dpi if isinstance(wanted, Canvas) else None
    alpha = made.alpha if options.background == "transparent" or options.file_format.is_bare else None
    own = cutout.photo.dpi
    turned = own and (own[::-1] if options.rotate % 180 else own)
    return Picture(made.rgb, alpha, (dpi, dpi) if dpi else turned)


def _encode(cutout: Cutout, data: bytes) -> bytes:
    """The file that the options name, of a picture cut from the photo in `data`."""
    options, made = cutout.options, cutout.picture
    picture = make_picture(cutout)
    if options.file_format.is_bare:
        before = made.frame_photo()
        untouched = before is cutout.photo
        picture = picture._replace(alpha=made.matte, photo=before, file=data if untouched else b"")
    elif options.file_format.is_opaque:
        picture = picture._replace(alpha=None)
    if options.keep_exif:
        picture = picture._replace(exif=filter_exif(data))
    return encode_picture(options.format, picture, options.quality)
