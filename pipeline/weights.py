"""Weight files: found, fetched, checked, imported. A file whose checksum was not checked is never opened."""

import hashlib
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from . import catalog
from .catalog import Card, Ensemble, ModelCard, Variant, megabytes
from .errors import ClearcutError, write_error
from .settings import Settings

if TYPE_CHECKING:
    from filelock import BaseFileLock

    from .sources import Progress


def find(card: ModelCard, settings: Settings | None = None) -> tuple[Variant, Path] | None:
    """The first variant of `card` whose file is here, unchecked: in the models folder, else in the mirror folder.

    A file without any checksum, published or noted when it was imported, does not count.
    """
    settings = settings or Settings.current()
    mirror = settings.models_mirror
    folders = [settings.models_dir, *([Path(mirror)] if mirror and "://" not in mirror else [])]
    for variant in card.variants:
        for folder in folders:
            if (folder / variant.file).is_file() and (variant.checksum or _note(folder / variant.file).is_file()):
                return variant, folder / variant.file
    return None


def _note(path: Path) -> Path:
    """Where the checksum of an imported file that has no published one was noted: beside it."""
    return path.with_name(path.name + ".sha256")


def checksum(variant: Variant, path: Path) -> str:
    """The checksum that the file of `variant` at `path` is held to, in hex."""
    return variant.checksum or _note(path).read_text(encoding="ascii").split()[0]


def identity(card: ModelCard) -> str:
    """The name and checksum of the file that `card` runs. Raises ``model_missing``."""
    found = find(card)
    try:
        if found:
            return f"{found[0].file} {checksum(*found)}"
    except (OSError, IndexError):  # removed in this moment
        pass
    raise ClearcutError("model_missing", **_facts(card, [card.variants[0]]))


def missing(card: Card) -> list[Variant]:
    """What must be fetched before `card` can run: the first variant of each network that is not here."""
    return [network.variants[0] for network in card.networks if find(network) is None]


def is_installed(card: Card) -> bool:
    """Whether `card` can run without fetching anything."""
    return not missing(card)


def model_size(card: Card) -> int:
    """Bytes of the files that `card` runs: those that are here, else those that would be fetched."""
    return sum((find(network) or (network.variants[0],))[0].bytes for network in card.networks)


def require(card: Card) -> None:
    """Raise ``model_missing``, or ``import_only`` where it cannot be fetched, unless `card` can run."""
    wanted = missing(card)
    by_hand = _only_by_hand(card)
    if by_hand:
        raise ClearcutError("import_only", **_facts(by_hand, [by_hand.variants[0]]), homepage=by_hand.homepage)
    if wanted:
        raise ClearcutError("model_missing", **_facts(card, wanted))


def stamp(card: Card) -> tuple[Any, ...]:
    """What tells the weights of `card` from others without reading them. Raises as `require` does."""
    require(card)
    facts = []
    for network in card.networks:
        found = find(network)
        if found:
            known = found[1].stat()
            facts.append((found[0].file, known.st_mtime_ns, known.st_size, network.read))
    return tuple(facts)


def _only_by_hand(card: Card) -> ModelCard | None:
    """The first network that `card` lacks and that no source gives."""
    settings = Settings.current()
    for network in card.networks:
        if find(network, settings) is None and not (network.fetchable or _mirrored(settings, network.variants[0])):
            return network
    return None


def _facts(card: Card, wanted: list[Variant]) -> dict[str, Any]:
    files = ", ".join(variant.file for variant in wanted)
    return {"model": card.name, "file": files, "megabytes": megabytes(sum(variant.bytes for variant in wanted))}


def checked(card: ModelCard) -> tuple[Variant, Path]:
    """A weight file of `card` that is on this machine and whose checksum holds.

    Raises
    ------
    ClearcutError
        ``model_missing`` or ``wrong_checksum``.
    """
    found = find(card)
    if found is None:
        raise ClearcutError("model_missing", **_facts(card, [card.variants[0]]))
    variant, path = found
    verify(card.name, variant, path)
    return variant, path


def verify(model: str, variant: Variant, path: Path) -> None:
    """Raise ``wrong_checksum`` unless the file at `path` is `variant`, byte for byte."""
    try:
        wanted = checksum(variant, path)
        found = digest(path, "sha256" if len(wanted) == 64 else "md5")
    except FileNotFoundError:  # removed in this moment
        raise ClearcutError(
            "model_missing", model=model, file=variant.file, megabytes=megabytes(variant.bytes)
        ) from None
    except (OSError, IndexError, ValueError):
        raise ClearcutError("broken_weights", model=model, file=variant.file) from None
    if found != wanted:
        raise ClearcutError("wrong_checksum", model=model, file=variant.file, wanted=wanted, found=found)


