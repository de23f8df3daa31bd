"""All that stands around a subject, put together: turned, placed, outlined, shaded, laid on a background."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from ..base.errors import ClearcutError
from ..options.canvas import Canvas, parse_canvas
from ..options.options import Options
from ..pixels.geometry import Size, fit_size
from ..pixels.image_io import Photo
from .backgrounds import blur_background, draw_gradient, fit_picture
from .framing import (
    Placement,
    find_subject_box,
    measure_fill,
    place_covering,
    place_cropped,
    place_in_ratio,
    place_on_canvas,
    place_whole,
    turn,
)
from .layers import Colour, clear_background, composite_over, composite_under
from .outline import draw_outline
from .own_shadow import NOT_PLAIN, estimate_shadow
from .shadows import draw_contact_shadow, draw_drop_shadow, strengthen

MOST_PIXELS = 100e6  # of a picture: what a margin and a ratio ask for together can be more than any machine holds
CONTACT_ROOM = 6.0  # percent of the subject that its contact shadow reaches beyond it


@dataclass(frozen=True)
class ComposedPicture:
    """A picture that is ready to be written.

    Attributes
    ----------
    rgb, alpha
        ``(H, W, 3)`` and ``(H, W)`` uint8, straight; `rgb` is 0 where `alpha` is 0. With a background, alpha is 255.
    matte
        ``(H, W)`` uint8: the subject alone, in its place.
    placement
        Where the photo, `turned_photo`, lies in the picture.
    fill
        Percent of the frame that the subject fills, where the frame is one of the options' choosing.
    warnings
        Codes.
    """

    rgb: np.ndarray
    alpha: np.ndarray
    matte: np.ndarray
    placement: Placement
    turned_photo: Photo
    fill: float | None = None
    warnings: tuple[str, ...] = ()

    def frame_photo(self) -> Photo:
        """The photo itself as it lies in the picture; see-through beyond its borders."""
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
) -> ComposedPicture:
    """Put a subject where it is wanted, on what is wanted.

    Parameters
    ----------
    subject
        ``(H, W, 3)`` uint8: the photo with the subject's own colours along soft edges.
    alpha
        ``(H, W)`` uint8, its matte.
    photo
        What both are of, at the same size.
    options
        Its groups ``background``, ``shadow`` and ``frame``, and whether ``format`` is one of the subject alone.
    background
        The picture for ``background=image``.
    reduced
        How large `photo` is beside the original: 1 is as large.
    long_side
        The longest that a canvas may be in pixels; a longer one is made smaller with all that is on it.

    Raises
    ------
    ClearcutError
        ``no_background`` for ``background=image`` without a picture; ``bad_option`` for more than `MOST_PIXELS`.
    """
    quarters = options.rotate // 90
    alpha = turn(alpha, quarters, options.flip)
    subject = turn(subject, quarters, options.flip)
    turned_photo = photo if not quarters and options.flip == "none" else _turn_photo(photo, quarters, options)
    placement = _place(alpha, options, reduced, long_side)
    width, height = placement.size
    if width * height > MOST_PIXELS * reduced**2:
        limit = f"≤ {MOST_PIXELS / 1e6:.0f} MP"
        raise ClearcutError("bad_option", name="margin", value=f"{options.margin:g}", accepted=limit)
    rgb, matte = placement.place_layer(subject, alpha)
    made = ComposedPicture(rgb, matte, matte, placement, turned_photo, warnings=placement.warnings)
    if options.crop or options.canvas:
        made = replace(made, fill=measure_fill(matte))
    if not options.file_format.is_bare:
        made = _add_effects(made, alpha, options, background)
    return made if made.rgb is not subject else replace(made, rgb=clear_background(subject, made.alpha))


def _turn_photo(photo: Photo, quarters: int, options: Options) -> Photo:
    own = photo.alpha
    return replace(
        photo,
        rgb=turn(photo.rgb, quarters, options.flip),
        alpha=None if own is None else turn(own, quarters, options.flip),
    )


def _place(alpha: np.ndarray, options: Options, reduced: float, long_side: int | None) -> Placement:
    wanted = parse_canvas(options.canvas)
    margin = max(options.margin, _measure_room(options))
    if isinstance(wanted, Canvas):
        size = fit_size(wanted.size, long_side or max(wanted.size))
        natural = size[0] / wanted.size[0] / reduced
        filled = options.background in ("original", "blur") and not options.crop
        return place_covering(alpha, size, natural) if filled else place_on_canvas(alpha, size, margin, natural)
    if wanted:
        return place_in_ratio(alpha, *wanted, margin)
    return place_cropped(alpha, margin) if options.crop else place_whole(alpha)


def _measure_room(options: Options) -> float:
    """Percent of the subject that its outline and its shadow need around it."""
    room = {
        "drop": options.shadow_blur + max(abs(options.shadow_x), abs(options.shadow_y)),
        "contact": CONTACT_ROOM,
    }
    return options.outline + room.get(options.shadow, 0.0)


def _add_effects(
    made: ComposedPicture, alpha: np.ndarray, options: Options, background: Photo | None
) -> ComposedPicture:
    """`made` with outline, shadow and background; `alpha` is the matte at the photo's size."""
    box = find_subject_box(made.matte)
    percent = max(box.size) / 100 if box else 0.0  # of the subject, in pixels of the picture
    rgb, shown = draw_outline(made.rgb, made.matte, options.outline * percent, _parse_colour(options.outline_color))
    shade, warnings = _make_shadow(made, shown, alpha, options, percent)
    if shade is not None:
        rgb, shown = composite_under(rgb, shown, strengthen(shade, options.shadow_strength))
    made = replace(made, rgb=rgb, alpha=shown, warnings=(*made.warnings, *warnings))
    behind = _make_background(made, alpha, options, background)
    if behind is None:
        return made
    rgb = composite_over(rgb, shown, behind)
    return replace(made, rgb=rgb, alpha=np.full_like(shown, 255))


