"""The observer: ASGI middleware around all others, which numbers and records requests, and refuses them at the end."""

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline import ClearcutError

from .activity import Activity
from .guard import OPEN_PATHS
from .records import Record
from .routes import explain_to, strip_root_path

EVENTS = "text/event-stream"


class Observer:
    """Middleware that every request passes before the guard.

    Parameters
    ----------
    app
        All that it observes.
    activity
        Is told of what runs.
    tell
        What to do with the record of each request that is over.
    """

    def __init__(self, app: ASGIApp, activity: Activity, tell: Callable[[Record], None]) -> None:
        self.app, self.activity, self.tell = app, activity, tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with ``stopping``, or pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        record = Record.begin(scope)

        async def watched_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = Headers(raw=message["headers"])
                record.note_answer(message["status"], headers)
                message["headers"] = [*message["headers"], (b"x-request-id", record.id.encode())]
                if headers.get("content-type", "").startswith(EVENTS):
                    self.activity.end(record)  # it lasts as long as a page is open
            await send(message)

        try:
            if strip_root_path(scope) not in OPEN_PATHS:
                self.activity.begin(record)
            await self.app(scope, receive, watched_send)
        except ClearcutError as error:
            if record.status:
                raise
            await explain_to(scope, error)(scope, receive, watched_send)
        finally:
            self.activity.end(record)
            record.end(scope)
            self.tell(record)
