"""What is on the server's disk while pictures are there, and after: nothing that another visitor could come by."""

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from gradio_client import Client

from server.serve import MEMORY, TEMP_PREFIX, _has_room
from tests.api.test_guard import run_page_event, uploaded
from tests.process import Process, serving


@pytest.fixture(scope="module")
def process(u2netp: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A server that stores nothing."""
    folder = tmp_path_factory.mktemp("stores-nothing")
    places = {"TMPDIR": str(folder), "CLEARCUT_CACHE_DIR": str(folder / "cache")}
    with serving("--no-store", **places, CLEARCUT_BATCHES_DIR=str(folder / "batches")) as process:
        yield process
    assert not list(folder.iterdir()) and not list_runs(process)


@pytest.fixture
def client(process: Process) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=process.address, timeout=60) as client:
        yield client


def list_runs(process: Process) -> list[Path]:
    """Folders of this server's run, wherever they lie."""
    places = (MEMORY, Path(tempfile.gettempdir()))
    return [run for place in places for run in place.glob(f"{TEMP_PREFIX}{process.pid}-*")]


def list_pictures(run: Path) -> list[Path]:
    """Its files, but for networks that were compiled, which know no photo."""
    return [file for file in run.rglob("*") if file.is_file() and "cache" not in file.relative_to(run).parts]


# ---- paths -----------------------------------------------------------------------------------------------------------


def test_an_upload_is_answered_without_a_path_of_the_server(client: httpx.Client, jpeg: bytes) -> None:
    files = [("files", ("photo.jpg", jpeg)), ("files", ("../../背景 1.jpg", jpeg + b"x"))]
    named = client.post("/gradio_api/upload", files=files).json()
    assert [Path(each).name for each in named] == ["photo.jpg", "背景 1.jpg"]
    assert all(not Path(each).is_absolute() and len(Path(each).parts) == 2 for each in named)
    assert client.post("/gradio_api/upload").status_code in (400, 422)


@pytest.mark.parametrize("path", ["../../../../../../etc/passwd", "/etc/passwd", "0/nothing.jpg", "", "\0", "."])
def test_a_path_that_is_no_upload_is_refused_and_names_no_folder(client: httpx.Client, path: str) -> None:
    file = {"path": path, "orig_name": "x.jpg", "meta": {"_type": "gradio.FileData"}}
    messages = run_page_event(client, file, f"path-{len(path)}")
    said = json.dumps(messages)
    assert '"state": "done"' not in said and "root:" not in said
    assert TEMP_PREFIX not in said and "uploads" not in said


def test_neither_the_page_nor_what_describes_it_names_a_folder_of_the_server(
    process: Process, client: httpx.Client
) -> None:
    for path in ("/", "/config", "/gradio_api/info", "/healthz", "/api/openapi.json", "/theme.css"):
        said = client.get(path).text
        assert TEMP_PREFIX not in said and str(Path(__file__).parents[2]) not in said, path


def test_gradios_own_client_uploads_and_cuts_out(process: Process, jpeg: bytes, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(jpeg)
    theirs = Client(process.address, verbose=False)
    endpoint = next(each for each in theirs.endpoints.values() if len(each.dependency["inputs"]) > 1)
    file = {"path": str(tmp_path / "photo.jpg"), "meta": {"_type": "gradio.FileData"}}
    sent = endpoint._upload_file(file, data_index=1)
    assert not Path(sent["path"]).is_absolute() and str(tmp_path) not in json.dumps(sent)
    with httpx.Client(base_url=process.address, timeout=60) as client:
        assert run_page_event(client, sent, "theirs")[-1]["output"]["data"][0]["state"] == "done"


# ---- keeping nothing -------------------------------------------------------------------------------------------------


def test_a_request_leaves_nothing_on_the_disk(process: Process, client: httpx.Client, jpeg: bytes) -> None:
    before = {file for run in list_runs(process) for file in list_pictures(run)}
    for photo in (jpeg, jpeg + bytes(2_000_000)):  # the larger one is no longer held in memory while it comes
        assert client.post("/api/remove-bg", files={"image": ("secret.jpg", photo)}).status_code == 200
    assert {file for run in list_runs(process) for file in list_pictures(run)} <= before


def test_pictures_of_a_page_go_when_it_is_closed(process: Process, client: httpx.Client, jpeg: bytes) -> None:
    mine = jpeg + b"of this test"
    with client.stream("GET", "/gradio_api/heartbeat/closing") as page:
        assert page.status_code == 200
        message = run_page_event(client, uploaded(client, mine, "closing.jpg"), "closing")[-1]["output"]["data"][0]
        shown = client.get(f"/{message['after']}")
        assert (shown.status_code, shown.headers["cache-control"]) == (200, "no-store")
        assert client.get(f"/{message['download']}{message['file']}").status_code == 200
        assert holds(process, mine)
    end = time.monotonic() + 60
    while holds(process, mine):
        assert time.monotonic() < end
    assert client.get(f"/{message['after']}").json()["code"] == "expired"


def holds(process: Process, photo: bytes) -> bool:
    """Whether a file of the server is the photo."""
    try:
        files = [file for run in list_runs(process) for file in list_pictures(run)]
        return any(file.stat().st_size == len(photo) and file.read_bytes() == photo for file in files)
    except FileNotFoundError:  # one has just gone: look again
        return holds(process, photo)


def test_a_batch_lies_where_all_goes_with_the_server(process: Process, client: httpx.Client, jpeg: bytes) -> None:
    batch = client.post("/api/batches", files={"images": ("batch.jpg", jpeg)}).json()
    (run,) = list_runs(process)
    assert (run / "batches" / batch["id"]).is_dir()
    assert client.delete(f"/api/batches/{batch['id']}").status_code == 204
    assert not (run / "batches" / batch["id"]).exists()


def test_it_is_said_where_pictures_lie(process: Process) -> None:
    (run,) = list_runs(process)
    in_memory = run.parent == MEMORY
    assert in_memory == _has_room(MEMORY)
    assert any(("lie in memory" if in_memory else "temporary") in line for line in process.said), process.said


def test_no_prediction_is_kept_on_the_disk(process: Process, client: httpx.Client, jpeg: bytes) -> None:
    assert client.post("/api/remove-bg", files={"image": ("a.jpg", jpeg)}).status_code == 200
    (run,) = list_runs(process)
    assert not list(run.rglob("predictions/*"))
