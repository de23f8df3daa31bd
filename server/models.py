"""Models over HTTP: listed, and fetched, removed and imported where the settings let visitors do so."""

import tempfile
import threading
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from pipeline import (
    Card,
    ClearcutError,
    Ensemble,
    Job,
    Picker,
    Runtime,
    Settings,
    as_clearcut_error,
    count_bytes,
    estimate_seconds,
    explain,
    fetch,
    find_better,
    group_models,
    import_weights,
    is_installed,
    is_removable,
    remove_model,
    say,
    to_megabytes,
)

from .descriptions import ANYWHERE, FILE, describe_errors
from .replies import choose_language
from .settings import ServerSettings
from .told import Fetched, FetchTold, ModelTold

DECLINED = "declined"  # the part of the cache folder that remembers which fetches were cancelled


class _Download:
    """A fetch in a thread of its own: its progress, and its error if it failed."""

    def __init__(self, wanted: Card, settings: Settings) -> None:
        self.card, self.job, self._settings = wanted, Job(), settings
        self.done: int | None = None
        self.total = count_bytes(wanted, settings)
        self.error: ClearcutError | None = None
        self.thread = threading.Thread(target=self._run, name=f"clearcut-fetch-{wanted.name}", daemon=True)

    def _run(self) -> None:
        try:
            fetch(self.card, self._settings, self._note_progress)
        except Exception as error:
            self.error = as_clearcut_error(error, name=self.card.name)

    def _note_progress(self, done: int | None, total: int) -> None:
        self.job.check()
        self.done, self.total = done, total


class Downloads:
    """The fetches of this server, at most one a model at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._latest: dict[str, _Download] = {}
        self._lock = threading.Lock()

    def start(self, wanted: Card) -> None:
        """Start to fetch a model, unless it is being fetched."""
        download = _Download(wanted, self._settings)  # looks at the disk: not while others wait for the lock
        with self._lock:
            latest = self._latest.get(wanted.name)
            if latest is None or not latest.thread.is_alive():
                self._latest[wanted.name] = download
                download.thread.start()

    def start_ahead(self) -> None:
        """Fetch the model that ``automatic`` would rather stand for, unless that was cancelled once."""
        better = find_better(self._settings)
        if better and self._settings.store.read(DECLINED, better.name) is None:
            self.start(better)

    def decline(self, name: str) -> None:
        """Stop the fetch of a model, and begin none again that nobody has asked for."""
        self._settings.store.write(DECLINED, name, b"", 1e3)
        self.cancel(name)

    def cancel(self, name: str) -> None:
        """Stop the fetch of a model, if there is one."""
        with self._lock:
            latest = self._latest.pop(name, None)
        if latest:
            latest.job.cancel()
            latest.thread.join(5)  # it may be moving its file into place

    def describe(self, language: str) -> dict[str, dict[str, Any]]:
        """By model: the progress of its fetch in bytes, or its error; successful fetches are left out."""
        with self._lock:
            latest = dict(self._latest)
        by_name = {name: _describe_download(each, language) for name, each in latest.items()}
        return {name: facts for name, facts in by_name.items() if facts}


def _describe_download(download: _Download, language: str) -> dict[str, Any]:
    if download.thread.is_alive():
        return {"fetching": {"done": download.done, "total": download.total}}
    if error := download.error:
        return {"error": {"code": error.code, "facts": error.facts, "sentence": explain(error, language)}}
    return {}


def build_models_router(settings: ServerSettings, runtime: Runtime, downloads: Downloads) -> APIRouter:
    """The routes under ``/api/models``."""
    router = APIRouter(prefix="/api/models", responses=describe_errors(*ANYWHERE))
    managing = describe_errors(*ANYWHERE, "read_only", "unknown_model", "import_only")
    partly: dict[str, Any] = {"response_model_exclude_unset": True}  # no word of a fetch where there is none

    def find_manageable(name: str) -> Card:
        if not settings.may_manage:
            raise ClearcutError("read_only")
        return runtime.find_card(name)

    # Not async, so that it runs in a thread: whether a model is installed is looked up on the disk.
    @router.get("", summary="List the models", response_model=list[ModelTold], **partly)
    def list_models(request: Request) -> list[dict[str, Any]]:
        """Every model with its size, its licence and whether it is on this machine."""
        language = choose_language(request.headers.get("accept-language"))
        there, fetches = runtime.list_models(), downloads.describe(language)
        default = runtime.resolve_model(settings.model)
        group_of = {each.name: group for group, cards in group_models(there).items() for each in cards}
        return [
            {
                **describe_model(each, language, runtime),
                "group": group_of[each.name],
                "default": each.name == default,
                **fetches.get(each.name, {}),
            }
            for each in there.values()
        ]

    @router.get("/fetches", summary="Tell how far the fetches are", response_model=dict[str, FetchTold], **partly)
    async def list_fetches(request: Request) -> dict[str, dict[str, Any]]:
        """By model: ``fetching`` with ``done`` and ``total`` bytes, or ``error``; no word of one that is complete."""
        return downloads.describe(choose_language(request.headers.get("accept-language")))

    @router.post("/{name}/fetch", status_code=202, summary="Fetch a model", response_model=Fetched, responses=managing)
    def start(name: str) -> dict[str, str]:
        """Begin to fetch what the model needs; ``GET /api/models/fetches`` tells how far it is."""
        downloads.start(find_manageable(name))
        return {"model": name}

    @router.delete("/{name}/fetch", status_code=204, summary="Stop fetching a model", responses=managing)
    def cancel(name: str) -> None:
        downloads.decline(find_manageable(name).name)

    @router.delete(
        "/{name}",
        status_code=204,
        summary="Remove a model's weights",
        responses=describe_errors(*ANYWHERE, "read_only", "unknown_model", "not_removable"),
    )
    def remove_weights(name: str) -> None:
        wanted = find_manageable(name)
        downloads.cancel(name)
        remove_model(wanted, runtime)

    @router.put(
        "/{name}/file",
        status_code=204,
        summary="Import a weight file",
        responses=describe_errors(
            *(*ANYWHERE, "read_only", "unknown_model", "not_removable", "wrong_checksum", "broken_weights"),
            *("unexpected", "disk_full", "write_failed"),
        ),
        openapi_extra={"requestBody": {"content": {"application/octet-stream": {"schema": FILE}}, "required": True}},
    )
    async def import_file(name: str, request: Request) -> Response:
        """The file itself is the request's body. It is kept only if its checksum holds."""
        wanted = find_manageable(name)
        settings.models_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".import-", dir=settings.models_dir) as folder:
            file = Path(folder) / wanted.networks[0].variants[0].file
            try:
                await _receive(request, file)
                await run_in_threadpool(import_weights, wanted, file, runtime)
            except ClientDisconnect:
                return Response(status_code=499)
        await run_in_threadpool(downloads.cancel, name)
        return Response(status_code=204)

    return router


