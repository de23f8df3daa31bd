"""Networks that MNN runs.

It reads a format of its own, which is converted to once and kept in the cache folder.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ...base import machine
from ...base.files import Store
from ...base.jobs import Job
from ...base.process import silence_streams
from . import MNN_LABEL, Resources, WeightFile, compiled_networks

CONVERTER = Path(__file__).with_name("mnn_converter.py")
_loading = threading.Lock()


def import_mnn() -> ModuleType:
    """The package, imported without the line that it prints: standard output may be a picture."""
    with _loading:
        if "MNN" not in sys.modules:
            with silence_streams():
                import_module("MNN")
    return sys.modules["MNN"]


class MnnNetwork:
    """A network with fixed input size and one output, loaded by MNN. Its runs take turns."""

    label = MNN_LABEL

    def __init__(self, file: WeightFile, resources: Resources) -> None:
        if file.outputs is None or len(file.outputs) != 1:
            raise ValueError("one output")
        self._output = file.outputs[0]
        self._net = _convert(file.path, file.checksum, self._output, resources.store)
        self._session = self._net.createSession(
            {"backend": "CPU", "numThread": resources.threads or machine.count_cores()}
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
