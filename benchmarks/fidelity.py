"""What a person sees in a cut-out: its edge on other backgrounds, what shines through inside, haze outside."""

import argparse
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from pipeline import ClearcutError, Options
from pipeline.edges.foreground import estimate_foreground
from pipeline.pixels.geometry import fit_size
from pipeline.pixels.measures import measure_iou
from pipeline.pixels.resample import shrink

from .edges import pictures
from .errors import HALF, edge_band
from .folders import pairs
from .machine import facts, into_docs, markdown
from .peers import SHARED, Contender, rembg_home
from .rows import Row
from .table import add_arguments, chosen

LONGEST = 1200  # pixels of the longer side: larger pictures are made smaller first, so that distances mean the same
REACH = 7  # pixels on each side of the true edge that belong to it; the rest is inside or outside
BACKDROPS = ((0, 0, 0), (255, 255, 255), (255, 0, 255))  # that cut-outs are put on: black, white, magenta
SEE_THROUGH = 242  # an alpha below it lets 5 % or more of what is behind shine through
HAZY = 13  # an alpha from it hides 5 % or more of what is behind
COLUMNS: dict[str, str] = {  # how each figure is written
    "edge %": "{:.1f}",
    "lost inside %": "{:.1f}",
    "see-through %": "{:.1f}",
    "hazy %": "{:.1f}",
    "IoU": "{:.3f}",
    "MAE": "{:.1f}",
    "s": "{:.2f}",
}
LEGEND = f"""\
Means over pictures of at most {LONGEST} pixels. Edge: cut-out and truth, each with its own colours, on black, white
and magenta, mean difference within {REACH} pixels of the true edge. Farther away: opacity lost inside, pixels inside
that are less than 95 % opaque, pixels outside that are 5 % opaque or more. IoU at one half; MAE × 1000; s: file to PNG,
warm, median."""


class Way(NamedTuple):
    """One way to cut out: a model with options, as text ``MODEL[+OPTION=VALUE…]``, by Clearcut or by rembg."""

    title: str
    model: str
    options: dict[str, str]
    who: str = "clearcut"


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """``python -m benchmarks fidelity FOLDER…``."""
    parser = commands.add_parser("fidelity", help="what a person sees: edge, inside, haze; on images/ and masks/")
    add_arguments(parser, "A,B+OPTION=VALUE", "fidelity.md")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Measure, print, write."""
    for folder in given.folders:
        pairs(folder)  # complains before the work begins
    ways = list_ways(given.models, given.peers)
    rows, engines = measure(given.folders, ways, given.peers)
    options = f" --models {given.models}" if given.models else ""
    names = " ".join(folder.name for folder in given.folders)
    command = f"python -m benchmarks fidelity {names}{options}{' --peers PYTHON' if given.peers else ''}"
    source = f"{facts(engines)}.\n`{command}`"
    text = f"{summary(rows)}\n\n{source}\n\n{details(rows)}\n\n{LEGEND}\n"
    print(text)
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / "fidelity.md").write_text(text, encoding="utf-8")
    if given.docs:
        into_docs("benchmarks fidelity", f"{summary(rows)}\n\n{source}")


def list_ways(models: str | None, peers: str | None = None) -> list[Way]:
    """The ways to measure: those that `models` names, or all installed models as they are; rembg's below ours."""
    ways = []
    for title in models.split(",") if models else chosen(None):
        model, *pairs = title.strip().split("+")
        chosen(model)  # complains before the work begins
        options = dict(pair.partition("=")[::2] for pair in pairs)
        try:
            Options.of(model=model, **options)
        except ClearcutError as error:
            raise SystemExit(f"{title}: {error.facts}") from None
        ways.append(Way(title.strip(), model, options))
        if peers and model in SHARED and not options:
            ways.append(Way(f"rembg {model}", model, {}, "rembg"))
    return ways


def measure(folders: list[Path], ways: list[Way], peers: str | None = None) -> tuple[list[Row], list[str]]:
    """The rows of all `ways` on all `folders`; who took part."""
    rows: list[Row] = []
    engines: dict[str, None] = {}
    names = [folder.name for folder in folders]
    with TemporaryDirectory() as scratch:
        home = rembg_home(Path(scratch), list({way.model for way in ways if way.who == "rembg"}))
        for way in ways:
            print(f"{way.title} …", file=sys.stderr)
            with ExitStack() as stack:
                python = peers if way.who == "rembg" else None
                contender = Contender(way.who, way.model, Path(scratch), python, home if python else None)
                stack.enter_context(contender)
                engines[contender.engine] = None
                rows += [_measure_folder(folder, way, contender, Path(scratch)) for folder in folders]
    return sorted(rows, key=lambda row: names.index(row.folder)), list(engines)


