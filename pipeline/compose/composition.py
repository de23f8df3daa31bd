"""`compose`: turn, place, outline, add a shadow, put on a background, in this order."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from ..base.errors import ClearcutError
from ..options.canvas import DPI, Canvas, FillFacts, FillVerdict, HeadFacts, parse_canvas
from ..options.crop_box import parse_crop_box
from ..options.options import Options
from ..pixels.geometry import Size, fit_size
from ..pixels.image_io import Photo
from .backgrounds import blur_background, draw_gradient, fit_picture
from .faces import Face, Head, find_faces, find_head, locate_cascade
from .framing import (
    TOO_SMALL,
    Box,
    Placement,
    find_subject_box,
    measure_placed_head,
    place_covering,
    place_cropped,
    place_head,
    place_in_ratio,
    place_on_canvas,
    place_whole,
    turn,
)
from .layers import Colour, clear_background, composite_over, composite_under
from .moving import Stand, move_subject, place_part, place_part_in_ratio
from .outline import draw_outline
from .own_shadow import NOT_PLAIN, estimate_shadow
from .shadows import draw_contact_shadow, draw_drop_shadow, strengthen
from .sheet import Sheet, plan_sheet, shrink_sheet

MOST_PIXELS = 100e6  # of a frame that is larger than the photo; a margin and a ratio together could ask for any number
MOST_TIMES = 2  # the pixels of a large photo
NO_FACE, NO_FINDER, NO_SHEET, NO_LIMIT = "no_face", "no_face_finder", "no_sheet", "size_not_limited"  # warnings
CONTACT_ROOM = 6.0  # percent of the subject, which its contact shadow needs around it


@dataclass(frozen=True)
class ComposedPicture:
    """A picture that is ready to be encoded.

    Attributes
    ----------
    rgb, alpha
        ``(H, W, 3)`` and ``(H, W)`` uint8, straight; `rgb` is 0 where `alpha` is 0. With a background `alpha` is 255.
    matte
        ``(H, W)`` uint8: the alpha of the subject alone, in its place.
    turned_photo, placement
        The photo after crop box, turns and mirrors, and where it lies in the picture.
    stand
        Where the subject stands in it; the whole photo where there is none.
    fill
        How much of the frame the subject fills; None where neither crop nor canvas is asked for.
    head
        How the head stands in it; None where the canvas is for no ID photo, or no face was found.
    sheet
        Where copies of the picture lie, where `rgb`, `alpha` and `matte` are a sheet to print; None otherwise.
    warnings
        Codes.
    """

    rgb: np.ndarray
    alpha: np.ndarray
    matte: np.ndarray
    placement: Placement
    turned_photo: Photo
    stand: Stand
    fill: FillFacts | None = None
    head: HeadFacts | None = None
    sheet: Sheet | None = None
    warnings: tuple[str, ...] = ()

    @property
    def size(self) -> Size:
        """Width and height in pixels."""
        return self.rgb.shape[1], self.rgb.shape[0]

    def frame_photo(self) -> Photo:
        """The photo, background included, in the frame of this picture; transparent beyond its borders."""
        photo = self._frame_photo()
        if self.sheet is None:
            return photo
        opaque = np.full(photo.rgb.shape[:2], 255, np.uint8) if photo.alpha is None else photo.alpha
        rgb, alpha = self.sheet.lay(photo.rgb), self.sheet.lay(opaque)
        return replace(photo, rgb=shrink_sheet(rgb, self.size), alpha=shrink_sheet(alpha, self.size))

    def _frame_photo(self) -> Photo:
        photo = self.turned_photo
        if self.placement.is_identity and photo.size == self.placement.size:
            return photo
        opaque = np.full(photo.rgb.shape[:2], 255, np.uint8)
        rgb, alpha = self.placement.place_layer(photo.rgb, opaque if photo.alpha is None else photo.alpha)
        return replace(photo, rgb=rgb, alpha=alpha if cv2.minMaxLoc(alpha)[0] < 255 else None)


def compose(
    subject: np.ndarray,
    alpha: np.ndarray,
    photo: Photo,
    options: Options,
    background: Photo | None = None,
    *,
    reduced: float = 1.0,
    long_side: int | None = None,
    look: Callable[[np.ndarray], tuple[Face, ...]] = find_faces,
    overwrite: bool = False,
    extent: np.ndarray | None = None,
) -> ComposedPicture:
    """Put a cut-out together with what the options ask for around it.

    Parameters
    ----------
    subject
        ``(H, W, 3)`` uint8: the photo with the subject's own colours in soft edges.
    alpha
        ``(H, W)`` uint8, its matte.
    photo
        The photo that both are of, at the same size.
    options
        Its groups ``background``, ``shadow`` and ``frame``, and what ``format`` can hold.
    background
        The picture for ``background=image``.
    reduced
        The size of `photo` as a fraction of the original's.
    long_side
        The longest side that a canvas may have, in pixels; a larger one is made smaller with all that is on it.
    look
        Finds the faces in the photo as it is turned, where the canvas is for an ID photo.
    overwrite
        Whether `subject` may be written to, which saves its memory once more.
    extent
        ``(h, w)`` uint8 of any size: what decides in the place of `alpha` where the photo is placed.

    Raises
    ------
    ClearcutError
        ``no_background`` for ``background=image`` without a picture; ``frame_too_large`` where the
        frame has more than `MOST_PIXELS`, and more than `MOST_TIMES` those of the photo.
    """
    quarters = options.rotate // 90
    extent = (
        None if extent is None else turn(_crop_extent(extent, photo.size, options.crop_box), quarters, options.flip)
    )
    if options.crop_box:
        subject, alpha, photo = _crop_to_box(subject, alpha, photo, options.crop_box)
    alpha = turn(alpha, quarters, options.flip)
    extent = alpha if extent is None else extent
    subject = turn(subject, quarters, options.flip)
    turned_photo = photo if not quarters and options.flip == "none" else _turn_photo(photo, quarters, options)
    canvas = parse_canvas(options.canvas)
    box = find_subject_box(extent)
    wants_head = box is not None and isinstance(canvas, Canvas) and canvas.head_to_make is not None
    head = find_head(look(turned_photo.rgb), alpha) if wants_head else None
    placement, stand = _place(extent, box, options, reduced, long_side, head)
    _check_frame(placement.size, photo.size, reduced)
    rgb, matte = placement.place_layer(subject, alpha)
    picture = ComposedPicture(rgb, matte, matte, placement, turned_photo, stand, warnings=placement.warnings)
    leaves_gaps = _is_covered(options) and TOO_SMALL in placement.warnings  # a head may fit there, the photo does not
    if head and not leaves_gaps:
        picture = replace(picture, head=measure_placed_head(head, placement))
    elif wants_head and not head:
        picture = replace(picture, warnings=(*picture.warnings, NO_FACE if locate_cascade() else NO_FINDER))
    if options.crop or options.canvas:
        picture = replace(picture, fill=_judge_fill(placement, box, extent, options))
    if not options.file_format.is_bare:
        seen = box if extent is not alpha else None
        picture = _add_effects(picture, alpha, options, background, seen)
    if picture.rgb is subject:
        picture = replace(picture, rgb=clear_background(subject, picture.alpha, overwrite))
    if options.max_kb and not options.file_format.has_quality:
        picture = replace(picture, warnings=(*picture.warnings, NO_LIMIT))
    return picture if options.sheet == "none" else _print(picture, canvas, options, long_side)


def _print(
    picture: ComposedPicture, canvas: Canvas | tuple[float, float] | None, options: Options, long_side: int | None
) -> ComposedPicture:
    """A sheet with copies of `picture`, white where nothing is; or `picture` where it has no size on paper."""
    sheet = None
    if isinstance(canvas, Canvas) and canvas.unit == "mm" and not options.file_format.is_bare:
        sheet = plan_sheet(options.sheet, canvas.size, canvas.dpi or DPI)
    if sheet is None:
        return replace(picture, warnings=(*picture.warnings, NO_SHEET))
    size = fit_size(sheet.size, long_side or max(sheet.size))
    rgb = sheet.lay(composite_over(picture.rgb, picture.alpha, (255, 255, 255)))
    sheet.draw_marks(rgb)
    matte = shrink_sheet(sheet.lay(picture.matte, 0), size)
    rgb = shrink_sheet(rgb, size)
    return replace(picture, rgb=rgb, alpha=np.full_like(matte, 255), matte=matte, sheet=sheet)


def _check_frame(frame: Size, photo: Size, reduced: float) -> None:
    """Raise ``frame_too_large`` for a frame that is; both are as large as the photo made smaller by `reduced`."""
    pixels, own = (width * height / reduced**2 for width, height in (frame, photo))
    most = max(MOST_PIXELS, MOST_TIMES * own)
    if pixels > most:
        width, height = (round(side / reduced) for side in frame)
        facts = {"megapixels": round(pixels / 1e6), "limit": round(most / 1e6)}
        raise ClearcutError("frame_too_large", width=width, height=height, **facts)


def _crop_to_box(
    subject: np.ndarray, alpha: np.ndarray, photo: Photo, text: str
) -> tuple[np.ndarray, np.ndarray, Photo]:
    """Of subject, matte and photo the part that a person has cropped to."""
    left, top, right, bottom = parse_crop_box(text).find_pixels(photo.size)

    def cut(plane: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(plane[top:bottom, left:right])

    own = None if photo.alpha is None else cut(photo.alpha)
    return cut(subject), cut(alpha), replace(photo, rgb=cut(photo.rgb), alpha=own)


def _crop_extent(extent: np.ndarray, size: Size, text: str) -> np.ndarray:
    """`extent` at the photo's `size`, cut as a person has cropped that."""
    whole = cv2.resize(extent, size, interpolation=cv2.INTER_LINEAR)
    if not text:
        return whole
    left, top, right, bottom = parse_crop_box(text).find_pixels(size)
    return np.ascontiguousarray(whole[top:bottom, left:right])


