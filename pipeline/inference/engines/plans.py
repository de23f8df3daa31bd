"""The protocol of an engine, and the plan for a network, which is known before anything is loaded."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from ...base.settings import EngineName, Settings
from ...registry.cards import Arithmetic, ModelCard, Precision
from ..running import LoadedNetwork, WeightFile

Why = Literal["asked", "missing", "gpu", "optimised", "timed", "measured", "only"]


class Plan(NamedTuple):
    """Which engine is to run a network, in which arithmetic, and why.

    Attributes
    ----------
    engine
        One that is installed.
    arithmetic
        The numbers that it multiplies.
    why
        ``asked``: the settings name it. ``missing``: they name another, which cannot run here. ``gpu``: it has one.
        ``optimised``: an 8-bit network was made and measured on this machine. ``timed``: it was the fastest of all that
        were timed on this machine, see ``choices.py``. ``measured``: the rule for this processor, by what was measured
        of this network on others. ``only``: as ``measured``, where that says nothing of it, or no other is installed.
    """

    engine: EngineName
    arithmetic: Arithmetic = "f32"
    why: Why = "only"

    @property
    def warnings(self) -> tuple[str, ...]:
        """Codes of warnings."""
        return ("engine_fallback",) if self.why == "missing" else ()


class Engine(Protocol):
    """What runs networks. A new one is a module with such a class, a line in ``registry.py`` and in `EngineName`."""

    @property
    def name(self) -> EngineName:
        """The value of the setting ``engine``."""

    @property
    def title(self) -> str:
        """Its name in the log."""

    @property
    def packages(self) -> Sequence[str]:
        """The packages that contain it, of which one is enough."""

    def describe(self, arithmetic: Arithmetic) -> str:
        """The `LoadedNetwork.label` of its networks in this arithmetic."""

    def is_here(self) -> bool:
        """Whether it is installed and works on this machine; it is not imported for that, if possible."""

    def can_run(self, card: ModelCard) -> bool:
        """Whether it may run this network where the settings name it."""

    def choose_arithmetic(self, card: ModelCard, precision: Precision) -> Arithmetic:
        """The arithmetic where the settings name it."""

    def offer(self, card: ModelCard, precision: Precision, settings: Settings) -> Plan | None:
        """Its plan for a network where the settings name no engine; None where it should not be used."""

    def load(self, file: WeightFile, arithmetic: Arithmetic, settings: Settings) -> LoadedNetwork:
        """Load the network in `file`. Raises whatever the engine raises."""
