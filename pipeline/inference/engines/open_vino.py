"""OpenVINO: the rule on other x86-64 processors for the networks that it was measured with."""

from importlib.util import find_spec

from ...base.settings import EngineName, Settings
from ...registry import weights
from ...registry.cards import Arithmetic, ModelCard, Precision
from ..running import LoadedNetwork, WeightFile, load_network, optimised_networks
from .arithmetic import find_arithmetic
from .plans import Plan


class OpenVino:
    """OpenVINO on the processor."""

    name: EngineName = "openvino"
    title = "openvino"
    packages = ("openvino",)

    def describe(self, arithmetic: Arithmetic) -> str:
        """Its name and the arithmetic, such as ``OpenVINO bf16``."""
        return f"OpenVINO {arithmetic}"

    def is_here(self) -> bool:
        """Whether the package is installed."""
        return find_spec("openvino") is not None

    def can_run(self, card: ModelCard) -> bool:
        """Every network; those that it does not support fail when they are loaded."""
        return True

    def choose_arithmetic(self, card: ModelCard, precision: Precision) -> Arithmetic:
        """The coarsest arithmetic that was measured to keep the precision."""
        return find_arithmetic(card, precision)

    def offer(self, card: ModelCard, precision: Precision, settings: Settings) -> Plan | None:
        """A plan for an 8-bit network made on this machine, for ``fast``; else for networks that were measured."""
        if precision == "fast" and self._is_optimised(card, settings):
            return Plan(self.name, "int8", "optimised")
        return Plan(self.name, find_arithmetic(card, precision), "measured") if card.arithmetic else None

    def load(self, file: WeightFile, arithmetic: Arithmetic, settings: Settings) -> LoadedNetwork:
        """Load the network in `file`; an 8-bit network that cannot be loaded is deleted."""
        try:
            return load_network(self.name, file, arithmetic, settings)
        except Exception:
            if arithmetic == "int8":
                optimised_networks.delete(file.path, settings.store)
            raise

    def _is_optimised(self, card: ModelCard, settings: Settings) -> bool:
        installed = weights.find_file(card, settings)
        if installed is None:
            return False
        variant, path = installed
        try:
            return (
                optimised_networks.read_record(path, weights.read_checksum(variant, path), settings.store) is not None
            )
        except (OSError, IndexError, ValueError):  # its checksum was deleted meanwhile, or is malformed
            return False
