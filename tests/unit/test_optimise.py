"""8-bit integers: kept where they are as good and faster, used where `fast` is asked for, and nowhere else.

NNCF, which few have installed, is stood in for by a program that gives the network back as it is, or spoilt.
"""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from pipeline.base.errors import ClearcutError
from pipeline.commands.command_line import main
from pipeline.cutout import cut_out
from pipeline.inference import engines
from pipeline.inference.engines import ENGINES
from pipeline.inference.running import optimised_networks
from pipeline.inputs import Inputs
from pipeline.manage import optimise
from pipeline.manage.local_models import remove_model
from pipeline.manage.optimise import Outcome
from pipeline.options.options import Options
from pipeline.pixels.image_io import Photo
from pipeline.registry import weights
from pipeline.registry.cards import Card, ModelCard, Precision
from tests import house
from tests.machines import AMX, AVX2, OnMachine
from tests.networks import network
from tests.pictures import composite, encoded

pytestmark = pytest.mark.skipif(not ENGINES["openvino"].is_here(), reason="no OpenVINO here")
FINDS_RED = network(
    "net (float[1, 3, 64, 64] x) => (float[1, 1, 64, 64] y) "
    "<float[1, 3, 1, 1] kernel = {1, 0, 0}> { y = Conv(x, kernel) }"
)
STAND_IN = """import json, sys
from pathlib import Path
import openvino
given, output, folder = sys.argv[1], json.loads(sys.argv[2]), Path(sys.argv[3])
calibrate, judge, truth = ({file.read_bytes() for file in folder.glob(f"{kind}-*.npy")} for kind in KINDS)
assert calibrate and judge and truth and not calibrate & judge, "judged by what it was calibrated with"
network = openvino.Core().read_model(given)
made = network.output(output).node.input_value(0)
made = openvino.opset13.subtract(openvino.opset13.constant(1.0, dtype="f4"), made) if SPOILT else made
openvino.save_model(openvino.Model([openvino.opset13.result(made)], network.get_parameters()), folder / "made.xml")
"""
QUANTISER = optimise.QUANTISER
RED = np.broadcast_to(np.array([255, 0, 0], np.uint8), (32, 32, 3)).copy()


