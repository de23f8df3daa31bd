"""The stretches of a clip spread over worker processes, of this machine or of a cluster."""

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any

from ..base import machine
from ..base.errors import ClearcutError
from ..base.jobs import Job
from ..base.settings import Settings
from ..base.workers import WorkerPool
from ..batch.cluster import Cluster
from ..inference.worker_count import LEFT_MB, OWN_MB, choose_workers
from .reader import Reader
from .scenes import find_stretches
from .segments import Plan
from .task import count_seen

WORK = "pipeline.video.task"  # what worker processes run
LOOK = 0.2  # seconds between looks how far they are
LONGEST = 14 * 24 * 3600.0  # seconds that a stretch may take
MB_A_MEGAPIXEL = 140  # of a worker for the frames that are on their way, by the size of one


def spread_stretches(
    plan: Plan,
    reader: Reader,
    settings: Settings,
    job: Job,
    tell: Callable[[int], object],
    workers: int,
    cluster: str | None,
) -> bool:
    """Have worker processes make the segments of a clip; False where it is one stretch, which gains nothing by that.

    Stretches are begun while later ones are still looked for. A worker that dies is replaced, and goes on after the
    last whole segment.

    Parameters
    ----------
    tell
        Called with the number of frames that are there, now and then.
    workers
        How many; 0: as many as fit.
    cluster
        The address of a Ray cluster, or ``local``; its machines see clip and target by the same paths.

    Raises
    ------
    ClearcutError
        As `cut_out_video`, ``worker_died``, and those of `Cluster`.
    """
    futures = list[Future[Any]]()

    def look() -> None:
        if job.cancelled:  # not `check`, which tells that something goes on
            raise ClearcutError("cancelled")
        tell(count_seen(plan.folder))
        for future in futures:
            if future.done() and (error := future.exception()):
                raise error

    def look_beside() -> None:
        job.enter("reading")
        look()

    stretches = find_stretches(reader, plan.order, look_beside)
    begun = list(islice(stretches, 2))
    if len(begun) < 2 and not cluster:
        return False
    with _start_workers(plan, reader, settings, workers, cluster) as pool:
        for stretch in chain(begun, stretches):
            futures.append(pool.submit(stretch))
        while wait(futures, LOOK, FIRST_EXCEPTION).not_done:
            look()
        look()
    return True


@contextmanager
def _start_workers(
    plan: Plan, reader: Reader, settings: Settings, workers: int, cluster: str | None
) -> Iterator[WorkerPool]:
    model = plan.options.model
    if not cluster:
        number, cores = choose_workers(settings, workers or _count_fitting(reader, settings, model), model)
        own = settings.model_copy(update={"threads": cores})
        with WorkerPool(number, WORK, (own, plan), seconds=LONGEST, cores=cores) as pool:
            yield pool
        return
    with Cluster(cluster, settings, [model]) as there:
        number = there.count_workers(workers)
        own = there.settings.model_copy(update={"threads": 1})
        how: dict[str, Any] = {"cores": 1, "launch": there.launch, "alone": False}
        with WorkerPool(number, WORK, (own, plan), seconds=LONGEST, **how) as pool:
            yield pool


def _count_fitting(reader: Reader, settings: Settings, model: str) -> int:
    """How many workers a clip of that size leaves room for: as for photos, and frames are several at once."""
    number, _ = choose_workers(settings, 0, model)
    free, (width, height) = machine.measure_free_mb(), reader.clip.size
    frames_mb = MB_A_MEGAPIXEL * width * height / 1e6
    return number if free is None else max(1, min(number, int((free - LEFT_MB) / (OWN_MB + frames_mb))))
