"""The command line: which files it makes of which photos."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipeline import cut_out_bytes, say
from pipeline.commands.places import choose_targets, find_photos
from tests import house
from tests.command_line import PNG, child, files, sentence

pytestmark = pytest.mark.usefixtures("photo_desk")
LONG = "猫" * 83 + ".png"
NAMES = ["été 📷.png", "猫 的 照片.png", "it's “quoted”.png", '"a" & $b;c.png', " spaces  .png", "-dash.png"]
NAMES += ["a.b.c.png", "noextension", ".hidden.png", "100%s{name}.png", "n" * 196 + ".png", "new\nline.png"]
NAMES += [os.fsdecode(b"caf\xe9.png")]


@pytest.mark.parametrize(
    "error", ["ClearcutError('not_a_picture', name='x')", "KeyboardInterrupt", "ZeroDivisionError"]
)
def test_what_was_said_before_an_error_is_said(error: str) -> None:
    code = f"""import os
from pipeline.base.errors import ClearcutError
from pipeline.commands import command_line, cut
def run(given, context):
    print("so far")
    raise {error}
cut.run = run
os._exit(command_line.main(["cut", "photo.png"]))"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).stdout == b"so far\n"


def test_the_cut_out_is_written_beside_the_photo_or_to_standard_output_alone() -> None:
    Path("sub").mkdir()
    Path("photo.png").rename("sub/photo.png")
    for arguments in (["-"], ["sub/photo.png", "-o", "-"]):
        assert child("cut", *arguments, input=PNG)[:2] == (0, house.cut_out_in_process_of_its_own(PNG))
    assert files() == {"sub/photo.png"}
    assert child("cut", "sub/photo.png")[:2] == (0, b"")
    assert Path("sub/photo_cutout.png").read_bytes() == house.cut_out_in_process_of_its_own(PNG)


def test_options_on_the_command_line_are_those_of_the_library(cli: Any) -> None:
    end = cli("cut", "photo.png", "-o", "-", "--feather=3", "--model", "u2netp")
    assert end.out == cut_out_bytes(PNG, feather=3, model="u2netp") != cut_out_bytes(PNG)


@pytest.mark.parametrize("photo", ["photo.png", "-"])
@pytest.mark.parametrize("output", ["out.png", "there", "new/folder/", LONG], ids=lambda output: output[:20])
def test_output_names_a_file_or_a_folder(output: str, photo: str, cli: Any) -> None:
    Path("there").mkdir()
    assert cli("cut", photo, "-o", output, stdin=PNG)[:2] == (0, b"")
    (made,) = files() - {"photo.png"}
    name = "stdin_cutout.png" if photo == "-" else "photo_cutout.png"
    assert made == (output if output.endswith(".png") else f"{output.rstrip('/')}/{name}")
    assert Path(made).read_bytes() == cut_out_bytes(PNG)


@pytest.mark.parametrize("name", NAMES)
def test_odd_file_names_are_taken_as_they_are(name: str, cli: Any) -> None:
    Path("photo.png").rename(name)
    assert cli("cut", "--", name).code == 0
    (made,) = files() - {name}
    assert Path(made).read_bytes() == cut_out_bytes(PNG)


def test_several_photos_are_all_cut_even_where_one_is_bad(cli: Any) -> None:
    shutil.copy("photo.png", "b.png")
    Path("bad.jpg").write_text("hello")
    end = cli("cut", "photo.png", "bad.jpg", "b.png", "-o", "out/")
    assert (end.code, end.out) == (2, b"")
    assert files() == {"photo.png", "b.png", "bad.jpg", "out/photo_cutout.png", "out/b_cutout.png"}
    assert "bad.jpg" in sentence(end.err.splitlines()[1])


def test_a_file_that_is_there_is_kept_and_told_and_the_others_are_made(cli: Any) -> None:
    shutil.copy("photo.png", "a.png")
    Path("photo_cutout.png").write_text("old")
    end = cli("cut", "photo.png", "a.png")
    assert end.code == 2
    assert "photo_cutout.png" in sentence(end.err.splitlines()[0])
    assert Path("photo_cutout.png").read_text() == "old"
    assert Path("a_cutout.png").read_bytes() == cut_out_bytes(PNG)


