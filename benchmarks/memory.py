"""``python -m benchmarks memory``: whether resident memory grows from cut-out to cut-out."""

import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline import InputFiles, Options, cut_out_file

EARLY = 50  # cut-outs after which everything that stays should be there


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The parser of ``memory``."""
    memory = commands.add_parser("memory", help="resident memory after 50 cut-outs and after many")
    memory.add_argument("--model", default="u2netp")
    memory.add_argument("--runs", type=int, default=1000)
    memory.add_argument("--size", default="640x480", help="of the pictures; default 640x480")
    memory.set_defaults(run=watch_memory)


def watch_memory(given: argparse.Namespace) -> None:
    """Resident megabytes after each tenth of the runs, and the growth since the fiftieth."""
    width, height = (int(side) for side in given.size.split("x"))
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG")
    early = 0.0
    for run in range(1, given.runs + 1):
        engine = cut_out_file(InputFiles(file.getvalue()), Options(model=given.model), cache=False).cutout.engine
        if run == EARLY:
            early = _resident_mb()
        if run % max(1, given.runs // 10) == 0 or run == EARLY:
            print(f"{run:5}  {_resident_mb():.0f} MB", flush=True)
    growth = f"{_resident_mb() / early - 1:+.1%}" if early else "–"
    print(f"{given.model}, {engine}: {growth} since {EARLY} cut-outs")


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6
