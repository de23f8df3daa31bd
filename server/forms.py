"""Pictures and options, read from a form and from the address that it is sent to."""

import base64
import binascii
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from pipeline import ClearcutError, InputFiles, Marks, Options, is_video

from .cutter import Check
from .routes import limit_behind, limit_changes, limit_form
from .settings import ServerSettings
from .video_tasks import CheckBehind
from .work import Workers

PHOTO, BEHIND, MARKS, TRIMAP, PRESET = "image", "background_image", "marks", "trimap", "preset"
OPTIONS = (*Options.model_fields, PRESET)  # which may stand in the address too
FIELDS = (PHOTO, BEHIND, MARKS, TRIMAP, *OPTIONS)
OWN = "options"  # of changes: all options at once, as JSON
PARTS = {BEHIND: "background", TRIMAP: "trimap"}  # what errors call them
MOST_FILES, MOST_FIELDS = 10, 100
UNNAMED = "image"  # what a photo without a file name is called in messages


async def read_form(request: Request, settings: ServerSettings) -> tuple[InputFiles, Options]:
    """The pictures and options of a request: of its form, and options of its query string that the form does not name.

    Raises
    ------
    ClearcutError
        ``bad_request``, ``too_many_parts``, ``no_picture``, ``one_at_a_time``, ``too_large``, ``no_background``,
        ``unknown_option``, ``bad_option``, ``not_a_picture``
    """
    largest = limit_form(settings, request.headers).size  # the body as a whole is held to it already
    async with open_form(request, MOST_FILES, MOST_FIELDS, max_part_size=largest) as form:
        check_names(request.query_params, OPTIONS)
        check_names(form, FIELDS)
        _check_alone(form)
        data, name = await read_picture(form.get(PHOTO), settings)
        if data is None:
            raise ClearcutError("no_picture")
        behind, behind_name = await read_picture(form.get(BEHIND), settings)
        if behind is None and form.get(BEHIND):
            raise ClearcutError("no_background")
        marks = await read_text(form.get(MARKS))
        trimap, _ = await read_picture(form.get(TRIMAP), settings)
        if trimap is None and form.get(TRIMAP):
            raise ClearcutError("not_a_picture", name=TRIMAP).about(TRIMAP)
        values = pick_options(request.query_params) | pick_options(form)
    files = InputFiles(data, behind or None, name, behind_name, marks or None, trimap or None)
    return files, Options.of(**values, background_image=bool(behind))


class Sent(NamedTuple):
    """A file that came with a request."""

    name: str
    data: bytes


class Changes(NamedTuple):
    """What a batch, or a photo of it, is to be changed to.

    Attributes
    ----------
    options
        In place of those before; None: as before.
    files
        What goes with it from now on, by name; None: nothing any more.
    state
        ``paused`` or ``running``; None: as before.
    """

    options: dict[str, Any] | None
    files: dict[str, Sent | None]
    state: str | None


