"""What the machine is, and work on all of its cores."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from pipeline.base import machine, parallel
from pipeline.base.settings import ROOT
from pipeline.edges import foreground
from pipeline.edges import refine as edges
from pipeline.pixels.png import write_png
from tests.machines import AMX, AVX2, AVX512, OnMachine, identify_this_processor
from tests.pictures import composite


@pytest.mark.parametrize("cores", [1, 2, 8])
def test_what_is_made_side_by_side_comes_in_order(cores: int, on_machine: OnMachine) -> None:
    on_machine(cores=cores)
    assert list(parallel.map_parallel(lambda n: n * n, range(20))) == [n * n for n in range(20)]


def test_two_cores_work_at_the_same_time(on_machine: OnMachine) -> None:
    on_machine(cores=2)
    together = threading.Barrier(2)
    assert all(number is not None for number in parallel.map_parallel(lambda _: together.wait(60), range(2)))


def test_what_fails_in_a_thread_fails_here(on_machine: OnMachine) -> None:
    on_machine(cores=2)
    with pytest.raises(ZeroDivisionError):
        list(parallel.map_parallel(lambda number: 1 // number, range(3)))


def test_work_that_itself_works_side_by_side_does_not_wait_for_ever(on_machine: OnMachine) -> None:
    on_machine(cores=2)

    def squares(count: int) -> list[int]:
        return list(parallel.map_parallel(lambda n: n * n, range(count)))

    assert list(parallel.map_parallel(squares, [3, 4, 5])) == [[0, 1, 4], [0, 1, 4, 9], [0, 1, 4, 9, 16]]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_has_threads_of_its_own() -> None:
    code = """import os
from pipeline.base import machine, parallel
machine.count_cores = lambda: 2
squares = lambda: sum(parallel.map_parallel(lambda n: n * n, range(20)))
squares()
if process := os.fork():
    print(os.waitpid(process, 0)[1])
else:
    os._exit(squares() != 2470)"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "0\n", done.stderr


def test_a_small_piece_of_work_gets_its_turn_beside_a_large_one(on_machine: OnMachine) -> None:
    on_machine(cores=2)
    done: list[int] = []
    large = parallel.map_parallel(lambda number: done.append(number), range(1000))
    next(large)
    parallel.run_parallel(lambda number: done.append(-number), range(1, 5))
    assert len([number for number in done if number >= 0]) <= 8
    assert len(list(large)) == 999


def test_the_number_of_cores_changes_no_byte(on_machine: OnMachine) -> None:
    one = composite(1600, 1200)
    made = []
    for cores in (1, 3):
        on_machine(cores=cores)
        alpha = edges.refine_guided(one.alpha, one.rgb)
        rgb = foreground.estimate_foreground(one.rgb, alpha)
        made.append((alpha.tobytes(), rgb.tobytes(), write_png(np.dstack((rgb, alpha)))))
    assert made[0] == made[1]


def test_a_processor_without_facts_has_a_name_and_no_features(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr("pathlib.Path.read_text", missing)
    name, features = identify_this_processor.__wrapped__()
    assert name and features == ()


@pytest.mark.parametrize(
    ("features", "wanted"),
    [(AVX2, False), (AVX512, False), (AMX, True), ((*AVX2, "amx_bf16"), True), (("avx512_bf16",), True), ((), False)],
)
def test_halves_are_told_by_the_features(features: tuple[str, ...], wanted: bool, on_machine: OnMachine) -> None:
    on_machine(features=features)
    assert machine.has_fast_bf16() is wanted
