"""Segments of a clip: whole groups of pictures, each encoded for itself, so that they can be joined."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np

from ..pixels.encoders import Picture, encode_picture
from .formats import VideoFormat, choose_codec_options

REACH = 16  # pixels: the side of a block in which lossy codecs mix colours
COARSE = 4  # pixels of the picture that are one where colours are spread
LIMITED, FULL, BT709 = 1, 2, 1  # as FFmpeg numbers ranges and matrices


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
        if format.is_files:
            path.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if self._container:
            if kind is None:
                self._container.mux(self._stream.encode())
            self._container.close()

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
            self._open(rgb.shape[1], rgb.shape[0])
        frame = _make_frame(rgb, alpha, self._stream.pix_fmt)
        frame.pts, frame.time_base = self.count, 1 / self._rate
        self._container.mux(self._stream.encode(frame))

    def _open(self, width: int, height: int) -> None:
        import av

        format = self._format
        self._container = av.open(str(self._path), "w", format="matroska", options={"fflags": "+bitexact"})
        codec = "ffv1" if format.is_animation else format.codec
        options = {} if format.is_animation else choose_codec_options(format, self._quality)
        self._stream = self._container.add_stream(codec, rate=self._rate, options=options)
        self._stream.width, self._stream.height = width, height
        pixels = "bgra" if format.is_animation else format.pixels if self._has_alpha else format.opaque_pixels
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

    is_lossy = pixels not in ("bgra", "rgba")
    if alpha is not None:
        rgba = cv2.cvtColor(spread_colour(rgb, alpha) if is_lossy else rgb, cv2.COLOR_RGB2RGBA)
        cv2.insertChannel(alpha, rgba, 3)
        frame = av.VideoFrame.from_ndarray(rgba, format="rgba")
    else:
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    if not is_lossy:
        return frame.reformat(format=pixels)
    span = {"src_color_range": FULL, "dst_color_range": LIMITED}
    made = frame.reformat(format=pixels, dst_colorspace=BT709, **span)
    made.colorspace, made.color_range = BT709, LIMITED
    return made


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
    sums = cv2.boxFilter(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.float32), -1, (side, side))
    shown = cv2.resize((alpha > 0).view(np.uint8) * np.uint8(255), size, interpolation=cv2.INTER_AREA)
    whole = cv2.boxFilter(shown.astype(np.float32) / 255, -1, (side, side))
    near = (sums / np.maximum(whole, 1e-3)[..., None]).clip(0, 255).astype(np.uint8)
    spread = cv2.resize(near, (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.copyTo(rgb, alpha, spread)
