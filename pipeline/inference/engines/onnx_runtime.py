"""onnxruntime: every network, on every machine; on a GPU where its build has a provider for one."""

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
from ...base.settings import EngineName, Settings
from ...registry.catalog import Arithmetic, ModelCard, Precision
from .plans import Plan, WeightFile

CPU = "CPUExecutionProvider"
QUIET = 4  # fatal errors only
NEVER_PLAIN = ("cuda", "rocm", "directml")  # not in the package ``onnxruntime``, which knows processors only


def name_provider(provider: str) -> str:
    """What people are told of an execution provider."""
    return f"onnxruntime {provider.removesuffix('ExecutionProvider')}"


class OnnxRuntime:
    """The engine, with one of its execution providers.

    Parameters
    ----------
    name
        As the setting ``engine`` has it.
    provider
        As onnxruntime calls it.
    is_gpu
        Whether it is taken unasked wherever this build of onnxruntime has it.
    is_shared
        Whether its sessions may run twice at once.
    """

    packages = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml")

    def __init__(self, name: EngineName, provider: str, *, is_gpu: bool = False, is_shared: bool = True) -> None:
        self.name, self.title = name, provider
        self._is_gpu, self._is_shared = is_gpu, is_shared

    def describe(self, arithmetic: Arithmetic) -> str:
        """The provider, without the suffix that all have."""
        return name_provider(self.title)

    def is_here(self) -> bool:
        """Whether this build offers the provider; the plain build is not imported to ask it for a GPU."""
        if self.title == CPU or (self.name in NEVER_PLAIN and _is_plain()):
            return self.title == CPU
        import onnxruntime

        return self.title in onnxruntime.get_available_providers()

    def can_run(self, card: ModelCard) -> bool:
        """Whatever it is."""
        return True

    def choose_arithmetic(self, card: ModelCard, precision: Precision) -> Arithmetic:
        """32 bits."""
        return "f32"

    def offer(self, card: ModelCard, precision: Precision, settings: Settings) -> Plan | None:
        """A GPU is the best there is; the processor runs what nothing else was measured for."""
        if self._is_gpu:
            return Plan(self.name, why="gpu")
        return Plan(self.name) if self.title == CPU else None

    def load(self, file: WeightFile, arithmetic: Arithmetic, settings: Settings) -> "OnnxNetwork":
        """The network in `file`, on this provider, or on what onnxruntime itself takes where that fails."""
        return OnnxNetwork(file.path, self.title, settings, is_shared=self._is_shared)


@cache
def _is_plain() -> bool:
    """Whether the installed build is that of the package ``onnxruntime``, which knows processors only."""
    spec = find_spec("onnxruntime")
    for folder in (spec and spec.submodule_search_locations) or ():
        try:
            said = (Path(folder) / "capi" / "build_and_package_info.py").read_text(encoding="utf-8")
        except OSError:
            continue
        return re.search(r"^package_name\s*=\s*['\"]onnxruntime['\"]", said, re.MULTILINE) is not None
    return False


class OnnxNetwork:
    """A network loaded by onnxruntime."""

    def __init__(self, path: Path, provider: str, settings: Settings, *, is_shared: bool = True) -> None:
        import onnxruntime

        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = QUIET
        options.intra_op_num_threads = settings.threads or machine.count_cores()
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # same speed, and a quarter of the memory stays taken between runs
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leave the cores to the other steps
        options.enable_mem_pattern = is_shared  # DirectML does not run with it
        there = onnxruntime.get_available_providers()
        providers = [each for each in dict.fromkeys((provider, CPU)) if each in there]
        self._session = onnxruntime.InferenceSession(path, options, providers=providers)
        self._run_options = onnxruntime.RunOptions
        self.inputs: Mapping[str, Sequence[int | str]] = {each.name: each.shape for each in self._session.get_inputs()}
        self._outputs = [output.name for output in self._session.get_outputs()]
        self.label = name_provider(self._session.get_providers()[0])  # what really runs, not what was asked for
        self._turn = nullcontext() if is_shared else threading.Lock()

    def run(self, feeds: Mapping[str, np.ndarray], outputs: Sequence[int | str], job: Job) -> list[np.ndarray]:
        """The `outputs`, by position or name; `Job.cancel` breaks it off."""
        names = [self._outputs[each] if isinstance(each, int) else each for each in outputs]
        run_options = self._run_options()
        run_options.log_severity_level = QUIET

        def stop() -> None:
            run_options.terminate = True

        with job.stopped_by(stop), self._turn:
            results: list[np.ndarray] = self._session.run(names, dict(feeds), run_options)
            return results
