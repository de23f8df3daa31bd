"""How many worker processes there are: a core each, as far as the memory goes."""

import sys
from pathlib import Path

import pytest

from pipeline.base import machine
from pipeline.base.settings import Settings
from pipeline.inference import worker_count
from pipeline.inference.engines import Plan
from pipeline.inference.worker_count import OWN_GPU_MB, OWN_MB, choose_workers
from pipeline.registry.catalog import find_card
from tests.machines import OnMachine

PLENTY = 1e6  # MB
SETTINGS = Settings(model="u2netp")


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch, on_machine: OnMachine) -> pytest.MonkeyPatch:
    """A machine of sixteen cores with plenty of memory."""
    on_machine(cores=16)
    monkeypatch.setattr(machine, "measure_free_mb", lambda: PLENTY)
    return monkeypatch


@pytest.mark.parametrize("cores", [1, 2, 16])
def test_with_plenty_of_memory_each_core_has_a_worker(cores: int, free: object, on_machine: OnMachine) -> None:
    on_machine(cores=cores)
    assert choose_workers(SETTINGS) == (cores, 1)


@pytest.mark.parametrize("model", ["u2netp", "best"])
def test_little_memory_means_fewer_workers_with_more_cores_each(model: str, free: pytest.MonkeyPatch) -> None:
    need = OWN_MB + find_card(model, SETTINGS).memory_mb
    free.setattr(machine, "measure_free_mb", lambda: 4.5 * need + worker_count.LEFT_MB)
    assert choose_workers(SETTINGS, model=model) == (4, 4)


def test_without_enough_memory_there_is_one_with_all_cores(free: pytest.MonkeyPatch) -> None:
    free.setattr(machine, "measure_free_mb", lambda: 1.0)
    assert choose_workers(SETTINGS) == (1, 16)


def test_where_the_system_does_not_tell_its_memory_the_cores_decide(free: pytest.MonkeyPatch) -> None:
    free.setattr(machine, "measure_free_mb", lambda: None)
    assert choose_workers(SETTINGS) == (16, 1)


@pytest.mark.parametrize(("gpu_free", "workers"), [(PLENTY, 16), (None, 2), ("for three", 3), (100.0, 1)])
def test_workers_that_share_a_gpu_fit_its_memory(
    gpu_free: float | str | None, workers: int, free: pytest.MonkeyPatch
) -> None:
    need = OWN_GPU_MB + find_card("u2netp", SETTINGS).memory_mb
    left = 3 * need + worker_count.LEFT_MB if gpu_free == "for three" else gpu_free
    free.setattr(worker_count, "choose_plan", lambda *_: Plan("cuda", why="gpu"))
    free.setattr(machine, "measure_gpu_free_mb", lambda: left)
    assert choose_workers(SETTINGS)[0] == workers


@pytest.mark.parametrize(("wanted", "setting", "found"), [(3, 0, 3), (0, 5, 5), (3, 5, 3), (40, 0, 40)])
def test_who_says_a_number_gets_it(wanted: int, setting: int, found: int, free: object) -> None:
    number, cores = choose_workers(SETTINGS.model_copy(update={"workers": setting}), wanted)
    assert (number, cores) == (found, max(1, 16 // found))


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell")
def test_no_more_memory_is_free_than_there_is() -> None:
    free, memory = machine.measure_free_mb(), machine.measure_memory_mb()
    assert free and memory and 0 < free < memory


@pytest.mark.parametrize(
    ("names", "limit", "left"),
    [
        (("memory.max", "memory.current", "inactive_file"), "1000000000", [400_000_000]),
        (("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"), "1000000000", [400_000_000]),
        (("memory.max", "memory.current", "inactive_file"), "max", []),
    ],
)
def test_a_container_leaves_what_its_limit_says_less_what_it_holds_but_for_files(
    names: tuple[str, str, str], limit: str, left: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / names[0]).write_text(limit + "\n")
    (tmp_path / names[1]).write_text("700000000\n")
    (tmp_path / "memory.stat").write_text(f"anon 5\n{names[2]} 100000000\n")
    monkeypatch.setattr(machine, "CGROUPS", ((tmp_path, *names), (tmp_path / "none", *names)))
    assert machine._measure_container() == left


def test_a_process_that_is_given_a_share_counts_on_no_more_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_share", None)
    all_of_them = machine.count_cores()
    machine.limit_cores(1)
    assert machine.count_cores() == 1
    machine.limit_cores(1000)
    assert machine.count_cores() == all_of_them
