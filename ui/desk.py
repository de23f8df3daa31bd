"""Who is being served: at most one piece of work a visitor, the newest; what it says of its progress."""

import asyncio
import itertools
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from pipeline import ClearcutError, Job, as_clearcut_error

log = logging.getLogger("clearcut")
Message = dict[str, Any]  # JSON for the page's own script: a state, and the facts that it puts into words
LOOK_EVERY = 0.1  # seconds
MOST_FETCHES = 16  # at once, of all visitors
SPARE = 4  # threads for those who are told at once that too many are waiting


@dataclass
class Work:
    """One piece of work: its number (newer ones are higher), its job, how far a download is, and what else to tell."""

    number: int
    job: Job
    fetched: tuple[int | None, int] | None = None
    asked: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    beside: object = None

    def fetching(self, done: int | None, total: int) -> None:
        """Progress of a download; stops it where the work was stopped."""
        self.job.check()
        self.fetched = done, total

    def message(self) -> Message:
        """How far it is."""
        said: Message = {
            "state": "working",
            "run": self.number,
            "step": self.job.step,
            "ahead": self.job.ahead,
        }
        if self.fetched:
            done, total = self.fetched
            said |= {"step": "fetching", "done": done and round(done / 1e6), "total": round(total / 1e6)}
        return said | self.asked | self.facts


class Desk:
    """Runs the work of every visitor, keyed by session; a new piece of work stops the visitor's older one.

    It has threads for as many as may run and wait, and follows them without holding one: whatever waits here, the
    server has its own threads for other answers.

    Parameters
    ----------
    most_waiting
        How many pieces of work may wait for a place to run.
    places
        How many run at once.
    """

    def __init__(self, most_waiting: int, places: int = 1) -> None:
        self._most_waiting = most_waiting
        self._numbers = itertools.count(time.time_ns() // 1_000_000)  # higher than those of the process before
        self._current: dict[str, Work] = {}
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(places + most_waiting + SPARE, thread_name_prefix="clearcut-page")
        self._fetching = ThreadPoolExecutor(MOST_FETCHES, thread_name_prefix="clearcut-page-fetch")

    def stop(self, session: str) -> None:
        """Stop what `session` has under way."""
        self._put(session, None)

    def _put(self, session: str, work: Work | None) -> None:
        with self._lock:
            older = self._current.pop(session, None)
            if work:
                self._current[session] = work
        if older:
            older.job.cancel()

    async def run(
        self,
        session: str,
        asked: dict[str, Any],
        make: Callable[[Work], Message],
        beside: object = None,
        fetch: Callable[[Work], object] | None = None,
    ) -> AsyncIterator[Message]:
        """Do `make` in a thread; messages about its progress, then its own, or one about what went wrong.

        What it needs is fetched first, by `fetch` and in threads that are there for this: a download may take minutes,
        and others want their photos cut out meanwhile.

        Nothing more is said once newer work of the same session has begun. Nothing is done where the very same is under
        way (`asked`, and what is asked `beside` it without being told back): some components tell a change twice.
        """
        with self._lock:
            current = self._current.get(session)
        if current and (current.asked, current.beside) == (asked, beside) and not current.job.cancelled:
            return
        work = Work(next(self._numbers), Job(most_ahead=self._most_waiting), asked=asked, beside=beside)
        self._put(session, work)
        future = asyncio.ensure_future(self._do(work, make, fetch))
        future.add_done_callback(_look_at)
        try:
            async for message in self._follow(work, future):
                yield message
        finally:
            work.job.cancel()  # the page has gone, or the work is over
            with self._lock:
                if self._current.get(session) is work:
                    del self._current[session]

    async def _do(self, work: Work, make: Callable[[Work], Message], fetch: Callable[[Work], object] | None) -> Message:
        if fetch:
            await asyncio.wrap_future(self._fetching.submit(fetch, work))
            work.fetched = None
        return await asyncio.wrap_future(self._threads.submit(make, work))

    async def _follow(self, work: Work, future: "asyncio.Future[Message]") -> AsyncIterator[Message]:
        said = None
        while not (await asyncio.wait({future}, timeout=LOOK_EVERY))[0]:
            message = work.message()
            if message != said and not work.job.cancelled:
                said = message
                yield message
        try:
            message = future.result() | {"run": work.number} | work.asked
        except Exception as error:
            message = _failure(work, error)
        if not work.job.cancelled:
            yield message


def _look_at(future: "asyncio.Future[Message]") -> None:
    """Take notice of how it ended: what nobody waits for any more is no fault that Python should report."""
    if not future.cancelled():
        future.exception()


def known_error(error: Exception, name: str) -> ClearcutError:
    """`error` as the page may tell it; what nobody foresaw goes to the log in full."""
    known = as_clearcut_error(error, name=name)
    if known.code == "unexpected":
        log.error("unexpected error on the page", exc_info=error)
    return known


def _failure(work: Work, error: Exception) -> Message:
    known = known_error(error, work.asked.get("name", ""))
    state = "ask" if known.code in ("model_missing", "import_only") else "error"
    return {"state": state, "run": work.number, "code": known.code, "facts": known.facts} | work.asked
