"""``python -m benchmarks batch``: pictures a second by the number of worker processes."""

import argparse
import itertools
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from PIL import Image

from pipeline.base import machine
from pipeline.base.workers import WorkerPool

from .machine import facts, markdown
from .speed import photo

CHORES = "benchmarks.chores"
MEGAPIXELS = (0.3, 1, 1, 2, 4, 12)  # of the photos, in turn
STAND_IN = 0.05  # seconds that it sleeps


class Run(NamedTuple):
    """What a number of workers did, each with so many cores.

    Attributes
    ----------
    rate
        Tasks a second.
    cpu
        Processor seconds of each.
    peak_mb
        The most MiB that one worker held.
    """

    workers: int
    cores: int
    rate: float
    cpu: float = 0
    peak_mb: float = 0


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The parser of ``batch``."""
    parser = commands.add_parser("batch", help="pictures a second by the number of worker processes")
    parser.add_argument("photo", nargs="?", type=Path, help="a photo, or a folder: its largest; default: an astronaut")
    parser.add_argument("--photos", type=int, default=60, help="of 0.3 to 12 megapixels; default %(default)s")
    parser.add_argument("--model", default="u2netp")
    parser.add_argument("--workers", metavar="A,B", default="1,2", help="on photos; default %(default)s")
    parser.add_argument("--simulate", metavar="A,B", default="1,2,4,8,16", help="on a stand-in that sleeps; or none")
    parser.add_argument("--runs", type=int, default=3, help="of each, in turn, of which the best counts; default 3")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Measure and print."""
    simulated = [simulate(number) for number in read_numbers(given.simulate)]
    with TemporaryDirectory() as folder:
        photos = make_photos(photo(given.photo), given.photos, Path(folder))
        print(f"{len(photos)} photos, {given.model} …", file=sys.stderr)
        layouts = lay_out(read_numbers(given.workers))
        runs = [cut(*layout, photos, given.model) for _ in range(given.runs) for layout in layouts]
    measured = [max(runs[index :: len(layouts)], key=lambda each: each.rate) for index in range(len(layouts))]
    source = (
        f"{facts([])}.\n`python -m benchmarks batch`, {given.photos} photos of 0.3 to 12 megapixels, {given.model}."
    )
    print("\n\n".join([*(write_table(runs) for runs in (measured, simulated) if runs), source]))


def read_numbers(text: str) -> list[int]:
    """``"1,2"`` as numbers; ``"none"`` as none."""
    return [] if text == "none" else [int(number) for number in text.split(",")]


def lay_out(numbers: list[int]) -> list[tuple[int, int]]:
    """Workers and the cores of each: the same cores for every number, and one worker that has all of them."""
    cores = machine.count_cores()
    share = max(1, cores // max(numbers))
    return list(dict.fromkeys([*((number, share) for number in numbers), (1, cores)]))


def simulate(number: int) -> Run:
    """Tasks a second of workers that only sleep: what the pool itself costs."""
    rate, _ = measure(number, 1, ("sleep", None), [STAND_IN] * 40 * number)
    return Run(number, 1, rate)


def cut(number: int, cores: int, photos: list[Path], model: str) -> Run:
    """Photos a second from file to file; starting the workers and loading the network do not count."""
    targets = [path.with_suffix(".png") for path in photos]
    rate, spent = measure(number, cores, ("cut", model), zip(photos, targets, strict=True))
    cpu = sum(each.cpu for each in spent) / len(spent)
    return Run(number, cores, rate, cpu, max(each.peak_mb for each in spent))


def measure(number: int, cores: int, settings: Any, tasks: Iterable[Any]) -> tuple[float, list[Any]]:
    """Tasks a second, from when all workers have started, and their answers."""
    with WorkerPool(number, CHORES, settings, cores=cores) as pool:
        ready: set[int] = set()
        while len(ready) < number:
            ready |= {future.result() for future in [pool.submit(None) for _ in range(number)]}
        start = time.perf_counter()
        answers = [future.result() for _, future in pool.map_unordered(tasks, ahead=number)]
        return len(answers) / (time.perf_counter() - start), answers


def make_photos(image: Image.Image, number: int, folder: Path) -> list[Path]:
    """`number` JPEGs of the sizes `MEGAPIXELS`, each a little different."""
    paths = [folder / f"{index}.jpg" for index in range(number)]
    for index, (path, megapixels) in enumerate(zip(paths, itertools.cycle(MEGAPIXELS), strict=False)):
        height = round((megapixels * 1e6 * image.height / image.width) ** 0.5) - index
        width = round(height * image.width / image.height)
        image.resize((width, height), Image.Resampling.BICUBIC).save(path, "JPEG", quality=92)
    return paths


def write_table(runs: list[Run]) -> str:
    """A Markdown table of `runs`; each speed-up is to the first."""
    head = ["workers", "cores each", "a second", "times the first", "processor seconds each", "MiB of one, at most"]
    rows = [
        [str(each.workers), str(each.cores), f"{each.rate:.2f}", f"{each.rate / runs[0].rate:.2f}"] for each in runs
    ]
    if not runs[0].cpu:
        return markdown(head[:4], rows)
    more = [[f"{each.cpu:.2f}", f"{each.peak_mb:.0f}"] for each in runs]
    return markdown(head, [row + others for row, others in zip(rows, more, strict=True)])
