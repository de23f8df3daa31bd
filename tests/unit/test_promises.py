"""SECURITY.md names tests that exist, for every threat."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text("utf-8")
NAMED = re.findall(r"`(tests/\S+\.py)::(\w+)`", TEXT)
NO_THREATS = {"Reporting a fault", "Who is trusted"}


def test_every_test_that_keeps_a_promise_exists() -> None:
    assert len(NAMED) > 50
    for file, name in NAMED:
        assert re.search(rf"^def {name}\(", (ROOT / file).read_text("utf-8"), re.M), f"{file}::{name}"


def test_every_threat_has_a_test_that_keeps_its_promise() -> None:
    threats = {section.partition("\n")[0]: section for section in re.split(r"^## ", TEXT, flags=re.M)[1:]}
    assert len(threats) > 10 and set(threats) > NO_THREATS
    for threat, section in threats.items():
        assert (threat in NO_THREATS) != ("- `tests/" in section), threat
