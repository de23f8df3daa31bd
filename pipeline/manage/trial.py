"""The trial of an unknown network: run on a test picture in a child process with limits.

A weight file is like a program; one that takes all memory, never ends or reads other files must fail here, before it is
added to the catalogue. ``python -m pipeline.manage.trial`` is the child: it reads a task from standard input
and writes what it saw to standard output.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import cv2
import numpy as np
from pydantic import BaseModel, ValidationError

from ..base import machine
from ..base.errors import ClearcutError, Code, as_write_error
from ..base.jobs import Job
from ..base.process import import_quietly, make_command, prepare_process
from ..base.settings import Settings
from ..inference import engines, networks
from ..inference.networks import Prediction
from ..inference.sessions import Session
from ..pixels.image_io import decode
from ..registry.cards import ModelCard, Variant

SECONDS = 180
MEMORY_MB = 16_000
RANGE = (-0.05, 1.05)  # what a matte may hold before it is clipped
SHARE = (0.003, 0.997)  # fraction of the picture that a plausible subject covers
CLEARLY = 0.25  # difference of the mean matte within the drawn figure and outside of it,
TIMES, AT_LEAST = 4, 0.05  # or their ratio, and the least within, for networks that are unsure of a drawing


SEEN_AS: dict[Code, Code] = {
    "broken_weights": "trial_unreadable",
    "out_of_memory": "trial_limits",
}  # codes for the same errors of an unknown file


class Trial(BaseModel):
    """The result of a trial.

    Attributes
    ----------
    code, detail
        The error's code, empty where it succeeded, and what is to be said of it.
    size
        Width and height of the input that the file asks for, where that was to be followed.
    seconds, memory_mb
        Of one run, and the most that the child process held.
    share
        The fraction of the picture that is subject.
    """

    code: Code | Literal[""] = ""
    detail: str = ""
    size: tuple[int, int] | None = None
    seconds: float = 0
    memory_mb: float = 0
    share: float = 0


def draw_test_picture(size: int = 480) -> tuple[np.ndarray, np.ndarray]:
    """A drawn person, ``(size, size, 3)`` uint8, and where it is, ``(size, size)`` bool."""
    y, x = np.mgrid[:size, :size].astype(np.float32) / size
    wall = np.stack([150 + 40 * y, 170 + 30 * y, 185 + 20 * x], axis=2)
    wall += np.random.default_rng(0).normal(0, 2, (size, size, 1))
    picture = np.clip(wall, 0, 255).astype(np.uint8)
    figure = np.zeros((size, size), np.uint8)

    def draw_oval(centre: tuple[float, float], axes: tuple[float, float], colour: tuple[int, int, int]) -> None:
        place = [round(value * size) for value in centre], [round(value * size) for value in axes]
        for canvas, paint in ((picture, colour), (figure, (255, 0, 0))):
            cv2.ellipse(canvas, place[0], place[1], 0, 0, 360, paint, -1, cv2.LINE_AA)

    draw_oval((0.5, 1.02), (0.34, 0.38), (46, 74, 128))  # shoulders
    draw_oval((0.5, 0.62), (0.075, 0.12), (206, 156, 128))  # neck
    draw_oval((0.5, 0.36), (0.165, 0.22), (66, 44, 34))  # hair
    draw_oval((0.5, 0.40), (0.135, 0.185), (222, 172, 142))  # face
    for side in (-1, 1):
        draw_oval((0.5 + 0.055 * side, 0.38), (0.02, 0.012), (250, 250, 250))
        draw_oval((0.5 + 0.055 * side, 0.38), (0.009, 0.011), (50, 35, 30))
    draw_oval((0.5, 0.49), (0.045, 0.012), (176, 84, 84))
    return cv2.GaussianBlur(picture, (0, 0), size / 480), figure > 127


def try_network(
    card: ModelCard, file: Path, settings: Settings, picture: bytes | None = None, fit: bool = False
) -> Trial:
    """Run the network in `file` in a child process, fed and read as `card` says.

    Parameters
    ----------
    picture
        A photo's file; without it a drawn figure is used, in which the subject is known.
    fit
        Whether an input size that the file fixes replaces that of the card.

    Raises
    ------
    ClearcutError
        ``trial_unreadable``, ``trial_external`` (it wants other files), ``trial_failed``, ``trial_range``,
        ``trial_implausible`` or ``trial_limits``.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="clearcut-trial-") as folder:
            alone = (
                Path(folder) / "network.onnx"
            )  # alone in a folder, so that a file that refers to others does not find them
            shutil.copyfile(file, alone)
            if picture is not None:
                (Path(folder) / "picture").write_bytes(picture)
            known = {"card": card.model_dump(mode="json"), "settings": _strip_settings(settings)}
            trial = _ask_child(json.dumps({**known, "folder": folder, "fit": fit}))
    except OSError as error:
        raise as_write_error(error, file.name) from None
    if trial.code:
        facts = {"kind": card.kind, "detail": trial.detail, "seconds": SECONDS, "memory": choose_memory_limit()}
        raise ClearcutError(trial.code, file=file.name, **facts)
    return trial


