"""The HTTP API: ``/api/remove-bg``, ``/api/cache``, ``/healthz``; ``/api/models`` stands in ``models.py``."""

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from pipeline import (
    ClearcutError,
    Job,
    Options,
    Result,
    Runtime,
    __version__,
    cut_out_file,
    list_media_types,
    list_presets,
    say,
)

from .forms import BEHIND, PHOTO, read_form
from .models import build_models_router
from .settings import ServerSettings
from .work import Workers


def _build_form_schema(settings: ServerSettings) -> dict[str, Any]:
    """The JSON schema of the form of ``/api/remove-bg``: photo, background picture, preset, fields of `Options`."""
    schema = Options.model_json_schema()
    for name, field in schema["properties"].items():
        field["description"] = say(f"option.{name}.help")
        del field["read_by"]  # of no use to callers
    schema["properties"]["model"]["default"] = settings.model
    file = {"type": "string", "format": "binary"}
    preset = {
        "type": "string",
        "enum": list(list_presets()),
        "description": say("cli.preset", names=", ".join(list_presets())),
    }
    background = file | {"description": say("cli.background_image")}
    schema["properties"] = {PHOTO: file, BEHIND: background, "preset": preset, **schema["properties"]}
    return {"type": "object", "required": [PHOTO], "properties": schema["properties"]}


MEDIA_TYPES: dict[str, dict[str, str]] = {media_type: {} for media_type in list_media_types()}
ERROR_SCHEMA = {
    "type": "object",
    "properties": {"code": {"type": "string"}, "facts": {"type": "object"}, "sentence": {"type": "string"}},
}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {"application/json": {"schema": ERROR_SCHEMA}}}
    for status, text in {
        409: "The model is not on this machine",
        413: "Too many bytes or pixels",
        415: "Not a picture",
        422: "A broken picture, or an option that cannot be",
        429: "Busy; see Retry-After",
    }.items()
}


def build_router(settings: ServerSettings, runtime: Runtime) -> APIRouter:
    """The routes of the API, which run on `runtime` within the limits of `settings`."""
    router, workers = APIRouter(), Workers(runtime, settings.queue)
    router.include_router(build_models_router(settings, runtime))

    @router.post(
        "/api/remove-bg",
        summary="Remove the background of a photo",
        response_class=Response,
        responses={200: {"content": MEDIA_TYPES, "description": "The cut-out"}, **ERRORS},
        openapi_extra={"requestBody": {"content": {"multipart/form-data": {"schema": _build_form_schema(settings)}}}},
    )
    async def remove_background(request: Request) -> Response:
        """Photo in; out comes a transparent PNG, or what the options ask for. Facts come in headers."""
        files, options = await read_form(request)
        job = Job(most_ahead=settings.queue)
        result = await workers.run(request, job, lambda: cut_out_file(files, options, runtime, job=job))
        return Response(result.data, media_type=result.media_type, headers=_build_headers(result))

    @router.delete("/api/cache", status_code=204, summary="Forget every picture")
    def forget_pictures() -> None:
        """Empty the cache of predictions, in memory and on disk; only where visitors may manage models."""
        if not settings.may_manage:
            raise ClearcutError("not_allowed")
        runtime.forget()

    @router.get("/healthz", summary="Is it alive?")
    async def health() -> dict[str, str]:
        """Answers while the server does; needs no password."""
        return {"status": "ok", "version": __version__}

    @router.api_route("/api/{rest:path}", methods=["GET", "POST", "PUT", "DELETE", "PATCH"], include_in_schema=False)
    async def refuse_unknown(rest: str) -> None:
        raise ClearcutError("not_found")

    return router


def _build_headers(result: Result) -> dict[str, str]:
    """The headers of a cut-out, which tell what is known of it beside its bytes."""
    width, height = result.size
    filled = result.cutout.picture.fill
    facts = {
        "X-Model": result.cutout.model,
        "X-Engine": result.cutout.engine,
        "X-Width": str(width),
        "X-Height": str(height),
        "X-Seconds": f"{sum(result.cutout.seconds.values()):.3f}",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(result.name)}",
        "Cache-Control": "no-store",
    }
    if filled is not None:
        facts["X-Subject-Fill"] = str(round(filled))
    if head := result.cutout.picture.head:
        facts |= {"X-Head-Height": str(round(head.height)), "X-Eyes-Height": str(round(head.eyes))}
    if result.cutout.warnings:
        facts["X-Warnings"] = ", ".join(result.cutout.warnings)
    return facts
