"""What the workers of ``batch`` do: sleep as a stand-in for a network, or cut photos out."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .peers import Spent

Work = Callable[[Any], Any]


def prepare(given: tuple[str, Any]) -> Work:
    """``("sleep", None)``: sleeps the seconds of a task. ``("cut", model)``: see `make_cutter`. None asks who works."""
    name, settings = given
    work = time.sleep if name == "sleep" else make_cutter(settings)
    return lambda task: tell_pid() if task is None else work(task)


def tell_pid() -> int:
    """The number of this process, in no hurry, so that others are asked as well."""
    time.sleep(0.05)
    return os.getpid()


def make_cutter(model: str) -> Work:
    """Cuts a photo out from file to file, without the cache; answers with what that took."""
    from pipeline import InputFiles, Options, cut_out_file, default_runtime, prepare_process, warm_up
    from pipeline.base.machine import measure_peak_mb

    prepare_process()
    options = Options(model=model)
    warm_up(model, default_runtime())

    def cut(task: tuple[Path, Path]) -> Spent:
        photo, target = task
        wall, cpu = time.perf_counter(), time.process_time()
        target.write_bytes(cut_out_file(InputFiles(photo.read_bytes()), options, cache=False).data)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return Spent(wall, cpu, (measure_peak_mb() or 0) * 1e6 / 2**20)

    return cut
