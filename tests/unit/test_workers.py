"""Worker processes that are really killed, crash and hang: no task is lost, no other task is touched."""

import itertools
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, wait
from pathlib import Path
from typing import Any

import pytest

from pipeline.base import machine, workers
from pipeline.base.errors import ClearcutError
from pipeline.base.machine import is_running
from pipeline.base.settings import ROOT
from pipeline.base.worker_process import Worker, WorkerProcess
from pipeline.base.workers import WorkerPool
from tests.chores import wait_until

CHORES = "tests.chores"
SOON = 120  # seconds, for tests that would otherwise wait for ever

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are killed by signals")


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(2, CHORES) as pool:
        yield pool


def code_of(future: "Future[Any]") -> str:
    error = future.exception(SOON)
    assert isinstance(error, ClearcutError)
    return error.code


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def test_every_task_has_its_own_answer_whatever_the_order(pool: WorkerPool) -> None:
    futures = {number: pool.submit(("echo", number)) for number in range(100)}
    assert {number: future.result(SOON) for number, future in futures.items()} == {n: n for n in range(100)}


def test_a_large_task_and_a_large_answer_go_through(pool: WorkerPool) -> None:
    large = bytes(5_000_000)
    assert pool.submit(("echo", large)).result(SOON) == large


def test_work_runs_in_other_processes_that_the_pool_knows(pool: WorkerPool) -> None:
    assert pool.submit(("tell_pid",)).result(SOON) in {*pool.pids} - {os.getpid()}


@pytest.mark.parametrize("end", ["die", "crash", "leave"])
def test_a_task_that_kills_its_worker_is_reported_and_the_others_are_done(pool: WorkerPool, end: str) -> None:
    bad, *good = [pool.submit(chore) for chore in ((end,), *(("echo", number) for number in range(20)))]
    assert [future.result(SOON) for future in good] == [*range(20)]
    assert code_of(bad) == "worker_died"
    assert wait_until(lambda: len(pool.pids) == 2)


def test_a_task_whose_worker_died_is_done_the_second_time(pool: WorkerPool, tmp_path: Path) -> None:
    assert pool.submit(("die_once", str(tmp_path / "died"), "done")).result(SOON) == "done"


def test_the_second_time_no_other_task_runs(tmp_path: Path) -> None:
    here = str(tmp_path)
    with WorkerPool(3, CHORES) as pool:
        long = pool.submit(("stay", here, "go"))
        assert wait_until(lambda: bool([*tmp_path.glob("at-work-*")]))
        bad = pool.submit(("note_alone", here))
        assert wait_until((tmp_path / "died").exists)
        later = pool.submit(("stay", here, "go"))
        assert wait_until(lambda: len(pool.pids) == 3) and not bad.done() and not later.running()
        (tmp_path / "go").touch()
        assert bad.result(SOON) == 0
        wait([long, later], SOON)


def test_a_task_that_takes_too_long_is_ended_even_inside_a_c_library() -> None:
    with WorkerPool(1, CHORES, seconds=3) as pool:
        pool.submit(("echo", 0)).result(SOON)
        hanging, next_one = pool.submit(("hang",)), pool.submit(("echo", 1))
        assert code_of(hanging) == "took_too_long" and hanging.exception().facts == {"seconds": 3}  # type: ignore[union-attr]
        assert next_one.result(SOON) == 1


def test_a_clearcut_error_travels_with_its_facts(pool: WorkerPool) -> None:
    error = pool.submit(("refuse",)).exception(SOON)
    assert isinstance(error, ClearcutError) and (error.code, error.facts) == ("too_many_pixels", {"limit": 3})


@pytest.mark.parametrize("chore", ["fail", "quit_python", "make_function", "break_answer"])
def test_any_other_failure_is_unexpected_and_the_worker_goes_on(pool: WorkerPool, chore: str) -> None:
    assert pool.submit(("echo", 0)).result(SOON) == 0
    before = pool.pids
    assert code_of(pool.submit((chore,))) == "unexpected"
    assert pool.pids == before


