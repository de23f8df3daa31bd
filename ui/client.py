"""What programs with Gradio's client call: one endpoint with all options by name, a file in and a file out."""

import inspect
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from pipeline import ClearcutError, InputFiles, Options, clean_name, list_presets, say

from .controls import PROPERTIES
from .results import Results
from .settings import PageSettings

FILES = {"background_image": "cli.background_image", "trimap": "cli.trimap"}  # beside the photo, which has to be there
TYPES = {"boolean": bool, "integer": int, "number": float}


class Named(Protocol):
    """A cut-out as a file."""

    @property
    def data(self) -> bytes:
        """The file."""

    @property
    def name(self) -> str:
        """Its name."""


class _Made(NamedTuple):
    """A cut-out in a folder of its own, and when it was made."""

    file: Path
    at: float


class ClientWork:
    """Cut-outs for programs, made by `cut`, under names that cannot be guessed, for as long as results are kept."""

    def __init__(self, settings: PageSettings, cut: Callable[[InputFiles, Options], Named], results: Results) -> None:
        self._settings, self._cut, self._seconds = settings, cut, results.seconds
        self._made: dict[str, _Made] = {}
        self._lock = threading.Lock()
        results.swept_too.append(self._sweep)

    def remove_background(self, image: Path, **given: Any) -> str:
        """Cut a photo out with options, marks and files by name; where the result is, as ``key/name``.

        Raises as `cut`, ``too_large``, ``expired``.
        """
        behind, trimap = (given.pop(name, None) for name in FILES)
        marks = str(given.pop("marks", "") or "").encode() or None
        options = Options.of(**given, background_image=behind is not None)
        files = InputFiles(
            self._read(image),
            behind and self._read(behind),
            image.name,
            behind.name if behind else "",
            marks,
            trimap and self._read(trimap),
        )
        result = self._cut(files, options)
        key, file = secrets.token_urlsafe(16), Path(tempfile.mkdtemp(prefix="made-")) / clean_name(result.name)
        file.write_bytes(result.data)
        with self._lock:
            self._made[key] = _Made(file, time.monotonic())
        return f"{key}/{file.name}"

    def find(self, key: str, name: str) -> Path:
        """The file of a cut-out. Raises ``expired``."""
        with self._lock:
            made = self._made.get(key)
        if made is None or made.file.name != name:
            raise ClearcutError("expired")
        return made.file

    def _read(self, file: Path) -> bytes:
        try:
            data = file.read_bytes()
        except OSError:
            raise ClearcutError("expired") from None
        if len(data) > self._settings.max_mb * 1e6:
            raise ClearcutError("too_large", megabytes=round(len(data) / 1e6, 1), limit=self._settings.max_mb)
        return data

    def _sweep(self) -> None:
        with self._lock:
            old = [key for key, made in self._made.items() if time.monotonic() - made.at > self._seconds]
            gone = [self._made.pop(key).file.parent for key in old]
        for folder in gone:
            shutil.rmtree(folder, ignore_errors=True)


def describe_parameters() -> dict[str, str]:
    """What each parameter of the endpoint is for, by its name; the photo first."""
    words = {"image": say("page.choose"), **{name: say(key) for name, key in FILES.items()}, "marks": say("cli.marks")}
    words["preset"] = say("cli.preset", names=", ".join(list_presets()))
    return words | {name: say(f"option.{name}.help") for name in Options.model_fields}


def make_signature(file: type, answer: type) -> inspect.Signature:
    """The endpoint's parameters with their types, from the options themselves; what is not given is None."""
    hints: dict[str, Any] = dict.fromkeys(FILES, file | None)
    hints |= {"marks": str | None, "preset": Literal[tuple(list_presets())] | None}
    hints |= {name: _find_type(field) | None for name, field in PROPERTIES.items()}
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    optional = [inspect.Parameter(name, kind, default=None, annotation=hint) for name, hint in hints.items()]
    photo = inspect.Parameter("image", kind, annotation=file)
    return inspect.Signature([photo, *optional], return_annotation=answer)


def _find_type(field: dict[str, Any]) -> Any:
    return Literal[tuple(field["enum"])] if "enum" in field else TYPES.get(field.get("type", ""), str)


def with_signature(function: Callable[..., Any], signature: inspect.Signature) -> Callable[..., Any]:
    """`function`, which takes what comes, as if its parameters stood in its definition."""
    function.__signature__ = signature  # type: ignore[attr-defined]
    hints = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    function.__annotations__ = hints | {"return": signature.return_annotation}
    return function
