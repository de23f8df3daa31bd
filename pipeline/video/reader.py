"""Clips frame by frame: upright, in sRGB, each at its own time; of a damaged file as much as is whole."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import chain
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from ..base.errors import ClearcutError
from ..compose.framing import turn
from ..pixels.geometry import Size
from ..pixels.image_io import Photo
from .animations import describe_animation, open_animation, read_animation
from .clip import Clip, Frame, Limits, open_container
from .colours import convert_frame, is_hdr

DAMAGED, CUT_SHORT, HDR = "video_damaged", "video_cut_short", "video_hdr"  # warnings
ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # FFmpeg's own ones leave out alpha
ROUNDING = 0.01  # ticks
MISSING = 2  # frames by which a clip may be shorter than its file says
ANIMATIONS = (".apng", ".gif", ".webp")
VIDEOS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".mts", ".ts", ".webm", ".wmv", *ANIMATIONS)


class _Raw(NamedTuple):
    """A decoded frame, its time and its duration in ticks; the duration is 0 where the next frame tells it."""

    ticks: int
    duration: int
    picture: Any


class Reader:
    """A clip that is open for reading.

    Parameters
    ----------
    path
        Of a video, or of an animated GIF, WebP or PNG.
    limits
        Checked as far as the file tells its length, and again while it is read.
    on_frame
        Called after each frame that is decoded, also of those that are passed over.

    Attributes
    ----------
    clip
        Its facts.
    warnings
        Codes, which grow while frames are read.

    Raises
    ------
    ClearcutError
        ``file_missing``, ``file_unreadable``, ``not_a_video``, ``broken_video``, ``too_many_pixels``,
        ``video_too_long``, ``too_many_frames``.
    """

    def __init__(self, path: Path, limits: Limits | None = None, on_frame: Callable[[], object] = lambda: None) -> None:
        self._path, self._limits, self.warnings = path, limits or Limits(), list[str]()
        self._on_frame = on_frame
        _check_file(path)
        self._animation: Any = open_animation(path, self._limits)
        if self._animation:
            self.clip = describe_animation(self._animation, path.name)
        else:
            self.clip = _describe(path)
        self._limits.check_size(self.clip.size, path.name)
        self._limits.check_length(self.clip.seconds or 0, 0, path.name)
        if self.clip.is_hdr:
            self._warn(HDR)

    def read(self, start: float = 0.0, end: float | None = None, since: Fraction = Fraction(0)) -> Iterator[Frame]:
        """Each frame that is shown from second `start` on and before second `end`; the first of them is at tick 0.

        What is over `since` seconds after that first one is left out; the file is entered there.
        """
        base, number = self.clip.time_base, 0
        low, high = self._find_tick(start), None if end is None else self._find_tick(end)
        first = self._find_first(start) if since else None
        for raw in self._complete(self._read_raw(float((first or 0) * base + since) if since else start)):
            if start and raw.ticks < low:
                continue
            if high is not None and raw.ticks >= high:
                return
            first = raw.ticks if first is None else first
            ticks = raw.ticks - first
            if since and (ticks + raw.duration) * base <= since:
                continue
            self._limits.check_length(float((ticks + raw.duration) * base), number + 1, self.clip.name)
            yield Frame(number, ticks, raw.duration, partial(self._load, raw.picture))
            number += 1

    def peek(self, second: float) -> Photo:
        """The picture that is shown at a second; of the clip's end where it is shorter. Raises ``broken_video``."""
        target, shown = round(second / self.clip.time_base), None
        for raw in self._read_raw(second):
            if shown is not None and raw.ticks > target:
                break
            shown = raw
        if shown is None and second:  # nothing is there, or the file cannot be entered midway
            return self.peek(0.0)
        if shown is None:
            raise ClearcutError("broken_video", name=self.clip.name)
        return self._load(shown.picture)

    def find_start(self, start: float) -> float:
        """The second at which the first frame from `start` on is shown."""
        first = self._find_first(start)
        return start if first is None else float(first * self.clip.time_base)

    def _find_first(self, start: float) -> int | None:
        """The tick of the first frame from second `start` on; None where there is none."""
        low = self._find_tick(start)
        return next((raw.ticks for raw in self._read_raw(start) if raw.ticks >= low or not start), None)

    def _find_tick(self, second: float) -> int:
        """The first tick that is not before a second; a hair before counts as it, since seconds are rounded."""
        return ceil(second / self.clip.time_base - ROUNDING)

    def close(self) -> None:
        """Close the file."""
        if self._animation:
            self._animation.close()

    def _warn(self, code: str) -> None:
        if code not in self.warnings:
            self.warnings.append(code)

    def _complete(self, raws: Iterator[_Raw]) -> Iterator[_Raw]:
        """The frames with their durations, and with times that grow."""
        before: _Raw | None = None
        for raw in raws:
            if before:
                raw = raw._replace(ticks=max(raw.ticks, before.ticks + 1))
                yield before._replace(duration=raw.ticks - before.ticks)
            before = raw
        if before is None:
            raise ClearcutError("broken_video", name=self.clip.name)
        usual = max(1, round(1 / (self.clip.rate * self.clip.time_base)))
        yield before._replace(duration=before.duration or usual)

    def _load(self, picture: Any) -> Photo:
        if isinstance(picture, Photo):
            return replace(picture, name=self.clip.name)
        rgb, alpha = convert_frame(picture)
        size, quarters = self.clip.size, -picture.rotation // 90 % 4
        own = None if alpha is None else _straighten(alpha, quarters, size)
        return Photo(_straighten(rgb, quarters, size), own, name=self.clip.name)

    def _read_raw(self, start: float) -> Iterator[_Raw]:
        """The frames from second `start` on, and some before it."""
        if self._animation:
            return self._read_animation()
        raws = self._decode(start)
        first = next(raws, None)
        if first is None or first.ticks > self._find_tick(start):  # no index, or a wrong one
            return self._decode() if start else chain([] if first is None else [first], raws)
        return chain([first], raws)

    def _read_animation(self) -> Iterator[_Raw]:
        read = 0
        for ticks, duration, photo in read_animation(self._animation):
            read += 1
            self._on_frame()
            yield _Raw(ticks, duration, photo)
        if read < self._animation.n_frames:
            self._warn(DAMAGED)

    def _decode(self, start: float = 0.0) -> Iterator[_Raw]:
        """The frames of a video as they are decoded, their times counted from the file's start.

        They begin with the last whole picture before second `start`.
        """
        from av.error import FFmpegError

        with open_container(self._path) as container:
            stream = container.streams.video[0]
            base = self.clip.time_base
            zero = round(Fraction(container.start_time or 0, 1_000_000) / base)
            usual = max(1, round(1 / (self.clip.rate * base)))
            last: int | None = None
            if start:
                with suppress(FFmpegError):
                    container.seek(zero + self._find_tick(start), stream=stream)
            for frame in self._deinterlace(self._decode_packets(container, stream)):
                self._on_frame()
                told = frame.pts if frame.pts is not None else frame.dts
                told = told if told is None or frame.time_base is None else round(told * frame.time_base / base)
                last = told - zero if told is not None else (0 if last is None else last + usual)
                yield _Raw(last, frame.duration or 0, frame)
            self._check_end(last, usual)

    def _decode_packets(self, container: Any, stream: Any) -> Iterator[Any]:
        from av.error import FFmpegError

        decoder, packets = _choose_decoder(stream), container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (FFmpegError, OSError):  # what follows is lost; what the decoder still holds is not
                self._warn(DAMAGED)
                with suppress(FFmpegError):
                    yield from decoder.decode(None)
                return
            try:
                frames = decoder.decode(packet if packet.size else None)
            except (FFmpegError, EOFError):
                self._warn(DAMAGED)
                continue
            for frame in frames:
                if frame.is_corrupt:
                    self._warn(DAMAGED)
                else:
                    yield frame

    def _deinterlace(self, frames: Iterator[Any]) -> Iterator[Any]:
        """The frames, each half picture filled up where the clip is interlaced; others pass as they are."""
        if not self.clip.is_interlaced:
            yield from frames
            return
        from av.error import BlockingIOError as Hungry
        from av.error import EOFError as Done
        from av.filter import Graph

        graph: Any = None
        for frame in frames:
            if graph is None:
                graph = _make_deinterlacer(Graph(), frame)
            graph.push(frame)
            with suppress(Hungry):
                while True:
                    yield graph.pull()
        if graph is not None:
            graph.push(None)
            with suppress(Hungry, Done):
                while True:
                    yield graph.pull()

    def _check_end(self, last: int | None, usual: int) -> None:
        """Warn where the file says that more follows after the frame at tick `last`."""
        if last is not None and self.clip.seconds:
            missing = self.clip.seconds / self.clip.time_base - last - usual
            if missing > MISSING * usual:
                self._warn(CUT_SHORT)


