"""The routes under ``/api/batches``: many photos in, followed as they are done, and one ZIP out."""

import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import StreamingResponse

from pipeline import BatchItem, ClearcutError, is_archive

from .batch_descriptions import (
    ANY_FILE,
    EVENTS,
    PHOTO_TOLD,
    PHOTOS,
    TAKING,
    TOLD,
    describe_changes,
    describe_photos,
)
from .batches import Batches
from .descriptions import ANYWHERE, FILE, describe_errors, describe_file
from .events import make_event, stream_events
from .files import BLOCK, copy_upload, send_file
from .forms import (
    BEHIND,
    MARKS,
    OPTIONS,
    OWN,
    TRIMAP,
    Changes,
    check_names,
    open_form,
    pick_options,
    read_changes,
    read_sent,
)
from .told import PhotosTold
from .visitors_batch import VisitorsBatch, discard_upload, list_files
from .work import Workers

MOST_FILES = 1000  # of a request
PAGE = JOURNAL_PAGE = 500  # photos of an answer, and that a journal tells of at a time


def build_batches_router(batches: Batches, workers: Workers) -> APIRouter:
    """The routes, over the batches of this server. A batch's id is long and random: only who made it knows it."""
    router = APIRouter(prefix="/api/batches", responses=describe_errors(*ANYWHERE, "expired", "bad_option"))
    _add_batch_routes(router, batches, workers)
    _add_photo_routes(router, batches, workers)
    _add_streams(router, batches)
    return router


def _add_batch_routes(router: APIRouter, batches: Batches, workers: Workers) -> None:
    taking = describe_errors(*TAKING)

    @router.post(
        "",
        status_code=201,
        summary="Begin a batch",
        responses=taking,
        openapi_extra=describe_photos(batches.settings, options=True),
        **TOLD,
    )
    async def begin(request: Request) -> dict[str, Any]:
        """A form of photos (``images``), options by name, a preset and a picture for behind; each may be left out."""
        async with open_form(request, MOST_FILES, MOST_FILES) as form:
            check_names(form, (PHOTOS, BEHIND, *OPTIONS))
            values = pick_options(form)
            picture = await read_sent(request, form.get(BEHIND), BEHIND, workers)
            one = await run_in_threadpool(batches.create, values, picture)
            try:
                await _take(one, form.getlist(PHOTOS), batches)
            except ClearcutError:
                await run_in_threadpool(batches.delete, one.id)
                raise
        return await run_in_threadpool(one.describe)

    @router.post(
        "/{id}/items",
        summary="Add photos",
        responses=taking,
        openapi_extra=describe_photos(batches.settings, options=False),
        **TOLD,
    )
    async def add(id: str, request: Request) -> dict[str, Any]:
        """A form of ``images``: photos, whose names may have folders, and ZIP or TAR files."""
        one = await run_in_threadpool(batches.get, id)
        async with open_form(request, MOST_FILES, MOST_FILES) as form:
            await _take(one, form.getlist(PHOTOS), batches)
        return await run_in_threadpool(one.describe)

    # Those that are not async run in a thread: they ask the disk.
    @router.get("/{id}", summary="Tell how far a batch is", **TOLD)
    def tell(id: str) -> dict[str, Any]:
        return batches.get(id).describe()

    @router.patch(
        "/{id}",
        summary="Pause a batch, go on, or do it anew with other options",
        responses=taking,
        openapi_extra=describe_changes(state={"enum": ["paused", "running"]}, background_image=FILE),
        **TOLD,
    )
    async def change(id: str, request: Request) -> dict[str, Any]:
        """JSON or a form: ``state``, ``paused`` or ``running``; ``options``, which replace those of all photos; and
        ``background_image``, null for none. What is not named stays."""
        changes = await read_changes(request, workers, ("state", OWN, BEHIND))
        return await run_in_threadpool(_change, id, changes, batches)

    @router.get(
        "/{id}/background_image",
        response_class=Response,
        summary="Fetch the picture behind all subjects",
        responses=ANY_FILE,
    )
    def send_background(id: str) -> Response:
        picture = batches.get(id).background
        if picture is None:
            raise ClearcutError("not_found")
        return send_file(picture, picture.name, attachment=True)

    @router.delete("/{id}", status_code=204, summary="Stop a batch and delete all of it")
    def delete(id: str) -> None:
        batches.delete(id)