def test_a_task_that_cannot_be_pickled_fails_alone(pool: WorkerPool) -> None:
    bad, good = pool.submit(lambda: None), pool.submit(("echo", 1))
    assert code_of(bad) == "unexpected" and good.result(SOON) == 1


def test_the_log_tells_where_an_unforeseen_error_came_from(pool: WorkerPool, caplog: pytest.LogCaptureFixture) -> None:
    assert code_of(pool.submit(("fail",))) == "unexpected"
    assert "in fail" in caplog.text and "not foreseen" in caplog.text


def test_what_a_worker_prints_reaches_nobody(pool: WorkerPool, capfd: pytest.CaptureFixture[str]) -> None:
    assert pool.submit(("chatter",)).result(SOON) == ""
    assert capfd.readouterr() == ("", "")


def test_a_worker_leaves_an_interrupt_to_the_pool(pool: WorkerPool) -> None:
    assert pool.submit(("interrupt",)).result(SOON) == "went on"


def test_an_idle_worker_that_is_killed_is_replaced() -> None:
    with WorkerPool(2, CHORES) as pool:
        assert wait_until(lambda: len(pool.pids) == 2)
        wait([pool.submit(("echo", 0)) for _ in range(10)], SOON)
        before = set(pool.pids)
        kill(min(before))
        assert wait_until(lambda: len(pool.pids) == 2 and min(before) not in pool.pids)
        assert max(before) in pool.pids


def test_each_worker_counts_on_its_share_of_the_cores() -> None:
    with WorkerPool(1, CHORES, cores=1) as pool:
        assert pool.submit(("tell_share",)).result(SOON) == (1, "1 1")
    number = machine.count_cores()
    with WorkerPool(number, CHORES) as pool:
        assert pool.submit(("tell_share",)).result(SOON)[0] == 1


def test_sixteen_workers_are_all_at_work_at_once(tmp_path: Path) -> None:
    with WorkerPool(16, CHORES) as pool:
        assert all(future.result(SOON) for future in [pool.submit(("meet", str(tmp_path), 16)) for _ in range(16)])


def test_of_endless_tasks_no_more_than_needed_are_taken() -> None:
    taken = []

    def tasks() -> Iterator[tuple[str, int]]:
        for number in itertools.count():
            taken.append(number)
            yield "echo", number

    with WorkerPool(2, CHORES) as pool:
        coming = pool.map_unordered(tasks(), ahead=3)
        for done in range(1, 50):
            task, future = next(coming)
            assert future.result() == task[1]
            assert len(taken) - done < 2 + 3
        coming.close()  # type: ignore[attr-defined]


def test_who_stops_early_cancels_what_waits(tmp_path: Path) -> None:
    tasks = [("echo", 0), *itertools.repeat(("stay", str(tmp_path), "go"), 5)]
    with WorkerPool(1, CHORES) as pool:
        for _ in pool.map_unordered(tasks, ahead=9):
            break
        (tmp_path / "go").touch()
    assert not [*tmp_path.glob("at-work-*")]


def test_random_kills_lose_and_double_no_answer() -> None:
    dice, answers = random.Random(7), list[int]()
    with WorkerPool(3, CHORES) as pool:
        for task, future in pool.map_unordered((("echo", number) for number in range(300)), ahead=3):
            if error := future.exception():  # hit in its second try, too
                assert isinstance(error, ClearcutError) and error.code == "worker_died"
            else:
                assert future.result() == task[1]
            answers.append(task[1])
            if task[1] % 10 == 0 and pool.pids:
                kill(dice.choice(pool.pids))
        assert wait_until(lambda: len(pool.pids) == 3)
    assert sorted(answers) == [*range(300)]


