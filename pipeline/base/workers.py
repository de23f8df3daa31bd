"""Worker processes, for many tasks: several with few cores each do more than one process with all of them."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self, TypeVar

from . import machine
from .errors import ClearcutError, as_clearcut_error
from .worker_process import Died, Launch, Worker, WorkerProcess

Task = TypeVar("Task")
STARTS = 3  # times that a worker may die before it is ready, without a pause
PAUSE = 10  # seconds until a worker that could not be started is tried again, where others are at work
IDLE = 60  # seconds without a task after which a worker that is not to be kept ends


class WorkerPool:
    """Processes that each do one task at a time; one that dies or hangs is replaced.

    A task whose worker died is tried once more, alone: what it ran out of may be the memory that all share. The queue
    is in this process and each worker has pipes of its own, so that whatever becomes of one, no other waits for it. All
    end with this process.

    Parameters
    ----------
    number
        How many workers; they start at once, in the background, but see `kept`.
    module
        The full name of a module with ``prepare(settings) -> work``. Each worker calls it once, then ``work(task)`` for
        each task; settings, tasks and answers are pickled.
    settings
        Given to ``prepare``.
    seconds
        How long a task may take, and the start of a worker.
    cores
        How many cores each worker counts on; without, its share of those that this process counts on.
    lead
        How many the first worker counts on, which gets a task before the others do: all, so that a task that comes
        alone is done as soon as it can be. Without, as many as the others.
    kept
        How many workers start at once and stay. The others start when a task waits, and end when none has come for
        `IDLE` seconds.
    launch
        Starts a worker, given its cores and what to call once it has ended; without, a process of this machine.
    alone
        Whether a task whose worker died waits until no other runs: not where each worker has its own memory.

    Examples
    --------
    >>> with WorkerPool(2, "pipeline.batch.pictures", settings) as pool:  # doctest: +SKIP
    ...     for path, future in pool.map_unordered(paths, ahead=2):
    ...         print(path, future.exception() or future.result())
    """

    def __init__(
        self,
        number: int,
        module: str,
        settings: Any = None,
        *,
        seconds: float = 120,
        cores: int | None = None,
        lead: int | None = None,
        kept: int | None = None,
        launch: Launch | None = None,
        alone: bool = True,
    ) -> None:
        self.number = number
        self._module, self._settings, self._seconds = module, settings, seconds
        self._cores = cores or max(1, machine.count_cores() // number)
        self._lead, self._kept = lead or self._cores, number if kept is None else kept
        self._start_worker: Launch = launch or WorkerProcess
        self._changed = threading.Condition()
        self._workers: set[Worker] = set()
        self._waiting: deque[_Order] = deque()
        self._again: deque[_Order] = deque()  # those whose worker died
        self._running: dict[_Order, Worker] = {}
        self._starting: set[int] = set()  # keepers, by number
        self._idle: set[int] = set()
        self._again_alone = alone
        self._alone = False  # whether what runs is one of `_again`, and nothing else may
        self._closing = self._stopped = False
        self._failed: ClearcutError | None = None  # why no worker can be started
        self._failing: set[int] = set()  # keepers that could not start one
        self._keepers = [threading.Thread(target=self._keep, args=(index,), daemon=True) for index in range(number)]
        for keeper in self._keepers:
            keeper.start()

    @property
    def pids(self) -> list[int]:
        """The process numbers of the workers that live."""
        with self._changed:
            return sorted(worker.pid for worker in self._workers if not worker.ended)

    @property
    def has_failed(self) -> bool:
        """Whether no worker can be started; all that is submitted fails then."""
        return self._failed is not None

    def submit(self, task: Any) -> "Future[Any]":
        """Have a worker do `task`, without waiting for it.

        The exception of the future, if any, is a `ClearcutError`: what ``work`` raised, ``worker_died``,
        ``took_too_long``, or why no worker could be started. Its callbacks run in threads of the pool.
        """
        order = _Order(task)
        with self._changed:
            if self._closing:
                raise RuntimeError("the pool is closed")
            failed = self._failed
            if failed is None:
                self._waiting.append(order)
                self._changed.notify_all()
        if failed:
            order.future.set_exception(failed)
        return order.future

    def map_unordered(self, tasks: Iterable[Task], *, ahead: int) -> "Iterator[tuple[Task, Future[Any]]]":
        """Each of `tasks` with its future, as they are done, in any order.

        A task is taken from `tasks` when it is needed: no more than `number` and `ahead` are in memory, however many
        there are. Who stops early cancels those that wait.
        """
        done: SimpleQueue[Future[Any]] = SimpleQueue()
        given: dict[Future[Any], Task] = {}
        coming = iter(tasks)
        try:
            while True:
                for task in islice(coming, self.number + ahead - len(given)):
                    future = self.submit(task)
                    given[future] = task
                    future.add_done_callback(done.put)
                if not given:
                    return
                future = done.get()
                yield given.pop(future), future
        finally:
            for future in given:
                future.cancel()

    def stop(self, future: "Future[Any]") -> None:
        """Have one task fail as ``cancelled``, if it is not done: the worker that it keeps busy is ended."""
        if future.cancel():
            return
        with self._changed:
            for order, worker in self._running.items():
                if order.future is future:
                    order.unwanted = True
                    worker.kill()
            again = [order for order in self._again if order.future is future]
            for order in again:
                self._again.remove(order)
            self._changed.notify_all()
        for order in again:
            order.future.set_exception(ClearcutError("cancelled"))

    def cancel(self) -> None:
        """Cancel the tasks that wait; those that run go on."""
        with self._changed:
            orders = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        for order in orders:
            order.future.cancel()
            order.begin()  # tells who waits for it

    def close(self, *, at_once: bool = False) -> None:
        """End the workers when all that was submitted is done, or `at_once`: what runs then fails as ``cancelled``."""
        with self._changed:
            self._closing = True
            self._stopped |= at_once
            self._changed.notify_all()
        if at_once:
            self.cancel()
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._is_finished())
        self._kill_all()  # also those that are still starting
        for keeper in self._keepers:
            keeper.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(at_once=error is not None)

    def _kill_all(self) -> None:
        with self._changed:
            workers = list(self._workers)
            orders = list(self._again)
            self._again.clear()
        for worker in workers:
            worker.kill()
        for order in orders:
            order.future.set_exception(ClearcutError("cancelled"))

    def _keep(self, index: int) -> None:
        """Keep one worker at work, in a thread that outlives it: a process ends with the thread that started it."""
        while worker := self._start(index):
            while self._do_next(worker, index):
                pass
            self._dismiss(worker)

    def _start(self, index: int) -> "Worker | None":
        """A worker that is ready, once it is needed; None where none is any more, or the pool has failed."""
        deaths = 0
        while self._wait_until_needed(index):
            try:
                worker = self._launch(self._cores if index else self._lead)
            except Died:
                deaths += 1
                if deaths >= STARTS:
                    self._pause(index, ClearcutError("worker_died"))
            except Exception as error:
                self._pause(index, as_clearcut_error(error))
            else:
                self._failing.discard(index)
                return worker
            finally:
                self._starting.discard(index)
        return None

    def _wait_until_needed(self, index: int) -> bool:
        """Wait until this worker is to start: one that is kept does at once. False where the pool is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over() or index < self._kept or self._lacks_workers())
            self._starting.add(index)
        return not self._is_over()

    def _lacks_workers(self) -> bool:
        """Whether more tasks wait than there are workers that are about to take one."""
        return len(self._waiting) > len(self._idle) + len(self._starting)

    def _launch(self, cores: int) -> "Worker":
        worker = self._start_worker(cores, self._tell)
        with self._changed:
            self._workers.add(worker)
            if self._is_finished():
                worker.kill()
        try:
            worker.ask((self._module, self._settings), self._seconds)
        except BaseException:
            self._dismiss(worker)
            raise
        return worker

    def _pause(self, index: int, error: ClearcutError) -> None:
        """Wait before the next try to start a worker; where no keeper can start one, the pool has failed."""
        with self._changed:
            self._failing.add(index)
            self._starting.discard(index)
            self._changed.notify_all()  # another may have to start in its place
            if len(self._failing) < self.number:
                self._changed.wait_for(self._is_over, PAUSE)
                return
            self._failed = error
            orders = [*self._again, *(order for order in self._waiting if order.begin())]
            self._again.clear()
            self._waiting.clear()
            self._changed.notify_all()
        for order in orders:
            order.future.set_exception(error)

    def _is_over(self) -> bool:
        with self._changed:
            return bool(self._failed or self._is_finished())

    def _dismiss(self, worker: "Worker") -> None:
        worker.stop()
        with self._changed:
            self._workers.discard(worker)

    def _do_next(self, worker: "Worker", index: int) -> bool:
        """Do the next task; False where the worker has died, or is not needed any more."""
        order = self._take(worker, index)
        if order is None:
            return False
        error: ClearcutError | None = None
        try:
            order.future.set_result(worker.ask(order.task, self._seconds))
        except Died:
            error = self._put_back(order)
        except Exception as why:
            error = as_clearcut_error(why)
        if error:
            order.future.set_exception(error)
        with self._changed:
            del self._running[order]
            self._alone = False
            self._changed.notify_all()
        return True

    def _take(self, worker: "Worker", index: int) -> "_Order | None":
        """The next task, which goes to the first of the workers that are idle."""
        with self._changed:
            self._idle.add(index)
            try:
                while not worker.ended and not self._is_finished():
                    if index == min(self._idle) and (order := self._find_next()):
                        self._running[order] = worker
                        return order
                    if not self._changed.wait(None if index < self._kept else IDLE):
                        break
            finally:
                self._idle.discard(index)
                self._changed.notify_all()  # it may be the turn of another one
        return None

    def _find_next(self) -> "_Order | None":
        """The task whose turn it is. One whose worker died waits until no other runs, and meanwhile none begins."""
        if self._again:
            if self._running and self._again_alone:
                return None
            self._alone = self._again_alone
            return self._again.popleft()
        while self._waiting and not self._alone:
            order = self._waiting.popleft()
            if order.begin():
                return order
        return None

    def _put_back(self, order: "_Order") -> ClearcutError | None:
        """Have a task whose worker died tried once more; its error where it was, or shall not be."""
        with self._changed:
            if self._stopped or order.unwanted:
                return ClearcutError("cancelled")
            if order.again:
                return ClearcutError("worker_died")
            order.again = True
            self._again.append(order)
            return None

    def _is_finished(self) -> bool:
        left = self._waiting or self._again or self._running
        return self._stopped or (self._closing and not left)

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()


@dataclass(eq=False)
class _Order:
    task: Any
    again: bool = False
    unwanted: bool = False
    future: "Future[Any]" = field(default_factory=Future)

    def begin(self) -> bool:
        """Whether it is still wanted; from now on it cannot be cancelled."""
        return self.future.set_running_or_notify_cancel()
