"""A clip with scene cuts shared by workers: the very file that one process makes; one run at a time."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.base.settings import ROOT
from pipeline.video.journal import VideoJournal
from pipeline.video.reader import Reader
from tests.batches import wait_for
from tests.clips import disc, silence_with_clicks, write_clip
from tests.networks import REMEMBERS_RED

SCENES, FRAMES = 4, 110


@pytest.fixture
def spliced(tmp_path: Path, enter: Callable[..., Any]) -> Path:
    """Four scenes in other colours with sound, for a network with a memory; cuts are within groups of pictures."""
    enter("remembers-red", REMEMBERS_RED, kind="rvm")
    frames = list[np.ndarray]()
    for scene in range(SCENES):
        for number in range(FRAMES):
            rgb = disc(number % 90, 32, 24, speed=0.3)[0]
            frames.append(np.roll(rgb, scene, axis=2) if scene < 3 else 255 - rgb)
    sound = silence_with_clicks(SCENES * FRAMES / 25, [1, 13])
    return write_clip(tmp_path / "spliced.mp4", frames, options={"g": "50", "bf": "2"}, sound=sound)


def clearcut(source: Path, target: Path, *words: str) -> list[str]:
    command = [sys.executable, "-m", "pipeline", "video", str(source), "-o", str(target), *words]
    return [*command, "--model", "remembers-red", "--background", "color"]


def make(source: Path, target: Path, *words: str) -> bytes:
    done = subprocess.run(clearcut(source, target, *words), cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert not list(target.parent.glob(".clearcut-*"))
    return target.read_bytes()


def find_children(parent: int) -> list[int]:
    listed = subprocess.run(["ps", "-ewwo", "pid,ppid,args"], capture_output=True, text=True).stdout.splitlines()[1:]
    rows = (line.split(maxsplit=2) for line in listed)
    return [int(row[0]) for row in rows if int(row[1]) == parent and "pipeline.base.worker" in row[2]]


needs_posix = pytest.mark.skipif(os.name != "posix", reason="stops processes with signals")


def send(what: int, processes: list[int]) -> None:
    for each in processes:
        with suppress(ProcessLookupError):
            os.kill(each, what)


@needs_posix
def test_workers_make_the_same_file_also_where_one_is_killed(spliced: Path, tmp_path: Path) -> None:
    whole = make(spliced, tmp_path / "whole.mp4")
    target, folder = tmp_path / "cut.mp4", tmp_path / ".clearcut-cut.mp4"
    with subprocess.Popen(clearcut(spliced, target, "--workers", "2"), cwd=ROOT) as running:
        wait_for(lambda: list(folder.glob("*.seen")) or running.poll() is not None)
        workers = [each for own in find_children(running.pid) for each in find_children(own)]
        send(signal.SIGKILL, workers[:1])
    assert workers and running.returncode == 0
    assert target.read_bytes() == whole


@pytest.mark.skipif(
    os.name != "posix" or find_spec("ray") is None, reason="ray is not installed: requirements-cluster.txt"
)
def test_a_cluster_makes_the_same_file(spliced: Path, tmp_path: Path) -> None:
    whole = make(spliced, tmp_path / "whole.mp4")
    assert make(spliced, tmp_path / "cut.mp4", "--cluster", "local", "--workers", "2") == whole


def test_a_second_run_into_the_same_file_is_told_and_harms_nothing(spliced: Path, tmp_path: Path) -> None:
    target = tmp_path / "cut.mp4"
    with closing(VideoJournal(target, {"made": "by another run"})) as journal:
        other = subprocess.run(clearcut(spliced, target), cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert "made" in (journal.folder / "facts.json").read_text()
    assert other.returncode == 2 and "Another process" in other.stderr and "cut.mp4" in other.stderr
    make(spliced, target, "--to", "1")


@needs_posix
def test_a_clip_that_crashes_or_hangs_what_makes_it_is_told(spliced: Path, tmp_path: Path) -> None:
    target, folder = tmp_path / "cut.mp4", tmp_path / ".clearcut-cut.mp4"
    with subprocess.Popen(clearcut(spliced, target), cwd=ROOT, stderr=subprocess.PIPE) as crashing:
        while crashing.poll() is None:
            send(signal.SIGKILL, find_children(crashing.pid))
        assert crashing.returncode == 1 and b"ended suddenly, twice" in crashing.communicate()[1]
    command = clearcut(spliced, target, "--timeout", "2")
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as hanging:
        wait_for(lambda: (folder / "facts.json").exists() or hanging.poll() is not None)
        send(signal.SIGSTOP, find_children(hanging.pid))
        assert b"nothing has moved on" in hanging.communicate(timeout=60)[1]
    assert hanging.returncode == 1 and not target.exists()


def test_a_clip_may_be_entered_at_any_frame(spliced: Path) -> None:
    reader = Reader(spliced)
    whole = [(frame.ticks, frame.duration) for frame in reader.read(1.0, 5.0)]
    for number in (1, 30, 99):
        since = (whole[number][0] + Fraction(1, 2)) * reader.clip.time_base
        assert [(frame.ticks, frame.duration) for frame in reader.read(1.0, 5.0, since)] == whole[number:]
