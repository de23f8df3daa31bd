"""``clearcut``, the door of the command line: from any folder, through links, and what it prepares on its first use."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pipeline import __version__
from tests import house as machine
from tests.pictures import composite, encoded
from tests.process import ROOT

PHOTO = encoded(composite(160, 120).rgb, "JPEG")
TRAP = "raise SystemExit('a module of the folder that the caller is in was imported')"
SCRIPTS = ("clearcut", "prepare.sh", "requirements.txt")
# What stands in for the Python of an environment: it notes what it is asked for, and reads what it is given.
PYTHON = """#!/bin/sh
echo "$*" >>"{log}"
case "$*" in
*"-m venv"*)
    mkdir -p .venv/bin
    cp "$0" .venv/bin/python
    echo "executable = $PWD/.venv/bin/python" >.venv/pyvenv.cfg ;;
*"pip install"*) cat >/dev/null; echo "words of pip"; exit "$PIP_ENDS_WITH" ;;
*runpy*) echo "words of the program: $(cat)"; exit 7 ;;
esac
"""

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on this machine")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a space in its name to be in, with a photo, and with modules that nobody wants."""
    folder = tmp_path / "my photos"
    (folder / "pipeline").mkdir(parents=True)
    for module in ("pipeline/__init__.py", "pipeline/__main__.py", "numpy.py", "runpy.py", "sitecustomize.py"):
        (folder / module).write_text(TRAP)
    (folder / "photo.jpg").write_bytes(PHOTO)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of Clearcut whose environment is ready and is that of the tests, in a folder with a space in its name."""
    folder = copied(tmp_path / "the house: mine")
    for part in ("pipeline", "assets", "models"):
        (folder / part).symlink_to(ROOT / part)
    (folder / ".venv" / "bin").mkdir(parents=True)
    python = folder / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (folder / ".venv" / "pyvenv.cfg").write_text(f"home = /nowhere\nexecutable = {python}\n")
    wanted = (ROOT / "requirements.txt").read_text("utf-8")
    (folder / ".venv" / "requirements.txt.installed").write_text(wanted * 2)
    return folder


def copied(folder: Path) -> Path:
    folder.mkdir()
    for script in SCRIPTS:
        shutil.copy(ROOT / script, folder)
    return folder


def run(*command: str | Path, stdin: bytes = b"", **environment: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(command, input=stdin, capture_output=True, timeout=100, env={**os.environ, **environment})


# ---- once it is prepared ---------------------------------------------------------------------------------------------


def test_photos_come_from_the_folder_that_one_is_in_and_cutouts_go_there(desk: Path, house: Path, u2netp: Path) -> None:
    done = run(house / "clearcut", "cut", "photo.jpg", "-o", "cut outs/")
    assert (done.returncode, done.stdout) == (0, b""), done.stderr
    assert (desk / "cut outs" / "photo_cutout.png").read_bytes() == machine.cut_out_in_process_of_its_own(PHOTO)


def test_a_picture_goes_in_by_standard_input_and_out_by_standard_output(desk: Path, house: Path, u2netp: Path) -> None:
    done = run(house / "clearcut", "cut", "-", stdin=PHOTO)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == machine.cut_out_in_process_of_its_own(PHOTO)


def test_it_is_found_through_links_to_links(desk: Path, house: Path, tmp_path: Path) -> None:
    """An absolute link, one that is relative to its own folder, one to another name, and a folder that is a link."""
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "first").symlink_to(house / "clearcut")
    (tmp_path / "links" / "second").symlink_to("first")
    (tmp_path / "bin of mine").mkdir()
    (tmp_path / "bin of mine" / "cutter").symlink_to("../links/second")
    (desk / "short").symlink_to(tmp_path / "bin of mine")
    path = f"{tmp_path / 'bin of mine'}{os.pathsep}{os.environ['PATH']}"
    for command in (["short/cutter"], ["cutter"], ["../bin of mine/cutter"], ["bash", "short/cutter"]):
        done = run(shutil.which(command[0], path=path) or command[0], *command[1:], "--version", PATH=path)
        assert done.stdout.decode() == f"Clearcut {__version__}\n", (command, done.stderr)


def test_it_runs_by_its_bare_name_in_its_own_folder(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(house)
    assert run("bash", "clearcut", "--version").stdout.decode() == f"Clearcut {__version__}\n"


@pytest.mark.parametrize("variable", ["PYTHONPATH", "PYTHONHOME"])
@pytest.mark.parametrize("value", [":", "/nowhere", "."])
def test_what_other_programs_want_of_python_does_not_matter(desk: Path, house: Path, variable: str, value: str) -> None:
    done = run(house / "clearcut", "--version", **{variable: value})
    assert done.stdout.decode() == f"Clearcut {__version__}\n", done.stderr


def test_nothing_that_a_child_process_would_see_is_set(desk: Path, house: Path) -> None:
    python = house / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$PWD" "${PYTHONPATH-none}" "${PYTHONSAFEPATH-none}"\n')
    assert run(house / "clearcut").stdout.decode().splitlines() == [str(desk), "none", "none"]


MISSING = pytest.param("cut missing.jpg", 2, marks=pytest.mark.weights)  # the default model is looked for first


@pytest.mark.parametrize("command, code", [MISSING, ("nosuch", 2), ("models", 0), ("--help", 0)])
def test_the_exit_code_is_that_of_the_command(desk: Path, house: Path, command: str, code: int) -> None:
    assert run(house / "clearcut", *command.split()).returncode == code


def test_arguments_arrive_as_they_were_given(desk: Path, house: Path) -> None:
    python = house / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\nshift 4\nfor each; do echo "<$each>"; done\n')
    given = ["cut", "a b.jpg", "", "*", "-", "--", "$HOME", "q\"uo'te", "-c"]
    assert run(house / "clearcut", *given).stdout.decode().splitlines() == [f"<{each}>" for each in given]


# ---- the first use ---------------------------------------------------------------------------------------------------


@pytest.fixture
def bare(desk: Path, tmp_path: Path) -> Any:
    """A copy of Clearcut without an environment, called where ``python3`` only notes what it is asked for."""
    folder, tools, log = copied(tmp_path / "bare house"), tmp_path / "tools", tmp_path / "log"
    tools.mkdir()
    (tools / "python3").write_text(PYTHON.format(log=log))
    (tools / "python3").chmod(0o755)
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"

    class Bare:
        house = folder
        how: ClassVar = {"PATH": path, "PYTHON": "", "PIP_ENDS_WITH": "0"}

        def call(self, *arguments: str, **how: str) -> "subprocess.CompletedProcess[bytes]":
            log.write_text("")
            return run(folder / "clearcut", *arguments, stdin=b"a photo", **self.how | how)

        @property
        def asked(self) -> str:
            return log.read_text()

    return Bare()


def test_what_preparing_says_is_no_part_of_the_picture_and_takes_no_part_of_the_photo(bare: Any) -> None:
    done = bare.call("cut", "-")
    assert done.stdout == b"words of the program: a photo\n"
    assert b"Installing what Clearcut needs" in done.stderr and b"words of pip" in done.stderr
    assert done.returncode == 7  # the program's


def test_the_second_use_asks_nothing_of_python_but_to_run_the_command(bare: Any) -> None:
    bare.call("cut")
    done = bare.call("cut")
    assert bare.asked.count("\n") == 1 and "runpy" in bare.asked
    assert done.stderr == b""


@pytest.mark.parametrize("change", ["requirements", "half made", "no python", "another python"])
def test_what_is_not_ready_is_made_ready(bare: Any, change: str) -> None:
    bare.call("cut")
    environment = bare.house / ".venv"
    if change == "requirements":
        (bare.house / "requirements.txt").write_text("numpy")
    elif change == "half made":
        (environment / "requirements.txt.installed").unlink()
    elif change == "no python":
        (environment / "bin" / "python").unlink()
    else:  # the system's Python was replaced: the one that runs is not the one that made the environment
        (environment / "pyvenv.cfg").write_text("executable = /usr/bin/env\n")
    done = bare.call("cut")
    assert done.stdout == b"words of the program: a photo\n"
    assert ("pip install" in bare.asked) == (change != "another python")  # that one was asked, and is as good
    assert ("-m venv" in bare.asked) == (change == "no python")
    assert (environment / "requirements.txt.installed").is_file()


def test_an_environment_whose_python_no_longer_works_is_made_anew(bare: Any) -> None:
    bare.call("cut")
    (bare.house / ".venv" / "pyvenv.cfg").write_text("")
    (bare.house / ".venv" / "bin" / "python").write_text("#!/bin/sh\nexit 1\n")
    assert bare.call("cut").returncode == 7
    assert "-m venv" in bare.asked and "pip install" in bare.asked


def test_an_environment_that_tells_only_where_python_was_is_ready_at_once(bare: Any) -> None:
    bare.call("cut")
    (bare.house / ".venv" / "pyvenv.cfg").write_text("home = /usr/bin\nuv = 0.9\n")
    (bare.house / ".venv" / "bin" / "python").chmod(0o755)
    assert bare.call("cut").returncode == 7
    assert bare.asked.count("\n") == 1 and "import pip" not in bare.asked


def test_an_environment_of_somebody_elses_is_never_deleted(bare: Any) -> None:
    python = bare.house / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    (bare.house / ".venv" / "mine").write_text("precious")
    done = bare.call("cut")
    assert (done.returncode, done.stdout) == (2, b"") and b"made by something else" in done.stderr
    assert (bare.house / ".venv" / "mine").read_text() == "precious"


def test_an_installation_that_failed_is_tried_again(bare: Any) -> None:
    for _ in range(2):
        done = bare.call("cut", PIP_ENDS_WITH="1")
        assert (done.returncode, done.stdout) == (3, b"")
        assert b"could not be installed" in done.stderr
    assert bare.call("cut").returncode == 7


def test_a_change_that_was_interrupted_and_taken_back_is_installed_again(bare: Any) -> None:
    bare.call("cut")
    before = (bare.house / "requirements.txt").read_text()
    (bare.house / "requirements.txt").write_text("numpy")
    assert bare.call("cut", PIP_ENDS_WITH="1").returncode == 3
    (bare.house / "requirements.txt").write_text(before)
    bare.call("cut")
    assert "pip install" in bare.asked


def test_two_first_uses_at_once_prepare_once(bare: Any) -> None:
    if shutil.which("flock") is None:
        pytest.skip("no flock on this machine")
    how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "env": os.environ | bare.how}
    both = [subprocess.Popen([bare.house / "clearcut"], **how) for _ in range(2)]
    assert [each.communicate()[0] for each in both] == [b"words of the program: \n"] * 2
    assert bare.asked.count("-m venv") == 1 and bare.asked.count("pip install") == 1
