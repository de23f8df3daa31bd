"""The options of a cut-out: one field is one option of the page, the command line and the API alike."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, Self, cast, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ..base.errors import ClearcutError
from ..base.fields import describe_refusal
from ..base.settings import Settings
from ..pixels.formats import FORMATS, Format
from .canvas import list_canvases, parse_canvas
from .crop_box import WHOLE, parse_crop_box
from .presets import list_presets

Group = Literal["model", "edges", "background", "shadow", "frame", "file"]
GROUPS: tuple[str, ...] = get_args(Group)
Stage = Literal["find", "matte", "edges", "colour", "compose", "encode"]  # of a cut-out, in order
ReadBy = Mapping[Stage, Sequence[str] | None]
STAGES_OF: dict[Group, tuple[Stage, ...]] = {
    "model": ("find",),
    "edges": ("edges",),
    "background": ("compose",),
    "shadow": ("compose",),
    "frame": ("compose",),
    "file": ("encode",),
}


def _split_list(value: Any) -> Any:
    """Text with commas, as a form or a command line gives it, as a list."""
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


def _parse_colour(value: Any) -> Any:
    """A CSS colour such as ``white``, ``#fff`` or ``rgb(255, 255, 255)`` as ``#ffffff``; anything else unchanged."""
    if not isinstance(value, str):
        return value
    from PIL import ImageColor

    rounded = re.sub(r"(\d+)\.\d+", r"\1", re.sub(r"^rgba\((.*),[^,]*\)$", r"rgb(\1)", value.strip()))
    try:
        return "#{:02x}{:02x}{:02x}".format(*ImageColor.getrgb(rounded))
    except ValueError:
        return value


def _check_canvas(value: str) -> str:
    parse_canvas(value)
    return value


def _check_crop_box(value: str) -> str:
    box = parse_crop_box(value)
    return "" if box == WHOLE else ",".join(f"{side:g}" for side in box)