def _turn_photo(photo: Photo, quarters: int, options: Options) -> Photo:
    own = photo.alpha
    return replace(
        photo,
        rgb=turn(photo.rgb, quarters, options.flip),
        alpha=None if own is None else turn(own, quarters, options.flip),
    )


def _place(
    alpha: np.ndarray, box: Box | None, options: Options, reduced: float, long_side: int | None, head: Head | None
) -> tuple[Placement, Stand]:
    """Where the photo lies in the frame that the options ask for, and where the subject in `box` stands there."""
    canvas, size, natural = parse_canvas(options.canvas), (0, 0), 1.0
    if isinstance(canvas, Canvas):
        size = fit_size(canvas.size, long_side or max(canvas.size))
        natural = size[0] / canvas.size[0] / reduced
    placed = _place_unmoved(alpha, options, size, natural, head)
    offset = options.offset_x / 100, options.offset_y / 100
    return move_subject(alpha, box or place_whole(alpha).box, placed, offset, options.scale / 100, natural)


def _place_unmoved(alpha: np.ndarray, options: Options, size: Size, natural: float, head: Head | None) -> Placement:
    """Where the photo lies before it is moved; `size` is that of a canvas in pixels."""
    canvas = parse_canvas(options.canvas)
    margin = max(options.margin, _measure_room(options))
    if canvas and _is_part(options):
        if isinstance(canvas, Canvas):
            return place_part(alpha, size, natural)
        return place_part_in_ratio(alpha, *canvas)
    if isinstance(canvas, Canvas):
        if _is_covered(options):
            return place_covering(alpha, size, natural, canvas.min_fill)
        if head and canvas.head_to_make:
            return place_head(alpha, size, head, canvas.head_to_make, natural)
        return place_on_canvas(alpha, size, margin, natural, canvas.min_fill)
    if canvas:
        return place_in_ratio(alpha, *canvas, margin)
    return place_cropped(alpha, margin) if options.crop else place_whole(alpha)