def is_video(path: Path) -> bool:
    """Whether a file is called as clips are."""
    return path.suffix.lower() in VIDEOS


def is_clip(path: Path) -> bool:
    """Whether a file that is called as a clip is one: a picture of a kind that may move has to."""
    if path.suffix.lower() not in ANIMATIONS:
        return is_video(path)
    image = open_animation(path, Limits())
    if image:
        image.close()
    return image is not None


def _check_file(path: Path) -> None:
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise ClearcutError("empty_file", name=path.name)
    except FileNotFoundError:
        raise ClearcutError("file_missing", name=path.name) from None
    except OSError:
        raise ClearcutError("file_unreadable", name=path.name) from None


def _describe(path: Path) -> Clip:
    """The facts of a video, for which its first frame is decoded."""
    from av.error import FFmpegError

    try:
        with open_container(path) as container:
            if not container.streams.video:
                raise ClearcutError("not_a_video", name=path.name)
            return _read_facts(container, path.name)
    except (FFmpegError, OSError, ValueError):
        code = "broken_video" if is_video(path) else "not_a_video"
        raise ClearcutError(code, name=path.name) from None  # type: ignore[arg-type]


def _read_facts(container: Any, name: str) -> Clip:
    stream = container.streams.video[0]
    decoder, frame = _choose_decoder(stream), None
    for packet in container.demux(stream):
        with suppress(*_errors()):
            frame = next(iter(decoder.decode(packet if packet.size else None)), None)
        if frame is not None:
            break
    if frame is None:
        raise ClearcutError("broken_video", name=name)
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    return Clip(
        name,
        _find_size(frame, stream),
        Fraction(rate),
        Fraction(stream.time_base),
        _read_seconds(container, stream),
        stream.codec_context.name,
        has_alpha=any(part.is_alpha for part in frame.format.components),
        is_hdr=is_hdr(frame),
        is_interlaced=bool(frame.interlaced_frame),
    )


