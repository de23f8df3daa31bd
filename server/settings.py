"""The settings of a server: those of the pipeline, and its address, limits and access."""

import ipaddress
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator

from pipeline import ClearcutError, Settings

SHARED_PHOTOS, SHARED_MB = 100, 1000.0  # of a batch where others can reach the server
ROOT = Path(__file__).parents[1]


class ServerSettings(Settings):
    """Each field is a flag of ``webui.py`` and a variable ``CLEARCUT_<FIELD>``."""

    max_mb: float = Field(30, gt=0)
    max_megapixels: float = Field(64, gt=0)
    host: str = "127.0.0.1"
    port: int = Field(7860, ge=0, le=65535)
    share: bool = False
    auth: str | None = Field(None, pattern=r"^[^:]+:.+$")
    public: bool = False
    allowed_host: str = ""
    root_path: str = ""
    open: bool = True
    manage_models: bool | None = None
    fetch_ahead: bool = True
    url_input: bool = False
    mcp: bool | None = None
    queue: int = Field(8, ge=0)
    keep_minutes: float = Field(60, gt=0)
    batches_dir: Path = ROOT / "batches"
    batch_days: float = Field(7, gt=0)
    batch_photos: int | None = Field(None, ge=1)
    batch_mb: float | None = Field(None, gt=0)

    @field_validator("root_path")
    @classmethod
    def _with_leading_slash(cls, value: str) -> str:
        return "/" + value.strip("/") if value.strip("/") else ""

    @property
    def exposed(self) -> bool:
        """Whether other machines can reach this server."""
        return self.share or not is_loopback(self.host)

    @property
    def most_batch_photos(self) -> int | None:
        """How many photos a batch may have; None: as many as there are."""
        return self.batch_photos or (SHARED_PHOTOS if self.exposed else None)

    @property
    def most_batch_mb(self) -> float | None:
        """How much a batch's photos and archives may take on the disk; None: as much as there is."""
        return self.batch_mb or (SHARED_MB if self.exposed else None)

    @property
    def may_manage(self) -> bool:
        """Whether visitors may fetch, remove and import models."""
        return not self.exposed if self.manage_models is None else self.manage_models

    @property
    def may_fetch_ahead(self) -> bool:
        """Whether a better model may be fetched that nobody has asked for: on one's own machine only."""
        return self.fetch_ahead and not self.offline and not self.exposed and self.may_manage

    @property
    def is_private(self) -> bool:
        """Whether nobody but this computer can come in, by no proxy either."""
        return not (self.exposed or self.extra_hosts or self.root_path)

    @property
    def offers_tool(self) -> bool:
        """Whether assistants that speak MCP may use this server."""
        return self.is_private if self.mcp is None else self.mcp

    @property
    def extra_hosts(self) -> set[str]:
        """Names that this server answers to besides its own addresses."""
        return {name.strip().lower() for name in self.allowed_host.split(",") if name.strip()}

    def require_protection(self) -> Self:
        """Raise ``needs_protection`` where the server is exposed, without password and ``--public``; else self."""
        if self.exposed and not self.auth and not self.public:
            raise ClearcutError("needs_protection", what="--share" if self.share else f"--host {self.host}")
        return self


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
