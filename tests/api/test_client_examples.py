"""The clients that the documents show run as they stand, against a started server."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(
    r"^```(sh|python|javascript)\n(.*?)^```", (ROOT / "docs" / "api.md").read_text("utf-8"), re.M | re.S
)
EXAMPLES = [(kind, block) for kind, text in BLOCKS for block in (text.splitlines() if kind == "sh" else [text])]
RUNNERS = {"sh": ["sh", "-c"], "python": [sys.executable, "-c"], "javascript": ["node", "--input-type=module", "-e"]}


def test_every_language_has_an_example() -> None:
    assert {kind for kind, _ in EXAMPLES} == set(RUNNERS) and len(EXAMPLES) > 6


@pytest.mark.parametrize(("kind", "example"), EXAMPLES)
def test_a_client_makes_the_file_that_it_names(
    kind: str, example: str, live: httpx.Client, jpeg: bytes, tmp_path: Path
) -> None:
    if not shutil.which(RUNNERS[kind][0]) or (kind == "sh" and not shutil.which("curl")):
        pytest.skip(f"{RUNNERS[kind][0]} or curl is not installed")
    (tmp_path / "photo.jpg").write_bytes(jpeg)
    code = example.replace("http://localhost:7860", str(live.base_url).rstrip("/"))
    done = subprocess.run(
        [*RUNNERS[kind], code],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    made = Path(done.stdout.strip()) if done.stdout.strip() else next(tmp_path.glob("[!p]*.*"))
    if made.suffix == ".zip":
        with zipfile.ZipFile(made) as archive:
            assert archive.namelist() == ["photo.png"]
    else:
        with Image.open(made) as picture:
            picture.load()
