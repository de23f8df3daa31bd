"""The stages of a cut-out, watched: which are run, and what each reads; and a network that needs no weights."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from pipeline import Options, Photo, Runtime, stages
from pipeline.base.jobs import Job
from pipeline.inference.networks import Prediction
from pipeline.inference.predict import PredictionResult
from pipeline.options.options import Stage
from tests.pictures import composite

FUNCTIONS: dict[Stage, str] = {
    "find": "find_subject",
    "matte": "make_matte",
    "edges": "cut_edges",
    "colour": "find_colours",
    "compose": "compose",
}  # of stages.py
FIELDS = frozenset(Options.model_fields)
SIDE = 40  # pixels of what the network below answers


def stages_reading(name: str) -> dict[Stage, Any]:
    """The stages that a field says it is read by, each with the values that it tells apart, or None for all."""
    return Options.model_fields[name].json_schema_extra["read_by"]  # type: ignore[index, return-value]


def watch(monkeypatch: pytest.MonkeyPatch, around: Callable[[Stage, Callable[[], Any]], Any]) -> None:
    """Have ``around(stage, run)`` run each stage."""

    def watched(stage: Stage, real: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *given, **named: around(stage, lambda: real(*given, **named))

    for stage, name in FUNCTIONS.items():
        monkeypatch.setattr(stages, name, watched(stage, vars(stages)[name]))


def note_stages(monkeypatch: pytest.MonkeyPatch) -> list[Stage]:
    """Grows by each stage that is run."""
    seen: list[Stage] = []

    def noting(stage: Stage, run: Callable[[], Any]) -> Any:
        seen.append(stage)
        return run()

    watch(monkeypatch, noting)
    return seen


class ReadingNoted(Options):
    """Options that note which of their fields are read, while something listens."""

    def __getattribute__(self, name: str) -> Any:
        if name in FIELDS and LISTENING:
            LISTENING[-1].add(name)
        return super().__getattribute__(name)


LISTENING: list[set[str]] = []


@contextmanager
def listening() -> Iterator[set[str]]:
    """The fields that are read while inside."""
    LISTENING.append(set())
    try:
        yield LISTENING[-1]
    finally:
        LISTENING.pop()


def fake_predict(
    photo: Photo, model: str, runtime: Runtime, job: Job, cache: bool, keep: Any, precision: str, *_: Any
) -> PredictionResult:
    """A soft ball, somewhere else for each question."""
    asked = hashlib.sha256(repr((model, keep, precision)).encode()).digest()
    matte = np.roll(composite(SIDE, SIDE, 8).alpha, (asked[0] % 5, asked[1] % 5), (0, 1)) / np.float32(255)
    return PredictionResult(Prediction(matte), "fake")


def answer_without_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `fake_predict` be every network, none of which has a file."""
    monkeypatch.setattr(stages, "predict", fake_predict)
    monkeypatch.setattr(stages.weights, "stamp", lambda card, settings: (card.name,))
