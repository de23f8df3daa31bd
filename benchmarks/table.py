"""Which model for which picture, at what cost: accuracy, time and memory on folders of photos with their truth."""

import argparse
import csv
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline import ClearcutError, default_runtime, explain
from pipeline.registry import catalog, weights
from pipeline.registry.cards import Picker

from .errors import BAND, Scores
from .folders import pairs, truth
from .machine import facts, into_docs, markdown
from .peers import SHARED, Contender, Spent, rembg_home
from .plots import plot
from .rows import Row

PLAIN, SCORE, COUNT = "{:.2f}", "{:.3f}", "{:.1f}"
COLUMNS: dict[str, str] = {  # how each figure is written
    "CPU s": PLAIN,
    "s": PLAIN,
    "MiB": "{:.0f}",
    "max-F": SCORE,
    "weighted F": SCORE,
    "IoU": SCORE,
    "MAE": COUNT,
    "SAD": PLAIN,
    "MSE": COUNT,
    "gradient": PLAIN,
    "connectivity": PLAIN,
    "edge band": COUNT,
    "roughness": "{:+.2f}",
}
LEGEND = f"""\
CPU s and s: mean processor and wall seconds a picture, file to PNG in process, warm; MiB: most memory of a process that
does nothing else. IoU at one half; MAE, MSE and edge band (within {BAND} pixels of the soft edge) × 1000; SAD, gradient
and connectivity: sums in thousands; roughness: how far the outline strays from itself made smooth, in pixels, less the
truth's. Higher is better for the F measures and IoU, lower for the errors; roughness is best at 0."""


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """``python -m benchmarks table FOLDER…``."""
    parser = commands.add_parser("table", help="accuracy, time and memory on folders of images/ and masks/")
    add_arguments(parser, "A,B", "table.md, table.csv and accuracy.svg")
    parser.set_defaults(run=run)


def add_arguments(parser: argparse.ArgumentParser, models: str, files: str) -> None:
    """Add what every command on folders takes; `models` shows how they are named, `files` are those it writes."""
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--models", metavar=models, help="default: all that are installed")
    parser.add_argument("--peers", metavar="PYTHON", help="an interpreter that has rembg: run it on the same files too")
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"also write {files} there")
    parser.add_argument("--docs", action="store_true", help="also renew the summary in docs/")


def run(given: argparse.Namespace) -> None:
    """Measure, print, write."""
    for folder in given.folders:
        pairs(folder)  # complains before the work begins
    if len({folder.name for folder in given.folders}) < len(given.folders):
        raise SystemExit("folders of the same name cannot be told apart in the table")
    rows, engines = measure(given.folders, chosen(given.models), given.peers)
    options = f" --models {given.models}" if given.models else ""
    names = " ".join(folder.name for folder in given.folders)
    command = f"python -m benchmarks table {names}{options}{' --peers PYTHON' if given.peers else ''}"
    source = f"{facts(engines)}.\n`{command}`"
    text = f"{summary(rows)}\n\n{source}\n\n{details(rows)}\n\n{LEGEND}\n"
    print(text)
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / "table.md").write_text(text, encoding="utf-8")
        write_csv(given.out / "table.csv", rows)
        plot(given.out / "accuracy.svg", rows)
    if given.docs:
        into_docs("benchmarks table", f"{summary(rows)}\n\n{source}")


def chosen(names: str | None) -> list[str]:
    """The models to measure: those named, or all that are installed."""
    settings = default_runtime().settings
    if not names:
        cutting = {name: card for name, card in catalog.list_models(settings).items() if not isinstance(card, Picker)}
        return [name for name, card in cutting.items() if weights.is_installed(card, settings)]
    listed = [name.strip() for name in names.split(",")]
    try:
        for name in listed:
            weights.require(catalog.find_card(name, settings), settings)
    except ClearcutError as error:
        raise SystemExit(explain(error)) from None
    return listed


