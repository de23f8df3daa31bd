"""What came of a batch, for people: ``report.csv`` and ``report.html``, which opens from the disk without a network."""

import csv
import io
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from ..base.errors import as_write_error
from ..base.files import write_part
from ..base.settings import ROOT
from ..base.words import explain, say
from .batch import THUMBNAILS, Batch
from .journal import BatchItem
from .stores import is_address

PAGE = ROOT / "assets" / "report.html"  # a template
KINDS = 8  # of files that are no photos, which are named
COLUMNS = ("photo", "cutout", "state", "look", "width", "height", "bytes", "model", "seconds", "coverage", "warnings")


def write_report(batch: Batch, folder: Path, language: str) -> Path:
    """Write both files into `folder`, whole; the path of the page.

    Thumbnails are taken along where `folder` is not the batch's output.

    Raises
    ------
    ClearcutError
        ``disk_full``, ``write_failed``.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pictures = batch.thumbnails
        if os.path.realpath(folder) != os.path.realpath(batch.output):
            pictures = folder / THUMBNAILS
            pictures.mkdir(exist_ok=True)
            for each in batch.thumbnails.iterdir():
                shutil.copyfile(each, pictures / each.name)
        stem = _choose_stem(batch, folder)
        _write(folder / f"{stem}.csv", _make_table(batch.journal.list_items(), language))
        _write(folder / f"{stem}.html", _make_page(batch, folder, pictures, language))
    except OSError as error:
        raise as_write_error(error, folder.name) from None
    return folder / f"{stem}.html"


def _choose_stem(batch: Batch, folder: Path) -> str:
    """What both files are called: ``report``, or with a number where somebody else has files of that name."""
    stems = batch.journal.get_fact("reports") or {}
    place = os.path.realpath(folder)
    names = (stems.get(place), "report", *(f"report_{number}" for number in range(2, 1000)))
    taken = ((folder / f"{stem}.csv").exists() or (folder / f"{stem}.html").exists() for stem in names[1:])
    stem = names[0] or next(stem for stem, is_taken in zip(names[1:], taken, strict=False) if not is_taken)
    batch.journal.set_fact("reports", stems | {place: stem})
    return str(stem)


def describe_item(item: BatchItem, language: str) -> list[str]:
    """What there is to say of a photo: why it failed, or why to look at it, and its warnings; sentences."""
    if item.error:
        return [explain(item.error, language)]
    reasons = [say(f"look.{code}", language) for code in item.reasons]
    warnings = [code for code in item.outcome.get("warnings", ()) if code not in item.reasons]
    return [*reasons, *(say(f"warning.{code}", language, options="–", enlarged="–") for code in warnings)]


def describe_left_out(batch: Batch, language: str) -> str:
    """Which files lay with the photos and are none; empty where there were none."""
    counted: dict[str, int] = batch.journal.get_fact("left_out") or {}
    most = sorted(counted.items(), key=lambda each: -each[1])
    kinds = ", ".join(f"{number} × {kind}" for kind, number in most[:KINDS])
    return say("report.left_out", language, kinds=f"{kinds} …" if most[KINDS:] else kinds) if kinds else ""


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    write_part(part, text.encode("utf-8", "replace"))
    part.replace(path)


def _make_table(items: Iterable[BatchItem], language: str) -> str:
    """As spreadsheets read it: a byte order mark, and no cell that they would take for a formula."""
    file = io.StringIO()
    table = csv.writer(file)
    table.writerow(COLUMNS)
    for item in items:
        facts = item.outcome
        told = "; ".join(describe_item(item, language))
        row = [item.name, item.target if item.state == "done" else "", item.state, " ".join(item.reasons)]
        row += [facts.get(name, "") for name in ("width", "height", "bytes", "model", "seconds", "coverage")]
        table.writerow([_disarm(cell) for cell in (*row, told)])
    return "\ufeff" + file.getvalue()


def _disarm(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _make_page(batch: Batch, folder: Path, pictures: Path, language: str) -> str:
    counted = batch.journal.count()
    numbers: dict[str, Any] = {"all": sum(counted[state] for state in ("waiting", "made", "done", "failed"))}
    numbers |= {"looks": counted["looks"], "failed": counted["failed"]}
    filters = "".join(
        f'<label><input type="radio" name="show" value="{name}"{" checked" if name == "all" else ""}>'
        f"{escape(say(f'report.{name}', language))} <b>{number}</b></label>"
        for name, number in numbers.items()
    )
    words = {"language": language, "title": escape(say("report.title", language)), "filters": filters}
    summary = say("report.summary", language, done=counted["done"], model=batch.options.model, **numbers)
    summary = f"{summary} {describe_left_out(batch, language)}".strip()
    cards = "\n".join(_make_cards(batch, folder, pictures, language))
    return Template(PAGE.read_text("utf-8")).substitute(words, summary=escape(summary), cards=cards)


def _make_cards(batch: Batch, folder: Path, pictures: Path, language: str) -> Iterator[str]:
    for item in batch.journal.list_items():
        kind = "failed" if item.error else "looks" if item.reasons else ""
        picture = pictures / f"{item.number}.webp"
        shown = '<span class="none"></span>'
        if item.state == "done" and picture.is_file():
            shown = f'<img src="{_link(str(picture), folder)}" alt="" loading="lazy">'
        if item.state == "done":
            shown = f'<a href="{_link(batch.place.locate(item.target), folder)}">{shown}</a>'
        facts = ""
        if item.outcome:
            share = say("report.coverage", language, percent=f"{100 * item.outcome['coverage']:.0f}")
            facts = "{width} × {height} · {model} · {seconds:.2f} s".format(**item.outcome) + f" · {share}"
        told = "".join(f"<li>{escape(sentence)}</li>" for sentence in describe_item(item, language))
        yield (
            f'<article class="{kind}"><div class="picture">{shown}</div><h2>{escape(item.name)}</h2>'
            f"<p>{escape(facts)}</p><ul>{told}</ul></article>"
        )


def _link(path: str, folder: Path) -> str:
    """The address of a file from a page in `folder`; its whole path where it lies on another disk."""
    if is_address(path):
        return escape(path)
    address = Path(path)
    with suppress(ValueError):  # Windows has no way from one disk to another
        address = Path(os.path.relpath(path, folder))
    return quote(address.as_posix().encode("utf-8", "surrogateescape"))
