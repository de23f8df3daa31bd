"""The worker of a server that is tested: on the machine that the tests are told to be on, behind the gate if one is."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from server import cutter
from tests.gate import FOLDER, Gate
from tests.machines import pin, read_pinned


def prepare(order: cutter.Order) -> Callable[[cutter.Task], cutter.Made]:
    """As that of `cutter`."""
    pin(read_pinned(os.environ), pytest.MonkeyPatch())
    if FOLDER in os.environ:
        Gate(Path(os.environ[FOLDER])).guard_networks()
    return cutter.prepare(order)
