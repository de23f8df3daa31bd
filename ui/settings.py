"""What the page needs to know of the server that it is on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PageSettings:
    """Facts and limits, all of them the server's own settings."""

    model: str
    max_mb: float
    max_megapixels: float
    queue: int
    keep_minutes: float
    may_fetch: bool
    batch_photos: int | None = None
    batch_mb: float | None = None
    video_mb: float | None = None
    video_seconds: float | None = None
    offers_live: bool = False
    no_store: bool = False
    root_path: str = ""