@pytest.mark.parametrize("flags", [[], ["--skip-existing"]])
def test_where_every_file_is_there_nothing_is_run(
    flags: list[str], cli: Any, empty_models: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("CLEARCUT_OFFLINE", "1")
    Path("photo_cutout.png").write_text("old")
    end = cli("cut", "photo.png", *flags)
    assert (end.code, Path("photo_cutout.png").read_text()) == (0 if flags else 2, "old")
    assert "photo_cutout.png" in sentence(end.err)


def test_photos_whose_result_is_there_can_be_left_out(cli: Any) -> None:
    shutil.copy("photo.png", "a.png")
    Path("photo_cutout.png").write_text("old")
    end = cli("cut", "photo.png", "a.png", "--skip-existing")
    assert (end.code, Path("photo_cutout.png").read_text()) == (0, "old")
    assert end.err.splitlines()[0] == say("cli.skipped", name="photo_cutout.png")
    assert Path("a_cutout.png").exists()


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("o.png", "png"),
        ("o.jpg", "jpeg"),
        ("o.JPEG", "jpeg"),
        ("o.webp", "webp"),
        ("o.avif", "avif"),
        ("o.tif", "tiff"),
        ("o.tiff", "tiff"),
        ("o.zip", "zip"),
        (".webp", "webp"),
        ("o", "png"),
    ],
)
def test_the_ending_of_the_output_says_the_format(name: str, format: str, cli: Any) -> None:
    assert cli("cut", "photo.png", "-o", name).code == 0
    assert Path(name).read_bytes() == cut_out_bytes(PNG, format=format)


@pytest.mark.parametrize(
    ("name", "format"), [("o.png", "matte"), ("o.png", "png-small"), ("o.webp", "webp-lossless"), ("o", "jpeg")]
)
def test_a_format_that_goes_with_the_ending_counts(name: str, format: str, cli: Any) -> None:
    assert cli("cut", "photo.png", "-o", name, "--format", format).code == 0
    assert Path(name).read_bytes() == cut_out_bytes(PNG, format=format)


def test_the_ending_of_the_output_counts_more_than_a_ready_made_setting(cli: Any) -> None:
    assert cli("cut", "photo.png", "-o", "o.webp", "--preset", "id-photo").code == 0
    assert Path("o.webp").read_bytes() == cut_out_bytes(PNG, preset="id-photo", format="webp")


def test_an_ending_that_nothing_is_written_with_is_told_with_those_that_there_are(cli: Any) -> None:
    said = sentence(cli("cut", "photo.png", "-o", "o.gif").err)
    assert ".png, .webp, .avif, .jpg, .jpeg, .tif, .tiff, .zip" in said
    said = sentence(cli("cut", "photo.png", "-o", "o.jpg", "--format", "webp").err)
    assert all(word in said for word in ("o.jpg", "webp"))


@pytest.mark.parametrize(
    ("photos", "names"),
    [
        (["IMG_1.jpg", "IMG_1.png"], ["IMG_1", "IMG_1_png"]),
        (["IMG_1.jpg", "IMG_1.png", "IMG_1_png.jpg"], ["IMG_1", "s_IMG_1", "IMG_1_png"]),
        (["a/x.jpg", "b/x.jpg"], ["x", "b_x"]),
        (["a/x.jpg", "b/x.png", "c/x.png", "d/x.jpg"], ["x", "x_png", "c_x", "d_x"]),
        (["a/b/x.jpg", "c/b/x.jpg", "d/b/x.jpg"], ["x", "b_x", "d_b_x"]),
        (["A.jpg", "a.jpg", "a.JPG"], ["A", "a_2", "a_3"]),
        (["a/Ä.jpg", "b/a\u0308.jpg"], ["Ä", "b_ä"]),
        (["a/x.jpg", "b/x.jpg", "b_x.jpg"], ["x", "x_2", "b_x"]),
        (["n" * 190 + ".jpg", "n" * 190 + ".png"], ["n" * 150, "n" * 146 + "_png"]),
    ],
)
@pytest.mark.parametrize("again", [1, 2])
def test_cut_outs_in_one_folder_are_told_apart(photos: list[str], names: list[str], again: int) -> None:
    for _ in range(again):
        targets = choose_targets(photos, "out/", "_cutout.png")
        made = [str(target) for _, target in targets]
        if names[1:2] not in (["s_IMG_1"], ["x_2"]):
            assert made == [f"out/{name}_cutout.png" for name in names]
        assert len({each.casefold() for each in made}) == len(photos)
        assert [photo for photo, _ in targets] == photos


def test_of_photos_with_one_stem_every_cut_out_is_made(cli: Any) -> None:
    for name in ("a.png", "a.jpg", "A.jpg"):
        Path(name).write_bytes(PNG)
    assert cli("cut", "a.png", "a.jpg", "A.jpg", "./a.png", "-o", "out").code == 2  # of several photos no one file
    assert cli("cut", "a.png", "a.jpg", "A.jpg", "./a.png", "-o", "out/").code == 0
    assert {path.name for path in Path("out").iterdir()} == {"a_cutout.png", "a_jpg_cutout.png", "A_2_cutout.png"}


