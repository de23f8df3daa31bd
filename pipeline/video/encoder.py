"""Segments of a clip: whole groups of pictures, each encoded for itself, so that they can be joined."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np

from ..pixels.encoders import Picture, encode_picture
from .formats import VideoFormat, choose_codec_options
from .planes import BT709, LIMITED, write_grey, write_planes

REACH = 16  # pixels: the side of a block in which lossy codecs mix colours
COARSE = 4  # pixels of the picture that are one where colours are spread
LEAST = 0.25  # of 255: what counts as nothing seen near a pixel
LARGE = (
    5e6  # pixels of a frame from which VP9's alpha waits for the end of a segment: an encoder takes 80 bytes a pixel
)
TINY = 128  # pixels of a side, below which libx264 weighs blocks by memory that it has not set: other bytes each time
FIRST_ADDED = (1).to_bytes(8)  # the number of what goes with a block of Matroska: its alpha


class SegmentEncoder:
    """Encodes the frames of one segment into a file.

    Times are not its matter: frames are counted, and their times are told when segments are joined.

    Parameters
    ----------
    path
        The file; a folder where the format is a picture a frame.
    has_alpha
        Whether the format's alpha is used.
    rate
        Frames a second, about, which only the codec's choice of quality reads.
    first
        The number of the segment's first frame, which pictures are called by.
    """

    def __init__(
        self, path: Path, format: VideoFormat, has_alpha: bool, rate: Fraction, quality: int, first: int = 0
    ) -> None:
        self._path, self._format, self._has_alpha, self._rate = path, format, has_alpha, rate
        self._quality, self._first, self.count = quality, first, 0
        self._container: Any = None
        self._stream: Any = None
        self._alphas: list[np.ndarray] | None = None  # of the frames, as PNG, where they are encoded after all colours
        if format.is_files:
            path.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if self._container:
            if kind is None:
                self._container.mux(self._stream.encode())
            self._container.close()
        if kind is None and self._alphas:
            self._add_alphas(self._alphas)

    def add(self, rgb: np.ndarray, alpha: np.ndarray | None) -> None:
        """Encode the next frame: ``(H, W, 3)`` uint8, straight, and its alpha."""
        alpha = alpha if self._has_alpha else None
        if self._format.is_files:
            name = f"{self._first + self.count + 1:06}.png"
            (self._path / name).write_bytes(encode_picture("png", Picture(rgb, alpha)))
        else:
            self._encode(rgb, alpha)
        self.count += 1

    def _encode(self, rgb: np.ndarray, alpha: np.ndarray | None) -> None:
        if self._format.opaque_pixels == "yuv420p" and not self._has_alpha:
            rgb = _make_even(rgb)
        if self._container is None:
            waits = self._format.codec == "libvpx-vp9" and self._has_alpha and rgb.shape[0] * rgb.shape[1] >= LARGE
            self._alphas = [] if waits else None
            self._open(self._name_colours() if waits else self._path, rgb.shape[1], rgb.shape[0])
        if self._alphas is not None and alpha is not None:
            self._alphas.append(cv2.imencode(".png", alpha, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1])
            rgb, alpha = spread_colour(rgb, alpha), None
        self._write(_make_frame(rgb, alpha, self._stream.pix_fmt), self.count)

    def _write(self, frame: Any, number: int) -> None:
        frame.pts, frame.time_base = number, 1 / self._rate
        self._container.mux(self._stream.encode(frame))

    def _name_colours(self) -> Path:
        return self._path.with_name(f"{self._path.name}.colours.part")

    def _add_alphas(self, alphas: list[np.ndarray]) -> None:
        """Encode alpha, now that the encoder of colours and its memory are gone, and put both into one file."""
        colours, alone = self._name_colours(), self._path.with_name(f"{self._path.name}.alpha.part")
        self._container = self._stream = None
        for number, coded in enumerate(alphas):
            alpha = cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)
            assert alpha is not None
            if self._container is None:
                self._open(alone, alpha.shape[1], alpha.shape[0])
            self._write(write_grey(alpha), number)
        self._container.mux(self._stream.encode())
        self._container.close()
        _join_alpha(colours, alone, self._path)
        colours.unlink()
        alone.unlink()

    def _open(self, path: Path, width: int, height: int) -> None:
        import av

        format = self._format
        self._container = av.open(str(path), "w", format="matroska", options={"fflags": "+bitexact"})
        codec = "ffv1" if format.is_animation else format.codec
        options = {} if format.is_animation else choose_codec_options(format, self._quality)
        if codec == "libx264" and min(width, height) < TINY:
            options["mbtree"] = "0"
        self._stream = self._container.add_stream(codec, rate=self._rate, options=options)
        self._stream.width, self._stream.height = width, height
        has_alpha = self._has_alpha and self._alphas is None
        pixels = "bgra" if format.is_animation else format.pixels if has_alpha else format.opaque_pixels
        self._stream.pix_fmt = pixels
        context = self._stream.codec_context
        # libx264 in several threads gives other bytes once in some hundred runs, and a resumed run has to give the same
        context.thread_count = 1 if codec == "libx264" else 0
        if not format.is_animation:
            context.colorspace = context.color_primaries = context.color_trc = BT709
            context.color_range = LIMITED


def _make_frame(rgb: np.ndarray, alpha: np.ndarray | None, pixels: str) -> Any:
    """Pixels as a frame of PyAV's, in BT.709 and limited range where the codec's are not RGB."""
    import av

    if pixels.startswith("yuv"):
        return write_planes(rgb if alpha is None else spread_colour(rgb, alpha), alpha, pixels)
    if alpha is None:
        return av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24").reformat(format=pixels)
    rgba = cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA)
    cv2.insertChannel(alpha, rgba, 3)
    return av.VideoFrame.from_ndarray(rgba, format="rgba").reformat(format=pixels)


def _join_alpha(colours: Path, alphas: Path, target: Path) -> None:
    """Write a file in which each packet of `colours` has that of `alphas` with it, as libvpx's alpha is stored."""
    import av
    from av.packet import PacketSideData, packet_sidedata_type_from_literal

    kind = packet_sidedata_type_from_literal("matroska_block_additional")
    how = {"fflags": "+bitexact"}
    with (
        av.open(str(colours)) as one,
        av.open(str(alphas)) as other,
        av.open(str(target), "w", format="matroska", options=how) as whole,
    ):
        stream = whole.add_stream_from_template(one.streams.video[0])
        stream.metadata["alpha_mode"] = "1"
        for packet, beside in zip(one.demux(video=0), other.demux(video=0), strict=True):
            if packet.size:
                added = PacketSideData(kind, len(FIRST_ADDED) + beside.size)  # type: ignore[call-arg]
                added.update(FIRST_ADDED + bytes(beside))
                packet.set_sidedata(added)
                packet.stream = stream
                whole.mux(packet)


