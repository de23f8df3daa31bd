"""What the API tells of models, batches and their photos, as OpenAPI and clients see it."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Told(BaseModel):
    """What is told, all of it named here."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class ErrorTold(Told):
    """An error: ``sentence`` in the caller's language, where there is a caller."""

    code: str
    facts: dict[str, Any]
    sentence: str | None = None


class Progress(Told):
    """How far a fetch is, in bytes; ``done`` is null while nobody knows."""

    done: int | None
    total: int


class FetchTold(Told):
    """A fetch of a model: under way, or failed."""

    fetching: Progress | None = None
    error: ErrorTold | None = None


class ModelTold(FetchTold):
    """A model: what it is for, its licence, and whether it is here."""

    name: str
    title: str
    about: str
    bytes: int
    megabytes: float
    memory_mb: int
    license: str
    license_url: str
    homepage: str
    commercial_use: str
    commercial_use_why: str
    trained_on: list[str]
    good_for: list[str]
    accuracy: list[dict[str, Any]]
    classes: list[str]
    members: list[str]
    picks: bool
    verified: bool
    fetchable: bool
    own: bool
    installed: bool
    removable: bool
    seconds: float | None
    group: str
    default: bool


class FileTold(Told):
    """A file that goes with a photo, and where to fetch it."""

    name: str
    bytes: int
    url: str


class Counts(Told):
    """How many photos of a batch are how far; ``looks`` of those that are done want a look."""

    total: int
    waiting: int
    done: int
    failed: int
    looks: int


class BatchTold(Told):
    """A batch: its state, its options, and how long it still takes and stays."""

    id: str
    state: Literal["running", "waiting", "paused", "done"]
    counts: Counts
    rate: float | None
    seconds_left: int | None
    options: dict[str, Any]
    model: str
    left_out: dict[str, int]
    revision: int
    limit: int | None
    limit_mb: float | None
    room: int | None
    background_image: FileTold | None
    expires: int
    error: ErrorTold | None


class PhotoTold(Told):
    """A photo of a batch; ``told`` says by language what there is to say of it."""

    number: int
    name: str
    state: Literal["waiting", "working", "done", "failed"]
    width: int | None
    height: int | None
    bytes: int | None
    seconds: float | None
    model: str | None
    coverage: float | None
    reasons: list[str]
    error: ErrorTold | None
    told: dict[str, list[str]]
    options: dict[str, Any]
    beside: dict[str, FileTold]
    thumbnail: str | None
    photo: str
    cutout: str | None
    file: str
    revision: int


class PhotosTold(Told):
    """Photos of a batch, in the order in which they came."""

    items: list[PhotoTold]


class ClipTold(Told):
    """A video as it came; ``seconds`` is null where its file does not say it."""

    width: int
    height: int
    seconds: float | None
    rate: float
    codec: str


class VideoTold(Told):
    """A video: its state, how far it is, how long it still takes and stays.

    ``options`` are those that were given, with ``format``, ``from``, ``to``, ``fps`` and ``smooth``.
    """

    id: str
    state: Literal["ready", "waiting", "running", "done", "failed"]
    name: str
    clip: ClipTold
    options: dict[str, Any]
    background_image: FileTold | None
    marks: FileTold | None
    frames: int
    total: int | None
    rate: float | None
    seconds_left: int | None
    model: str | None
    warnings: list[str]
    error: ErrorTold | None
    result: FileTold | None
    expires: int


class Health(Told):
    """That the server is alive."""

    status: str
    run: str
    version: str | None = None


class Fetched(Told):
    """Which model is being fetched."""

    model: str
