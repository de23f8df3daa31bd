"""Many photos from Python: the cut-outs of worker processes, one after another as they are done."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..base.errors import ClearcutError, as_clearcut_error
from ..base.settings import Settings
from ..base.workers import WorkerPool
from ..inference.runtime import default_runtime
from ..inference.worker_count import choose_workers
from .batch import WORKER
from .items import Source
from .task import Order, Task

SECONDS = 300.0  # that a photo may take


class ManyResult(NamedTuple):
    """What came of one photo of many.

    Attributes
    ----------
    path
        As it was given.
    data
        The cut-out as a file; empty where it failed.
    facts
        ``width``, ``height``, ``model``, ``coverage``, ``warnings``, ``reasons`` to look at it …, by name.
    error
        Why it failed.
    """

    path: str | os.PathLike[str]
    data: bytes
    facts: dict[str, Any]
    error: ClearcutError | None = None


def cut_out_many(
    paths: Iterable[str | os.PathLike[str]],
    background_image: bytes | None = None,
    *,
    settings: Settings | None = None,
    workers: int = 0,
    **options: Any,
) -> Iterator[ManyResult]:
    """Cut many photos out in worker processes; each as it is done, in any order.

    Paths are taken as they are needed, so that there may be any number of them. A photo that fails, or kills its
    worker, comes with its error and stops no other.

    Parameters
    ----------
    settings
        Of this machine; those of the environment without.
    workers
        How many processes; 0: as many as fit this machine.
    options
        As for `cut_out_bytes`.

    Raises
    ------
    ClearcutError
        ``bad_option``, ``unknown_option``, ``unknown_model``.

    Examples
    --------
    >>> for path, data, facts, error in cut_out_many(Path("photos").glob("*.jpg"), feather=2):  # doctest: +SKIP
    ...     print(path, error or facts["coverage"])
    """
    settings = settings or default_runtime().settings
    order = Order(options, background_image)
    order.make_options()
    number, cores = choose_workers(settings, workers)
    given = {}

    def list_tasks() -> Iterator[Task]:
        for at, path in enumerate(paths):
            given[at] = path
            yield Task(at, Source(os.fspath(path)), {}, {})

    own = settings.model_copy(update={"threads": cores})
    with WorkerPool(number, WORKER, (own, order), seconds=SECONDS, cores=cores) as pool:
        for task, future in pool.map_unordered(list_tasks(), ahead=number):
            path = given.pop(task.number)
            try:
                made = future.result()
            except Exception as error:
                yield ManyResult(path, b"", {}, as_clearcut_error(error, name=Path(path).name))
            else:
                yield ManyResult(path, made.data or b"", made.outcome)
