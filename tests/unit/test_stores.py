"""Photos in object stores and cut-outs in them: found, read and written as those of a folder are."""

import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from pipeline import cut_out_bytes
from pipeline.base.errors import ClearcutError
from pipeline.batch import task
from pipeline.batch.batch import Batch
from pipeline.batch.items import find_items
from pipeline.batch.journal import BatchItem
from pipeline.batch.places import open_place
from pipeline.batch.report import write_report
from pipeline.batch.task import Made, Order, Task
from pipeline.commands.command_line import main
from tests import house
from tests.pictures import composite, encoded

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed: requirements-cluster.txt")
PHOTOS = [encoded(composite(96, 72, seed=seed).rgb) for seed in range(3)]


@pytest.fixture
def shop() -> Iterator[Any]:
    """A store in this process's memory, with two photos."""
    memory = fsspec.filesystem("memory")
    memory.pipe({"/shop/in/2.png": PHOTOS[0], "/shop/in/sub/10.png": PHOTOS[1], "/shop/in/notes.txt": b"no photo"})
    yield memory
    memory.rm("/", recursive=True)


def found(*given: str, output: str = "out") -> list[tuple[str, str]]:
    return [(each.name, each.source.path) for each in find_items(given, output, Path("scratch"))]


# ---- found -----------------------------------------------------------------------------------------------------------


def test_all_photos_below_an_address_are_found_with_their_folders(shop: Any) -> None:
    shop.pipe({"/shop/in/.hidden/a.png": PHOTOS[0], "/shop/in/10.png": PHOTOS[0]})
    names = ["2.png", "10.png", "sub/10.png"]
    assert [name for name, _ in found("memory://shop/in/")] == names
    assert [path for _, path in found("memory://shop/in")] == [f"memory:///shop/in/{name}" for name in names]


def test_an_address_may_be_that_of_one_photo_or_a_pattern(shop: Any) -> None:
    assert [name for name, _ in found("memory://shop/in/sub/10.png")] == ["10.png"]
    assert [name for name, _ in found("memory://shop/in/*")] == ["2.png"]
    assert [name for name, _ in found("memory://shop/in/sub", "memory://shop/in/2.png")] == ["sub/10.png", "2.png"]


def test_what_lies_in_the_output_is_no_photo(shop: Any) -> None:
    shop.pipe("/shop/in/out/2.png", PHOTOS[0])
    assert [name for name, _ in found("memory://shop/in", output="memory://shop/in/out/")] == ["2.png", "sub/10.png"]


@pytest.mark.parametrize(
    "given, code",
    [
        ("memory://shop/nothing", "folder_empty"),
        ("memory://shop/in/*.jpg", "pattern_empty"),
        ("memory://shop/photos.zip", "only_on_disk"),
        ("memory://shop/list.csv", "only_on_disk"),
        ("nonsense://shop/in", "file_missing"),
    ],
)
def test_what_cannot_be_meant_by_an_address_is_told(shop: Any, given: str, code: str) -> None:
    with pytest.raises(ClearcutError) as caught:
        found(given)
    assert caught.value.code == code


