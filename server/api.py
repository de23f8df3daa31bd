"""The HTTP API: ``/api/remove-bg``, ``/api/cache``, ``/healthz``; models, batches and videos stand apart."""

import secrets

from fastapi import APIRouter, Request, Response

from pipeline import (
    ClearcutError,
    Runtime,
    __version__,
)

from .batch_routes import build_batches_router
from .batches import Batches
from .compat.rembg import build_rembg_router
from .compat.removebg import build_removebg_router
from .cutter import Task
from .descriptions import (
    ANYWHERE,
    OPTIONS,
    PICTURES,
    RUNNING,
    describe_cutout,
    describe_errors,
    describe_request,
)
from .forms import read_form
from .headers import describe_headers
from .models import Downloads, build_models_router
from .settings import ServerSettings
from .told import Health
from .video_routes import build_videos_router
from .videos import Videos
from .work import Workers


def build_router(
    settings: ServerSettings,
    runtime: Runtime,
    downloads: Downloads,
    batches: Batches | None,
    videos: Videos | None,
    workers: Workers,
) -> APIRouter:
    """The routes of the API, whose pictures `workers` cut out within the limits of `settings`."""
    run = secrets.token_hex(4)  # tells a page that the server was started anew
    router = APIRouter()
    router.include_router(build_models_router(settings, runtime, downloads))
    if batches:
        router.include_router(build_batches_router(batches, workers))
    if videos:
        router.include_router(build_videos_router(videos, workers))
    router.include_router(build_rembg_router(settings, runtime, workers))
    router.include_router(build_removebg_router(settings, workers))

    @router.post(
        "/api/remove-bg",
        summary="Remove the background of a photo",
        response_class=Response,
        responses={
            200: describe_cutout(describe_headers()),
            **describe_errors(*ANYWHERE, *PICTURES, *OPTIONS, *RUNNING),
        },
        openapi_extra=describe_request(settings),
    )
    async def remove_background(request: Request) -> Response:
        """Photo in; out comes a transparent PNG, or what the options ask for. Facts come in headers."""
        files, options = await read_form(request, settings)
        made = await workers.run(request, Task(files, options))
        return Response(made.data, media_type=made.media_type, headers=made.headers)

    @router.delete(
        "/api/cache",
        status_code=204,
        summary="Forget every picture",
        responses=describe_errors(*ANYWHERE, "not_allowed"),
    )
    def forget_pictures() -> None:
        """Empty the cache of predictions, in memory and on disk; only where visitors may manage models."""
        if not settings.may_manage:
            raise ClearcutError("not_allowed")
        runtime.forget()

    @router.head("/healthz", include_in_schema=False)
    @router.get(
        "/healthz",
        summary="Is it alive?",
        response_model=Health,
        response_model_exclude_unset=True,
        responses=describe_errors("unknown_host", "unexpected"),
    )
    async def health() -> dict[str, str]:
        """Answers while the server does; needs no password. ``run`` is another one after each start.

        Strangers are not told the ``version``.
        """
        return {"status": "ok", "run": run} | ({} if settings.exposed else {"version": __version__})

    @router.api_route("/api/{rest:path}", methods=["GET", "POST", "PUT", "DELETE", "PATCH"], include_in_schema=False)
    async def refuse_unknown(rest: str) -> None:
        raise ClearcutError("not_found")

    return router
