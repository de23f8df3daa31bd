"""Weight files fetched, imported, removed and exported. Each is written whole or not at all."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import ClearcutError, as_write_error
from ..base.files import hash_file
from ..base.settings import Settings
from . import catalog, weights
from .cards import Card, Ensemble, ModelCard, Variant

if TYPE_CHECKING:
    from filelock import BaseFileLock

    from .sources import Progress


def fetch(card: Card, settings: Settings, progress: "Progress" = lambda done, total: None) -> list[Path]:
    """Fetch the weight files that `card` lacks into the models folder.

    Parameters
    ----------
    progress
        Called with the bytes so far (None while unknown) and the bytes in all, about four times a second; it may stop
        the work by raising.

    Returns
    -------
    list of Path
        The files that `card` runs, one a network.

    Raises
    ------
    ClearcutError
        As `fetch_network`; ``offline`` with all that is missing.
    """
    wanted = weights.list_missing(card, settings)
    if weights.find_import_only(card, settings):
        weights.require(card, settings)
    if wanted and settings.offline:
        raise ClearcutError("offline", **weights.describe_missing(card, wanted))
    total = sum(variant.bytes for variant in wanted)
    paths, before = [], 0
    for network in card.networks:
        coming = 0 if weights.find_file(network, settings) else network.variants[0].bytes
        part = _add_to_progress(progress, before, total) if len(wanted) > 1 else progress
        paths.append(fetch_network(network, settings, part))
        before += coming
    return paths


def _add_to_progress(progress: "Progress", before: int, total: int) -> "Progress":
    """The progress of one file as part of several: `before` bytes are done already, of `total`."""
    return lambda done, _: progress(None if done is None else before + done, total)


def fetch_network(card: ModelCard, settings: Settings, progress: "Progress" = lambda done, total: None) -> Path:
    """Fetch a weight file of `card` into the models folder, unless one is installed; its path.

    Mirrors and sources are tried in order until one gives a file whose checksum holds. Where several processes fetch
    at once, one works and the others wait for its file.

    Raises
    ------
    ClearcutError
        ``offline``, ``import_only``, ``fetch_failed``, ``wrong_checksum`` (of an installed file), ``disk_full`` or
        ``write_failed``.
    """
    from filelock import FileLock

    first = card.variants[0]
    if weights.find_file(card, settings):
        return weights.find_checked(card, settings)[1]
    if weights.find_import_only(card, settings):
        weights.require(card, settings)
    if settings.offline:
        raise ClearcutError("offline", **weights.describe_missing(card, [first]))
    folder = settings.models_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _hold_lock(FileLock(folder / f".{card.name}.lock"), first, progress):
            if weights.find_file(card, settings):
                return weights.find_checked(card, settings)[1]
            for variant in card.variants:
                for address in [*weights.list_mirrors(variant, settings), *(() if card.gated else variant.sources)]:
                    if _try_source(address, variant, folder, progress):
                        return folder / variant.file
    except OSError as error:
        raise as_write_error(error, first.file) from None
    raise ClearcutError("fetch_failed", **weights.describe_missing(card, [first]))


@contextmanager
def _hold_lock(lock: "BaseFileLock", variant: Variant, progress: "Progress") -> Iterator[None]:
    """Hold `lock`. While waiting for it `progress` is called regularly, and may stop the waiting by raising."""
    from filelock import Timeout

    from .sources import HEARTBEAT_SECONDS

    while True:
        try:
            lock.acquire(timeout=HEARTBEAT_SECONDS)
            break
        except Timeout:
            progress(None, variant.bytes)
    try:
        yield
    finally:
        lock.release()


def import_file(card: Card, file: Path, settings: Settings) -> Path:
    """Copy a weight file that the user has into the models folder, if its checksum holds; the copy.

    Where no checksum is published, that of this file is noted beside it, and is verified from then on.

    Raises
    ------
    ClearcutError
        ``file_missing``, ``wrong_checksum``, ``disk_full`` or ``write_failed``.
    """
    variant = match_variant(card, file)
    if variant.checksum:
        weights.verify(card.name, variant, file)
    target = settings.models_dir / variant.file
    if not (target.exists() and target.samefile(file)):
        _copy(file, target)
    if not variant.checksum:
        try:
            _write_text(weights.name_note(target), f"{hash_file(target)}  {target.name}\n")
        except ClearcutError:
            target.unlink(missing_ok=True)
            raise
    return target


def match_variant(card: Card, file: Path) -> Variant:
    """The variant of `card` that `file` is by its length or checksum, else the first. Raises ``file_missing``."""
    if not file.is_file():
        raise ClearcutError("file_missing", name=file.name)
    length = file.stat().st_size
    variants = [variant for network in card.networks for variant in network.variants]
    alike = [each for each in variants if each.bytes == length or (each.rounded and weights.is_published(each, file))]
    return next(iter(alike), variants[0])


def _copy(file: Path, target: Path) -> None:
    """Copy `file` whole or not at all."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _tidy_part(target.with_name(f".{target.name}.{secrets.token_hex(4)}")) as part:
            shutil.copyfile(file, part)
            part.replace(target)
    except OSError as error:
        raise as_write_error(error, target.name) from None


