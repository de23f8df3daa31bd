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

from pipeline.base.workers import WorkerPool

from .machine import facts, into_docs, markdown
from .speed import photo

CHORES = "benchmarks.chores"
MEGAPIXELS = (0.3, 1, 1, 2, 4, 12)  # of the photos, in turn
STAND_IN = 0.05  # seconds that it sleeps


class Run(NamedTuple):
    """What a number of workers did: tasks a second, and the most MiB that one of them held."""

    workers: int
    rate: float
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
    parser.add_argument("--docs", action="store_true", help="also renew the table in docs/")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Measure, print, write."""
    simulated = [simulate(number) for number in read_numbers(given.simulate)]
    with TemporaryDirectory() as folder:
        photos = make_photos(photo(given.photo), given.photos, Path(folder))
        print(f"{len(photos)} photos, {given.model} …", file=sys.stderr)
        numbers = read_numbers(given.workers)
        runs = [cut(number, photos, given.model) for _ in range(given.runs) for number in numbers]
    measured = [max((each for each in runs if each.workers == number), key=lambda it: it.rate) for number in numbers]
    source = (
        f"{facts([])}.\n`python -m benchmarks batch`, {given.photos} photos of 0.3 to 12 megapixels, {given.model}."
    )
    text = f"{write_table('photos', measured)}\n\n{write_table('stand-in', simulated)}\n\n{source}\n"
    print(text)
    if given.docs:
        into_docs("benchmarks batch", text)


def read_numbers(text: str) -> list[int]:
    """``"1,2"`` as numbers; ``"none"`` as none."""
    return [] if text == "none" else [int(number) for number in text.split(",")]


def simulate(number: int) -> Run:
    """Tasks a second of workers that only sleep: what the pool itself costs."""
    rate, _ = measure(number, ("sleep", None), [STAND_IN] * 40 * number)
    return Run(number, rate)


def cut(number: int, photos: list[Path], model: str) -> Run:
    """Photos a second from file to file; starting the workers and loading the network do not count."""
    targets = [path.with_suffix(".png") for path in photos]
    rate, peaks = measure(number, ("cut", model), zip(photos, targets, strict=True))
    return Run(number, rate, max(peaks))


def measure(number: int, settings: Any, tasks: Iterable[Any]) -> tuple[float, list[Any]]:
    """Tasks a second, from when all workers have started, and their answers."""
    with WorkerPool(number, CHORES, settings) as pool:
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
        height = round((megapixels * 1e6 * image.height / image.width) ** 0.5) - index // len(MEGAPIXELS)
        width = round(height * image.width / image.height)
        image.resize((width, height), Image.Resampling.BICUBIC).save(path, "JPEG", quality=92)
    return paths


def write_table(title: str, runs: list[Run]) -> str:
    """A Markdown table of `runs`; each speed-up is to the first."""
    rows = [
        [
            str(each.workers),
            f"{each.rate:.2f}",
            f"{each.rate / runs[0].rate * runs[0].workers:.2f}",
            f"{each.peak_mb:.0f}" if each.peak_mb else "–",
        ]
        for each in runs
    ]
    return markdown([f"workers, {title}", "a second", "times one", "MiB each, at most"], rows)
