"""Work that takes long, done in threads of its own: whatever waits for a place to run, the server goes on answering."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.requests import Request

from pipeline import Job, Runtime

LOOK_EVERY = 0.5  # seconds between looks whether the caller is still there
SPARE = 4  # threads for those who are told at once that too many are waiting
Value = TypeVar("Value")


class Workers:
    """Threads for as many cut-outs as may run and wait at once.

    Parameters
    ----------
    runtime
        Its slots say how many run.
    queue
        How many may wait.
    """

    def __init__(self, runtime: Runtime, queue: int) -> None:
        self._threads = ThreadPoolExecutor(runtime.slots.places + queue + SPARE, thread_name_prefix="clearcut-api")

    async def run(self, request: Request, job: Job, work: Callable[[], Value]) -> Value:
        """What `work` makes; `job` is stopped when the caller of `request` hangs up."""
        task = asyncio.ensure_future(asyncio.get_running_loop().run_in_executor(self._threads, work))
        while not task.done():
            await asyncio.wait({task}, timeout=LOOK_EVERY)
            if not task.done() and await request.is_disconnected():
                job.cancel()
        return task.result()
