"""Settings and runtimes of tests, made from the environment as it is at that moment: fixtures set variables."""

import os
import subprocess
import sys
from functools import lru_cache
from typing import Any

from pipeline import Runtime, Settings, cut_out_bytes
from pipeline.base.settings import ROOT
from pipeline.registry import catalog
from pipeline.registry.cards import Card


def settings(**given: Any) -> Settings:
    """The settings that a program started now would have."""
    return Settings.read(os.environ, **given)


def runtime(**given: Any) -> Runtime:
    """The runtime of a program with these settings: the same one as long as they are the same."""
    return _runtime(settings(**given))


@lru_cache(maxsize=4)
def _runtime(known: Settings) -> Runtime:
    return Runtime(known)


def card(name: str) -> Card:
    """The card of a model, the user's own included."""
    return catalog.find_card(name, settings())


def cut_out_in_process_of_its_own(photo: bytes) -> bytes:
    """What another process makes of a photo, which knows nothing of the machine that the tests are told to be on."""
    if not any(os.environ.get(f"CLEARCUT_TEST_{name}") for name in ("PROCESSOR", "CORES")):
        return cut_out_bytes(photo)
    code = "import sys; from pipeline import cut_out_bytes, prepare_process; prepare_process(); "
    code += "sys.stdout.buffer.write(cut_out_bytes(sys.stdin.buffer.read(), cache=False))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, input=photo, capture_output=True, check=True)
    return done.stdout
