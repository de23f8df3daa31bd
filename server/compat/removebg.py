"""remove.bg's HTTP API: ``/v1.0/removebg`` and ``/v1.0/account``, as its description of version 1.0 says."""

import base64
import re
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import JSONResponse

from pipeline import ClearcutError, InputFiles, Options

from ..cutter import Made, Task
from ..descriptions import (
    ANYWHERE,
    FILE,
    JSON,
    OPTIONS,
    PICTURES,
    REMOVEBG_ERROR,
    RUNNING,
    TEXT,
    Schema,
    describe_body,
    describe_errors,
    describe_file,
    make_object,
)
from ..settings import ServerSettings
from ..work import Workers
from .errors import explain_as_removebg
from .fields import Fields, is_json, open_fields, read_json
from .placing import Margin, Margins, Placement, Rectangle

SOURCES = ("image_file", "image_file_b64", "image_url")
BEHIND = ("bg_color", "bg_image_url", "bg_image_file")
MEGAPIXELS = {"preview": 0.25, "small": 0.25, "regular": 0.25, "medium": 1.5, "hd": 4.0}
WHOLE_SIZES = ("auto", "full", "4k", "50MP")
TYPES = ("auto", "person", "product", "car", "animal", "graphic", "transportation", "other")
SHADOWS = {"drop": "drop", "3D": "contact", "car": "contact", "auto": "contact"}
PARAMETERS: dict[str, Schema] = {
    "image_file": FILE,
    "image_file_b64": TEXT,
    "image_url": {"type": "string", "description": "Only with --url-input"},
    "size": {"type": "string", "enum": [*WHOLE_SIZES, *MEGAPIXELS], "default": "auto"},
    "type": {"type": "string", "enum": [*TYPES], "default": "auto"},
    "type_level": {"type": "string", "enum": ["none", "1", "2", "latest"], "default": "1"},
    "format": {"type": "string", "enum": ["auto", "png", "jpg", "zip"], "default": "auto"},
    "roi": {"type": "string", "default": "0% 0% 100% 100%"},
    "crop": {"type": "boolean", "default": False},
    "crop_margin": {"type": "string", "default": "0", "example": "10% 30px"},
    "scale": {"type": "string", "default": "original", "example": "80%"},
    "position": {"type": "string", "default": "original", "example": "50% 50%"},
    "channels": {"type": "string", "enum": ["rgba", "alpha"], "default": "rgba"},
    "add_shadow": {"type": "boolean", "default": False},
    "shadow_type": {"type": "string", "enum": ["auto", "none", "3D", "drop", "car"], "default": "auto"},
    "shadow_opacity": {"type": "number", "minimum": 0, "maximum": 100, "default": 50},
    "semitransparency": {"type": "boolean", "default": True},
    "bg_color": {"type": "string", "example": "81d4fa"},
    "bg_image_file": FILE,
    "bg_image_url": {"type": "string", "description": "Only with --url-input"},
}
HEADERS = {
    name: {"description": words, "schema": {"type": "string"}}
    for name, words in {
        "X-Width": "Of the result, in pixels",
        "X-Height": "Of the result, in pixels",
        "X-Credits-Charged": "Always 0",
        "X-Model": "The model that found the subject",
        "Server-Timing": "How long each step took, in milliseconds",
        "X-Type": "What the request said the subject is, else other",
    }.items()
}
LARGEST_MARGINS = {"%": 50.0, "px": 500.0}  # of the subject, and pixels
FORMATS = {"auto": "png", "png": "png", "jpg": "jpeg", "zip": "zip"}


