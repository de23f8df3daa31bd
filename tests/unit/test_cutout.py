"""The one path, with the real weights: from a photo to its cut-out."""

import threading
from collections.abc import Callable
from time import sleep

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline import (
    Draft,
    InputFiles,
    Inputs,
    Job,
    Options,
    Photo,
    cut_out,
    cut_out_bytes,
    cut_out_file,
    cutout,
    decode,
)
from pipeline.base import jobs
from pipeline.base.errors import ClearcutError
from pipeline.inference import engines
from pipeline.inference.running import onnx_runtime, open_vino
from pipeline.inference.sessions import Session
from tests import house
from tests.pictures import composite, encoded, iou, off, opened, photo

pytestmark = pytest.mark.usefixtures("u2netp")
MODELS = ["u2netp", "isnet-general-use"]


def options(model: str, request: pytest.FixtureRequest, **others: float) -> Options:
    """Options for `model`, whose weights are fetched if need be."""
    request.getfixturevalue(model.split("-")[0])
    return Options(model=model, **others)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by one engine's name with every run of a network."""
    seen: list[str] = []
    run = Session.run

    def counted(self: Session, *args: object) -> list[np.ndarray]:
        seen.append(self.engine)
        return run(self, *args)

    monkeypatch.setattr(Session, "run", counted)
    return seen


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(ClearcutError) as caught:
        call()
    return caught.value.code


@pytest.mark.parametrize(
    ("model", "width", "height"),
    [("u2netp", 640, 480), ("u2netp", 1200, 1600), ("isnet-general-use", 800, 600)],
)
def test_a_ball_on_a_wall_is_cut_out(model, width, height, request):
    one = composite(width, height)
    cutout = cut_out(Inputs(Photo(one.rgb)), options(model, request))
    assert iou(cutout.alpha, one.alpha) >= 0.97
    assert off(cutout.alpha, one.alpha) <= 0.006 * 255
    engine = engines.describe_plan(engines.choose_plan(house.card(model), "exact", house.settings()))
    assert (cutout.model, cutout.engine, cutout.warnings) == (model, engine, ())


@pytest.mark.parametrize(("model", "first", "floor"), [("u2netp", 12, 0.9), ("isnet-general-use", 2, 0.93)])
def test_people_are_cut_out(model, first, floor, truth, request):
    chosen, found = options(model, request), []
    for path in sorted((truth / "people" / "images").iterdir())[:first]:
        with Image.open(truth / "people" / "masks" / f"{path.stem}.png") as mask:
            found.append(iou(cut_out(Inputs(decode(path.read_bytes())), chosen).alpha, np.asarray(mask.convert("L"))))
    assert len(found) == first
    assert np.mean(found) >= floor


@pytest.mark.parametrize(
    ("size", "mode"), [((1, 1), "RGB"), ((1, 1), "RGBA"), ((1, 2000), "RGB"), ((2000, 1), "RGBA"), ((901, 603), "RGB")]
)
def test_every_size_comes_out_at_that_size(size, mode):
    pixels = np.asarray(Image.fromarray(photo()).resize(size).convert(mode))
    result = cut_out_file(InputFiles(encoded(pixels)), Options(feather=3))
    assert result.original_size == result.cutout.photo.size == size
    assert opened(result.data).shape == (size[1], size[0], 4)


def test_a_cutout_is_a_photo_without_its_background():
    rgb = photo()
    cutout = cut_out(Inputs(Photo(rgb)))
    assert (cutout.rgb.dtype, cutout.alpha.dtype, cutout.alpha.shape) == (np.uint8, np.uint8, rgb.shape[:2])
    assert not cutout.rgb[cutout.alpha == 0].any()
    solid = cutout.alpha == 255
    assert solid.any() and np.array_equal(cutout.rgb[solid], rgb[solid])
    assert list(cutout.seconds) == ["find", "matte", "edges", "colour", "compose"]


def test_a_mirrored_view_of_an_array_works_as_well():
    turned = photo()[:, ::-1, ::-1]
    assert not turned.flags.c_contiguous
    whole = cut_out(Inputs(Photo(np.ascontiguousarray(turned))), cache=False)
    assert np.array_equal(cut_out(Inputs(Photo(turned)), cache=False).alpha, whole.alpha)


def test_a_file_carries_what_the_cutout_holds():
    result = cut_out_file(InputFiles(encoded(photo(), "JPEG", dpi=(300, 300)), name="cat.jpg"))
    assert np.array_equal(opened(result.data), np.dstack((result.cutout.rgb, result.cutout.alpha)))
    assert decode(result.data).dpi == pytest.approx((300, 300), abs=0.02)
    assert result.cutout.photo.name == "cat.jpg"
    assert list(result.cutout.seconds) == ["decode", "find", "matte", "edges", "colour", "compose", "encode"]


