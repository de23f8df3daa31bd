"""Networks of a server that take as long as a test wants, whatever the machine."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pipeline.base.jobs import Job
from pipeline.inference.networks import Outputs
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
        end = time.monotonic() + 60
        while not (self.folder / f"{model} waits").exists():
            assert time.monotonic() < end, f"{model} was never run"
            time.sleep(STEP)

    def guard(self) -> None:
        """Stand before every network of this process."""
        run = Session.run

        def run_when_open(session: Session, feeds: Feeds, job: Job, outputs: Outputs | None = None) -> list[np.ndarray]:
            model = session.card.name
            while (self.folder / model).exists():
                (self.folder / f"{model} waits").touch()
                job.check()
                time.sleep(STEP)
            return run(session, feeds, job, outputs)

        Session.run = run_when_open  # type: ignore[method-assign]
