"""OpenVINO, read straight from the .onnx file: on x86-64 processors the faster engine for what was measured.

What it compiles is kept in the cache folder, so that a process that starts cold need not compile again.
"""

import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ...base import files as storage
from ...base import machine
from ...base.jobs import Job
from ...base.settings import Settings
from ...registry.catalog import Arithmetic
from . import compiled, optimised

DEVICE = "CPU"


def label(arithmetic: Arithmetic) -> str:
    """What people are told of it."""
    return f"OpenVINO {arithmetic}"


def is_here() -> bool:
    """Whether the package is installed."""
    return find_spec("openvino") is not None


def library() -> ModuleType:
    """The package, without its converter, which brings a client that reports its use, and takes its time to load."""
    if "openvino" not in sys.modules:
        sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]
    import openvino

    return openvino


class Network:
    """A network compiled by OpenVINO for this processor; only `outputs` are computed."""

    def __init__(
        self, path: Path, arithmetic: Arithmetic, checksum: str, outputs: Sequence[int | str] | None = None
    ) -> None:
        core = library().Core()
        configuration = _configuration(arithmetic)
        if arithmetic == "int8":
            graph, constants = optimised.read_network(path)
            source = core.read_model(graph, library().Tensor(constants.copy()))
            self._compiled, self._memory = core.compile_model(source, DEVICE, configuration), None
        else:
            self._compiled, self._memory = _compiled(core, path, checksum, outputs, configuration)
        self.inputs: Mapping[str, Sequence[int | str]] = {
            each.any_name: [side.get_length() if side.is_static else str(side) for side in each.partial_shape]
            for each in self._compiled.inputs
        }
        self._outputs = None if outputs is None else list(outputs)
        self.label = label(arithmetic)
        self._idle: list[Any] = []
        self._running = 0
        self._lock = threading.Lock()

    def run(self, feeds: Mapping[str, np.ndarray], outputs: Sequence[int | str], job: Job) -> list[np.ndarray]:
        """The `outputs`, by position or name; `Job.cancel` breaks it off."""
        with self._request() as request, job.stopped_by(request.cancel):
            request.start_async(dict(feeds), share_inputs=True)
            if job.cancelled:  # before it had started
                request.cancel()
            request.wait()
            return [self._tensor(request, each).data.copy() for each in outputs]

    @contextmanager
    def _request(self) -> Iterator[Any]:
        """A request of one's own. When the last one is done, the room for what is between layers is given back."""
        with self._lock:
            request = self._idle.pop() if self._idle else self._compiled.create_infer_request()
            self._running += 1
        try:
            yield request
        finally:
            with self._lock:
                self._running -= 1
                self._idle.append(request)
                if not self._running:
                    self._compiled.release_memory()

    def _tensor(self, request: Any, output: int | str) -> Any:
        if self._outputs is not None:
            return request.get_output_tensor(self._outputs.index(output))
        return request.get_output_tensor(output) if isinstance(output, int) else request.get_tensor(output)


def _configuration(arithmetic: Arithmetic) -> dict[str, Any]:
    settings = Settings.current()
    finest = ("bf16" if machine.multiplies_halves() else "f32") if arithmetic == "int8" else arithmetic
    return {
        "INFERENCE_PRECISION_HINT": finest,  # which the processor's own taste would choose otherwise
        "INFERENCE_NUM_THREADS": settings.threads or machine.count_cores(),
        "NUM_STREAMS": settings.slots,  # networks that run at once; each has its share of the threads
        "ENABLE_CPU_PINNING": False,  # the other steps need the cores as well
    }


def _compiled(
    core: Any, path: Path, checksum: str, outputs: Sequence[int | str] | None, configuration: dict[str, Any]
) -> tuple[Any, Any]:
    """The network compiled, and the memory that it may rest upon: from the cache folder, else compiled now and kept."""
    facts = (checksum, outputs, sorted(configuration.items()), library().__version__, machine.processor())
    name = compiled.name_compiled(path, *facts)
    kept = storage.mapped(compiled.FOLDER, name)
    if kept is not None:
        try:
            return core.import_model(library().Tensor(kept, shared_memory=True), DEVICE, configuration), kept
        except RuntimeError:
            storage.forget(compiled.FOLDER, name)
    made = core.compile_model(_pruned(core.read_model(path), outputs), DEVICE, configuration)
    compiled.keep_compiled(name, made.export_model().getbuffer())
    return made, None


def _pruned(model: Any, outputs: Sequence[int | str] | None) -> Any:
    """`model` with only what leads to `outputs`."""
    if outputs is None:
        return model
    results = [model.output(each).node for each in outputs]
    return library().Model(results, model.get_parameters(), model.get_friendly_name())