async def _receive(request: Request, file: Path) -> None:
    with file.open("wb") as open_file:
        async for block in request.stream():
            await run_in_threadpool(open_file.write, block)


def describe_model(wanted: Card, language: str, runtime: Runtime) -> dict[str, Any]:
    """What the API tells of a model, as JSON values."""
    settings = runtime.settings
    size = count_bytes(wanted, settings)
    why = say(f"why.{wanted.why}", language, default="") if wanted.why else ""
    return {
        "name": wanted.name,
        "title": say(f"model.{wanted.name}.title", language, default=wanted.name),
        "about": say(f"model.{wanted.name}.about", language, default=""),
        "bytes": size,
        "megabytes": to_megabytes(size),
        "memory_mb": round(wanted.memory_mb),
        "license": wanted.license,
        "license_url": wanted.license_url,
        "homepage": wanted.homepage,
        "commercial_use": wanted.commercial_use,
        "commercial_use_why": why,
        "trained_on": wanted.trained_on,
        "good_for": wanted.good_for,
        "accuracy": [each.model_dump() for each in wanted.accuracy],
        "classes": wanted.classes,
        "members": [each.name for each in wanted.networks] if isinstance(wanted, Ensemble) else [],
        "picks": isinstance(wanted, Picker),
        "verified": all(each.variants[0].verified for each in wanted.networks),
        "fetchable": wanted.fetchable,
        "own": wanted.local,
        "installed": is_installed(wanted, settings),
        "removable": is_removable(wanted, settings),
        "seconds": estimate_seconds(wanted.name, runtime),
    }
