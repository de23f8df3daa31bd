"""The settings of a server: those of the pipeline, and its address, limits and access."""

import ipaddress
import re
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator

from pipeline import ClearcutError, Settings

SHARED_PHOTOS, SHARED_MB = 100, 1000.0  # of a batch where others can reach the server
SHARED_SECONDS, SHARED_FRAMES, SHARED_VIDEO_MB = 60.0, 3600, 200.0  # of a video there
SHARED_RATE = 600  # requests of a client a minute there
ORIGIN = re.compile(r"https?://[^\s/,;*?#@]+")
ROOT = Path(__file__).parents[1]
MINUTES_OF_A_DAY = 24 * 60


class ServerSettings(Settings):
    """Each field is a flag of ``webui.py`` and a variable ``CLEARCUT_<FIELD>``."""

    max_mb: float = Field(30, gt=0)
    max_megapixels: float = Field(64, gt=0)
    max_frames: int = Field(1000, ge=1)
    host: str = "127.0.0.1"
    port: int = Field(7860, ge=0, le=65535)
    share: bool = False
    auth: str | None = Field(None, pattern=r"^[^:]+:.+$")
    tokens: Path | None = None
    public: bool = False
    rate: int | None = Field(None, ge=1)
    client_header: str = Field("", pattern=r"^[A-Za-z][A-Za-z0-9-]*$")
    cors: str = ""
    embed: str = ""
    allowed_host: str = ""
    root_path: str = ""
    open: bool = True
    manage_models: bool | None = None
    fetch_ahead: bool = True
    url_input: bool = False
    mcp: bool | None = None
    queue: int = Field(8, ge=0)
    keep_minutes: float = Field(60, gt=0)
    no_store: bool = False
    log: Literal["json", "text", "off"] = "off"
    metrics: bool = False
    stop_seconds: float = Field(30, ge=0)
    batches_dir: Path = ROOT / "batches"
    batch_days: float = Field(7, gt=0)
    batch_photos: int | None = Field(None, ge=1)
    batch_mb: float | None = Field(None, gt=0)
    video_seconds: float | None = Field(None, gt=0)
    video_frames: int | None = Field(None, ge=1)
    video_mb: float | None = Field(None, gt=0)
    live: bool | None = None
    request_seconds: float = Field(300, gt=0)
    spare_mb: float = Field(200, ge=0)

    @field_validator("root_path")
    @classmethod
    def _with_leading_slash(cls, value: str) -> str:
        return "/" + value.strip("/") if value.strip("/") else ""

    @field_validator("cors", "embed")
    @classmethod
    def _of_origins(cls, value: str) -> str:
        origins = split_list(value)
        if not all(ORIGIN.fullmatch(origin) for origin in origins):
            raise ValueError("no origin")  # neither is *, which would be every web page that anybody has open
        return ",".join(origins)

    @property
    def exposed(self) -> bool:
        """Whether other machines can reach this server, by its address or through a proxy that names them."""
        return self.share or bool(self.client_header) or not is_loopback(self.host)

    @property
    def is_locked(self) -> bool:
        """Whether a password or a token is asked for."""
        return bool(self.auth or self.tokens)

    @property
    def may_show_metrics(self) -> bool:
        """Whether there are figures at ``/metrics``: for no stranger."""
        return self.metrics and (self.is_locked or not self.exposed)

    @property
    def most_requests(self) -> int | None:
        """How many requests that ask for work a client may make in a minute; None: as many as it likes."""
        return self.rate or (SHARED_RATE if self.exposed else None)

    @property
    def cors_origins(self) -> list[str]:
        """Origins whose pages may use the API."""
        return split_list(self.cors)

    @property
    def embed_origins(self) -> list[str]:
        """Origins whose pages may show this one in a frame."""
        return split_list(self.embed)

    @property
    def most_batch_photos(self) -> int | None:
        """How many photos a batch may have; None: as many as there are."""
        return self.batch_photos or (SHARED_PHOTOS if self.exposed else None)

    @property
    def most_batch_mb(self) -> float | None:
        """How much a batch's photos and archives may take on the disk; None: as much as there is."""
        return self.batch_mb or (SHARED_MB if self.exposed else None)

    @property
    def most_video_seconds(self) -> float | None:
        """How long a video may be; None: no matter."""
        return self.video_seconds or (SHARED_SECONDS if self.exposed else None)

    @property
    def most_video_frames(self) -> int | None:
        """How many frames of a video may be cut out; None: no matter."""
        return self.video_frames or (SHARED_FRAMES if self.exposed else None)

    @property
    def most_video_mb(self) -> float | None:
        """How large the file of a video may be; None: no matter."""
        return self.video_mb or (SHARED_VIDEO_MB if self.exposed else None)

    @property
    def may_manage(self) -> bool:
        """Whether visitors may fetch, remove and import models."""
        return not self.exposed if self.manage_models is None else self.manage_models

    @property
    def may_fetch_ahead(self) -> bool:
        """Whether a better model may be fetched that nobody has asked for: on one's own machine only."""
        return self.fetch_ahead and not self.offline and not self.exposed and self.may_manage

    @property
    def may_measure(self) -> bool:
        """Whether engines may be timed, since what is chosen is kept for the next start."""
        return self.measure and not self.no_store

    @property
    def is_private(self) -> bool:
        """Whether nobody but this computer can come in, by no proxy either."""
        return not (self.exposed or self.extra_hosts or self.root_path)

    @property
    def offers_tool(self) -> bool:
        """Whether assistants that speak MCP may use this server."""
        return self.is_private if self.mcp is None else self.mcp

    @property
    def offers_live(self) -> bool:
        """Whether the page may cut out what the visitor's camera sees, as it sees it."""
        return self.is_private if self.live is None else self.live

    @property
    def extra_hosts(self) -> set[str]:
        """Names that this server answers to besides its own addresses."""
        return set(split_list(self.allowed_host))

    def store_in(self, folder: Path) -> Self:
        """Where ``no_store`` is set, the same settings with all that would stay on disk in `folder`; else self."""
        if not self.no_store:
            return self
        days = min(self.batch_days, self.keep_minutes / MINUTES_OF_A_DAY)
        kept = {"cache_dir": folder / "cache", "batches_dir": folder / "batches"}
        return self.model_copy(update={**kept, "cache_disk_mb": 0.0, "batch_days": days})

    def require_protection(self) -> Self:
        """Raise ``needs_protection`` where the server is exposed, without lock and ``--public``; else self."""
        if self.exposed and not self.is_locked and not self.public:
            opened = "--client-header" if is_loopback(self.host) else f"--host {self.host}"
            raise ClearcutError("needs_protection", what="--share" if self.share else opened)
        return self


def split_list(text: str) -> list[str]:
    """What stands between commas, in lower case.

    >>> split_list("Cut.example, other.example,")
    ['cut.example', 'other.example']
    """
    return [part.strip().lower() for part in text.split(",") if part.strip()]


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address without a port, is a loopback address.

    >>> is_loopback("localhost"), is_loopback("[::1]"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host.lower() == "localhost":
        return True
    address = parse_address(host)
    return address is not None and address.is_loopback


def parse_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """`host` as an IP address; None where it is a name."""
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
