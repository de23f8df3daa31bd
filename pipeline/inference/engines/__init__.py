"""What runs a network: the engine and arithmetic planned for it, one module an engine, and falling back."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, cast

import numpy as np

from ...base import machine
from ...base.jobs import Job
from ...base.settings import Engine, Settings
from ...registry import weights
from ...registry.catalog import Arithmetic, ModelCard, Precision
from . import mnn, onnx_runtime, open_vino, optimised

__all__ = ["Loaded", "Plan", "load", "plan"]

log = logging.getLogger("clearcut")
GPUS: tuple[Engine, ...] = ("cuda", "rocm", "directml")  # `auto` takes the first that this build of onnxruntime has
PACKAGES: dict[Engine, str] = {"openvino": "openvino", "mnn": "MNN"}  # engines beside onnxruntime
Why = Literal["asked", "missing", "gpu", "optimised", "measured", "only"]


class Loaded(Protocol):
    """A network that an engine has loaded. Safe to call from several threads."""

    inputs: Mapping[str, Sequence[int | str]]  # names and shapes
    label: str  # the engine as people are told, and as the cache keeps it apart: what really runs

    def run(self, feeds: Mapping[str, np.ndarray], outputs: Sequence[int | str], job: Job) -> list[np.ndarray]:
        """The `outputs`, by position or name; `Job.cancel` breaks it off."""


class Plan(NamedTuple):
    """What is going to run a network, known before anything is loaded.

    Attributes
    ----------
    engine
        Never one that is not here.
    arithmetic
        Of the multiplications.
    why
        ``asked``; ``missing``: another was asked for, which cannot do it here; ``gpu``; ``optimised``: made, and
        measured, on this machine; ``measured``: the faster one for this network; ``only``: no other was measured for
        it, or none is here.
    """

    engine: Engine
    arithmetic: Arithmetic = "f32"
    why: Why = "only"

    @property
    def label(self) -> str:
        """As `Loaded.label`, if all goes well."""
        if self.engine == "mnn":
            return mnn.LABEL
        return open_vino.label(self.arithmetic) if self.engine == "openvino" else onnx_runtime.label(self.engine)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Codes of what a person should know of it."""
        return ("engine_fallback",) if self.why == "missing" else ()


def plan(card: ModelCard, precision: Precision = "exact") -> Plan:
    """What runs `card` at `precision` on this machine; an engine that cannot is told of in the log, once."""
    wanted = Settings.current().engine
    if wanted == "auto":
        return _best(card, precision)
    if not _has(wanted, card):
        _tell(wanted)
        return Plan("cpu", why="missing")
    return Plan(wanted, _arithmetic(card, precision) if wanted == "openvino" else "f32", "asked")


def _has(engine: Engine, card: ModelCard) -> bool:
    if engine == "mnn":  # with networks that it cannot run it may end the process
        return card.arithmetic is not None and mnn.is_here()
    return open_vino.is_here() if engine == "openvino" else onnx_runtime.has(engine)


def _best(card: ModelCard, precision: Precision) -> Plan:
    gpu = next((engine for engine in GPUS if onnx_runtime.has(engine)), None)
    if gpu:
        return Plan(gpu, why="gpu")
    if precision == "fast" and _is_optimised(card):
        return Plan("openvino", "int8", "optimised")
    if card.arithmetic is None:
        return Plan("cpu")
    arithmetic = _arithmetic(card, precision)
    if arithmetic == "f32" and machine.has_avx2_at_most() and mnn.is_here():
        return Plan("mnn", why="measured")
    if open_vino.is_here():
        return Plan("openvino", arithmetic, "measured")
    return Plan("cpu")


def _is_optimised(card: ModelCard) -> bool:
    found = weights.find(card)
    if found is None or not open_vino.is_here():
        return False
    variant, path = found
    try:
        return optimised.read_facts(path, weights.read_checksum(variant, path)) is not None
    except (OSError, IndexError, ValueError):  # its checksum was removed in this moment, or is none
        return False


def _arithmetic(card: ModelCard, precision: Precision) -> Arithmetic:
    """The coarsest that was measured to hold `precision`, where this processor gains by it."""
    coarsest = getattr(card.arithmetic, precision) if card.arithmetic else "f32"
    return cast(Arithmetic, coarsest if machine.multiplies_halves() else "f32")


def load(path: Path, planned: Plan, checksum: str, outputs: Sequence[int | str] | None = None) -> tuple[Loaded, Plan]:
    """The network in the file at `path` as planned, and the plan; in the end onnxruntime, where that fails.

    Parameters
    ----------
    checksum
        Of the file, under which what is compiled from it may be kept.
    outputs
        Positions or names of those that will ever be asked for; all without.
    """
    for plan in (planned, *_instead(planned)):
        try:
            network = _loaded(path, plan, checksum, outputs)
        except Exception as error:
            if plan.engine not in PACKAGES:
                raise
            log.info("%s cannot run %s: %s", plan.label, path.name, error)
            if plan.why == "optimised":
                optimised.delete(path)
            continue
        if network.label == plan.label:
            if plan is not planned and plan.why == "missing":
                _tell(planned.engine)
            return network, plan
    _tell(planned.engine)  # onnxruntime itself took another provider
    return network, Plan("cpu", why="missing")


def _instead(planned: Plan) -> list[Plan]:
    """What is tried where the engine that was planned fails, in this order."""
    if planned.engine not in PACKAGES:
        return []
    measured = planned.why == "measured" and planned.engine == "mnn" and open_vino.is_here()
    other = [Plan("openvino", why="measured")] if measured else []
    return [*other, Plan("cpu", why="only" if planned.why in ("measured", "optimised") else "missing")]


def _loaded(path: Path, plan: Plan, checksum: str, outputs: Sequence[int | str] | None) -> Loaded:
    if plan.engine == "mnn":
        return mnn.Network(path, checksum, outputs)
    if plan.engine == "openvino":
        return open_vino.Network(path, plan.arithmetic, checksum, outputs)
    return onnx_runtime.Network(path, plan.engine)


def _tell(engine: Engine) -> None:
    if engine not in _told:
        _told.add(engine)
        name, instead = PACKAGES.get(engine) or onnx_runtime.PROVIDERS[engine], onnx_runtime.PROVIDERS["cpu"]
        log.warning("the engine %s (%s) cannot do the work here: %s does", engine, name, instead)


_told: set[Engine] = set()


def versions() -> dict[str, str]:
    """The engines that are here, with their versions; nothing is loaded for it."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", *PACKAGES.values()):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
