"""What the helper process of the command line runs: a network that loads while the command line itself still starts."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from ...base import machine
from ...base.files import Store, hash_file
from ...base.jobs import Job
from . import WeightFile, load_network


class Order(NamedTuple):
    """The network to load: its engine, its file, the arithmetic, and the `Resources` that it is given."""

    engine: str
    file: WeightFile
    arithmetic: str
    threads: int
    slots: int
    cache_dir: Path

    @property
    def store(self) -> Store:
        """The cache folder."""
        return Store(self.cache_dir)


def serve(received: Iterator[Any]) -> Iterator[Any]:
    """Receive an `Order`, answer with it and the network's inputs and label, then answer each run.

    A process and not a thread, since loading holds the interpreter lock. It ends where anything fails: its parent
    then does the work, and finds the cause.
    """
    _guess()
    order: Order = next(received)
    file = order.file
    if hash_file(file.path, file.checksum) != file.checksum:
        return
    network = load_network(order.engine, file, order.arithmetic, order)
    yield order, dict(network.inputs), network.label
    for feeds, outputs in received:
        yield network.run(feeds, outputs, Job())


def _guess() -> None:
    """Load the engine that is most likely ordered, before the order has come; if it is not here, another will be."""
    with suppress(Exception):
        if machine.has_avx2_at_most():
            from . import mnn

            mnn.import_mnn()
        else:
            from . import open_vino

            open_vino.prepare_open_vino()
