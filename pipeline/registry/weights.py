"""Installed weight files: where they are, and whether their checksums hold."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..base.errors import ClearcutError
from ..base.files import hash_file
from ..base.settings import Settings
from . import catalog
from .cards import Card, ModelCard, Variant, to_megabytes


def find_file(card: ModelCard, settings: Settings) -> tuple[Variant, Path] | None:
    """The first variant of `card` that is installed, and its file, not verified yet; None where there is none.

    It is looked for in the models folder, then in a mirror that is a folder. A file without a checksum, published or
    noted when it was imported, does not count.
    """
    mirror = settings.models_mirror
    folders = [settings.models_dir, *([Path(mirror)] if mirror and "://" not in mirror else [])]
    for variant in card.variants:
        for folder in folders:
            if (folder / variant.file).is_file() and (variant.checksum or name_note(folder / variant.file).is_file()):
                return variant, folder / variant.file
    return None


def name_note(path: Path) -> Path:
    """The file beside `path` that notes the checksum of an imported file without a published one."""
    return path.with_name(path.name + ".sha256")


def read_checksum(variant: Variant, path: Path) -> str:
    """The checksum, in hex, that the file of `variant` at `path` has to have."""
    return variant.checksum or name_note(path).read_text(encoding="ascii").split()[0]


def identify(card: ModelCard, settings: Settings) -> str:
    """Name and checksum of the weight file that `card` runs, for keys of caches. Raises ``model_missing``."""
    installed = find_file(card, settings)
    try:
        if installed:
            return f"{installed[0].file} {read_checksum(*installed)}"
    except (OSError, IndexError):  # removed in this moment
        pass
    raise ClearcutError("model_missing", **describe_missing(card, [card.variants[0]]))


def list_missing(card: Card, settings: Settings) -> list[Variant]:
    """What must be fetched before `card` can run: the first variant of each network that is not installed."""
    return [network.variants[0] for network in card.networks if find_file(network, settings) is None]


def is_installed(card: Card, settings: Settings) -> bool:
    """Whether the weight files of `card` are on this machine; their checksums are not verified."""
    return not list_missing(card, settings)


def count_bytes(card: Card, settings: Settings) -> int:
    """Bytes of the weight files of `card`: of those installed, else of those that would be fetched."""
    return sum((find_file(network, settings) or (network.variants[0],))[0].bytes for network in card.networks)


def require(card: Card, settings: Settings) -> None:
    """Raise ``model_missing``, or ``import_only`` where it cannot be fetched, unless `card` is installed."""
    wanted = list_missing(card, settings)
    by_hand = find_import_only(card, settings)
    if by_hand:
        raise ClearcutError(
            "import_only", **describe_missing(by_hand, [by_hand.variants[0]]), homepage=by_hand.homepage
        )
    if wanted:
        raise ClearcutError("model_missing", **describe_missing(card, wanted))


def stamp(card: Card, settings: Settings) -> tuple[Any, ...]:
    """A key that changes when the weight files of `card` do, without reading them. Raises as `require`."""
    require(card, settings)
    return tuple(stamp_network(network, settings) for network in card.networks)


def stamp_network(card: ModelCard, settings: Settings) -> tuple[Any, ...]:
    """A key that changes when the weight file of `card` is replaced: its name, age, length, and how it is read.

    Empty where there is no file.
    """
    installed = find_file(card, settings)
    try:
        known = installed[1].stat() if installed else None
    except OSError:  # removed in this moment
        known = None
    return (installed[0].file, known.st_mtime_ns, known.st_size, card.read) if installed and known else ()


def find_import_only(card: Card, settings: Settings) -> ModelCard | None:
    """The first network of `card` that is not installed and can only be imported; None where there is none."""
    for network in card.networks:
        if find_file(network, settings) is None and not (
            network.fetchable or list_mirrors(network.variants[0], settings)
        ):
            return network
    return None


def describe_missing(card: Card, wanted: list[Variant]) -> dict[str, Any]:
    """Facts for an error about missing files: the model, the file names, their megabytes together."""
    files = ", ".join(variant.file for variant in wanted)
    return {"model": card.name, "file": files, "megabytes": to_megabytes(sum(variant.bytes for variant in wanted))}


def find_checked(card: ModelCard, settings: Settings) -> tuple[Variant, Path]:
    """As `find_file`, with the checksum verified.

    Raises
    ------
    ClearcutError
        ``model_missing`` or ``wrong_checksum``.
    """
    installed = find_file(card, settings)
    if installed is None:
        raise ClearcutError("model_missing", **describe_missing(card, [card.variants[0]]))
    variant, path = installed
    verify(card.name, variant, path)
    return variant, path


def check_weights(card: Card, settings: Settings) -> None:
    """Raise as `find_checked` unless all weight files of `card` are here and whole."""
    for network in card.networks:
        find_checked(network, settings)


def verify(model: str, variant: Variant, path: Path) -> None:
    """Raise ``wrong_checksum`` unless the file at `path` is `variant`, byte for byte."""
    try:
        wanted = read_checksum(variant, path)
        found = hash_file(path, wanted)
    except FileNotFoundError:  # removed in this moment
        raise ClearcutError(
            "model_missing", model=model, file=variant.file, megabytes=to_megabytes(variant.bytes)
        ) from None
    except (OSError, IndexError, ValueError):
        raise ClearcutError("broken_weights", model=model, file=variant.file) from None
    if found != wanted:
        raise ClearcutError("wrong_checksum", model=model, file=variant.file, wanted=wanted, found=found)


def is_published(variant: Variant, path: Path) -> bool:
    """Whether the file at `path` has the published checksum of `variant`."""
    wanted = variant.checksum
    return wanted is not None and hash_file(path, wanted) == wanted


class CheckedFile(NamedTuple):
    """A weight file in the models folder, its model (None if unknown), and whether its checksum holds."""

    path: Path
    model: str | None
    holds: bool


def check_all(settings: Settings) -> Iterator[CheckedFile]:
    """Verify every weight file in the models folder; one result at a time, since each takes a while."""
    known = {variant.file: (card, variant) for card in list_networks(settings) for variant in card.variants}
    for path in sorted(settings.models_dir.glob("*.onnx")):
        if path.name not in known:
            yield CheckedFile(path, None, False)
            continue
        card, variant = known[path.name]
        try:
            verify(card.name, variant, path)
        except ClearcutError:
            yield CheckedFile(path, card.name, False)
        else:
            yield CheckedFile(path, card.name, True)


def list_networks(settings: Settings) -> Iterator[ModelCard]:
    """Every network of the catalogue."""
    cards = (card for card in catalog.list_models(settings).values() if isinstance(card, ModelCard))
    return (network for card in cards for network in card.networks)


def list_mirrors(variant: Variant, settings: Settings) -> list[str]:
    """The address of `variant` in the user's mirror; empty where there is none that is reached over HTTP."""
    mirror = settings.models_mirror
    return [f"{mirror.rstrip('/')}/{variant.file}"] if mirror and "://" in mirror and variant.checksum else []
