"""One who cuts photos out in a process of its own: ``python -m benchmarks.contender clearcut|rembg MODEL``.

It runs in whatever interpreter has the engine, so it imports that and nothing else. Orders come as lines of JSON on
standard input, an answer follows each on standard output.
"""

import io
import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

Cut = Callable[[Any, dict[str, Any]], Any]  # photo as bytes, how → PNG as bytes; rembg also image → image


def clearcut(model: str) -> Cut:
    """This project. `how`: ``options``, ``cache``; ``refined``, whatever its default may be."""
    from pipeline import InputFiles, Options, cut_out_file, prepare_process

    prepare_process()

    def cut(data: bytes, how: dict[str, Any]) -> bytes:
        refined = {"refine": "guided"} if how.get("refined") else {}
        options = Options(model=model, **refined, **how.get("options", {}))
        return cut_out_file(InputFiles(data), options, cache=how.get("cache", False)).data

    return cut


def rembg(model: str) -> Cut:
    """rembg. `how`: ``refined`` is its alpha matting."""
    from rembg import new_session, remove

    session = new_session(model)

    def cut(data: Any, how: dict[str, Any]) -> Any:
        return remove(data, session=session, alpha_matting=how.get("refined", False))

    return cut


def peak_mb() -> float:
    """The most memory that this process has held, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # in getrusage, what the parent held at the start counts too
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def engine(who: str) -> str:
    """Who this is, with its version and that of what runs its networks."""
    if who != "clearcut":
        return f"{who} {version(who)}, onnxruntime {version('onnxruntime')}"
    from pipeline import __version__
    from pipeline.inference.engines import list_versions

    return ", ".join([f"Clearcut {__version__}", *(f"{name} {number}" for name, number in list_versions().items())])


def _decoded(photo: str) -> Any:
    """Pixels, for those who want reading and writing files left out of the time."""
    from PIL import Image

    return Image.open(photo).convert("RGB")


def _encoded(image: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def main() -> None:
    """Answer order after order until there are no more."""
    who, model = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever an engine prints is no answer
    cut = {"clearcut": clearcut, "rembg": rembg}[who](model)
    print(json.dumps(engine(who)), file=answers, flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        data = _decoded(order["photo"]) if order["how"].get("pixels") else Path(order["photo"]).read_bytes()
        wall, cpu = time.perf_counter(), time.process_time()
        png = cut(data, order["how"])
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        Path(order["target"]).write_bytes(png if isinstance(png, bytes) else _encoded(png))
        print(json.dumps([wall, cpu, peak_mb()]), file=answers, flush=True)


if __name__ == "__main__":
    main()
