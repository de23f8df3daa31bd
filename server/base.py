"""What every app has, with a page or without: guard, API, probes, figures, and how errors are told."""

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import Route

from pipeline import ClearcutError, Runtime, __version__, as_clearcut_error

from .activity import Activity, Load
from .api import build_router
from .batches import Batches
from .browser_headers import describe_cors
from .guard import add_guard
from .live import Live
from .live_routes import build_live_router
from .logs import log_record
from .mcp_tool import McpApp
from .metrics import Metrics
from .models import Downloads
from .observer import Observer
from .probes import build_probes_router
from .records import HOME, Record, find_route
from .routes import explain_to
from .settings import ServerSettings
from .videos import Videos
from .work import Workers

log = logging.getLogger("clearcut")


class Base(NamedTuple):
    """An app without a page, the host names that it answers to, what it is at, and where records of it are told."""

    app: FastAPI
    hosts: set[str]
    activity: Activity
    tell: Callable[[Record], None]


def create_base(
    settings: ServerSettings,
    runtime: Runtime,
    downloads: Downloads,
    workers: Workers,
    batches: Batches | None = None,
    videos: Videos | None = None,
    live: Live | None = None,
    *inner: Any,
) -> Base:
    """The API behind the guard.

    Parameters
    ----------
    batches, videos, live
        What stays on this server's disk, and live pictures; without, there are no routes for it.
    inner
        Middleware between the guard and the routes.
    """
    app = FastAPIOffline(
        docs_url="/api/docs", redoc_url=None, static_url="/api/docs-assets", openapi_url="/api/openapi.json",
        title="Clearcut", version=__version__, root_path=settings.root_path,
    )  # fmt: skip
    for each in inner:
        app.add_middleware(each)
    hosts = add_guard(app.add_middleware, settings)
    app.add_middleware(CORSMiddleware, **describe_cors(settings))
    activity = Activity()
    loads: dict[str, Callable[[], Load]] = {"requests": lambda: workers.load}
    if batches and videos:
        loads |= {"batches": lambda: batches.load, "videos": lambda: videos.load}
    metrics = Metrics(activity, loads) if settings.may_show_metrics else None

    def tell(record: Record) -> None:
        log_record(record)
        if record.model:
            activity.models.add(record.model)
        if record.route == HOME:
            activity.page_opened.set()
        if metrics:
            metrics.count(record)

    app.add_middleware(Observer, activity=activity, tell=tell)
    app.add_exception_handler(Exception, _explain)
    app.add_exception_handler(ClearcutError, _explain)
    app.add_exception_handler(HTTPException, _explain_http)
    app.add_exception_handler(RequestValidationError, _explain_parameter)
    if live:
        app.include_router(build_live_router(live))
    app.include_router(build_router(settings, runtime, downloads, batches, videos, workers))
    app.include_router(build_probes_router(activity, workers, metrics))
    app.router.routes.append(Route("/mcp", McpApp(settings, workers), include_in_schema=False))
    return Base(app, hosts, activity, tell)


async def _explain(request: Request, error: Exception) -> Response:
    known = as_clearcut_error(error, name=request.url.path.rpartition("/")[2])
    if known.code == "unexpected":
        log.error("unexpected error at %s", find_route(request.scope), exc_info=error)
    return explain_to(request.scope, known)


async def _explain_parameter(request: Request, error: Exception) -> Response:
    """A parameter of the address that is no number, say."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    facts = {"name": str(first["loc"][-1]), "value": str(first["input"])[:100], "accepted": first["msg"]}
    return explain_to(request.scope, ClearcutError("bad_option", **facts))


async def _explain_http(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    known = ClearcutError("not_found" if status in (404, 405) else "bad_request")
    response = explain_to(request.scope, known)
    response.status_code = status
    return response
