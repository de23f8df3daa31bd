"""Choices: the engine that was timed to be the fastest for a network on this machine, kept in the cache folder.

One file for the processor, the versions of the engines and the number of threads: another processor has none yet, and
an engine that was updated is timed again. ``manage/timing.py`` writes it.
"""

import hashlib
from contextlib import suppress
from functools import cache

from pydantic import BaseModel, ConfigDict, ValidationError

from ...base import machine
from ...base.errors import ClearcutError
from ...base.settings import EngineName, Settings
from ...registry import weights
from ...registry.cards import Arithmetic, ModelCard, Precision
from .registry import list_versions

FOLDER = "choices"  # of the cache folder
MOST = 1_000_000  # bytes of all files


class Timing(BaseModel):
    """What was measured of the engines for one network; labels are those of `LoadedNetwork`.

    Attributes
    ----------
    model
        Its name.
    seconds
        By label: the shortest run, to which other programs have added least. ``label × 4``: with four threads.
    off
        By label: how far its mattes are from those of onnxruntime in float32, in levels of 255: on the mean of three
        pictures, and in the worst one.
    begun
        By label: how often its timing was begun and never ended, so that it may have taken the machine down.
    failed
        Labels of those that ended their process, hung, or could not run the network.
    chosen
        By precision: the engine and arithmetic that is used.
    threads
        By label: how many it runs with, where fewer than the cores are faster.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    seconds: dict[str, float] = {}
    off: dict[str, tuple[float, float]] = {}
    begun: dict[str, int] = {}
    failed: tuple[str, ...] = ()
    chosen: dict[Precision, tuple[EngineName, Arithmetic]] = {}
    threads: dict[str, int] = {}


class Choices(BaseModel):
    """What is kept of one machine: processor, threads and versions, and by `weights.identify` what was measured."""

    model_config = ConfigDict(frozen=True)

    processor: str
    threads: int
    versions: dict[str, str]
    networks: dict[str, Timing] = {}


NONE = Choices(processor="", threads=0, versions={})


def find_timing(card: ModelCard, settings: Settings) -> Timing | None:
    """What was measured for `card` here before this program first asked; None where nothing was."""
    known = settle_choices(settings)
    if not known.networks or not _is_of_this_machine(known):
        return None
    return _find(known, card, settings)


def choose_threads(card: ModelCard, label: str, settings: Settings) -> Settings:
    """`settings` with as many threads as `label` is the fastest with for `card` here, unless they say how many."""
    timing = None if settings.threads else find_timing(card, settings)
    threads = timing.threads.get(label, 0) if timing else 0
    return settings.model_copy(update={"threads": threads}) if 0 < threads < machine.count_cores() else settings


def settle_choices(settings: Settings) -> Choices:
    """What this program, and the workers that are given `settings`, go by: what was kept when it first asked."""
    return settings.remember(_name_fact(settings), lambda: load_choices(settings))


def go_by(known: Choices | None, settings: Settings) -> Settings:
    """`settings` that go by `known`, from `settle_choices` of an earlier program; None: by what is kept now.

    What was known on another machine, or before an engine was updated, is not gone by.
    """
    if known is not None and known.networks and not _is_of_this_machine(known):
        return settings
    return settings.with_fact(_name_fact(settings), load_choices(settings) if known is None else known)


def load_timing(card: ModelCard, settings: Settings) -> Timing | None:
    """What is kept for `card` now, whatever this program goes by."""
    return _find(load_choices(settings), card, settings)


def load_choices(settings: Settings) -> Choices:
    """What is kept of this machine now; `NONE` where that cannot be read."""
    if not (settings.cache_dir / FOLDER).is_dir():
        return NONE  # before versions are looked for: a cold start waits for this
    content = settings.store.read(FOLDER, _name_file(_describe_machine(settings)))
    with suppress(ValidationError):
        return Choices.model_validate_json(content or b"")
    return NONE


def keep_timing(card: ModelCard, timing: Timing, settings: Settings) -> bool:
    """Keep what was measured, for programs that start from now on. Returns whether it could be written."""
    here, known = _describe_machine(settings), load_choices(settings)
    networks = known.networks | {weights.identify(card, settings): timing}
    content = here.model_copy(update={"networks": networks}).model_dump_json(indent=1).encode()
    kept = settings.store.write(FOLDER, _name_file(here), content, MOST)
    settings.store.sweep(FOLDER, MOST)
    return kept


def _find(known: Choices, card: ModelCard, settings: Settings) -> Timing | None:
    with suppress(ClearcutError):  # its weights are not here
        return known.networks.get(weights.identify(card, settings))
    return None


def _describe_machine(settings: Settings) -> Choices:
    name, features = machine.identify_processor()
    processor = ", ".join((name, *features))
    return Choices(processor=processor, threads=settings.threads or machine.count_cores(), versions=find_versions())


@cache
def find_versions() -> dict[str, str]:
    """Those of the engines, looked up once."""
    return list_versions()


def _is_of_this_machine(known: Choices) -> bool:
    """Whether `known` was read on a machine like this: workers may be on others.

    Threads do not count, as each worker has its share of them.
    """
    here = _describe_machine(Settings())
    return (known.processor, known.versions) == (here.processor, here.versions)


def _name_fact(settings: Settings) -> str:
    return f"{FOLDER} {settings.cache_dir}"


def _name_file(here: Choices) -> str:
    digest = hashlib.blake2b(repr((here.processor, here.threads, here.versions)).encode(), digest_size=12).hexdigest()
    return f"{digest}.json"
