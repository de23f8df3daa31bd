"""Networks as engines run them, whatever models they belong to.

These modules import no cards and no settings, so that a process which only runs a network is ready in a moment.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ...base.files import Store
from ...base.jobs import Job
from ...registry.kept_layers import KeptLayers

if TYPE_CHECKING:
    import numpy as np

PROVIDERS = {  # onnxruntime's, by engine
    "cuda": "CUDAExecutionProvider",
    "rocm": "ROCMExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
CPU = PROVIDERS["cpu"]
MNN_LABEL = "MNN f32"


class WeightFile(NamedTuple):
    """A weight file whose checksum was verified.

    Attributes
    ----------
    path, checksum
        The file, and its checksum in hex, by which compiled networks are kept.
    outputs
        Positions or names of the outputs that will be asked for; None for all.
    keep_f32
        The layers that stay in 32 bits in the arithmetic ``bf16+f32``.
    """

    path: Path
    checksum: str
    outputs: Sequence[int | str] | None = None
    keep_f32: KeptLayers | None = None


class Resources(Protocol):
    """What a network is given of the machine; `Settings` say it."""

    @property
    def threads(self) -> int:
        """Threads of all runs together; 0: as many as there are cores."""

    @property
    def slots(self) -> int:
        """Runs at once."""

    @property
    def store(self) -> Store:
        """The cache folder, for networks compiled for this machine."""


class LoadedNetwork(Protocol):
    """A network that an engine has loaded. Safe to call from several threads."""

    inputs: Mapping[str, Sequence[int | str]]  # shapes by name
    label: str  # the engine that really runs it, for people and for the key of the cache

    def run(self, feeds: "Mapping[str, np.ndarray]", outputs: Sequence[int | str], job: Job) -> "list[np.ndarray]":
        """The `outputs`, by position or name; `Job.cancel` breaks it off."""


def load_network(engine: str, file: WeightFile, arithmetic: str, resources: Resources) -> LoadedNetwork:
    """Load the network in `file`. Raises whatever the engine raises."""
    if engine == "openvino":
        from .open_vino import OpenVinoNetwork

        return OpenVinoNetwork(file, arithmetic, resources)
    if engine == "mnn":
        from .mnn import MnnNetwork

        return MnnNetwork(file, resources)
    from .onnx_runtime import OnnxNetwork

    return OnnxNetwork(file.path, engine, resources)


def name_provider(provider: str) -> str:
    """An execution provider's name for people: ``onnxruntime CPU`` of ``CPUExecutionProvider``."""
    return f"onnxruntime {provider.removesuffix('ExecutionProvider')}"
