"""The sound of a clip: copied where the new file can hold it, else encoded anew, and always at its own time."""

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

from .clip import open_container
from .formats import OPUS, VideoFormat

OPUS_RATE = 48_000  # samples a second, the only rate that Opus has
TICK = Fraction(1, 1_000_000)  # seconds in which FFmpeg tells where a file starts


class Sound:
    """The first sound track of a clip, on its way into another file.

    Parameters
    ----------
    path
        The clip.
    format
        Of the new file.
    start, end
        Seconds of the clip between which it is wanted; `start` becomes the new file's second 0.
    """

    def __init__(self, path: Path, format: VideoFormat, start: float, end: float | None) -> None:
        self._start, self._end, self._format = start, end, format
        self._container: Any = open_container(path) if format.sound_codec else None
        tracks = self._container.streams.audio if self._container else ()
        self._track: Any = tracks[0] if tracks else None
        self._stream: Any = None
        self._copies = self._track is not None and self._track.codec_context.name in format.sounds

    def add_to(self, container: Any) -> None:
        """Make a track for it in the new file."""
        if not self._track:
            return
        if self._copies:
            self._stream = container.add_stream_from_template(self._track)
        else:
            rate = OPUS_RATE if self._format.sound_codec == OPUS else self._track.codec_context.sample_rate
            layout = "mono" if self._track.codec_context.channels == 1 else "stereo"
            self._stream = container.add_stream(self._format.sound_codec, rate=rate, layout=layout)

    def make_packets(self) -> Iterator[tuple[float, Any]]:
        """The packets of the new track with their seconds; a damaged end is left out."""
        from av.error import FFmpegError

        if not self._track or not self._container:
            return
        begin = float((self._container.start_time or 0) * TICK) + self._start
        with suppress(FFmpegError):
            if self._start > 1:
                self._container.seek(int((begin - 1) / TICK))
            yield from self._copy(begin) if self._copies else self._encode(begin)

    def _copy(self, begin: float) -> Iterator[tuple[float, Any]]:
        base, offset = self._track.time_base, round(begin / self._track.time_base)
        for packet in self._container.demux(self._track):
            if packet.pts is None:
                continue
            second = float(packet.pts * base) - begin
            if self._end is not None and second >= self._end - self._start:
                return
            if second < 0 and self._start:
                continue
            packet.pts -= offset
            packet.dts = packet.pts
            packet.stream = self._stream
            yield second, packet

    def _encode(self, begin: float) -> Iterator[tuple[float, Any]]:
        for frame in self._container.decode(self._track):
            if frame.pts is None:
                continue
            second = float(frame.pts * frame.time_base) - begin
            if self._end is not None and second >= self._end - self._start:
                break
            if second < 0:
                continue
            frame.pts -= round(begin / frame.time_base)
            yield from self._tell_seconds(self._stream.encode(frame))
        yield from self._tell_seconds(self._stream.encode(None))

    def _tell_seconds(self, packets: Any) -> Iterator[tuple[float, Any]]:
        for packet in packets:
            yield float((packet.pts or 0) * packet.time_base), packet

    def close(self) -> None:
        """Close the clip."""
        if self._container:
            self._container.close()