def _parse_whole(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


Names = Annotated[tuple[str, ...], BeforeValidator(_split_list, json_schema_input_type=str | list[str])]
HexColour = Annotated[str, BeforeValidator(_parse_colour, json_schema_input_type=str), Field(pattern="^#[0-9a-f]{6}$")]
Frame = Annotated[str, AfterValidator(_check_canvas)]
CropText = Annotated[str, AfterValidator(_check_crop_box)]
Turn = Annotated[Literal[0, 90, 180, 270], BeforeValidator(_parse_whole)]


def _option(default: Any, group: Group, step: float | None = None, *, read_by: ReadBy | None = None, **how: Any) -> Any:
    """A field of `Options`, with what the page, the stages and the documents need to know beside its type.

    Parameters
    ----------
    default
        Its value where none is given.
    group
        Where it stands on the page.
    step
        Step of its slider.
    read_by
        The stages that read it, where they differ from those of its `group`. A stage with a list tells only these
        values apart: for it all others are the same.
    how
        Limits (``ge``, ``le`` …) and ``when``: the values of other options at which this one does something.
    """
    stages = read_by or dict.fromkeys(STAGES_OF[group])
    about = {"group": group, "step": step, "when": how.pop("when", None), "read_by": stages}
    if isinstance(default, float):
        how["allow_inf_nan"] = False
    extra = {name: value for name, value in about.items() if value is not None}
    return Field(default, json_schema_extra=extra, **how)


def _find_formats(trait: str) -> dict[str, list[str]]:
    """The formats that have a trait such as ``has_quality``, as a value for ``when``."""
    return {"format": [each.name for each in FORMATS.values() if getattr(each, trait)]}


def _list_printed() -> list[str]:
    """The canvases that have a size on paper."""
    return [name for name, canvas in list_canvases().items() if canvas.unit == "mm"]


_COLOURED = {"background": ["color", "gradient", "image"]}
_DROPPED = {"shadow": ["drop"]}
_FRAMED: ReadBy = {"compose": None, "encode": None}  # the file tells the dots per inch that go with it


class Options(BaseModel):
    """What to do with one photo: JSON values; the words for each field are ``option.<field>.*`` in the locale files.

    Lengths in px are pixels of the original, whatever the size of the result. Percent of the subject are percent of the
    longer side of the box around it. Colours are ``#rrggbb``; names and other forms of CSS are accepted too.

    Examples
    --------
    >>> Options(background="color", background_color="white").background_color
    '#ffffff'
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model: str = _option("automatic", "model", min_length=1, max_length=100)
    keep: Names = _option((), "model", max_length=50)

    key: Literal["off", "auto", "outside", "on"] = _option("off", "edges", read_by={"find": None})
    refine: Literal["off", "guided", "trimap"] = _option("guided", "edges", read_by={"matte": None})
    trimap_band: float = _option(
        10.0, "edges", 1, read_by={"matte": None}, ge=1, le=100, when={"refine": ["trimap"]}
    )  # px
    interior: Literal["auto", "solid", "as-found"] = _option("auto", "edges", read_by={"matte": None})
    levels: float = _option(0.0, "edges", 1, ge=-100, le=100)
    shift: float = _option(0.0, "edges", 0.5, ge=-20, le=20)  # px
    feather: float = _option(0.0, "edges", 0.5, ge=0, le=50)  # px
    harden: float = _option(0.0, "edges", 1, ge=0, le=100)  # percent
    clean: float = _option(0.0, "edges", 1, ge=0, le=200)  # px
    largest: bool = _option(False, "edges")
    decontaminate: bool = _option(True, "edges", read_by={"colour": None})
    own_alpha: Literal["intersect", "keep", "ignore"] = _option(
        "intersect", "edges", read_by={"find": ["keep"], "matte": ["keep"], "edges": None, "colour": None}
    )

    background: Literal["transparent", "color", "gradient", "image", "blur", "original"] = _option(
        "transparent",
        "background",
        read_by={"colour": ["original"], "compose": None, "encode": ["transparent"]},
    )
    background_color: HexColour = _option("#ffffff", "background", when=_COLOURED)
    background_color_2: HexColour = _option("#c9d6df", "background", when={"background": ["gradient"]})
    background_angle: float = _option(180.0, "background", 5, ge=0, le=360, when={"background": ["gradient"]})
    background_fit: Literal["fill", "fit"] = _option("fill", "background", when={"background": ["image"]})
    background_x: float = _option(50.0, "background", 1, ge=0, le=100, when={"background": ["image"]})  # percent
    background_y: float = _option(50.0, "background", 1, ge=0, le=100, when={"background": ["image"]})  # percent
    background_zoom: float = _option(100.0, "background", 1, ge=100, le=400, when={"background": ["image"]})  # percent
    background_blur: float = _option(3.0, "background", 0.1, ge=0.1, le=20, when={"background": ["blur"]})  # percent

    shadow: Literal["none", "keep", "drop", "contact"] = _option("none", "shadow")
    shadow_strength: float = _option(
        50.0, "shadow", 1, ge=0, le=100, when={"shadow": ["keep", "drop", "contact"]}
    )  # percent
    shadow_blur: float = _option(5.0, "shadow", 0.5, ge=0, le=30, when=_DROPPED)  # percent of the subject
    shadow_x: float = _option(2.0, "shadow", 0.5, ge=-30, le=30, when=_DROPPED)  # percent of the subject
    shadow_y: float = _option(3.0, "shadow", 0.5, ge=-30, le=30, when=_DROPPED)  # percent of the subject

    crop_box: CropText = _option("", "frame", max_length=80)  # percent of the photo
    crop: bool = _option(False, "frame")
    canvas: Frame = _option("", "frame", read_by=_FRAMED, max_length=40)
    margin: float = _option(8.0, "frame", 0.5, ge=0, le=100)  # percent of the subject
    offset_x: float = _option(0.0, "frame", 0.1, ge=-100, le=100)  # percent of the frame
    offset_y: float = _option(0.0, "frame", 0.1, ge=-100, le=100)  # percent of the frame
    scale: float = _option(100.0, "frame", 1, ge=10, le=400)  # percent
    rotate: Turn = _option(0, "frame", read_by=_FRAMED)  # degrees clockwise
    flip: Literal["none", "horizontal", "vertical"] = _option("none", "frame")
    outline: float = _option(0.0, "frame", 0.1, ge=0, le=10)  # percent of the subject
    outline_color: HexColour = _option("#ffffff", "frame")

    sheet: Literal["none", "6-inch", "a4", "letter"] = _option(
        "none", "frame", when={"canvas": _list_printed(), **_find_formats("is_whole")}
    )

    format: Literal["png", "png-small", "webp", "webp-lossless", "avif", "jpeg", "tiff", "matte", "zip"] = _option(
        "png", "file", read_by={"compose": None, "encode": None}
    )
    quality: int = _option(90, "file", 1, ge=1, le=100, when=_find_formats("has_quality"))
    max_kb: int = _option(
        0, "file", 10, read_by={"compose": None, "encode": None}, ge=0, le=10_000, when=_find_formats("has_quality")
    )  # of 1000 bytes
    precision: Literal["exact", "fast"] = _option("exact", "file", read_by={"find": None})
    keep_exif: bool = _option(False, "file", when=_find_formats("has_exif"))

    @classmethod
    def of(cls, /, **values: Any) -> Self:
        """Options from values as a form or a command line gives them, text included.

        Parameters
        ----------
        values
            Fields by name, and two more. ``preset``: the name of a preset, whose values count where none is given.
            ``background_image``: whether there is a picture to put behind the subject; it is then the background unless
            another is asked for. A canvas that asks for a background colour gets it, whatever a preset says, unless a
            background is given.

        Raises
        ------
        ClearcutError
            ``unknown_option``; ``bad_option`` with the first option whose value is not accepted.

        Examples
        --------
        >>> Options.of(feather="2", canvas="4:5").feather
        2.0
        """
        preset = values.pop("preset", "")
        known: dict[str, dict[str, Any]] = {"": {}} | list_presets()
        if not isinstance(preset, str) or preset not in known:
            raise ClearcutError(
                "bad_option", name="preset", value=str(preset)[:100], accepted=", ".join(list_presets())
            )
        has_picture = values.pop("background_image", False)
        for name in values:
            if name not in cls.model_fields:
                known_names = ", ".join((*cls.model_fields, "preset"))
                raise ClearcutError("unknown_option", name=name[:100], known=known_names)
        wanted = known[preset] | values
        if has_picture and "background" not in values:
            wanted["background"] = "image"
        asked_for = list_canvases().get(str(wanted.get("canvas")))
        if asked_for and asked_for.background and "background" not in values and not has_picture:
            wanted |= {"background": "color", "background_color": values.get("background_color", asked_for.background)}
        try:
            options = cls(**wanted)
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0]) if first["loc"] else "options"
            facts = {"value": str(first["input"])[:100], **describe_refusal(cls, name)}
            raise ClearcutError("bad_option", name=name, **facts) from None
        # what a preset brings was not asked for by name; the model counts as given, see `with_defaults_of`
        options.model_fields_set.difference_update(set(known[preset]) - set(values) - {"model"})
        return options

    def with_defaults_of(self, settings: Settings) -> Self:
        """These options with the model of `settings`, unless a model was given."""
        return self if "model" in self.model_fields_set else self.model_copy(update={"model": settings.model})

    @property
    def file_format(self) -> Format:
        """What the format of these options can hold."""
        return FORMATS[self.format]

    def list_without_effect(self) -> tuple[str, ...]:
        """The options that were given and do nothing, since others do not have the values that they go with.

        Those that a preset brings are not among them, nor are defaults that were not given.

        >>> Options(shadow_blur=9).list_without_effect(), Options(shadow_blur=9, shadow="drop").list_without_effect()
        (('shadow_blur',), ())
        """
        return tuple(name for name in type(self).model_fields if name in self.model_fields_set and self._is_idle(name))

    def _is_idle(self, name: str) -> bool:
        """Whether the option `name` changes nothing, as ``when`` and the format say."""
        field, value = type(self).model_fields[name], getattr(self, name)
        about = cast(dict[str, Any], field.json_schema_extra)
        if value is False:  # what was not to be done is not done
            return False
        if self.file_format.is_bare and (about["group"] in ("background", "shadow") or name.startswith("outline")):
            return bool(value != field.default)
        if name in _DOES_SOMETHING:
            return not _DOES_SOMETHING[name](self)
        return any(getattr(self, other) not in values for other, values in about.get("when", {}).items())

    def keep_read_by(self, *stages: Stage) -> Self:
        """These options with the default of each that none of `stages` reads.

        >>> Options(model="u2netp", feather=2).keep_read_by("find", "matte") == Options(model="u2netp")
        True
        """
        names = {name for stage in stages for name, _ in _find_fields_read_by(type(self), stage)}
        return type(self)(**{name: getattr(self, name) for name in names & self.model_fields_set})

    def list_values_read_by(self, stage: Stage) -> tuple[Any, ...]:
        """The values that `stage` reads, in the order of the fields; while they are equal, the stage gives the same.

        >>> Options(background="blur").list_values_read_by("colour") == Options().list_values_read_by("colour")
        True
        """
        return tuple(
            value if known is None or value in known else None
            for name, known in _find_fields_read_by(type(self), stage)
            for value in (getattr(self, name),)
        )


_DOES_SOMETHING: dict[str, Callable[[Options], bool]] = {  # where ``when`` cannot say it, or says when it matters most
    # fills what a format cannot leave transparent, and what is transparent in a photo
    "background_color": lambda options: options.background != "transparent" or options.file_format.is_opaque,
    # a part that a person has cropped to stands on a canvas as it is
    "margin": lambda options: bool(options.crop or (options.canvas and not options.crop_box)),
    "outline_color": lambda options: options.outline > 0,
    # these warn in words of their own
    "sheet": lambda options: True,
    "max_kb": lambda options: True,
}


@cache
def _find_fields_read_by(model: type[Options], stage: Stage) -> list[tuple[str, Sequence[str] | None]]:
    fields = []
    for name, field in model.model_fields.items():
        read_by = field.json_schema_extra["read_by"] if isinstance(field.json_schema_extra, dict) else {}
        if isinstance(read_by, dict) and stage in read_by:
            fields.append((name, cast(Sequence[str] | None, read_by[stage])))
    return fields