def _ask_child(task: str) -> Trial:
    try:
        child = subprocess.run(
            make_command("pipeline.manage.trial"), input=task, text=True, timeout=SECONDS,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        return Trial.model_validate_json(child.stdout)
    except (subprocess.TimeoutExpired, ValidationError):  # killed by the limits, or too slow
        return Trial(code="trial_limits")


def _strip_settings(settings: Settings) -> dict[str, Any]:
    """The settings as JSON, without those of a server."""
    return Settings(**settings.model_dump(include=set(Settings.model_fields))).model_dump(mode="json")


def choose_memory_limit() -> int:
    """The memory that a trial may take, in MB: at most `MEMORY_MB` and 90 % of this machine's."""
    installed = machine.measure_memory_mb()
    return min(MEMORY_MB, round(0.9 * installed)) if installed else MEMORY_MB


# ---- the child -------------------------------------------------------------------------------------------------------


class _Refused(Exception):
    """The network failed the trial, with a code and a detail for its sentence."""

    def __init__(self, code: Code, detail: object = "") -> None:
        super().__init__(code)
        self.code, self.detail = code, str(detail)[:300]


def _limit_resources() -> None:
    """Limit memory, time and file sizes of this process; on Windows nothing."""
    try:
        import resource
    except ImportError:  # Windows, where the parent limits the time
        return
    resource.setrlimit(resource.RLIMIT_AS, (choose_memory_limit() << 20,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS * (os.cpu_count() or 1),) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _run_trial(card: ModelCard, settings: Settings, folder: Path, fit: bool) -> Trial:
    """Run the network in `folder` once. Raises `_Refused` and `ClearcutError`."""
    file = folder / "network.onnx"
    size = _read_input_size(file, card)
    if fit and size:
        card = card.model_copy(update={"feed": card.feed.model_copy(update={"size": size})})
    variant = Variant(file=file.name, bytes=1, sha256="0" * 64)
    session = Session(card, variant, file, engines.choose_plan(card, "exact", settings), settings)
    own = folder / "picture"
    picture, figure = (decode(own.read_bytes()).rgb, None) if own.exists() else draw_test_picture()
    family = networks.find_family(card)
    try:
        fed = family.feed(picture, card)
        start = perf_counter()
        results = session.run(fed.inputs, Job())
        seconds = perf_counter() - start
        prediction = family.read(results, card, fed)
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, ClearcutError) and error.code == "out_of_memory":
            raise
        raise _Refused("trial_failed", _describe_inputs(session) or error) from None
    if card.family == "saliency" and card.read.activation == "none":
        low, high = float(np.min(results[0])), float(np.max(results[0]))
        if not RANGE[0] <= low <= high <= RANGE[1]:
            raise _Refused("trial_range", f"{low:.2f} … {high:.2f}")
    share = _check_plausible(prediction, figure)
    return Trial(size=size if fit else None, seconds=seconds, memory_mb=machine.measure_peak_mb() or 0, share=share)


def _read_input_size(file: Path, card: ModelCard) -> tuple[int, int] | None:
    """Width and height of the network's first input; None where the file does not fix them."""
    onnxruntime = import_quietly("onnxruntime")

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        shape: list[Any] = onnxruntime.InferenceSession(file, options).get_inputs()[0].shape
    except Exception as error:
        external = "external" in str(error).lower()
        raise _Refused("trial_external" if external else "trial_unreadable") from None
    height, width = (shape[1:3] if card.feed.layout == "nhwc" else shape[2:4]) if len(shape) == 4 else (None, None)
    return (width, height) if isinstance(width, int) and isinstance(height, int) and width > 0 < height else None


def _describe_inputs(session: Session) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in session.inputs.items())


def _check_plausible(prediction: Prediction, figure: np.ndarray | None) -> float:
    """The fraction of the picture that is subject. Raises `_Refused` where the matte cannot be right."""
    matte = prediction.matte
    if matte.ndim != 2 or not np.isfinite(matte).all():
        raise _Refused("trial_implausible", "–")
    share = float((matte >= 0.5).mean())
    if not SHARE[0] <= share <= SHARE[1]:
        raise _Refused("trial_implausible", f"{share:.1%}")
    if figure is not None:
        inside_figure = cv2.resize(figure.astype(np.uint8), matte.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
        inside, outside = float(matte[inside_figure].mean()), float(matte[~inside_figure].mean())
        if inside - outside < CLEARLY and not inside >= max(AT_LEAST, TIMES * outside):
            raise _Refused("trial_implausible", f"{share:.1%}")
    return share


def _run_child() -> None:
    task = json.load(sys.stdin)
    prepare_process()
    _limit_resources()
    try:
        settings = Settings.model_validate(task["settings"])
        trial = _run_trial(ModelCard.model_validate(task["card"]), settings, Path(task["folder"]), task["fit"])
    except _Refused as refused:
        trial = Trial(code=refused.code, detail=refused.detail)
    except ClearcutError as error:
        trial = Trial(code=SEEN_AS.get(error.code, error.code))
    except MemoryError:
        trial = Trial(code="trial_limits")
    except Exception as error:
        trial = Trial(code="trial_failed", detail=type(error).__name__)
    print(trial.model_dump_json())


if __name__ == "__main__":
    _run_child()