def _make_shadow(
    made: ComposedPicture, shown: np.ndarray, alpha: np.ndarray, options: Options, percent: float
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    if options.shadow == "contact":
        return draw_contact_shadow(shown), ()
    if options.shadow == "drop":
        offset = options.shadow_x * percent, options.shadow_y * percent
        return draw_drop_shadow(shown, offset, options.shadow_blur * percent), ()
    if options.shadow == "keep" and options.background not in ("original", "blur"):  # where it is still to be seen
        own = estimate_shadow(made.turned_photo.rgb, alpha)
        return (None, (NOT_PLAIN,)) if own is None else (made.placement.place_shadow(own), ())
    return None, ()


def _make_background(
    made: ComposedPicture, alpha: np.ndarray, options: Options, background: Photo | None
) -> np.ndarray | Colour | None:
    """What stands behind: ``(H, W, 3)`` uint8, one colour, or None for nothing."""
    size, photo = made.placement.size, made.turned_photo
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
            return made.placement.place_backdrop(
                blur_background(_flatten_on(photo, colour), alpha, options.background_blur / 100)
            )
        case "original":
            return made.placement.place_backdrop(_flatten_on(photo, colour))


def _fit_background_picture(background: Photo | None, size: Size, colour: Colour, options: Options) -> np.ndarray:
    if background is None:
        raise ClearcutError("no_background")
    position = options.background_x / 100, options.background_y / 100
    return fit_picture(_flatten_on(background, colour), size, options.background_fit, position, colour)


def _flatten_on(photo: Photo, colour: Colour) -> np.ndarray:
    """What a photo shows, on `colour` where it is see-through: what it hides there stays hidden."""
    return photo.rgb if photo.alpha is None else composite_over(photo.rgb, photo.alpha, colour)


def _parse_colour(colour: str) -> Colour:
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue
