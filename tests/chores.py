"""Work for the worker processes of tests: what to do is said by the task."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.base import machine
from pipeline.base.errors import ClearcutError

Chore = tuple[Any, ...]  # the name of a function here, and what it is given


def prepare(settings: Any) -> Callable[[Chore], Any]:
    if settings:
        do(settings)
    return do


def do(chore: Chore) -> Any:
    name, *given = chore
    return globals()[name](*given)


def echo(thing: Any) -> Any:
    return thing


def tell_pid() -> int:
    return os.getpid()


def tell_share() -> tuple[int, str]:
    import cv2

    return machine.count_cores(), f"{cv2.getNumThreads()} {os.environ['OPENBLAS_NUM_THREADS']}"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def crash() -> None:
    ctypes.string_at(0)


def leave() -> None:
    os._exit(3)


def hang() -> None:
    ctypes.PyDLL(None).sleep(600)  # in C, with Python's lock


def refuse() -> None:
    raise ClearcutError("too_many_pixels", limit=3)


def fail() -> None:
    raise ValueError("not foreseen")


def quit_python() -> None:
    sys.exit(3)


def make_function() -> Callable[[], None]:
    return lambda: None


def break_answer() -> Any:
    return Unreadable()


def chatter() -> str:
    print("printed", flush=True)
    print("complained", file=sys.stderr, flush=True)
    return sys.stdin.read()


def interrupt() -> str:
    os.kill(os.getpid(), signal.SIGINT)
    return "went on"


def meet(folder: str, number: int) -> bool:
    """Come to `folder` and wait until `number` are there."""
    Path(folder, str(os.getpid())).touch()
    return wait_until(lambda: len(list(Path(folder).iterdir())) >= number)


def note_alone(folder: str) -> int:
    """Die the first time; the second, say how many others are at work, of those that `stay_until` counts."""
    mark = Path(folder, "died")
    if not mark.exists():
        mark.touch()
        die()
    return len(list(Path(folder).glob("at-work-*")))


def stay(folder: str, until: str) -> None:
    """Be counted as at work until the file `until` is there."""
    mark = Path(folder, f"at-work-{os.getpid()}")
    mark.touch()
    wait_until(Path(folder, until).exists)
    mark.unlink()


def die_once(mark: str, answer: Any) -> Any:
    if not Path(mark).exists():
        Path(mark).touch()
        die()
    return answer


def start_one(folder: str) -> None:
    """Start in the first worker alone, until the file ``all`` is there."""
    if not Path(folder, "all").exists():
        Path(folder, "first").touch(exist_ok=False)


def wait_until(is_so: Callable[[], bool], seconds: float = 60) -> bool:
    """Whether it was so in time."""
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            return False
        threading.Event().wait(0.01)
    return True


class Unreadable:
    def __reduce__(self) -> tuple[Any, ...]:
        return fail, ()
