"""rembg's HTTP API, as its server of version 2.0.86 answers: ``/api/remove`` with a file or an address."""

import asyncio
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import APIRouter, Request, Response

from pipeline import (
    AUTOMATIC,
    ClearcutError,
    InputFiles,
    Options,
    Runtime,
    fetch,
    is_installed,
)

from ..cutter import Task
from ..descriptions import (
    ANYWHERE,
    FILE,
    OPTIONS,
    PICTURES,
    REMBG_ERROR,
    RUNNING,
    Schema,
    describe_body,
    describe_errors,
    describe_file,
    describe_query,
    make_object,
)
from ..headers import describe_headers
from ..settings import ServerSettings
from ..work import Workers
from .errors import explain_as_rembg
from .fields import Fields, open_fields

FILE_FIELD, ADDRESS = "file", "url"
MODELS = {"bria-rmbg": "bria-rmbg-2.0", "birefnet-general-fp16": "birefnet-general"}  # rembg's names that are not ours
NOT_EXTRA = ("model", "format")  # a field of its own, and what is PNG always
FETCHES = 8  # of models, at once
BANDS = 1, 100  # pixels of the unknown band that are taken; rembg takes any
FIELDS: dict[str, Schema] = {
    "model": {"type": "string", "description": "A name of rembg's, or of a model here", "example": "u2netp"},
    "a": {"type": "boolean", "default": False, "description": "Alpha matting"},
    "af": {"type": "integer", "minimum": 0, "maximum": 255, "description": "Accepted, not needed"},
    "ab": {"type": "integer", "minimum": 0, "maximum": 255, "description": "Accepted, not needed"},
    "ae": {"type": "integer", "minimum": 0, "default": 10, "description": "Width of the matting's band, px"},
    "om": {"type": "boolean", "default": False, "description": "The matte alone"},
    "ppm": {"type": "boolean", "default": False, "description": "A hard matte without specks"},
    "dc": {"type": "boolean", "description": "Accepted: done in any case"},
    "vm": {"type": "boolean", "description": "Accepted: done in any case"},
    "bgc": {"type": "string", "description": "A colour for behind", "example": "255,255,255,255"},
    "extras": {"type": "string", "description": "JSON of options of ours", "example": '{"feather": 2}'},
}
POST_PROCESSED = {"harden": 100.0, "clean": 4.0}  # a mask without specks, and without soft edges


def build_rembg_router(settings: ServerSettings, runtime: Runtime, workers: Workers) -> APIRouter:
    """The routes of rembg's server, over the same pipeline as all others."""
    codes = (*ANYWHERE, *PICTURES, *OPTIONS, *RUNNING, "url_off", "url_refused", "url_failed", "fetch_failed")
    answers = {
        200: describe_file("image/png", words="The cut-out", headers=describe_headers()),
        **describe_errors(*codes, explain=explain_as_rembg, schema=REMBG_ERROR),
    }
    router = APIRouter(tags=["rembg"], responses=answers)
    threads = ThreadPoolExecutor(FETCHES, thread_name_prefix="clearcut-rembg")  # a fetch may take minutes
    form, address = make_object({FILE_FIELD: FILE} | FIELDS, FILE_FIELD), {"type": "string", "format": "uri"}

    async def answer(request: Request, data: bytes | None, name: str, fields: Fields) -> Response:
        if not data:
            raise ClearcutError("no_picture" if data is None else "empty_file", name=name)
        options = await asyncio.get_running_loop().run_in_executor(threads, prepare, fields)
        made = await workers.run(request, Task(InputFiles(data, name=name), options))
        return Response(made.data, media_type="image/png", headers=made.headers)

    def prepare(fields: Fields) -> Options:
        options = read_options(fields, runtime)
        _bring_model(options.model, runtime, settings)
        return options

    @router.post(
        "/api/remove",
        summary="Remove the background, as rembg's server does",
        response_class=Response,
        openapi_extra=describe_body(form=form),
    )
    async def remove_from_file(request: Request) -> Response:
        """A form with ``file``, and rembg's fields: ``model, a, af, ab, ae, om, ppm, dc, vm, bgc, extras``."""
        async with open_fields(request, settings) as form:
            fields = Fields({**request.query_params, **form}, settings)
            data, name = await fields.picture(FILE_FIELD)
        return await answer(request, data, name, fields)

    @router.get(
        "/api/remove",
        summary="The same with a picture from an address",
        response_class=Response,
        openapi_extra={"parameters": describe_query({ADDRESS: address} | FIELDS)},
    )
    async def remove_from_address(request: Request) -> Response:
        """``url``, and rembg's fields. Only where the setting ``url_input`` is on."""
        fields = Fields(request.query_params, settings)
        if not fields.has(ADDRESS):
            raise ClearcutError("no_picture")
        return await answer(request, await fields.fetch(ADDRESS), "", fields)

    return router


def read_options(fields: Fields, runtime: Runtime) -> Options:
    """The options that rembg's fields ask for. Raises ``bad_option``, ``unknown_model``.

    Alpha matting (``a``) is ``refine=trimap`` in a band as wide as ``ae`` says; its thresholds ``af`` and ``ab`` are
    checked and not needed. Of ``extras`` those are taken that are options of ours; files and keys never.
    """
    values: dict[str, Any] = _read_extras(fields)
    values["model"] = _find_model(fields.text("model"), runtime)
    for threshold in ("af", "ab"):
        fields.number(threshold, 0, 0, 255)
    band = fields.number("ae", 10, 0, 1e6)
    if fields.flag("a"):
        values |= {"refine": "trimap", "trimap_band": min(max(band, BANDS[0]), BANDS[1])}
    if fields.flag("ppm"):
        values |= POST_PROCESSED
    for name in ("dc", "vm"):
        fields.flag(name)  # both are what is done in any case
    if fields.flag("om"):
        values["format"] = "matte"
    elif colour := _read_colour(fields):
        values |= {"background": "color", "background_color": colour}
    return Options.of(**values)


def _find_model(name: str, runtime: Runtime) -> str:
    if not name:
        return runtime.settings.model
    ours = MODELS.get(name, name)
    return ours if ours == AUTOMATIC else runtime.find_card(ours).name


def _bring_model(name: str, runtime: Runtime, settings: ServerSettings) -> None:
    """Fetch the weights that a request asks for, as rembg does, where visitors may have models fetched."""
    card = runtime.find_card(runtime.resolve_model(name))
    if settings.may_manage and card.fetchable and not is_installed(card, settings):
        fetch(card, settings)


def _read_colour(fields: Fields) -> str | None:
    """``bgc``, such as ``255,255,255,255``, as ``#ffffff``; None where none came, or it is see-through."""
    text = fields.text("bgc")
    parts = text.split(",")
    if not text:
        return None
    if len(parts) not in (3, 4) or not all(part.strip().isdecimal() and int(part) <= 255 for part in parts):
        raise ClearcutError("bad_option", name="bgc", value=text[:100], accepted="255,255,255,255")
    red, green, blue, opacity = (*map(int, parts), 255)[:4]
    return f"#{red:02x}{green:02x}{blue:02x}" if opacity else None


def _read_extras(fields: Fields) -> dict[str, Any]:
    """Those of ``extras`` that are options; like rembg's server, whatever is no JSON counts as none."""
    try:
        given = json.loads(fields.text("extras", "{}"))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(given, Mapping):
        return {}
    return {name: value for name, value in given.items() if name in Options.model_fields and name not in NOT_EXTRA}
