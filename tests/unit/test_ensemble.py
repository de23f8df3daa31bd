"""Several networks, one matte."""

from pathlib import Path

import numpy as np
import pytest

from pipeline import catalog, mattes, weights
from pipeline.catalog import Ensemble
from pipeline.cutout import cut_out
from pipeline.errors import ClearcutError
from pipeline.image_io import Photo
from pipeline.networks import Prediction
from pipeline.options import Options
from pipeline.runtime import Job, Session
from tests.pictures import composite, iou

BEST = catalog.card("best")
assert isinstance(BEST, Ensemble)


def flat(value: float, size: int) -> Prediction:
    return Prediction(np.full((size, size), value, np.float32))


@pytest.mark.parametrize(
    "one, other, both", [(0, 0, 0), (1, 1, 1), (0.05, 0.05, 0), (0.5, 0.5, 1), (0, 0.55, 0.5), (1, 0, 1)]
)
def test_mattes_are_averaged_and_their_levels_stretched(one: float, other: float, both: float) -> None:
    matte = mattes.blend([flat(one, 4), flat(other, 8)], BEST).matte
    assert matte.shape == (8, 8) and matte.dtype == np.float32
    assert np.allclose(matte, both, atol=1e-6)


def test_an_ensemble_is_as_large_as_its_files_and_as_strict_as_its_strictest_member(u2netp: Path, isnet: Path) -> None:
    members = [catalog.card("u2netp"), catalog.card("isnet-general-use")]
    assert weights.model_size(BEST) == sum(weights.model_size(member) for member in members)
    assert BEST.commercial_use == "unclear" and BEST.license_url == members[1].license_url


def test_what_is_missing_is_all_that_is_missing(own_models: Path, isnet: Path) -> None:
    assert [variant.file for variant in weights.missing(BEST)] == ["isnet-general-use-fp16.onnx"]
    with pytest.raises(ClearcutError) as caught:
        cut_out(Photo(composite().rgb), Options(model="best"))
    assert caught.value.code == "model_missing" and caught.value.facts["megabytes"] == 88
    weights.import_file(BEST, isnet)
    assert weights.is_installed(BEST)


def test_fast_then_best_costs_only_the_difference(u2netp: Path, isnet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    run = Session.run
    monkeypatch.setattr(Session, "run", lambda self, *given: ran.append(self.card.name) or run(self, *given))
    photo = Photo(composite().rgb)
    cut_out(photo, Options(model="u2netp"))
    best = cut_out(photo, Options(model="best"))
    assert ran == ["u2netp", "isnet-general-use"]
    assert iou(best.alpha, composite().alpha) > 0.97 and best.model == "best"
    mattes.predict(photo, "best", Job())
    assert len(ran) == 2
