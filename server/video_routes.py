"""The routes under ``/api/videos``: a clip in, its frames tried with settings, the new file out."""

import json
import zlib
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import StreamingResponse

from pipeline import ClearcutError, Clip, Marks, parse_time, parse_timed_marks, read_glimpse

from .batch_descriptions import EVENTS
from .descriptions import ANYWHERE, FILE, OPTIONS, PICTURES, RUNNING, describe_errors, describe_file
from .events import make_event, stream_events
from .files import copy_upload, send_file
from .forms import BEHIND, MARKS, OWN, Changes, check_names, open_form, pick_options, read_changes, read_sent, read_text
from .told import VideoTold
from .video_descriptions import BEGIN, CLIP, RESULT, describe_change, describe_clip, describe_peek, describe_still
from .video_tasks import Probe, Still
from .videos import Videos
from .visitors_video import (
    OF_FRAMES,
    OF_VIDEOS,
    SWITCHES,
    VisitorsVideo,
    find_limits,
    locate_clip,
    make_order,
)
from .work import Workers

MOST_FIELDS = 100
AT = "at"
NAMED = (*OF_FRAMES, *OF_VIDEOS)  # options of a video
STATES = {"running": True, "ready": False}
TOLD: dict[str, Any] = {"response_model": VideoTold, "response_model_exclude_unset": True}
TAKING = (
    *("not_a_video", "broken_video", "video_too_long", "too_many_frames", "too_many_pixels", "empty_file"),
    *("disk_full", "no_video"),
)


def build_videos_router(videos: Videos, workers: Workers) -> APIRouter:
    """The routes, over the videos of this server. A video's id is long and random: only who made it knows it."""
    router = APIRouter(prefix="/api/videos", responses=describe_errors(*ANYWHERE, "expired", "bad_option"))
    _add_video_routes(router, videos, workers)
    _add_pictures(router, videos, workers)
    return router


def _add_video_routes(router: APIRouter, videos: Videos, workers: Workers) -> None:
    settings = videos.settings

    @router.post(
        "",
        status_code=201,
        summary="Cut the subject out of a video",
        responses=describe_errors(*ANYWHERE, *TAKING, *PICTURES, *OPTIONS, *RUNNING),
        openapi_extra=describe_clip(settings),
        **TOLD,
    )
    async def begin(request: Request) -> dict[str, Any]:
        """A form of a clip (``video``), options by name, ``format``, ``from``, ``to``, ``fps``, ``smooth``, ``marks``,
        and a picture or a clip for behind. With ``begin=false`` it waits until it is told to run, so that settings can
        be tried.
        """
        async with open_form(request, 3, MOST_FIELDS) as form:
            check_names(form, (CLIP, BEHIND, MARKS, BEGIN, *NAMED))
            values = pick_options(form, NAMED)
            wanted = _read_switch(BEGIN, form.get(BEGIN))
            upload = form.get(CLIP)
            if not isinstance(upload, UploadFile) or not upload.filename:
                raise ClearcutError("no_video")
            sent = await read_sent(request, form.get(BEHIND), BEHIND, workers, may_move=True)
            order = make_order(values, Path(sent.name) if sent else None, settings)
            drawn = await _read_marks(form.get(MARKS))
            marks = parse_timed_marks(drawn) if drawn else ()
            folder = await run_in_threadpool(videos.make_folder)
            try:
                clip = await _receive(request, upload, folder, videos, workers)
                if wanted:  # else a part of it may be
                    order.check_frames(clip)
                for each in marks:
                    each.marks.check_size(clip.size)
                await run_in_threadpool(VisitorsVideo.begin, folder, upload.filename, clip, values, wanted)

                def alter(one: VisitorsVideo) -> None:
                    one.set_background(sent)
                    one.set_marks(drawn)

                await run_in_threadpool(videos.change, folder.name, alter)
            except BaseException:
                await run_in_threadpool(videos.discard, folder)
                raise
        return await run_in_threadpool(videos.describe, folder.name)

    @router.get("/{id}", summary="Tell how far a video is", **TOLD)
    def tell(id: str) -> dict[str, Any]:
        return videos.describe(id)

    @router.patch(
        "/{id}",
        summary="Change a video's options, begin with it, or stop it",
        responses=describe_errors(*ANYWHERE, *PICTURES, *OPTIONS, *RUNNING, "batch_running"),
        openapi_extra=describe_change(),
        **TOLD,
    )
    async def change(id: str, request: Request) -> dict[str, Any]:
        """JSON or a form: ``options``, which replace all others; ``background_image`` and ``marks``, null for none;
        and ``state``: ``running`` begins, ``ready`` stops. What was made so far is deleted."""
        await run_in_threadpool(videos.get, id)
        changes = await read_changes(request, workers, ("state", OWN, BEHIND, MARKS), NAMED, parse_timed_marks, True)
        await run_in_threadpool(_change, id, changes, videos)
        return await run_in_threadpool(videos.describe, id)

    @router.get("/{id}/events", response_class=StreamingResponse, summary="Follow a video", responses={200: EVENTS})
    async def follow(id: str, request: Request) -> Response:
        """Server-sent events: ``status`` with what is told of the video, whenever that changes.

        After ``Last-Event-ID``, or the parameter ``since``, what was told last is not told again.
        """
        await run_in_threadpool(videos.get, id)
        last = request.headers.get("last-event-id") or request.query_params.get("since") or ""
        return stream_events(_News(id, videos, last), lambda: videos.is_stopped)

    @router.delete("/{id}", status_code=204, summary="Stop a video and delete all of it")
    def delete(id: str) -> None:
        videos.delete(id)


