"""``doctor`` and ``cache``: one sentence each, in every language, whatever is wrong."""

from typing import Any, get_args

import numpy as np
import pytest

from pipeline.base import machine
from pipeline.base.words import say
from pipeline.commands.command_line import main
from pipeline.inference import engines
from pipeline.inference.networks import Prediction
from pipeline.inference.predict import PredictionResult
from pipeline.registry.cards import Precision
from tests import house
from tests.machines import MACHINES, OnMachine

from .test_cache import prediction


@pytest.fixture
def own_cache(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARCUT_CACHE_DIR", str(tmp_path / "kept"))


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, list[str]]:
    """Sentences by what they are about."""
    said: dict[str, list[str]] = {}
    for line in capsys.readouterr().out.splitlines():
        title, _, sentence = line.partition("  ")
        said.setdefault(title, []).append(sentence.strip())
    return said


@pytest.mark.parametrize("name", MACHINES)
def test_the_doctor_tells_processor_engines_models_cache_and_tests_itself(
    name: str, u2netp: object, own_cache: None, on_machine: OnMachine, capsys: pytest.CaptureFixture[str]
) -> None:
    on_machine(MACHINES[name])
    assert main(["doctor"]) == 0
    said = told(capsys)
    assert {"Processor", "Memory", "Engines", "Providers", "u2netp", "Cache", "Self-test"} <= set(said)
    processor, features = machine.identify_processor()
    assert processor in said["Processor"][0] and f"{machine.count_cores()} cores" in said["Processor"][0]
    assert all(feature in said["Processor"][0] for feature in features)
    assert "onnxruntime" in said["Engines"][0] and "CPU" in said["Providers"][0]
    plans = {
        precision: engines.choose_plan(house.card("u2netp"), precision, house.settings())  # type: ignore[arg-type]
        for precision in get_args(Precision)
    }
    for precision, plan in plans.items():  # a line for each plan, which names the precisions that it is of
        assert any(engines.describe_plan(plan) in line and precision in line for line in said["u2netp"])
    assert len(said["u2netp"]) == len(set(plans.values()))
    assert "0 predictions" in said["Cache"][0] and "u2netp" in said["Self-test"][0]
    sentences = [sentence for title, each in said.items() if title != "Cache folder" for sentence in each]
    assert all(sentence.endswith(".") for sentence in sentences)


def test_sentences_stand_in_one_column(u2netp: object, capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    starts = {len(line) - len(line.split("  ", 1)[1].lstrip()) for line in lines}
    assert len(starts) == 1


def test_a_machine_without_the_model_is_told_so_and_nothing_else_is_lost(
    empty_models: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor"]) == 3
    out = capsys.readouterr().out
    assert "Traceback" not in out and "Processor" in out and "Self-test" in out


def test_a_part_that_breaks_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: Any, u2netp: object) -> None:
    def broken() -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(engines, "list_versions", broken)
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "ZeroDivisionError" in out and "Self-test" in out


def test_a_network_that_finds_nothing_fails_the_test(monkeypatch: Any, capsys: Any, u2netp: object) -> None:
    blind = PredictionResult(Prediction(np.zeros((8, 8), np.float32)), "blind")
    monkeypatch.setattr("pipeline.stages.predict", lambda *_, **__: blind)
    assert main(["doctor"]) == 1
    assert "u2netp" in capsys.readouterr().out.splitlines()[-1]


def test_the_cache_tells_its_entries_and_hit_rate_and_is_cleared(own_cache: None, capsys: Any) -> None:
    predictions = house.runtime().predictions
    predictions.put("key", prediction())
    predictions.get("key")
    assert main(["cache"]) == 0
    (said,) = told(capsys)["Cache"]
    assert "1 predictions" in said and "100%" in said
    assert main(["cache", "clear"]) == 0
    capsys.readouterr()
    main(["cache"])
    assert "0 predictions" in told(capsys)["Cache"][0]


@pytest.mark.parametrize("language", ["en_US.UTF-8", "zh_CN.UTF-8"])
def test_it_speaks_the_machines_language(language: str, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setenv("LC_ALL", language)
    main(["cache"])
    assert say("doctor.cache", language[:2] if language.startswith("en") else "zh-CN") in capsys.readouterr().out
