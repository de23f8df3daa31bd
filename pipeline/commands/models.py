"""``python -m pipeline models …``: what there is, and what comes and goes."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import FETCH, ClearcutError
from ..base.settings import Settings
from ..base.words import complain, say

if TYPE_CHECKING:
    from ..registry.catalog import Card

COLUMNS = ("NAME", "FOR", "SIZE", "LICENCE", "COMMERCIAL USE", "INSTALLED")


def arguments(models: argparse.ArgumentParser) -> None:
    """What ``models`` takes: its actions."""
    models.set_defaults(run=_list)
    actions = models.add_subparsers(metavar="ACTION")

    def action(name: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = actions.add_parser(
            name, help=say(f"cli.{name}"), description=say(f"cli.{name}")
        )
        parser.set_defaults(run=run)
        return parser

    fetch = action("fetch", _fetch)
    fetch.add_argument("name", metavar="NAME", nargs="?", default="")
    fetch.set_defaults(complain=fetch.error)
    fetch.add_argument("--all-permissive", action="store_true", help=say("cli.all_permissive"))
    action("check", _check)
    optimise = action("optimise", _optimise)
    optimise.add_argument("name", metavar="NAME")
    optimise.add_argument("folder", metavar="DIR", type=Path, nargs="?", help=say("cli.optimise.folder"))
    action("remove", _remove).add_argument("name", metavar="NAME")
    bring = action("import", _import)
    bring.add_argument("name", metavar="NAME")
    bring.add_argument("file", metavar="FILE", type=Path)
    action("export", _export).add_argument("folder", metavar="DIR", type=Path)
    add = action("add", _add)
    add.add_argument("file", metavar="FILE", type=Path)
    for flag, metavar in (("kind", "KIND"), ("size", "SIZE"), ("name", "NAME"), ("license", "TEXT")):
        add.add_argument(f"--{flag}", metavar=metavar, default="", required=flag == "kind", help=say(f"cli.add.{flag}"))
    add.add_argument("--picture", metavar="PHOTO", type=Path, help=say("cli.add.picture"))


def _list(given: argparse.Namespace) -> int:
    from ..registry.catalog import list_models, to_megabytes
    from ..registry.weights import count_bytes, is_installed

    rows = [COLUMNS]
    for name, card in list_models().items():
        installed = "yes" if is_installed(card) else "no" if card.fetchable else "import"
        title = say(f"model.{name}.title", default=name)
        rows.append(
            (name, title, f"{to_megabytes(count_bytes(card))} MB", card.license, card.commercial_use, installed)
        )
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print(f"\n{say('cli.models_folder')}: {Settings.current().models_dir}")
    return 0


def _fetch(given: argparse.Namespace) -> int:
    from ..registry import catalog

    if given.all_permissive == bool(given.name):
        given.complain(say("cli.fetch_what"))
    if not given.all_permissive:
        return _fetch_one(catalog.find_card(given.name))
    worst = 0
    for card in catalog.list_models().values():
        if card.permissive and card.fetchable:
            try:
                worst = max(worst, _fetch_one(card))
            except ClearcutError as error:
                worst = max(worst, complain(error))
    return worst


def _fetch_one(card: "Card") -> int:
    for path in fetch(card):
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB, checksum verified")
    return 0


def _check(given: argparse.Namespace) -> int:
    from ..registry import weights

    worst = 0
    for each in weights.check_all():
        state = "ok" if each.holds else "WRONG CHECKSUM" if each.model else "not in the catalogue"
        print(f"{each.path.name}  {each.model or '–'}  {state}")
        worst = max(worst, FETCH if each.model and not each.holds else 0)
    return worst


def _remove(given: argparse.Namespace) -> int:
    from ..manage import local_models as stock
    from ..registry import catalog

    for path in stock.remove_model(catalog.find_card(given.name)):
        print(f"{path}  removed")
    return 0


def _import(given: argparse.Namespace) -> int:
    from ..manage import local_models as stock
    from ..registry import catalog

    card = catalog.find_card(given.name)
    path = stock.import_weights(card, given.file)
    published = any(
        variant.file == path.name and variant.checksum for each in card.networks for variant in each.variants
    )
    print(f"{path}  {'checksum verified' if published else 'no published checksum: its own was noted'}")
    return 0


def _optimise(given: argparse.Namespace) -> int:
    from ..manage.optimise import optimise
    from ..registry import catalog

    def tell(step: str) -> None:
        print(f"{card.name}: {say(f'cli.optimise.{step}')}", file=sys.stderr)

    for card in catalog.find_card(given.name).networks:
        outcome = optimise(card, given.folder, tell)
        for title, figures in ((outcome.engine, outcome.before), (outcome.other, outcome.after)):
            print(f"{title:16s} IoU {figures.iou:.3f}  MAE {figures.mae:.3f}  {figures.seconds:.3f} s")
        code = "kept" if outcome.kept else "not_faster" if outcome.is_as_good else "not_as_good"
        print(f"{card.name}: {say(f'cli.optimise.{code}')}")
    return 0


def _export(given: argparse.Namespace) -> int:
    from ..registry import fetching as supply

    copies = 0
    for path in supply.export_files(given.folder):
        print(path)
        copies += 1
    print(say("cli.exported" if copies else "cli.nothing_to_export", folder=given.folder), file=sys.stderr)
    return 0


def _add(given: argparse.Namespace) -> int:
    from ..manage import local_models as stock

    card, trial = stock.add_model(given.file, given.kind, given.size, given.name, given.license, given.picture)
    width, height = card.feed.size
    share, seconds, memory = f"{trial.share:.0%}", f"{trial.seconds:.2f}", round(trial.memory_mb)
    print(say("cli.added", model=card.name, width=width, height=height, share=share, seconds=seconds, memory=memory))
    return 0


def fetch(card: "Card") -> list[Path]:
    """Fetch `card`, and tell how far that is; the files."""
    from ..registry import fetching as supply

    _tell_rights(card)
    return supply.fetch(card, _progress(card.name))


def _tell_rights(card: "Card") -> None:
    """Before anything is fetched: what its licence does not allow, or leaves open."""
    if card.commercial_use != "yes":
        rights, why = say(f"model.commercial.{card.commercial_use}"), say(f"why.{card.why}", default="")
        print(f"{card.name}, {card.license}: {rights}. {why}".rstrip(), file=sys.stderr)


def _progress(name: str) -> Callable[[int | None, int], None]:
    shown: list[int | None] = []

    def show(done: int | None, total: int) -> None:
        percent = None if done is None else 10 * (10 * done // total)
        if not shown or percent != shown[-1]:
            shown.append(percent)
            state = "…" if percent is None else f"{percent} %"
            print(f"{name}, {total / 1e6:.1f} MB: {state}", file=sys.stderr)

    return show
