"""What an engine is, and what is planned for a network before anything is loaded."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np

from ...base.jobs import Job
from ...base.settings import EngineName, Settings
from ...registry.catalog import Arithmetic, ModelCard, Precision

Why = Literal["asked", "missing", "gpu", "optimised", "measured", "only"]


class Plan(NamedTuple):
    """What is going to run a network.

    Attributes
    ----------
    engine
        Never one that is not here.
    arithmetic
        Of the multiplications.
    why
        ``asked``; ``missing``: another was asked for, which cannot do it here; ``gpu``; ``optimised``: made, and
        measured, on this machine; ``measured``: the faster one for this network; ``only``: no other was measured for
        it, or none is here.
    """

    engine: EngineName
    arithmetic: Arithmetic = "f32"
    why: Why = "only"

    @property
    def warnings(self) -> tuple[str, ...]:
        """Codes of what a person should know of it."""
        return ("engine_fallback",) if self.why == "missing" else ()


class WeightFile(NamedTuple):
    """A checked file of weights.

    Attributes
    ----------
    path, checksum
        The file, and what it was held to; what is compiled from it may be kept under that.
    outputs
        Positions or names of those that will ever be asked for; None for all.
    """

    path: Path
    checksum: str
    outputs: Sequence[int | str] | None = None


class LoadedNetwork(Protocol):
    """A network that an engine has loaded. Safe to call from several threads."""

    inputs: Mapping[str, Sequence[int | str]]  # names and shapes
    label: str  # the engine as people are told, and as the cache keeps it apart: what really runs

    def run(self, feeds: Mapping[str, np.ndarray], outputs: Sequence[int | str], job: Job) -> list[np.ndarray]:
        """The `outputs`, by position or name; `Job.cancel` breaks it off."""


class Engine(Protocol):
    """What runs networks. A new one is a module with one of these, and a line in the registry and in `EngineName`."""

    @property
    def name(self) -> EngineName:
        """As the setting ``engine`` names it."""

    @property
    def title(self) -> str:
        """What the log calls it."""

    @property
    def packages(self) -> Sequence[str]:
        """The packages that bring it, of which one is enough."""

    def describe(self, arithmetic: Arithmetic) -> str:
        """As `LoadedNetwork.label`, if all goes well."""

    def is_here(self) -> bool:
        """Whether it is installed and this machine can use it; nothing large is imported for that."""

    def can_run(self, card: ModelCard) -> bool:
        """Whether it can be asked to run this network; it need not be the best for it."""

    def choose_arithmetic(self, card: ModelCard, precision: Precision) -> Arithmetic:
        """What it computes in where it is asked for."""

    def offer(self, card: ModelCard, precision: Precision, settings: Settings) -> Plan | None:
        """How it would run the network where no engine is asked for; None where it should not."""

    def load(self, file: WeightFile, arithmetic: Arithmetic, settings: Settings) -> LoadedNetwork:
        """The network in `file`. Raises whatever the engine raises."""
