"""All engines, in order of preference between plans with the same reason."""

from ...base.settings import EngineName
from .mnn import Mnn
from .onnx_runtime import OnnxRuntime
from .open_vino import OpenVino
from .plans import Engine

LAST: EngineName = "cpu"  # the fallback: it runs every network on every machine
ON_PROCESSOR: tuple[EngineName, ...] = ("cpu", "openvino", "mnn")
ENGINES: dict[EngineName, Engine] = {
    engine.name: engine
    for engine in (
        OnnxRuntime("cuda", is_gpu=True),
        OnnxRuntime("rocm", is_gpu=True),
        OnnxRuntime("directml", is_gpu=True),
        OnnxRuntime("coreml"),
        Mnn(),
        OpenVino(),
        OnnxRuntime("cpu"),
    )
}


def list_versions() -> dict[str, str]:
    """Versions of the engines' installed packages, by name, read without importing them."""
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for package in dict.fromkeys(package for engine in reversed(ENGINES.values()) for package in engine.packages):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
