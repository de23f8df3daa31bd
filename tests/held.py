"""What a worker of the server is asked to do in the middle of a cut-out, in place of finding where the subject goes."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from tests import chores


class Held:
    """Waits in the worker until the test lets go. It is given a folder that is there for this alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, matte: np.ndarray) -> dict[str, Any]:
        (self.folder / f"{os.getpid()}").touch()
        assert chores.wait_until((self.folder / "go").exists)
        return {}

    def until_begun(self) -> int:
        """Wait until a worker is at it; its process number."""
        assert chores.wait_until(lambda: bool(self.list_begun()), 120)
        return self.list_begun()[0]

    def list_begun(self) -> list[int]:
        """The workers that are, or were, at it."""
        return [int(each.name) for each in self.folder.iterdir() if each.name.isdecimal()]

    def let_go(self) -> None:
        """Have it go on."""
        (self.folder / "go").touch()


def crash(matte: np.ndarray) -> dict[str, Any]:
    """As a decoder does that reads where it should not."""
    chores.crash()
    return {}


def hang(matte: np.ndarray) -> dict[str, Any]:
    """For ever, in C, with Python's lock."""
    chores.hang()
    return {}


def fail(matte: np.ndarray) -> dict[str, Any]:
    """As a fault that nobody has foreseen."""
    chores.fail()
    return {}
