"""``python launch.py [--watch] COMMAND…``: what COMMAND took, as JSON: wall seconds, processor seconds, MiB at most.

A program of its own that imports little: the most memory of a child counts that of its parent at the start. With
``--watch``, which slows COMMAND down, the memory of all processes that it starts counts too (on Linux).
"""

import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36  # of <sys/prctl.h>


def main(command: list[str], watch: bool) -> int:
    """Run the command, print what it took, and what it complained of where it failed; its exit code."""
    if sys.platform == "linux":  # what the command leaves behind is for this process to wait for
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    most = 0
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said)
        while watch and process.poll() is None:
            most = max(most, held(process.pid))
            time.sleep(0.002)
        code = process.wait()
        wall = time.perf_counter() - start
        with suppress(ChildProcessError):
            while True:
                os.wait()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        said.seek(0)
        sys.stderr.write(said.read().decode(errors="replace") if code else "")
    alone = used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    print(json.dumps([wall, used.ru_utime + used.ru_stime, most / 2**10 or alone]))
    return code


def held(process: int | str) -> int:
    """KiB that a process and all that it started hold; what several share counts once."""
    folder = Path("/proc") / str(process)
    try:
        rows = [row.split() for row in (folder / "smaps_rollup").read_text().splitlines()]
        started = [child for task in folder.glob("task/*/children") for child in task.read_text().split()]
    except OSError:
        return 0
    return sum(int(row[1]) for row in rows if row[0] == "Pss:") + sum(map(held, started))


if __name__ == "__main__":
    watch = sys.argv[1] == "--watch"
    sys.exit(main(sys.argv[1 + watch :], watch))