def digest(path: Path, algorithm: Literal["sha256", "md5"] = "sha256") -> str:
    """The checksum of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


def fetch(card: Card, progress: "Progress" = lambda done, total: None) -> list[Path]:
    """Bring what `card` needs into the models folder, unless it is on the machine already; the files that it runs.

    Raises
    ------
    ClearcutError
        As `fetch_network`; ``offline`` names all that is missing.
    """
    wanted = missing(card)
    if _only_by_hand(card):
        require(card)
    if wanted and Settings.current().offline:
        raise ClearcutError("offline", **_facts(card, wanted))
    total = sum(variant.bytes for variant in wanted)
    paths, before = [], 0
    for network in card.networks:
        coming = 0 if find(network) else network.variants[0].bytes
        paths.append(fetch_network(network, _as_part(progress, before, total) if len(wanted) > 1 else progress))
        before += coming
    return paths


def _as_part(progress: "Progress", before: int, total: int) -> "Progress":
    """`progress` of one file as progress of several: `before` bytes came with others, `total` in all."""
    return lambda done, _: progress(None if done is None else before + done, total)


def fetch_network(card: ModelCard, progress: "Progress" = lambda done, total: None) -> Path:
    """Bring a weight file of `card` into the models folder, unless one is on the machine already.

    Sources are tried in order until one gives the bytes that the catalogue names. Several processes may fetch at once:
    one works, the others wait and find its file.

    Raises
    ------
    ClearcutError
        ``offline``, ``import_only``, ``fetch_failed``, ``wrong_checksum`` (of a file that is there), ``disk_full`` or
        ``write_failed``.
    """
    from filelock import FileLock

    settings = Settings.current()
    first = card.variants[0]
    if find(card, settings):
        return checked(card)[1]
    if _only_by_hand(card):
        require(card)
    if settings.offline:
        raise ClearcutError("offline", **_facts(card, [first]))
    folder = settings.models_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _waiting_for(FileLock(folder / f".{card.name}.lock"), first, progress):
            if find(card, settings):
                return checked(card)[1]
            for variant in card.variants:
                for address in [*_mirrored(settings, variant), *(() if card.gated else variant.sources)]:
                    if _fetched(address, variant, folder, progress):
                        return folder / variant.file
    except OSError as error:
        raise write_error(error, first.file) from None
    raise ClearcutError("fetch_failed", **_facts(card, [first]))


@contextmanager
def _waiting_for(lock: "BaseFileLock", variant: Variant, progress: "Progress") -> Iterator[None]:
    """Hold `lock`; until then `progress` hears a beat, and may stop the waiting by raising."""
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


def import_file(card: Card, file: Path) -> Path:
    """Copy the user's own copy of a published weight file into the models folder, if its checksum holds.

    Where none is published, that of this file is noted, and it is held to that from now on.

    Raises
    ------
    ClearcutError
        ``file_missing``, ``wrong_checksum``, ``disk_full`` or ``write_failed``.
    """
    variant = variant_of(card, file)
    if variant.checksum:
        verify(card.name, variant, file)
    target = Settings.current().models_dir / variant.file
    if not (target.exists() and target.samefile(file)):
        _copy(file, target)
    if not variant.checksum:
        try:
            _write_text(_note(target), f"{digest(target)}  {target.name}\n")
        except ClearcutError:
            target.unlink(missing_ok=True)
            raise
    return target


def variant_of(card: Card, file: Path) -> Variant:
    """Which variant of `card` the file is, by its length; the first where none fits. Raises ``file_missing``."""
    if not file.is_file():
        raise ClearcutError("file_missing", name=file.name)
    length = file.stat().st_size
    variants = [variant for network in card.networks for variant in network.variants]
    return next((each for each in variants if each.bytes == length), variants[0])


def _copy(file: Path, target: Path) -> None:
    """Copy all of `file` or nothing."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _filling(target.with_name(f".{target.name}.{secrets.token_hex(4)}")) as part:  # beside a fetch under way
            shutil.copyfile(file, part)
            part.replace(target)
    except OSError as error:
        raise write_error(error, target.name) from None


def _write_text(target: Path, text: str) -> None:
    """Write all of `text` or nothing."""
    try:
        with _filling(target.with_name(f".{target.name}.{secrets.token_hex(4)}")) as part:
            part.write_text(text, encoding="utf-8")
            part.replace(target)
    except OSError as error:
        raise write_error(error, target.name) from None


