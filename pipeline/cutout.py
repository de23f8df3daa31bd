"""From the bytes of a photo to the bytes of its cut-out: what command line, API and page call."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from .base.errors import ClearcutError
from .base.jobs import Job
from .edges.drawn_trimap import draw_trimap, paint_marks
from .edges.marks import Marks
from .inference.networks.feeding import WHOLE, Region
from .inference.predict import predict
from .inference.runtime import Runtime, default_runtime
from .inputs import Cutout, Inputs
from .memo import Clock
from .options.canvas import Canvas, parse_canvas
from .options.crop_box import parse_crop_box
from .options.options import Options
from .pixels import image_io
from .pixels.encoders import Picture, encode_matte, encode_within
from .pixels.geometry import Size
from .pixels.image_io import Photo
from .pixels.metadata import filter_exif
from .pixels.names import name_cutout
from .stages import hold_slot, run_stages

NO_EFFECT = "no_effect"  # a warning


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
        The photo's file name, for messages and for the cut-out's name.
    background_name
        The picture's, for messages.
    marks
        Strokes drawn on the photo, as the JSON of `Marks`.
    trimap
        The file of a picture: white is the subject, black is not, the rest is to be found out.
    region
        Returns that of `Inputs` for a photo of so many pixels. Raises ``bad_option``.
    shrink_to
        Megapixels that the photo is shrunk to before it is cut out; not for one with `marks`, which tell its own size.
    """

    photo: bytes
    background: bytes | None = None
    name: str = ""
    background_name: str = ""
    marks: bytes | None = None
    trimap: bytes | None = None
    region: Callable[[Size], Region] | None = None
    shrink_to: float | None = None


@dataclass(frozen=True)
class Result:
    """A cut-out as a file.

    Attributes
    ----------
    data
        The file.
    cutout
        The cut-out in it.
    original_size
        Width and height of the photo.
    name
        A file name for it.
    media_type
        Its MIME type.
    """

    data: bytes
    cutout: Cutout
    original_size: Size
    name: str
    media_type: str

    @property
    def size(self) -> Size:
        """Width and height of the picture in pixels."""
        return self.cutout.picture.size

    @property
    def full_size(self) -> Size:
        """Width and height of the picture at full size, which differs from `size` for a draft."""
        canvas, placement = parse_canvas(self.cutout.options.canvas), self.cutout.picture.placement
        if self.cutout.picture.sheet:
            return self.cutout.picture.sheet.size
        if isinstance(canvas, Canvas):
            return canvas.size
        options = self.cutout.options
        part = parse_crop_box(options.crop_box).find_size(self.original_size)
        turned = part[::-1] if options.rotate % 180 else part
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
        The photo, and a picture for its background.
    options
        The defaults without.
    runtime
        Settings and loaded networks; `default_runtime` without.
    job
        To follow or stop the work from another thread.
    cache
        Whether predictions are looked for in the runtime's cache, and kept there.

    Returns
    -------
    Cutout
        ``rgb`` ``(H, W, 3)`` and ``alpha`` ``(H, W)`` uint8, straight.

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
    return _warn(run_stages(inputs, options or Options(), runtime, job or Job(), Clock(), cache=cache))


def cut_out_file(
    files: InputFiles,
    options: Options | None = None,
    runtime: Runtime | None = None,
    *,
    job: Job | None = None,
    cache: bool = True,
) -> Result:
    """Decode a photo, cut it out and encode the result, in a run slot. Parameters as for `cut_out`.

    Raises
    ------
    ClearcutError
        And no other exception: those that are not foreseen become ``unexpected``.
    """
    runtime, job = runtime or default_runtime(), job or Job()
    options = options or Options()
    with hold_slot(runtime, job, files.name) as clock:
        with clock("decode"):
            inputs = decode_inputs(files, options, runtime)
        cutout = _warn(run_stages(inputs, options, runtime, job, clock, cache=cache))
        with clock("encode"):
            encoded = _encode(cutout, b"" if files.shrink_to else files.photo)
        job.check()
    format = options.file_format
    name = name_cutout(files.name, format.ending)
    return Result(encoded, cutout, inputs.photo.size, name, format.media_type)


def make_trimap(
    files: InputFiles, options: Options | None = None, runtime: Runtime | None = None, *, job: Job | None = None
) -> bytes:
    """The trimap of a photo as a PNG: the given one with its marks painted on it, else one made of the marked matte.

    Parameters and errors as for `cut_out_file`.
    """
    options, runtime, job = options or Options(), runtime or default_runtime(), job or Job()
    plain = options.keep_read_by("find", "matte").model_copy(update={"decontaminate": False})
    with hold_slot(runtime, job, files.name) as clock:
        inputs = decode_inputs(files, plain, runtime)
        if inputs.trimap is not None:
            return encode_matte(paint_marks(inputs.trimap, inputs.marks) if inputs.marks else inputs.trimap)
        marked = run_stages(inputs, plain, runtime, job, clock)
        return encode_matte(draw_trimap(marked.alpha, options.trimap_band))


