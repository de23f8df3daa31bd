"""The server on a Ray cluster, for ``serve run`` and ``serve deploy``: replicas of the API, and of what cuts out.

The API stands behind its guard, as everywhere; what it would give to worker processes of its own it gives to a cutter
on whichever machine. What is lost with a cutter is done by another one. Pages, batches and videos stay with the server
on which they began, and are none of this.
"""

import asyncio
import os
import tempfile
import threading
import time
from collections.abc import Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import ClearcutError, Runtime, explain, fetch, is_installed, prepare_libraries, prepare_process

from .activity import AGAIN
from .settings import ServerSettings

if TYPE_CHECKING:
    from fastapi import FastAPI
    from ray.serve import Application

API, CUTTER = "Api", "Cutter"  # what they are called in the configuration of Ray Serve
REQUESTS = 1000  # that a replica of the API has at once: most of them are sent or read slowly
FIXED = {"host": "0.0.0.0", "share": False, "manage_models": False, "open": False}  # others always reach it
TRIES = 2  # as of a worker that dies


def build(arguments: dict[str, Any]) -> "Application":
    """The application; `arguments` are settings by name, which win over variables ``CLEARCUT_…``.

    Raises
    ------
    ValueError
        With the sentence of ``bad_setting`` or ``needs_protection``.
    """
    from ray import serve

    try:
        settings = read_settings(os.environ, arguments)
    except ClearcutError as error:
        raise ValueError(explain(error, "en")) from None

    def make_app() -> "FastAPI":
        return create_api(settings, serve.get_deployment_handle(CUTTER, serve.get_replica_context().app_name))

    free = {"num_cpus": 0}
    api = serve.deployment(serve.ingress(make_app)(), name=API, max_ongoing_requests=REQUESTS, ray_actor_options=free)
    return api.bind(serve.deployment(Cutter, name=CUTTER).bind(settings))


def read_settings(environ: Mapping[str, str], arguments: dict[str, Any]) -> ServerSettings:
    """The settings of all replicas. Raises ``bad_setting``, ``needs_protection``."""
    return ServerSettings.read(environ, **arguments).model_copy(update=FIXED).require_protection()


def create_api(settings: ServerSettings, cutters: Any) -> "FastAPI":
    """The app of a replica of the API.

    Parameters
    ----------
    cutters
        Ray Serve's handle of the deployment of cutters.
    """
    prepare_process()
    import ray

    from .base import create_base
    from .logs import prepare_log
    from .models import Downloads
    from .work import Workers

    prepare_log(settings.log)
    runtime = Runtime(settings)
    runtime.settle_automatic()
    number = max(1, int(ray.cluster_resources().get("CPU", 1)))
    workers = Workers(settings, runtime, lambda: Cutters(cutters, number, settings.request_seconds))
    base = create_base(settings, runtime, Downloads(settings), workers)

    def wait_until_ready() -> None:
        while not base.activity.is_warm:
            try:
                base.activity.is_warm = cutters.is_ready.remote().result()
            except Exception:  # it died; Ray starts another one
                time.sleep(AGAIN)

    threading.Thread(target=wait_until_ready, name="clearcut-ready", daemon=True).start()
    return base.app


class Cutters:
    """The cutters of a cluster, seen as one pool of workers; see `Pool`.

    Parameters
    ----------
    handle
        Of their deployment.
    number
        How many tasks they are given at once; Ray has them wait where there are fewer.
    seconds
        How long one may take, with its wait.
    """

    has_failed = False  # Ray replaces those that fail

    def __init__(self, handle: Any, number: int, seconds: float) -> None:
        self.number, self._handle, self._seconds = number, handle, seconds
        self._threads = ThreadPoolExecutor(number, thread_name_prefix="clearcut-cutter")
        self._calls: dict[Future[Any], _Call] = {}

    @property
    def pids(self) -> list[int]:
        """None of theirs is a process of this machine's own."""
        return []

    def submit(self, task: Any) -> "Future[Any]":
        """Have a cutter do a task. Its error, if any, is a `ClearcutError`."""
        call = _Call(task)
        future = self._threads.submit(self._do, call)
        self._calls[future] = call
        future.add_done_callback(lambda done: self._calls.pop(done, None))
        return future

    def stop(self, future: "Future[Any]") -> None:
        """Have a task fail as ``cancelled``, if it is not done."""
        call = self._calls.get(future)
        if not future.cancel() and call:
            call.stop()

    def close(self, *, at_once: bool = False) -> None:
        """Let go of them; `at_once`: stop what they are at."""
        if at_once:
            for future in list(self._calls):
                self.stop(future)
        self._threads.shutdown(wait=False)

    def _do(self, call: "_Call") -> Any:
        from ray.exceptions import RayActorError, TaskCancelledError
        from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError, RequestCancelledError

        for _ in range(TRIES):
            try:
                went_well, what = call.ask(self._handle, self._seconds)
            except TimeoutError:
                call.stop()
                raise ClearcutError("took_too_long", seconds=self._seconds) from None
            except (CancelledError, TaskCancelledError, RequestCancelledError):
                raise ClearcutError("cancelled") from None
            except (BackPressureError, DeploymentUnavailableError):
                raise ClearcutError("not_ready", retry_after=AGAIN) from None
            except RayActorError:  # the cutter has died, or its machine: another one does it
                continue
            if went_well:
                return what
            raise what
        raise ClearcutError("worker_died")


class _Call:
    """A task on its way to a cutter, and to another one where that dies."""

    def __init__(self, task: Any) -> None:
        self._task, self._unwanted = task, False
        self._answer: Any = None

    def ask(self, handle: Any, seconds: float) -> tuple[bool, Any]:
        """As `Cutter.do`. Raises `CancelledError` where it was stopped, and what Ray raises."""
        self._answer = handle.do.remote(self._task)
        if self._unwanted:
            self.stop()
        answer: tuple[bool, Any] = self._answer.result(timeout_s=seconds)
        return answer

    def stop(self) -> None:
        """Nobody wants it any more."""
        self._unwanted = True
        if self._answer is not None:
            self._answer.cancel()


class Cutter:
    """A replica that cuts out, in worker processes of its own: a file that crashes a decoder ends one of these.

    Without the weights of the model it fetches them first; replicas that share a folder of models fetch them once.
    """

    def __init__(self, settings: ServerSettings) -> None:
        prepare_libraries()
        import ray

        from .work import start_workers

        settings = settings.store_in(Path(tempfile.gettempdir(), "clearcut"))
        model = Runtime(settings).find_cutter(settings.model)
        if not is_installed(model, settings):
            fetch(model, settings)
        runtime = Runtime(settings)
        runtime.settle_automatic()
        cores = max(1, int(ray.get_runtime_context().get_assigned_resources().get("CPU", 1)))
        number = settings.workers or cores
        self._pool = start_workers(settings, runtime.settled, number, max(1, cores // number), cores)

    async def do(self, task: Any) -> tuple[bool, Any]:
        """Whether a task went well, and what came of it: its answer, or a `ClearcutError`."""
        future = self._pool.submit(task)
        try:
            return True, await asyncio.wrap_future(future)
        except ClearcutError as error:
            return False, error
        finally:
            self._pool.stop(future)  # where nobody waits for it any more

    async def is_ready(self) -> bool:
        """Answers once this replica is there."""
        return True

    def check_health(self) -> None:
        """Raise where no worker can be started, so that Ray replaces this replica."""
        if self._pool.has_failed:
            raise RuntimeError("no worker can be started")

    def __del__(self) -> None:
        self._pool.close(at_once=True)