def _add_pictures(router: APIRouter, videos: Videos, workers: Workers) -> None:
    @router.get(
        "/{id}/preview",
        response_class=Response,
        summary="Cut out one frame",
        responses={
            200: describe_file("image/png", words="The frame, cut out"),
            **describe_errors(*ANYWHERE, *TAKING, *PICTURES, *OPTIONS, *RUNNING),
        },
        openapi_extra=describe_peek(videos.settings),
    )
    async def preview(id: str, request: Request) -> Response:
        """The frame that is shown ``at`` so many seconds, cut out as a photo is, with the options in the address, or
        with those of the video where there are none, and with the strokes that hold there."""
        check_names(request.query_params, (AT, *OF_FRAMES))
        second = parse_time(AT, request.query_params.get(AT) or "0")
        values = pick_options(request.query_params, OF_FRAMES)
        one = await run_in_threadpool(videos.get, id)
        png = await workers.ask(request, await run_in_threadpool(one.make_peek, second, values))
        return Response(png, media_type="image/png", headers={"Cache-Control": "no-store"})

    @router.get(
        "/{id}/frame",
        response_class=Response,
        summary="Fetch one frame",
        responses={
            200: describe_file("image/jpeg", words="The frame, as it is"),
            **describe_errors(*ANYWHERE, *TAKING, *RUNNING),
        },
        openapi_extra=describe_still(),
    )
    async def send_frame(id: str, request: Request) -> Response:
        """The frame that is shown ``at`` so many seconds, as it is in the clip."""
        check_names(request.query_params, (AT,))
        second = parse_time(AT, request.query_params.get(AT) or "0")
        one = await run_in_threadpool(videos.get, id)
        jpeg = await workers.ask(request, Still(one.source, second))
        return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    @router.get(
        "/{id}/newest",
        response_class=Response,
        summary="Fetch the newest frame of a video that is being made",
        responses={200: describe_file("image/jpeg", "image/png", words="The frame as it has become, small")},
    )
    def send_newest(id: str) -> Response:
        """The frame that was made last, at most 640 pixels wide or high: about once a second another one."""
        picture = read_glimpse(videos.get(id).target)
        if picture is None:
            raise ClearcutError("not_found")
        kind = "image/png" if picture.startswith(b"\x89PNG") else "image/jpeg"
        return Response(picture, media_type=kind, headers={"Cache-Control": "no-store"})

    @router.get("/{id}/clip", response_class=Response, summary="Fetch the clip", responses=RESULT)
    def send_clip(id: str) -> Response:
        """The clip as it was sent, or the part of it that the header ``Range`` asks for."""
        one = videos.get(id)
        return send_file(one.source, one.source.name, attachment=True)

    @router.get("/{id}/result", response_class=Response, summary="Fetch the new file", responses=RESULT)
    def send_result(id: str) -> Response:
        """The whole file, or the part of it that the header ``Range`` asks for, so that players can jump."""
        one = videos.get(id)
        if not one.outcome:
            raise ClearcutError("not_found")
        kind = "image/apng" if one.target.suffix == ".apng" else None
        return send_file(one.target, one.target.name, attachment=True, media_type=kind)

    @router.get(
        "/{id}/background_image",
        response_class=Response,
        summary="Fetch the picture or clip behind the subject",
        responses={200: {"description": "The file", "content": {"*/*": {"schema": FILE}}}},
    )
    def send_background(id: str) -> Response:
        picture = videos.get(id).background
        if picture is None:
            raise ClearcutError("not_found")
        return send_file(picture, picture.name, attachment=True)

    @router.get(
        "/{id}/marks",
        response_class=Response,
        summary="Fetch the strokes on frames",
        responses={200: {"description": "The file", "content": {"application/json": {"schema": FILE}}}},
    )
    def send_marks(id: str) -> Response:
        file = videos.get(id).marks_file
        if file is None:
            raise ClearcutError("not_found")
        return send_file(file, file.name, attachment=True)


