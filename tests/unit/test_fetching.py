"""Weight files that come and go: full disks, killed processes, several of them at once."""

import hashlib
import select
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.errors import ClearcutError
from pipeline.base.settings import ROOT
from pipeline.registry import fetching
from pipeline.registry.cards import ModelCard
from tests import house
from tests.unit.test_sources import DATA, HALF, Reply, card, files, refused

CHILD = """
import os, sys
from pathlib import Path
from pipeline import ClearcutError, Settings
from pipeline.registry import catalog, fetching
from pipeline.registry.cards import ModelCard
card = ModelCard.model_validate_json(sys.argv[1])
settings = Settings.read(os.environ)
do, *paths = sys.argv[2:]
catalog.list_models = lambda settings: {card.name: card}
print("started", flush=True)
try:
    if do == "fetch":
        fetching.fetch_network(card, settings)
    elif do == "import":
        fetching.import_file(card, Path(paths[0]), settings)
    else:
        list(fetching.export_files(Path(paths[0]), settings))
except ClearcutError as error:
    there = paths[0] if do == "export" else os.environ["CLEARCUT_MODELS_DIR"]
    print(error.code, sorted(name for name in os.listdir(there) if not name.endswith(".lock")))
"""
TINY_DISK = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=1m none "$1" && shift && exec "$@"', "sh"]
FULL = bytes(1 << 20)  # fills it, and leaves no room for another byte
UNKNOWN: dict[str, Any] = {"sha256": None, "md5": None}  # a file whose checksum nobody has published
pytestmark = pytest.mark.usefixtures("empty_models")


def child(tiny: ModelCard, do: str = "fetch", *paths: Path, within: tuple[Any, ...] = ()) -> subprocess.Popen[str]:
    """Another process that is about to fetch `tiny`, to import it from a file or to export it into a folder."""
    command = [*within, sys.executable, "-c", CHILD, tiny.model_dump_json(warnings=False), do, *paths]
    process = subprocess.Popen([str(part) for part in command], cwd=ROOT, text=True, stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == "started\n"
    return process


@pytest.fixture
def tiny_disk(tmp_path: Path) -> list[str]:
    """What to put before a command, with a folder after it, so that the folder is a disk of 1 MB."""
    if not shutil.which("unshare") or subprocess.run([*TINY_DISK, str(tmp_path), sys.executable, "-c", ""]).returncode:
        pytest.skip("no small disk can be mounted here")
    return TINY_DISK


@pytest.mark.parametrize("do", ["fetch", "import", "export"])
def test_a_full_disk_is_told_and_left_empty(do: str, tiny_disk: Any, own: Path, empty_models: Path, site: Any) -> None:
    small = own.parent / "small" if do == "export" else empty_models
    small.mkdir(exist_ok=True)
    if do == "export":
        fetching.import_file(card(), own, house.settings())
    paths = {"fetch": [], "import": [own], "export": [small]}[do]
    process = child(card(site().url), do, *paths, within=(*tiny_disk, small))
    assert process.communicate()[0] == "disk_full []\n"


@pytest.mark.parametrize(("do", "kept"), [("import", []), ("export", ["tiny.onnx"])])
def test_a_disk_that_is_full_when_the_checksums_are_noted_holds_no_half_file(
    do: str, kept: list[str], tiny_disk: Any, own: Path, empty_models: Path
) -> None:
    sums = UNKNOWN if do == "import" else {"sha256": hashlib.sha256(FULL).hexdigest()}
    tiny, small = card(bytes=len(FULL), **sums), empty_models
    own.write_bytes(FULL)
    if do == "export":
        fetching.import_file(tiny, own, house.settings())
        small = own.parent / "small"
        small.mkdir()
    process = child(tiny, do, own if do == "import" else small, within=(*tiny_disk, small))
    assert process.communicate()[0] == f"disk_full {kept}\n"


def test_a_models_folder_that_cannot_be_written_to_is_told(own: Path, site: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("CLEARCUT_MODELS_DIR", str(own / "models"))
    assert refused("write_failed", fetching.fetch_network, card(site().url), house.settings()) == {"name": "tiny.onnx"}
    assert refused("write_failed", fetching.import_file, card(), own, house.settings()) == {"name": "tiny.onnx"}


def test_two_processes_fetching_at_once_end_with_one_good_file(empty_models: Path, site: Any) -> None:
    server = site(Reply(hold=HALF))
    processes = [child(card(server.url)), child(card(server.url))]
    server.go.set()
    assert [process.communicate()[0] for process in processes] == ["", ""]
    assert (empty_models / "tiny.onnx").read_bytes() == DATA
    assert len(server.asked) == 1


def test_who_waits_for_another_process_hears_a_beat_and_may_leave(empty_models: Path, site: Any) -> None:
    server, heard = site(Reply(hold=HALF)), []
    process = child(card(server.url))
    assert server.held.wait(60)

    def leave(*told: Any) -> None:
        heard.append(told)
        if len(heard) == 2:
            raise ClearcutError("cancelled")

    refused("cancelled", fetching.fetch_network, card(server.url), house.settings(), leave)
    server.go.set()
    assert (heard, process.communicate()[0]) == ([(None, len(DATA))] * 2, "")
    assert files(empty_models) == {"tiny.onnx"}


@pytest.mark.parametrize("rounded", [False, True], ids=["exact", "rounded"])
def test_a_killed_fetch_leaves_no_file_and_the_next_one_goes_on(rounded: bool, empty_models: Path, site: Any) -> None:
    server = site(Reply(hold=HALF), Reply())
    tiny = card(server.url, rounded=rounded)
    process = child(tiny)
    assert server.held.wait(60)
    process.kill()
    assert process.wait() < 0
    assert "tiny.onnx" not in files(empty_models)
    assert fetching.fetch_network(tiny, house.settings()).read_bytes() == DATA


def test_an_import_during_a_fetch_harms_neither(empty_models: Path, own: Path, site: Any) -> None:
    server = site(Reply(hold=HALF))
    fetching = child(card(server.url))
    assert server.held.wait(60)
    importing = child(card(), "import", own)
    assert importing.stdout
    select.select([importing.stdout], [], [], 2)  # until it ends; or it waits for the fetch
    server.go.set()
    assert [process.communicate()[0] for process in (fetching, importing)] == ["", ""]
    assert (empty_models / "tiny.onnx").read_bytes() == DATA
    assert files(empty_models) == {"tiny.onnx"}
