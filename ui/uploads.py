"""Uploads without the server's paths: Gradio names a file by its path, a visitor by the part below a folder."""

import json
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UPLOAD = "/gradio_api/upload"
EVENTS = ("/gradio_api/queue/join", "/gradio_api/run/", "/gradio_api/call/")
FILE = "gradio.FileData"


class HiddenFolder:
    """Middleware that takes the folder of uploads off the paths that Gradio answers with, and puts it on again.

    Whether a path is one of an upload, Gradio checks itself.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, its paths or those of its answer rewritten."""
        asked = scope["path"].removeprefix(scope.get("root_path", "")) if scope.get("method") == "POST" else ""
        if asked == UPLOAD:
            await self.app(scope, receive, _shorten_paths(send))
        elif asked.startswith(EVENTS):
            await self.app(scope, await _lengthen_paths(receive), send)
        else:
            await self.app(scope, receive, send)


def _shorten_paths(send: Send) -> Send:
    """`send`, with paths in JSON shortened."""
    start: Message = {}
    body = bytearray()

    async def send_short(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
            return
        body.extend(message.get("body", b""))
        if message.get("more_body"):
            return
        data = bytes(body)
        if start["status"] == 200:
            folder = Path(get_upload_folder())
            data = json.dumps([str(Path(path).relative_to(folder)) for path in json.loads(data)]).encode()
        MutableHeaders(raw=start["headers"])["content-length"] = str(len(data))
        await send(start)
        await send({"type": "http.response.body", "body": data})

    return send_short


async def _lengthen_paths(receive: Receive) -> Receive:
    """`receive`, with the paths of files in JSON as they are on the server."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        body.extend(message.get("body", b""))
        more = message.get("more_body", False)
    told = False

    async def receive_long() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": _lengthen(bytes(body)), "more_body": False}

    return receive_long


def _lengthen(body: bytes) -> bytes:
    if FILE.encode() not in body:
        return body
    try:
        return json.dumps(json.loads(body, object_hook=_place_file)).encode()
    except (ValueError, RecursionError):
        return body  # Gradio will refuse it


def _place_file(given: dict[str, Any]) -> dict[str, Any]:
    """An object of JSON; where it is a file, with its path on the server."""
    meta, path = given.get("meta"), given.get("path")
    if isinstance(meta, dict) and meta.get("_type") == FILE and isinstance(path, str):
        return given | {"path": str(Path(get_upload_folder(), path))}
    return given
