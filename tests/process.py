"""``webui.py`` as a real process on a free port."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent


class Process:
    """``webui.py`` running for real on a free port."""

    def __init__(self, popen: "subprocess.Popen[str]", address: str, said: list[str]) -> None:
        self.popen, self.address, self.said = popen, address, said
        self.stopping = False


@contextmanager
def serving(*flags: str, **environment: str) -> Iterator[Process]:
    """Start ``webui.py --port 0``, wait for its address, stop it as a service manager would."""
    env = {**os.environ, "LANG": "C.UTF-8", **environment}
    command = [sys.executable, "webui.py", "--port", "0", "--no-open", *flags]
    popen = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said: list[str] = []
    process = None
    assert popen.stdout
    try:
        for line in popen.stdout:
            said.append(line.rstrip())
            if found := re.search(r"http://\S+", line):
                process = Process(popen, found.group(), said)
                yield process
                break
        else:
            raise AssertionError(f"it did not start: {said}")
    finally:
        if process:
            process.stopping = True
        popen.send_signal(signal.SIGTERM)
        said.extend(popen.stdout.read().splitlines())
        popen.wait(20)
