"""OpenVINO: the rule on other x86-64 processors for the networks that it was measured with.

It reads .onnx files. Compiled networks are kept in the cache folder, so that the next process need not compile again.
"""

import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from time import monotonic
from typing import Any

import numpy as np

from ...base import machine
from ...base.files import Store
from ...base.jobs import Job
from ...base.process import import_quietly
from ...base.settings import EngineName, Settings
from ...registry import weights
from ...registry.cards import Arithmetic, ModelCard, Precision
from . import compiled_networks, kept_layers, optimised_networks
from .arithmetic import find_arithmetic
from .plans import Plan, WeightFile

DEVICE = "CPU"
IDLE_SECONDS = 10.0  # after a run, in which the memory between layers waits for the next one


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

    def load(self, file: WeightFile, arithmetic: Arithmetic, settings: Settings) -> "OpenVinoNetwork":
        """Load the network in `file`; an 8-bit network that cannot be loaded is deleted."""
        try:
            return OpenVinoNetwork(file, arithmetic, settings)
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


class OpenVinoNetwork:
    """A network compiled by OpenVINO for this processor; only `outputs` are computed."""

    def __init__(self, file: WeightFile, arithmetic: Arithmetic, settings: Settings) -> None:
        openvino = import_quietly("openvino")

        core, configuration = openvino.Core(), _configure(arithmetic, settings)
        if arithmetic != "bf16+f32":
            file = file._replace(keep_f32=None)
        if arithmetic == "int8":
            graph, constants = optimised_networks.read_network(file.path, settings.store)
            source = core.read_model(graph, openvino.Tensor(constants.copy()))
            self._compiled, self._memory = core.compile_model(source, DEVICE, configuration), None
        else:
            self._compiled, self._memory = _compile(core, file, configuration, settings.store)
            if file.keep_f32:
                kept_layers.require_f32(self._compiled, file.keep_f32.layers)
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


def _configure(arithmetic: Arithmetic, settings: Settings) -> dict[str, Any]:
    finest = ("bf16" if machine.has_fast_bf16() else "f32") if arithmetic == "int8" else arithmetic
    return {
        "INFERENCE_PRECISION_HINT": finest.removesuffix("+f32"),  # OpenVINO would choose it by the processor
        "INFERENCE_NUM_THREADS": settings.threads or machine.count_cores(),
        "NUM_STREAMS": settings.slots,  # runs at once, which share the threads
        "ENABLE_CPU_PINNING": False,  # the other steps need the cores as well
    }


def _compile(core: Any, file: WeightFile, configuration: dict[str, Any], store: Store) -> tuple[Any, Any]:
    """The compiled network and, where it comes from the cache folder, the mapped memory that it needs to live on."""
    openvino = import_quietly("openvino")

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
    return _import(core, name, configuration, store) or (network, None)  # a third less memory than what was compiled


def _import(core: Any, name: str, configuration: dict[str, Any], store: Store) -> tuple[Any, Any] | None:
    """The network that was kept under that name, and its mapped memory; None where there is none."""
    openvino = import_quietly("openvino")

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
    openvino = import_quietly("openvino")

    if outputs is None:
        return model
    results = [model.output(each).node for each in outputs]
    return openvino.Model(results, model.get_parameters(), model.get_friendly_name())
