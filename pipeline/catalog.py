"""What each model *is*: ``models/catalog.toml`` read into cards. Fetching and running are other rooms."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from .errors import ClearcutError
from .resample import Interpolation
from .settings import ROOT

CATALOG = ROOT / "models" / "catalog.toml"
Colour = tuple[float, float, float]


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
        size = self.bytes / 1e6
        return round(size, 1) if size < 10 else round(size)


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
    """The facts of one model."""

    name: str
    kind: str
    license: str
    license_url: str
    commercial_use: Literal["yes", "no", "unclear"]
    good_for: tuple[str, ...]
    memory_mb: float = Field(gt=0)
    feed: Feed
    read: Read = Read()
    variants: tuple[Variant, ...] = Field(min_length=1)


def read_catalog(path: Path) -> dict[str, ModelCard]:
    """The cards in the TOML file at `path`, by name, in the file's order."""
    entries = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name: ModelCard(name=name, **entry) for name, entry in entries.items()}


@cache
def models() -> dict[str, ModelCard]:
    """Every model of the house, by name, the lightest first."""
    return read_catalog(CATALOG)


def card(name: str) -> ModelCard:
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
