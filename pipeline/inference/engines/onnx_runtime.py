"""onnxruntime: runs every network on every machine, and on a GPU where its build has a provider for one."""

import re
import threading
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ...base import machine
from ...base.jobs import Job
from ...base.process import import_quietly
from ...base.settings import EngineName, Settings
from ...registry.cards import Arithmetic, ModelCard, Precision
from .plans import Plan, WeightFile

CPU = "CPUExecutionProvider"
QUIET = 4  # fatal errors only
NEVER_PLAIN = ("cuda", "rocm", "directml")  # not in the package ``onnxruntime``


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
        """Whether this build has the provider; the processor-only build is recognised without importing it."""
        if self.title == CPU or (self.name in NEVER_PLAIN and _is_plain()):
            return self.title == CPU
        onnxruntime = import_quietly("onnxruntime")

        return self.title in onnxruntime.get_available_providers()

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
        onnxruntime = import_quietly("onnxruntime")

        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = QUIET
        options.intra_op_num_threads = settings.threads or machine.count_cores()
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # same speed, and a quarter of the memory between runs
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leave the cores to the other steps
        options.enable_mem_pattern = is_shared  # DirectML does not work with it
        available = onnxruntime.get_available_providers()
        providers = [each for each in dict.fromkeys((provider, CPU)) if each in available]
        self._session = onnxruntime.InferenceSession(path, options, providers=providers)
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
