"""``clearcut models …``: lists models, fetches, checks, imports, removes, exports and adds them."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import FETCH, ClearcutError
from .terminal import Context, Terminal

if TYPE_CHECKING:
    from ..registry.cards import Card

COLUMNS = ("name", "for", "size", "licence", "commercial_use", "installed")


def add_arguments(models: argparse.ArgumentParser, terminal: Terminal) -> None:
    """Add the actions of ``models`` and their arguments."""
    say = terminal.say
    models.set_defaults(run=show)
    actions = models.add_subparsers(metavar="ACTION")

    def add_action(name: str, run: Callable[[argparse.Namespace, Context], int]) -> argparse.ArgumentParser:
        words = say(f"cli.{name}")
        parser: argparse.ArgumentParser = actions.add_parser(name, help=words, description=words)
        parser.set_defaults(run=run)
        return parser

    fetch = add_action("fetch", _fetch)
    fetch.add_argument("name", metavar="NAME", nargs="?", default="")
    fetch.set_defaults(complain=fetch.error)
    fetch.add_argument("--all-permissive", action="store_true", help=say("cli.all_permissive"))
    add_action("check", _check)
    add_action("measure", _measure).add_argument("name", metavar="NAME")
    optimise = add_action("optimise", _optimise)
    optimise.add_argument("name", metavar="NAME")
    optimise.add_argument("folder", metavar="DIR", type=Path, nargs="?", help=say("cli.optimise.folder"))
    add_action("remove", _remove).add_argument("name", metavar="NAME")
    importing = add_action("import", _import)
    importing.add_argument("name", metavar="NAME")
    importing.add_argument("file", metavar="FILE", type=Path)
    add_action("export", _export).add_argument("folder", metavar="DIR", type=Path)
    add = add_action("add", _add)
    add.add_argument("file", metavar="FILE", type=Path)
    for flag, metavar in (("kind", "KIND"), ("size", "SIZE"), ("name", "NAME"), ("license", "TEXT")):
        add.add_argument(f"--{flag}", metavar=metavar, default="", required=flag == "kind", help=say(f"cli.add.{flag}"))
    add.add_argument("--picture", metavar="PHOTO", type=Path, help=say("cli.add.picture"))


def show(given: argparse.Namespace, context: Context) -> int:
    """Print a table of all models."""
    from ..registry.cards import to_megabytes
    from ..registry.catalog import list_models
    from ..registry.weights import count_bytes, is_installed

    settings, say = context.settings, context.terminal.say
    rows = [tuple(say(f"cli.models.column.{column}") for column in COLUMNS)]
    for name, card in list_models(settings).items():
        installed = "yes" if is_installed(card, settings) else "no" if card.fetchable else "import"
        size, title = f"{to_megabytes(count_bytes(card, settings))} MB", say(f"model.{name}.title", default=name)
        rights = say(f"cli.models.use.{card.commercial_use}")
        rows.append((name, title, size, card.license, rights, say(f"cli.models.installed.{installed}")))
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print(f"\n{say('cli.models_folder')}: {settings.models_dir}")
    return 0


def _fetch(given: argparse.Namespace, context: Context) -> int:
    from ..registry import catalog

    if given.all_permissive == bool(given.name):
        given.complain(context.terminal.say("cli.fetch_what"))
    if not given.all_permissive:
        return _fetch_one(catalog.find_card(given.name, context.settings), context)
    worst = 0
    for card in catalog.list_models(context.settings).values():
        if card.permissive and card.fetchable:
            try:
                worst = max(worst, _fetch_one(card, context))
            except ClearcutError as error:
                worst = max(worst, context.terminal.complain(error))
    return worst


def _fetch_one(card: "Card", context: Context) -> int:
    for path in fetch_and_tell(card, context):
        megabytes = f"{path.stat().st_size / 1e6:.1f}"
        print(f"{path}  {context.terminal.say('cli.models.verified', megabytes=megabytes)}")
    if context.settings.measure:
        measure_and_tell(card, context)
    return 0


def _check(given: argparse.Namespace, context: Context) -> int:
    from ..registry import weights

    worst = 0
    for each in weights.check_all(context.settings):
        state = "ok" if each.holds else "wrong" if each.model else "unknown"
        print(f"{each.path.name}  {each.model or '–'}  {context.terminal.say(f'cli.models.check.{state}')}")
        worst = max(worst, FETCH if each.model and not each.holds else 0)
    return worst


def _measure(given: argparse.Namespace, context: Context) -> int:
    from ..registry import weights

    card = context.runtime.find_card(given.name)
    weights.require(card, context.settings)
    measure_and_tell(card, context, anew=True)
    return 0


def measure_and_tell(card: "Card", context: Context, anew: bool = False) -> None:
    """Time the engines for the networks of `card`, or for those that were not yet, and print what came of it."""
    from ..manage.timing import list_timeable, list_untimed, time_engines

    terminal = context.terminal
    networks = (list_timeable if anew else list_untimed)(card, context.settings)
    if anew and not networks:
        terminal.note(f"{card.name}: {terminal.say('cli.measure.nothing')}")
    for network in networks:
        terminal.note(f"{network.name}: {terminal.say('cli.measure.going')}")
        if timing := time_engines(network, context.settings):
            for engine in (*sorted(timing.seconds, key=lambda each: timing.seconds[each]), *timing.failed):
                took = f"{timing.seconds[engine]:.3f} s" if engine in timing.seconds else "–"
                print(f"{network.name}  {engine:16s} {took}")


def _remove(given: argparse.Namespace, context: Context) -> int:
    from ..manage import local_models

    for path in local_models.remove_model(context.runtime.find_card(given.name), context.runtime):
        print(f"{path}  {context.terminal.say('cli.models.removed')}")
    return 0


def _import(given: argparse.Namespace, context: Context) -> int:
    from ..manage import local_models

    card = context.runtime.find_card(given.name)
    path = local_models.import_weights(card, given.file, context.runtime)
    published = any(
        variant.file == path.name and variant.checksum for each in card.networks for variant in each.variants
    )
    print(f"{path}  {context.terminal.say('cli.models.imported' if published else 'cli.models.noted')}")
    return 0


def _optimise(given: argparse.Namespace, context: Context) -> int:
    from ..manage.optimise import optimise

    terminal = context.terminal
    for card in context.runtime.find_card(given.name).networks:

        def tell(step: str, name: str = card.name) -> None:
            terminal.note(f"{name}: {terminal.say(f'cli.optimise.{step}')}")

        outcome = optimise(card, context.runtime, given.folder, tell)
        found = outcome.sensitivity
        looked = terminal.say(
            "cli.optimise.looked", tried=found.tried, number=found.number, seconds=round(found.seconds)
        )
        print(f"{card.name}: {looked}")
        for layer, loss in found.losses.items():
            print(f"{card.name}: {terminal.say('cli.optimise.stays', layer=layer, loss=f'{loss:.1f}')}")
        for title, figures in ((outcome.engine, outcome.before), (outcome.other, outcome.after)):
            print(f"{title:16s} IoU {figures.iou:.3f}  MAE {figures.mae:.3f}  {figures.seconds:.3f} s")
        code = "kept" if outcome.kept else "not_faster" if outcome.is_as_good else "not_as_good"
        print(f"{card.name}: {terminal.say(f'cli.optimise.{code}')}")
    return 0


def _export(given: argparse.Namespace, context: Context) -> int:
    from ..registry import fetching

    copies = 0
    for path in fetching.export_files(given.folder, context.settings):
        print(path)
        copies += 1
    key = "cli.exported" if copies else "cli.nothing_to_export"
    context.terminal.note(context.terminal.say(key, folder=given.folder))
    return 0


def _add(given: argparse.Namespace, context: Context) -> int:
    from ..manage import local_models

    card, trial = local_models.add_model(
        given.file, context.runtime, given.kind, given.size, given.name, given.license, given.picture
    )
    width, height = card.feed.size
    measured: dict[str, Any] = {
        "share": f"{trial.share:.0%}",
        "seconds": f"{trial.seconds:.2f}",
        "memory": round(trial.memory_mb),
    }
    print(context.terminal.say("cli.added", model=card.name, width=width, height=height, **measured))
    return 0


def fetch_and_tell(card: "Card", context: Context) -> list[Path]:
    """Fetch `card` and print the progress; its files. What its licence forbids or leaves open is printed first."""
    from ..registry import fetching

    terminal = context.terminal
    if card.commercial_use != "yes":
        rights, why = (
            terminal.say(f"model.commercial.{card.commercial_use}"),
            terminal.say(f"why.{card.why}", default=""),
        )
        terminal.note(f"{card.name}, {card.license}: {rights}. {why}".rstrip())
    return fetching.fetch(card, context.settings, _make_progress(card.name, terminal))


def _make_progress(name: str, terminal: Terminal) -> Callable[[int | None, int], None]:
    shown: list[int | None] = []

    def show(done: int | None, total: int) -> None:
        percent = None if done is None else 10 * (10 * done // total)
        if not shown or percent != shown[-1]:
            shown.append(percent)
            state = "…" if percent is None else f"{percent} %"
            terminal.note(f"{name}, {total / 1e6:.1f} MB: {state}")

    return show
