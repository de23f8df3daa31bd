"""Networks that OpenVINO runs on the processor.

It reads .onnx files. Compiled networks are kept in the cache folder, so that the next process need not compile again.
"""

import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import monotonic
from types import ModuleType
from typing import Any

import numpy as np

from ...base import machine
from ...base.files import Store
from ...base.jobs import Job
from ...base.process import import_quietly
from . import Resources, WeightFile, compiled_networks, kept_layers, optimised_networks

DEVICE = "CPU"
IDLE_SECONDS = 10.0  # after a run, in which the memory between layers waits for the next one


def import_open_vino() -> ModuleType:
    """The package."""
    return import_quietly("openvino")


def prepare_open_vino() -> None:
    """Load what every network needs."""
    import_open_vino().Core().get_versions(DEVICE)


class OpenVinoNetwork:
    """A network compiled by OpenVINO for this processor; only `outputs` are computed."""

    def __init__(self, file: WeightFile, arithmetic: str, resources: Resources) -> None:
        openvino = import_open_vino()

        core, configuration = openvino.Core(), _configure(arithmetic, resources)
        if arithmetic != "bf16+f32":
            file = file._replace(keep_f32=None)
        if arithmetic == "int8":
            graph, constants = optimised_networks.read_network(file.path, resources.store)
            source = core.read_model(graph, openvino.Tensor(constants.copy()))
            self._compiled, self._memory = core.compile_model(source, DEVICE, configuration), None
        else:
            self._compiled, self._memory = _compile(core, file, configuration, resources.store)
        self.inputs: Mapping[str, Sequence[int | str]] = {
            each.any_name: [side.get_length() if side.is_static else str(side) for side in each.partial_shape]
            for each in self._compiled.inputs
        }
        self._outputs = None if file.outputs is None else list(file.outputs)
        self.label = f"OpenVINO {arithmetic}"
        self._idle: list[Any] = []
        self._running = 0
        self._ended: float | None = None  # by `monotonic`: the last run
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def run(self, feeds: Mapping[str, np.ndarray], outputs: Sequence[int | str], job: Job) -> list[np.ndarray]:
        """The `outputs`, by position or name; `Job.cancel` interrupts the run."""
        with self._open_request() as request, job.call_on_cancel(request.cancel):
            request.start_async(dict(feeds), share_inputs=True)
            if job.cancelled:  # before it had started
                request.cancel()
            request.wait()
            return [self._find_tensor(request, each).data.copy() for each in outputs]

    @contextmanager
    def _open_request(self) -> Iterator[Any]:
        """An inference request for one run."""
        with self._lock:
            request = self._idle.pop() if self._idle else self._compiled.create_infer_request()
            self._running += 1
        try:
            yield request
        finally:
            with self._lock:
                self._running -= 1
                self._idle.append(request)
                self._end_run()

    def _end_run(self) -> None:
        """Release the memory between layers after the first run, which may have been all, and later ones when idle.

        To have it again for each photo takes a tenth to a fifth of a run, in page faults. Never in a worker.
        """
        first, self._ended = self._ended is None, monotonic()
        if machine.keeps_memory() or self._running:
            return
        if first:
            self._compiled.release_memory()
        elif self._timer is None:
            self._wait(IDLE_SECONDS)

    def _wait(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, _release_when_idle, [weakref.ref(self)])
        self._timer.daemon = True
        self._timer.start()

    def release_when_idle(self) -> None:
        """Release the memory between layers, or look again once it may have been idle for long enough."""
        with self._lock:
            left = (self._ended or 0.0) + IDLE_SECONDS - monotonic()
            self._timer = None
            if self._running or left > 0:
                self._wait(max(left, 1.0))
            else:
                self._compiled.release_memory()

    def _find_tensor(self, request: Any, output: int | str) -> Any:
        if self._outputs is not None:
            return request.get_output_tensor(self._outputs.index(output))
        return request.get_output_tensor(output) if isinstance(output, int) else request.get_tensor(output)


def _release_when_idle(network: "weakref.ref[OpenVinoNetwork]") -> None:
    """For a timer, which keeps no network alive."""
    if alive := network():
        alive.release_when_idle()


def _configure(arithmetic: str, resources: Resources) -> dict[str, Any]:
    finest = ("bf16" if machine.has_fast_bf16() else "f32") if arithmetic == "int8" else arithmetic
    return {
        "INFERENCE_PRECISION_HINT": finest.removesuffix("+f32"),  # OpenVINO would choose it by the processor
        "INFERENCE_NUM_THREADS": resources.threads or machine.count_cores(),
        "NUM_STREAMS": resources.slots,  # runs at once, which share the threads
        "ENABLE_CPU_PINNING": False,  # the other steps need the cores as well
    }


def _compile(core: Any, file: WeightFile, configuration: dict[str, Any], store: Store) -> tuple[Any, Any]:
    """The compiled network and, where it comes from the cache folder, the mapped memory that it needs to live on."""
    openvino = import_open_vino()

    facts = (
        file.checksum,
        file.outputs,
        file.keep_f32,
        sorted(configuration.items()),
        openvino.__version__,
        machine.identify_processor(),
    )
    name = compiled_networks.name_compiled(file.path, *facts)
    if kept := _import(core, name, configuration, store):
        return kept
    source = _prune(core.read_model(file.path), file.outputs)
    if file.keep_f32:
        with store.make_scratch() as scratch:
            source = kept_layers.keep_in_f32(source, file.keep_f32, scratch)
    network = core.compile_model(source, DEVICE, configuration)
    compiled_networks.keep_compiled(name, network.export_model().getbuffer(), store)
    kept = _import(core, name, configuration, store) or (network, None)  # a third less memory than what was compiled
    if file.keep_f32:
        try:
            kept_layers.require_f32(kept[0], file.keep_f32.layers)
        except RuntimeError:
            store.delete(compiled_networks.FOLDER, name)
            raise
    return kept


def _import(core: Any, name: str, configuration: dict[str, Any], store: Store) -> tuple[Any, Any] | None:
    """The network that was kept under that name, and its mapped memory; None where there is none."""
    openvino = import_open_vino()

    kept = store.map(compiled_networks.FOLDER, name)
    if kept is None:
        return None
    try:
        return core.import_model(openvino.Tensor(kept, shared_memory=True), DEVICE, configuration), kept
    except RuntimeError:
        store.delete(compiled_networks.FOLDER, name)
        return None


def _prune(model: Any, outputs: Sequence[int | str] | None) -> Any:
    """`model` with only what leads to `outputs`."""
    openvino = import_open_vino()

    if outputs is None:
        return model
    results = [model.output(each).node for each in outputs]
    return openvino.Model(results, model.get_parameters(), model.get_friendly_name())
