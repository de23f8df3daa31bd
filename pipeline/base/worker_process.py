"""A worker, as the pool sees it: asked, and ended."""

import os
import pickle
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from .errors import ClearcutError
from .process import make_command
from .worker import read_reply, receive, send


class Worker(Protocol):
    """A worker, seen from the pool: a process of this machine or, on a cluster, of any."""

    @property
    def pid(self) -> int:
        """The number of its process, where that runs on this machine; else 0."""

    @property
    def ended(self) -> bool:
        """Whether it is known to have ended."""

    def ask(self, task: Any, seconds: float) -> Any:
        """The answer to `task`. Raises what its work raised, ``took_too_long``, or `Died`."""

    def kill(self) -> None:
        """End it, whatever it is doing, without waiting for its end."""

    def stop(self) -> None:
        """End it, whatever it is doing."""


class Died(Exception):
    """A worker ended in the middle of its task."""


Launch = Callable[[int, Callable[[], object]], Worker]


class WorkerProcess:
    """A worker process of this machine. `on_end` is called when it has ended, whatever the reason."""

    def __init__(self, cores: int, on_end: Callable[[], object]) -> None:
        command = make_command("pipeline.base.worker", str(os.getpid()), str(cores))
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
        self._overdue = False
        threading.Thread(target=self._watch, args=(on_end,), daemon=True).start()

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it is known to have ended."""
        return self._process.returncode is not None

    def ask(self, task: Any, seconds: float) -> Any:
        """The answer to `task`. Raises what its work raised, ``took_too_long``, or `Died`."""
        assert self._process.stdin and self._process.stdout
        message = pickle.dumps(task, pickle.HIGHEST_PROTOCOL)
        with self._end_after(seconds):
            send(message, self._process.stdin)
            reply = receive(self._process.stdout)
        return read_reply(reply)

    def kill(self) -> None:
        """End it, whatever it is doing, without waiting for its end."""
        self._process.kill()

    def stop(self) -> None:
        """End it, whatever it is doing."""
        self.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # something was not written any more
                assert pipe
                pipe.close()

    @contextmanager
    def _end_after(self, seconds: float) -> Iterator[None]:
        """End the process where what is inside takes longer, which also ends the waiting for it."""
        timer = threading.Timer(seconds, self._end_overdue)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (EOFError, OSError):
            self.stop()
            if self._overdue:
                raise ClearcutError("took_too_long", seconds=seconds) from None
            raise Died from None
        finally:
            timer.cancel()
            timer.join()
            if self._overdue:  # also where the answer came at the last moment
                self.stop()

    def _end_overdue(self) -> None:
        self._overdue = True
        self.kill()

    def _watch(self, on_end: Callable[[], object]) -> None:
        self._process.wait()
        on_end()
