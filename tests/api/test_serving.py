"""``webui.py`` as a process: flags, ports, temporary files, the first start, the shared link."""

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import pytest

from pipeline import LANGUAGES, __version__
from server.serve import TEMP_PREFIX, _make_temporary_folder
from server.settings import ServerSettings
from tests.api.test_guard import run_page_event, uploaded
from tests.process import ROOT, serving, started


def webui(*flags: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "LANG": "C.UTF-8", **environment}
    return subprocess.run(
        [sys.executable, "webui.py", *flags], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )


def complaint(*flags: str, **environment: str) -> tuple[int, str]:
    done = webui(*flags, **environment)
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and "Traceback" not in done.stderr, done.stderr
    return done.returncode, lines[0]


def test_the_version_is_told() -> None:
    assert webui("--version").stdout == f"Clearcut {__version__}\n"


def test_help_names_every_flag_of_every_setting() -> None:
    said = webui("--help").stdout
    for name in ServerSettings.model_fields:
        assert "--" + name.replace("_", "-") in said


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_port_in_use_is_said_before_anything_is_loaded(language: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = complaint("--port", str(port), LANG=f"{language.replace('-', '_')}.UTF-8")
    assert code == 2 and str(port) in said and str(port + 1) in said


@pytest.mark.parametrize(
    "flags, word",
    [
        (["--host", "0.0.0.0"], "--auth"),
        (["--share"], "--public"),
        (["--port", "70000"], "CLEARCUT_PORT"),
        (["--auth", "nocolon"], "CLEARCUT_AUTH"),
        (["--model", "nope"], "nope"),
        (["--host", "not.a.host.invalid", "--public"], "not.a.host.invalid"),
    ],
)
def test_a_wrong_start_is_one_sentence(flags: list[str], word: str) -> None:
    code, said = complaint(*flags)
    assert code == 2 and word in said


def test_flags_and_variables_are_the_same(u2netp: Path) -> None:
    code, said = complaint(CLEARCUT_HOST="0.0.0.0")
    assert code == 2 and "--host 0.0.0.0" in said
    with serving(CLEARCUT_AUTH="ann:secret") as process:
        assert httpx.get(process.address).status_code == 401
        assert httpx.get(process.address, auth=("ann", "secret")).status_code == 200


def test_it_listens_on_this_machine_only(u2netp: Path) -> None:
    with serving() as process:
        assert process.address.startswith("http://localhost:")
        port = int(process.address.rpartition(":")[2])
        for entry in Path("/proc/net/tcp").read_text().splitlines()[1:] if Path("/proc/net/tcp").exists() else []:
            address, state = entry.split()[1], entry.split()[3]
            if state == "0A" and int(address.partition(":")[2], 16) == port:
                assert address.startswith("0100007F")


def test_the_first_start_without_a_network_serves_and_says_what_to_do(tmp_path: Path) -> None:
    with started("--offline", CLEARCUT_MODELS_DIR=str(tmp_path)) as process:
        assert any("u2netp.onnx" in line and "models folder" in line for line in process.said)
        answer = httpx.post(process.address + "/api/remove-bg", files={"image": ("a.jpg", b"x")})
        assert answer.status_code in (409, 415)


def test_a_shared_link_that_cannot_be_made_is_said_and_the_page_is_served_here(u2netp: Path) -> None:
    with started("--share", "--auth", "a:b", GRADIO_SHARE_SERVER_ADDRESS="127.0.0.1:9") as process:
        assert httpx.get(process.address, auth=("a", "b")).status_code == 200
        for line in process.output:
            process.said.append(line)
            if "shared link could not" in line:
                break
        else:
            pytest.fail(f"not said: {process.said}")
        assert httpx.get(process.address, auth=("a", "b")).status_code == 200


def test_under_a_path_of_a_proxy_page_and_api_work(u2netp: Path) -> None:
    with serving("--root-path", "/clear/cut/") as process:
        bare = process.address.removesuffix("/clear/cut")
        assert process.address != bare
        assert '"root":"' in httpx.get(bare + "/").text
        assert "/clear/cut/api/docs-assets/" in httpx.get(bare + "/api/docs").text
        assert httpx.get(bare + "/healthz").status_code == 200


def test_temporary_files_stand_in_one_folder_of_this_run_and_go_with_it(
    u2netp: Path, jpeg: bytes, tmp_path: Path
) -> None:
    (tmp_path / f"{TEMP_PREFIX}999999999-dead").mkdir()
    with started(TMPDIR=str(tmp_path)) as process, httpx.Client(base_url=process.address, timeout=30) as client:
        assert run_page_event(client, uploaded(client, jpeg, "photo.jpg"))[-1]["success"]
        (folder,) = tmp_path.iterdir()  # the one of the dead process has been swept
        assert folder.name.startswith(f"{TEMP_PREFIX}{process.pid}-")
        assert any(path.name == "photo.jpg" for path in folder.rglob("*"))
    assert not list(tmp_path.iterdir())


def test_a_server_stopped_while_it_warms_up_ends_quietly(u2netp: Path) -> None:
    with started() as process:
        pass
    assert process.code == 0
    assert not [line for line in process.said if "terminate" in line or "Traceback" in line], process.said


def test_the_folder_of_a_living_process_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")
    living = tmp_path / f"{TEMP_PREFIX}{os.getpid()}-other"
    living.mkdir()
    with _make_temporary_folder() as folder:
        assert living.exists() and folder.exists()
    assert living.exists() and not folder.exists()