@pytest.mark.parametrize(
    ("chore", "code"),
    [
        (("refuse",), "too_many_pixels"),
        (("fail",), "unexpected"),
        (("die",), "worker_died"),
        (("hang",), "took_too_long"),
    ],
)
def test_where_no_worker_can_be_started_every_task_says_why(chore: tuple[str, ...], code: str) -> None:
    with WorkerPool(2, CHORES, chore, seconds=2) as pool:
        futures = [pool.submit(("echo", number)) for number in range(5)]
        assert {code_of(future) for future in futures} == {code}
        assert code_of(pool.submit(("echo", 0))) == code
        assert pool.pids == []


def test_a_worker_that_cannot_be_started_is_tried_again_while_others_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "PAUSE", 0.05)
    with WorkerPool(2, CHORES, ("start_one", str(tmp_path))) as pool:
        assert [pool.submit(("echo", number)).result(SOON) for number in range(5)] == [*range(5)]
        (tmp_path / "all").touch()
        (tmp_path / "met").mkdir()
        both = [pool.submit(("meet", str(tmp_path / "met"), 2)) for _ in range(2)]
        assert all(future.result(SOON) for future in both)


def test_a_module_that_is_missing_is_said_at_once() -> None:
    with WorkerPool(1, "tests.no_such_chores") as pool:
        assert code_of(pool.submit(1)) == "unexpected"


def test_closing_waits_for_what_was_submitted() -> None:
    with WorkerPool(2, CHORES) as pool:
        futures = [pool.submit(("echo", number)) for number in range(20)]
    assert [future.result(0) for future in futures] == [*range(20)]
    assert pool.pids == []
    with pytest.raises(RuntimeError):
        pool.submit(("echo", 0))


def test_closing_at_once_kills_what_runs_and_cancels_what_waits(tmp_path: Path) -> None:
    pool = WorkerPool(1, CHORES)
    running, waiting = pool.submit(("stay", str(tmp_path), "never")), pool.submit(("echo", 0))
    assert wait_until(lambda: bool([*tmp_path.glob("at-work-*")]))
    (pid,) = pool.pids
    pool.close(at_once=True)
    assert code_of(running) == "cancelled" and not is_running(pid)
    with pytest.raises(CancelledError):
        waiting.result(0)


def test_closing_waits_for_no_worker_that_is_not_needed_any_more() -> None:
    started: list[Worker] = []

    def launch(cores: int, on_end: Callable[[], object]) -> Worker:
        started.append(WorkerProcess(cores, on_end))
        return started[-1] if len(started) == 1 else Pending(started[-1])

    with WorkerPool(2, CHORES, seconds=10 * SOON, launch=launch) as pool:
        assert pool.submit(("echo", 1)).result(SOON) == 1
        assert wait_until(lambda: len(started) == 2)
    assert all(worker.ended for worker in started)


class Pending:
    """A worker that never becomes ready, as one for which a cluster has no room."""

    def __init__(self, process: Worker) -> None:
        self._process = process
        self.pid, self.kill, self.stop = process.pid, process.kill, process.stop

    @property
    def ended(self) -> bool:
        return self._process.ended

    def ask(self, task: Any, seconds: float) -> Any:
        return self._process.ask((CHORES, ("hang",)), seconds)


def test_where_workers_share_no_memory_a_task_is_tried_again_beside_others(tmp_path: Path) -> None:
    with WorkerPool(2, CHORES, alone=False) as pool:
        other = pool.submit(("stay", str(tmp_path), "done"))
        assert wait_until(lambda: bool([*tmp_path.glob("at-work-*")]))
        assert code_of(pool.submit(("die",))) == "worker_died"
        assert not other.done()
        (tmp_path / "done").touch()
        other.result(SOON)


def test_closing_at_once_need_not_wait_for_a_start() -> None:
    pool = WorkerPool(2, CHORES, ("hang",))
    future = pool.submit(("echo", 0))
    pool.close(at_once=True)
    assert future.cancelled() and pool.pids == []


