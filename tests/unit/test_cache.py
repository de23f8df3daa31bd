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

from pipeline.base import files as storage
from pipeline.base.settings import ROOT
from pipeline.inference import cache
from pipeline.inference.cache import CACHE, FOLDER, PredictionCache, facts, forget, pack, unpack
from pipeline.inference.networks import Prediction

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLEARCUT_CACHE_DIR", str(tmp_path / "kept"))
    return tmp_path / "kept"


def prediction(seed: int = 0, size: tuple[int, int] = (64, 48)) -> Prediction:
    return Prediction(np.random.default_rng(seed).random(size, np.float32)).rounded()


def files() -> list[Path]:
    return [each.path for each in storage.kept(FOLDER)]


def same(one: Prediction | None, other: Prediction) -> bool:
    return one is not None and all(
        np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(one.planes, other.planes, strict=True)
    )


FULL = Prediction(
    RNG.random((9, 7), np.float32),
    foreground=RNG.integers(0, 256, (9, 7, 3), np.uint8),
    labels=RNG.integers(0, 3, (9, 7), np.uint8),
    shares=RNG.random((9, 7, 4)).astype(np.float16),
).rounded()


@pytest.mark.parametrize("kept", [prediction(), FULL, Prediction(np.zeros((1, 1), np.float32))])
def test_a_prediction_comes_back_as_it_was_to_the_bit(kept: Prediction) -> None:
    assert same(unpack(pack(kept)), kept)


def test_rounding_changes_a_matte_by_less_than_a_hundredth_of_a_grey_level() -> None:
    matte = RNG.random((100, 100), np.float32)
    assert np.abs(Prediction(matte).rounded().matte - matte).max() < 0.01 / 255


def test_what_one_process_keeps_another_finds() -> None:
    kept = prediction()
    PredictionCache().put("key", kept)
    code = "from pipeline.cache import CACHE; print(float(CACHE.get('key').matte.sum()), CACHE.get('other'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(float(kept.matte.sum())), "None"]


def test_files_are_for_this_user_alone(folder: Path) -> None:
    CACHE.put("key", prediction())
    CACHE.get("key")
    assert folder.stat().st_mode & 0o777 == (folder / FOLDER).stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o600}


def test_nothing_that_is_kept_is_a_pickle() -> None:
    CACHE.put("key", prediction())
    (file,) = files()
    assert file.read_bytes().startswith(b"clearcut prediction 1\n")