def _add_photo_routes(router: APIRouter, batches: Batches, workers: Workers) -> None:
    @router.get(
        "/{id}/items",
        summary="List the photos of a batch",
        response_model=PhotosTold,
        response_model_exclude_unset=True,
    )
    def list_items(id: str, after: int = 0, limit: int = PAGE) -> dict[str, Any]:
        """In the order in which they came, those beyond the number ``after``."""
        one = batches.get(id)
        coming = one.batch.journal.list_items(after=after)
        return {"items": [one.describe_item(item) for item, _ in zip(coming, range(min(limit, PAGE)), strict=False)]}

    @router.get("/{id}/items/{number}", response_class=Response, summary="Fetch a cut-out", responses=ANY_FILE)
    def send_cutout(id: str, number: int) -> Response:
        one, item = _find(batches, id, number)
        return send_file(one.batch.output / item.target, item.target.rpartition("/")[2], attachment=True)

    @router.get(
        "/{id}/items/{number}/photo",
        response_class=Response,
        summary="Fetch the photo itself",
        responses={
            200: describe_file("application/octet-stream", words="The photo as it came"),
            **describe_errors(*TAKING, "file_missing", "file_unreadable", "file_changed", "link_not_followed"),
        },
    )
    async def send_photo(id: str, number: int) -> Response:
        one, item = await run_in_threadpool(_find, batches, id, number)
        if item.error and item.is_refused:
            raise item.error
        data, _ = await run_in_threadpool(item.source.read, one.settings.max_mb)
        return Response(data, media_type="application/octet-stream")

    @router.get(
        "/{id}/items/{number}/thumbnail",
        response_class=Response,
        summary="Fetch a small cut-out",
        responses={200: describe_file("image/webp", words="The cut-out, small")},
    )
    def send_thumbnail(id: str, number: int) -> Response:
        return send_file(batches.get(id).batch.thumbnails / f"{number}.webp", "thumbnail.webp")

    @router.get(
        "/{id}/items/{number}/{what}",
        response_class=Response,
        summary="Fetch what goes with a photo",
        responses=ANY_FILE,
    )
    def send_beside(id: str, number: int, what: str) -> Response:
        """Its ``marks``, its ``trimap`` or its ``background_image``."""
        _, item = _find(batches, id, number)
        if what not in item.beside:
            raise ClearcutError("not_found")
        return send_file(Path(item.beside[what]), Path(item.beside[what]).name, attachment=True)

    @router.patch(
        "/{id}/items/{number}",
        summary="Do a photo anew with options of its own",
        responses=describe_errors(*TAKING),
        openapi_extra=describe_changes(**{MARKS: {"type": ["object", "string", "null"]}, TRIMAP: FILE, BEHIND: FILE}),
        **PHOTO_TOLD,
    )
    async def change_item(id: str, number: int, request: Request) -> dict[str, Any]:
        """JSON or a form: ``options``, which replace its own, and what goes with it, ``marks``, ``trimap`` and
        ``background_image``, null for none. What is not named stays."""
        changes = await read_changes(request, workers, (OWN, MARKS, TRIMAP, BEHIND))
        one, item = await run_in_threadpool(_find, batches, id, number)
        await run_in_threadpool(one.change_item, item, changes)
        return await run_in_threadpool(_renew, one, number, batches)

    @router.post("/{id}/items/{number}/retry", summary="Do a photo anew", **PHOTO_TOLD)
    def retry(id: str, number: int) -> dict[str, Any]:
        one, _ = _find(batches, id, number)
        one.batch.journal.set_waiting(number)
        return _renew(one, number, batches)

    @router.delete("/{id}/items/{number}", status_code=204, summary="Remove a photo")
    def remove(id: str, number: int) -> None:
        one, _ = _find(batches, id, number)
        one.remove(number)


def _add_streams(router: APIRouter, batches: Batches) -> None:
    @router.get(
        "/{id}/events",
        response_class=StreamingResponse,
        summary="Follow a batch",
        responses={200: EVENTS},
    )
    async def follow(id: str, request: Request) -> Response:
        """Server-sent events: ``item`` with a photo that has changed, ``status`` and ``removed``.

        An event's id is a revision: after ``Last-Event-ID``, or the parameter ``since``, come only later changes.
        """
        one = await run_in_threadpool(batches.get, id)
        last = request.headers.get("last-event-id") or request.query_params.get("since") or "0"
        since = int(last[:18]) if last.isdecimal() else 0
        return stream_events(_News(one, since), lambda: batches.is_stopped)

    @router.get(
        "/{id}/archive",
        response_class=StreamingResponse,
        summary="Fetch all cut-outs as one ZIP",
        responses={200: describe_file("application/zip", words="The cut-outs, with the names of their photos")},
    )
    def send_archive(id: str) -> Response:
        one = batches.get(id)
        headers = {"Content-Disposition": 'attachment; filename="cutouts.zip"', "Cache-Control": "no-store"}
        return StreamingResponse(_zip(list_files(one)), media_type="application/zip", headers=headers)


