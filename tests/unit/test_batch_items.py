"""What a batch is made of: folders, patterns, archives and lists, and what is wrong with them."""

import gzip
import io
import json
import os
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.errors import ClearcutError
from pipeline.batch import archives
from pipeline.batch.items import Found, Source, find_items
from tests.pictures import composite, encoded

PNG = encoded(composite(48, 36).rgb)


@pytest.fixture
def find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Found]]:
    """The photos that words mean, in a folder of this test's own."""
    monkeypatch.chdir(tmp_path)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return lambda *given, **how: list(find_items(given, tmp_path / "out", scratch, **how))


def put(*names: str, data: bytes = PNG) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(data)


def names(found: Iterable[Found]) -> list[str]:
    return [each.name for each in found]


def put_zip(path: str, files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)


def put_tar(path: str, files: dict[str, bytes], mode: Any = "w") -> None:
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            about = tarfile.TarInfo(name)
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))


def fails(find: Callable[..., list[Found]], *given: str) -> str:
    with pytest.raises(ClearcutError) as caught:
        find(*given)
    return caught.value.code


# ---- folders and patterns -------------------------------------------------------------------------------------------


def test_a_folder_brings_all_that_is_in_it_in_the_order_in_which_people_count(find: Callable[..., Any]) -> None:
    put("in/10.png", "in/2.png", "in/sub/deep/1.jpg", "in/notes.txt", "in/.hidden.png", "in/.git/x.png")
    assert names(find("in")) == ["2.png", "10.png", "sub/deep/1.jpg"]


def test_files_that_are_no_photos_are_counted_but_not_what_a_batch_has_written(find: Callable[..., Any]) -> None:
    put("in/a.png", "in/a.CR2", "in/sub/b.cr2", "in/more.zip", "in/.hidden", "out/a_cutout.png", "out/report.csv")
    put("a_cutout.png")
    put_zip("p.zip", {"a.png": PNG, "inner.zip": PNG, ".hidden": PNG})
    counted: Counter[str] = Counter()
    find("in", "p.zip", left_out=counted)
    assert counted == {".cr2": 2, ".zip": 2}
    counted.clear()
    Path("in").rename("out/in")
    assert names(find_items(["out"], Path("out"), Path("scratch"), left_out=counted)) == ["in/a.png"]
    assert counted == {".cr2": 2, ".zip": 1}


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_links_to_folders_are_told_and_not_followed_and_links_to_files_are_taken(find: Callable[..., Any]) -> None:
    put("in/a.png", "in/sub/b.png", "elsewhere/c.png", "elsewhere/deep/d.png")
    Path("in/sub/round").symlink_to("..")
    Path("in/far").symlink_to(Path("elsewhere").absolute())
    Path("in/c.png").symlink_to(Path("elsewhere/c.png").absolute())
    found = {each.name: each.error and each.error.code for each in find("in")}
    assert found == {"a.png": None, "c.png": None, "sub/b.png": None} | dict.fromkeys(
        ("far", "sub/round"), "link_not_followed"
    )
    assert sorted(names(find("in/**/*.png"))) == ["a.png", "b.png", "c.png"]


def test_the_output_folder_is_no_input_where_it_lies_inside(find: Callable[..., Any]) -> None:
    put("a.png", "out/a.png")
    assert names(find(".")) == ["a.png"]


def test_of_several_folders_each_keeps_its_name_which_no_two_share(find: Callable[..., Any]) -> None:
    put("x/in/a.png", "y/in/a.png", "b.png")
    assert names(find("x/in", "y/in", "b.png")) == ["in/a.png", "in_2/a.png", "b.png"]


def test_a_pattern_reaches_into_folders(find: Callable[..., Any]) -> None:
    put("in/a.png", "in/sub/b.png", "in/c.txt")
    assert names(find("in/**/*")) == ["a.png", "b.png"]


@pytest.mark.parametrize(
    ("given", "code"), [("nowhere", "file_missing"), ("*.gif", "pattern_empty"), ("empty", "folder_empty")]
)
def test_what_means_no_photo_is_told(find: Callable[..., Any], given: str, code: str) -> None:
    Path("empty").mkdir()
    assert fails(find, given) == code


