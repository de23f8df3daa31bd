"""Threads of their own for cut-outs, so that jobs that wait for a run slot block no other answer."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.requests import Request

from pipeline import Job, Runtime

CHECK_SECONDS = 0.5  # between checks whether the caller is still connected
SPARE = 4  # threads for requests that are refused at once as ``busy``
Value = TypeVar("Value")


class Workers:
    """Threads for as many cut-outs as may run and wait at once.

    Parameters
    ----------
    runtime
        Its run slots are how many run.
    queue
        How many may wait.
    """

    def __init__(self, runtime: Runtime, queue: int) -> None:
        self._threads = ThreadPoolExecutor(runtime.slots.places + queue + SPARE, thread_name_prefix="clearcut-api")

    async def run(self, request: Request, job: Job, work: Callable[[], Value]) -> Value:
        """The result of `work`, done in a thread; `job` is cancelled when the caller of `request` disconnects."""
        task = asyncio.ensure_future(asyncio.get_running_loop().run_in_executor(self._threads, work))
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=CHECK_SECONDS)
                if not task.done() and await request.is_disconnected():
                    job.cancel()
        finally:
            job.cancel()  # also where the server stops: what waits then is not begun any more
        return task.result()
