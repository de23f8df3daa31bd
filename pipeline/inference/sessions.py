"""Sessions: networks ready to run, loaded in this process or in a helper process."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..base.errors import ClearcutError
from ..base.jobs import Job
from ..base.settings import Settings
from ..registry import weights
from ..registry.cards import ModelCard, Variant
from . import engines
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
        The engine and arithmetic that are to run it.
    settings
        Threads, slots, and where compiled networks are kept.
    with_states
        Also compute the states of a recurrent network, which follow the card's outputs: a next frame will want them.

    Attributes
    ----------
    identity
        The file's name and checksum.
    inputs
        Shapes by name.
    plan, engine, warnings
        What really runs it, its name for people, and codes of warnings.

    Raises
    ------
    ClearcutError
        ``broken_weights``
    """

    def __init__(
        self,
        card: ModelCard,
        variant: Variant,
        path: Path,
        planned: Plan,
        settings: Settings,
        with_states: bool = False,
    ) -> None:
        self.card, self.variant = card, variant
        self.outputs = (*card.read.outputs, *card.states) if with_states else card.read.outputs
        weight_file = engines.describe_file(card, variant, path, self.outputs)
        self.identity = f"{variant.file} {weight_file.checksum}"
        try:
            self._network, self.plan = engines.load(card, weight_file, planned, settings)
        except ClearcutError:
            raise
        except Exception:
            raise ClearcutError("broken_weights", model=card.name, file=variant.file) from None
        self.inputs = self._network.inputs
        self.engine, self.warnings = self._network.label, self.plan.warnings

    def run(self, feeds: Feeds, job: Job) -> list[np.ndarray]:
        """Run the network; its outputs as arrays, those that the card names first.

        Parameters
        ----------
        feeds
            Arrays by input name, or one array for the first input.
        job
            `Job.cancel` interrupts the run.

        Raises
        ------
        ClearcutError
            ``cancelled``, ``out_of_memory``, ``broken_weights``
        """
        try:
            results = self._network.run(self._name(feeds), self.outputs, job)
        except Exception as error:
            job.check()
            if "alloc" in str(error).lower():
                raise ClearcutError("out_of_memory") from error
            raise ClearcutError("broken_weights", model=self.card.name, file=self.variant.file) from error
        job.check()
        return results

    def _name(self, feeds: Feeds) -> Mapping[str, np.ndarray]:
        return {next(iter(self.inputs)): feeds} if isinstance(feeds, np.ndarray) else feeds


def load_session(card: ModelCard, planned: Plan, settings: Settings, with_states: bool = False) -> Session:
    """The session of `card`, whose weights are checked first. Parameters as for `Session`.

    Raises
    ------
    ClearcutError
        ``model_missing``, ``wrong_checksum``, ``broken_weights``
    """
    return Session(card, *weights.find_checked(card, settings), planned, settings, with_states)


class RemoteSession(Session):
    """A session in a helper process. A run that fails there is repeated in this process, for the error's cause.

    `inputs` and `label` are those of the network that the helper has loaded.
    """

    def __init__(
        self,
        card: ModelCard,
        planned: Plan,
        settings: Settings,
        helper: Helper,
        inputs: Mapping[str, Sequence[int | str]],
        label: str,
    ) -> None:
        self.card, self.plan, self._settings, self._helper = card, planned, settings, helper
        self.inputs, self.engine, self.outputs = inputs, label, card.read.outputs
        self.identity, self.warnings = weights.identify(card, settings), planned.warnings
        self._here: Session | None = None
        self._turn = threading.Lock()

    def __del__(self) -> None:
        self._helper.stop()

    def run(self, feeds: Feeds, job: Job) -> list[np.ndarray]:
        """As `Session.run`, but a run that has begun is not interrupted."""
        with self._turn:
            job.check()
            if self._here is None:
                self._helper.send((self._name(feeds), self.outputs))
                results: list[np.ndarray] | None = self._helper.receive()
                job.check()
                if results is not None:
                    return results
                self._here = load_session(self.card, self.plan, self._settings)
            return self._here.run(feeds, job)


class HelperLoader:
    """A loader for a `Pool` that takes the session of one model from a helper process.

    Parameters
    ----------
    helper
        It serves ``running.ahead``, and was sent the order already.
    model
        The network's name.
    """

    def __init__(self, helper: Helper, model: str) -> None:
        self._helper: Helper | None = helper
        self._model = model

    def __call__(self, card: ModelCard, planned: Plan, settings: Settings) -> Session:
        """The helper's session, once loaded; loaded here for another model or plan, or if the helper failed."""
        helper = self._helper
        if helper is None or card.name != self._model:
            return load_session(card, planned, settings)
        self._helper = None
        order, inputs, label = helper.receive() or (None, {}, "")
        if (
            order
            and order == engines.order_network(card, planned, settings)
            and label == engines.describe_plan(planned)
        ):
            return RemoteSession(card, planned, settings, helper, inputs, label)
        helper.stop()
        return load_session(card, planned, settings)
