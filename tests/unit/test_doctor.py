"""``doctor`` and ``cache``: one sentence each, in every language, whatever is wrong."""

from typing import Any

import pytest

from pipeline.base import machine
from pipeline.commands.cache import word
from pipeline.commands.command_line import main
from pipeline.inference import engines
from pipeline.inference.cache import CACHE
from pipeline.inference.networks import Prediction

from .test_cache import prediction


@pytest.fixture
def own_cache(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARCUT_CACHE_DIR", str(tmp_path / "kept"))


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    lines = capsys.readouterr().out.splitlines()
    return dict(line.split("  ", 1) for line in lines)


def test_the_doctor_tells_processor_engines_models_cache_and_tests_itself(
    u2netp: object, own_cache: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor"]) == 0
    said = told(capsys)
    assert {"Processor", "Memory", "Engines", "Providers", "u2netp", "Cache", "Self-test"} <= set(said)
    assert str(machine.count_cores()) in said["Processor"]
    assert "onnxruntime" in said["Engines"] and "CPU" in said["Providers"]
    from pipeline import find_card

    assert engines.choose_plan(find_card("u2netp")).label in said["u2netp"]  # type: ignore[arg-type]
    assert "0 predictions" in said["Cache"] and "u2netp" in said["Self-test"]
    assert all(sentence.rstrip().endswith(".") for title, sentence in said.items() if title != "Cache folder")


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

    monkeypatch.setattr(engines, "versions", broken)
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "ZeroDivisionError" in out and "Self-test" in out


def test_a_network_that_finds_nothing_fails_the_test(monkeypatch: Any, capsys: Any, u2netp: object) -> None:
    import numpy as np

    from pipeline.inference import predict as mattes
    from pipeline.inference.predict import PredictionResult

    blind = PredictionResult(Prediction(np.zeros((8, 8), np.float32)), "blind")
    monkeypatch.setattr(mattes, "predict", lambda *_, **__: blind)
    assert main(["doctor"]) == 1
    assert "u2netp" in capsys.readouterr().out.splitlines()[-1]


def test_the_cache_tells_its_entries_and_hit_rate_and_is_cleared(own_cache: None, capsys: Any) -> None:
    CACHE.put("key", prediction())
    CACHE.get("key")
    assert main(["cache"]) == 0
    said = told(capsys)["Cache"]
    assert "1 predictions" in said and "100%" in said
    assert main(["cache", "clear"]) == 0
    capsys.readouterr()
    main(["cache"])
    assert "0 predictions" in told(capsys)["Cache"]


@pytest.mark.parametrize("language", ["en_US.UTF-8", "zh_CN.UTF-8"])
def test_it_speaks_the_machines_language(language: str, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setenv("LC_ALL", language)
    main(["cache"])
    assert word("cache") in capsys.readouterr().out
