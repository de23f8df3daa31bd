"""The HTTP API: ``/api/remove-bg``, ``/api/cache``, ``/healthz``; ``/api/models`` and ``/api/batches`` stand apart."""

import secrets
from typing import Any

from fastapi import APIRouter, Request, Response

from pipeline import (
    ClearcutError,
    Job,
    Options,
    Runtime,
    __version__,
    cut_out_file,
    list_media_types,
    list_presets,
    say,
)

from .batch_routes import build_batches_router
from .batches import Batches
from .compat.rembg import build_rembg_router
from .compat.removebg import build_removebg_router
from .forms import BEHIND, MARKS, PHOTO, PRESET, TRIMAP, read_form
from .headers import build_headers, describe_headers
from .models import Downloads, build_models_router
from .settings import ServerSettings
from .work import Workers


def _describe_options(settings: ServerSettings) -> dict[str, dict[str, Any]]:
    """The JSON schemas of preset and options, by name."""
    fields: dict[str, dict[str, Any]] = Options.model_json_schema()["properties"]
    for name, field in fields.items():
        field["description"] = say(f"option.{name}.help")
        del field["read_by"]  # of no use to callers
    fields["model"]["default"] = settings.model
    words = say("cli.preset", names=", ".join(list_presets()))
    return {PRESET: {"type": "string", "enum": list(list_presets()), "description": words}, **fields}


def _describe_request(settings: ServerSettings) -> dict[str, Any]:
    """What OpenAPI is told of ``/api/remove-bg``: a form of pictures and options, which may stand in the URL too."""
    options = _describe_options(settings)
    parameters = [
        {
            "name": name,
            "in": "query",
            "description": "As in the form, which counts more",
            "schema": {key: value for key, value in field.items() if key != "description"},
        }
        for name, field in options.items()
    ]
    file, text = {"type": "string", "format": "binary"}, {"type": "string", "contentEncoding": "base64"}
    limit = f"at most {settings.max_mb:g} MB"
    photo = {"description": f"The photo as a file, {limit}; as a text: a data URI or base64"}
    behind = {"description": f"{say('cli.background_image')}, {limit}; a file or a text like the photo"}
    drawn = {"type": "string", "description": f"{say('cli.marks')}; a text or a file"}
    trimap = {"description": f"{say('cli.trimap')}, {limit}; a file or a text like the photo"}

    def make_schema(picture: dict[str, Any]) -> dict[str, Any]:
        pictures = {PHOTO: picture | photo, BEHIND: picture | behind, TRIMAP: picture | trimap}
        fields = {**pictures, MARKS: drawn, **options}
        return {"type": "object", "required": [PHOTO], "properties": fields, "additionalProperties": False}

    forms = {"multipart/form-data": file, "application/x-www-form-urlencoded": text}
    content = {kind: {"schema": make_schema(picture)} for kind, picture in forms.items()}
    return {"parameters": parameters, "requestBody": {"required": True, "content": content}}


MEDIA_TYPES: dict[str, dict[str, str]] = {media_type: {} for media_type in list_media_types()}
ERROR_SCHEMA = {
    "type": "object",
    "properties": {"code": {"type": "string"}, "facts": {"type": "object"}, "sentence": {"type": "string"}},
}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {"application/json": {"schema": ERROR_SCHEMA}}}
    for status, text in {
        400: "Not a form",
        409: "The model is not on this machine",
        413: "Too many bytes, pixels or parts of the form",
        415: "Not a picture",
        422: "No picture, several or a broken one; an option that does not exist or cannot be",
        429: "Busy; see Retry-After",
    }.items()
}


def build_router(settings: ServerSettings, runtime: Runtime, downloads: Downloads, batches: Batches) -> APIRouter:
    """The routes of the API, which run on `runtime` within the limits of `settings`."""
    run = secrets.token_hex(4)  # tells a page that the server was started anew
    router, workers = APIRouter(), Workers(runtime, settings.queue)
    router.include_router(build_models_router(settings, runtime, downloads))
    router.include_router(build_batches_router(batches))
    router.include_router(build_rembg_router(settings, runtime, workers))
    router.include_router(build_removebg_router(settings, runtime, workers))

    @router.post(
        "/api/remove-bg",
        summary="Remove the background of a photo",
        response_class=Response,
        responses={
            200: {"content": MEDIA_TYPES, "description": "The cut-out", "headers": describe_headers()},
            **ERRORS,
        },
        openapi_extra=_describe_request(settings),
    )
    async def remove_background(request: Request) -> Response:
        """Photo in; out comes a transparent PNG, or what the options ask for. Facts come in headers."""
        files, options = await read_form(request, settings)
        job = Job(most_ahead=settings.queue)
        result = await workers.run(request, job, lambda: cut_out_file(files, options, runtime, job=job))
        return Response(result.data, media_type=result.media_type, headers=build_headers(result))

    @router.delete("/api/cache", status_code=204, summary="Forget every picture")
    def forget_pictures() -> None:
        """Empty the cache of predictions, in memory and on disk; only where visitors may manage models."""
        if not settings.may_manage:
            raise ClearcutError("not_allowed")
        runtime.forget()

    @router.get("/healthz", summary="Is it alive?")
    async def health() -> dict[str, str]:
        """Answers while the server does; needs no password. ``run`` is another one after each start.

        Strangers are not told the ``version``.
        """
        return {"status": "ok", "run": run} | ({} if settings.exposed else {"version": __version__})

    @router.api_route("/api/{rest:path}", methods=["GET", "POST", "PUT", "DELETE", "PATCH"], include_in_schema=False)
    async def refuse_unknown(rest: str) -> None:
        raise ClearcutError("not_found")

    return router