def measure(folders: list[Path], models: list[str], peers: str | None = None) -> tuple[list[Row], list[str]]:
    """The rows of all `models` on all `folders`, rembg's below ours where it has the model; who took part."""
    rows: list[Row] = []
    engines: dict[str, None] = {}
    with TemporaryDirectory() as scratch:
        home = rembg_home(Path(scratch), [name for name in models if name in SHARED]) if peers else None
        for folder in folders:
            for name in models:
                print(f"{folder.name}: {name} …", file=sys.stderr)
                with ExitStack() as stack:
                    contenders = [Contender("clearcut", name, Path(scratch))]
                    if peers and name in SHARED:
                        contenders.append(Contender("rembg", name, Path(scratch), peers, home))
                    for contender in contenders:
                        stack.enter_context(contender)
                    engines |= dict.fromkeys(contender.engine for contender in contenders)
                    titles = [
                        name if contender.who == "clearcut" else f"{contender.who} {name}" for contender in contenders
                    ]
                    rows += _alternating(folder, dict(zip(titles, contenders, strict=True)))
    return rows, list(engines)


def _alternating(folder: Path, contenders: dict[str, Contender]) -> Iterator[Row]:
    """The rows of all `contenders` on one folder, picture by picture in turn, after one that does not count."""
    spent: dict[str, list[Spent]] = {title: [] for title in contenders}
    scores = {title: Scores() for title in contenders}
    found = pairs(folder)
    for contender in contenders.values():
        contender.cut(found[0][0])
    for number, (photo, mask) in enumerate(found):
        alpha = truth(mask)
        for title in list(contenders)[:: -1 if number % 2 else 1]:
            spent[title].append(contenders[title].cut(photo))
            scores[title].add(contenders[title].matte, alpha)
    for title in contenders:
        cpu, wall = (statistics.mean(getattr(each, name) for each in spent[title]) for name in ("cpu", "wall"))
        figures = {"CPU s": cpu, "s": wall, "MiB": spent[title][-1].peak_mb, **scores[title].means()}
        yield Row(folder.name, len(found), title, figures)


# ---- written down ----------------------------------------------------------------------------------------------------


def summary(rows: list[Row]) -> str:
    """A row a model: what it costs, and IoU / MAE of each folder, the best in bold."""
    folders = {row.folder: row.pictures for row in rows}
    at = {(row.title, row.folder): row.figures for row in rows}
    best: dict[tuple[str, str], float] = {}
    for folder in folders:
        for name, choose in (("IoU", max), ("MAE", min)):
            best[folder, name] = choose(row.figures[name] for row in rows if row.folder == folder)

    def cell(title: str, folder: str) -> str:
        written = {name: COLUMNS[name].format(at[title, folder][name]) for name in ("IoU", "MAE")}
        bold = (
            f"**{text}**" if at[title, folder][name] == best[folder, name] else text for name, text in written.items()
        )
        return " / ".join(bold)

    head = ["IoU / MAE × 1000", "CPU s", "MiB", *(f"{folder} ({count})" for folder, count in folders.items())]
    lines = []
    for title in dict.fromkeys(row.title for row in rows):
        own = [row for row in rows if row.title == title]
        pictures = sum(row.pictures for row in own)
        cpu = sum(row.pictures * row.figures["CPU s"] for row in own) / pictures
        peak = max(row.figures["MiB"] for row in own)
        lines.append([title, PLAIN.format(cpu), f"{peak:.0f}", *(cell(title, folder) for folder in folders)])
    return markdown(head, lines)


def details(rows: list[Row]) -> str:
    """Every figure, a table a folder."""
    tables = []
    for folder, count in {row.folder: row.pictures for row in rows}.items():
        lines = [
            [row.title, *(form.format(row.figures[name]) for name, form in COLUMNS.items())]
            for row in rows
            if row.folder == folder
        ]
        tables.append(f"### {folder}, {count} pictures\n\n{markdown(['', *COLUMNS], lines)}")
    return "\n\n".join(tables)


def write_csv(path: Path, rows: list[Row]) -> None:
    """All figures, unrounded."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["folder", "pictures", "model", *COLUMNS])
        for row in rows:
            writer.writerow([row.folder, row.pictures, row.title, *(row.figures[name] for name in COLUMNS)])
