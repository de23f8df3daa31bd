"""The app: guard, API, results and page put together."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from pipeline import ClearcutError, Runtime
from ui import (
    MADE,
    PUBLIC,
    ClientWork,
    HiddenFolder,
    PageSettings,
    PhotoWork,
    Results,
    build_page,
    mount_page,
    read_example,
    scripts_address,
)

from .activity import Activity
from .base import create_base
from .batches import Batches
from .live import Live
from .models import Downloads
from .records import Record
from .settings import ServerSettings
from .videos import Videos
from .work import Workers


@dataclass(frozen=True)
class ServedApp:
    """An app, what it holds and does, and the host names that it answers to, to which more may be added."""

    app: FastAPI
    runtime: Runtime
    results: Results
    downloads: Downloads
    batches: Batches
    videos: Videos
    live: Live
    hosts: set[str]
    workers: Workers
    activity: Activity


class ResultFile(FileResponse):
    """A file of a result, which may be deleted at any moment; it is then answered as ``expired``."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As `FileResponse`, which raises `RuntimeError` for a missing file."""
        try:
            await super().__call__(scope, receive, send)
        except (FileNotFoundError, RuntimeError):
            if Path(self.path).exists():
                raise
            raise ClearcutError("expired") from None


def create_app(settings: ServerSettings, uploads: Path | None = None) -> ServedApp:
    """The whole app: guard, API, results, examples and page.

    Parameters
    ----------
    settings
        Several apps, each with settings of its own, may live in one process.
    uploads
        The folder that Gradio puts uploads into, which is swept with the results.
    """
    runtime = Runtime(settings)
    if settings.exposed or not settings.may_manage:
        runtime.settle_automatic()  # whoever asks twice gets the same
    results = Results(runtime, settings.keep_minutes * 60, uploads)
    downloads, batches, workers = Downloads(settings), Batches(settings), Workers(settings, runtime)
    videos, live = Videos(settings, runtime), Live(settings, runtime)
    app, hosts, activity, tell = create_base(settings, runtime, downloads, workers, batches, videos, live, HiddenFolder)
    app.mount(f"/{scripts_address()}", StaticFiles(directory=PUBLIC / "js"), name="scripts")
    app.mount("/app", StaticFiles(directory=PUBLIC), name="app")
    page = _describe_page(settings)
    # of others, not of one's own computer: there a worker would be started for this alone
    work = PhotoWork(page, runtime, results, workers.check if settings.exposed else None)
    work.on_cutout.append(lambda result: tell(Record.of_page(result)))
    client = ClientWork(page, workers.cut, results)
    _add_pictures(app, work, client, settings)
    mounted = mount_page(app, build_page(work, client), page)
    return ServedApp(mounted, runtime, results, downloads, batches, videos, live, hosts, workers, activity)


def _describe_page(settings: ServerSettings) -> PageSettings:
    return PageSettings(
        model=settings.model,
        max_mb=settings.max_mb,
        max_megapixels=settings.max_megapixels,
        queue=settings.queue,
        keep_minutes=settings.keep_minutes,
        may_fetch=settings.may_manage,
        batch_photos=settings.most_batch_photos,
        batch_mb=settings.most_batch_mb,
        video_mb=settings.most_video_mb,
        video_seconds=settings.most_video_seconds,
        offers_live=settings.offers_live,
        no_store=settings.no_store,
        root_path=settings.root_path,
    )


def _add_pictures(app: FastAPI, work: PhotoWork, client: ClientWork, settings: ServerSettings) -> None:
    """Routes of results and examples. A result's key is long and random: only the page that made it knows it."""
    results = work.results

    @app.get("/results/{key}/pick", include_in_schema=False)
    def preview_pick(key: str, places: str, instead: bool = False) -> dict[str, Any]:
        """What a click or a frame there would do, for the page to light up."""
        return work.preview_pick(key, places, instead)

    @app.get("/results/{key}/{name}", include_in_schema=False)
    async def send_result(key: str, name: str, prepare: bool = False) -> Response:
        """One file of a result, made now if need be; with ``prepare`` no content, so that the page can show errors."""
        entry = results.get(key, name)
        if name in entry.rendered and not entry.path(name).exists():
            await asyncio.wrap_future(results.render(entry, name, settings.queue))
        if prepare:
            return Response(status_code=204)
        disposition = "attachment" if name == entry.download else "inline"
        headers = {"Cache-Control": "no-store" if settings.no_store else "private, max-age=600"}
        return ResultFile(entry.path(name), filename=name, content_disposition_type=disposition, headers=headers)

    @app.get(f"/gradio_api/file={MADE}/{{key}}/{{name}}", include_in_schema=False)
    def send_made(key: str, name: str) -> Response:
        """A cut-out for Gradio's client, which asks for it where Gradio has its files."""
        return ResultFile(client.find(key, name), filename=name, headers={"Cache-Control": "no-store"})

    @app.get("/examples/{name}", include_in_schema=False)
    def send_example(name: str) -> Response:
        try:
            data = read_example(name)
        except KeyError:
            raise ClearcutError("not_found") from None
        return Response(data, media_type="image/jpeg", headers={"Cache-Control": "public, max-age=86400"})