def _write_text(target: Path, text: str) -> None:
    """Write `text` whole or not at all."""
    try:
        with _tidy_part(target.with_name(f".{target.name}.{secrets.token_hex(4)}")) as part:
            part.write_text(text, encoding="utf-8")
            part.replace(target)
    except OSError as error:
        raise as_write_error(error, target.name) from None


def is_removable(card: Card, settings: Settings) -> bool:
    """Whether `card` has a weight file of its own in the models folder."""
    files = (settings.models_dir / variant.file for network in card.networks for variant in network.variants)
    return isinstance(card, ModelCard) and any(file.is_file() for file in files)


def remove_files(card: Card, settings: Settings) -> list[Path]:
    """Delete the weight files of `card` from the models folder; the deleted files.

    Raises
    ------
    ClearcutError
        ``not_removable`` for an ensemble, whose members are removed one by one; ``write_failed``.
    """
    if isinstance(card, Ensemble):
        raise ClearcutError("not_removable", model=card.name, members=", ".join(each.name for each in card.members))
    folder = settings.models_dir
    deleted = []
    for path in [folder / variant.file for network in card.networks for variant in network.variants]:
        try:
            for each in (weights.name_note(path), _name_part(path)):
                each.unlink(missing_ok=True)
            if path.exists():
                path.unlink()
                deleted.append(path)
        except OSError as error:
            raise as_write_error(error, path.name) from None
    return deleted


def export_files(folder: Path, settings: Settings) -> Iterator[Path]:
    """Copy every installed weight file into `folder`, verified, for a machine without a network; each copy in turn.

    The folder can then be that machine's models folder or mirror; the user's own catalogue is copied too.

    Raises
    ------
    ClearcutError
        ``wrong_checksum``, ``disk_full`` or ``write_failed``.
    """
    sums = {}
    for card in weights.list_networks(settings):
        if weights.find_file(card, settings) is None:
            continue
        variant, path = weights.find_checked(card, settings)
        target = folder / variant.file
        if not (target.exists() and target.samefile(path)):
            _copy(path, target)
        sums[variant.file] = hash_file(target)
        if not variant.checksum:
            _write_text(weights.name_note(target), f"{sums[variant.file]}  {target.name}\n")
        yield target
    own = settings.models_dir / catalog.LOCAL
    if own.is_file():
        _copy(own, folder / own.name)
        yield folder / own.name
    if sums:
        _write_text(folder / "SHA256SUMS", "".join(f"{text}  {name}\n" for name, text in sums.items()))


# ---- one source, from address to checked file ------------------------------------------------------------------------


def _try_source(address: str, variant: Variant, folder: Path, progress: "Progress") -> bool:
    """Fetch `variant` from `address` into `folder`; whether that worked. A full disk is raised."""
    from .sources import SOURCES, SourceFailed, TooLong, is_resumable

    source = SOURCES.get(address.partition(":")[0])
    if source is None:
        return False
    target = folder / variant.file
    # a part of an earlier fetch may be of another file: then once more from the start
    tries = 2 if is_resumable(source) and _name_part(target).exists() else 1
    for _ in range(tries):
        try:
            with _tidy_part(target, is_resumable(source)) as part:
                source(address, variant, part, progress)
                if weights.is_published(variant, part):
                    part.replace(target)
                    return True
                part.unlink()
        except TooLong:
            _name_part(target).unlink(missing_ok=True)
        except SourceFailed:
            return False
    return False


def _name_part(target: Path) -> Path:
    return target.with_name(target.name + ".part")


@contextmanager
def _tidy_part(target: Path, resume: bool = False) -> Iterator[Path]:
    """``TARGET.part``, deleted on errors, except where a source that can be resumed was interrupted."""
    from .sources import SourceFailed

    part = _name_part(target)
    try:
        yield part
    except SourceFailed:
        if not resume:
            part.unlink(missing_ok=True)
        raise
    except BaseException:
        part.unlink(missing_ok=True)
        raise
