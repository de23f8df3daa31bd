"""What a model is, as a card: its licence, its weight files, how it is fed and how its answer is read."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..pixels.geometry import Interpolation
from .kept_layers import KeptLayers

PerChannel = tuple[float, float, float]  # red, green, blue
CommercialUse = Literal["yes", "no", "unclear"]
Precision = Literal["exact", "fast"]  # within half a grey level of float32 on the mean; or as accurate on truth
FloatArithmetic = Literal["f32", "bf16", "bf16+f32"]  # the last: bf16 but for the layers that lose by it
Arithmetic = FloatArithmetic | Literal["int8"]
BY_STRICTNESS: tuple[CommercialUse, ...] = ("yes", "unclear", "no")


def to_megabytes(size: int) -> float:
    """Bytes as megabytes (10⁶ bytes), rounded for people.

    >>> to_megabytes(4_574_861), to_megabytes(176_000_000)
    (4.6, 176)
    """
    return round(size / 1e6, 1) if size < 1e7 else round(size / 1e6)


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Variant(_Entry):
    """One weight file of a network, and where it can be fetched.

    Attributes
    ----------
    file, bytes
        Its name and length.
    rounded
        Whether `bytes` is only about right, since no publication gives the exact length.
    sha256, md5
        Published checksums, in hex. Without any, the file can only be imported, and its checksum is noted then.
    sources
        Addresses, tried in order; without any, the file can only be imported.
    verified
        Whether who wrote the entry has seen the file and its checksum; else the figures are a publisher's word.
    """

    file: str = Field(pattern=r"^\w[\w.-]*\.onnx$")
    bytes: int = Field(gt=0)
    rounded: bool = False
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    md5: str | None = Field(None, pattern=r"^[0-9a-f]{32}$")
    sources: tuple[str, ...] = ()
    verified: bool = False

    @model_validator(mode="after")
    def _require_checksum(self) -> Self:
        if self.sources and not self.checksum:
            raise ValueError("a file that is fetched needs a checksum")
        return self

    @property
    def checksum(self) -> str | None:
        """The strongest published checksum, in hex: SHA-256 or MD5."""
        return self.sha256 or self.md5

    @property
    def most_bytes(self) -> int:
        """The most bytes that are accepted when it is fetched."""
        return round(self.bytes * 1.05) if self.rounded else self.bytes


class Feed(_Entry):
    """How a photo becomes the network's input: ``(resized / divide_by - mean) / std``.

    Attributes
    ----------
    size
        Width and height in pixels.
    resize
        ``stretch`` to `size`. ``fit-pad``: the ratio is kept, black is padded. ``short-side``: the shorter side becomes
        ``size[0]``, unless that lies between both sides, and the longer at most ``size[1]``. ``native``: the longer
        side becomes at most that of `size`.
    pad
        For ``fit-pad``: whether the photo lies in the ``centre``, or padding is only at the right and bottom, ``end``.
    multiple_of
        What the sides are rounded down to a multiple of.
    divide_by
        255, or ``maximum``, the brightest value of the photo.
    """

    size: tuple[int, int]
    resize: Literal["stretch", "fit-pad", "short-side", "native"] = "stretch"
    pad: Literal["centre", "end"] = "centre"
    multiple_of: int = Field(1, ge=1)
    interpolation: Interpolation = "lanczos"
    divide_by: Literal["maximum"] | float = 255.0
    mean: PerChannel = (0.0, 0.0, 0.0)
    std: PerChannel = (1.0, 1.0, 1.0)
    channels: Literal["rgb", "bgr"] = "rgb"
    layout: Literal["nchw", "nhwc", "hwc"] = "nchw"

    @property
    def has_fixed_shape(self) -> bool:
        """Whether photos of all shapes come to one, so that little is left of a very wide one."""
        return self.resize in ("stretch", "fit-pad")


class Reading(_Entry):
    """How a network's outputs become a matte.

    Attributes
    ----------
    outputs
        Positions or names of the outputs that are read, the matte first.
    activation
        What is still to be applied to them.
    normalise_above
        The matte is stretched to 0-1 where its range is wider than this. A narrower range means that the network found
        no subject, and stretching would turn its noise into one.
    classes
        Names of the classes that it tells apart, the background first.
    """

    outputs: tuple[int | str, ...] = Field((0,), min_length=1)
    activation: Literal["none", "sigmoid", "softmax"] = "none"
    normalise_above: float | None = None
    classes: tuple[str, ...] = ()


class Decoding(_Entry):
    """How points are put to the decoder of a network that picks.

    Attributes
    ----------
    size_type
        Of the numbers that tell it the size of the mask.
    pads
        Whether a point that means nothing is to follow where there is no box.
    outputs
        Positions or names of its masks, and of how good it thinks that each is.
    """

    size_type: Literal["float32", "int64"]
    pads: bool = False
    outputs: tuple[int | str, int | str] = (0, 1)


class Kind(_Entry):
    """Networks that are fed and read alike; `family` is the module of ``inference/networks`` that does it.

    `states` are the outputs that hold the memory of a recurrent network; empty for those without. `decoding` is there
    for those that pick what is pointed at, in two networks: one sees the photo, the other hears the points.
    """

    family: str
    feed: Feed
    read: Reading = Reading()
    states: tuple[str, ...] = ()
    decoding: Decoding | None = None


class CoarsestArithmetic(_Entry):
    """The coarsest arithmetic that was measured to keep each precision; bf16 is used where it is fast.

    `keep_f32`: the layers that stay in 32 bits in ``bf16+f32``, and where others are quantised.
    """

    exact: FloatArithmetic = "f32"
    fast: FloatArithmetic = "f32"
    keep_f32: KeptLayers | None = None

    @model_validator(mode="after")
    def _require_layers(self) -> Self:
        if "bf16+f32" in (self.exact, self.fast) and not self.keep_f32:
            raise ValueError("bf16+f32 needs the layers that stay in f32")
        return self


class Accuracy(_Entry):
    """A published accuracy: on which data set, in which measure, and who published it."""

    on: str
    measure: str
    value: float
    source: str


class ModelCard(_Entry):
    """What the catalogue says of a model that is one network.

    Attributes
    ----------
    states
        Outputs that hold the memory of a recurrent network.
    kind, family
        Its entry of ``models/kinds.toml``, and the module of ``inference/networks`` that feeds and reads it.
    license, license_url, commercial_use, why
        Its licence, whether that allows commercial use, and a code for why not, or for a condition.
    homepage
        The page of its publisher.
    gated
        Whether its owner lets only registered users fetch it.
    trained_on
        Training data with terms of their own.
    memory_mb, variants
        What it takes when loaded, about; its weight files, of which the first installed one is used.
    arithmetic
        None unless engines beside onnxruntime are the rule for it, since they give the same matte.
    featured
        Whether the page offers it among its first choices.
    local
        Whether it is the user's own.
    """

    name: str
    kind: str
    family: str
    license: str
    license_url: str
    homepage: str
    commercial_use: CommercialUse
    why: str = ""
    gated: bool = False
    trained_on: tuple[str, ...] = ()
    good_for: tuple[str, ...] = Field(min_length=1)
    accuracy: tuple[Accuracy, ...] = ()
    memory_mb: float = Field(gt=0)
    feed: Feed
    read: Reading = Reading()
    states: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = Field(min_length=1)
    arithmetic: CoarsestArithmetic | None = None
    featured: bool = False
    local: bool = False

    @property
    def networks(self) -> tuple["ModelCard", ...]:
        """The networks that this model runs: only itself."""
        return (self,)

    @property
    def fetchable(self) -> bool:
        """Whether it can be fetched, rather than only imported."""
        return not self.gated and any(variant.sources for variant in self.variants)

    @property
    def permissive(self) -> bool:
        """Whether its licence allows commercial use and asks for nothing unusual."""
        return self.commercial_use == "yes" and not self.why

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes that it tells apart, without the background."""
        return self.read.classes[1:]


