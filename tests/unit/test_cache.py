"""Predictions that are kept: in memory, on disk, between processes, within bounds, and never in anybody's way."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.base import files
from pipeline.base.settings import ROOT
from pipeline.cutout import cut_out
from pipeline.inference import cache
from pipeline.inference.cache import FOLDER, CacheUsage, PredictionCache, pack, unpack
from pipeline.inference.networks import Prediction
from pipeline.inference.running import compiled_networks
from pipeline.inference.runtime import Runtime
from pipeline.inputs import Inputs
from pipeline.options.options import Options
from pipeline.pixels.image_io import Photo
from pipeline.registry.cards import Card
from tests import house
from tests.networks import network

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLEARCUT_CACHE_DIR", str(tmp_path / "kept"))
    return tmp_path / "kept"


def prediction(seed: int = 0, size: tuple[int, int] = (64, 48)) -> Prediction:
    return Prediction(np.random.default_rng(seed).random(size, np.float32)).round_matte()


def make_cache() -> PredictionCache:
    """As of a process that starts now."""
    return PredictionCache(house.settings())


def list_files() -> list[Path]:
    return [each.path for each in house.settings().store.list_entries(FOLDER)]


def measure() -> CacheUsage:
    return make_cache().measure()


def same(one: Prediction | None, other: Prediction) -> bool:
    return one is not None and all(
        np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(one.planes, other.planes, strict=True)
    )


FULL = Prediction(
    RNG.random((9, 7), np.float32),
    foreground=RNG.integers(0, 256, (9, 7, 3), np.uint8),
    labels=RNG.integers(0, 3, (9, 7), np.uint8),
    shares=RNG.random((9, 7, 4)).astype(np.float16),
).round_matte()


@pytest.mark.parametrize("kept", [prediction(), FULL, Prediction(np.zeros((1, 1), np.float32))])
def test_a_prediction_comes_back_as_it_was_to_the_bit(kept: Prediction) -> None:
    assert same(unpack(pack(kept)), kept)


def test_rounding_changes_a_matte_by_less_than_a_hundredth_of_a_grey_level() -> None:
    matte = RNG.random((100, 100), np.float32)
    assert np.abs(Prediction(matte).round_matte().matte - matte).max() < 0.01 / 255


def test_what_one_process_keeps_another_finds() -> None:
    kept = prediction()
    make_cache().put("key", kept)
    code = """import os; from pipeline import Runtime, Settings; kept = Runtime(Settings.read(os.environ)).predictions
print(float(kept.get('key').matte.sum()), kept.get('other'))"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(float(kept.matte.sum())), "None"]


def test_files_are_for_this_user_alone(folder: Path) -> None:
    make_cache().put("key", prediction())
    make_cache().get("key")
    assert folder.stat().st_mode & 0o777 == (folder / FOLDER).stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o600}


def test_nothing_that_is_kept_is_a_pickle() -> None:
    make_cache().put("key", prediction())
    (file,) = list_files()
    assert file.read_bytes().startswith(b"clearcut prediction 1\n")


