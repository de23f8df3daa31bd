"""What each model *is*: ``models/catalog.toml`` read into cards. Fetching and running are other rooms."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .errors import ClearcutError
from .resample import Interpolation
from .settings import ROOT

CATALOG = ROOT / "models" / "catalog.toml"
Colour = tuple[float, float, float]
CommercialUse = Literal["yes", "no", "unclear"]
STRICTER: tuple[CommercialUse, ...] = ("yes", "unclear", "no")


def megabytes(size: int) -> float:
    """Bytes as megabytes, rounded for people."""
    return round(size / 1e6, 1) if size < 1e7 else round(size / 1e6)


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Variant(_Entry):
    """One published file of a model's weights, and where it is to be had."""

    file: str = Field(pattern=r"^[\w.-]+\.onnx$")
    bytes: int = Field(gt=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    sources: tuple[str, ...]

    @property
    def megabytes(self) -> float:
        """Size in megabytes, rounded for people."""
        return megabytes(self.bytes)


class Feed(_Entry):
    """How a photo becomes the network's input: ``(resized / divide_by - mean) / std``, RGB, NCHW."""

    size: tuple[int, int]
    interpolation: Interpolation = "lanczos"
    divide_by: Literal["maximum"] | float = 255
    mean: Colour = (0.0, 0.0, 0.0)
    std: Colour = (1.0, 1.0, 1.0)


class Read(_Entry):
    """How the network's output becomes a matte.

    `normalise_above`: the matte is stretched to 0–1 where its own range is wider than this; a narrower range means that
    the network saw no subject, and stretching would turn its noise into one.
    """

    output: int = 0
    normalise_above: float | None = None


class ModelCard(_Entry):
    """The facts of one network."""

    name: str
    kind: str
    license: str
    license_url: str
    commercial_use: CommercialUse
    good_for: tuple[str, ...]
    memory_mb: float = Field(gt=0)
    feed: Feed
    read: Read = Read()
    variants: tuple[Variant, ...] = Field(min_length=1)

    @property
    def networks(self) -> tuple["ModelCard", ...]:
        """The networks that this model runs: itself."""
        return (self,)


class Ensemble(_Entry):
    """Several networks, one matte: the weighted mean of their mattes, stretched from `levels` to 0-1."""

    name: str
    good_for: tuple[str, ...]
    members: tuple[ModelCard, ...] = Field(min_length=2)
    weights: tuple[float, ...]
    levels: tuple[float, float] = (0.0, 1.0)

    @property
    def networks(self) -> tuple[ModelCard, ...]:
        """The networks that this model runs."""
        return self.members

    @property
    def license(self) -> str:
        """The licences of all members."""
        return ", ".join(dict.fromkeys(member.license for member in self.members))

    @property
    def commercial_use(self) -> CommercialUse:
        """What the strictest member allows."""
        return max((member.commercial_use for member in self.members), key=STRICTER.index)

    @property
    def license_url(self) -> str:
        """Where the strictest member's licence stands."""
        return max(self.members, key=lambda member: STRICTER.index(member.commercial_use)).license_url


Card = ModelCard | Ensemble


def read_catalog(path: Path) -> dict[str, Card]:
    """The cards in the TOML file at `path`, by name, in the file's order."""
    entries = tomllib.loads(path.read_text(encoding="utf-8"))
    networks = {name: ModelCard(name=name, **entry) for name, entry in entries.items() if "members" not in entry}

    def ensemble(name: str, members: list[str], **entry: Any) -> Ensemble:
        return Ensemble(name=name, members=tuple(networks[member] for member in members), **entry)

    return {name: networks.get(name) or ensemble(name, **entry) for name, entry in entries.items()}


@cache
def models() -> dict[str, Card]:
    """Every model of the house, by name."""
    return read_catalog(CATALOG)


def card(name: str) -> Card:
    """The card of the model called `name`.

    Raises
    ------
    ClearcutError
        ``unknown_model``, with the names that there are.
    """
    try:
        return models()[name]
    except KeyError:
        raise ClearcutError("unknown_model", model=name[:100], known=", ".join(models())) from None
