"""What once went wrong with batches: numbers given twice, refusals forgotten, files of others, archives that change."""

import io
import os
import sqlite3
import tarfile
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.errors import ClearcutError
from pipeline.base.settings import ROOT
from pipeline.batch import batch as batch_module
from pipeline.batch import task
from pipeline.batch.batch import Batch
from pipeline.batch.items import Found, Source, find_items
from pipeline.batch.journal import FOLDER, Journal
from pipeline.batch.report import write_report
from pipeline.batch.task import Order
from pipeline.batch.watch import _split
from pipeline.commands.command_line import main
from pipeline.inference.runtime import Runtime
from tests import house
from tests.pictures import composite, encoded

PNG = encoded(composite(48, 36).rgb)


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def make(output: str = "out", **values: Any) -> Batch:
    return Batch(Path(output), Order({"model": "u2netp", **values}), house.settings())


def ending(own: dict[str, Any], beside: dict[str, str]) -> str:
    return ".png"


def note_done(batch: Batch, number: int, data: bytes = b"cut-out") -> None:
    """As if a worker had done it."""
    item = batch.journal.get(number)
    assert item
    target = batch.output / item.target
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    batch.journal.note_made(number, item.source.stamp(), {"bytes": len(data)})
    batch.journal.note_done(number)


def test_the_number_of_a_removed_photo_is_never_given_again_and_revisions_never_fall(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.add([Found(Source("/in/a.png"), "a.png")], ending)
    journal.remove(1)
    journal.add([Found(Source("/in/b.png"), "b.png")], ending)
    assert [item.number for item in journal.list_items()] == [2]
    latest = journal.revision
    journal.remove(2)
    journal.close()
    again = Journal(tmp_path)
    assert again.revision > latest
    assert [number for number, _ in again.list_removed(0)] == [1, 2]


def test_a_batch_that_another_thread_has_closed_can_be_opened_again() -> None:
    batch = make()
    closer = threading.Thread(target=batch.close)
    closer.start()
    closer.join()
    make().close()


def test_a_journal_of_an_earlier_version_is_gone_on_with(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.add([Found(Source("/in/a.png"), "a.png", {"feather": 2})], ending)
    journal.close()
    with sqlite3.connect(tmp_path / FOLDER / "journal.sqlite") as database:
        database.execute("ALTER TABLE items DROP COLUMN beside")
    item = Journal(tmp_path).get(1)
    assert item and (item.options, item.beside) == ({"feather": 2}, {})


@pytest.mark.parametrize("number", [0, -1, 1 << 63, 1 << 90])
def test_there_is_no_item_of_an_impossible_number(tmp_path: Path, number: int) -> None:
    assert Journal(tmp_path).get(number) is None


def test_what_is_refused_stays_refused_whatever_is_asked_for() -> None:
    with zipfile.ZipFile("p.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.png", bytes(30_000_000))
    with make() as batch:
        batch.add(find_items(["p.zip"], batch.output, batch.scratch))
        batch.change_item(1, {"crop": True}, {})
        batch.settle(anew=True)
        batch.reopen()
        batch.journal.set_waiting(1)
        item = batch.journal.get(1)
        assert item and item.state == "failed" and item.is_refused


def test_a_restart_with_a_typing_error_deletes_nothing(capfd: pytest.CaptureFixture[str], u2netp: Path) -> None:
    Path("in").mkdir()
    Path("in/a.png").write_bytes(PNG)
    with make() as batch:
        batch.add(find_items(["in"], batch.output, batch.scratch))
        note_done(batch, 1)
        batch.settle()
    assert main(["batch", "inn", "-o", "out", "--restart", "--model", "u2netp"]) == 2
    assert Path("out/a.png").read_bytes() == b"cut-out"


def test_a_file_that_somebody_put_where_a_new_target_is_stays() -> None:
    Path("a.png").write_bytes(PNG)
    with make() as batch:
        batch.add([Found(Source(str(Path("a.png").resolve())), "a.png")])
        note_done(batch, 1)
        batch.settle()
    Path("out/a.jpg").write_bytes(b"mine")
    with make(format="jpeg") as batch:
        batch.settle(anew=True)
        item = batch.journal.get(1)
        assert item and item.target == "a.jpg" and not item.ours and batch._is_in_the_way(item)
        batch.settle(anew=True)
    assert Path("out/a.jpg").read_bytes() == b"mine"


def test_a_photo_is_never_replaced_by_its_own_cut_out_even_by_force() -> None:
    Path("out").mkdir()
    Path("out/a.png").write_bytes(PNG)
    with Batch(Path("out"), Order({"model": "u2netp"}), house.settings(), force=True) as batch:
        batch.journal.add([Found(Source(str(Path("out/a.png").resolve())), "a.png")], ending)
        item = batch.journal.get(1)
        assert item and batch._is_in_the_way(item)


def test_a_report_of_somebody_else_is_not_replaced_and_ones_own_is() -> None:
    Path("out").mkdir()
    Path("out/report.csv").write_text("mine")
    with make() as batch:
        assert write_report(batch, Path("out"), "en").name == "report_2.html"
        assert write_report(batch, Path("out"), "en").name == "report_2.html"
    assert Path("out/report.csv").read_text() == "mine"


def put_tar(files: dict[str, bytes]) -> None:
    with tarfile.open("p.tar", "w") as archive:
        for name, data in files.items():
            about = tarfile.TarInfo(name)
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))


def test_a_tar_that_was_written_anew_is_read_where_its_photos_lie_now() -> None:
    put_tar({"a.png": b"a" * 9, "b.png": b"b" * 600})
    with make() as batch:
        batch.add(find_items(["p.tar"], batch.output, batch.scratch))
        put_tar({"b.png": b"b" * 600, "a.png": b"a" * 9})
        batch.add(find_items(["p.tar"], batch.output, batch.scratch))
        assert {item.name: item.source.read()[0][:1] for item in batch.journal.list_items()} == {
            "a.png": b"a",
            "b.png": b"b",
        }


def test_of_two_entries_of_a_name_the_later_counts() -> None:
    with tarfile.open("p.tar", "w") as archive:
        for data in (b"old", b"new!"):
            about = tarfile.TarInfo("a.png")
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))
    with make() as batch:
        batch.add(find_items(["p.tar"], batch.output, batch.scratch))
        assert [item.source.read()[0] for item in batch.journal.list_items()] == [b"new!"]


def test_a_compressed_tar_that_is_only_touched_brings_no_photo_twice() -> None:
    with tarfile.open("p.tar.gz", "w:gz") as archive:
        about = tarfile.TarInfo("a.png")
        about.size = len(PNG)
        archive.addfile(about, io.BytesIO(PNG))
    with make() as batch:
        batch.add(find_items(["p.tar.gz"], batch.output, batch.scratch))
        os.utime("p.tar.gz", (1, 1))
        batch.add(find_items(["p.tar.gz"], batch.output, batch.scratch))
        assert batch.count_all() == 1
        assert len(list(batch.scratch.iterdir())) == 1


def test_a_cut_out_that_lost_its_content_is_made_again() -> None:
    Path("a.png").write_bytes(PNG)
    with make() as batch:
        batch.add([Found(Source("a.png"), "a.png")])
        note_done(batch, 1)
        Path("out/a.png").write_bytes(b"")  # as after a power cut
        batch.reopen()
        item = batch.journal.get(1)
        assert item and item.state == "waiting"


def test_a_row_of_a_list_that_asks_for_another_format_gets_another_target_and_leaves_no_old_one() -> None:
    source = Source("a.png")
    Path("a.png").write_bytes(PNG)
    with make() as batch:
        batch.add([Found(source, "a.png")])
        note_done(batch, 1)
        batch.add([Found(source, "a.png", {"preset": "id-photo"})])
        item = batch.journal.get(1)
        assert item and (item.target, item.state) == ("a.jpg", "waiting")
        assert not Path("out/a.png").exists()


def test_an_empty_folder_and_an_archive_on_its_way_are_watched_on() -> None:
    Path("empty").mkdir()
    Path("half.zip").write_bytes(b"PK\x03\x04")
    for given in ("empty", "half.zip", "*.png"):
        assert _split(find_items([given], Path("out"), Path())) == ([], False)


def test_where_no_worker_can_be_started_the_batch_stops_and_all_photos_go_on_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch_module, "WORKER", "tests.no_such_module")
    with make() as batch:
        batch.add(Found(Source(f"{at}.png"), f"{at}.png") for at in range(5))
        with pytest.raises(ClearcutError, match="unexpected"), batch.start_workers(1, 1, 9) as pool:
            list(batch.run(pool))
        assert batch.journal.count()["waiting"] == 5
        Path("out/0.png").write_bytes(b"of somebody else")
        with pytest.raises(ClearcutError, match="output_exists"), batch.start_workers(1, 1, 9) as pool:
            list(batch.run(pool, stop_on_error=True))


def test_a_corrupt_part_of_an_archive_is_told_as_such() -> None:
    with zipfile.ZipFile("p.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", os.urandom(2000))
    data = bytearray(Path("p.zip").read_bytes())
    data[200:260] = bytes(60)
    Path("p.zip").write_bytes(data)
    with pytest.raises(ClearcutError, match="broken_archive"):
        next(find_items(["p.zip"], Path("out"), Path())).source.read()


def test_what_a_worker_found_is_kept_on_the_disk_and_not_in_its_memory(
    own_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Runtime] = []
    monkeypatch.setattr(task, "Runtime", lambda settings: opened.append(Runtime(settings)) or opened[0])
    Path("a.png").write_bytes(PNG)
    task.prepare((house.settings(), Order({"model": "u2netp"})))(task.Task(1, Source("a.png"), {}, {}))
    predictions = opened[0].predictions
    assert predictions.measure().entries == 1 and not predictions._kept