async def _receive(request: Request, upload: UploadFile, folder: Path, videos: Videos, workers: Workers) -> Clip:
    """Write the clip into the folder, and look what it is. Raises ``too_large``, and as `Probe`."""
    settings, size = videos.settings, upload.size or 0
    limit = settings.most_video_mb
    if limit is not None and size > limit * 1e6:
        raise ClearcutError("too_large", name=upload.filename, megabytes=round(size / 1e6, 1), limit=limit)
    file = locate_clip(folder, upload.filename or "")
    await run_in_threadpool(copy_upload, upload, file)
    clip: Clip = await workers.ask(request, Probe(file, find_limits(settings)))
    return clip


async def _read_marks(given: Any) -> bytes:
    """Strokes on frames, as they came. Raises ``too_large``."""
    if isinstance(given, UploadFile) and (given.size or 0) > Marks.MOST_BYTES:
        megabytes = round((given.size or 0) / 1e6, 1)
        raise ClearcutError("too_large", name=given.filename, megabytes=megabytes, limit=Marks.MOST_BYTES / 1e6)
    return await read_text(given)


def _read_switch(name: str, given: Any) -> bool:
    """A switch of a form; on where it is not given."""
    text = given.lower() if isinstance(given, str) and given else "true"
    if text not in SWITCHES or isinstance(given, UploadFile):
        raise ClearcutError("bad_option", name=name, value=text[:100], accepted="true, false")
    return SWITCHES[text]


def _change(id: str, changes: Changes, videos: Videos) -> None:
    state, sent = changes.state, changes.files.get(BEHIND)
    if state is not None and state not in STATES:
        raise ClearcutError("bad_option", name="state", value=state[:100], accepted=", ".join(STATES))
    one = videos.get(id)
    values = one.values if changes.options is None else changes.options
    has_picture = bool(sent) if BEHIND in changes.files else one.behind is not None
    make_order(values, Path("picture") if has_picture else None, videos.settings)
    drawn = changes.files.get(MARKS)
    for each in parse_timed_marks(drawn.data) if drawn else ():
        each.marks.check_size((one.clip["width"], one.clip["height"]))

    def alter(one: VisitorsVideo) -> None:
        one.values = values
        if BEHIND in changes.files:
            one.set_background(sent)
        if MARKS in changes.files:
            one.set_marks(drawn and drawn.data)
        if state:
            one.wanted = STATES[state]

    videos.change(id, alter)


class _News:
    """What is new of a video, each time it is asked; an event's id stands for what was told."""

    def __init__(self, id: str, videos: Videos, last: str) -> None:
        self._id, self._videos, self._last = id, videos, last

    def __call__(self) -> str:
        """An event, or nothing."""
        try:
            status = self._videos.describe(self._id)
        except ClearcutError:  # it was deleted
            return ""
        mark = zlib.crc32(json.dumps(status).encode())
        if str(mark) == self._last:
            return ""
        self._last = str(mark)
        return make_event("status", status, mark)