def _read_seconds(container: Any, stream: Any) -> float | None:
    """How long the pictures last; None where only the whole file's length is known, which may be that of its sound."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    told = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", ""))
    if told:
        return 3600 * int(told[1]) + 60 * int(told[2]) + float(told[3])
    return container.duration / 1e6 if container.duration and not container.streams.audio else None


def _errors() -> tuple[type[BaseException], ...]:
    from av.error import FFmpegError

    return FFmpegError, EOFError


def _find_size(frame: Any, stream: Any) -> Size:
    """Upright, with square pixels."""
    wide = stream.sample_aspect_ratio or 1
    size = max(1, round(frame.width * wide)), frame.height
    return size[::-1] if frame.rotation // 90 % 2 else size


def _choose_decoder(stream: Any) -> Any:
    """The stream's decoder, on all cores; another one where only that reads its alpha."""
    import av

    tells_alpha = "1" in (stream.metadata.get("alpha_mode"), stream.metadata.get("ALPHA_MODE"))
    name = ALPHA_DECODERS.get(stream.codec_context.name) if tells_alpha else None
    if not name:
        stream.thread_type = "AUTO"
        return stream.codec_context
    decoder = av.CodecContext.create(name, "r")
    decoder.extradata = stream.codec_context.extradata
    return decoder


def _make_deinterlacer(graph: Any, frame: Any) -> Any:
    """A graph that fills up the half pictures of interlaced frames and keeps the others, one frame for each."""
    how = {"width": frame.width, "height": frame.height, "format": frame.format, "time_base": frame.time_base}
    source = graph.add_buffer(**how)
    filling, sink = graph.add("bwdif", "mode=send_frame:deint=interlaced"), graph.add("buffersink")
    source.link_to(filling)
    filling.link_to(sink)
    graph.configure()
    return graph


def _straighten(plane: np.ndarray, quarters: int, size: Size) -> np.ndarray:
    """`plane` upright, at `size` once it is: pixels that are not square become so."""
    sides = size[::-1] if quarters % 2 else size
    if (plane.shape[1], plane.shape[0]) != sides:
        plane = cv2.resize(plane, sides, interpolation=cv2.INTER_AREA)
    return turn(plane, quarters)
