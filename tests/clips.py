"""The clip factory: a disc that moves before a wall, with its exact alpha, as every kind of file."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

SAMPLES = 48_000  # a second
RED = np.array([210, 30, 40], np.float32)
GREEN = np.array([40, 180, 60], np.float32)


def disc(
    number: int, width: int = 96, height: int = 64, speed: float = 2.0, flat: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Frame `number` ``(H, W, 3)`` and its alpha ``(H, W)``, both uint8: a red disc before a wall.

    The wall is shaded, or `flat` and green, so that it can be keyed without a network.
    """
    y, x = np.mgrid[:height, :width].astype(np.float32)
    radius = 0.28 * min(width, height)
    middle = width * 0.3 + speed * number
    alpha = np.clip(radius - np.hypot(x - middle, y - height / 2) + 0.5, 0, 1)
    wall = np.stack([60 + x * 0.4, 110 + y * 0.5, 150 + 0 * x], axis=2)
    wall = GREEN if flat else wall
    rgb = RED * alpha[..., None] + wall * (1 - alpha[..., None])
    return (rgb + 0.5).astype(np.uint8), (alpha * 255 + 0.5).astype(np.uint8)


def discs(count: int, **how: Any) -> list[np.ndarray]:
    """The first frames of the moving disc."""
    return [disc(number, **how)[0] for number in range(count)]


def write_clip(
    path: Path,
    frames: Sequence[np.ndarray | av.VideoFrame],
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    *,
    rate: Fraction | int = 25,
    ticks: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    sound: np.ndarray | None = None,
    sound_codec: str = "aac",
    options: dict[str, str] | None = None,
    colours: dict[str, int] | None = None,
) -> Path:
    """Write frames, ``(H, W, 3)`` or ``(H, W, 4)`` uint8 or PyAV's own, and sound ``(n,)`` float32, as a file.

    `ticks` are the times of the frames in `time_base`; without them they follow one another at `rate`.
    """
    base = time_base or 1 / Fraction(rate)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        first = frames[0]
        stream.width, stream.height = (
            (first.width, first.height) if isinstance(first, av.VideoFrame) else first.shape[1::-1]
        )
        stream.pix_fmt, stream.codec_context.time_base = pix_fmt, base
        for name, value in (colours or {}).items():
            setattr(stream.codec_context, name, value)
        heard = container.add_stream(sound_codec, rate=SAMPLES, layout="mono") if sound is not None else None
        for number, each in enumerate(frames):
            frame = each if isinstance(each, av.VideoFrame) else as_frame(each)
            frame.pts, frame.time_base = (ticks[number] if ticks else number), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if heard and sound is not None:
            for frame in _split_sound(sound):
                container.mux(heard.encode(frame))
            container.mux(heard.encode())
    return path


def as_frame(pixels: np.ndarray) -> av.VideoFrame:
    """Pixels as a frame of PyAV's."""
    return av.VideoFrame.from_ndarray(pixels, format="rgba" if pixels.shape[2] == 4 else "rgb24")


def planes_as_frame(planes: Sequence[np.ndarray], pix_fmt: str) -> av.VideoFrame:
    """Planes of luma and colour as a frame of PyAV's."""
    frame = av.VideoFrame(planes[0].shape[1], planes[0].shape[0], pix_fmt)
    for plane, values in zip(frame.planes, planes, strict=True):
        kind = np.uint16 if "10" in pix_fmt else np.uint8
        rows = np.zeros((plane.height, plane.line_size // np.dtype(kind).itemsize), kind)
        rows[:, : values.shape[1]] = values
        plane.update(rows.tobytes())
    return frame


def _split_sound(sound: np.ndarray) -> Iterator[av.AudioFrame]:
    for at in range(0, len(sound), 4096):
        frame = av.AudioFrame.from_ndarray(sound[None, at : at + 4096], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLES, at, Fraction(1, SAMPLES)
        yield frame


def silence_with_clicks(seconds: float, clicks: Sequence[float]) -> np.ndarray:
    """Sound ``(n,)`` float32 with a short loud tone at each of these seconds."""
    sound = np.zeros(round(seconds * SAMPLES), np.float32)
    tone = 0.8 * np.sin(np.arange(960) * 0.3).astype(np.float32)
    for second in clicks:
        at = round(second * SAMPLES)
        sound[at : at + len(tone)] = tone[: len(sound) - at]
    return sound


def turn_upright(path: Path, quarters: int) -> Path:
    """Let an MP4 say that it is to be shown turned clockwise by so many quarters."""
    cosine, sine = [(1, 0), (0, 1), (-1, 0), (0, -1)][quarters]
    matrix = np.array([cosine << 16, sine << 16, 0, -sine << 16, cosine << 16, 0, 0, 0, 1 << 30], ">i4").tobytes()
    data = path.read_bytes()
    at = data.index(b"tkhd") + 4 + 40
    path.write_bytes(data[:at] + matrix + data[at + len(matrix) :])
    return path


def read_clip(path: Path, alpha: bool = False) -> Iterator[tuple[Fraction, np.ndarray]]:
    """Second and pixels of each frame, as PyAV alone reads them."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoder = (
            av.CodecContext.create("libvpx-vp9", "r") if alpha and path.suffix == ".webm" else stream.codec_context
        )
        for packet in container.demux(stream):
            for frame in decoder.decode(packet if packet.size else None):
                second = Fraction(frame.pts) * frame.time_base
                yield second, frame.to_ndarray(format="rgba" if alpha else "rgb24")
