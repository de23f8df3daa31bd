"""Weight files that a user imports or removes, and networks of the user's own."""

import re
import tomllib
from pathlib import Path
from typing import Any

from ..base.errors import ClearcutError, as_write_error
from ..base.files import hash_file
from ..base.settings import Settings
from ..inference.running import optimised_networks
from ..inference.runtime import Runtime
from ..pixels.image_io import decode
from ..registry import catalog, fetching
from ..registry.cards import Card, Feed, ModelCard, Variant
from ..registry.choosing import AUTOMATIC
from . import trial
from .trial import Trial

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,60}")
LARGEST = 8192  # pixels along a side of a network's input


def import_weights(card: Card, file: Path, runtime: Runtime) -> Path:
    """Copy a weight file that the user has into the models folder; its new path.

    A file without a published checksum gets a trial first, since nobody vouches for it.

    Raises
    ------
    ClearcutError
        As `fetching.import_file` and `trial.try_network`.
    """
    if isinstance(card, ModelCard) and not fetching.match_variant(card, file).checksum:
        trial.try_network(card, file, runtime.settings)
    target = fetching.import_file(card, file, runtime.settings)
    _drop_sessions(card, runtime)
    return target


def remove_model(card: Card, runtime: Runtime) -> list[Path]:
    """Delete the weight files of `card`, and its catalogue entry where it is the user's own; the deleted files.

    Raises
    ------
    ClearcutError
        As `fetching.remove_files`.
    """
    deleted = fetching.remove_files(card, runtime.settings)
    for path in deleted:
        optimised_networks.delete(path, runtime.settings.store)
    _drop_sessions(card, runtime)
    if card.local:
        entries = _read_entries(runtime.settings)
        entries.pop(card.name, None)
        _write_entries(entries, runtime.settings)
    return deleted


def _drop_sessions(card: Card, runtime: Runtime) -> None:
    for network in card.networks:
        runtime.pool.drop(network.name)


def add_model(
    file: Path,
    runtime: Runtime,
    kind: str,
    size: str = "",
    name: str = "",
    license: str = "",
    picture: Path | None = None,
) -> tuple[ModelCard, Trial]:
    """Add a network of the user's own to the user's catalogue, after a trial; its card, and the trial.

    Parameters
    ----------
    file
        Its weight file, which is copied.
    kind
        One of `catalog.list_kinds`: how it is fed and read.
    size
        ``320`` or ``640x480`` (width, height): its input in pixels; without it that of the file, else that of its kind.
    name
        Its name; without it that of the file.
    license
        What is shown as its licence.
    picture
        A photo for the trial, for networks that do not recognise a drawn figure.

    Raises
    ------
    ClearcutError
        ``file_missing``, ``unknown_kind``, ``bad_name``, ``bad_size``, those of `trial.try_network` and of
        `fetching.import_file`.
    """
    if not file.is_file():
        raise ClearcutError("file_missing", name=file.name)
    like = catalog.find_kind(kind)
    name = name or re.sub(r"[^a-z0-9._-]+", "-", file.stem.lower()).strip("-._")
    others = {
        known: card
        for known, card in catalog.list_models(runtime.settings).items()
        if not (known == name and card.local)
    }
    if not NAME.fullmatch(name) or name == AUTOMATIC or name in others or f"{name}.onnx" in catalog.list_files(others):
        raise ClearcutError("bad_name", name=name[:100])
    feed = like.feed.model_copy(update={"size": _parse_size(size, like.feed)})
    variant = _make_variant(f"{name}.onnx", file)
    card = _make_card(name, kind, feed, variant, license)
    photo = _read_picture(picture) if picture else None
    if photo is not None and picture:
        decode(photo, picture.name)
    result = trial.try_network(card, file, runtime.settings, photo, fit=not size)
    if result.size:
        feed = feed.model_copy(update={"size": result.size})
    card = _make_card(name, kind, feed, variant, license, max(1, round(result.memory_mb)))
    fetching.import_file(card, file, runtime.settings)
    runtime.pool.drop(name)
    try:
        _write_entries({**_read_entries(runtime.settings), name: _make_entry(card, like.feed)}, runtime.settings)
    except ClearcutError:
        fetching.remove_files(card, runtime.settings)
        raise
    return card, result


def _parse_size(size: str, feed: Feed) -> tuple[int, int]:
    """Width and height from text such as ``640x480``; those of `feed` without. Raises ``bad_size``."""
    if not size:
        return feed.size
    match = re.fullmatch(r"(\d{1,5})(?:[x×](\d{1,5}))?", size.strip())
    sides = [int(each) for each in match.groups() if each] if match else []
    if not sides or not all(1 <= side <= LARGEST for side in sides):
        raise ClearcutError("bad_size", value=size[:100])
    if len(sides) == 1 and feed.resize == "short-side":
        return sides[0], max(sides[0], feed.size[1])
    return sides[0], sides[-1]


def _read_picture(picture: Path) -> bytes:
    try:
        return picture.read_bytes()
    except OSError:
        raise ClearcutError("file_missing", name=picture.name) from None


def _make_variant(name: str, file: Path) -> Variant:
    try:
        return Variant(file=name, bytes=file.stat().st_size, sha256=hash_file(file), verified=True)
    except OSError:
        raise ClearcutError("file_unreadable", name=file.name) from None
    except ValueError:  # an empty file
        raise ClearcutError("trial_unreadable", file=file.name) from None


def _make_card(name: str, kind: str, feed: Feed, variant: Variant, license: str, memory_mb: float = 1) -> ModelCard:
    like = catalog.find_kind(kind)
    return ModelCard(
        name=name,
        kind=kind,
        family=like.family,
        states=like.states,
        license=re.sub(r"[\x00-\x1f\x7f]", " ", license)[:100] or "–",
        license_url="",
        homepage="",
        commercial_use="unclear",
        why="own",
        good_for=("own",),
        memory_mb=memory_mb,
        feed=feed,
        read=like.read,
        variants=(variant,),
        local=True,
    )


def _make_entry(card: ModelCard, usual: Feed) -> dict[str, Any]:
    """The card as an entry of the catalogue file, without the values of its kind."""
    own = card.model_dump(
        mode="json", exclude={"name", "family", "states", "read", "feed", "local"}, exclude_defaults=True
    )
    return {**own, "feed": {"size": list(card.feed.size)}} if card.feed != usual else own


def _read_entries(settings: Settings) -> dict[str, Any]:
    path = settings.models_dir / catalog.LOCAL
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        raise ClearcutError("broken_catalog", file=path.name) from None


def _write_entries(entries: dict[str, Any], settings: Settings) -> None:
    import tomli_w

    path = settings.models_dir / catalog.LOCAL
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(tomli_w.dumps(entries), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise as_write_error(error, path.name) from None