def _make_even(rgb: np.ndarray) -> np.ndarray:
    """`rgb` with its last column and row once more where there are odd ones: half as many colours go with luma."""
    height, width = rgb.shape[:2]
    if not (height % 2 or width % 2):
        return rgb
    return cv2.copyMakeBorder(rgb, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)


def spread_colour(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """`rgb` ``(H, W, 3)`` uint8 with the subject's colour carried on `REACH` pixels beyond its edge.

    Lossy codecs share colour between neighbours: without it the black of what is transparent bleeds into soft edges.
    """
    if cv2.minMaxLoc(alpha)[0] > 0:
        return rgb
    height, width = alpha.shape
    size = -(-width // COARSE), -(-height // COARSE)  # a colour that is only to be near needs few pixels
    side = 2 * (REACH // COARSE) + 1
    # where alpha is 0 rgb is 0, so that sums are those of what is seen
    seen = cv2.threshold(alpha, 0, 255, cv2.THRESH_BINARY)[1]
    sums, whole = (
        cv2.boxFilter(cv2.resize(each, size, interpolation=cv2.INTER_LINEAR), cv2.CV_32F, (side, side))
        for each in (rgb, seen)
    )
    weights = np.maximum(whole, LEAST)
    near = cv2.divide(sums, cv2.merge([weights, weights, weights]), scale=255, dtype=cv2.CV_8U)
    spread = cv2.resize(near, (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.copyTo(rgb, alpha, spread)