def cut_out_bytes(
    data: bytes,
    background_image: bytes | None = None,
    *,
    marks: bytes | None = None,
    trimap: bytes | None = None,
    runtime: Runtime | None = None,
    cache: bool = True,
    **options: Any,
) -> bytes:
    """The bytes of a photo in, the bytes of a transparent PNG, or what the options ask for, out.

    Parameters
    ----------
    data
        The photo's file.
    background_image
        The file of a picture to put behind the subject.
    marks, trimap
        See `InputFiles`.
    options
        Fields of `Options` by name, and ``preset``; see `Options.of`.

    Raises
    ------
    ClearcutError
        As `cut_out_file`; ``bad_option``.

    Examples
    --------
    >>> png = cut_out_bytes(open("cat.jpg", "rb").read(), model="u2netp", feather=2)  # doctest: +SKIP
    """
    wanted = Options.of(**options, background_image=background_image is not None)
    files = InputFiles(data, background_image, marks=marks, trimap=trimap)
    return cut_out_file(files, wanted, runtime, cache=cache).data


def warm_up(model: str, runtime: Runtime) -> None:
    """Load `model` and run it once, so that the first photo does not wait for it."""
    predict(Photo(np.zeros((8, 8, 3), np.uint8)), runtime.find_card(model).name, runtime, Job(), cache=False)


def decode_inputs(files: InputFiles, options: Options, runtime: Runtime) -> Inputs:
    """Decode the photo, its marks, and the background picture where `options` ask for it. Raises as `decode`."""
    limits = runtime.settings.max_megapixels, runtime.settings.max_frames
    photo = image_io.decode(files.photo, files.name, *limits)
    background = files.background if options.background == "image" else None
    behind = None if background is None else decode_background(background, files.background_name, *limits)
    marks = None if files.marks is None else Marks.of(files.marks).check_size(photo.size)
    trimap = None if files.trimap is None else decode_trimap(files.trimap, *limits)
    region = WHOLE if files.region is None else files.region(photo.size)
    if files.shrink_to and (share := files.shrink_to * 1e6 / (photo.size[0] * photo.size[1])) < 1:
        photo = photo.shrink_to(max(1, int(max(photo.size) * share**0.5)))
    return Inputs(photo, behind, marks, trimap, region)


def decode_trimap(data: bytes, max_megapixels: float | None, max_frames: int | None = None) -> np.ndarray:
    """Decode a trimap: ``(h, w)`` uint8. Raises as `decode`, with the fact ``part``: ``trimap``."""
    try:
        return np.asarray(
            cv2.cvtColor(image_io.decode(data, "trimap", max_megapixels, max_frames).rgb, cv2.COLOR_RGB2GRAY)
        )
    except ClearcutError as error:
        raise error.about("trimap") from None


def decode_background(data: bytes, name: str, max_megapixels: float | None, max_frames: int | None = None) -> Photo:
    """Decode the picture for ``background=image``. Raises as `decode`, with the fact ``part``: ``background``."""
    try:
        return image_io.decode(data, name, max_megapixels, max_frames)
    except ClearcutError as error:
        raise error.about("background") from None


def make_picture(cutout: Cutout) -> Picture:
    """The picture to be encoded, with its dpi; without alpha where it has a background."""
    composed, options = cutout.picture, cutout.options
    canvas = parse_canvas(options.canvas)
    dpi = canvas.dpi if isinstance(canvas, Canvas) else None
    see_through = options.background == "transparent" and composed.sheet is None
    alpha = composed.alpha if see_through or options.file_format.is_bare else None
    own = cutout.photo.dpi
    turned = own and (own[::-1] if options.rotate % 180 else own)
    return Picture(composed.rgb, alpha, (dpi, dpi) if dpi else turned)


def _warn(cutout: Cutout) -> Cutout:
    """`cutout` with a warning where options that were given do nothing. A draft, whose page sends all, has none."""
    return replace(cutout, warnings=(*cutout.warnings, NO_EFFECT)) if cutout.without_effect else cutout


def _encode(cutout: Cutout, data: bytes) -> bytes:
    """The cut-out as a file in the format of its options; `data` is the photo's file."""
    options, composed = cutout.options, cutout.picture
    picture = make_picture(cutout)
    if options.file_format.is_bare:
        photo = composed.frame_photo()
        untouched = photo is cutout.photo
        picture = picture._replace(alpha=composed.matte, photo=photo, file=data if untouched else b"")
    elif options.file_format.is_opaque:
        picture = picture._replace(alpha=None)
    if options.keep_exif:
        picture = picture._replace(exif=filter_exif(data))
    return encode_within(options.format, picture, options.quality, options.max_kb)
