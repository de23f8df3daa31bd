"""MNN: an engine with Winograd convolutions, the rule for float32 networks on processors without AVX-512.

It reads a format of its own, which is converted to once and kept in the cache folder. Winograd convolutions: Lavin and
Gray, https://arxiv.org/abs/1509.09308.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ...base import machine
from ...base.files import Store
from ...base.jobs import Job
from ...base.process import silence_streams
from ...base.settings import EngineName, Settings
from ...registry.cards import Arithmetic, ModelCard, Precision
from . import compiled_networks
from .arithmetic import find_arithmetic
from .plans import Plan, WeightFile

LABEL = "MNN f32"
CONVERTER = Path(__file__).with_name("mnn_converter.py")
_loading = threading.Lock()


def import_mnn() -> ModuleType:
    """The package, imported without the line that it prints: standard output may be a picture."""
    with _loading:
        if "MNN" not in sys.modules:
            with silence_streams():
                import_module("MNN")
    return sys.modules["MNN"]


class Mnn:
    """MNN, for networks with one output that it was measured with; on others it may crash the process."""

    name: EngineName = "mnn"
    title = "MNN"
    packages = ("MNN",)

    def describe(self, arithmetic: Arithmetic) -> str:
        """``MNN f32``, the only arithmetic."""
        return LABEL

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

    def load(self, file: WeightFile, arithmetic: Arithmetic, settings: Settings) -> "MnnNetwork":
        """Load the network in `file`, converted first if it has not been before."""
        return MnnNetwork(file, settings)


class MnnNetwork:
    """A network with fixed input size and one output, loaded by MNN. Its runs take turns."""

    label = LABEL

    def __init__(self, file: WeightFile, settings: Settings) -> None:
        if file.outputs is None or len(file.outputs) != 1:
            raise ValueError("one output")
        self._output = file.outputs[0]
        self._net = _convert(file.path, file.checksum, self._output, settings.store)
        self._session = self._net.createSession(
            {"backend": "CPU", "numThread": settings.threads or machine.count_cores()}
        )
        self.inputs: Mapping[str, Sequence[int | str]] = {
            name: list(tensor.getShape()) for name, tensor in self._net.getSessionInputAll(self._session).items()
        }
        self._turn = threading.Lock()

    def run(self, feeds: Mapping[str, np.ndarray], outputs: Sequence[int | str], job: Job) -> list[np.ndarray]:
        """The one output. A run that has begun is not interrupted, since that would stop all other threads."""
        if list(outputs) != [self._output]:
            raise ValueError(outputs)
        mnn = import_mnn()
        with self._turn:
            job.check()
            for name, value in feeds.items():
                room = self._net.getSessionInput(self._session, name)
                value = np.ascontiguousarray(value, np.float32)
                if tuple(room.getShape()) != value.shape:
                    raise ValueError(value.shape)
                room.copyFrom(mnn.Tensor(value.shape, mnn.Halide_Type_Float, value, mnn.Tensor_DimensionType_Caffe))
            self._net.runSession(self._session)
            result = self._net.getSessionOutput(self._session)
            return [result.getNumpyData().reshape(result.getShape()).copy()]


def _convert(path: Path, checksum: str, output: int | str, store: Store) -> Any:
    """The network in MNN's format, from the cache folder, else converted in a child process and kept."""
    name = compiled_networks.name_compiled(path, checksum, output, version("MNN"))
    cached = store.locate(compiled_networks.FOLDER, name)
    if cached is not None:
        return import_mnn().Interpreter(str(cached))
    with store.make_scratch() as folder:
        converted = folder / "network.mnn"
        command = [sys.executable, str(CONVERTER), str(path.resolve()), str(converted.resolve()), json.dumps(output)]
        subprocess.run(
            command, check=True, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True
        )  # in `folder`, as it leaves files behind
        compiled_networks.keep_compiled(name, converted.read_bytes(), store)
        return import_mnn().Interpreter(str(converted))
