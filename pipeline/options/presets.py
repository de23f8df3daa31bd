"""Options that belong together under one name: ``assets/presets.toml`` read into values."""

import tomllib
from functools import cache
from typing import Any

from ..base.settings import ROOT

TABLE = ROOT / "assets" / "presets.toml"


@cache
def list_presets() -> dict[str, dict[str, Any]]:
    """The values of each preset by its name, in the file's order; what it does not name stays as it is by default."""
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))
