"""What runs in a worker process, which `workers` starts, with one pipe from the pool and one back to it."""

import logging
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import IO, Any

from . import machine
from .errors import as_clearcut_error
from .process import end_with_parent, prepare_libraries

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
log = logging.getLogger("clearcut")
LENGTH = 8  # bytes that say how long a message is


def main(parent: int, cores: int) -> None:
    """Prepare this process, then do tasks until the pool closes the pipe."""
    end_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches every process of a terminal; the pool decides
    prepare_worker(cores)
    tasks, answers = _take_streams()
    work, reply = begin(receive(tasks))
    send(reply, answers)
    while work:
        send(answer(work, receive(tasks)), answers)


def prepare_worker(cores: int) -> None:
    """Have this process, one of several, count on so many cores; before libraries are imported."""
    os.environ.update(dict.fromkeys(THREADS, str(cores)))
    machine.limit_cores(cores)
    machine.expect_many()
    prepare_libraries()


def begin(message: bytes) -> tuple[Callable[[Any], Any] | None, bytes]:
    """What does the tasks, from a module's name and settings for it, and the reply; None where it cannot be had."""
    try:
        module, settings = pickle.loads(message)
        return import_module(module).prepare(settings), _pack(None)
    except (Exception, SystemExit) as error:
        return None, _pack_error(error)


def answer(work: Callable[[Any], Any], task: bytes) -> bytes:
    """The reply to a task: what its work returned or raised."""
    try:
        return _pack(work(pickle.loads(task)))
    except (Exception, SystemExit) as error:  # also of an answer that cannot be pickled
        return _pack_error(error)


def read_reply(reply: bytes) -> Any:
    """What the work of another process returned. Raises what it raised; what was unforeseen is logged."""
    result, error, trace = pickle.loads(reply)
    if error is None:
        return result
    if error.code == "unexpected":
        log.error("In a worker process:\n%s", trace)
    raise error


def send(message: bytes, to: IO[bytes]) -> None:
    """Write a message. Raises ``OSError`` where nobody reads any more."""
    to.write(len(message).to_bytes(LENGTH, "little"))
    to.write(message)
    to.flush()


def receive(source: IO[bytes]) -> bytes:
    """Wait for a message. Raises ``EOFError`` where none comes any more."""
    return _read(int.from_bytes(_read(LENGTH, source), "little"), source)


def _read(length: int, source: IO[bytes]) -> bytes:
    data = source.read(length)
    if len(data) < length:
        raise EOFError
    return data


def _take_streams() -> tuple[IO[bytes], IO[bytes]]:
    """The pipes, which came as standard input and output; these become the null device, since libraries print."""
    pipes = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    return pipes


def _pack(answer: Any) -> bytes:
    return pickle.dumps((answer, None, ""), pickle.HIGHEST_PROTOCOL)


def _pack_error(error: BaseException) -> bytes:
    """The error as the pool raises it, and where it came from, for the log."""
    return pickle.dumps((None, as_clearcut_error(error), "".join(traceback.format_exception(error))))


if __name__ == "__main__":
    with suppress(EOFError, OSError):  # the pool is closed
        main(*map(int, sys.argv[1:]))
    os._exit(0)  # at once, without the ends of libraries