def _measure_folder(folder: Path, way: Way, contender: Contender, scratch: Path) -> Row:
    found = []
    for number, (path, rgb, truth) in enumerate(pictures(folder)):
        photo, alpha = _fit(rgb, truth)
        if photo is not rgb:
            path = scratch / "photo.png"
            Image.fromarray(photo).save(path)
        if not number:
            contender.cut(path, options=way.options)  # the first does not count
        seconds = contender.cut(path, options=way.options).wall
        found.append(compare(contender.cutout, photo, alpha) | {"s": seconds})
    means = {name: statistics.mean(each[name] for each in found) for name in COLUMNS}
    return Row(folder.name, len(found), way.title, means | {"s": statistics.median(each["s"] for each in found)})


def _fit(rgb: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A photo and its truth with a longer side of at most `LONGEST`."""
    size = fit_size(rgb.shape[1::-1], LONGEST)
    return (rgb, truth) if size == rgb.shape[1::-1] else (shrink(rgb, size), shrink(truth, size))


def compare(cutout: np.ndarray, photo: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """What a person sees to be wrong with a cut-out.

    Parameters
    ----------
    cutout
        ``(H, W, 4)`` uint8, straight colour and alpha.
    photo
        ``(H, W, 3)`` uint8.
    truth
        ``(H, W)`` uint8, its true alpha.

    Returns
    -------
    dict
        All figures of `COLUMNS` but the seconds: percent, ``IoU`` 0–1, ``MAE`` in thousandths. 0 percent of nothing
        where the truth has no edge, no inside or no outside.
    """
    alpha = cutout[..., 3]
    edge = edge_band(truth, REACH)
    inside, outside = ~edge & (truth > HALF), ~edge & (truth <= HALF)
    wrong = cv2.absdiff(alpha, truth) / np.float32(255)
    return {
        "edge %": _percent(recomposed_error(cutout, _own_colours(photo, truth)), edge),
        "lost inside %": _percent(wrong, inside),
        "see-through %": _percent(alpha < SEE_THROUGH, inside),
        "hazy %": _percent(alpha >= HAZY, outside),
        "IoU": measure_iou(alpha > HALF, truth > HALF),
        "MAE": 1000 * float(wrong.mean()),
    }


def _own_colours(photo: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The true cut-out of a photo, ``(H, W, 4)`` uint8."""
    return np.dstack([estimate_foreground(photo, truth), truth])


def recomposed_error(cutout: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """How far two cut-outs ``(H, W, 4)`` uint8 differ once they are put on `BACKDROPS`: ``(H, W)`` float32, 0-1."""
    put = [[_compose(each, backdrop) for each in (cutout, wanted)] for backdrop in BACKDROPS]
    return np.mean([np.abs(one - other).mean(axis=2) for one, other in put], axis=0) / 255


def _compose(cutout: np.ndarray, backdrop: tuple[int, int, int]) -> np.ndarray:
    opacity = cutout[..., 3:] / np.float32(255)
    return cutout[..., :3] * opacity + np.array(backdrop, np.float32) * (1 - opacity)


def _percent(values: np.ndarray, where: np.ndarray) -> float:
    return 100 * float(values[where].mean()) if where.any() else 0.0


# ---- written down ----------------------------------------------------------------------------------------------------


def summary(rows: list[Row]) -> str:
    """A row a way: the mean of each figure over all pictures."""
    pictures = sum({row.folder: row.pictures for row in rows}.values())
    lines = []
    for title in dict.fromkeys(row.title for row in rows):
        own = [row for row in rows if row.title == title]
        means = {name: sum(row.pictures * row.figures[name] for row in own) / pictures for name in COLUMNS}
        lines.append(_line(title, means))
    return markdown([f"mean of {pictures} pictures", *COLUMNS], lines)


def details(rows: list[Row]) -> str:
    """A table a folder."""
    tables = []
    for folder, count in {row.folder: row.pictures for row in rows}.items():
        lines = [_line(row.title, row.figures) for row in rows if row.folder == folder]
        tables.append(f"### {folder}, {count} pictures\n\n{markdown(['', *COLUMNS], lines)}")
    return "\n\n".join(tables)


def _line(title: str, figures: dict[str, float]) -> list[str]:
    return [title, *(form.format(figures[name]) for name, form in COLUMNS.items())]