@pytest.fixture
def card(enter: Callable[..., Card], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelCard:
    monkeypatch.setenv("CLEARCUT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(optimise, "find_spec", lambda name: name)
    stands_in(monkeypatch, tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    made = enter("reds", FINDS_RED, kind="anime", feed={"size": [64, 64], "resize": "stretch"})
    assert isinstance(made, ModelCard)
    return made


def stands_in(monkeypatch: pytest.MonkeyPatch, folder: Path, spoilt: bool = False) -> None:
    (folder / "stand_in.py").write_text(f"SPOILT, KINDS = {spoilt}, ('calibrate', 'judge', 'truth')\n{STAND_IN}")
    monkeypatch.setattr(optimise, "QUANTISER", "stand_in")


def run_optimise(card: ModelCard) -> Outcome:
    return optimise.optimise(card, house.runtime())


def run_by(card: ModelCard, precision: Precision) -> tuple[str, str]:
    plan = engines.choose_plan(card, precision, house.settings())
    return engines.describe_plan(plan), plan.why


EVERYWHERE = pytest.mark.parametrize(
    ("features", "tolerance"), [(AVX2, 0), (AMX, 1e-3)], ids=["AVX2", "AMX"]
)  # where layers that stay as they are run in bf16, pixels at the threshold may fall on its other side


@EVERYWHERE
def test_what_is_as_good_and_faster_is_kept_for_fast_alone(
    features: tuple[str, ...],
    tolerance: float,
    card: ModelCard,
    on_machine: OnMachine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on_machine(features=features)
    monkeypatch.setattr(optimise, "FASTER", 1e9)
    outcome = run_optimise(card)
    assert outcome.kept and outcome.is_as_good and abs(outcome.after.iou - outcome.before.iou) <= tolerance
    assert run_by(card, "fast") == ("OpenVINO int8", "optimised")
    assert run_by(card, "exact")[0] != "OpenVINO int8"
    for precision in get_args(Precision):
        cutout = cut_out(Inputs(Photo(RED)), Options(model="reds", precision=precision))
        assert cutout.engine == run_by(card, precision)[0] and cutout.alpha.min() == 255


def test_what_is_not_faster_leaves_everything_as_it_was(card: ModelCard, monkeypatch: pytest.MonkeyPatch) -> None:
    before = run_by(card, "fast")
    monkeypatch.setattr(optimise, "FASTER", 0)
    outcome = run_optimise(card)
    assert outcome.is_as_good and not outcome.kept and run_by(card, "fast") == before


def test_what_is_not_as_good_is_not_kept_however_fast(
    card: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stands_in(monkeypatch, tmp_path, spoilt=True)
    monkeypatch.setattr(optimise, "FASTER", 1e9)
    outcome = run_optimise(card)
    assert not outcome.is_as_good and not outcome.kept and run_by(card, "fast")[0] != "OpenVINO int8"
    assert not list((tmp_path / "cache" / "optimised").iterdir())


def test_other_weights_are_not_run_by_what_was_made_of_these(
    card: ModelCard, enter: Callable[..., Card], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimise, "FASTER", 1e9)
    run_optimise(card)
    (_, path) = weights.find_checked(card, house.settings())
    assert optimised_networks.read_record(path, "f" * 64, house.settings().store) is None


def test_what_was_made_of_a_model_goes_with_it(
    card: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimise, "FASTER", 1e9)
    assert run_optimise(card).kept
    remove_model(card, house.runtime())
    assert not list((tmp_path / "cache" / "optimised").iterdir())


@pytest.mark.parametrize("kind", ["xml", "bin", "json"])
def test_what_was_spoilt_on_the_disk_hurts_nobody(
    kind: str, card: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimise, "FASTER", 1e9)
    run_optimise(card)
    (file,) = (tmp_path / "cache" / "optimised").glob(f"*.{kind}")
    file.write_bytes(file.read_bytes()[:-20])
    cutout = cut_out(Inputs(Photo(RED)), Options(model="reds", precision="fast"))
    assert cutout.alpha.min() == 255 and cutout.warnings == ()
    assert run_by(card, "fast")[0] != "OpenVINO int8"  # from now on as before


def test_a_quantiser_that_fails_is_told_in_a_sentence(
    card: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "stand_in.py").write_text("raise SystemExit('no such luck')")
    assert main(["models", "optimise", "reds"]) != 0
    said = capsys.readouterr().err
    assert "no such luck" in said and "Traceback" not in said


def test_what_is_missing_is_told_before_anything_is_done(card: ModelCard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimise, "find_spec", lambda name: None)
    with pytest.raises(ClearcutError) as caught:
        run_optimise(card)
    assert (caught.value.code, caught.value.facts["package"]) == ("needs_package", "nncf")


def test_networks_whose_output_is_no_matte_or_whose_input_has_any_shape_are_refused(card: ModelCard) -> None:
    logits = card.model_copy(update={"read": card.read.model_copy(update={"activation": "sigmoid"})})
    any_shape = card.model_copy(update={"feed": card.feed.model_copy(update={"resize": "short-side"})})
    for other in (logits, any_shape):
        with pytest.raises(ClearcutError, match="not_optimisable"):
            run_optimise(other)


def test_where_an_engine_is_asked_for_nothing_is_made_that_would_not_be_used(
    card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARCUT_ENGINE", "openvino")
    with pytest.raises(ClearcutError, match="not_optimisable"):
        run_optimise(card)


def test_what_was_made_anew_is_what_runs_from_then_on(
    card: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the runtime has the integers of before in memory."""
    monkeypatch.setattr(optimise, "FASTER", 1e9)
    options = Options(model="reds", precision="fast")
    for spoilt, alpha in ((False, 255), (True, 0)):
        stands_in(monkeypatch, tmp_path, spoilt)
        monkeypatch.setattr(optimise, "WORSE", 1)
        assert run_optimise(card).kept
        assert cut_out(Inputs(Photo(RED)), options).alpha.max() == alpha


def test_an_attempt_that_fails_leaves_what_was_kept_before(
    card: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimise, "FASTER", 1e9)
    run_optimise(card)
    (tmp_path / "stand_in.py").write_text("raise SystemExit('no such luck')")
    with pytest.raises(ClearcutError, match="optimise_failed"):
        run_optimise(card)
    assert run_by(card, "fast")[0] == "OpenVINO int8"


def test_an_empty_checksum_breaks_no_plan(card: ModelCard, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> str:
        raise IndexError

    monkeypatch.setattr(weights, "read_checksum", none)
    assert run_by(card, "fast")[0] != "OpenVINO int8"


def test_photos_and_masks_of_ones_own_are_calibrated_with_and_judged_by(
    card: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("images", "masks"):
        (tmp_path / "own" / folder).mkdir(parents=True)
    for number in range(4):
        ball = composite(90, 70, seed=number)
        (tmp_path / "own" / "images" / f"{number}.png").write_bytes(encoded(ball.rgb))
        (tmp_path / "own" / "masks" / f"{number}.png").write_bytes(encoded(ball.alpha))
    (tmp_path / "own" / "images" / "notes.txt").write_text("not a picture")
    pictures = optimise.read_pictures(tmp_path / "own")
    assert len(pictures) == 4 and all(each.truth.shape == (70, 90) for each in pictures)
    monkeypatch.setattr(optimise, "FASTER", 1e9)
    assert main(["models", "optimise", "reds", str(tmp_path / "own")]) == 0
    assert "kept" in capsys.readouterr().out


def test_a_folder_without_pictures_is_told(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ClearcutError, match="folder_empty"):
            optimise.read_pictures(folder)


def test_drawn_pictures_are_alike_each_time_and_unlike_each_other() -> None:
    first, again = optimise.draw_pictures(3), optimise.draw_pictures(3)
    assert all(np.array_equal(one.rgb, other.rgb) for one, other in zip(first, again, strict=True))
    assert not np.array_equal(first[0].rgb, first[1].rgb)
    assert all(0.02 < (each.truth > 127).mean() < 0.8 for each in first)


NNCF = """import openvino
try:
    import openvino_telemetry
except ImportError:
    pass
else:
    raise SystemExit("somebody would be told")
Dataset = lambda items, load=None: [load(each) if load else each for each in items]
QuantizationPreset = type("", (), {"MIXED": 1})
AdvancedAccuracyRestorerParameters = lambda **how: None
IgnoredScope = lambda names: names
def quantize_with_accuracy_control(model, calibrate, judge, iou, max_drop, **how):
    assert all(each.shape == tuple(model.inputs[0].shape) for each in calibrate) and max_drop == 0.005
    mean, each = iou(openvino.Core().compile_model(model, "CPU"), judge)
    assert 0 < mean <= 1 and len(each) == len(judge)
    return model
"""


@EVERYWHERE
def test_the_real_quantiser_feeds_and_judges_a_network_and_lets_nobody_be_told(
    features: tuple[str, ...],
    tolerance: float,
    card: ModelCard,
    on_machine: OnMachine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on_machine(features=features)
    monkeypatch.setattr(optimise, "QUANTISER", QUANTISER)
    monkeypatch.setattr(optimise, "FASTER", 1e9)
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "nncf.py").write_text(NNCF)
    (tmp_path / "packages" / "openvino_telemetry.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "packages"))
    outcome = run_optimise(card)
    assert outcome.kept and abs(outcome.after.iou - outcome.before.iou) <= tolerance
