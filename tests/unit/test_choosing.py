"""The model called automatic: the best that is installed and fits the machine."""

from pathlib import Path

import pytest

from pipeline.base.settings import Settings
from pipeline.inference.runtime import Runtime
from pipeline.registry import choosing
from pipeline.registry.choosing import resolve_model


def test_automatic_is_the_best_that_is_installed_and_fits(
    own_models: Path, isnet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(models_dir=own_models)
    assert resolve_model("automatic", settings) == "u2netp"
    (own_models / isnet.name).symlink_to(isnet)
    assert resolve_model("automatic", settings) == "best"
    assert resolve_model("isnet-general-use", settings) == "isnet-general-use"
    assert resolve_model("automatic", settings.model_copy(update={"pool_mb": 1000})) == "u2netp"
    monkeypatch.setattr(choosing, "measure_memory_mb", lambda: 2000.0)
    assert resolve_model("automatic", settings) == "u2netp"


def test_where_nothing_is_installed_automatic_is_the_one_that_is_fetched_in_a_moment(empty_models: Path) -> None:
    assert resolve_model("automatic", Settings(models_dir=empty_models)) == "u2netp"


def test_what_automatic_was_settled_to_stays(own_models: Path, isnet: Path) -> None:
    runtime, later = (Runtime(Settings(models_dir=own_models)) for _ in range(2))
    runtime.settle_automatic()
    (own_models / isnet.name).symlink_to(isnet)
    assert (runtime.resolve_model("automatic"), later.resolve_model("automatic")) == ("u2netp", "best")
    assert runtime.resolve_model("best") == "best"
