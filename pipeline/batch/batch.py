"""A batch: the photos of a journal, cut out by worker processes, each written whole and none twice."""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ..base.errors import ClearcutError, as_clearcut_error, as_write_error
from ..base.files import write_part
from ..base.settings import Settings
from ..base.workers import WorkerPool
from ..inference import engines
from ..inference.engines.choices import Choices, go_by, settle_choices
from ..options.options import Options
from ..registry import catalog, choosing, weights
from .cluster import Cluster
from .items import LINK, Found, stamp_all
from .journal import STATES, BatchItem, Journal
from .places import Folder, Store, make_absolute
from .task import Made, Order, Task

THUMBNAILS = "thumbnails"  # subfolder of the journal's
SCRATCH = "unpacked"  # another, for archives that have to be unpacked
WORKER = "pipeline.batch.task"
STOPPING = ("disk_full", "cancelled")  # errors after which no other photo would fare better


class Batch:
    """Photos that are cut out into the folder `output`, with what is known of them in its journal.

    One process at a time may hold the batch of a folder.

    Parameters
    ----------
    output
        Made where it is missing. It holds the journal, thumbnails and reports.
    order
        What is to be done with every photo.
    settings
        Of this machine.
    mark
        What cut-outs have between the photo's name and their extension.
    force
        Whether files are replaced that were there before the batch.
    place
        Where cut-outs go instead of `output`.

    Raises
    ------
    ClearcutError
        ``batch_running``, ``disk_full``, ``write_failed``, ``unknown_model``, and those of `Options.of`.
    """

    def __init__(
        self,
        output: Path,
        order: Order,
        settings: Settings,
        *,
        mark: str = "",
        force: bool = False,
        place: Folder | Store | None = None,
    ) -> None:
        self.output, self.settings, self.force = output, settings, force
        self.place, self._is_elsewhere = place or Folder(output), place is not None
        options = order.make_options().with_defaults_of(settings)
        self.order, self.options = _settle(order, options, settings)
        self._mark = mark
        self.journal = Journal(output)
        if known := self.journal.get_fact("choices"):
            self.settings = go_by(Choices.model_validate(known), settings)
        self.scratch = self.journal.folder / SCRATCH
        self.thumbnails = self.journal.folder / THUMBNAILS
        self._lock = FileLock(self.journal.folder / "lock", thread_local=False)  # another thread may close it
        self._refused: deque[BatchItem] = deque()
        self.working: dict[int, int] = {}  # numbers of the items that workers have, and the edition that they are for
        self._edition = 0  # of what is asked for
        self._changing = threading.RLock()  # held while what is asked for changes, and while a cut-out is kept
        try:
            self._lock.acquire(timeout=0)
            self.place.check()
            for folder in (self.scratch, self.thumbnails):
                folder.mkdir(exist_ok=True)
        except Timeout:
            self.journal.close()
            raise ClearcutError("batch_running", name=output.name) from None
        except OSError as error:
            raise as_write_error(error, output.name) from None

    def __enter__(self) -> "Batch":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder, and leave nothing half in it."""
        try:
            self.forget_work()
        finally:
            self.journal.close()
            self._lock.release()

    def forget_work(self) -> None:
        """The workers are gone: what they were at is to be done by others."""
        for number in list(self.working):
            if item := self.journal.get(number):
                self._discard_part(item)
        self.working.clear()

    # ---- what was asked for before ----------------------------------------------------------------------------------

    def list_changes(self) -> list[str]:
        """The names of what is asked for otherwise than when the journal was begun; none for a new one."""
        before, now = self.journal.get_fact("asked"), self._describe()
        if before is None:
            return []
        known = before.keys() & now.keys()  # of a model that was not here, nothing is known
        return sorted(name for name in known if before[name] != now[name])

    def settle(self, *, anew: bool = False) -> None:
        """Note what is asked for from now on; `anew`: what was done otherwise is done again.

        A batch that is gone on with has the engines that it was begun with, whatever was timed meanwhile.
        """
        if anew:
            self.settings = go_by(None, self.settings)
            for item in self.journal.list_items("made", "done", "failed", "waiting"):
                if item.ours:
                    self._delete(item)
            self.journal.set_all_waiting("made", "done", "failed")
            self.journal.rename_targets(self._choose_ending)
        self.journal.set_fact("choices", settle_choices(self.settings).model_dump(mode="json"))
        self.journal.set_fact("asked", self._describe())

    def renew_engines(self) -> None:
        """Go by what was timed since this batch was opened; before anything of it is done."""
        self.settings = go_by(None, self.settings)
        self.settle()

    def _delete(self, item: BatchItem) -> None:
        self.place.delete(item.target)
        self._discard_part(item)

    def _describe(self) -> dict[str, Any]:
        """All that the bytes of a cut-out depend on, but the photo and its own options."""
        from .. import __version__

        card = catalog.find_cutter(self.options.model, self.settings)
        plans = [engines.choose_plan(network, self.options.precision, self.settings) for network in card.networks]
        picture = self.order.background
        facts = self.options.model_dump(mode="json")
        facts |= {"background_image": picture and sha256(picture).hexdigest(), "version": __version__}
        if weights.is_installed(card, self.settings):
            facts["weights"] = [weights.identify(network, self.settings) for network in card.networks]
        facts["engine"] = [engines.describe_plan(plan) for plan in plans]
        if self._is_elsewhere:
            facts["output"] = make_absolute(self.place.locate(""))
        told: dict[str, Any] = json.loads(json.dumps(facts))  # as the journal gives it back
        return told

    def change_order(self, order: Order) -> None:
        """Do everything anew as `order` says; what workers are at is thrown away. Raises as `Options.of`."""
        options = order.make_options().with_defaults_of(self.settings)
        with self._changing:
            self._edition += 1
            self.order, self.options = _settle(order, options, self.settings)
            self.settle(anew=True)

    # ---- photos -----------------------------------------------------------------------------------------------------

    def add(self, found: Iterable[Found]) -> int:
        """Note photos that are not there yet; how many were new. No cut-out of this batch counts as one."""
        new = self.journal.add((each for each in found if not self._is_own(each)), self._choose_ending)
        while self.journal.abandoned:
            self.place.delete(self.journal.abandoned.pop())
        return new

    def _is_own(self, found: Found) -> bool:
        target = None if found.source.member else self.place.find_target(found.source.path)
        return target is not None and self.journal.is_target(target)

    def change_item(self, number: int, own: dict[str, Any], beside: dict[str, str]) -> None:
        """Let a photo have these options and files of its own, and be done anew. Raises as `Order.make_options`."""
        self.order.make_options(own, beside)
        with self._changing:
            item = self.journal.get(number)
            if item is not None:
                if item.ours:
                    self._delete(item)
                self.journal.set_waiting(number, own, beside)
                self.journal.rename_target(number, self._choose_ending(own, beside))
                self.journal.abandoned.clear()

    def remove(self, number: int) -> None:
        """Forget a photo, and delete its cut-out."""
        item = self.journal.get(number)
        if item is not None:
            self.journal.remove(number)
            if item.ours:
                self._delete(item)

    def count_all(self) -> int:
        """How many photos there are."""
        counted = self.journal.count()
        return sum(counted[state] for state in STATES)

    def reopen(self) -> None:
        """Prepare for going on: finish what was nearly done, and do anew what has failed or was deleted."""
        for item in self.journal.list_items("made"):
            self._finish(item)
        for item in self.journal.list_items("done"):
            if not self.place.is_whole(item.target, item.outcome.get("bytes")):
                self.journal.set_waiting(item.number)
        for item in self.journal.list_items("failed"):
            if item.error and item.error.code == LINK:
                self.journal.remove(item.number)  # it is found again, if it is still a link
        self.journal.set_all_waiting("failed")

    def _finish(self, item: BatchItem) -> None:
        """A run was killed between writing the cut-out and putting it into its place."""
        try:
            self.place.take(item.number, item.target)
            is_there = self.place.is_whole(item.target, item.outcome.get("bytes"))
        except OSError as error:
            self._fail(item, as_write_error(error, item.target))
            return
        if is_there:
            self.journal.note_done(item.number)
        else:
            self.journal.set_waiting(item.number)

    # ---- the run ----------------------------------------------------------------------------------------------------

    def start_workers(self, number: int, threads: int, seconds: float, cluster: Cluster | None = None) -> WorkerPool:
        """A pool of `number` workers for this batch, of this machine or of a cluster.

        A photo that takes longer than `seconds` is given up.
        """
        settings = (cluster or self).settings.model_copy(update={"threads": threads})
        elsewhere: dict[str, Any] = {"launch": cluster.launch, "alone": False} if cluster else {}
        return WorkerPool(number, WORKER, (settings, self.order), seconds=seconds, cores=threads, **elsewhere)

    def run(
        self, pool: WorkerPool, *, stop_on_error: bool = False, go_on: Callable[[], bool] = lambda: True
    ) -> Iterator[BatchItem]:
        """Cut out all that is waiting; each photo as it is done or has failed, in no order.

        Once `go_on` says no, none is begun any more; what is left waits for a later run.

        Raises
        ------
        ClearcutError
            ``disk_full``, ``write_failed`` of the journal; why no worker can be started; with `stop_on_error` that of
            the first photo that fails.
        """
        for task, future in pool.map_unordered(self._list_tasks(go_on), ahead=pool.number):
            item = self._settle_task(task, future, pool)
            yield from self._list_over([item] if item else [], stop_on_error)
        yield from self._list_over([], stop_on_error)

    def _settle_task(self, task: Task, future: "Future[Made]", pool: WorkerPool) -> BatchItem | None:
        """Keep what came of a task; None where it was removed, or is wanted otherwise meanwhile."""
        with self._changing:
            edition = self.working.pop(task.number, None)
            item = self.journal.get(task.number)
            if item is None or not self._is_wanted(task, item) or edition != self._edition:
                self.place.discard(task.part or "")
                return None
            try:
                made = future.result()
            except Exception as error:
                return self._fail(item, as_clearcut_error(error, name=item.target), stops=pool.has_failed)
            return self._keep(item, made)

    @staticmethod
    def _is_wanted(task: Task, item: BatchItem) -> bool:
        """Whether a task is what its item asks for now."""
        return (item.options, _make_absolute(item.beside)) == (task.own, task.beside)

    def _list_over(self, items: list[BatchItem], stop_on_error: bool) -> Iterator[BatchItem]:
        """Those that were refused before a worker had them, and `items`; raises what the batch is to stop for."""
        self._refused.extend(items)
        while self._refused:
            item = self._refused.popleft()
            if item.error and (stop_on_error or item.state == "waiting"):
                raise item.error
            yield item

    def _list_tasks(self, go_on: Callable[[], bool]) -> Iterator[Task]:
        for item in self.journal.list_items("waiting"):
            edition = self._edition
            if not go_on():
                return
            if self._is_in_the_way(item):
                error = ClearcutError("output_exists", name=item.target, photo=item.name)
                self._refused.append(self._fail(item, error))
                continue
            try:
                self.place.prepare(item.target)
            except OSError as failure:
                self._refused.append(self._fail(item, as_write_error(failure, item.target)))
                continue
            self.working[item.number] = edition
            self.journal.note_begun(item.number, ours=self.place.in_place)
            part = make_absolute(self.place.locate_part(item.number, item.target))
            yield Task(item.number, item.source.make_absolute(), item.options, _make_absolute(item.beside), part)

    def _is_in_the_way(self, item: BatchItem) -> bool:
        """Whether the target is somebody else's file, or the photo itself."""
        if not self.place.exists(item.target) or item.ours:
            return False
        return not self.force or self.place.find_target(item.source.path) == item.target

    def _choose_ending(self, own: dict[str, Any], beside: dict[str, str]) -> str:
        """What a cut-out with options of its own is called; of options that do not fit, which will be told, as all."""
        try:
            format = self.order.make_options(own, beside).file_format
        except ClearcutError:
            format = self.options.file_format
        return self._mark + format.extension

    def _discard_part(self, item: BatchItem) -> None:
        self.place.discard(self.place.locate_part(item.number, item.target))

    def _keep(self, item: BatchItem, made: Made) -> BatchItem:
        self.journal.note_made(item.number, made.stamp, made.outcome)
        with suppress(OSError):  # a report without it is better than no cut-out
            write_part(self.thumbnails / f"{item.number}.webp", made.thumbnail)
        item = replace(item, state="made", stamp=made.stamp, outcome=made.outcome, error=None, ours=True)
        try:
            if not self.place.take(item.number, item.target):
                raise FileNotFoundError(item.target)  # written to a disk that this machine does not see
        except OSError as error:
            return self._fail(item, as_write_error(error, item.target))
        self.journal.note_done(item.number)
        return replace(item, state="done")

    def _fail(self, item: BatchItem, error: ClearcutError, *, stops: bool = False) -> BatchItem:
        """Note that nothing came of an item; where nothing would come of any other, it goes on waiting."""
        self._discard_part(item)
        if stops or error.code in STOPPING:
            self.journal.set_waiting(item.number)
            return replace(item, state="waiting", error=error, outcome={})
        self.journal.note_failed(item.number, error, stamp_all(item.source, item.beside))
        return replace(item, state="failed", error=error, outcome={})


def _make_absolute(beside: dict[str, str]) -> dict[str, str]:
    return {name: make_absolute(path) for name, path in beside.items()}


def _settle(order: Order, options: Options, settings: Settings) -> tuple[Order, Options]:
    """With the model that is to run by its own name, so that what is fetched meanwhile changes nothing."""
    model = choosing.resolve_model(options.model, settings)
    order = order._replace(values=order.values | {"model": model})
    return order, options.model_copy(update={"model": model})
