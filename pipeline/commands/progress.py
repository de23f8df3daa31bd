"""How far a batch is: a bar where there is a terminal, else a line now and then."""

import sys
import time
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from .terminal import Terminal

if TYPE_CHECKING:
    from rich.progress import Progress

EVERY = 10.0  # seconds between lines
LATEST = 50  # photos of which the rate is made


class BatchProgress:
    """Prints to standard error: photos done, a second, time left, errors so far, how many want a look.

    Parameters
    ----------
    total, done
        Photos in all, and those that are done already.
    """

    def __init__(self, terminal: Terminal, total: int, done: int) -> None:
        self.terminal, self.total, self.done = terminal, total, done
        self.failed = self.looks = 0
        self._times: deque[float] = deque([time.monotonic()], LATEST)
        self._told = time.monotonic()
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
            from rich.progress import Progress as Bar

            columns = BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}")
            self._bar = Bar(*columns, console=Console(stderr=True, highlight=False), refresh_per_second=4)
            self._task = self._bar.add_task("", total=total, completed=done)

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._bar:
            self._bar.stop()

    def note(self, sentence: str) -> None:
        """Print a sentence of its own."""
        if self._bar:
            self._bar.console.print(sentence, markup=False, soft_wrap=True)
        else:
            self.terminal.note(sentence)

    def grow(self, number: int) -> None:
        """There are so many photos more."""
        self.total += number
        if self._bar:
            self._bar.update(self._task, total=self.total)

    def advance(self, failed: bool, looks: bool) -> None:
        """One photo is done, or has failed."""
        self.done += 1
        self.failed += failed
        self.looks += looks
        self._times.append(time.monotonic())
        if self._bar:
            self._bar.update(self._task, completed=self.done, description=self.describe())
        elif self._times[-1] - self._told >= EVERY:
            self._told = self._times[-1]
            done = self.terminal.say("cli.batch.done", done=self.done, total=self.total)
            self.terminal.note(f"{done} · {self.describe()}")

    def describe(self) -> str:
        """Rate and time left, errors, looks."""
        rate, left = self._estimate()
        words: dict[str, Any] = {
            "rate": f"{rate:.1f}",
            "left": _format_time(left),
            "failed": self.failed,
            "looks": self.looks,
        }
        return self.terminal.say("cli.batch.rate", **words)

    def _estimate(self) -> tuple[float, float]:
        """How many are done a second, and the seconds that are left."""
        seconds = self._times[-1] - self._times[0]
        rate = (len(self._times) - 1) / seconds if seconds > 0 else 0.0
        return rate, max(0, self.total - self.done) / rate if rate else 0.0


class ClipProgress(BatchProgress):
    """The same of one clip: frames done, a second, time left."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(terminal, 0, 0)

    def tell(self, done: int, total: int | None) -> None:
        """So many frames are done, of about so many in all."""
        if self.total != (total or done):
            self.grow((total or done) - self.total)
        if not self.done and done > 1:  # it goes on where it was stopped
            self.done = done - 1
        self.advance(failed=False, looks=False)

    def describe(self) -> str:
        """Rate and time left."""
        rate, left = self._estimate()
        return self.terminal.say("cli.video.rate", rate=f"{rate:.1f}", left=_format_time(left))


def _format_time(seconds: float) -> str:
    """``1:02:03``, ``2:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
