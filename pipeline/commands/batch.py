"""``clearcut batch INPUT… -o OUT``: cuts many photos out with worker processes, and can go on where it was stopped."""

import argparse
import glob
import signal
import sys
import time
from argparse import SUPPRESS
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import USER, ClearcutError
from ..options.options import Options
from ..options.presets import list_presets
from .cut import ensure_model, read_photo
from .flags import add_flags, check_numbers, pick_given_values
from .progress import BatchProgress
from .terminal import Context, Terminal

if TYPE_CHECKING:
    from ..base.workers import WorkerPool
    from ..batch.batch import Batch
    from ..batch.journal import BatchItem
    from ..batch.task import Order

INTERRUPTED = 130
SECONDS = 300.0  # that a photo may take
SHARE = 0.05  # of the time of a batch that watches folders, that goes into its report
LONG = 2000  # photos from which it is worth while to time the engines before: that takes as long as some 100
ASKED = ("values", "inputs", "background")  # facts of the journal, as the command line gave them


def add_arguments(batch: argparse.ArgumentParser, terminal: Terminal) -> None:
    """Add the arguments of ``batch``."""
    say = terminal.say
    batch.add_argument("inputs", nargs="*", metavar="INPUT", help=say("cli.batch.inputs"))
    batch.add_argument("-o", "--output", metavar="OUT", required=True, help=say("cli.batch.output"))
    batch.add_argument("--workers", type=int, default=0, metavar="N", help=say("cli.batch.workers"))
    again = batch.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help=say("cli.batch.resume"))
    again.add_argument("--restart", action="store_true", help=say("cli.batch.restart"))
    batch.add_argument("--watch", action="store_true", help=say("cli.batch.watch"))
    batch.add_argument("--on-error", choices=("skip", "stop"), default="skip", help=say("cli.batch.on_error"))
    batch.add_argument("--journal", metavar="DIR", help=say("cli.batch.journal"))
    batch.add_argument("--cluster", metavar="ADDRESS", help=say("cli.batch.cluster"))
    batch.add_argument("--report", metavar="DIR", help=say("cli.batch.report"))
    batch.add_argument("--timeout", type=float, default=SECONDS, metavar="SECONDS", help=say("cli.batch.timeout"))
    batch.add_argument("--force", action="store_true", help=say("cli.force"))
    presets = ", ".join(list_presets())
    batch.add_argument("--preset", metavar="NAME", default=SUPPRESS, help=say("cli.preset", names=presets))
    add_flags(batch, Options, "option", terminal.language)
    batch.add_argument("--background-image", metavar="FILE", help=say("cli.background_image"))
    batch.set_defaults(run=run)


def run(given: argparse.Namespace, context: Context) -> int:
    """Cut out all photos; 0, or the largest exit code of their errors."""
    from ..batch.batch import Batch
    from ..batch.items import find_items
    from ..batch.journal import Journal
    from ..batch.places import open_place

    if context.helper:
        context.helper.stop()  # it loads a network in this process's place; here workers do
    check_numbers(given)
    given.inputs, given.output = _check_places(given)
    output = Path(given.journal or given.output)
    is_begun = Journal.exists(output)
    values: dict[str, Any] = pick_given_values(given, Options)
    if hasattr(given, "preset"):
        values["preset"] = given.preset
    asked = {"values": values, "inputs": given.inputs, "background": given.background_image}
    if is_begun and given.resume:
        asked = _recall(output, asked)
    if not asked["inputs"]:
        raise ClearcutError("no_inputs")
    order = _make_order(asked)
    mark = _choose_mark(asked["inputs"], given.output, order)
    place = open_place(given.output) if given.journal else None
    with Batch(output, order, context.settings, mark=mark, force=given.force, place=place) as batch:
        is_begun = is_begun and batch.count_all() > 0  # of one that came to nothing there is nothing to go on with
        if is_begun and not _agree(batch, given, context.terminal):
            return USER
        if batch.options.key == "off":
            ensure_model(batch.options.model, context)
        if given.restart:  # before anything is deleted
            deque(find_items(asked["inputs"], given.output, batch.scratch), maxlen=0)
        batch.settle(anew=is_begun and given.restart)
        for name in ASKED:
            batch.journal.set_fact(name, asked[name])
        if is_begun:
            batch.reopen()
        return _run(batch, asked["inputs"], given, context)


