"""Segments and sound joined into one file, each frame at its own time."""

import heapq
import zipfile
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..base.jobs import Job
from ..pixels.encoders import EPOCH
from .formats import VideoFormat, choose_codec_options
from .segment_store import Segment
from .sound import Sound

BROWSERS_LEAST = Fraction(1, 50)  # seconds below which browsers show a frame of a GIF for a tenth of a second
ENDLESS = {"gif": {"loop": "0"}, "webp": {"loop": "0"}, "apng": {"plays": "0"}}  # an animation is shown again and again
COLOURS = 255  # of a GIF's frame; one more is transparent
OPAQUE = 128  # alpha from which a pixel of a GIF shows


def join_segments(
    segments: Sequence[Segment],
    target: Path,
    format: VideoFormat,
    time_base: Fraction,
    sound: Sound,
    quality: int,
    job: Job,
) -> None:
    """Write one file from all segments, in order; `time_base` is the seconds of a tick. Raises ``cancelled``."""
    import av

    how = {"fflags": "+bitexact", **ENDLESS.get(format.name, {})}
    if format.container in ("mp4", "mov"):
        how |= {"movflags": "+faststart", "video_track_timescale": str(time_base.denominator)}
    with av.open(str(target), "w", format=format.container, options=how) as container:
        if format.is_animation:
            for packet in _animate(segments, container, format, time_base, quality):
                job.enter("finishing")
                container.mux(packet)
            return
        pictures = _copy_pictures(segments, container, time_base)
        first = next(pictures)  # makes the track: all have to be there before anything is written
        sound.add_to(container)
        for _, packet in heapq.merge([first], pictures, sound.make_packets(), key=lambda each: each[0]):
            job.enter("finishing")
            container.mux(packet)


def _copy_pictures(segments: Sequence[Segment], container: Any, time_base: Fraction) -> Iterator[tuple[float, Any]]:
    """The packets of all segments with their seconds."""
    import av

    stream: Any = None
    for segment in segments:
        with av.open(str(segment.path)) as source:
            track = source.streams.video[0]
            if stream is None:
                stream = container.add_stream_from_template(track)
                stream.time_base = time_base
                if "alpha_mode" in {name.lower() for name in track.metadata}:
                    stream.metadata["alpha_mode"] = "1"
            packets = (packet for packet in source.demux(track) if packet.size)
            for packet, (ticks, duration) in zip(packets, segment.times, strict=True):
                packet.time_base = time_base
                packet.pts = packet.dts = ticks
                packet.duration, packet.stream = duration, stream
                yield float(ticks * time_base), packet


def _animate(
    segments: Sequence[Segment], container: Any, format: VideoFormat, time_base: Fraction, quality: int
) -> Iterator[Any]:
    """The packets of an animated picture, for which the frames of all segments are encoded."""
    import av

    stream: Any = None
    for segment in segments:
        with av.open(str(segment.path)) as source:
            for decoded, (ticks, duration) in zip(source.decode(video=0), segment.times, strict=True):
                rgba = decoded.to_ndarray(format="rgba")
                if stream is None:
                    stream = container.add_stream(format.codec, rate=25, options=choose_codec_options(format, quality))
                    stream.width, stream.height = rgba.shape[1], rgba.shape[0]
                    stream.pix_fmt = format.pixels
                    stream.codec_context.time_base = time_base
                frame = _make_frame(rgba, format.pixels)
                frame.pts, frame.time_base, frame.duration = ticks, time_base, duration
                yield from stream.encode(frame)
    yield from stream.encode()


def _make_frame(rgba: np.ndarray, pixels: str) -> Any:
    import av

    if pixels != "pal8":
        return av.VideoFrame.from_ndarray(rgba, format="rgba").reformat(format=pixels)
    indexed: Any = _choose_palette(rgba)  # PyAV takes the pair for this format alone
    return av.VideoFrame.from_ndarray(indexed, format="pal8")


def _choose_palette(rgba: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pixels as numbers ``(H, W)`` uint8 of colours ``(256, 4)`` uint8, alpha first; the last is transparent."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(rgba[..., :3]))
    reduced = image.quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.FLOYDSTEINBERG)
    numbers = np.asarray(reduced).copy()
    numbers[rgba[..., 3] < OPAQUE] = COLOURS
    palette = np.zeros((256, 4), np.uint8)
    colours = np.asarray(reduced.getpalette(), np.uint8).reshape(-1, 3)[:COLOURS]
    palette[: len(colours), 1:] = colours
    palette[:COLOURS, 0] = 255
    return numbers, palette


def pack_pictures(folder: Path, target: Path, job: Job) -> None:
    """All pictures of a folder as a ZIP; stored, since they are compressed already. Raises ``cancelled``."""
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.iterdir()):
            job.enter("finishing")
            archive.writestr(zipfile.ZipInfo(path.name, EPOCH), path.read_bytes())
