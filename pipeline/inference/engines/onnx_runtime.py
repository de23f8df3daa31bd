"""onnxruntime: runs every network on every machine, and on a GPU where its build has a provider for one."""

import re
import threading
from base64 import b64decode
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np

from ...base import machine
from ...base.jobs import Job
from ...base.process import import_quietly, silence_streams
from ...base.settings import EngineName, Settings
from ...registry.cards import Arithmetic, ModelCard, Precision
from .plans import Plan, WeightFile

CPU = "CPUExecutionProvider"
QUIET = 4  # fatal errors only
NEVER_PLAIN = ("cuda", "rocm", "directml")  # not in the package ``onnxruntime``
# probe (float[1, 1, 4, 4] x) => (float[1, 1, 3, 3] y) <float[1, 1, 2, 2] w = {1, 2, 3, 4}> { y = Conv(x, w) }
PROBE = b64decode(
    "CAg6dQoRCgF4CgF3EgF5IgRDb252OgASBXByb2JlKh8IAQgBCAIIAhABIhAAAIA/AAAAQAAAQEAAAIBAQgF3WhsKAXgSFgoUCAESEAoCCAEK"
    "AggBCgIIBAoCCARiGwoBeRIWChQIARIQCgIIAQoCCAEKAggDCgIIA0IECgAQEQ=="
)


def name_provider(provider: str) -> str:
    """An execution provider's name for people: ``onnxruntime CPU`` of ``CPUExecutionProvider``."""
    return f"onnxruntime {provider.removesuffix('ExecutionProvider')}"


class OnnxRuntime:
    """onnxruntime with one of its execution providers.

    Parameters
    ----------
    name
        The value of the setting ``engine``.
    provider
        Its name in onnxruntime.
    is_gpu
        Whether it is preferred wherever this build of onnxruntime has it.
    is_shared
        Whether several threads may run a session at once.
    """

    packages = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml")

    def __init__(self, name: EngineName, provider: str, *, is_gpu: bool = False, is_shared: bool = True) -> None:
        self.name, self.title = name, provider
        self._is_gpu, self._is_shared = is_gpu, is_shared

    def describe(self, arithmetic: Arithmetic) -> str:
        """The provider's name for people."""
        return name_provider(self.title)

    def is_here(self) -> bool:
        """Whether this build has the provider and the provider works; the processor-only build is not imported."""
        if self.title == CPU or (self.name in NEVER_PLAIN and _is_plain()):
            return self.title == CPU
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

    def load(self, file: WeightFile, arithmetic: Arithmetic, settings: Settings) -> "OnnxNetwork":
        """Load the network in `file` on this provider, or on the one that onnxruntime falls back to."""
        return OnnxNetwork(file.path, self.title, settings, is_shared=self._is_shared)


def import_onnxruntime() -> ModuleType:
    """The library: quiet, and where CUDA came as packages of Python's, with CUDA's libraries loaded."""
    onnxruntime = import_quietly("onnxruntime")
    _set_up(onnxruntime)
    return onnxruntime


@cache
def _set_up(onnxruntime: ModuleType) -> None:
    onnxruntime.disable_telemetry_events()
    onnxruntime.set_default_logger_severity(QUIET)  # providers that cannot be loaded complain to this logger
    if not _is_plain() and hasattr(onnxruntime, "preload_dlls"):
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


@cache
def _is_plain() -> bool:
    """Whether the installed build is that of the package ``onnxruntime``, which has no provider for GPUs."""
    spec = find_spec("onnxruntime")
    for folder in (spec and spec.submodule_search_locations) or ():
        try:
            text = (Path(folder) / "capi" / "build_and_package_info.py").read_text(encoding="utf-8")
        except OSError:
            continue
        return re.search(r"^package_name\s*=\s*['\"]onnxruntime['\"]", text, re.MULTILINE) is not None
    return False


class OnnxNetwork:
    """A network loaded by onnxruntime."""

    def __init__(self, path: Path, provider: str, settings: Settings, *, is_shared: bool = True) -> None:
        onnxruntime = import_onnxruntime()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = QUIET
        options.intra_op_num_threads = settings.threads or machine.count_cores()
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # same speed, and a quarter of the memory between runs
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leave the cores to the other steps
        options.enable_mem_pattern = is_shared  # DirectML does not work with it
        available = onnxruntime.get_available_providers()
        providers = [each for each in dict.fromkeys((provider, CPU)) if each in available]
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