def build_removebg_router(settings: ServerSettings, workers: Workers) -> APIRouter:
    """The routes of remove.bg, over the same pipeline as all others; nothing is charged."""
    codes = (*ANYWHERE, *PICTURES, *OPTIONS, *RUNNING, "url_off", "url_refused", "url_failed", "nothing_found")
    errors = describe_errors(*codes, explain=explain_as_removebg, schema=REMOVEBG_ERROR)
    router = APIRouter(prefix="/v1.0", tags=["remove.bg"], responses=errors)

    @router.post(
        "/removebg",
        summary="Remove the background, as remove.bg does",
        response_class=Response,
        responses={200: _describe_answer()},
        openapi_extra=_describe_request(),
    )
    async def remove_background(request: Request) -> Response:
        """A form or JSON with ``image_file``, ``image_file_b64`` or ``image_url``, and remove.bg's parameters."""
        if is_json(request):
            return await answer(request, Fields(await read_json(request), settings))
        async with open_fields(request, settings) as form:
            return await answer(request, Fields(form, settings))

    async def answer(request: Request, fields: Fields) -> Response:
        photo, name = await _read_source(fields, SOURCES)
        if photo is None:
            raise ClearcutError("no_picture")
        behind, _ = await _read_source(fields, BEHIND[1:])
        options, place = read_options(fields, behind is not None), read_placement(fields)
        files = InputFiles(photo, behind, name, region=read_region(fields), shrink_to=read_limit(fields))
        made = await workers.run(request, Task(files, options, place))
        if "nothing_found" in made.warnings:
            raise ClearcutError("nothing_found")
        headers = _build_headers(made, fields)
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"data": {"result_b64": base64.b64encode(made.data).decode()}}, headers=headers)
        return Response(made.data, media_type=made.media_type, headers=headers)

    @router.get(
        "/account",
        summary="Credits, of which none are needed",
        responses={200: {"description": "No credits, and none needed"}},
    )
    def tell_account() -> dict[str, Any]:
        credits = {"total": 0, "subscription": 0, "payg": 0, "enterprise": 0}
        return {"data": {"attributes": {"credits": credits, "api": {"free_calls": 0, "sizes": "all"}}}}

    return router


def _describe_request() -> dict[str, Any]:
    """What OpenAPI is told of the request: a form, or JSON with the same parameters but for files."""
    texts = {name: field for name, field in PARAMETERS.items() if field is not FILE}
    return describe_body(form=make_object(PARAMETERS), urlencoded=make_object(texts), json=make_object(texts))


def _describe_answer() -> dict[str, Any]:
    answer = describe_file("image/png", "image/jpeg", "application/zip", words="The cut-out", headers=HEADERS)
    data = make_object({"data": make_object({"result_b64": TEXT}, "result_b64")}, "data")
    answer["content"][JSON] = {"schema": data}  # where Accept asks for it
    return answer


async def _read_source(fields: Fields, names: tuple[str, ...]) -> tuple[bytes | None, str]:
    """The picture that came in one of some fields, and its name. Raises ``one_at_a_time``, ``not_a_picture``."""
    given = [name for name in names if fields.has(name)]
    if len(given) > 1:
        raise ClearcutError("one_at_a_time", name=", ".join(given), number=len(given))
    if not given:
        return None, ""
    if given[0].endswith("_url"):
        return await fields.fetch(given[0]), ""
    data, name = await fields.picture(given[0])
    if data is None:
        raise ClearcutError("not_a_picture", name=given[0])
    return data, name


def read_options(fields: Fields, has_picture_behind: bool) -> Options:
    """The options that remove.bg's parameters ask for. Raises ``bad_option`` with the parameter's name."""
    fields.choose("type", *TYPES)
    fields.choose("type_level", "1", "none", "2", "latest")
    if has_picture_behind and fields.has("bg_color"):
        raise ClearcutError("one_at_a_time", name=", ".join(BEHIND), number=2)
    values: dict[str, Any] = {"interior": "auto" if fields.flag("semitransparency", True) else "solid"}
    colour = _read_colour(fields.text("bg_color"))
    wanted = fields.choose("format", *FORMATS)
    if fields.choose("channels", "rgba", "alpha") == "alpha":
        values["format"] = "matte"
    else:
        whole = wanted == "auto" and (colour is not None or has_picture_behind)
        values["format"] = "jpeg" if whole else FORMATS[wanted]
    if colour:
        values |= {"background": "color", "background_color": colour}
    return Options.of(**values, **_read_shadow(fields), **_read_crop(fields), background_image=has_picture_behind)


def _read_shadow(fields: Fields) -> dict[str, Any]:
    kind = fields.choose("shadow_type", "auto", "none", "3D", "drop", "car")
    opacity = fields.number("shadow_opacity", 50, 0, 100)
    if not fields.flag("add_shadow") and not (fields.has("shadow_type") and kind not in ("auto", "none")):
        return {}
    return {} if kind == "none" else {"shadow": SHADOWS[kind], "shadow_strength": opacity}


def _read_crop(fields: Fields) -> dict[str, Any]:
    """A crop with the same margin on all sides, in percent of the subject; nothing where `read_placement` crops."""
    margins = _read_margins(fields)
    if not margins or not _is_even(margins):
        return {}
    return {"crop": True, "margin": margins[0].value}


