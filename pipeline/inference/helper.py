"""A helper process, forked before anything large is imported, that works while this process goes on importing."""

import os
import pickle
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any, BinaryIO, NoReturn

from ..base.process import end_with_parent


def can_fork() -> bool:
    """Whether forking is safe and useful here: Linux, a second core, and no other thread in this process."""
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1 and threading.active_count() == 1


class Helper:
    """A process that imports `module` and runs its ``serve``: a generator of answers to an iterator of messages.

    It ends when ``serve`` ends or fails, with `stop`, and with this process: by SIGKILL, so that it ends at once even
    inside a C library. Its standard streams are the null device.

    Parameters
    ----------
    module
        The full name of a module with ``serve(received: Iterator) -> Iterator``; messages and answers are pickled.
    """

    def __init__(self, module: str) -> None:
        messages, self._to = _make_pipe()
        self._from, answers = _make_pipe()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _serve(module, messages, answers, self._to, parent)
        messages.close()
        answers.close()

    def send(self, message: Any) -> None:
        """Send a message, without waiting for the answer."""
        with suppress(OSError, ValueError):  # it has ended: `receive` returns None
            _send(message, self._to)

    def receive(self) -> Any:
        """Wait for the next answer; None where the process has ended."""
        try:
            return pickle.load(self._from)
        except (OSError, EOFError, pickle.UnpicklingError):
            return None

    def stop(self) -> None:
        """Kill the process, whatever it is doing."""
        with suppress(OSError):
            self._to.close()
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


def _serve(module: str, messages: BinaryIO, answers: BinaryIO, to: BinaryIO, parent: int) -> NoReturn:
    try:
        to.close()  # the inherited writing end would keep the pipe open after the parent has ended
        end_with_parent(parent)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):  # readers of the command's output must not wait for this process
            os.dup2(nowhere, stream)
        for answer in import_module(module).serve(_receive_all(messages)):
            _send(answer, answers)
    finally:
        os._exit(0)


def _receive_all(messages: BinaryIO) -> Iterator[Any]:
    while True:
        try:
            yield pickle.load(messages)
        except EOFError:
            return


def _make_pipe() -> tuple[BinaryIO, BinaryIO]:
    """The reading and the writing end of a new pipe."""
    read, write = os.pipe()
    return os.fdopen(read, "rb"), os.fdopen(write, "wb")


def _send(message: Any, to: BinaryIO) -> None:
    pickle.dump(message, to, pickle.HIGHEST_PROTOCOL)
    to.flush()
