"""Server-sent events: what is new is looked for again and again, and told as long as the server lives."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

LOOK = 0.3  # seconds between looks at what has changed
ALIVE = 15.0  # seconds without an event after which a comment keeps the connection open


def make_event(kind: str, data: dict[str, Any], id: int) -> str:
    """One event, as a browser reads it."""
    return f"event: {kind}\nid: {id}\ndata: {json.dumps(data)}\n\n"


def stream_events(look: Callable[[], str], is_over: Callable[[], bool]) -> StreamingResponse:
    """An answer of events: `look` returns those that are new, and runs in a thread."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_follow(look, is_over), media_type="text/event-stream", headers=headers)


async def _follow(look: Callable[[], str], is_over: Callable[[], bool]) -> AsyncIterator[str]:
    quiet = 0.0
    while not is_over():
        if events := await run_in_threadpool(look):
            quiet = 0.0
            yield events
        elif quiet >= ALIVE:
            quiet = 0.0
            yield ": alive\n\n"
        quiet += LOOK
        await asyncio.sleep(LOOK)