class Picker(ModelCard):
    """A model that picks what is pointed at, and cuts out nothing by itself: its own network is the encoder.

    Attributes
    ----------
    decoder
        The network that makes masks of what the encoder has said, and of points.
    decoding
        How it is asked.
    """

    decoder: ModelCard
    decoding: Decoding

    @property
    def networks(self) -> tuple[ModelCard, ...]:
        """Encoder and decoder."""
        return (self, self.decoder)

    @property
    def fetchable(self) -> bool:
        """Whether both networks can be fetched."""
        return super().fetchable and self.decoder.fetchable


class Ensemble(_Entry):
    """A model whose matte is made of several networks' mattes, of which each counts by its weight.

    Attributes
    ----------
    rule
        ``surest``: where they contradict each other, the surest one wins. ``mean``: their mean.
    levels
        What the mean is stretched from, to 0-1.
    """

    name: str
    good_for: tuple[str, ...]
    members: tuple[ModelCard, ...] = Field(min_length=2)
    weights: tuple[float, ...]
    rule: Literal["surest", "mean"] = "mean"
    levels: tuple[float, float] = (0.0, 1.0)

    @model_validator(mode="after")
    def _check_blend(self) -> Self:
        if len(self.weights) != len(self.members) or sum(self.weights) <= 0 or self.levels[0] >= self.levels[1]:
            raise ValueError("one weight a member, their sum above 0, and levels that rise")
        return self

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
        return max((member.commercial_use for member in self.members), key=BY_STRICTNESS.index)

    @property
    def strictest(self) -> ModelCard:
        """The member whose licence allows least."""
        return max(self.members, key=lambda member: BY_STRICTNESS.index(member.commercial_use))

    @property
    def license_url(self) -> str:
        """The address of the strictest member's licence."""
        return self.strictest.license_url

    @property
    def homepage(self) -> str:
        """The page of the strictest member's publisher."""
        return self.strictest.homepage

    @property
    def why(self) -> str:
        """The code for the reason of the strictest member's `commercial_use`."""
        return self.strictest.why

    @property
    def trained_on(self) -> tuple[str, ...]:
        """The training data of all members."""
        return tuple(dict.fromkeys(data for member in self.members for data in member.trained_on))

    @property
    def memory_mb(self) -> float:
        """The memory of all members together."""
        return sum(member.memory_mb for member in self.members)

    @property
    def fetchable(self) -> bool:
        """Whether every member can be fetched."""
        return all(member.fetchable for member in self.members)

    @property
    def permissive(self) -> bool:
        """Whether the licences of all members allow commercial use and ask for nothing unusual."""
        return all(member.permissive for member in self.members)

    @property
    def gated(self) -> bool:
        """Whether the owner of a member lets only registered users fetch it."""
        return any(member.gated for member in self.members)

    accuracy: tuple[Accuracy, ...] = ()
    featured: bool = False
    local: bool = False
    classes: tuple[str, ...] = ()


Card = ModelCard | Ensemble