@pytest.mark.skipif(os.name != "posix", reason="names are text there")
def test_a_name_that_is_no_text_is_found(find: Callable[..., Any]) -> None:
    put(os.fsdecode(b"in/caf\xe9.png"))
    assert find("in")[0].source.read()[0] == PNG


# ---- archives -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_photos_in_a_zip_are_read_where_they_lie(find: Callable[..., Any], compression: int) -> None:
    put_zip("p.zip", {"a.png": PNG, "sub/b.png": PNG + b"b", "__MACOSX/._a.png": b"x", "notes.txt": b"x"}, compression)
    found = find("p.zip")
    assert names(found) == ["a.png", "sub/b.png"]
    assert [each.source.read()[0] for each in found] == [PNG, PNG + b"b"]
    assert not list(Path("scratch").iterdir())


@pytest.mark.parametrize(
    ("path", "mode"), [("p.tar", "w"), ("p.tar.gz", "w:gz"), ("p.tgz", "w:gz"), ("p.tar.xz", "w:xz")]
)
def test_photos_in_a_tar_are_read(find: Callable[..., Any], path: str, mode: str) -> None:
    put_tar(path, {"a.png": PNG, "sub/b.png": PNG + b"b"}, mode)
    found = find(path)
    assert [each.source.read()[0] for each in found] == [PNG, PNG + b"b"]


@pytest.mark.parametrize("name", ["../a.png", "/etc/a.png", "sub/../../a.png", "C:/a.png", "..\\a.png"])
def test_a_name_that_leads_out_of_the_archive_is_refused_and_the_others_are_not(
    find: Callable[..., Any], name: str
) -> None:
    put_zip("p.zip", {name: PNG, "good.png": PNG})
    errors = {each.name: each.error and each.error.code for each in find("p.zip")}
    assert errors.pop("good.png") is None
    assert set(errors.values()) == {"unsafe_name"}


def test_a_bomb_in_a_zip_is_refused_unread(find: Callable[..., Any]) -> None:
    put_zip("p.zip", {"bomb.png": bytes(30_000_000), "good.png": PNG}, zipfile.ZIP_DEFLATED)
    assert [each.error and each.error.code for each in find("p.zip")] == ["archive_bomb", None]


def test_a_zip_that_lies_about_a_size_gives_no_more_than_it_says(find: Callable[..., Any]) -> None:
    put_zip("p.zip", {"a.png": PNG * 50}, zipfile.ZIP_DEFLATED)
    source = find("p.zip")[0].source._replace(size=len(PNG))
    with pytest.raises(ClearcutError, match="broken_archive"):
        source.read()


def test_a_compressed_tar_that_blows_up_is_refused_and_nothing_of_it_stays(find: Callable[..., Any]) -> None:
    Path("p.tar.gz").write_bytes(gzip.compress(bytes(20_000_000)))
    assert fails(find, "p.tar.gz") == "archive_bomb"
    assert not list(Path("scratch").iterdir())


@pytest.mark.parametrize("path", ["p.zip", "p.tar", "p.tar.gz"])
@pytest.mark.parametrize(
    "data", [b"", b"nonsense" * 200, gzip.compress(b"x" * 5000, mtime=0)[:-9]], ids=("empty", "no", "cut")
)
def test_a_damaged_archive_is_told(find: Callable[..., Any], path: str, data: bytes) -> None:
    Path(path).write_bytes(data)
    assert fails(find, path) in ("broken_archive", "folder_empty")


def test_other_names_of_photos_in_a_tar_are_read_and_links_that_lead_elsewhere_told(find: Callable[..., Any]) -> None:
    others = {
        "far.png": (tarfile.SYMTYPE, "/etc/passwd"),
        "sub/alias.png": (tarfile.SYMTYPE, "../a.png"),
        "second.png": (tarfile.LNKTYPE, "./a.png"),
        "gone.png": (tarfile.LNKTYPE, "b.png"),
    }
    with tarfile.open("p.tar", "w") as archive:
        for name, (kind, meant) in others.items():
            other = tarfile.TarInfo(name)
            other.type, other.linkname = kind, meant
            archive.addfile(other)
        about = tarfile.TarInfo("a.png")
        about.size = len(PNG)
        archive.addfile(about, io.BytesIO(PNG))
    found = {each.name: each for each in find("p.tar")}
    assert {name for name, each in found.items() if each.error} == {"far.png", "gone.png"}
    assert all(found[name].source.read()[0] == PNG for name in ("a.png", "sub/alias.png", "second.png"))