def _check_places(given: argparse.Namespace) -> tuple[list[str], str]:
    """Inputs and output, those of this machine as paths.

    Raises
    ------
    ClearcutError
        ``needs_journal``, ``only_on_disk``.
    """
    from ..batch.places import make_absolute
    from ..batch.stores import drop_file_scheme, is_address

    inputs = [make_absolute(drop_file_scheme(each)) for each in given.inputs]  # the next run may be in another folder
    output = drop_file_scheme(given.output)
    if is_address(output) and not given.journal:
        raise ClearcutError("needs_journal", name=output)
    for each in filter(is_address, inputs if given.watch else []):
        raise ClearcutError("only_on_disk", name=each)
    return inputs, output


def _recall(output: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """What was asked for when the batch was begun, where nothing is asked for now."""
    from ..batch.journal import Journal

    journal = Journal(output)
    try:
        before = {name: journal.get_fact(name) for name in ASKED}
    finally:
        journal.close()
    is_plain = not asked["values"] and not asked["background"]
    return {
        "inputs": asked["inputs"] or before["inputs"],
        "values": (before["values"] if is_plain else None) or asked["values"],
        "background": before["background"] if is_plain else asked["background"],
    }


def _make_order(asked: dict[str, Any]) -> "Order":
    from ..batch.task import Order

    picture = asked["background"]
    data = read_photo(picture, None) if picture else None
    return Order(asked["values"], data, Path(picture).name if picture else "")


def _choose_mark(inputs: list[str], output: str, order: "Order") -> str:
    """What tells cut-outs from photos where they lie beside them; nothing in a folder of their own."""
    from ..batch.stores import is_address

    folders = [path if path.is_dir() else path.parent for path in map(_drop_pattern, inputs)]
    homes = {str(home.resolve()) for home in folders} | {each.rstrip("/") for each in inputs if is_address(each)}
    beside = (output.rstrip("/") if is_address(output) else str(Path(output).resolve())) in homes
    return order.make_options().file_format.mark if beside else ""


def _drop_pattern(path: str) -> Path:
    """A path as far as no part of it is a pattern, and the part that is."""
    parts = Path(path).parts
    magic = next((at for at, part in enumerate(parts) if glob.has_magic(part)), None)
    return Path(path) if magic is None or Path(path).exists() else Path(*parts[: magic + 1])


def _agree(batch: "Batch", given: argparse.Namespace, terminal: Terminal) -> bool:
    """Whether to go on with a batch that was begun before; asked where there is a terminal.

    Raises
    ------
    ClearcutError
        ``batch_changed``, ``batch_exists`` where nobody can be asked.
    """
    if given.restart:
        return True
    counted, changes = batch.journal.count(), ", ".join(batch.list_changes())
    facts: dict[str, Any] = {
        "name": batch.output.name,
        "done": counted["done"],
        "total": batch.count_all(),
        "options": changes,
    }
    if changes:
        if not _can_ask():
            raise ClearcutError("batch_changed", **facts)
        given.restart = _ask(terminal.say("cli.batch.ask_restart", **facts), terminal)
        return bool(given.restart)
    if given.resume:
        return True
    if not _can_ask():
        raise ClearcutError("batch_exists", **facts)
    return _ask(terminal.say("cli.batch.ask_resume", **facts), terminal)


def _can_ask() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask(question: str, terminal: Terminal) -> bool:
    print(question, end=" ", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in terminal.say("cli.batch.yes").split()


def _run(batch: "Batch", inputs: list[str], given: argparse.Namespace, context: Context) -> int:
    from ..batch.items import find_items

    left_out: Counter[str] = Counter()

    def find() -> Any:
        left_out.clear()
        return find_items(inputs, given.output, batch.scratch, left_out=left_out)

    if not given.watch:
        batch.add(find())
        for item in batch.journal.list_items("failed"):
            context.terminal.note(_describe(item, context.terminal))
    counted, total = batch.journal.count(), batch.count_all()
    waiting = counted["waiting"]
    is_stopped = given.on_error == "stop" and counted["failed"] > 0
    most = None if given.watch else max(waiting, 1)
    interrupted = False
    report = _Report(batch, given, context.terminal, left_out)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl+C: services are ended so
    try:
        if waiting == total >= LONG and batch.settings.measure and not given.cluster:
            _measure_engines(batch, context)
        if (waiting or given.watch) and not is_stopped:
            progress = BatchProgress(context.terminal, total, total - waiting)
            with progress, _start_workers(batch, given, most) as pool:
                _Follower(batch, pool, progress, given, report).follow(inputs, find)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        _tell(batch, given, context, report)
    failed = (item.error.exit_code for item in batch.journal.list_items("failed") if item.error)
    return INTERRUPTED if interrupted else max(failed, default=0)


def _measure_engines(batch: "Batch", context: Context) -> None:
    """Time the engines that were not yet, before the first photo. Without weights, as with a key, there are none."""
    from ..registry.catalog import find_card
    from .models import measure_and_tell

    try:
        measure_and_tell(find_card(batch.options.model, batch.settings), context)
    except ClearcutError as error:  # nothing can be kept
        context.terminal.complain(error)
    batch.renew_engines()


@contextmanager
def _start_workers(batch: "Batch", given: argparse.Namespace, most: int | None) -> "Iterator[WorkerPool]":
    """Workers, at `most` so many, of this machine or of a cluster."""
    from ..inference.worker_count import choose_workers

    if given.cluster:
        from ..batch.cluster import Cluster

        models = [batch.options.model, *batch.journal.list_own("model")]
        with Cluster(given.cluster, batch.settings, models) as cluster:
            number = cluster.count_workers(given.workers)
            with batch.start_workers(min(number, most or number), 1, given.timeout, cluster) as pool:
                yield pool
    else:
        number, threads = choose_workers(batch.settings, given.workers, batch.options.model)
        with batch.start_workers(min(number, most or number), threads, given.timeout) as pool:
            yield pool


def _describe(item: "BatchItem", terminal: Terminal) -> str:
    from ..batch.report import describe_item

    return f"{item.name}: {' '.join(describe_item(item, terminal.language))}"


class _Report:
    """The report of a batch, where it was asked for."""

    def __init__(
        self, batch: "Batch", given: argparse.Namespace, terminal: Terminal, left_out: Mapping[str, int]
    ) -> None:
        self._batch, self._folder, self._language = batch, Path(given.report or batch.output), terminal.language
        self._left_out = left_out
        self._next = 0.0  # when it may be written again, while folders are watched
        self.is_stale = False  # whether something has changed since

    def write(self) -> Path:
        """Write it; the path of its page."""
        from ..batch.report import write_report

        began = time.monotonic()
        self._batch.journal.set_fact("left_out", self._left_out)
        page = write_report(self._batch, self._folder, self._language)
        ended = time.monotonic()
        self.is_stale, self._next = False, ended + (ended - began) / SHARE
        return page

    def renew(self) -> None:
        """Write it while the batch goes on, where something has changed and it was not written just now."""
        if self.is_stale and time.monotonic() >= self._next:
            self.write()


class _Follower:
    """Runs a batch and tells of it as it goes on."""

    def __init__(
        self, batch: "Batch", pool: "WorkerPool", progress: BatchProgress, given: argparse.Namespace, report: _Report
    ) -> None:
        self._batch, self._pool, self._progress, self._given, self._report = batch, pool, progress, given, report

    def follow(self, inputs: list[str], find: Any) -> None:
        """Until all is done, or, where folders are watched, without end."""
        if not self._given.watch:
            return self._run()
        from ..batch.watch import watch

        for found in watch(inputs, find):
            self._progress.grow(self._batch.add(found))
            self._run()
            self._report.renew()

    def _run(self) -> None:
        for item in self._batch.run(self._pool, stop_on_error=self._given.on_error == "stop"):
            self._report.is_stale = True
            self._progress.advance(item.error is not None, bool(item.reasons))
            if item.error:
                self._progress.note(_describe(item, self._progress.terminal))


def _tell(batch: "Batch", given: argparse.Namespace, context: Context, report: _Report) -> None:
    """Write the report, and say in one line what came of the batch and in another how to go on."""
    from ..batch.report import describe_left_out

    terminal, counted = context.terminal, batch.journal.count()
    facts: dict[str, Any] = {"done": counted["done"], "failed": counted["failed"], "looks": counted["looks"]}
    facts |= {"total": batch.count_all(), "waiting": counted["waiting"] + counted["made"]}
    terminal.note(terminal.say("cli.batch.summary", **facts))
    if facts["waiting"]:
        output = f"{given.output} --journal {given.journal}" if given.journal else given.output
        terminal.note(terminal.say("cli.batch.go_on", output=output, **facts))
    page = report.write()
    if left_out := describe_left_out(batch, terminal.language):
        terminal.note(left_out)
    terminal.note(terminal.say("cli.batch.report_at", path=page))