def test_an_error_in_the_block_ends_the_workers_at_once() -> None:
    with pytest.raises(ZeroDivisionError), WorkerPool(1, CHORES) as pool:
        hanging = pool.submit(("hang",))
        assert wait_until(hanging.running)
        raise ZeroDivisionError
    assert code_of(hanging) == "cancelled"


def test_cancelled_tasks_are_not_begun_and_the_running_one_ends(tmp_path: Path) -> None:
    with WorkerPool(1, CHORES) as pool:
        running = pool.submit(("stay", str(tmp_path), "go"))
        assert wait_until(running.running)
        waiting = [pool.submit(("echo", 0)) for _ in range(3)]
        pool.cancel()
        assert all(future.cancelled() for future in waiting)
        (tmp_path / "go").touch()
        assert running.result(SOON) is None


def test_many_threads_may_submit() -> None:
    sums: list[int] = []
    with WorkerPool(2, CHORES) as pool:

        def ask(start: int) -> None:
            futures = [pool.submit(("echo", number)) for number in range(start, start + 50)]
            sums.append(sum(future.result(SOON) for future in futures) - 50 * start)

        threads = [threading.Thread(target=ask, args=(start,)) for start in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sums == [sum(range(50))] * 4


PARENT = """
from pipeline.base.workers import WorkerPool
pool = WorkerPool(2, "tests.chores")
pool.submit(("hang",))
pool.submit(("echo", 0)).result()
print(*pool.pids, flush=True)
input()
"""


def test_the_workers_end_with_a_killed_parent_even_inside_a_c_library() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert pids and all(is_running(pid) for pid in pids)
    parent.kill()
    parent.communicate()
    assert wait_until(lambda: not any(map(is_running, pids)))


def test_workers_that_are_not_kept_start_when_a_task_waits_and_end_when_none_has_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "IDLE", 0.2)
    with WorkerPool(3, CHORES, kept=1) as pool:
        assert pool.submit(("echo", 0)).result(SOON) == 0
        assert len(pool.pids) == 1
        (first,) = pool.pids
        staying = [pool.submit(("stay", str(tmp_path), "go")) for _ in range(3)]
        assert wait_until(lambda: len([*tmp_path.glob("at-work-*")]) == 3)
        assert len(pool.pids) == 3
        (tmp_path / "go").touch()
        wait(staying, SOON)
        assert wait_until(lambda: pool.pids == [first])
        assert pool.submit(("echo", 1)).result(SOON) == 1


def test_a_task_that_comes_alone_goes_to_the_first_worker_which_counts_on_more_cores(tmp_path: Path) -> None:
    with WorkerPool(2, CHORES, cores=1, lead=2, kept=1) as pool:
        stay = pool.submit(("stay", str(tmp_path), "go"))
        assert wait_until(lambda: bool([*tmp_path.glob("at-work-*")]))
        second = pool.submit(("tell_share",)).result(SOON)
        (tmp_path / "go").touch()
        stay.result(SOON)
        first = [pool.submit(("tell_share",)).result(SOON) for _ in range(5)]
    assert second == (1, "1 1") and {variable for _, variable in first} == {"2 2"}


@pytest.mark.parametrize("at", ["work", "rest"])
def test_a_task_that_is_stopped_ends_its_worker_or_never_begins(at: str, tmp_path: Path) -> None:
    with WorkerPool(1, CHORES) as pool:
        first = pool.submit(("stay", str(tmp_path), "go"))
        assert wait_until(lambda: bool([*tmp_path.glob("at-work-*")]))
        waiting, (pid,) = pool.submit(("echo", 1)), pool.pids
        pool.stop(first if at == "work" else waiting)
        if at == "work":
            assert code_of(first) == "cancelled" and wait_until(lambda: pid not in pool.pids)
            assert waiting.result(SOON) == 1
        else:
            assert waiting.cancelled() and pool.pids == [pid]
            (tmp_path / "go").touch()
            first.result(SOON)