def _is_part(options: Options) -> bool:
    """Whether all of what a person has cropped to is to be seen, rather than the subject in it."""
    return bool(options.crop_box) and not options.crop


def _is_covered(options: Options) -> bool:
    """Whether the photo itself is to fill a canvas, rather than its subject."""
    return options.background in ("original", "blur") and not options.crop


def _judge_fill(placement: Placement, box: Box | None, alpha: np.ndarray, options: Options) -> FillFacts:
    """How much of the frame the subject in `box` fills, whether that is enough, and if not, what would help."""
    if box is None:
        return FillFacts(0)
    percent, canvas = placement.measure_fill(box), parse_canvas(options.canvas)
    if not isinstance(canvas, Canvas) or not canvas.min_fill or TOO_SMALL in placement.warnings:
        return FillFacts(percent)
    if canvas.accepts(percent):
        return FillFacts(percent, "passes")
    return FillFacts(percent, _find_remedy(placement, box, alpha, canvas, options))


def _find_remedy(placement: Placement, box: Box, alpha: np.ndarray, canvas: Canvas, options: Options) -> FillVerdict:
    """What would make the subject in `box` fill enough of `canvas`."""
    if _is_part(options) or options.scale != 100 or options.offset_x or options.offset_y:
        return "hand"
    if _is_covered(options):
        return "crop"
    close = place_on_canvas(alpha, placement.size, _measure_room(options), natural=math.inf)
    return "margin" if canvas.accepts(close.measure_fill(box)) else "room"


