"""Networks that onnxruntime runs, on one of its execution providers."""

import threading
from base64 import b64decode
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np

from ...base import machine
from ...base.jobs import Job
from ...base.process import import_quietly, silence_streams
from . import CPU, PROVIDERS, Resources, name_provider, onnx_build

QUIET = 4  # fatal errors only
# probe (float[1, 1, 4, 4] x) => (float[1, 1, 3, 3] y) <float[1, 1, 2, 2] w = {1, 2, 3, 4}> { y = Conv(x, w) }
PROBE = b64decode(
    "CAg6dQoRCgF4CgF3EgF5IgRDb252OgASBXByb2JlKh8IAQgBCAIIAhABIhAAAIA/AAAAQAAAQEAAAIBAQgF3WhsKAXgSFgoUCAESEAoCCAEK"
    "AggBCgIIBAoCCARiGwoBeRIWChQIARIQCgIIAQoCCAEKAggDCgIIA0IECgAQEQ=="
)


def import_onnxruntime() -> ModuleType:
    """The library: quiet, and where CUDA came as packages of Python's, with CUDA's libraries loaded."""
    onnxruntime = import_quietly("onnxruntime")
    _set_up(onnxruntime)
    return onnxruntime


@cache
def _set_up(onnxruntime: ModuleType) -> None:
    onnxruntime.disable_telemetry_events()
    onnxruntime.set_default_logger_severity(QUIET)  # providers that cannot be loaded complain to this logger
    if not onnx_build.is_plain() and hasattr(onnxruntime, "preload_dlls"):
        with silence_streams():  # it prints what it does not find
            onnxruntime.preload_dlls()


@cache
def can_use(provider: str) -> bool:
    """Whether a network really runs on an execution provider here: a build that has it may lack device or driver.

    Tried once in a process, on a convolution of sixteen numbers.
    """
    onnxruntime = import_onnxruntime()
    if provider not in onnxruntime.get_available_providers():
        return False
    options = onnxruntime.SessionOptions()
    options.log_severity_level = QUIET
    providers = list(dict.fromkeys((provider, CPU)))
    try:
        with silence_streams():
            session = onnxruntime.InferenceSession(PROBE, options, providers=providers, enable_fallback=0)
            (result,) = session.run(None, {"x": np.ones((1, 1, 4, 4), np.float32)})
    except Exception:
        return False
    return session.get_providers()[0] == provider and bool(np.allclose(result, 10, atol=0.1))


class OnnxNetwork:
    """A network loaded by onnxruntime, on the provider of `engine`, or on what it falls back to."""

    def __init__(self, path: Path, engine: str, resources: Resources) -> None:
        onnxruntime, is_shared = import_onnxruntime(), engine != "directml"
        options = onnxruntime.SessionOptions()
        options.log_severity_level = QUIET
        options.intra_op_num_threads = resources.threads or machine.count_cores()
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # same speed, and a quarter of the memory between runs
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leave the cores to the other steps
        options.enable_mem_pattern = is_shared  # DirectML does not work with it
        available = onnxruntime.get_available_providers()
        providers = [each for each in dict.fromkeys((PROVIDERS[engine], CPU)) if each in available]
        # without its own fallback, which prints: whoever plans knows what else to try
        self._session = onnxruntime.InferenceSession(path, options, providers=providers, enable_fallback=0)
        self._run_options = onnxruntime.RunOptions
        self.inputs: Mapping[str, Sequence[int | str]] = {each.name: each.shape for each in self._session.get_inputs()}
        self._outputs = [output.name for output in self._session.get_outputs()]
        self.label = name_provider(self._session.get_providers()[0])
        self._turn = nullcontext() if is_shared else threading.Lock()

    def run(self, feeds: Mapping[str, np.ndarray], outputs: Sequence[int | str], job: Job) -> list[np.ndarray]:
        """The `outputs`, by position or name; `Job.cancel` interrupts the run."""
        names = [self._outputs[each] if isinstance(each, int) else each for each in outputs]
        run_options = self._run_options()
        run_options.log_severity_level = QUIET

        def stop() -> None:
            run_options.terminate = True

        with job.call_on_cancel(stop), self._turn:
            results: list[np.ndarray] = self._session.run(names, dict(feeds), run_options)
            return results
