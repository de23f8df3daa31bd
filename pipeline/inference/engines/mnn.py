"""MNN: an engine with Winograd convolutions, the rule for float32 networks on processors without AVX-512.

Winograd convolutions: Lavin and Gray, https://arxiv.org/abs/1509.09308.
"""

from importlib.util import find_spec

from ...base import machine
from ...base.settings import EngineName, Settings
from ...registry.cards import Arithmetic, ModelCard, Precision
from ..running import MNN_LABEL, LoadedNetwork, WeightFile, load_network
from .arithmetic import find_arithmetic
from .plans import Plan


class Mnn:
    """MNN, for networks with one output that it was measured with; on others it may crash the process."""

    name: EngineName = "mnn"
    title = "MNN"
    packages = ("MNN",)

    def describe(self, arithmetic: Arithmetic) -> str:
        """``MNN f32``, the only arithmetic."""
        return MNN_LABEL

    def is_here(self) -> bool:
        """Whether the package is installed."""
        return find_spec("MNN") is not None

    def can_run(self, card: ModelCard) -> bool:
        """Whether it was measured with this network."""
        return card.arithmetic is not None

    def choose_arithmetic(self, card: ModelCard, precision: Precision) -> Arithmetic:
        """``f32``."""
        return "f32"

    def offer(self, card: ModelCard, precision: Precision, settings: Settings) -> Plan | None:
        """A plan for float32 on processors with AVX2 and not AVX-512, where it was measured to be the fastest."""
        if card.arithmetic is None or find_arithmetic(card, precision) != "f32" or not machine.has_avx2_at_most():
            return None
        return Plan(self.name, why="measured")

    def load(self, file: WeightFile, arithmetic: Arithmetic, settings: Settings) -> LoadedNetwork:
        """Load the network in `file`, converted first if it has not been before."""
        return load_network(self.name, file, arithmetic, settings)