class Checked(NamedTuple):
    """A weight file in the models folder, the model that it is of (None: of none), and whether its checksum holds."""

    path: Path
    model: str | None
    holds: bool


def check() -> Iterator[Checked]:
    """Verify every weight file in the models folder, one by one."""
    known = {variant.file: (card, variant) for card in _each_network() for variant in card.variants}
    for path in sorted(Settings.current().models_dir.glob("*.onnx")):
        if path.name not in known:
            yield Checked(path, None, False)
            continue
        card, variant = known[path.name]
        try:
            verify(card.name, variant, path)
        except ClearcutError:
            yield Checked(path, card.name, False)
        else:
            yield Checked(path, card.name, True)


def _each_network() -> Iterator[ModelCard]:
    return (card for card in catalog.models().values() if isinstance(card, ModelCard))


def is_removable(card: Card) -> bool:
    """Whether a weight file of `card` itself lies in the models folder."""
    folder = Settings.current().models_dir
    return isinstance(card, ModelCard) and any((folder / variant.file).is_file() for variant in card.variants)


def remove(card: Card) -> list[Path]:
    """Delete the weight files of `card` from the models folder; what was deleted.

    Raises
    ------
    ClearcutError
        ``not_removable`` for a model that is made of others, which have to be removed by their own names;
        ``write_failed``.
    """
    if isinstance(card, Ensemble):
        raise ClearcutError("not_removable", model=card.name, members=", ".join(each.name for each in card.members))
    folder = Settings.current().models_dir
    gone = []
    for variant in card.variants:
        path = folder / variant.file
        try:
            for each in (_note(path), _part_file(path)):
                each.unlink(missing_ok=True)
            if path.exists():
                path.unlink()
                gone.append(path)
        except OSError as error:
            raise write_error(error, path.name) from None
    return gone


def export(folder: Path) -> Iterator[Path]:
    """Copy every installed, verified weight file into `folder`, for a machine without a network; each copy.

    The folder then serves as that machine's models folder or mirror; the user's own catalogue goes along.

    Raises
    ------
    ClearcutError
        ``wrong_checksum``, ``disk_full`` or ``write_failed``.
    """
    sums = {}
    for card in _each_network():
        if find(card) is None:
            continue
        variant, path = checked(card)
        target = folder / variant.file
        if not (target.exists() and target.samefile(path)):
            _copy(path, target)
        sums[variant.file] = digest(target)
        if not variant.checksum:
            _write_text(_note(target), f"{sums[variant.file]}  {target.name}\n")
        yield target
    own = Settings.current().models_dir / catalog.LOCAL
    if own.is_file():
        _copy(own, folder / own.name)
        yield folder / own.name
    if sums:
        _write_text(folder / "SHA256SUMS", "".join(f"{text}  {name}\n" for name, text in sums.items()))


# ---- one source, from address to checked file ------------------------------------------------------------------------


def _mirrored(settings: Settings, variant: Variant) -> list[str]:
    mirror = settings.models_mirror
    return [f"{mirror.rstrip('/')}/{variant.file}"] if mirror and "://" in mirror and variant.checksum else []


def _fetched(address: str, variant: Variant, folder: Path, progress: "Progress") -> bool:
    """Whether `address` gave `variant`, now checked and in `folder`. A full disk is raised: no source mends that."""
    from .sources import SOURCES, SourceFailed, resumable

    source = SOURCES.get(address.partition(":")[0])
    if source is None:
        return False
    target = folder / variant.file
    # a leftover may be of something else: then from nothing
    tries = 2 if resumable(source) and _part_file(target).exists() else 1
    for _ in range(tries):
        try:
            with _filling(target, resumable(source)) as part:
                source(address, variant, part, progress)
                verify("", variant, part)
                part.replace(target)
            return True
        except SourceFailed:
            return False
        except ClearcutError as error:
            if error.code != "wrong_checksum":
                raise
    return False


def _part_file(target: Path) -> Path:
    return target.with_name(target.name + ".part")


@contextmanager
def _filling(target: Path, resume: bool = False) -> Iterator[Path]:
    """``TARGET.part`` to be filled; gone afterwards, unless a resumable source was merely interrupted."""
    from .sources import SourceFailed

    part = _part_file(target)
    try:
        yield part
    except SourceFailed:
        if not resume:
            part.unlink(missing_ok=True)
        raise
    except BaseException:
        part.unlink(missing_ok=True)
        raise