def test_a_photo_that_needs_a_password_is_told(find: Callable[..., Any]) -> None:
    put_zip("p.zip", {"a.png": PNG})
    data = bytearray(Path("p.zip").read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1  # the flag of encryption
    Path("p.zip").write_bytes(data)
    found = find("p.zip")[0]
    assert found.error and found.error.code == "archive_locked"


def test_an_archive_is_known_by_its_name() -> None:
    assert [archives.is_archive(name) for name in ("a.zip", "a.TAR.GZ", "a.png", "zip")] == [True, True, False, False]


# ---- lists ----------------------------------------------------------------------------------------------------------


def test_a_csv_list_brings_a_path_and_options_a_row(find: Callable[..., Any]) -> None:
    put("list/sub/a.png", "list/b.png")
    Path("list/l.csv").write_text("path,feather,preset\nsub/a.png,2,\nb.png,,sticker\n", "utf-8-sig")
    found = find("list/l.csv")
    assert [(each.name, each.options) for each in found] == [
        ("sub/a.png", {"feather": "2"}),
        ("b.png", {"preset": "sticker"}),
    ]
    assert found[0].source.read()[0] == PNG


def test_a_jsonl_list_brings_values_of_their_own_kind(find: Callable[..., Any]) -> None:
    put("b.png")
    Path("l.jsonl").write_text(json.dumps({"file": "b.png", "crop": True}) + "\n\n", "utf-8")
    assert find("l.jsonl")[0].options == {"crop": True}


@pytest.mark.parametrize("text", ["path;feather\na.png;2\n", "path\tfeather\na.png\t2\n", "Path, Feather \na.png,2\n"])
def test_tables_of_spreadsheets_are_read(find: Callable[..., Any], text: str) -> None:
    Path("l.csv").write_text(text, "utf-8-sig")
    assert [(each.name, each.options) for each in find("l.csv")] == [("a.png", {"feather": "2"})]


def test_a_photo_may_stand_in_several_rows_each_with_other_options(find: Callable[..., Any]) -> None:
    Path("l.csv").write_text("path,feather\na.png,2\n./a.png,2\na.png,3\n", "utf-8")
    assert [(each.source.copy, each.options) for each in find("l.csv")] == [
        (0, {"feather": "2"}),
        (1, {"feather": "3"}),
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("l.csv", "name,feather\na.png,2\n"),
        ("l.csv", "path,file\na.png,b.png\n"),
        ("l.jsonl", "[]"),
        ("l.jsonl", "{"),
        ("l.jsonl", '{"path": 3}'),
        ("l.jsonl", "[" * 100_000),
    ],
)
def test_a_list_that_cannot_be_read_is_told(find: Callable[..., Any], name: str, text: str) -> None:
    Path(name).write_text(text, "utf-8")
    assert fails(find, name) == "bad_list"


def test_of_a_list_that_cannot_be_read_the_line_is_told_and_an_empty_one_is_no_batch(find: Callable[..., Any]) -> None:
    Path("l.jsonl").write_text('{"path": "a.png"}\n\n{\n', "utf-8")
    with pytest.raises(ClearcutError) as caught:
        find("l.jsonl")
    assert caught.value.facts["row"] == 3
    Path("l.csv").write_text("path,feather\n", "utf-8")
    assert fails(find, "l.csv") == "folder_empty"


# ---- reading --------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(ClearcutError, match="file_unreadable"):
        Source(str(tmp_path / "a.png")).read()


def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"half")
    read, times = Path.read_bytes, iter([True, False])

    def read_and_change(path: Path) -> bytes:
        data = read(path)
        if next(times):
            path.write_bytes(PNG)
        return data

    monkeypatch.setattr(Path, "read_bytes", read_and_change)
    assert Source(str(file)).read() == (PNG, Source(str(file)).stamp())


def test_a_file_that_never_stops_changing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(PNG)
    read = Path.read_bytes

    def read_and_grow(path: Path) -> bytes:
        data = read(path)
        path.write_bytes(data + b"x")
        return data

    monkeypatch.setattr(Path, "read_bytes", read_and_grow)
    with pytest.raises(ClearcutError, match="file_changed"):
        Source(str(file)).read()
