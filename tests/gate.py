"""Networks of a server that take as long as a test wants, whatever the machine."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.base.jobs import Job, Slots
from pipeline.inference.sessions import Feeds, Session
from server import cutter, work

FOLDER = "CLEARCUT_TEST_GATE"  # the variable that tells a worker process
STEP = 0.01  # seconds between looks


class Gate:
    """A folder in which a file by the name of a model makes that model's network wait before it runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def shut(self, model: str) -> Iterator[None]:
        """Nothing passes meanwhile."""
        (self.folder / f"{model} waits").unlink(missing_ok=True)
        (self.folder / model).touch()
        try:
            yield
        finally:
            (self.folder / model).unlink()

    def until_reached(self, model: str) -> None:
        """Wait until the network of `model` is about to run."""
        _wait_for(lambda: (self.folder / f"{model} waits").exists(), f"{model} was never run")

    @property
    def jobs(self) -> int:
        """How many jobs have come for a place to run so far, whether they got one or wait."""
        file = self.folder / "jobs"
        return file.stat().st_size if file.exists() else 0

    def until_jobs(self, number: int) -> None:
        """Wait until so many jobs have come."""
        _wait_for(lambda: self.jobs >= number, f"{number} jobs never came")

    def guard(self) -> None:
        """Stand before every network of this server and its workers, and count who comes for a place to run."""
        hold, enter = Slots.hold, work.Workers.enter

        def count() -> None:
            with (self.folder / "jobs").open("ab") as file:
                file.write(b".")

        @contextmanager
        def hold_and_count(slots: Slots, job: Job) -> Iterator[None]:
            count()
            with hold(slots, job):
                yield

        def enter_and_count(workers: work.Workers, client: str, task: cutter.Task) -> Any:
            count()
            return enter(workers, client, task)

        Slots.hold = hold_and_count  # type: ignore[method-assign]
        work.Workers.enter = enter_and_count  # type: ignore[method-assign]
        work.CUTTER, os.environ[FOLDER] = "tests.cutter", str(self.folder)
        self.guard_networks()

    def guard_networks(self) -> None:
        """Stand before every network of this process."""
        run = Session.run

        def run_when_open(session: Session, feeds: Feeds, job: Job) -> list[np.ndarray]:
            model = session.card.name
            while (self.folder / model).exists():
                (self.folder / f"{model} waits").touch()
                job.check()
                time.sleep(STEP)
            return run(session, feeds, job)

        Session.run = run_when_open  # type: ignore[method-assign]


def _wait_for(condition: Callable[[], bool], complaint: str) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, complaint
        time.sleep(STEP)