def _measure_room(options: Options) -> float:
    """The room that outline and shadow need around the subject, in percent of it."""
    room = {
        "drop": options.shadow_blur + max(abs(options.shadow_x), abs(options.shadow_y)),
        "contact": CONTACT_ROOM,
    }
    return options.outline + room.get(options.shadow, 0.0)


def _add_effects(
    picture: ComposedPicture, alpha: np.ndarray, options: Options, background: Photo | None, seen: Box | None
) -> ComposedPicture:
    """`picture` with outline, shadow and background; `alpha` is the matte at the photo's size.

    `seen`: where the subject is in a whole clip; without it, it is measured in the picture.
    """
    box = seen or find_subject_box(picture.matte)
    percent = max(box.size) / 100 if box else 0.0  # of the subject, in pixels of the picture
    percent *= picture.placement.scale if seen else 1.0
    rgb, shown = draw_outline(
        picture.rgb, picture.matte, options.outline * percent, _parse_colour(options.outline_color)
    )
    shadow, warnings = _make_shadow(picture, shown, alpha, options, percent)
    if shadow is not None:
        rgb, shown = composite_under(rgb, shown, strengthen(shadow, options.shadow_strength))
    picture = replace(picture, rgb=rgb, alpha=shown, warnings=(*picture.warnings, *warnings))
    backdrop = _make_background(picture, alpha, options, background)
    if backdrop is None:
        return picture
    rgb = composite_over(rgb, shown, backdrop)
    return replace(picture, rgb=rgb, alpha=np.full_like(shown, 255))


def _make_shadow(
    picture: ComposedPicture, shown: np.ndarray, alpha: np.ndarray, options: Options, percent: float
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    if options.shadow == "contact":
        return draw_contact_shadow(shown), ()
    if options.shadow == "drop":
        offset = options.shadow_x * percent, options.shadow_y * percent
        return draw_drop_shadow(shown, offset, options.shadow_blur * percent), ()
    if options.shadow == "keep" and options.background not in ("original", "blur"):  # these show it in the photo
        own = estimate_shadow(picture.turned_photo.rgb, alpha)
        return (None, (NOT_PLAIN,)) if own is None else (picture.placement.place_shadow(own), ())
    return None, ()


def _make_background(
    picture: ComposedPicture, alpha: np.ndarray, options: Options, background: Photo | None
) -> np.ndarray | Colour | None:
    """The background that the options ask for, ``(H, W, 3)`` uint8 or one colour; None for a transparent one."""
    size, photo = picture.placement.size, picture.turned_photo
    colour = _parse_colour(options.background_color)
    match options.background:
        case "transparent":
            return colour if options.file_format.is_opaque else None
        case "color":
            return colour
        case "gradient":
            return draw_gradient(size, colour, _parse_colour(options.background_color_2), options.background_angle)
        case "image":
            return _fit_background_picture(background, size, colour, options)
        case "blur":
            return picture.placement.place_backdrop(
                blur_background(_flatten_on(photo, colour), alpha, options.background_blur / 100)
            )
        case "original":
            return picture.placement.place_backdrop(_flatten_on(photo, colour))


def _fit_background_picture(background: Photo | None, size: Size, colour: Colour, options: Options) -> np.ndarray:
    if background is None:
        raise ClearcutError("no_background")
    position = options.background_x / 100, options.background_y / 100
    zoom = options.background_zoom / 100
    return fit_picture(_flatten_on(background, colour), size, options.background_fit, position, colour, zoom)


def _flatten_on(photo: Photo, colour: Colour) -> np.ndarray:
    """The photo ``(H, W, 3)`` uint8 on `colour` where it is transparent."""
    return photo.rgb if photo.alpha is None else composite_over(photo.rgb, photo.alpha, colour)


def _parse_colour(colour: str) -> Colour:
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue
