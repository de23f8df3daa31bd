"""``clearcut batch``, stopped, killed for real and gone on with: none twice, nothing silently missing."""

import os
import signal
import subprocess
from functools import partial
from pathlib import Path

import pytest

from pipeline import cut_out_bytes
from pipeline.base.errors import ClearcutError
from pipeline.batch.batch import Batch
from pipeline.batch.items import find_items
from pipeline.batch.journal import Journal
from pipeline.batch.task import Order
from tests import house
from tests.batches import COMMAND, PNG, cutouts, put, run, table, wait_for
from tests.pictures import composite, encoded

pytestmark = pytest.mark.usefixtures("desk")


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_a_run_that_is_killed_and_resumed_ends_as_an_undisturbed_one_and_does_none_twice() -> None:
    put(40)
    run("in", "-o", "whole")
    with Path("said").open("w") as said:
        process = subprocess.Popen([*COMMAND, "in", "-o", "out"], stderr=said, start_new_session=True)
    wait_for(lambda: len(cutouts()) >= 8)
    process.kill()
    process.wait()
    wait_for(lambda: not _workers_of(process.pid))
    journal = Journal(Path("out"))
    done = {item.target for item in journal.list_items("done")}
    journal.close()
    before = {name: Path("out", name).stat().st_mtime_ns for name in done}
    assert 0 < len(before) < 40
    run("-o", "out", "--resume")
    assert cutouts() == cutouts("whole")
    assert {name: Path("out", name).stat().st_mtime_ns for name in before} == before
    assert not [path for path in Path("out").rglob("*") if path.name.endswith(".part")]


def _workers_of(pid: int) -> list[str]:
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    return [line for line in listed.splitlines() if "pipeline.base.worker" in line and f" {pid} " in line]


def test_a_cut_out_that_was_written_and_not_yet_in_its_place_is_put_there(tmp_path: Path) -> None:
    put(2)
    run("in", "-o", "out")
    photo = cutouts()["1.png"]
    journal = Journal(Path("out"))
    item = next(item for item in journal.list_items() if item.target == "1.png")
    journal.note_made(item.number, item.stamp, item.outcome)
    journal.close()
    Path("out/1.png").rename(f"out/.{item.number}.clearcut.part")
    run("-o", "out", "--resume")
    assert cutouts()["1.png"] == photo
    assert table()["1.png"]["state"] == "done"


def test_a_batch_that_is_there_already_is_not_run_into_unasked() -> None:
    put(1)
    run("in", "-o", "out")
    said = run("in", "-o", "out", code=2)
    assert "--resume" in said
    assert "1 of 1" in run("in", "-o", "out", "--resume")


def test_other_options_are_noticed_and_never_mixed() -> None:
    put(3)
    run("in", "-o", "out", "--feather", "2")
    before = cutouts()
    said = run("in", "-o", "out", "--resume", "--feather", "3", code=2)
    assert "feather" in said
    assert cutouts() == before
    run("in", "-o", "out", "--restart", "--format", "webp")
    assert sorted(cutouts()) == ["1.webp", "2.webp", "sub/0.webp"]


def test_resume_alone_goes_on_with_what_was_asked_for() -> None:
    put(1)
    run("in", "-o", "out", "--feather", "2")
    Path("out/sub/0.png").unlink()
    run("-o", "out", "--resume")
    assert cutouts() == {"sub/0.png": cut_out_bytes(Path("in/sub/0.png").read_bytes(), feather=2)}


def test_photos_that_came_later_or_changed_are_done_by_the_next_run_and_no_others() -> None:
    put(2)
    run("in", "-o", "out")
    before = Path("out/sub/0.png").stat().st_mtime_ns
    Path("in/1.png").write_bytes(encoded(composite(96, 72, seed=99).rgb))
    Path("in/new.png").write_bytes(PNG)
    run("in", "-o", "out", "--resume")
    photos = {path.relative_to("in").as_posix(): path.read_bytes() for path in Path("in").rglob("*.png")}
    assert cutouts() == {name: cut_out_bytes(data) for name, data in photos.items()}
    assert Path("out/sub/0.png").stat().st_mtime_ns == before


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_photos_that_were_moved_or_are_reached_by_another_way_are_those_of_before() -> None:
    put(3)
    Path("link").symlink_to("in")
    journal = Journal(Path("out"))
    find = partial(find_items, output="out", scratch=Path("scratch"))
    add = partial(journal.add, choose_ending=lambda *_: ".png")
    assert add(find(["in"])) == 3
    for item in journal.list_items():
        journal.note_made(item.number, item.source.stamp(), {})
        journal.note_done(item.number)
    journal.set_waiting(1)
    assert add(find(["link"])) == 0
    Path("in").rename("elsewhere")
    Path("elsewhere/2.png").write_bytes(PNG)  # another photo of that name, whose cut-out stays
    assert add(find(["elsewhere"])) == 1
    assert [(item.target, item.state) for item in journal.list_items()] == [
        ("1.png", "waiting"), ("2.png", "done"), ("sub/0.png", "done"), ("2_png.png", "waiting")
    ]  # fmt: skip
    assert [Path(item.source.path).exists() for item in journal.list_items()] == [True, False, True, True]
    journal.close()


def test_what_came_to_nothing_is_no_batch_that_would_have_to_be_gone_on_with() -> None:
    put(1)
    run("nowhere", "-o", "out", code=2)
    Path("l.jsonl").write_text('{"path": "in/sub/0.png"}\nno row\n', "utf-8")
    run("l.jsonl", "-o", "out", code=2)
    run("in", "-o", "out", "--feather", "2")
    assert sorted(cutouts()) == ["sub/0.png"]


def test_what_failed_is_tried_again() -> None:
    put(1)
    Path("in/late.png").write_bytes(PNG[:40])
    run("in", "-o", "out", code=2)
    Path("in/late.png").write_bytes(PNG)
    run("-o", "out", "--resume")
    assert sorted(cutouts()) == ["late.png", "sub/0.png"]


@pytest.mark.skipif(os.name != "posix", reason="SIGINT")
def test_ctrl_c_stops_at_once_and_tells_how_to_go_on() -> None:
    put(60)
    with Path("said").open("w") as said:
        process = subprocess.Popen([*COMMAND, "in", "-o", "out"], stderr=said)
    wait_for(lambda: len(cutouts()) >= 4)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    said_in_the_end = Path("said").read_text("utf-8")
    assert "--resume" in said_in_the_end
    assert "Traceback" not in said_in_the_end
    assert not list(Path("out").rglob("*.part"))
    assert len(table()) == 60


def test_two_processes_never_work_on_the_same_batch(tmp_path: Path) -> None:
    with Batch(tmp_path / "out", Order({}), house.settings()), pytest.raises(ClearcutError, match="batch_running"):
        Batch(tmp_path / "out", Order({}), house.settings())
