"""Models over HTTP: what there is, and, where the owner lets visitors do so, fetching, removing and importing."""

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
    Job,
    as_clearcut_error,
    bring,
    card,
    explain,
    fetch,
    group_models,
    is_installed,
    is_removable,
    language_from,
    megabytes,
    model_size,
    models,
    remove,
    say,
    speed,
)

from .settings import ServerSettings

LARGEST_FILE = 4_000_000_000  # bytes of a weight file that may be sent for import


class _Download:
    """One fetch under way, or what came of it."""

    def __init__(self, wanted: Card) -> None:
        self.card, self.job = wanted, Job()
        self.done: int | None = None
        self.total = model_size(wanted)
        self.error: ClearcutError | None = None
        self.thread = threading.Thread(target=self._run, name=f"clearcut-fetch-{wanted.name}", daemon=True)

    def _run(self) -> None:
        try:
            fetch(self.card, self._progress)
        except Exception as error:
            self.error = as_clearcut_error(error, name=self.card.name)

    def _progress(self, done: int | None, total: int) -> None:
        self.job.check()
        self.done, self.total = done, total


class Downloads:
    """At most one fetch a model at a time, whoever asked for it."""

    def __init__(self) -> None:
        self._latest: dict[str, _Download] = {}
        self._lock = threading.Lock()

    def start(self, wanted: Card) -> None:
        """Begin to fetch, unless that is under way."""
        with self._lock:
            latest = self._latest.get(wanted.name)
            if latest is None or not latest.thread.is_alive():
                self._latest[wanted.name] = download = _Download(wanted)
                download.thread.start()

    def cancel(self, name: str) -> None:
        """Stop a fetch, if it is under way."""
        with self._lock:
            latest = self._latest.pop(name, None)
        if latest:
            latest.job.cancel()
            latest.thread.join(5)  # it may be just about to put its file in place

    def facts(self, language: str) -> dict[str, dict[str, Any]]:
        """By model: how far its fetch is, in bytes, or why it came to nothing. One that went well is not told of."""
        with self._lock:
            latest = dict(self._latest)
        told = {name: _download_facts(each, language) for name, each in latest.items()}
        return {name: facts for name, facts in told.items() if facts}


def _download_facts(download: _Download, language: str) -> dict[str, Any]:
    if download.thread.is_alive():
        return {"fetching": {"done": download.done, "total": download.total}}
    if error := download.error:
        return {"error": {"code": error.code, "facts": error.facts, "sentence": explain(error, language)}}
    return {}


def build_models_router(settings: ServerSettings) -> APIRouter:
    """The routes under ``/api/models``."""
    router = APIRouter(prefix="/api/models")
    downloads = Downloads()

    def manageable(name: str) -> Card:
        if not settings.may_manage:
            raise ClearcutError("read_only")
        return card(name)

    # Not async, so that it runs in a thread: whether a model is installed is looked up on the disk.
    @router.get("", summary="List the models")
    def list_models(request: Request) -> list[dict[str, Any]]:
        """Every model with its size, its licence and whether it is on this machine."""
        language = _language(request)
        default, there, fetches = settings.model, models(), downloads.facts(language)
        group_of = {each.name: group for group, cards in group_models(there).items() for each in cards}
        return [
            {
                **model_facts(each, language),
                "group": group_of[each.name],
                "default": each.name == default,
                **fetches.get(each.name, {}),
            }
            for each in there.values()
        ]

    @router.get("/fetches", summary="Tell how far the fetches are")
    async def list_fetches(request: Request) -> dict[str, dict[str, Any]]:
        """By model: ``fetching`` with ``done`` and ``total`` bytes, or ``error``; no word of one that is complete."""
        return downloads.facts(_language(request))

    @router.post("/{name}/fetch", status_code=202, summary="Fetch a model")
    def start(name: str) -> dict[str, str]:
        """Begin to fetch what the model needs; ``GET /api/models/fetches`` tells how far it is."""
        downloads.start(manageable(name))
        return {"model": name}

    @router.delete("/{name}/fetch", status_code=204, summary="Stop fetching a model")
    def cancel(name: str) -> None:
        downloads.cancel(manageable(name).name)

    @router.delete("/{name}", status_code=204, summary="Remove a model's weights")
    def remove_weights(name: str) -> None:
        wanted = manageable(name)
        downloads.cancel(name)
        remove(wanted)

    @router.put(
        "/{name}/file",
        status_code=204,
        summary="Import a weight file",
        openapi_extra={"requestBody": {"content": {"application/octet-stream": {}}, "required": True}},
    )
    async def import_file(name: str, request: Request) -> Response:
        """The file itself is the request's body. It is kept only if its checksum holds."""
        wanted = manageable(name)
        settings.models_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".import-", dir=settings.models_dir) as folder:
            file = Path(folder) / wanted.networks[0].variants[0].file
            try:
                await _receive(request, file)
                await run_in_threadpool(bring, wanted, file)
            except ClientDisconnect:
                return Response(status_code=499)
        await run_in_threadpool(downloads.cancel, name)
        return Response(status_code=204)

    return router


def _language(request: Request) -> str:
    return language_from(request.headers.get("accept-language", ""))


async def _receive(request: Request, file: Path) -> None:
    with file.open("wb") as open_file:
        async for block in request.stream():
            await run_in_threadpool(open_file.write, block)


def model_facts(wanted: Card, language: str) -> dict[str, Any]:
    """What page and API tell of a model: JSON values."""
    why = say(f"why.{wanted.why}", language, default="") if wanted.why else ""
    return {
        "name": wanted.name,
        "title": say(f"model.{wanted.name}.title", language, default=wanted.name),
        "about": say(f"model.{wanted.name}.about", language, default=""),
        "bytes": model_size(wanted),
        "megabytes": megabytes(model_size(wanted)),
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
        "members": [each.name for each in wanted.networks] if len(wanted.networks) > 1 else [],
        "verified": all(each.variants[0].verified for each in wanted.networks),
        "fetchable": wanted.fetchable,
        "own": wanted.local,
        "installed": is_installed(wanted),
        "removable": is_removable(wanted),
        "seconds": speed(wanted.name),
    }