@pytest.mark.parametrize("spoil", [lambda d: d[: len(d) // 2], lambda d: b"", lambda d: d[:-40] + b"x" + d[-39:]])
def test_a_spoilt_entry_is_not_there_and_goes(spoil: Callable[[bytes], bytes]) -> None:
    PredictionCache().put("key", prediction())
    (file,) = files()
    file.write_bytes(spoil(file.read_bytes()))
    assert PredictionCache().get("key") is None
    assert not files()


@pytest.mark.parametrize("content", [b"of another version", b"clearcut prediction 1\n{}\nx", cache.MAGIC + b"[1]\n"])
def test_a_whole_file_of_something_else_is_not_there_and_goes(content: bytes) -> None:
    storage.keep(FOLDER, cache._name("key"), content, 1e9)
    assert PredictionCache().get("key") is None
    assert not files()


def test_the_disk_holds_no_more_than_the_setting_and_forgets_what_was_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(pack(prediction())) + storage.END.size
    monkeypatch.setenv("CLEARCUT_CACHE_DISK_MB", str(4.5 * size / 1e6))
    for number in range(8):
        PredictionCache().put(str(number), prediction(number))
        os.utime(storage.folder(FOLDER) / cache._name(str(number)), (1000 + number, time.time()))  # type: ignore[operator]
        if number >= 3:
            assert PredictionCache().get("0") is not None  # used now
    assert len(files()) <= 4
    assert [n for n in range(8) if PredictionCache().get(str(n))] == [0, 5, 6, 7]


def test_what_is_too_old_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARCUT_CACHE_DAYS", "2")
    for key, days in (("young", 1.9), ("old", 2.1), ("unseen", 2.1)):
        PredictionCache().put(key, prediction())
        when = time.time() - days * 86400
        os.utime(storage.folder(FOLDER) / cache._name(key), (time.time(), when))  # type: ignore[operator]
    assert PredictionCache().get("young") and PredictionCache().get("old") is None
    assert facts().entries == 1


def test_using_it_does_not_make_it_younger(monkeypatch: pytest.MonkeyPatch) -> None:
    PredictionCache().put("key", prediction())
    path, when = files()[0], time.time() - 5000
    os.utime(path, (when, when))
    assert PredictionCache().get("key")
    assert path.stat().st_mtime == pytest.approx(when, abs=1)
    assert path.stat().st_atime > when + 1000


@pytest.mark.parametrize(("name", "value"), [("CACHE", "0"), ("CACHE_DISK_MB", "0")])
def test_switched_off_nothing_is_written(name: str, value: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv(f"CLEARCUT_{name}", value)
    one = PredictionCache()
    one.put("key", prediction())
    assert not files()
    assert (one.get("key") is None) == (name == "CACHE")


def test_a_folder_that_cannot_be_made_fails_nothing(folder: Path) -> None:
    folder.write_text("in the way")
    one = PredictionCache()
    one.put("key", prediction())
    assert one.get("key") is not None and PredictionCache().get("key") is None
    assert facts().entries == 0
    forget()


def test_a_full_disk_fails_nothing_and_leaves_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    one = PredictionCache()
    one.put("key", prediction())
    assert one.get("key") is not None and not files()


def test_what_is_larger_than_the_disk_may_hold_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARCUT_CACHE_DISK_MB", "0.001")
    PredictionCache().put("key", prediction())
    assert not files()


def test_forgetting_leaves_nothing_in_memory_on_disk_or_in_the_count() -> None:
    CACHE.put("key", prediction())
    CACHE.get("key")
    forget()
    assert not files() and CACHE.get("key") is None
    assert facts().hits == 0


def test_a_running_process_forgets_when_another_was_told_to() -> None:
    here = PredictionCache()
    here.put("key", prediction())
    assert here.get("key")
    command = [sys.executable, "-m", "pipeline", "cache", "clear"]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    assert here.get("key") is None


def test_hits_of_memory_and_disk_are_counted_for_all_processes() -> None:
    one, other = PredictionCache(), PredictionCache()
    assert one.get("key") is None
    one.put("key", prediction())
    assert one.get("key") and other.get("key") and other.get("key")
    assert (facts().hits, facts().misses, facts().hit_rate) == (3, 1, 0.75)


WRITES_FOR_EVER = """
import numpy as np, itertools
from pipeline.cache import PredictionCache
from pipeline.networks import Prediction
matte = Prediction(np.random.default_rng(0).random((512, 512), np.float32)).rounded()
print("ready", flush=True)
for number in itertools.count():
    PredictionCache().put(str(number % 7), matte)
"""


def test_processes_that_write_at_once_and_are_killed_leave_whole_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-c", WRITES_FOR_EVER]
    writers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(2)]
    for writer in writers:
        assert writer.stdout and writer.stdout.readline()
    end = time.monotonic() + 60
    while len(files()) < 7 and time.monotonic() < end:
        time.sleep(0.01)
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    whole = [PredictionCache().get(str(number)) for number in range(7)]
    assert len({each.matte.tobytes() for each in whole if each}) == 1 and all(whole)
    for path in files():
        if path.name.endswith(storage.PART):
            os.utime(path, (1, 1))
    storage.sweep(FOLDER)
    assert len(files()) == 7


def test_the_newest_file_of_the_folder_is_no_way_out_of_it() -> None:
    """Keys are digests: whatever a model is called, its predictions stay in their folder."""
    CACHE.put("../../outside", prediction())
    (file,) = files()
    assert file.parent == storage.folder(FOLDER)