def test_bytes_in_bytes_out_is_the_same_path():
    data = encoded(photo(), "JPEG")
    assert cut_out_bytes(data, feather=2) == cut_out_file(InputFiles(data), Options(feather=2)).data


def test_the_same_photo_gives_the_same_bytes():
    data = encoded(photo("coffee"), "JPEG")
    assert cut_out_bytes(data, cache=False, feather=1.5) == cut_out_bytes(data, cache=False, feather=1.5)


def test_feather_changes_only_what_is_near_the_edge():
    rgb, reach = composite(640, 480).rgb, 8
    hard, soft = (cut_out(Inputs(Photo(rgb)), Options(feather=pixels)).alpha for pixels in (0, reach))
    near = np.ones((4 * reach + 1, 4 * reach + 1), np.uint8)
    flat = cv2.dilate(hard, near) == cv2.erode(hard, near)
    assert (flat & (hard == 255)).any() and (flat & (hard == 0)).any()
    assert np.array_equal(soft[flat], hard[flat])
    assert ((soft > 0) & (soft < 255)).sum() > 2 * ((hard > 0) & (hard < 255)).sum()


GRAIN = np.clip(128 + np.random.default_rng(0).normal(0, 12, (480, 640, 3)), 0, 255).astype(np.uint8)
EMPTY = {shade: np.full((300, 400, 3), shade, np.uint8) for shade in (0, 90, 255)} | {"grain": GRAIN}


@pytest.mark.parametrize(
    ("model", "picture"), [*(("u2netp", picture) for picture in EMPTY), ("isnet-general-use", "grain")]
)
def test_a_picture_of_nothing_stays_empty(model, picture, request):
    cutout = cut_out(Inputs(Photo(EMPTY[picture])), options(model, request, feather=2))
    assert not cutout.alpha.any() and not cutout.rgb.any()
    assert cutout.warnings == ("nothing_found",)


def test_a_second_run_runs_no_network(runs):
    data = encoded(photo(), "PNG")
    first, second = cut_out_bytes(data), cut_out_bytes(data)
    assert len(runs) == 1
    assert first == second


def test_the_same_pixels_under_another_name_run_no_network(runs):
    cut_out_file(InputFiles(encoded(photo(), compress_level=1), name="cat.png"))
    for format, how in {"PNG": {}, "BMP": {}, "TIFF": {"dpi": (72, 72)}, "WEBP": {"lossless": True}}.items():
        cut_out_file(InputFiles(encoded(photo(), format, **how), name="kitten"), Options(feather=4))
    assert len(runs) == 1


def test_other_pixels_run_the_network_again(runs):
    for rgb in (photo(), photo()[:, ::-1], photo("coffee")):
        cut_out(Inputs(Photo(np.ascontiguousarray(rgb))))
    assert len(runs) == 3


def test_without_the_cache_every_run_counts(runs):
    cut_out(Inputs(Photo(photo())))
    for _ in range(2):
        cut_out(Inputs(Photo(photo())), cache=False)
    assert len(runs) == 3


def test_what_is_run_without_the_cache_is_not_kept(runs):
    cut_out(Inputs(Photo(photo())), cache=False)
    cut_out(Inputs(Photo(photo())))
    assert len(runs) == 2


def test_what_was_transparent_stays_transparent():
    one = composite(640, 480)
    own = np.full(one.alpha.shape, 255, np.uint8)
    own[:, :320] = 128
    own[:240] = 0
    cutout = cut_out(Inputs(decode(encoded(np.dstack((one.rgb, own))))))
    assert not cutout.alpha[:240].any() and not cutout.rgb[:240].any()
    assert (cutout.alpha <= own).all()
    assert cutout.alpha[300, 330] > 250 and 120 < cutout.alpha[300, 310] <= 128


def test_colours_under_transparency_are_not_seen(runs):
    one = composite(320, 240)
    for hidden in (0, 77):
        rgb = np.where(one.alpha[..., None] > 0, one.subject, np.uint8(hidden))
        cut_out(Inputs(Photo(rgb, one.alpha)))
    assert len(runs) == 1


def test_a_model_nobody_knows_is_named():
    with pytest.raises(ClearcutError) as caught:
        cut_out_bytes(encoded(photo()), model="u3net")
    assert (caught.value.code, caught.value.facts["model"]) == ("unknown_model", "u3net")
    assert "u2netp" in caught.value.facts["known"]


def test_options_out_of_bounds_are_named():
    with pytest.raises(ClearcutError) as caught:
        cut_out_bytes(b"", feather=51)
    assert (caught.value.code, caught.value.facts["name"]) == ("bad_option", "feather")


