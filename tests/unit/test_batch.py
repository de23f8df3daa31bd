"""``clearcut batch``: whole files only, none twice, nothing silently missing; killed for real and gone on with."""

import csv
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from pipeline import cut_out_bytes, say
from pipeline.base.errors import ClearcutError
from pipeline.base.settings import ROOT
from pipeline.base.words import explain
from pipeline.batch.batch import Batch
from pipeline.batch.items import Found, Source, find_items
from pipeline.batch.journal import FOLDER, Journal
from pipeline.batch.report import write_report
from pipeline.batch.task import Order
from pipeline.commands.command_line import main
from tests import house
from tests.pictures import composite, encoded, opened

COMMAND = [sys.executable, "-m", "pipeline", "batch"]
PNG = encoded(composite(96, 72).rgb)
HEED = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # tests started in the background ignore it


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, u2netp: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def put(number: int, folder: str = "in") -> None:
    """So many photos, no two alike."""
    Path(folder, "sub").mkdir(parents=True, exist_ok=True)
    for at in range(number):
        place = Path(folder, "sub" if at % 3 == 0 else ".", f"{at}.png")
        place.write_bytes(encoded(composite(96, 72, seed=at).rgb))


def run(*words: str, code: int = 0) -> str:
    """What the command says in a process of its own."""
    ended = subprocess.run([*COMMAND, *words], capture_output=True, text=True, encoding="utf-8", timeout=120)
    assert ended.returncode == code, ended.stderr
    assert ended.stdout == ""
    return ended.stderr


def cutouts(folder: str = "out") -> dict[str, bytes]:
    """All files that a batch has made, but its journal and its report."""
    files = (path for path in Path(folder).rglob("*") if path.is_file() and FOLDER not in path.parts)
    made = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    return {name: data for name, data in made.items() if not name.startswith("report.")}


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def table(folder: str = "out") -> dict[str, dict[str, str]]:
    with Path(folder, "report.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["photo"]: row for row in csv.DictReader(file)}


# ---- a run ----------------------------------------------------------------------------------------------------------


def test_every_cut_out_has_the_bytes_of_a_single_one_in_the_same_folders() -> None:
    put(4)
    run("in", "-o", "out", "--feather", "2")
    photos = {path.relative_to("in").as_posix(): path.read_bytes() for path in Path("in").rglob("*.png")}
    assert cutouts() == {name: cut_out_bytes(data, feather=2) for name, data in photos.items()}


def test_what_cannot_be_read_is_told_in_both_reports_and_stops_no_other() -> None:
    put(2)
    Path("in/bad.jpg").write_bytes(b"no picture")
    said = run("in", "-o", "out", code=2)
    sentence = explain(ClearcutError("not_a_picture", name="bad.jpg"))
    assert f"bad.jpg: {sentence}" in said
    assert "2 of 3 done, 1 failed" in said
    assert sorted(cutouts()) == ["1.png", "sub/0.png"]
    assert table()["bad.jpg"] | {"state": "failed", "warnings": sentence} == table()["bad.jpg"]
    page = Path("out/report.html").read_text("utf-8")
    assert "bad.jpg" in page
    assert re.findall(r'(?:src|href)="([^"]+)"', page)
    assert "//" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL).replace("://www.w3.org", "")


def test_with_on_error_stop_the_first_error_ends_the_run() -> None:
    Path("in").mkdir()
    Path("in/0.png").write_bytes(b"no picture")
    for at in range(1, 12):
        Path(f"in/{at}.png").write_bytes(PNG)
    run("in", "-o", "out", "--on-error", "stop", "--workers", "1", code=2)
    assert len(cutouts()) < 11


def test_names_that_would_fall_together_are_told_apart() -> None:
    Path("in/Sub").mkdir(parents=True)
    Path("in/sub").mkdir(exist_ok=True)
    for name in ("a.png", "a.bmp", "A.jpg", "a_bmp.png"):
        Path("in", name).write_bytes(PNG)
    run("in", "-o", "out")
    made = sorted(cutouts())
    assert len(made) == 4
    assert len({name.casefold() for name in made}) == 4
    assert {row["cutout"] for row in table().values()} == set(made)


def test_cut_outs_beside_their_photos_are_marked_and_are_no_photos_of_the_next_run() -> None:
    put(2)
    run("in", "-o", "in")
    run("in", "-o", "in", "--resume")
    assert {name for name in cutouts("in") if "cutout" in name} == {"1_cutout.png", "sub/0_cutout.png"}
    assert len(table("in")) == 2


def test_files_of_others_are_not_replaced_without_force() -> None:
    put(2)
    Path("out").mkdir()
    Path("out/1.png").write_bytes(b"mine")
    run("in", "-o", "out", code=2)
    assert cutouts()["1.png"] == b"mine"
    assert table()["1.png"]["state"] == "failed"
    run("in", "-o", "out", "--resume", "--force")
    assert cutouts()["1.png"] != b"mine"


def test_options_of_a_row_win_over_those_of_all_its_format_too() -> None:
    put(2)
    Path("list.csv").write_text("path,format,background,feather\nin/1.png,jpeg,color,\nin/sub/0.png,,,nonsense\n")
    run("list.csv", "-o", "out", "--crop", code=2)
    assert list(cutouts()) == ["in/1.jpg"]
    wanted = cut_out_bytes(Path("in/1.png").read_bytes(), crop=True, format="jpeg", background="color")
    assert cutouts()["in/1.jpg"] == wanted


