"""The tool ``remove_background`` for assistants that speak MCP, over HTTP at ``/mcp``.

Each request stands alone: there are no sessions. The package ``mcp`` is loaded when the first one comes.
"""

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pipeline import ClearcutError, InputFiles, Options, __version__, explain

from .cutter import Made
from .descriptions import Schema, describe_options, make_object
from .forms import OPTIONS, check_names, read_picture
from .replies import choose_language
from .routes import limit_tool
from .settings import ServerSettings
from .work import Workers

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server
    from mcp_types import CallToolResult

NAME = "remove_background"
ABOUT = "Remove the background of a photo. Gives a transparent PNG, or what the options ask for."
PATH, DATA, BEHIND_PATH, BEHIND_DATA, SAVE = "path", "data", "background_path", "background_data", "save"
OF_PAGE = ("group", "step", "when")  # of a field of `Options`, which nobody else needs


class McpApp:
    """The ASGI app at ``/mcp``."""

    def __init__(self, settings: ServerSettings, workers: Workers) -> None:
        self._settings, self._tool = settings, _Tool(settings, workers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one message. Raises ``not_found`` where the tool is off, ``needs_package``."""
        if not self._settings.offers_tool:
            raise ClearcutError("not_found")
        if scope["method"] != "POST":  # no stream that a client could listen at
            await Response(status_code=405, headers={"Allow": "POST"})(scope, receive, send)
            return
        try:
            from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
        except ImportError:
            raise ClearcutError("needs_package", package="mcp") from None
        headers = Headers(scope=scope)
        manager = StreamableHTTPSessionManager(
            self._tool.build_server(choose_language(headers.get("accept-language"))),
            json_response=True,
            stateless=True,
            max_request_body_size=limit_tool(self._settings, headers).size,
        )  # the guard has looked at host and origin
        async with manager.run():
            await manager.handle_request(scope, receive, send)


class _Tool:
    """What the tool takes, does and tells."""

    def __init__(self, settings: ServerSettings, workers: Workers) -> None:
        self._settings, self._workers = settings, workers
        self._schema = describe_input(settings)

    def build_server(self, language: str) -> "Server[Any]":
        """A server with this one tool, whose errors are sentences in `language`."""
        from mcp.server.lowlevel import Server
        from mcp_types import CallToolResult, ListToolsResult, TextContent, Tool

        async def list_tools(context: Any, params: Any) -> ListToolsResult:
            return ListToolsResult(tools=[Tool(name=NAME, description=ABOUT, input_schema=self._schema)])

        async def call_tool(context: Any, params: Any) -> CallToolResult:
            try:
                return await self._call(params.name, params.arguments or {})
            except ClearcutError as error:
                return CallToolResult(content=[TextContent(text=explain(error, language))], is_error=True)

        return Server("Clearcut", version=__version__, on_list_tools=list_tools, on_call_tool=call_tool)

    async def _call(self, name: str, given: dict[str, Any]) -> "CallToolResult":
        if name != NAME:
            raise ClearcutError("not_found")
        check_names(given, tuple(self._schema["properties"]))
        photo, photo_name = await self._read(given, PATH, DATA)
        if photo is None:
            raise ClearcutError("no_picture")
        behind, behind_name = await self._read(given, BEHIND_PATH, BEHIND_DATA)
        values = {option: given[option] for option in OPTIONS if given.get(option) not in (None, "")}
        options = Options.of(**values, background_image=behind is not None)
        files = InputFiles(photo, behind, photo_name, behind_name)
        made = await run_in_threadpool(self._workers.cut, files, options)
        saved = await run_in_threadpool(_save, made, Path(given[PATH])) if given.get(SAVE) and PATH in given else None
        return _tell(made, saved)

    async def _read(self, given: dict[str, Any], path: str, data: str) -> tuple[bytes | None, str]:
        """A picture that came as a path or as base64, and its name; None where none came."""
        if given.get(path) and given.get(data):
            raise ClearcutError("one_at_a_time", name=f"{path}, {data}", number=2)
        if given.get(path):
            return await run_in_threadpool(self._read_file, str(given[path]))
        if not given.get(data):
            return None, ""
        picture, name = await read_picture(str(given[data]), self._settings)
        if picture is None:
            raise ClearcutError("not_a_picture", name=data)
        return picture, name

    def _read_file(self, path: str) -> tuple[bytes, str]:
        file = Path(path)
        try:
            size = file.stat().st_size if file.is_absolute() and file.is_file() else None
            if size is None:
                raise ClearcutError("file_missing", name=file.name)
            if size > self._settings.max_mb * 1e6:
                raise ClearcutError("too_large", megabytes=round(size / 1e6, 1), limit=self._settings.max_mb)
            return file.read_bytes(), file.name
        except (OSError, ValueError):
            raise ClearcutError("file_unreadable", name=file.name) from None


def describe_input(settings: ServerSettings) -> Schema:
    """The schema of what the tool takes: a photo, and every option of `Options` by name.

    Paths are among it only where nobody but this computer can come in.
    """
    text = {"type": "string", "contentEncoding": "base64"}
    pictures = {
        DATA: text | {"description": "The photo as base64"},
        BEHIND_DATA: text | {"description": "A picture to put behind the subject, as base64"},
    }
    if settings.is_private:
        pictures |= {
            PATH: {"type": "string", "description": "The photo's absolute path on this computer"},
            BEHIND_PATH: {"type": "string", "description": "The path of a picture to put behind the subject"},
            SAVE: {
                "type": "boolean",
                "description": "Write the result beside the photo at `path` and give its path, not the picture itself",
            },
        }
    options = {
        name: {key: value for key, value in field.items() if key not in OF_PAGE}
        for name, field in describe_options(settings).items()
    }
    return make_object(pictures | options, strict=True)


def _save(made: Made, photo: Path) -> Path:
    """Write the result beside the photo; a file that is there is never replaced."""
    target = photo.with_name(made.name)
    try:
        with target.open("xb") as file:
            file.write(made.data)
    except FileExistsError:
        raise ClearcutError("output_exists", name=target.name) from None
    except OSError:
        raise ClearcutError("write_failed", name=target.name) from None
    return target


def _tell(made: Made, saved: Path | None) -> "CallToolResult":
    from mcp_types import BlobResourceContents, CallToolResult, EmbeddedResource, ImageContent, TextContent

    width, height = made.size
    facts: dict[str, Any] = {"width": width, "height": height, "model": made.model, "name": made.name}
    facts["warnings"] = list(made.warnings)
    data = base64.b64encode(made.data).decode()
    content: TextContent | ImageContent | EmbeddedResource
    if saved:
        facts["path"] = str(saved)
        content = TextContent(text=str(saved))
    elif made.media_type.startswith("image/"):
        content = ImageContent(data=data, mime_type=made.media_type)
    else:
        resource = BlobResourceContents(uri=f"clearcut:{made.name}", mime_type=made.media_type, blob=data)
        content = EmbeddedResource(resource=resource)
    return CallToolResult(content=[content], structured_content=facts)