def _is_even(margins: list[Margin]) -> bool:
    return len(set(margins)) == 1 and (margins[0].unit == "%" or not margins[0].value)


def _read_margins(fields: Fields) -> list[Margin]:
    """``crop_margin``: top, right, bottom and left; nothing where there is to be no crop. Raises ``bad_option``.

    One value is for all sides, of two the first is for top and bottom.
    """
    if not fields.flag("crop"):
        return []
    text = fields.text("crop_margin", "0")
    found = [re.fullmatch(r"(\d+(?:\.\d+)?)(px|%)?", part) for part in text.split()]
    margins = [Margin(float(each[1]), each[2] or "px") for each in found if each]
    too_large = any(value > LARGEST_MARGINS[unit] for value, unit in margins)
    if too_large or len(margins) != len(found) or len(margins) not in (1, 2, 4):
        raise ClearcutError("bad_option", name="crop_margin", value=text[:100], accepted="0% – 50%, 0px – 500px")
    return margins * (4 // len(margins))


def _read_colour(text: str) -> str | None:
    """``81d4fa``, ``fff``, ``green`` or with an opacity, as ``#81d4fa``; None for none or a see-through one. Raises."""
    if not text:
        return None
    if re.fullmatch(r"#?([0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})", text):
        digits = text.removeprefix("#")
        digits = "".join(2 * digit for digit in digits) if len(digits) < 6 else digits
        return None if digits[6:] == "00" else f"#{digits[:6].lower()}"
    try:
        return Options.of(background_color=text).background_color
    except ClearcutError:
        raise ClearcutError("bad_option", name="bg_color", value=text[:100], accepted="fff, 81d4fa, green") from None


def read_limit(fields: Fields) -> float | None:
    """The megapixels that ``size`` asks for; None for the photo's own, which is the default here."""
    return MEGAPIXELS.get(fields.choose("size", *WHOLE_SIZES, *MEGAPIXELS))


def read_region(fields: Fields) -> Rectangle | None:
    """``roi``, such as ``0% 0% 100% 100%`` or ``10px 10px 300px 200px``. Raises ``bad_option`` where it is none."""
    text = fields.text("roi")
    if not text:
        return None
    found = [re.fullmatch(r"(\d+(?:\.\d+)?)(px|%)?", part) for part in text.split()]
    parts = tuple((float(each[1]), each[2] or "px") for each in found if each)
    if len(parts) != 4 or len(found) != 4:
        raise ClearcutError("bad_option", name="roi", value=text[:100], accepted="0% 0% 100% 100%")
    return Rectangle(text, parts)


def read_placement(fields: Fields) -> Placement | Margins | None:
    """What asks for the matte first: ``scale`` and ``position``; with ``crop`` margins in px, or some that differ.

    None where nothing does. Raises ``bad_option``.
    """
    margins = _read_margins(fields)
    if margins and not _is_even(margins):
        return Margins(margins)
    scale = _read_percents(fields, "scale", 1, 10, "10% – 100%, original")
    position = _read_percents(fields, "position", 2, 0, "0% – 100%, center, original")
    if fields.flag("crop") or (scale is None and position is None and fields.text("position") != "center"):
        return None
    if position is None and fields.text("position", "center") == "center":
        position = [50.0, 50.0]
    return Placement(scale[0] if scale else None, position)


def _read_percents(fields: Fields, name: str, most: int, least: float, accepted: str) -> list[float] | None:
    """One to `most` percentages, the last of which counts for those that lack; None for a word, or for nothing."""
    text = fields.text(name, "original")
    if text == "original" or (text == "center" and name == "position"):
        return None
    found = [re.fullmatch(r"(\d+(?:\.\d+)?)%?", part) for part in text.split()]
    values = [float(each[1]) for each in found if each]
    if not 1 <= len(values) == len(found) <= most or not all(least <= value <= 100 for value in values):
        raise ClearcutError("bad_option", name=name, value=text[:100], accepted=accepted)
    return values + values[-1:] * (most - len(values))


def _build_headers(made: Made, fields: Fields) -> dict[str, str]:
    width, height = made.size
    kind = fields.choose("type", *TYPES)
    facts = {"X-Width": str(width), "X-Height": str(height), "X-Credits-Charged": "0", "X-Model": made.model}
    facts["Server-Timing"] = made.headers["Server-Timing"]
    if fields.text("type_level") != "none":
        facts["X-Type"] = "other" if kind == "auto" else kind
    return facts
