"""The catalogue: every model's card, from ``models/catalog.toml`` and from the user's own beside it."""

import tomllib
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..base.errors import ClearcutError
from ..base.settings import ROOT, Settings
from .cards import Card, Ensemble, Kind, ModelCard, Picker

CATALOG_FILE = ROOT / "models" / "catalog.toml"
KINDS_FILE = ROOT / "models" / "kinds.toml"
PREFERRED = "automatic"  # in the catalogue: the names of the models that "automatic" stands for, best first
LOCAL = "local.toml"  # the user's own models, in the models folder


def read_catalog(path: Path) -> dict[str, Card]:
    """The cards in the TOML file at `path`, by name, in the file's order."""
    entries = tomllib.loads(path.read_text(encoding="utf-8"))
    entries.pop(PREFERRED, None)
    networks = {name: _make_card(name, **entry) for name, entry in entries.items() if "members" not in entry}

    def make_ensemble(name: str, members: list[str], **entry: Any) -> Ensemble:
        return Ensemble(name=name, members=tuple(networks[member] for member in members), **entry)

    return {name: networks.get(name) or make_ensemble(name, **entry) for name, entry in entries.items()}


def _make_card(
    name: str, kind: str, feed: Any = (), read: Any = (), decoder: list[Any] | None = None, **entry: Any
) -> ModelCard:
    """A card of `kind`, with the feed and reading of that kind except for the values given in `feed` and `read`.

    `decoder` are the weight files of the second network of a model that picks.
    """
    like = list_kinds()[kind]
    feed, read = {**like.feed.model_dump(), **dict(feed)}, {**like.read.model_dump(), **dict(read)}
    entry |= {"kind": kind, "family": like.family, "feed": feed, "states": like.states}
    if like.decoding is None:
        return ModelCard(name=name, read=read, **entry)
    second = entry | {"variants": decoder, "read": {"outputs": like.decoding.outputs}}
    return Picker(
        name=name, read=read, decoder=ModelCard(name=f"{name}-decoder", **second), decoding=like.decoding, **entry
    )


@cache
def list_kinds() -> dict[str, Kind]:
    """Every kind of network in ``models/kinds.toml``, by name."""
    return {name: Kind(**entry) for name, entry in tomllib.loads(KINDS_FILE.read_text(encoding="utf-8")).items()}


def find_kind(name: str) -> Kind:
    """The kind called `name` of networks that find a subject. Raises ``unknown_kind``, with the known names."""
    known = {each: kind for each, kind in list_kinds().items() if kind.decoding is None}
    try:
        return known[name]
    except KeyError:
        raise ClearcutError("unknown_kind", kind=name[:100], known=", ".join(known)) from None


def list_models(settings: Settings) -> dict[str, Card]:
    """Every model by name: those of Clearcut, then the user's own. Raises ``broken_catalog`` of the latter."""
    return {**_read_published(), **read_local_models(settings)}


@cache
def list_preferred() -> tuple[str, ...]:
    """The names of the models that ``automatic`` may stand for, best first."""
    return tuple(tomllib.loads(CATALOG_FILE.read_text(encoding="utf-8"))[PREFERRED])


@cache
def _read_published() -> dict[str, Card]:
    return read_catalog(CATALOG_FILE)


def group_models(cards: Mapping[str, Card]) -> dict[str, list[Card]]:
    """`cards` by what a person wants a model for; the groups, and the models in each, in the order to show them.

    First come those for most photos, ``general``: each blend of several networks, and the networks that it blends.
    Every other model stands under the first of its uses.
    """
    blends = [card for card in cards.values() if isinstance(card, Ensemble)]
    general = {name for blend in blends for name in (blend.name, *(member.name for member in blend.networks))}
    groups: dict[str, list[Card]] = {"general": []}
    for card in cards.values():
        groups.setdefault("general" if card.name in general else card.good_for[0], []).append(card)
    return {group: members for group, members in groups.items() if members}


def read_local_models(settings: Settings) -> dict[str, Card]:
    """The user's own models, from ``local.toml`` in the models folder. Raises ``broken_catalog``."""
    path = settings.models_dir / LOCAL
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return {}
    return _read_local(path, changed)


@lru_cache(maxsize=8)
def _read_local(path: Path, changed: int) -> dict[str, Card]:
    try:
        cards = read_catalog(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError):
        raise ClearcutError("broken_catalog", file=path.name) from None
    own = {
        name: card.model_copy(update={"local": True}) for name, card in cards.items() if name not in _read_published()
    }
    if list_files(own) & list_files(_read_published()):
        raise ClearcutError("broken_catalog", file=path.name)
    return own


def list_files(cards: Mapping[str, Card]) -> set[str]:
    """The lower-case names of all weight files of `cards`: some file systems ignore case."""
    return {
        variant.file.lower() for card in cards.values() for network in card.networks for variant in network.variants
    }


def find_card(name: str, settings: Settings) -> Card:
    """The card of the model called `name`. Raises ``unknown_model``, with the known names."""
    cards = list_models(settings)
    try:
        return cards[name]
    except KeyError:
        raise ClearcutError("unknown_model", model=name[:100], known=", ".join(cards)) from None


def find_cutter(name: str, settings: Settings) -> Card:
    """The card of a model that cuts out. Raises as `find_card`, and ``bad_option`` for one that only picks."""
    card = find_card(name, settings)
    if isinstance(card, Picker):
        cutting = (each.name for each in list_models(settings).values() if not isinstance(each, Picker))
        raise ClearcutError("bad_option", name="model", value=name, accepted=", ".join(cutting))
    return card
