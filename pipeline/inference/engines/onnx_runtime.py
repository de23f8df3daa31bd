"""onnxruntime: every network, on every machine; on a GPU where its build has a provider for one."""

import os
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
from ...base.settings import Engine, Settings

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before its import: its official builds report to their maker by default

PROVIDERS: dict[Engine, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "rocm": "ROCMExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}
ONE_AT_A_TIME = {"DmlExecutionProvider"}  # its sessions may not run twice at once
QUIET = 4  # fatal errors only


def label(engine: Engine) -> str:
    """What people are told of `engine`."""
    return f"onnxruntime {PROVIDERS[engine].removesuffix('ExecutionProvider')}"


def has(engine: Engine) -> bool:
    """Whether this build of onnxruntime offers `engine`; the plain build is not imported to ask it for a GPU."""
    if engine == "cpu" or (engine in ("cuda", "rocm", "directml") and _is_plain()):
        return engine == "cpu"
    import onnxruntime

    return PROVIDERS[engine] in onnxruntime.get_available_providers()


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


class Network:
    """A network loaded by onnxruntime."""

    def __init__(self, path: Path, engine: Engine) -> None:
        import onnxruntime

        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = QUIET
        options.intra_op_num_threads = Settings.current().threads or machine.count_cores()
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # same speed, and a quarter of the memory stays taken between runs
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leave the cores to the other steps
        options.enable_mem_pattern = engine != "directml"  # which does not run with it
        there = onnxruntime.get_available_providers()
        providers = [each for each in dict.fromkeys((PROVIDERS[engine], PROVIDERS["cpu"])) if each in there]
        self._session = onnxruntime.InferenceSession(path, options, providers=providers)
        self._run_options = onnxruntime.RunOptions
        self.inputs: Mapping[str, Sequence[int | str]] = {each.name: each.shape for each in self._session.get_inputs()}
        self._outputs = [output.name for output in self._session.get_outputs()]
        provider = self._session.get_providers()[0]  # what really runs, not what was asked for
        self.label = f"onnxruntime {provider.removesuffix('ExecutionProvider')}"
        self._turn = threading.Lock() if provider in ONE_AT_A_TIME else nullcontext()

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
