"""A helper process, forked from this one before anything large is imported, that works while this one goes on."""

import ctypes
import os
import pickle
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any, BinaryIO, NoReturn

PR_SET_PDEATHSIG = 1  # of <sys/prctl.h>: what a process is sent when its parent ends


def can_fork() -> bool:
    """Whether this process may be forked, and would gain by it: Linux, a second core, and no thread beside this one."""
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1 and threading.active_count() == 1


class Helper:
    """A process that imports `module` and goes through what the module's ``serve`` answers to what it is sent.

    It ends when ``serve`` does or fails, with `stop`, and with this process; by a signal that no Python code handles,
    so that it ends at once even where it is deep in a library. It writes nothing to the standard streams.
    """

    def __init__(self, module: str) -> None:
        there, self._to = _make_pipe()
        self._from, back = _make_pipe()
        here = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _serve(module, there, back, self._to, here)
        there.close()
        back.close()

    def send(self, thing: Any) -> None:
        """Hand `thing` over, and go on."""
        with suppress(OSError, ValueError):  # where it has ended, there will be no answer
            _send(thing, self._to)

    def receive(self) -> Any:
        """What it answers next, once it does; None where it has ended."""
        try:
            return pickle.load(self._from)
        except (OSError, EOFError, pickle.UnpicklingError):
            return None

    def stop(self) -> None:
        """End it, whatever it is doing; all its memory is given back."""
        with suppress(OSError):
            self._to.close()
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


def _serve(module: str, there: BinaryIO, back: BinaryIO, to: BinaryIO, parent: int) -> NoReturn:
    try:
        to.close()  # else this process itself would keep the pipe open that tells it of its parent's end
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it has ended already
            os._exit(0)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):  # whoever reads what the command writes shall not wait for this process
            os.dup2(nowhere, stream)
        for answer in import_module(module).serve(_receive_all(there)):
            _send(answer, back)
    finally:
        os._exit(0)


def _receive_all(there: BinaryIO) -> Iterator[Any]:
    while True:
        try:
            yield pickle.load(there)
        except EOFError:
            return


def _make_pipe() -> tuple[BinaryIO, BinaryIO]:
    """The end to read from, and the end to write to."""
    read, write = os.pipe()
    return os.fdopen(read, "rb"), os.fdopen(write, "wb")


def _send(thing: Any, to: BinaryIO) -> None:
    pickle.dump(thing, to, pickle.HIGHEST_PROTOCOL)
    to.flush()
