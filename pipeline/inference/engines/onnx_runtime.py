"""onnxruntime: runs every network on every machine, and on a GPU where its build has a provider for one."""

from ...base.settings import EngineName, Settings
from ...registry.cards import Arithmetic, ModelCard, Precision
from ..running import CPU, PROVIDERS, LoadedNetwork, WeightFile, load_network, name_provider, onnx_build
from .plans import Plan

NEVER_PLAIN = ("cuda", "rocm", "directml")  # not in the package ``onnxruntime``


class OnnxRuntime:
    """onnxruntime with one of its execution providers.

    Parameters
    ----------
    name
        The value of the setting ``engine``, one of `PROVIDERS`.
    is_gpu
        Whether it is preferred wherever this build of onnxruntime has it.
    """

    packages = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml")

    def __init__(self, name: EngineName, *, is_gpu: bool = False) -> None:
        self.name, self.title, self._is_gpu = name, PROVIDERS[name], is_gpu

    def describe(self, arithmetic: Arithmetic) -> str:
        """The provider's name for people."""
        return name_provider(self.title)

    def is_here(self) -> bool:
        """Whether this build has the provider and the provider works; the processor-only build is not imported."""
        if self.title == CPU or (self.name in NEVER_PLAIN and onnx_build.is_plain()):
            return self.title == CPU
        from ..running.onnx_runtime import can_use

        return can_use(self.title)

    def can_run(self, card: ModelCard) -> bool:
        """Every network."""
        return True

    def choose_arithmetic(self, card: ModelCard, precision: Precision) -> Arithmetic:
        """``f32``."""
        return "f32"

    def offer(self, card: ModelCard, precision: Precision, settings: Settings) -> Plan | None:
        """A plan for a GPU, and for the processor as the last resort."""
        if self._is_gpu:
            return Plan(self.name, why="gpu")
        return Plan(self.name) if self.title == CPU else None

    def load(self, file: WeightFile, arithmetic: Arithmetic, settings: Settings) -> LoadedNetwork:
        """Load the network in `file` on this provider, or on the one that onnxruntime falls back to."""
        return load_network(self.name, file, arithmetic, settings)