def test_a_folder_is_its_photos_in_the_order_in_which_people_count(cli: Any) -> None:
    Path("in/deeper").mkdir(parents=True)
    for name in ("10.png", "2.PNG", "1_cutout.png", "1_mask.png", ".2.png", "deeper/3.png", "b.jpg"):
        Path("in", name).write_bytes(PNG)
    Path("in/notes.txt").write_text("hello")
    assert find_photos(["photo.png", "in"]) == (["photo.png", "in/2.PNG", "in/10.png", "in/b.jpg"], [])
    assert find_photos(["in/*.png", "in/b.jpg", "in/"]) == (["in/10.png", "in/b.jpg", "in/2.PNG"], [])
    end = cli("cut", "in/", "-o", "out/", "--skip-existing")
    assert (end.code, len(end.err.splitlines())) == (0, 3)
    assert {path.name for path in Path("out").iterdir()} == {f"{stem}_cutout.png" for stem in ("2", "10", "b")}
    assert cli("cut", "in").code == 0 and cli("cut", "in", "--skip-existing").code == 0
    assert not list(Path("in").glob("*_cutout_cutout*")), "what was made of a folder is no photo of it"


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(cli: Any) -> None:
    Path("photo.png").rename("[p]hoto*.png")
    assert cli("cut", "[p]hoto*.png").code == 0
    assert cli("cut", "*.png", "--force").code == 0


def test_an_empty_folder_or_pattern_is_told_and_the_others_are_done(cli: Any) -> None:
    Path("empty").mkdir()
    end = cli("cut", "empty", "*.gif", "photo.png")
    assert (end.code, files()) == (2, {"photo.png", "photo_cutout.png"})
    folder, pattern, _ = end.err.splitlines()
    assert "empty" in sentence(folder) and "*.gif" in sentence(pattern)


def test_force_replaces_a_file_as_a_whole(cli: Any) -> None:
    Path("photo_cutout.png").write_text("old")
    with Path("photo_cutout.png").open() as reader:
        assert cli("cut", "photo.png", "--force").code == 0
        assert reader.read() == "old"  # who has it open still sees all of it
    assert Path("photo_cutout.png").read_bytes() == cut_out_bytes(PNG)


@pytest.mark.parametrize("there", [set(), {"photo_cutout.png"}])
def test_a_write_that_fails_half_way_leaves_things_as_they_were(there: set[str]) -> None:
    for name in there:
        Path(name).write_text("old")
    limit: dict[str, Any] = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))}
    end = child("cut", "photo.png", "--force", **limit)
    assert (end.code, files()) == (1, {"photo.png"} | there)
    assert all(Path(name).read_text() == "old" for name in there)
    assert "photo_cutout.png" in sentence(end.err)


@pytest.mark.parametrize("arguments", ["cut photo.png -o /dev/full", "cut -", "models"])
def test_a_full_disk_behind_the_output_is_told(arguments: str) -> None:
    with Path("/dev/full").open("wb") as full:
        end = child(*arguments.split(), input=PNG, stdout=full)
    assert (end.code, files()) == (1, {"photo.png"})
    assert "full" in sentence(end.err)


@pytest.mark.parametrize("second", ["a.jpg", "a.png", "sub/../a.jpg", "{here}/a.jpg", "link/a.jpg"])
def test_two_photos_never_go_to_the_same_file_and_one_given_twice_is_one(second: str, cli: Any, tmp_path: Path) -> None:
    Path("sub").mkdir()
    Path("link").symlink_to(".")
    for name in ("a.jpg", "a.png"):
        Path(name).write_bytes(PNG)
    end = cli("cut", "a.png", second.format(here=tmp_path))
    made = {"a_cutout.png"} if second == "a.png" else {"a_cutout.png", "a_jpg_cutout.png"}
    assert (end.code, files()) == (0, {"photo.png", "a.jpg", "a.png"} | made)


def count_calls(work: Callable[[], object]) -> int:
    """How many functions are called for `work`, of Python and of C alike: the same on every machine and every day."""
    calls = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("output", [None, "there", "new/folder/"])
def test_where_thousands_of_cut_outs_go_is_worked_out_once_for_each(output: str | None, monkeypatch: Any) -> None:
    Path("there").mkdir()
    photos = [f"photos/{number % 7}/{number}.jpg" for number in range(4000)]
    resolved: list[Path] = []
    resolve = Path.resolve
    with monkeypatch.context() as patch:
        patch.setattr(Path, "resolve", lambda path, *strict: resolved.append(path) or resolve(path, *strict))
        targets = choose_targets(photos, output, "_cutout.png")
    assert [photo for photo, _ in targets] == photos
    assert len({target for _, target in targets}) == 4000
    assert len(resolved) <= 4000
    few, many = (count_calls(partial(choose_targets, some, output, "_cutout.png")) for some in (photos[:1000], photos))
    assert many < 4.1 * few


def test_a_clash_at_the_end_of_thousands_is_told_apart() -> None:
    photos = [*(f"{number}.jpg" for number in range(4000)), "17.png"]
    targets = choose_targets(photos, None, "_cutout.png")
    assert [targets[17][1], targets[-1][1]] == [Path("17_cutout.png"), Path("17_png_cutout.png")]
