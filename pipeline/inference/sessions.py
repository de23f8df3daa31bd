"""Networks that are ready to run: loaded by this process, or by another one while this one goes on."""

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import ClearcutError
from ..base.jobs import Job
from ..registry import catalog, weights
from ..registry.catalog import ModelCard, Variant
from . import engines
from .engines import Plan
from .helper import Helper

Feeds = Mapping[str, np.ndarray] | np.ndarray


class Session:
    """A network loaded by an engine. Safe to call from several threads.

    Parameters
    ----------
    planned
        What is to run it; without it what is planned for the card at the precision ``exact``.
    """

    def __init__(self, card: ModelCard, variant: Variant, path: Path, planned: Plan | None = None) -> None:
        self.card, self.variant = card, variant
        checksum = weights.read_checksum(variant, path)
        self.identity = f"{variant.file} {checksum}"
        try:
            planned = planned or engines.plan(card)
            self._network, self.plan = engines.load(path, planned, checksum, card.read.outputs)
        except ClearcutError:
            raise
        except Exception:
            raise ClearcutError("broken_weights", model=card.name, file=variant.file) from None
        self.inputs = self._network.inputs
        self.engine, self.warnings = self._network.label, self.plan.warnings

    def run(self, feeds: Feeds, job: Job) -> list[np.ndarray]:
        """The outputs that the card names, for `feeds` (by input name, or one array for the first input)."""
        named = {next(iter(self.inputs)): feeds} if isinstance(feeds, np.ndarray) else feeds
        try:
            results = self._network.run(named, self.card.read.outputs, job)
        except Exception as error:
            job.check()
            if "alloc" in str(error).lower():
                raise ClearcutError("out_of_memory") from error
            raise ClearcutError("broken_weights", model=self.card.name, file=self.variant.file) from error
        job.check()
        return results


def load(card: ModelCard, planned: Plan) -> Session:
    """The session of `card`, whose weights are checked first."""
    return Session(card, *weights.find_checked(card), planned)


class RemoteSession(Session):
    """A session that a process beside this one holds. What fails there is done again here, and fails with a reason."""

    def __init__(self, card: ModelCard, helper: Helper, facts: tuple[Any, ...]) -> None:
        self.card, self._helper = card, helper
        self.planned, self.variant, self.identity, self.plan, self.inputs, self.engine = facts
        self.warnings = self.plan.warnings
        self._here: Session | None = None
        self._turn = threading.Lock()

    def __del__(self) -> None:
        self._helper.end()

    def run(self, feeds: Feeds, job: Job) -> list[np.ndarray]:
        """As `Session.run`; a run that has begun is not broken off."""
        with self._turn:
            job.check()
            if self._here is None:
                self._helper.tell(feeds)
                results: list[np.ndarray] | None = self._helper.answer()
                job.check()
                if results is not None:
                    return results
                self._here = load(self.card, self.planned)
            return self._here.run(feeds, job)


def adopt(card: ModelCard, planned: Plan, helper: Helper) -> RemoteSession | None:
    """The session of `card` that `helper` was told to load, once it is there; None where that failed."""
    facts = helper.answer()
    if facts and facts[0] == planned:
        return RemoteSession(card, helper, facts)
    helper.end()
    return None


def serve(told: Iterator[Any]) -> Iterator[Any]:
    """The helper's side: load the model and precision that it is told, then run it for whatever it is told.

    Loading holds Python's lock, so that it would hold up a process which does it in a thread.
    """
    model, precision = next(told)
    card = catalog.find_card(model)
    if isinstance(card, ModelCard):
        planned = engines.plan(card, precision)
        made = load(card, planned)
        yield planned, made.variant, made.identity, made.plan, dict(made.inputs), made.engine
        for feeds in told:
            yield made.run(feeds, Job())
