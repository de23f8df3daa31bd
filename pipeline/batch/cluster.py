"""A Ray cluster for a batch: the workers of its pool are actors, on whichever machines have cores free.

The driver, which is this process, keeps the queue and the journal; actors are given one photo at a time. Code and
weights reach them by themselves: a copy of the pipeline is their working folder, and the weight files come through
Ray's object store.
"""

import logging
import os
import pickle
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Self

from ..base import machine
from ..base.errors import ClearcutError
from ..base.files import hash_file, write_part
from ..base.process import prepare_libraries
from ..base.settings import ROOT, Settings
from ..base.worker import answer, begin, prepare_worker, read_reply
from ..base.worker_process import Died
from ..inference.worker_count import LEFT_MB, OWN_MB
from ..registry import catalog, choosing, weights
from ..registry.cards import Card

LOCAL = "local"  # in place of an address: a cluster of this machine alone
SHIPPED = (
    "pipeline",
    "assets/locale",
    "assets/presets.toml",
    "assets/canvas.csv",
    "models/catalog.toml",
    "models/kinds.toml",
)
MODELS, CACHE = Path("models"), Path("cache")  # in the working folder of an actor
PATIENCE = 10  # seconds until a cluster has to answer
log = logging.getLogger("clearcut")


class Cluster:
    """A connection to a Ray cluster that has what workers need.

    Parameters
    ----------
    address
        Of the cluster, as Ray takes it; ``local`` starts one on this machine, which ends with the connection.
    settings
        Those of this machine.
    models
        Whose weights the workers shall have.

    Raises
    ------
    ClearcutError
        ``needs_package``, ``no_cluster``, ``wrong_checksum``.
    """

    def __init__(self, address: str, settings: Settings, models: Iterable[str]) -> None:
        prepare_libraries()
        try:
            import ray
        except ImportError:
            raise ClearcutError("needs_package", package="ray") from None
        self._ray, self._given, self._cards = ray, settings, _find_cards(models, settings)
        self._gpus = 0.0
        _connect(ray, address)
        try:
            self._files = _send_files(ray, _find_files(self._cards, settings))
        except BaseException:
            ray.shutdown()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ray.shutdown()

    @property
    def settings(self) -> Settings:
        """Those of workers: as here, with folders of their own."""
        return self._given.model_copy(update={"models_dir": MODELS, "cache_dir": CACHE})

    def count_workers(self, wanted: int = 0) -> int:
        """How many workers: `wanted`, or one for each core of the cluster as far as its memory goes."""
        there = self._ray.cluster_resources()
        need = OWN_MB + max(card.memory_mb for card in self._cards)
        fit = min(there.get("CPU", 1), (there.get("memory", float("inf")) / 1e6 - LEFT_MB) // need)
        number = wanted or max(1, int(fit))
        self._gpus = int(1e4 * min(1, there.get("GPU", 0) / number)) / 1e4  # the share of one that each is given
        return number

    def launch(self, cores: int, on_end: Callable[[], object]) -> "_Actor":
        """A worker, for `WorkerPool`."""
        needs = {"num_cpus": cores, "num_gpus": self._gpus, "max_restarts": 0, "max_task_retries": 0}
        return _Actor(self._ray, self._ray.remote(Host).options(**needs).remote(cores, self._files))


class Host:
    """What an actor is: a worker process whose pipes are Ray's."""

    def __init__(self, cores: int, files: "dict[str, tuple[str, Any]]") -> None:
        prepare_worker(cores)
        _install(files)
        self._work: Callable[[Any], Any] | None = None

    def ask(self, message: bytes) -> bytes:
        """The reply to a message of the pool, of which the first says what the work is."""
        if self._work is None:
            self._work, reply = begin(message)
            return reply
        return answer(self._work, message)


class _Actor:
    """An actor, seen from the pool."""

    pid = 0

    def __init__(self, ray: ModuleType, actor: Any) -> None:
        self._ray, self._actor = ray, actor
        self._is_ready = False
        self.ended = False

    def ask(self, task: Any, seconds: float) -> Any:
        message = pickle.dumps(task, pickle.HIGHEST_PROTOCOL)
        try:
            reply = self._ray.get(self._actor.ask.remote(message), timeout=seconds)
        except self._ray.exceptions.GetTimeoutError:
            self.stop()
            raise ClearcutError("took_too_long", seconds=seconds) from None
        except self._ray.exceptions.RayError as error:  # it died, or its machine did
            if not self._is_ready and not self.ended:
                log.error("A worker could not be started on the cluster:\n%s", error)
            self.stop()
            raise Died from None
        self._is_ready = True
        return read_reply(reply)

    def kill(self) -> None:
        self.ended = True
        self._ray.kill(self._actor)

    def stop(self) -> None:
        self.kill()


def _connect(ray: ModuleType, address: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _copy_code(Path(folder))
        quiet = {"log_to_driver": False, "logging_level": "error", "runtime_env": {"working_dir": folder}}
        try:
            if address == LOCAL:
                ray.init("local", num_cpus=machine.count_cores(), include_dashboard=False, **quiet)
            else:
                _knock(address)
                ray.init(address, **quiet)
        except Exception as error:  # of no class of its own where a machine is too busy for Ray to start in time
            raise ClearcutError("no_cluster", address=address, why=str(error).partition("\n")[0]) from None


def _knock(address: str) -> None:
    """Raise ``OSError`` where nobody listens: Ray itself would try for minutes."""
    host, _, port = address.rpartition("/")[2].rpartition(":")
    if port.isdigit():
        socket.create_connection((host, int(port)), PATIENCE).close()


def _copy_code(folder: Path) -> None:
    """All of this project that workers need."""
    for name in SHIPPED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)


def _find_cards(models: Iterable[str], settings: Settings) -> list[Card]:
    """The models of those names; a photo that asks for another fails alone."""
    known = catalog.list_models(settings)
    names = [choosing.resolve_model(model, settings) for model in models]
    return [known[name] for name in names if name in known]


def _find_files(cards: Iterable[Card], settings: Settings) -> list[Path]:
    """The weight files of models that are here, with what was noted of them, and the user's own catalogue."""
    networks = [each for card in cards for each in card.networks if weights.find_file(each, settings)]
    files = [weights.find_checked(each, settings)[1] for each in networks]
    wanted = [*files, *map(weights.name_note, files), settings.models_dir / catalog.LOCAL]
    return [path for path in wanted if path.is_file()]


def _send_files(ray: ModuleType, paths: Iterable[Path]) -> "dict[str, tuple[str, Any]]":
    """Put files into Ray's object store, each once for all workers; checksum and reference by name."""
    contents = {path.name: path.read_bytes() for path in paths}
    return {name: (sha256(data).hexdigest(), ray.put(data)) for name, data in contents.items()}


def _install(files: "dict[str, tuple[str, Any]]") -> None:
    """Write those files that are not in the models folder of this machine's workers yet."""
    import ray

    for name, (checksum, reference) in files.items():
        target, part = MODELS / name, MODELS / f"{name}.{os.getpid()}.part"
        if not target.is_file() or hash_file(target) != checksum:
            write_part(part, ray.get(reference))
            part.replace(target)
