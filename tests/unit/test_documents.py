"""The documents say what the code does: commands, options, variables, files."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import list_models
from pipeline.options.options import Options
from server.settings import ServerSettings

ROOT = Path(__file__).parent.parent.parent
READMES = ["README.md", "README.zh-CN.md"]


@pytest.fixture(params=READMES)
def readme(request: pytest.FixtureRequest) -> str:
    return (ROOT / request.param).read_text("utf-8")


def test_every_setting_stands_in_the_table_with_its_flag_and_default(readme: str) -> None:
    for name, field in ServerSettings.model_fields.items():
        row = next(line for line in readme.splitlines() if f"`CLEARCUT_{name.upper()}`" in line)
        assert "--" + name.replace("_", "-") in row
        default = field.default
        if isinstance(default, bool | int | float | str) and default != "":
            assert f"`{int(default) if isinstance(default, bool | float) else default}`" in row


def test_every_option_stands_in_the_table(readme: str) -> None:
    for name in Options.model_fields:
        assert re.search(rf"^\| `{name}` \|", readme, re.M)


def test_every_model_stands_in_the_table_with_its_licence(readme: str) -> None:
    for name, card in list_models().items():
        row = re.search(rf"^\| `{name}` \|.*$", readme, re.M)
        assert row and card.license in row.group()


def test_no_variable_is_named_that_does_not_exist(readme: str) -> None:
    there = {f"CLEARCUT_{name.upper()}" for name in ServerSettings.model_fields}
    assert set(re.findall(r"CLEARCUT_[A-Z_]+", readme)) - there == {"CLEARCUT_TEST_DATA", "CLEARCUT_TEST_MODELS"}


def test_every_file_that_is_linked_is_there(readme: str) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", readme):
        assert (ROOT / link).exists(), link


def test_the_commands_of_the_command_line_are_real(readme: str) -> None:
    commands = re.findall(r"python -m (pipeline(?: models)?(?: (?:cut|fetch|import))?|benchmarks \w+)", readme)
    assert len(set(commands)) >= 5
    for command in set(commands):
        done = subprocess.run([sys.executable, "-m", *command.split(), "--help"], cwd=ROOT, capture_output=True)
        assert done.returncode == 0, command


def test_both_languages_show_the_same_commands_and_settings() -> None:
    english, chinese = ((ROOT / name).read_text("utf-8") for name in READMES)

    def facts(text: str) -> list[str]:
        return sorted(set(re.findall(r"`(--[a-z-]+|CLEARCUT_[A-Z_]+|X-\w+|[a-z0-9-]+\.\w+)`", text)))

    def code(text: str) -> list[str]:
        return [re.sub(r"\s*#.*", "", block) for block in re.findall(r"```\w+\n(.*?)```", text, re.S)]

    assert facts(english) == facts(chinese)
    assert code(english) == code(chinese)


def test_the_python_example_of_the_readme_runs(readme: str, u2netp: Path, tmp_path: Path) -> None:
    from tests.pictures import composite, encoded

    (tmp_path / "photo.jpg").write_bytes(encoded(composite().rgb, "JPEG"))
    example = next(code for code in re.findall(r"```python\n(.*?)```", readme, re.S) if "cut_out_bytes" in code)
    code = example + "\nassert png.startswith(b'\\x89PNG')"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, check=True)