def test_a_zip_is_cut_out_as_a_folder_would_be() -> None:
    with zipfile.ZipFile("p.zip", "w") as archive:
        archive.writestr("sub/a.png", PNG)
        archive.writestr("../evil.png", PNG)
    run("p.zip", "-o", "out", code=2)
    assert cutouts() == {"sub/a.png": cut_out_bytes(PNG)}
    assert not Path("evil.png").exists()


def test_a_background_picture_is_behind_every_subject() -> None:
    put(1)
    Path("wall.png").write_bytes(encoded(composite(50, 50, seed=9).rgb))
    run("in", "-o", "out", "--background-image", "wall.png")
    photo = Path("in/sub/0.png").read_bytes()
    assert cutouts() == {"sub/0.png": cut_out_bytes(photo, Path("wall.png").read_bytes())}


# ---- stopped and gone on with ---------------------------------------------------------------------------------------


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
        process = subprocess.Popen([*COMMAND, "in", "-o", "out"], stderr=said, preexec_fn=HEED)
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


# ---- disks ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("no right to mount a small disk here")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="mount")
def test_a_full_disk_stops_cleanly_and_the_batch_goes_on_once_there_is_room(small_disk: Path) -> None:
    Path("in").mkdir()
    for at in range(12):
        Path(f"in/{at}.png").write_bytes(encoded(composite(300, 300, seed=at).rgb))
    said = run("in", "-o", str(small_disk), code=1)
    assert "disk is full" in said or "No room" in said or "full" in said
    assert "Traceback" not in said
    for name, data in cutouts(str(small_disk)).items():
        assert opened(data).shape == (300, 300, 4), name
    subprocess.run(["mount", "-o", "remount,size=50m", small_disk], check=True)
    run("-o", str(small_disk), "--resume")
    assert len(cutouts(str(small_disk))) == 12


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_done() -> None:
    put(1)
    Path("file").write_bytes(b"")
    said = run("in", "-o", "file/out", code=1)
    assert explain(ClearcutError("write_failed", name="out")) in said


# ---- watching -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="SIGINT")
def test_a_watched_folder_is_served_as_photos_arrive_each_once_it_is_complete() -> None:
    Path("in").mkdir()
    with Path("said").open("w") as said:
        process = subprocess.Popen([*COMMAND, "in", "-o", "out", "--watch"], stderr=said, preexec_fn=HEED)
    try:
        Path("in/first.png").write_bytes(PNG)
        wait_for(lambda: "first.png" in cutouts())
        with Path("in/slow.png").open("wb") as file:
            for at in range(0, len(PNG), len(PNG) // 6 + 1):
                file.write(PNG[at : at + len(PNG) // 6 + 1])
                file.flush()
                time.sleep(0.6)
        wait_for(lambda: "slow.png" in cutouts())
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert cutouts() == {"first.png": cut_out_bytes(PNG), "slow.png": cut_out_bytes(PNG)}
    assert table()["slow.png"]["state"] == "done"
    assert "failed" not in [row["state"] for row in table().values()]


# ---- the journal and the report -------------------------------------------------------------------------------------


def test_ten_thousand_photos_are_noted_and_read_a_page_at_a_time(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    found = (Found(Source(f"/in/{at}.png"), f"{at}.png") for at in range(10_000))
    assert journal.add(found, lambda own: ".png") == 10_000
    assert journal.count()["waiting"] == 10_000
    assert [item.number for item in journal.list_items()] == list(range(1, 10_001))
    journal.close()


def test_whoever_knows_a_revision_is_told_what_has_changed_since(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.add([Found(Source(f"/in/{at}.png"), f"{at}.png") for at in range(3)], lambda own: ".png")
    known = journal.revision
    journal.note_failed(2, ClearcutError("empty_file", name="x"))
    journal.note_begun(1)
    assert [item.number for item in journal.list_changes(known)] == [2, 1]
    journal.close()
    assert Journal(tmp_path).revision > known


def test_a_journal_that_is_damaged_is_told(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "journal.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(ClearcutError):
        Journal(tmp_path)
    assert issubclass(sqlite3.DatabaseError, sqlite3.Error)


def test_a_report_elsewhere_takes_its_thumbnails_along_and_speaks_the_language(capfd: object) -> None:
    put(1)
    run("in", "-o", "out", "--report", "far/report")
    assert sorted(path.name for path in Path("far/report").iterdir()) == ["report.csv", "report.html", "thumbnails"]
    assert not Path("out/report.html").exists()
    with Batch(Path("out"), Order({}), house.settings()) as batch:
        page = write_report(batch, Path("zh"), "zh-CN").read_text("utf-8")
    assert say("report.title", "zh-CN") in page


def test_a_name_cannot_bring_markup_or_a_formula_into_the_report(tmp_path: Path) -> None:
    Path("in").mkdir()
    Path("in/=1+1 <b>.png").write_bytes(b"no picture")
    run("in", "-o", "out", code=2)
    assert "<b>.png" not in Path("out/report.html").read_text("utf-8")
    assert all(not name.startswith("=") for name in table())


def test_without_photos_the_command_says_what_it_needs(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["batch", "-o", "out"]) == 2
    assert explain(ClearcutError("no_inputs")) in capfd.readouterr().err
    assert not Path("out").exists()


def test_found_photos_are_added_once_however_often_they_are_found(tmp_path: Path) -> None:
    put(3)
    with Batch(Path("out"), Order({}), house.settings()) as batch:
        for expected in (3, 0):
            assert batch.add(find_items(["in"], batch.output, batch.scratch)) == expected
