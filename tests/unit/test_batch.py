"""``clearcut batch``: whole files only, none twice, nothing silently missing; killed for real and gone on with."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import cut_out_bytes, say
from pipeline.base.errors import ClearcutError
from pipeline.base.words import explain
from pipeline.batch.batch import Batch
from pipeline.batch.items import Found, Source, find_items
from pipeline.batch.journal import FOLDER, Journal
from pipeline.batch.report import write_report
from pipeline.batch.task import Order
from pipeline.commands.command_line import main
from tests import house
from tests.batches import COMMAND, PNG, cutouts, put, run, table, wait_for
from tests.pictures import composite, encoded, opened

pytestmark = pytest.mark.usefixtures("desk")


# ---- a run ----------------------------------------------------------------------------------------------------------


def test_every_cut_out_has_the_bytes_of_a_single_one_in_the_same_folders() -> None:
    put(4)
    run("in", "-o", "out", "--feather", "2")
    photos = {path.relative_to("in").as_posix(): path.read_bytes() for path in Path("in").rglob("*.png")}
    assert cutouts() == {name: cut_out_bytes(data, feather=2) for name, data in photos.items()}


def test_what_cannot_be_read_is_told_in_both_reports_and_stops_no_other() -> None:
    put(2)
    Path("in/bad.jpg").write_bytes(b"no picture")
    Path("in/raw.cr2").write_bytes(b"no picture")
    said = run("in", "-o", "out", code=2)
    sentence = explain(ClearcutError("not_a_picture", name="bad.jpg"))
    assert f"bad.jpg: {sentence}" in said
    assert "2 of 3 done, 1 failed" in said
    assert sorted(cutouts()) == ["1.png", "sub/0.png"]
    assert table()["bad.jpg"] | {"state": "failed", "warnings": sentence} == table()["bad.jpg"]
    page = Path("out/report.html").read_text("utf-8")
    assert re.search(r"subject \d+ %", page)
    assert "bad.jpg" in page and "1 × .cr2" in page and "1 × .cr2" in said
    assert re.findall(r'(?:src|href)="([^"]+)"', page)
    assert "//" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL).replace("://www.w3.org", "")


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_a_link_to_a_folder_is_told_in_the_report_until_it_is_a_folder() -> None:
    put(1)
    put(1, "elsewhere")
    Path("in/far").symlink_to(Path("elsewhere").absolute())
    said = run("in", "-o", "out", code=2)
    sentence = explain(ClearcutError("link_not_followed", name="far"))
    assert f"far: {sentence}" in said and table()["far"]["warnings"] == sentence
    Path("in/far").unlink()
    Path("elsewhere").rename("in/far")
    run("in", "-o", "out", "--resume")
    assert sorted(cutouts()) == sorted(table()) == ["far/sub/0.png", "sub/0.png"]


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
        process = subprocess.Popen([*COMMAND, "in", "-o", "out", "--watch"], stderr=said)
    try:
        Path("in/first.png").write_bytes(PNG)
        wait_for(lambda: "first.png" in cutouts())
        with Path("in/slow.png").open("wb") as file:
            for at in range(0, len(PNG), len(PNG) // 6 + 1):
                file.write(PNG[at : at + len(PNG) // 6 + 1])
                file.flush()
                time.sleep(0.6)
        wait_for(lambda: "slow.png" in cutouts())
        wait_for(lambda: Path("out/report.csv").exists() and "slow.png" in table())  # while it goes on
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 130
    assert cutouts() == {"first.png": cut_out_bytes(PNG), "slow.png": cut_out_bytes(PNG)}
    assert table()["slow.png"]["state"] == "done"
    assert "failed" not in [row["state"] for row in table().values()]


# ---- the journal and the report -------------------------------------------------------------------------------------


def test_ten_thousand_photos_are_noted_and_read_a_page_at_a_time(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    found = (Found(Source(f"/in/{at}.png"), f"{at}.png") for at in range(10_000))
    assert journal.add(found, lambda own, beside: ".png") == 10_000
    assert journal.count()["waiting"] == 10_000
    assert [item.number for item in journal.list_items()] == list(range(1, 10_001))
    journal.close()


def test_whoever_knows_a_revision_is_told_what_has_changed_since(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.add([Found(Source(f"/in/{at}.png"), f"{at}.png") for at in range(3)], lambda own, beside: ".png")
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
