"""A second process, forked from this one before anything large is imported, that works while this one goes on."""

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
    """A process that imports `module` and goes through what its ``serve`` answers to what it is told.

    It ends when ``serve`` does or fails, with `end`, and with this process. It writes nothing anywhere.
    """

    def __init__(self, module: str) -> None:
        there, self._to = _pipe()
        self._from, back = _pipe()
        here = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _work(module, there, back, self._to, here)
        there.close()
        back.close()

    def tell(self, thing: Any) -> None:
        """Let it have `thing`, and go on."""
        with suppress(OSError, ValueError):  # where it has ended, there will be no answer
            _send(thing, self._to)

    def answer(self) -> Any:
        """What it answers next, once it does; None where it has ended."""
        try:
            return pickle.load(self._from)
        except (OSError, EOFError, pickle.UnpicklingError):
            return None

    def end(self) -> None:
        """Let it go, with all its memory, whatever it is doing."""
        with suppress(OSError):
            self._to.close()
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)


def _work(module: str, there: BinaryIO, back: BinaryIO, to: BinaryIO, parent: int) -> NoReturn:
    try:
        signal.signal(signal.SIGTERM, _leave)
        to.close()  # once nobody can tell it anything any more, it is told so
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it has ended already
            _leave()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):  # whoever reads what the command writes shall not wait for this process
            os.dup2(nowhere, stream)
        for answer in import_module(module).serve(_told(there)):
            _send(answer, back)
    finally:
        os._exit(0)


def _leave(*_: object) -> NoReturn:
    raise SystemExit  # and clear away on the way out


def _told(there: BinaryIO) -> Iterator[Any]:
    while True:
        try:
            yield pickle.load(there)
        except EOFError:
            return


def _pipe() -> tuple[BinaryIO, BinaryIO]:
    """The end to read from, and the end to write to."""
    read, write = os.pipe()
    return os.fdopen(read, "rb"), os.fdopen(write, "wb")


def _send(thing: Any, to: BinaryIO) -> None:
    pickle.dump(thing, to, pickle.HIGHEST_PROTOCOL)
    to.flush()
