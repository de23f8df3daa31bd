"""Networks on clips: memory, cuts, smoothing, the choice of a model; runs that are killed, stopped, gone on with."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import Job, Options, Photo
from pipeline.base.errors import ClearcutError
from pipeline.base.settings import ROOT
from pipeline.video.choosing import choose_model
from pipeline.video.cut_video import VideoOrder, cut_out_video
from pipeline.video.cuts import CutDetector
from pipeline.video.formats import FORMATS
from pipeline.video.overlap import run_ahead
from pipeline.video.predictor import ClipPredictor
from pipeline.video.reader import Reader
from pipeline.video.smoothing import MatteSmoother
from tests import house
from tests.clips import disc, read_clip, silence_with_clicks, write_clip
from tests.networks import REMEMBERS_RED
from tests.pictures import iou, off, photo

Enter = Callable[..., Any]


def flat(red: int) -> Photo:
    return Photo(np.broadcast_to(np.array([red, 7, 9], np.uint8), (16, 12, 3)).copy())


# ---- memory ----------------------------------------------------------------------------------------------------------


def predictor(name: str, **how: Any) -> ClipPredictor:
    return ClipPredictor(Options(model=name), house.runtime(), Job(), **how)


def test_states_go_from_frame_to_frame_and_start_anew_at_a_cut(enter: Enter) -> None:
    enter("remembers-red", REMEMBERS_RED, kind="rvm")
    one = predictor("remembers-red")
    reds = [100, 100, 120, 255, 255]
    seen = [float(one.predict(flat(red)).prediction.matte.mean()) * 510 for red in reds]
    assert one.scene == 3
    assert seen == pytest.approx([100, 200, 220, 255, 510], abs=0.5)  # half of its own red, and half of that before


def test_what_a_network_remembers_can_be_kept_and_gone_on_with(enter: Enter) -> None:
    enter("remembers-red", REMEMBERS_RED, kind="rvm")
    frames = [flat(red) for red in (100, 110, 120, 130)]
    whole = predictor("remembers-red")
    wanted = [whole.predict(frame).prediction.matte for frame in frames]
    first, second = predictor("remembers-red"), predictor("remembers-red")
    for frame in frames[:2]:
        first.predict(frame)
    second.restore(first.save(), 2)
    assert all(
        np.array_equal(second.predict(frame).prediction.matte, matte)
        for frame, matte in zip(frames[2:], wanted[2:], strict=True)
    )


# ---- cuts ------------------------------------------------------------------------------------------------------------


def test_cuts_of_a_spliced_clip_are_found_and_nothing_else() -> None:
    """Three photos, each panned over and growing lighter: the picture moves all the time, and jumps twice."""
    detector, found, number = CutDetector(), [], 0
    for name in ("chelsea", "astronaut", "coffee"):
        rgb = photo(name)[:260, :400]
        for step in range(15):
            part = rgb[step : step + 200, 6 * step : 6 * step + 300].astype(np.float32) * (0.7 + 0.02 * step)
            if detector.is_cut(part.astype(np.uint8)):
                found.append(number)
            number += 1
    assert found == [15, 30]


def test_a_running_dog_has_no_cut(truth: Path) -> None:
    detector = CutDetector()
    reader = Reader(truth / "clip" / "dog.mp4")
    assert not any(detector.is_cut(frame.load().rgb) for frame in reader.read())


# ---- smoothing -------------------------------------------------------------------------------------------------------


def textured_disc(number: int) -> tuple[np.ndarray, np.ndarray]:
    """A moving disc whose colours let its movement be seen."""
    rgb, alpha = disc(number, 192, 128, speed=3)
    grain = np.random.default_rng(5).integers(-25, 25, (128, 400, 1))
    wall, own = grain[:, :192], np.roll(grain, 3 * number, axis=1)[:, 200:392]
    mixed = rgb + np.where(alpha[..., None] > 127, own, wall)
    return np.clip(mixed, 0, 255).astype(np.uint8), alpha


def test_a_flickering_matte_comes_to_rest_and_follows_the_subject() -> None:
    rng, smoother = np.random.default_rng(0), MatteSmoother()
    rough, steady, truths = [], [], []
    for number in range(20):
        rgb, alpha = textured_disc(number)
        noise = rng.uniform(-0.35, 0.35) * (alpha > 127) + rng.uniform(0, 0.2)
        matte = np.clip(alpha / 255 + noise, 0, 1).astype(np.float32)
        rough.append(matte)
        steady.append(smoother.smooth(matte, rgb))
        truths.append(alpha)
    still = [first == second for first, second in pairwise(truths)]

    def flicker(mattes: list[np.ndarray]) -> float:
        return float(
            np.mean([np.abs(b - a)[same].mean() for a, b, same in zip(mattes[4:], mattes[5:], still[4:], strict=False)])
        )

    assert flicker(steady) < 0.5 * flicker(rough)
    assert np.mean([iou(255 * matte, truth) for matte, truth in zip(steady, truths, strict=True)]) > 0.95


def test_where_the_subject_was_no_ghost_is_left() -> None:
    smoother = MatteSmoother()
    for number in range(12):
        rgb, alpha = textured_disc(number)
        steady = smoother.smooth(alpha / np.float32(255), rgb)
    assert off(255 * steady, alpha) < 3
    gone = np.zeros_like(alpha)
    rgb, _ = textured_disc(60)  # it has left the picture at once
    assert smoother.smooth(gone / np.float32(255), rgb)[alpha > 250].mean() < 0.1


def test_smoothing_that_starts_anew_knows_nothing_of_before() -> None:
    smoother = MatteSmoother()
    smoother.smooth(np.ones((8, 8), np.float32), photo("chelsea"))
    smoother.reset()
    assert not smoother.smooth(np.zeros((8, 8), np.float32), photo("chelsea")).any()


# ---- choice of the model ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("red, chosen", [(250, "remembers-red"), (20, "u2netp")])
def test_a_network_for_people_is_taken_where_the_first_second_shows_some(
    red: int, chosen: str, enter: Enter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter("remembers-red", REMEMBERS_RED, kind="rvm")
    monkeypatch.setattr(
        "pipeline.inference.runtime.resolve_model", lambda name, _: {"automatic": "u2netp"}.get(name, name)
    )
    frames = [np.broadcast_to(np.array([red, 7, 9], np.uint8), (32, 32, 3)).copy()] * 30
    reader = Reader(write_clip(tmp_path / "clip.mkv", frames, "ffv1", "bgra"))
    assert choose_model(reader, 0.0, Options(model="automatic"), house.runtime(), Job()) == chosen
    assert choose_model(reader, 0.0, Options(model="isnet-general-use"), house.runtime(), Job()) == "isnet-general-use"


# ---- work that overlaps ----------------------------------------------------------------------------------------------


def test_work_runs_ahead_only_so_far_and_ends_with_who_wanted_it() -> None:
    made, closed = [], []

    def count() -> Iterator[int]:
        try:
            for number in range(1000):
                made.append(number)
                yield number
        finally:
            closed.append(True)

    ahead = run_ahead(count(), 2)
    assert [next(ahead) for _ in range(3)] == [0, 1, 2]
    ahead.close()
    assert closed == [True] and len(made) <= 7


def test_an_error_comes_where_its_item_would() -> None:
    def fail() -> Iterator[int]:
        yield 1
        raise ClearcutError("busy")

    ahead = run_ahead(fail())
    assert next(ahead) == 1
    with pytest.raises(ClearcutError):
        next(ahead)


# ---- killed, stopped, gone on with -----------------------------------------------------------------------------------


def clearcut(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "pipeline", "video", *map(str, arguments)]


@pytest.fixture
def long_clip(tmp_path: Path, enter: Enter) -> Path:
    """Six hundred small frames with sound, for a network with a memory."""
    enter("remembers-red", REMEMBERS_RED, kind="rvm")
    frames = [disc(number % 90, 32, 24, speed=0.3)[0] for number in range(600)]
    sound = silence_with_clicks(24, [1, 23])
    return write_clip(tmp_path / "long.mkv", frames, "ffv1", "bgra", sound=sound)


def wait_for_segments(folder: Path, count: int, running: subprocess.Popen[bytes]) -> None:
    while len(list(folder.glob("*.json"))) <= count:  # one tells what was asked for
        if running.poll() is not None:
            return
        time.sleep(0.005)


def begin_and_stop(command: list[str], folder: Path, target: Path, how: int) -> str:
    """What a run says that is stopped after its first segments; begun anew where it was quicker than the signal."""
    for _ in range(20):
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as running:
            wait_for_segments(folder, 1, running)
            running.send_signal(how)
            told = running.communicate()[1].decode()
        if not target.exists():
            assert running.returncode == (130 if how == signal.SIGINT else -how)
            return told
        target.unlink()
    raise AssertionError(f"signal {how} ends no run")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["killed", "stopped"])
def test_a_run_that_ends_half_way_goes_on_and_gives_the_same_bytes(how: int, long_clip: Path, tmp_path: Path) -> None:
    whole, target = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    command = [long_clip, "--model", "remembers-red", "--background", "color", "-o"]
    subprocess.run(clearcut(*command, whole), cwd=ROOT, check=True, capture_output=True)
    told = begin_and_stop(clearcut(*command, target), tmp_path / ".clearcut-cut.mp4", target, how)
    if how == signal.SIGINT:
        assert "goes on" in told
        segments = {path.stem for path in (tmp_path / ".clearcut-cut.mp4").glob("0*.json")}
        assert {path.name for path in (tmp_path / ".clearcut-cut.mp4").iterdir() if not path.suffix} == segments
    again = subprocess.run(clearcut(*command, target), cwd=ROOT, check=True, capture_output=True, text=True)
    assert "frames were there already" in again.stderr
    assert target.read_bytes() == whole.read_bytes()
    assert sum(1 for _ in read_clip(target)) == 600
    assert not (tmp_path / ".clearcut-cut.mp4").exists()


def test_what_another_order_left_is_not_gone_on_with(tmp_path: Path, u2netp: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", [disc(n, flat=True, speed=0.2)[0] for n in range(60)], "ffv1", "bgra")
    stopped = Job()

    def stop(done: int, total: int | None) -> None:
        if done == 50:
            stopped.cancel()

    def order(**options: Any) -> VideoOrder:
        return VideoOrder(Options(key="on", model="u2netp", **options), FORMATS["mov"])

    with pytest.raises(ClearcutError) as caught:
        cut_out_video(source, tmp_path / "out.mov", order(), house.runtime(), stopped, stop)
    assert caught.value.code == "cancelled"
    other = cut_out_video(source, tmp_path / "out.mov", order(flip="horizontal"), house.runtime())
    assert other.resumed == 0 and other.frames == 60


# ---- the command -----------------------------------------------------------------------------------------------------


def test_raw_frames_go_through_a_pipe(tmp_path: Path) -> None:
    frames = [disc(number, 48, 32, flat=True, speed=1) for number in range(5)]
    data = b"".join(rgb.tobytes() for rgb, _ in frames) + b"half a frame"
    command = clearcut("-", "--raw", "48x32", "-o", "-", "--key", "on", "--model", "u2netp")
    done = subprocess.run(command, cwd=ROOT, input=data, capture_output=True, check=True)
    pixels = np.frombuffer(done.stdout, np.uint8).reshape(-1, 32, 48, 4)
    assert len(pixels) == 5
    for rgba, (_, alpha) in zip(pixels, frames, strict=True):
        assert off(rgba[..., 3], alpha) < 2


@pytest.mark.parametrize(
    "words, told",
    [
        (["--from", "soon"], "1:02:03.5"),
        (["--fps", "0"], "30000/1001"),
        (["--raw", "wide"], "1280x720"),
        (["--format", "mp5"], "webm"),
    ],
)
def test_a_wrong_word_is_told_with_what_would_do(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from pipeline.commands.command_line import main

    given = "-" if "--raw" in words else "clip.mp4"
    assert main(["video", given, "-o", str(tmp_path), "--key", "on", *words]) == 2
    assert told in capsys.readouterr().err


def test_a_file_that_is_there_is_not_replaced_unasked(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from pipeline.commands.command_line import main

    source = write_clip(tmp_path / "in.mp4", [disc(n, flat=True)[0] for n in range(3)])
    target = tmp_path / "in_cutout.webm"
    target.write_bytes(b"somebody's")
    command = ["video", str(source), "-o", f"{tmp_path}/", "--key", "on", "--model", "u2netp"]
    assert main(command) == 2 and target.read_bytes() == b"somebody's"
    assert main([*command, "--force"]) == 0 and len(list(Reader(target).read())) == 3
    assert "3 frames" in capsys.readouterr().err