def _change(id: str, changes: Changes, batches: Batches) -> dict[str, Any]:
    one, state = batches.get(id), changes.state
    if state not in (None, "paused", "running"):
        raise ClearcutError("bad_option", name="state", value=str(state)[:100], accepted="paused, running")
    if changes.options is not None or changes.files:
        one.change(changes)
    if state:
        one.paused = state == "paused"
        one.save()
    batches.wake(one.id)
    return one.describe()


def _renew(one: VisitorsBatch, number: int, batches: Batches) -> dict[str, Any]:
    batches.wake(one.id)
    item = one.batch.journal.get(number)
    if item is None:
        raise ClearcutError("not_found")
    return one.describe_item(item)


def _find(batches: Batches, id: str, number: int) -> tuple[VisitorsBatch, BatchItem]:
    one = batches.get(id)
    item = one.batch.journal.get(number)
    if item is None:
        raise ClearcutError("not_found")
    return one, item


# ---- what comes -----------------------------------------------------------------------------------------------------


async def _take(one: VisitorsBatch, given: list[Any], batches: Batches) -> None:
    """Put uploads into the batch's folder, and set to work; where one cannot be taken, none is."""
    files: list[tuple[Path, str]] = []
    try:
        for upload in given:
            files.append(await _receive(one, upload))
        await run_in_threadpool(one.note_files, files)
    except ClearcutError:
        for file, _ in files:
            await run_in_threadpool(discard_upload, file)
        raise
    batches.wake(one.id)


async def _receive(one: VisitorsBatch, upload: Any) -> tuple[Path, str]:
    """The file that an upload is written to, and its name in the batch. Raises ``too_large``, ``disk_full``."""
    if not isinstance(upload, UploadFile):
        raise ClearcutError("bad_request")
    name, size, limit = upload.filename or "photo", upload.size or 0, one.settings.max_mb
    if not is_archive(name) and size > limit * 1e6:
        raise ClearcutError("too_large", name=name, megabytes=round(size / 1e6, 1), limit=limit)
    file = await run_in_threadpool(one.add_file, name)
    await run_in_threadpool(copy_upload, upload, file)
    return file, name.replace("\\", "/").lstrip("/")


# ---- what goes ------------------------------------------------------------------------------------------------------


class _News:
    """What is new of a batch, each time it is asked: events after the revision `since`."""

    def __init__(self, one: VisitorsBatch, since: int) -> None:
        self._one, self._since, self._status = one, since, ""

    def __call__(self) -> str:
        """The events, none twice."""
        one, journal = self._one, self._one.batch.journal
        one.used = time.monotonic()
        changes = journal.list_changes(self._since)
        removed = journal.list_removed(self._since)
        if len(changes) == JOURNAL_PAGE:  # there may be more of them before the later removals
            removed = [each for each in removed if each[1] < changes[-1].revision]
        told = [(item.revision, "item", one.describe_item(item)) for item in changes]
        told += [(revision, "removed", {"number": number}) for number, revision in removed]
        told.sort(key=lambda each: each[0])
        events = [make_event(kind, data, revision) for revision, kind, data in told]
        self._since = told[-1][0] if told else self._since
        status = json.dumps(one.describe())
        if status != self._status:
            self._status = status
            events.append(make_event("status", one.describe(), self._since))
        return "".join(events)


class _Sink(io.RawIOBase):
    """Where a ZIP is written to, and taken from as it grows."""

    def __init__(self) -> None:
        self.blocks: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, block: Any) -> int:
        self.blocks.append(bytes(block))
        return len(block)

    def take(self) -> bytes:
        blocks, self.blocks = self.blocks, []
        return b"".join(blocks)


def _zip(files: Iterator[tuple[Path, str]]) -> Iterator[bytes]:
    """A ZIP of `files` as it is made; pictures are packed already."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for file, name in files:
            try:
                source = file.open("rb")
            except OSError:  # done anew, or removed, in this moment
                continue
            about = zipfile.ZipInfo.from_file(source.name, name)
            with source, archive.open(about, "w", force_zip64=True) as target:
                while block := source.read(BLOCK):
                    target.write(block)
                    yield sink.take()
    yield sink.take()