@pytest.mark.parametrize("spoil", [lambda d: d[: len(d) // 2], lambda d: b"", lambda d: d[:-40] + b"x" + d[-39:]])
def test_a_spoilt_entry_is_not_there_and_goes(spoil: Callable[[bytes], bytes]) -> None:
    make_cache().put("key", prediction())
    (file,) = list_files()
    file.write_bytes(spoil(file.read_bytes()))
    assert make_cache().get("key") is None
    assert not list_files()


@pytest.mark.parametrize("content", [b"of another version", b"clearcut prediction 1\n{}\nx", cache.MAGIC + b"[1]\n"])
def test_a_whole_file_of_something_else_is_not_there_and_goes(content: bytes) -> None:
    assert house.settings().store.write(FOLDER, cache._name_file("key"), content, 1e9)
    assert make_cache().get("key") is None
    assert not list_files()


def test_the_disk_holds_no_more_than_the_setting_and_forgets_what_was_not_used(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    size = len(pack(prediction())) + files.END.size
    monkeypatch.setenv("CLEARCUT_CACHE_DISK_MB", str(4.5 * size / 1e6))
    for number in range(8):
        make_cache().put(str(number), prediction(number))
        os.utime(folder / FOLDER / cache._name_file(str(number)), (1000 + number, time.time()))
        if number >= 3:
            assert make_cache().get("0") is not None  # used now
    assert len(list_files()) <= 4
    assert [n for n in range(8) if make_cache().get(str(n))] == [0, 5, 6, 7]


def test_what_is_too_old_is_not_there(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("CLEARCUT_CACHE_DAYS", "2")
    for key, days in (("young", 1.9), ("old", 2.1), ("unseen", 2.1)):
        make_cache().put(key, prediction())
        when = time.time() - days * 86400
        os.utime(folder / FOLDER / cache._name_file(key), (time.time(), when))
    assert make_cache().get("young") and make_cache().get("old") is None
    assert measure().entries == 1


def test_using_it_does_not_make_it_younger(monkeypatch: pytest.MonkeyPatch) -> None:
    make_cache().put("key", prediction())
    path, when = list_files()[0], time.time() - 5000
    os.utime(path, (when, when))
    assert make_cache().get("key")
    assert path.stat().st_mtime == pytest.approx(when, abs=1)
    assert path.stat().st_atime > when + 1000


@pytest.mark.parametrize(("name", "value"), [("CACHE", "0"), ("CACHE_DISK_MB", "0")])
def test_switched_off_nothing_is_written(name: str, value: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv(f"CLEARCUT_{name}", value)
    one = make_cache()
    one.put("key", prediction())
    assert not list_files()
    assert (one.get("key") is None) == (name == "CACHE")


RED = np.broadcast_to(np.array([255, 0, 0], np.uint8), (8, 8, 3)).copy()
FINDS_RED = network(
    "net (float[1, 3, 8, 8] x) => (float[1, 1, 8, 8] y) <float[1, 3, 1, 1] k = {1, 0, 0}> { y = Conv(x, k) }"
)


@pytest.mark.parametrize(("name", "value"), [("CACHE", "0"), ("CACHE_DISK_MB", "0")])
def test_switched_off_a_cut_out_leaves_no_trace_in_the_folder_not_even_a_tally(
    name: str, value: str, enter: Callable[..., Card], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv(f"CLEARCUT_{name}", value)
    enter("reds", FINDS_RED, kind="anime", feed={"size": [8, 8]})
    for _ in range(2):
        cut_out(Inputs(Photo(RED)), Options(model="reds"), Runtime(house.settings()))
    assert not folder.exists()
    assert (measure().entries, measure().hits, measure().misses) == (0, 0, 0) and not folder.exists()


def test_switched_off_the_folder_holds_what_is_made_of_models_and_nothing_of_a_photo(
    monkeypatch: pytest.MonkeyPatch, folder: Path, u2netp: Path
) -> None:
    monkeypatch.setenv("CLEARCUT_CACHE_DISK_MB", "0")
    cut_out(Inputs(Photo(RED)), Options(model="u2netp"), Runtime(house.settings()))
    kept = {path.relative_to(folder).parts[0] for path in folder.rglob("*") if path.is_file()}
    assert kept <= {compiled_networks.FOLDER}


def test_a_folder_that_cannot_be_made_fails_nothing(folder: Path) -> None:
    folder.write_text("in the way")
    one = make_cache()
    one.put("key", prediction())
    assert one.get("key") is not None and make_cache().get("key") is None
    assert measure().entries == 0
    house.runtime().forget()


def test_a_full_disk_fails_nothing_and_leaves_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    one = make_cache()
    one.put("key", prediction())
    assert one.get("key") is not None and not list_files()


def test_what_is_larger_than_the_disk_may_hold_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARCUT_CACHE_DISK_MB", "0.001")
    make_cache().put("key", prediction())
    assert not list_files()


def test_forgetting_leaves_nothing_in_memory_on_disk_or_in_the_count() -> None:
    runtime = house.runtime()
    runtime.predictions.put("key", prediction())
    assert runtime.predictions.get("key")
    runtime.forget()
    assert not list_files() and runtime.predictions.get("key") is None
    assert measure().hits == 0


def test_a_running_process_forgets_when_another_was_told_to() -> None:
    here = make_cache()
    here.put("key", prediction())
    assert here.get("key")
    command = [sys.executable, "-m", "pipeline", "cache", "clear"]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    assert here.get("key") is None


def test_hits_of_memory_and_disk_are_counted_for_all_processes() -> None:
    one, other = make_cache(), make_cache()
    assert one.get("key") is None
    one.put("key", prediction())
    assert one.get("key") and other.get("key") and other.get("key")
    assert (measure().hits, measure().misses, measure().hit_rate) == (3, 1, 0.75)


WRITES_FOR_EVER = """
import numpy as np, itertools, os
from pipeline import Settings
from pipeline.inference.cache import PredictionCache
from pipeline.inference.networks import Prediction
matte = Prediction(np.random.default_rng(0).random((512, 512), np.float32)).round_matte()
print("ready", flush=True)
for number in itertools.count():
    PredictionCache(Settings.read(os.environ)).put(str(number % 7), matte)
"""


def test_processes_that_write_at_once_and_are_killed_leave_whole_entries() -> None:
    command = [sys.executable, "-c", WRITES_FOR_EVER]
    writers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(2)]
    for writer in writers:
        assert writer.stdout and writer.stdout.readline()
    end = time.monotonic() + 60
    while len(list_files()) < 7 and time.monotonic() < end:
        time.sleep(0.01)
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    whole = [make_cache().get(str(number)) for number in range(7)]
    assert len({each.matte.tobytes() for each in whole if each}) == 1 and all(whole)
    for path in list_files():
        if path.name.endswith(files.PART):
            os.utime(path, (1, 1))
    house.settings().store.sweep(FOLDER)
    assert len(list_files()) == 7


def test_the_newest_file_of_the_folder_is_no_way_out_of_it(folder: Path) -> None:
    """Keys are digests: whatever a model is called, its predictions stay in their folder."""
    make_cache().put("../../outside", prediction())
    (file,) = list_files()
    assert file.parent == folder / FOLDER
