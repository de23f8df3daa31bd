"""rembg's HTTP API, as its server of version 2.0.86 answers: ``/api/remove`` with a file or an address."""

import json
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from pipeline import (
    ClearcutError,
    InputFiles,
    Job,
    Options,
    Runtime,
    cut_out_file,
    fetch,
    is_installed,
)

from ..headers import build_headers
from ..settings import ServerSettings
from ..work import Workers
from .fields import Sent, open_fields

FILE, ADDRESS = "file", "url"
MODELS = {"bria-rmbg": "bria-rmbg-2.0", "birefnet-general-fp16": "birefnet-general"}  # rembg's names that are not ours
BANDS = 1, 100  # pixels of the unknown band that are taken; rembg takes any
POST_PROCESSED = {"harden": 100.0, "clean": 4.0}  # a mask without specks, and without soft edges


def build_rembg_router(settings: ServerSettings, runtime: Runtime, workers: Workers) -> APIRouter:
    """The routes of rembg's server, over the same pipeline as all others."""
    router = APIRouter(tags=["rembg"])

    async def answer(request: Request, data: bytes | None, name: str, sent: Sent) -> Response:
        if not data:
            raise ClearcutError("no_picture" if data is None else "empty_file", name=name)
        job = Job(most_ahead=settings.queue)

        def work() -> Response:
            options = read_options(sent, runtime)
            _bring_model(options.model, runtime)
            result = cut_out_file(InputFiles(data, name=name), options, runtime, job=job)
            return Response(result.data, media_type="image/png", headers=build_headers(result))

        return await workers.run(request, job, work)

    @router.post("/api/remove", summary="Remove the background, as rembg's server does", response_class=Response)
    async def remove_from_file(request: Request) -> Response:
        """A form with ``file``, and rembg's fields: ``model, a, af, ab, ae, om, ppm, dc, vm, bgc, extras``."""
        async with open_fields(request, settings) as form:
            sent = Sent({**request.query_params, **form}, settings)
            data, name = await sent.picture(FILE)
        return await answer(request, data, name, sent)

    @router.get("/api/remove", summary="The same with a picture from an address", response_class=Response)
    async def remove_from_address(request: Request) -> Response:
        """``url``, and rembg's fields. Only where the setting ``url_input`` is on."""
        sent = Sent(request.query_params, settings)
        if not sent.has(ADDRESS):
            raise ClearcutError("no_picture")
        return await answer(request, await sent.fetch(ADDRESS), "", sent)

    return router


def read_options(sent: Sent, runtime: Runtime) -> Options:
    """The options that rembg's fields ask for. Raises ``bad_option``, ``unknown_model``.

    Alpha matting (``a``) is ``refine=trimap`` in a band as wide as ``ae`` says; its thresholds ``af`` and ``ab`` are
    checked and not needed. Of ``extras`` those are taken that are options of ours; files and keys never.
    """
    values: dict[str, Any] = _read_extras(sent)
    values["model"] = _find_model(sent.text("model"), runtime)
    for threshold in ("af", "ab"):
        sent.number(threshold, 0, 0, 255)
    band = sent.number("ae", 10, 0, 1e6)
    if sent.flag("a"):
        values |= {"refine": "trimap", "trimap_band": min(max(band, BANDS[0]), BANDS[1])}
    if sent.flag("ppm"):
        values |= POST_PROCESSED
    for name in ("dc", "vm"):
        sent.flag(name)  # both are what is done in any case
    if sent.flag("om"):
        values["format"] = "matte"
    elif colour := _read_colour(sent):
        values |= {"background": "color", "background_color": colour}
    return Options.of(**values)


def _find_model(name: str, runtime: Runtime) -> str:
    if not name:
        return runtime.settings.model
    ours = MODELS.get(name, name)
    return ours if ours == "automatic" else runtime.find_card(ours).name


def _bring_model(name: str, runtime: Runtime) -> None:
    """Fetch the weights that a request asks for, as rembg does, where visitors may have models fetched."""
    card, settings = runtime.find_card(runtime.resolve_model(name)), runtime.settings
    if getattr(settings, "may_manage", False) and card.fetchable and not is_installed(card, settings):
        fetch(card, settings)


def _read_colour(sent: Sent) -> str | None:
    """``bgc``, such as ``255,255,255,255``, as ``#ffffff``; None where none came, or it is see-through."""
    text = sent.text("bgc")
    parts = text.split(",")
    if not text:
        return None
    if len(parts) not in (3, 4) or not all(part.strip().isdecimal() and int(part) <= 255 for part in parts):
        raise ClearcutError("bad_option", name="bgc", value=text[:100], accepted="255,255,255,255")
    red, green, blue, opacity = (*map(int, parts), 255)[:4]
    return f"#{red:02x}{green:02x}{blue:02x}" if opacity else None


def _read_extras(sent: Sent) -> dict[str, Any]:
    """Those of ``extras`` that are options; like rembg's server, whatever is no JSON counts as none."""
    try:
        given = json.loads(sent.text("extras", "{}"))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(given, Mapping):
        return {}
    return {name: value for name, value in given.items() if name in Options.model_fields and name != "model"}
