"""Machines other than the one that the tests run on: what is planned hangs on the processor, its cores and the engines.

``CLEARCUT_TEST_PROCESSOR`` (a key of `PROCESSORS`) and ``CLEARCUT_TEST_CORES`` pin those of a whole run of the tests.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pytest

from pipeline.base import machine
from pipeline.inference.running import CPU, onnx_build, onnx_runtime

OnMachine = Callable[..., None]  # the fixture `on_machine`
identify_this_processor = machine.identify_processor  # whatever it is taken for

CUDA = "CUDAExecutionProvider"
AVX2 = ("avx2", "fma")
AVX512 = (*AVX2, "avx512f", "avx512_vnni")
AMX = (*AVX512, "avx512_bf16", "amx_bf16", "amx_int8")
PROCESSORS = {"avx2": AVX2, "amx": AMX}


class Machine(NamedTuple):
    """What is known of a machine; None: as that which the tests run on."""

    features: tuple[str, ...] | None = None
    cores: int | None = None
    providers: tuple[str, ...] | None = None


THIS = Machine()
MACHINES = {
    "AVX2 only": Machine(AVX2),
    "AVX-512 with bf16 and AMX": Machine(AMX),
    "one core": Machine(cores=1),
    "sixteen cores": Machine(cores=16),
    "a GPU build without a GPU": Machine(providers=(CUDA, CPU)),
}


def pin(known: Machine, patch: pytest.MonkeyPatch) -> None:
    """Let this process take its machine for `known`."""
    if known.features is not None:
        patch.setattr(machine, "identify_processor", lambda: ("a processor of tests", known.features))
    if known.cores is not None:
        patch.setattr(machine, "count_cores", lambda: known.cores)
    if known.providers is not None:
        _pin_providers(known.providers, patch)


def _pin_providers(offered: Sequence[str], patch: pytest.MonkeyPatch) -> None:
    """A build of onnxruntime that offers these; sessions get those that are really here, as without the device."""
    import onnxruntime

    here, session = onnxruntime.get_available_providers(), onnxruntime.InferenceSession

    def make(path: Any, options: Any = None, providers: Sequence[str] = (), **more: Any) -> Any:
        return session(path, options, providers=[each for each in providers if each in here] or [CPU], **more)

    patch.setattr(onnx_build, "is_plain", lambda: set(offered) <= {CPU})
    patch.setattr(onnx_runtime, "can_use", onnx_runtime.can_use.__wrapped__)  # tried anew
    patch.setattr(onnxruntime, "get_available_providers", lambda: list(offered))
    patch.setattr(onnxruntime, "InferenceSession", make)


def read_pinned(environ: Mapping[str, str]) -> Machine:
    """The machine that a whole run of the tests is to take this one for."""
    processor, cores = (environ.get(f"CLEARCUT_TEST_{name}") for name in ("PROCESSOR", "CORES"))
    return Machine(PROCESSORS[processor] if processor else None, int(cores) if cores else None)