def test_missing_weights_are_named(empty_models):
    with pytest.raises(ClearcutError) as caught:
        cut_out(Inputs(Photo(photo())))
    assert caught.value.code == "model_missing"
    assert (caught.value.facts["model"], caught.value.facts["file"]) == ("u2netp", "u2netp.onnx")


def test_a_broken_file_says_so_with_its_name():
    with pytest.raises(ClearcutError) as caught:
        cut_out_file(InputFiles(b"dear diary", name="diary.jpg"))
    assert (caught.value.code, caught.value.facts) == ("not_a_picture", {"name": "diary.jpg"})


def test_a_broken_background_says_so_with_its_name_and_that_it_is_the_background():
    files = InputFiles(encoded(photo()), b"dear diary", "cat.jpg", "diary.jpg")
    with pytest.raises(ClearcutError) as caught:
        cut_out_file(files, Options.of(background="image", background_image=True))
    facts = {"name": "diary.jpg", "part": "background"}
    assert (caught.value.code, caught.value.facts) == ("not_a_picture", facts)
    with pytest.raises(ClearcutError) as caught:
        Draft("cat.jpg", 800, house.runtime()).cut_out(files.photo, Options(background="image"), b"", None, "diary.jpg")
    assert (caught.value.code, caught.value.facts) == ("empty_file", facts)


@pytest.mark.parametrize(
    ("error", "code"),
    [(RuntimeError("?"), "unexpected"), (MemoryError(), "out_of_memory"), (OSError(28, ""), "disk_full")],
)
def test_what_nobody_foresaw_is_a_clearcut_error(error, code, monkeypatch):
    def fail(*_: object) -> bytes:
        raise error

    monkeypatch.setattr(cutout, "encode_within", fail)
    assert code_of(lambda: cut_out_bytes(encoded(photo()))) == code


def test_a_file_is_cut_out_in_a_run_slot():
    with house.runtime().slots.hold(Job()):
        assert code_of(lambda: cut_out_file(InputFiles(encoded(photo())), job=Job(most_ahead=0))) == "busy"


def test_a_job_cancelled_before_it_starts_runs_nothing(runs):
    job = Job()
    job.cancel()
    assert code_of(lambda: cut_out_file(InputFiles(encoded(photo())), job=job)) == "cancelled"
    assert code_of(lambda: cut_out(Inputs(Photo(photo())), job=job)) == "cancelled"
    assert not runs


@pytest.mark.parametrize("step", ["reading", "loading", "finding", "finishing"])
def test_a_job_cancelled_at_any_step_ends_there(step):
    class Stopped(Job):
        def enter(self, reached: jobs.Step) -> None:
            super().enter(reached)
            if reached == step:
                self.cancel()

    job = Stopped()
    assert code_of(lambda: cut_out_file(InputFiles(encoded(photo())), job=job)) == "cancelled"
    assert job.step == step
    assert cut_out_bytes(encoded(photo()))  # the slot is free again


@pytest.mark.parametrize("engine", ["cpu", "openvino"])
def test_a_running_network_is_broken_off(engine, isnet, monkeypatch):
    monkeypatch.setenv("CLEARCUT_ENGINE", engine)
    kind = open_vino.OpenVinoNetwork if engine == "openvino" else onnx_runtime.OnnxNetwork
    if engine == "openvino" and not engines.ENGINES["openvino"].is_here():
        pytest.skip("no OpenVINO here")
    job, seen, run = Job(), [], kind.run
    house.runtime().pool.get(house.card("isnet-general-use"))

    def watched(*given: object) -> object:
        seen.append("started")
        said = run(*given)
        seen.append("finished")
        return said

    def cancel_once_it_runs() -> None:
        while not seen:
            sleep(0.001)
        sleep(0.05)
        job.cancel()

    monkeypatch.setattr(kind, "run", watched)
    threading.Thread(target=cancel_once_it_runs, daemon=True).start()
    assert code_of(lambda: cut_out(Inputs(Photo(photo())), Options(model="isnet-general-use"), job=job)) == "cancelled"
    assert seen == ["started"]
    monkeypatch.setattr(kind, "run", run)
    assert cut_out(Inputs(Photo(composite(64, 48).rgb)), Options(model="isnet-general-use")).alpha.any()


def test_an_option_that_changes_nothing_is_warned_of_but_not_in_a_draft() -> None:
    photo, options = composite(80, 60).rgb, Options.of(shadow_blur=9, feather=1)
    cutout = cut_out(Inputs(Photo(photo)), options, house.runtime())
    assert (cutout.warnings, cutout.without_effect) == (("no_effect",), ("shadow_blur",))
    assert cut_out_file(InputFiles(encoded(photo)), options, house.runtime()).cutout.warnings == ("no_effect",)
    assert Draft("a.png", 100, house.runtime()).cut_out(encoded(photo), options).cutout.warnings == ()
