"""How many times faster than rembg: the same photo, weights and machine, in turn, ratios of medians."""

import argparse
import compileall
import os
import statistics
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from PIL import Image

from pipeline import default_runtime
from pipeline.registry import catalog, weights

from .machine import facts, into_docs, markdown, name_kind
from .peers import ROOT, Contender, Spent, rembg_home, run_cold, serving

MODELS = ("u2netp", "isnet-general-use")
SIZES = {"12 MP": (4000, 3000), "1 MP": (1155, 866)}
PRECISIONS = ("exact", "fast")
Work = Callable[[], Spent]


class Line(NamedTuple):
    """One line of the table: ours and theirs, in seconds or MiB."""

    work: str
    ours: float
    theirs: float | None
    unit: str = "s"
    against: str = "rembg"
    less: bool = False  # the ratio is ours / theirs, and smaller is better


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """``python -m benchmarks speed``."""
    parser = commands.add_parser("speed", help="ratios to rembg: warm, cold, memory, cached")
    parser.add_argument("photo", nargs="?", type=Path, help="a photo, or a folder: its largest; default: an astronaut")
    parser.add_argument("--peers", metavar="PYTHON", help="an interpreter that has rembg; without, ours alone")
    parser.add_argument("--models", metavar="A,B", default=",".join(MODELS), help="default: %(default)s")
    parser.add_argument("--runs", type=int, default=7, help="of each, warm; default %(default)s")
    parser.add_argument("--long", action="store_true", help="also rembg's alpha matting at 12 MP: minutes a run")
    parser.add_argument("--out", type=Path, metavar="DIR", help="also write speed.md there")
    parser.add_argument("--docs", action="store_true", help="also renew the table in docs/")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Measure, print, write."""
    models = given.models.split(",")
    settings = default_runtime().settings
    missing = [name for name in models if not weights.is_installed(catalog.find_card(name, settings), settings)]
    if missing:
        raise SystemExit(f"not installed: {', '.join(missing)}")
    with TemporaryDirectory() as folder, ExitStack() as stack:
        bench = Bench(Path(folder), photo(given.photo), models, given.peers, given.runs, stack)
        lines = bench.warm()
        if given.long:
            lines.append(bench.refined())
        lines += [*bench.cold(), bench.cached()]
    flags = "".join(f" --{name}" for name in ("peers PYTHON", "long") if getattr(given, name.split()[0]))
    named = f" {given.photo.name}" if given.photo else ""
    some = f" --models {given.models}" if given.models != ",".join(MODELS) else ""
    source = f"{facts(list(bench.engines))}.\n`python -m benchmarks speed{named}{some}{flags}`, medians, in turn."
    text = f"{written(lines)}\n\n{source}\n"
    print(text)
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / "speed.md").write_text(text, encoding="utf-8")
    if given.docs:
        into_docs(f"benchmarks speed {name_kind()}", text)


class Bench:
    """The photo at both sizes, and who works on it."""

    def __init__(
        self, scratch: Path, photo: Image.Image, models: list[str], peers: str | None, runs: int, stack: ExitStack
    ) -> None:
        self.scratch, self.models, self.peers, self.runs, self._stack = scratch, models, peers, runs, stack
        self.home = rembg_home(scratch, models) if peers else None
        self.engines = dict[str, None]()
        self.photos = {name: scratch / f"{name}.jpg" for name in SIZES}
        for name, size in SIZES.items():
            photo.resize(size, Image.Resampling.LANCZOS).save(self.photos[name], "JPEG", quality=92)

    def warm(self) -> list[Line]:
        """File to PNG in process, each model and size in each precision."""
        lines = []
        for model in self.models:
            with ExitStack() as stack:
                ours, theirs = self._contenders(model, stack)
                for size in SIZES:
                    works = {
                        precision: self._cut(ours, size, options={"precision": precision}) for precision in PRECISIONS
                    }
                    if theirs:
                        works["rembg"] = self._cut(theirs, size)
                    print(f"warm: {model}, {size} …", file=sys.stderr)
                    took = in_turn(works, self.runs)
                    for precision in PRECISIONS:
                        title = f"{size}, {model}, {precision}"
                        lines.append(Line(title, took[precision], took.get("rembg")))
        return lines

    def refined(self, runs: int = 1) -> Line:
        """The edge refined at 12 megapixels, against rembg's alpha matting."""
        print("edge refinement …", file=sys.stderr)
        with ExitStack() as stack:
            ours, theirs = self._contenders(self.models[0], stack)
            took = in_turn({"ours": self._cut(ours, "12 MP", refined=True)}, self.runs)
            if theirs:
                theirs.cut(self.photos["1 MP"], refined=True)  # compiles what it needs
                took |= in_turn({"theirs": self._cut(theirs, "12 MP", refined=True)}, runs, warm=False)
        title = f"edge refinement, 12 MP, {self.models[0]}"
        return Line(title, took["ours"], took.get("theirs"), against="rembg -a")

    def cold(self) -> list[Line]:
        """The command line from start to end at 1 megapixel, without and with `serve`, and its most memory at 12."""
        print("command line …", file=sys.stderr)
        os.environ["XDG_RUNTIME_DIR"] = str(self.scratch)  # where it finds none that serves the user
        compileall.compile_dir(ROOT / "pipeline", quiet=1)  # as pip did with rembg, and Python may be told not to
        model = self.models[0]
        seconds = medians(self._cold("1 MP", max(1, self.runs // 2 + 1)), "wall")
        memory = medians(self._cold("12 MP", min(3, self.runs), watched=True), "peak_mb")
        with serving():
            served = medians(self._cold("1 MP", max(1, self.runs // 2 + 1)), "wall")
        title = f"cold command line, 1 MP, {model}"
        took = Line(title, seconds["ours"], seconds.get("theirs"), against="rembg i")
        title = f"most memory of it, 12 MP, {model}"
        held = Line(title, memory["ours"], memory.get("theirs"), "MiB", against="rembg i", less=True)
        title = f"command line while `clearcut serve` runs, 1 MP, {model}"
        return [took, held, Line(title, served["ours"], served.get("theirs"), against="rembg i")]

    def cached(self) -> Line:
        """The same photo again, its prediction kept."""
        print("cache …", file=sys.stderr)
        with ExitStack() as stack:
            ours, _ = self._contenders(self.models[0], stack, alone=True)
            works = {str(cache): self._cut(ours, "12 MP", cache=cache) for cache in (False, True)}
            took = in_turn(works, self.runs)
        title = f"the same photo again, 12 MP, {self.models[0]}"
        return Line(title, took["True"], took["False"], against="uncached", less=True)

    def _contenders(self, model: str, stack: ExitStack, alone: bool = False) -> tuple[Contender, Contender | None]:
        ours = stack.enter_context(Contender("clearcut", model, self.scratch))
        theirs = None
        if self.peers and not alone:
            theirs = stack.enter_context(Contender("rembg", model, self.scratch, self.peers, self.home))
        self.engines |= {contender.engine: None for contender in (ours, theirs) if contender}
        return ours, theirs

    def _cut(self, contender: Contender, size: str, **how: object) -> Work:
        return lambda: contender.cut(self.photos[size], **how)

    def _cold(self, size: str, runs: int, watched: bool = False) -> dict[str, list[Spent]]:
        given, made = str(self.photos[size]), str(self.scratch / "cold.png")
        ours = [sys.executable, "-m", "pipeline", "cut", given, "-o", made, "--force", "--model", self.models[0]]
        ours.append("--no-cache")
        works: dict[str, Work] = {"ours": lambda: run_cold(ours, watched=watched)}
        if self.peers:
            theirs = [str(Path(self.peers).with_name("rembg")), "i", "-m", self.models[0], given, made]
            works["theirs"] = lambda: run_cold(theirs, self.home, watched)
        return all_in_turn(works, runs)


def in_turn(works: dict[str, Work], runs: int, warm: bool = True) -> dict[str, float]:
    """Median wall seconds of each work."""
    return medians(all_in_turn(works, runs, warm), "wall")


def medians(spent: dict[str, list[Spent]], name: str) -> dict[str, float]:
    """The median of that figure of each."""
    return {who: statistics.median(getattr(each, name) for each in runs) for who, runs in spent.items()}


def all_in_turn(works: dict[str, Work], runs: int, warm: bool = True) -> dict[str, list[Spent]]:
    """What each run of each work took: one of each after the other, back and forth; the first does not count."""
    if warm:
        for work in works.values():
            work()
    spent: dict[str, list[Spent]] = {name: [] for name in works}
    for number in range(runs):
        for name in list(works)[:: -1 if number % 2 else 1]:
            spent[name].append(works[name]())
    return spent


def photo(path: Path | None) -> Image.Image:
    """The photo at `path`, the largest in that folder (or in its ``images``), or scikit-image's astronaut."""
    if path is None:
        from skimage import data

        return Image.fromarray(np.asarray(data.astronaut())[..., :3])
    if path.is_dir():
        folder = path / "images" if (path / "images").is_dir() else path
        path = max(sorted(folder.iterdir()), key=_pixels)
    return Image.open(path).convert("RGB")


def _pixels(path: Path) -> int:
    with Image.open(path) as image:
        return image.width * image.height


def written(lines: list[Line]) -> str:
    """The table."""
    rows = []
    for line in lines:
        form = "{:.0f}" if line.unit == "MiB" else "{:.2f}"
        ours, theirs = (f"{form.format(value)} {line.unit}" if value else "–" for value in (line.ours, line.theirs))
        rows.append([line.work, ours, f"{line.against} {theirs}", ratio(line)])
    return markdown(["work", "Clearcut", "against", "ratio"], rows)


def ratio(line: Line) -> str:
    """How many times as fast, or what part of the memory or of the time."""
    if not line.theirs:
        return "–"
    times = line.ours / line.theirs if line.less else line.theirs / line.ours
    return f"{times:.2f}" if times < 10 else f"{times:.0f}"
