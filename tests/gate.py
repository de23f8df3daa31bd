"""Networks of a server that take as long as a test wants, whatever the machine."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pipeline.base.jobs import Job, Slots
from pipeline.inference.sessions import Feeds, Session

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
        """Stand before every network of this process, and count who comes for a place to run."""
        run, hold = Session.run, Slots.hold

        @contextmanager
        def hold_and_count(slots: Slots, job: Job) -> Iterator[None]:
            with (self.folder / "jobs").open("ab") as file:
                file.write(b".")
            with hold(slots, job):
                yield

        def run_when_open(session: Session, feeds: Feeds, job: Job) -> list[np.ndarray]:
            model = session.card.name
            while (self.folder / model).exists():
                (self.folder / f"{model} waits").touch()
                job.check()
                time.sleep(STEP)
            return run(session, feeds, job)

        Session.run = run_when_open  # type: ignore[method-assign]
        Slots.hold = hold_and_count  # type: ignore[method-assign]


def _wait_for(condition: Callable[[], bool], complaint: str) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, complaint
        time.sleep(STEP)
