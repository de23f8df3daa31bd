"""The server's work: cut-outs in worker processes, behind one queue for all requests."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from starlette.requests import Request

from pipeline import ClearcutError, InputFiles, Options, Runtime, WorkerPool, choose_workers, count_cores

from .activity import Load
from .cutter import Check, ClipTask, Made, Order, Task, WarmUp, require_memory
from .fair_queue import FairQueue, Ticket
from .rate import find_client
from .settings import ServerSettings

CUTTER = "server.cutter"  # what the worker processes run
LOOK_SECONDS = 0.5  # between looks whether the caller is still connected, and in time
PAGE = "page"  # the client that asks for all of the page's visitors
PROGRAM = "program"  # and for all of Gradio's clients and assistants
GRACE = 1.0  # seconds in which work that nobody waits for may end by itself: a new worker costs as much
START_SECONDS = 300.0  # that a worker may take to start
GUESS = 1.0  # seconds that a model takes of which nothing is known
SECONDS_A_MB = 0.1  # that a picture takes for each MB of its file


class Pool(Protocol):
    """What does tasks: the workers of this machine, or those of a cluster. See `WorkerPool`."""

    number: int

    @property
    def pids(self) -> list[int]:
        """The process numbers of the workers of this machine that live."""

    @property
    def has_failed(self) -> bool:
        """Whether none can be started."""

    def submit(self, task: Any) -> "Future[Any]":
        """Have a task done."""

    def stop(self, future: "Future[Any]") -> None:
        """Have one task fail as ``cancelled``."""

    def close(self, *, at_once: bool = False) -> None:
        """End them."""


@dataclass(eq=False)
class _Request(Ticket):
    """A task on its way: in the queue, then with a worker, then answered."""

    task: Task | Check | ClipTask = field(kw_only=True)
    answer: "Future[Any]" = field(default_factory=Future)
    begun: float = 0.0
    stop: "partial[None] | None" = None  # of the work, once it is with a worker


def start_workers(settings: ServerSettings, automatic: str | None, number: int, cores: int, lead: int) -> WorkerPool:
    """Worker processes of this machine for cut-outs; `automatic` as of `Order`, the others as of `WorkerPool`."""
    # the disk keeps predictions for all workers; without it each has a share of the memory
    cache_mb = 0 if settings.cache_disk_mb else settings.cache_mb / number
    order = Order(settings.model_copy(update={"cache_mb": cache_mb}), automatic, settings.spare_mb)
    seconds = max(START_SECONDS, settings.request_seconds)
    return WorkerPool(number, CUTTER, order, seconds=seconds, cores=cores, lead=lead, kept=1)


class Workers:
    """Worker processes for cut-outs, and the queue before them. Safe for several threads and event loops.

    A worker has a request's files whole before it begins, and its answer leaves it whole: however slowly a client sends
    or reads, no worker waits for it. The first worker starts with the first request, the others when they are needed.

    Parameters
    ----------
    settings
        ``workers`` is how many there are, ``queue`` how many requests may wait, ``request_seconds`` how long one may
        take, ``spare_mb`` the memory that stays free.
    runtime
        Of the server, which is told how long models take, and that pictures are to be forgotten.
    start
        Starts the workers; without, those of this machine.
    """

    def __init__(self, settings: ServerSettings, runtime: Runtime, start: Callable[[], Pool] | None = None) -> None:
        self.settings, self._runtime = settings, runtime
        self._start = start or self._start_here
        self._queue: FairQueue[_Request] = FairQueue(settings.queue)
        self._running: set[_Request] = set()
        self._pool: Pool | None = None
        self._lock = threading.RLock()
        runtime.on_forget.append(self.renew)

    @property
    def pids(self) -> list[int]:
        """The process numbers of the workers that live."""
        return self._pool.pids if self._pool else []

    @property
    def load(self) -> Load:
        """How much there is to do."""
        return Load(len(self._queue), len(self._running), len(self.pids))

    def require_room(self) -> None:
        """Raise ``busy`` where the next request of anybody would be turned away, or another one for it."""
        with self._lock:
            if self._pool and self._queue.is_full(self._pool.number - len(self._running)):
                raise self._queue.explain_full()

    async def run(self, request: Request, task: Task) -> Made:
        """The cut-out that `task` asks for. Raises as `ask`, and those of `cut_out_file`."""
        made: Made = await self.ask(request, task)
        return made

    async def ask(self, request: Request, task: Task | Check | ClipTask) -> Any:
        """What a worker makes of `task`; it is given up where the caller of `request` has left.

        Raises
        ------
        ClearcutError
            ``busy``, ``low_memory``, ``took_too_long``, ``worker_died``, ``cancelled``, and those of the task.
        """
        require_memory(self.settings.spare_mb)
        until = time.monotonic() + self.settings.request_seconds
        order = self.enter(find_client(request.scope, request.headers, self.settings.client_header), task)
        answer = asyncio.wrap_future(order.answer)
        try:
            while not (await asyncio.wait({answer}, timeout=LOOK_SECONDS))[0]:
                if time.monotonic() > until:
                    raise ClearcutError("took_too_long", seconds=self.settings.request_seconds)
                if await request.is_disconnected():
                    raise ClearcutError("cancelled")
            return answer.result()
        finally:
            self.leave(order)

    def check(self, data: bytes) -> None:
        """Have a picture decoded in a worker, before it is in the process that serves; what is wrong is told there.

        Raises ``busy``, and ``worker_died`` or ``took_too_long`` where it crashes or hangs the decoder.
        """
        self._wait_for(PAGE, Check(data))

    def cut(self, files: InputFiles, options: Options) -> Made:
        """A cut-out for a caller that waits for it in a thread of its own. Raises as `run`."""
        require_memory(self.settings.spare_mb)
        made: Made = self._wait_for(PROGRAM, Task(files, options))
        return made

    def _wait_for(self, client: str, task: Task | Check) -> Any:
        order = self.enter(client, task)
        try:
            return order.answer.result(self.settings.request_seconds)
        except TimeoutError:
            raise ClearcutError("took_too_long", seconds=self.settings.request_seconds) from None
        finally:
            self.leave(order)

    def warm_up(self) -> None:
        """Wait until a worker has started and the model run there. Raises why it does not."""
        self.enter(PROGRAM, WarmUp(self.settings.model)).answer.result()

    def open(self) -> Pool:
        """Start the first worker, unless there is one."""
        with self._lock:
            if self._pool and self._pool.has_failed:
                self.renew()
            if self._pool is None:
                self._pool = self._start()
                self._queue.places = self._pool.number
            return self._pool

    def renew(self) -> None:
        """Have new workers for what comes from now on; those there are end with what they are at, and know no more."""
        with self._lock:
            old, self._pool = self._pool, None
        if old:
            threading.Thread(target=old.close, name="clearcut-renew", daemon=True).start()

    def close(self) -> None:
        """End the workers, whatever they are at."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool:
            pool.close(at_once=True)

    def enter(self, client: str, task: Task | Check | ClipTask) -> _Request:
        """Let `task` wait for a worker, on behalf of `client`. Raises ``busy``."""
        order = _Request(client, self._estimate_seconds(task), task=task)
        order.answer.set_running_or_notify_cancel()  # who waits for it may leave, and it is answered all the same
        with self._lock:
            free = self.open().number - len(self._running)
            if pushed_out := self._queue.add(order, free):
                pushed_out.answer.set_exception(self._queue.explain_full())
            self._begin()
        return order

    def _start_here(self) -> WorkerPool:
        number, cores = choose_workers(self.settings)
        return start_workers(self.settings, self._runtime.settled, number, cores, count_cores())

    def _estimate_seconds(self, task: Task | Check | ClipTask) -> float:
        if isinstance(task, Check):
            return SECONDS_A_MB * len(task.data) / 1e6
        if not isinstance(task, Task):
            return task.cost
        known = self._runtime.speeds.find_median(task.options.with_defaults_of(self.settings).model)
        return (known or GUESS) + SECONDS_A_MB * len(task.files.photo) / 1e6

    def _begin(self) -> None:
        """Give what waits to the workers, as many as are free."""
        pool = self.open()
        while len(self._running) < pool.number and (order := self._queue.take()):
            order.begun = time.monotonic()
            self._running.add(order)
            future = pool.submit(order.task)
            order.stop = partial(pool.stop, future)
            future.add_done_callback(partial(self._end, order))

    def _end(self, order: _Request, future: "Future[Any]") -> None:
        with self._lock:
            self._running.discard(order)
            order.stop = None  # it and `future` hold one another, and with them two pictures
            self._queue.charge(order, time.monotonic() - order.begun)
            if self._queue:
                self._begin()
        if future.cancelled():
            order.answer.set_exception(ClearcutError("cancelled"))
        elif error := future.exception():
            order.answer.set_exception(error)
        else:
            made = future.result()
            if isinstance(made, Made) and made.seconds is not None:
                self._runtime.speeds.note(made.model, made.seconds)
            order.answer.set_result(made)

    def leave(self, order: _Request) -> None:
        """Nobody waits for an answer any more: what waits is not begun, what runs is ended unless it ends soon."""
        with self._lock:
            if self._queue.remove(order) or order.answer.done() or order.stop is None:
                return
        ending = threading.Timer(GRACE, order.stop)
        ending.daemon = True
        ending.start()
