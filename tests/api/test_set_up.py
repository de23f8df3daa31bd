"""``webui.sh`` on machines that lack something: one sentence says what to install."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.process import ROOT

NO_PYTHON = "#!/bin/sh\nexit 1\n"
NO_VENV = '#!/bin/sh\n[ "$1" = -c ]\n'


@pytest.mark.parametrize("python, sentence", [(NO_PYTHON, "needs Python 3.11 or newer"), (NO_VENV, "its venv module")])
def test_what_is_missing_is_said_in_one_sentence(tmp_path: Path, python: str, sentence: str) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash on this machine")
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("cat", "dirname", "mkdir", "rm"):
        (tools / tool).symlink_to(shutil.which(tool) or "")
    (tools / "python3").write_text(python)
    (tools / "python3").chmod(0o755)
    for script in ("webui.sh", "prepare.sh", "requirements.txt"):
        shutil.copy(ROOT / script, tmp_path)
    done = subprocess.run([bash, "webui.sh"], cwd=tmp_path, env={"PATH": str(tools)}, capture_output=True, text=True)
    assert done.returncode == 2
    assert sentence in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / ".venv").exists()
