"""Presets: options that belong together under one name, from ``assets/presets.toml``."""

import tomllib
from functools import cache
from typing import Any

from ..base.settings import ROOT

TABLE = ROOT / "assets" / "presets.toml"


@cache
def list_presets() -> dict[str, dict[str, Any]]:
    """The option values of each preset, by its name, in the file's order."""
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))
