"""Networks that are ready to run: loaded by this process, or by a helper process while this one goes on."""

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import ClearcutError
from ..base.jobs import Job
from ..base.settings import Settings
from ..registry import catalog, weights
from ..registry.catalog import ModelCard, Variant
from . import engines, networks
from .engines import Plan
from .helper import Helper

Feeds = Mapping[str, np.ndarray] | np.ndarray


class Session:
    """A network loaded by an engine. Safe to call from several threads.

    Parameters
    ----------
    card, variant, path
        The network, and the checked file of its weights.
    planned
        What is to run it.
    settings
        Threads, slots, and where compiled networks are kept.

    Attributes
    ----------
    identity
        The file's name and checksum.
    inputs
        Names and shapes.
    plan, engine, warnings
        What really runs it, as people are told, and codes of what they should know of it.

    Raises
    ------
    ClearcutError
        ``broken_weights``
    """

    def __init__(self, card: ModelCard, variant: Variant, path: Path, planned: Plan, settings: Settings) -> None:
        self.card, self.variant = card, variant
        checksum = weights.read_checksum(variant, path)
        self.identity = f"{variant.file} {checksum}"
        weight_file = engines.WeightFile(path, checksum, networks.list_outputs(card))
        try:
            self._network, self.plan = engines.load(card, weight_file, planned, settings)
        except ClearcutError:
            raise
        except Exception:
            raise ClearcutError("broken_weights", model=card.name, file=variant.file) from None
        self.inputs = self._network.inputs
        self.engine, self.warnings = self._network.label, self.plan.warnings

    def run(self, feeds: Feeds, job: Job, outputs: networks.Outputs | None = None) -> list[np.ndarray]:
        """What the network makes of `feeds` (by input name, or one array for the first input).

        Parameters
        ----------
        outputs
            Those of `networks.list_outputs` that are wanted; those that the card names without.

        Raises
        ------
        ClearcutError
            ``cancelled``, ``out_of_memory``, ``broken_weights``
        """
        named = {next(iter(self.inputs)): feeds} if isinstance(feeds, np.ndarray) else feeds
        try:
            results = self._network.run(named, outputs or self.card.read.outputs, job)
        except Exception as error:
            job.check()
            if "alloc" in str(error).lower():
                raise ClearcutError("out_of_memory") from error
            raise ClearcutError("broken_weights", model=self.card.name, file=self.variant.file) from error
        job.check()
        return results


def load_session(card: ModelCard, planned: Plan, settings: Settings) -> Session:
    """The session of `card`, whose weights are checked first.

    Raises
    ------
    ClearcutError
        ``model_missing``, ``wrong_checksum``, ``broken_weights``
    """
    return Session(card, *weights.find_checked(card, settings), planned, settings)


class RemoteSession(Session):
    """A session that a helper process holds. What fails there is done again here, and fails with a reason."""

    def __init__(self, card: ModelCard, helper: Helper, settings: Settings, facts: tuple[Any, ...]) -> None:
        self.card, self._helper, self._settings = card, helper, settings
        self.planned, self.variant, self.identity, self.plan, self.inputs, self.engine = facts
        self.warnings = self.plan.warnings
        self._here: Session | None = None
        self._turn = threading.Lock()

    def __del__(self) -> None:
        self._helper.stop()

    def run(self, feeds: Feeds, job: Job, outputs: networks.Outputs | None = None) -> list[np.ndarray]:
        """As `Session.run`; a run that has begun is not broken off."""
        with self._turn:
            job.check()
            if self._here is None:
                self._helper.send((feeds, outputs))
                results: list[np.ndarray] | None = self._helper.receive()
                job.check()
                if results is not None:
                    return results
                self._here = load_session(self.card, self.planned, self._settings)
            return self._here.run(feeds, job, outputs)


class HelperLoader:
    """A loader for a `Pool` that takes the session of one model from a helper process which was told to load it.

    Parameters
    ----------
    helper
        It serves this module, and was sent settings, model and precision.
    model
        The network's name.
    """

    def __init__(self, helper: Helper, model: str) -> None:
        self._helper: Helper | None = helper
        self._model = model

    def __call__(self, card: ModelCard, planned: Plan, settings: Settings) -> Session:
        """The helper's session, once it is there; where it is of no use, one that is loaded here."""
        helper = self._helper
        if helper is None or card.name != self._model:
            return load_session(card, planned, settings)
        self._helper = None
        facts = helper.receive()
        if facts and facts[0] == planned:
            return RemoteSession(card, helper, settings, facts)
        helper.stop()
        return load_session(card, planned, settings)


def serve(received: Iterator[Any]) -> Iterator[Any]:
    """The helper's side: load the model and precision that it is sent, then run it for whatever it is sent.

    Loading holds Python's lock, so that it would hold up a process which does it in a thread.
    """
    settings, model, precision = next(received)
    card = catalog.find_card(model, settings)
    if isinstance(card, ModelCard):
        planned = engines.choose_plan(card, precision, settings)
        made = load_session(card, planned, settings)
        yield planned, made.variant, made.identity, made.plan, dict(made.inputs), made.engine
        for feeds, outputs in received:
            yield made.run(feeds, Job(), outputs)