def test_a_list_on_a_disk_may_name_addresses(shop: Any, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("path,feather\nmemory://shop/in/2.png,2\n")
    [only] = find_items([str(tmp_path / "list.csv")], tmp_path, tmp_path)
    assert (only.name, only.options) == ("2.png", {"feather": "2"})
    assert only.source.read(max_mb=1)[0] == PHOTOS[0]


def test_a_photo_that_is_gone_or_too_large_is_told(shop: Any) -> None:
    first, second = (each.source for each in find_items(["memory://shop/in"], "out", Path("scratch")))
    shop.rm("/shop/in/2.png")
    with pytest.raises(ClearcutError, match="file_missing"):
        first.read()
    with pytest.raises(ClearcutError, match="too_large"):
        second.read(max_mb=0.001)
    assert first.stamp() == ""


def test_without_fsspec_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(ClearcutError) as caught:
        found("s3://shop/in")
    assert (caught.value.code, caught.value.facts) == ("needs_package", {"package": "fsspec[s3]"})


# ---- cut out ---------------------------------------------------------------------------------------------------------


class Here:
    """Does the tasks of a batch in this process, where the store in memory is."""

    number = 1

    def __init__(self, order: Order) -> None:
        self._work = task.prepare((house.settings(), order))

    def map_unordered(self, tasks: Iterable[Task], *, ahead: int) -> Iterator[tuple[Task, "Future[Made]"]]:
        for each in tasks:
            future: Future[Made] = Future()
            try:
                future.set_result(self._work(each))
            except ClearcutError as error:
                future.set_exception(error)
            yield each, future


Run = Callable[..., list[BatchItem]]


@pytest.fixture
def run(tmp_path: Path, u2netp: Path, shop: Any) -> Run:
    """Runs the batch of a folder of the store, and gives what came of each."""

    def do(output: str = "memory://shop/out", **given: Any) -> list[BatchItem]:
        order = Order({"model": "u2netp"})
        with Batch(tmp_path / "journal", order, house.settings(), place=open_place(output), **given) as batch:
            batch.settle()
            batch.add(find_items(["memory://shop/in"], output, batch.scratch))
            batch.reopen()
            done = list(batch.run(Here(order)))  # type: ignore[arg-type]
            write_report(batch, tmp_path / "journal", "en")
            return done

    return do


def cutouts(shop: Any, folder: str = "/shop/out") -> dict[str, bytes]:
    return {path.removeprefix(f"{folder}/"): shop.cat(path) for path in shop.find(folder)}


def test_cut_outs_in_a_store_have_the_bytes_of_those_in_a_folder(run: Run, shop: Any, tmp_path: Path) -> None:
    assert [item.state for item in run()] == ["done", "done"]
    wanted = {"2.png": PHOTOS[0], "sub/10.png": PHOTOS[1]}
    assert cutouts(shop) == {name: cut_out_bytes(data, model="u2netp") for name, data in wanted.items()}
    assert 'href="memory:///shop/out/2.png"' in (tmp_path / "journal" / "report.html").read_text("utf-8")


def test_a_second_run_does_what_is_missing_new_or_changed_and_nothing_else(run: Run, shop: Any) -> None:
    run()
    assert run() == []
    shop.pipe({"/shop/in/new.png": PHOTOS[2], "/shop/in/2.png": PHOTOS[2]})
    shop.rm("/shop/out/sub/10.png")
    assert sorted(item.name for item in run()) == ["2.png", "new.png", "sub/10.png"]
    assert cutouts(shop)["2.png"] == cut_out_bytes(PHOTOS[2], model="u2netp")


def test_objects_of_others_are_not_replaced_without_force(run: Run, shop: Any) -> None:
    shop.pipe("/shop/out/2.png", b"mine")
    assert {item.name: item.error.code for item in run() if item.error} == {"2.png": "output_exists"}
    assert cutouts(shop)["2.png"] == b"mine"
    run(force=True)
    assert cutouts(shop)["2.png"] != b"mine"


def test_a_cut_out_that_a_killed_run_has_written_and_not_noted_is_one_of_its_own(run: Run, tmp_path: Path) -> None:
    run()
    with Batch(tmp_path / "journal", Order({"model": "u2netp"}), house.settings()) as batch:
        batch.journal.set_all_waiting("done")
    assert [item.error for item in run()] == [None, None]


def test_another_output_for_the_same_journal_is_noticed(run: Run, tmp_path: Path) -> None:
    run()
    place = open_place("memory://shop/other")
    with Batch(tmp_path / "journal", Order({"model": "u2netp"}), house.settings(), place=place) as batch:
        assert batch.list_changes() == ["output"]


def test_a_store_that_cannot_be_written_is_told_before_anything_is_done(tmp_path: Path, shop: Any) -> None:
    shop.pipe("/shop/file", b"")
    place = open_place("memory://shop/file/out")
    with pytest.raises(ClearcutError, match="write_failed"):
        Batch(tmp_path, Order({}), house.settings(), place=place)


# ---- the command -----------------------------------------------------------------------------------------------------


def test_a_journal_elsewhere_leaves_nothing_but_cut_outs_in_the_output(tmp_path: Path, u2netp: Path) -> None:
    (tmp_path / "a.png").write_bytes(PHOTOS[0])
    words = ["batch", f"file://{tmp_path}/a.png", "-o", str(tmp_path / "out"), "--journal", str(tmp_path / "journal")]
    assert main(words) == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]
    assert (tmp_path / "journal" / "report.html").exists()
    (tmp_path / "out" / "a.png").unlink()
    assert main([*words[:1], *words[2:], "--resume"]) == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]


@pytest.mark.parametrize("words", [["a.png", "-o", "s3://shop/out"], ["s3://shop/in", "-o", "out", "--watch"]])
def test_what_has_to_be_on_a_disk_is_said(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["batch", *words]) == 2
    assert "s3://shop/" in capfd.readouterr().err