async def read_changes(
    request: Request,
    workers: Workers,
    known: tuple[str, ...],
    options: tuple[str, ...] = OPTIONS,
    check_marks: Callable[[bytes], object] = Marks.of,
    may_move: bool = False,
) -> Changes:
    """The changes that a request asks for: JSON with some of the names `known`, or a form with them.

    `options` are the names of those that there may be; `check_marks` refuses marks that are none. Pictures are files of
    the form, or texts as in a single request; ``marks`` may be JSON itself. `may_move` as for `read_sent`.

    Raises
    ------
    ClearcutError
        ``bad_request``, ``unknown_option``, ``bad_marks``, and as `read_sent`.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/"):
        given = _parse_json(await request.body())
        return await _make_changes(request, given, workers, known, options, check_marks, may_move)
    largest = limit_changes(workers.settings, request.headers).size
    async with open_form(request, MOST_FILES, MOST_FIELDS, max_part_size=largest) as form:
        given = dict(form)
        if OWN in given:
            given[OWN] = _parse_json(given[OWN])
        return await _make_changes(request, given, workers, known, options, check_marks, may_move)


async def _make_changes(
    request: Request,
    given: Any,
    workers: Workers,
    known: tuple[str, ...],
    named: tuple[str, ...],
    check_marks: Callable[[bytes], object],
    may_move: bool,
) -> Changes:
    if not isinstance(given, dict) or set(given) - set(known):
        raise ClearcutError("bad_request")
    options, state = given.get(OWN), given.get("state")
    if not isinstance(options, dict | None) or not isinstance(state, str | None):
        raise ClearcutError("bad_request")
    check_names(options or {}, named)
    files: dict[str, Sent | None] = {}
    for name in (BEHIND, TRIMAP):
        if name in given:
            files[name] = await read_sent(request, given[name], name, workers, may_move)
    if MARKS in given:
        marks = given[MARKS]
        files[MARKS] = await _read_marks(json.dumps(marks) if isinstance(marks, dict | list) else marks, check_marks)
    return Changes(options, files, state)


async def _read_marks(given: Any, check: Callable[[bytes], object]) -> Sent | None:
    if not isinstance(given, UploadFile | str | None):
        raise ClearcutError("bad_request")
    data = await read_text(given)
    if not data:
        return None
    await run_in_threadpool(check, data)
    return Sent("marks.json", data)


async def read_sent(request: Request, given: Any, name: str, workers: Workers, may_move: bool = False) -> Sent | None:
    """The picture for behind, or the trimap, as `name` says, which a worker has decoded; None where nothing came.

    `may_move`: or a clip for behind.

    Raises
    ------
    ClearcutError
        ``no_background``, ``not_a_picture``, ``too_large``, and those of `decode` and of `Workers.ask`.
    """
    if not isinstance(given, UploadFile | str | None):
        raise ClearcutError("bad_request")
    moves = may_move and isinstance(given, UploadFile) and is_video(Path(given.filename or ""))
    data, file_name = await read_picture(given, workers.settings, limit_behind(workers.settings) if moves else None)
    if data is None and given:
        raise ClearcutError("not_a_picture", name=name).about(PARTS[name])
    if not data:
        return None
    if error := await workers.ask(request, CheckBehind(data, file_name) if moves else Check(data, file_name)):
        raise error.about(PARTS[name])
    return Sent(file_name or name, data)


def _parse_json(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        raise ClearcutError("bad_request") from None


@asynccontextmanager
async def open_form(request: Request, files: int, fields: int, **how: Any) -> AsyncIterator[FormData]:
    """The form of a request, of at most so many files and fields. Raises ``bad_request``, ``too_many_parts``."""
    try:
        async with request.form(max_files=files, max_fields=fields, **how) as form:
            yield form
    except HTTPException as error:
        if error.detail.startswith("Too many"):
            raise ClearcutError("too_many_parts", files=files, fields=fields) from None
        raise ClearcutError("bad_request") from None
    except AssertionError:
        raise ClearcutError("bad_request") from None


def check_names(given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """Raise ``unknown_option`` where a name is none of those that are known."""
    for name in given:
        if name not in known:
            raise ClearcutError("unknown_option", name=name[:100], known=", ".join(known))


def _check_alone(form: FormData) -> None:
    for name in (PHOTO, BEHIND, MARKS, TRIMAP):
        if (number := len(form.getlist(name))) > 1:
            raise ClearcutError("one_at_a_time", name=name, number=number)


def pick_options(given: Mapping[str, Any], known: tuple[str, ...] = OPTIONS) -> dict[str, str]:
    """The options that are given and not empty; a file stands for its name, which no option takes."""
    named = {name: given[name] for name in given if name in known}
    texts = {name: value if isinstance(value, str) else str(value.filename) for name, value in named.items()}
    return {name: text for name, text in texts.items() if text != ""}


async def read_picture(
    given: UploadFile | str | None, settings: ServerSettings, most_mb: float | None = None
) -> tuple[bytes | None, str]:
    """The bytes of a picture that came as a file, a data URI or base64, and its name; None where it is none of these.

    Raises
    ------
    ClearcutError
        ``too_large``
    """
    if isinstance(given, UploadFile):
        _check_size(given.size or 0, most_mb or settings.max_mb)
        return await given.read(), given.filename or ""
    if not given:
        return None, ""
    data = await run_in_threadpool(_decode_text, given)
    _check_size(len(data or b""), settings.max_mb)
    return data, UNNAMED


async def read_text(given: UploadFile | str | None) -> bytes:
    """What came as a file or as a text; nothing where none came."""
    return await given.read() if isinstance(given, UploadFile) else (given or "").encode()


def _check_size(size: int, most_mb: float) -> None:
    if size > most_mb * 1e6:
        raise ClearcutError("too_large", megabytes=round(size / 1e6, 1), limit=most_mb)


def _decode_text(text: str) -> bytes | None:
    """The bytes of a data URI or of base64, in either alphabet, in lines or in one, padded or not; None if neither.

    >>> _decode_text("data:image/gif;base64,R0lG"), _decode_text("R0 lG"), _decode_text("a.jpg")
    (b'GIF', None, None)
    """
    if text[:5].lower() == "data:":
        about, _, text = text.partition(",")
        if not about.lower().endswith(";base64"):
            return None
    text = text.strip().replace(" ", "+")  # what a form that was not encoded makes of a plus
    plain = "".join(text.split()).rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
