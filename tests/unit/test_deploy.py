"""The files for servers name only what is there: settings, files, and the same port and health check as the app."""

import fnmatch
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.base.settings import PREFIX
from server.guard import OPEN_PATHS
from server.settings import ServerSettings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")


@pytest.mark.parametrize("file", sorted(path.name for path in DEPLOY.iterdir()))
def test_every_setting_that_is_named_is_real(file: str) -> None:
    text = (DEPLOY / file).read_text("utf-8")
    named = {name.lower() for name in re.findall(rf"{PREFIX}([A-Z_]+)", text)}
    assert named <= set(ServerSettings.model_fields)
    flags = {flag[2:].removeprefix("no-").replace("-", "_") for flag in re.findall(r"(?<=\s)--[a-z-]+", text)}
    docker = {"build", "from", "system", "uid", "start_period", "interval", "timeout", "retries", "now"}
    assert flags - docker - {"cache_dir"} <= set(ServerSettings.model_fields)


def test_the_image_gets_all_that_the_app_is_made_of_and_nothing_else() -> None:
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.M)
        for source in line.split()[:-1]
    }  # fmt: skip
    assert {"webui.py", "requirements.txt", "pipeline", "server", "ui", "assets", "models"} <= copied
    assert all((ROOT / source).exists() for source in copied)
    allowed = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    kept = {line[1:].split("/")[0] for line in allowed if line.startswith("!")}
    assert copied == kept and "*" in allowed
    assert not any(fnmatch.fnmatch("models/u2netp.onnx", line[1:]) for line in allowed if line.startswith("!"))


def test_the_container_is_no_root_and_asks_after_the_health_that_needs_no_password() -> None:
    user = re.findall(r"^USER (\d+)$", DOCKERFILE, re.M)
    assert user and user[-1] != "0"
    port = ServerSettings.model_fields["port"].default
    assert f"EXPOSE {port}" in DOCKERFILE
    assert re.findall(rf"127\.0\.0\.1:{port}(/\w+)", DOCKERFILE)[0] in OPEN_PATHS


def test_the_unit_is_one_that_systemd_reads() -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    unit = str(DEPLOY / "clearcut.service")
    said = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True).stderr
    wrong = [line for line in said.splitlines() if "clearcut.service" in line and "not executable" not in line]
    assert not wrong, said
