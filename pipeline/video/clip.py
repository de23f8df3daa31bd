"""What a clip is: its facts, its frames, and how long and how large one may be."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..base.errors import ClearcutError
from ..pixels.geometry import Size
from ..pixels.image_io import Photo

# Of FFmpeg's demuxers those of files that hold a clip, not those of lists that name other files and addresses.
HOLDERS = "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,asf,flv,ogg,mxf,nut,dv,ivf,yuv4mpegpipe,h264,hevc,gif,apng"
SAFELY = {"format_whitelist": HOLDERS, "protocol_whitelist": "file"}


def open_container(path: Path) -> Any:
    """A file of a clip, opened by PyAV; nothing but that file is read. Raises PyAV's errors."""
    import av

    return av.open(str(path), options=SAFELY)


@dataclass(frozen=True)
class Limits:
    """How long and how large a clip may be; None: no matter."""

    seconds: float | None = None
    megapixels: float | None = None
    frames: int | None = None

    def check_size(self, size: Size, name: str) -> None:
        """Raise ``too_many_pixels`` for frames that are too large."""
        if self.megapixels is not None and size[0] * size[1] > self.megapixels * 1e6:
            pixels = round(size[0] * size[1] / 1e6, 1)
            facts = {"width": size[0], "height": size[1], "megapixels": pixels, "limit": self.megapixels}
            raise ClearcutError("too_many_pixels", name=name, **facts)

    def check_length(self, seconds: float, frames: int, name: str) -> None:
        """Raise ``video_too_long``, ``too_many_frames``."""
        if self.seconds is not None and seconds > self.seconds:
            raise ClearcutError("video_too_long", name=name, length=f"{seconds:.1f} s", limit=f"{self.seconds:g} s")
        if self.frames is not None and frames > self.frames:
            raise ClearcutError("too_many_frames", name=name, limit=self.frames)


@dataclass(frozen=True)
class Clip:
    """The facts of a clip.

    Attributes
    ----------
    name
        Its file's name.
    size
        Width and height of a frame, upright and with square pixels.
    rate
        Frames a second, on average.
    time_base
        Seconds of a tick, in which frames tell their time.
    seconds
        How long it is, about; None where the file does not say.
    codec, has_alpha, is_hdr, is_interlaced
        How it is stored.
    """

    name: str
    size: Size
    rate: Fraction
    time_base: Fraction
    seconds: float | None
    codec: str
    has_alpha: bool = False
    is_hdr: bool = False
    is_interlaced: bool = False


@dataclass(frozen=True)
class Frame:
    """One frame of a clip.

    Attributes
    ----------
    number
        From 0, of those that are read.
    ticks, duration
        When it is shown, after the first one, and how long.
    load
        Returns its picture; converting its colours waits until then.
    """

    number: int
    ticks: int
    duration: int
    load: Callable[[], Photo]
