"""Clips that are read: containers, codecs, colours, times, turns, damage, limits."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from pipeline.base.errors import ClearcutError
from pipeline.base.settings import ROOT
from pipeline.video.clip import Limits
from pipeline.video.reader import Reader
from tests.clips import as_frame, disc, discs, planes_as_frame, silence_with_clicks, turn_upright, write_clip
from tests.pictures import off

KINDS = {
    "mp4": ("libx264", "yuv420p"),
    "mov": ("prores_ks", "yuv422p10le"),
    "mkv": ("libx265", "yuv420p10le"),
    "webm": ("libvpx-vp9", "yuv420p"),
    "avi": ("mjpeg", "yuvj420p"),
}
BARS = [(191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191), (0, 0, 0)]
WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 9: (0.2627, 0.0593)}  # of red and blue in luma


def read(path: Path, **how: Any) -> list[tuple[int, int, np.ndarray]]:
    reader = Reader(path, **how)
    return [(frame.ticks, frame.duration, frame.load().rgb) for frame in reader.read()]


@pytest.mark.parametrize("kind", KINDS)
def test_every_container_gives_its_frames_in_their_colours(kind: str, tmp_path: Path) -> None:
    codec, pix_fmt = KINDS[kind]
    path = write_clip(tmp_path / f"clip.{kind}", discs(6), codec, pix_fmt)
    frames = read(path)
    assert len(frames) == 6
    for number, (_, _, rgb) in enumerate(frames):
        assert off(rgb, disc(number)[0]) < 6


def test_av1_is_read(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write = f"from tests.clips import *; write_clip(Path({str(path)!r}), discs(6), 'libsvtav1')"
    # The encoder gives a process of root's real-time priority, for good.
    subprocess.run([sys.executable, "-c", write], cwd=ROOT, check=True)
    frames = read(path)
    assert len(frames) == 6
    assert all(off(rgb, disc(number)[0]) < 6 for number, (_, _, rgb) in enumerate(frames))


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_an_animated_picture_is_a_clip_with_alpha(format: str, tmp_path: Path) -> None:
    pictures = [Image.fromarray(np.dstack(disc(number))) for number in range(4)]
    path = tmp_path / f"clip.{format.lower()}"
    pictures[0].save(path, format, save_all=True, append_images=pictures[1:], duration=[40, 80, 120, 40], disposal=2)
    reader = Reader(path)
    frames = list(reader.read())
    assert [frame.ticks for frame in frames] == [0, 40, 120, 240] and frames[-1].duration == 40
    assert reader.clip.has_alpha
    shown = frames[2].load().alpha
    assert shown is not None and off(shown, disc(2)[1]) < 4


@pytest.mark.parametrize("matrix", WEIGHTS)
@pytest.mark.parametrize("span", ["limited", "full"])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le"])
def test_a_grey_ramp_and_colour_bars_come_back_within_two_levels(
    matrix: int, span: str, pix_fmt: str, tmp_path: Path
) -> None:
    rgb = np.zeros((64, 256, 3), np.float32)
    rgb[:32] = np.arange(256)[None, :, None]
    for at, bar in enumerate(BARS):
        rgb[32:, 32 * at : 32 * at + 32] = bar
    frame = planes_as_frame(as_yuv(rgb, matrix, span == "full", 10 if "10" in pix_fmt else 8), pix_fmt)
    colours = {"colorspace": matrix, "color_range": 2 if span == "full" else 1, "color_trc": 1, "color_primaries": 1}
    path = write_clip(tmp_path / "bars.mkv", [frame] * 2, "ffv1", pix_fmt, colours=colours)
    found = np.abs(read(path)[1][2].astype(np.float32) - rgb)
    assert found[:24].max() <= 2
    inside = [32 * at + x for at in range(8) for x in range(6, 26)]
    assert found[36:, inside].max() <= 2


def as_yuv(rgb: np.ndarray, matrix: int, full: bool, bits: int) -> list[np.ndarray]:
    """Luma and colour of every second pixel, as ITU-T H.273 has it."""
    red, green, blue = (rgb[..., at] / 255 for at in range(3))
    of_red, of_blue = WEIGHTS[matrix]
    luma = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
    colour = [(blue - luma) / (2 - 2 * of_blue), (red - luma) / (2 - 2 * of_red)]
    most, unit = 2**bits - 1, 2 ** (bits - 8)
    planes = [luma * most] if full else [(16 + 219 * luma) * unit]
    planes += [each[::2, ::2] * (most if full else 224 * unit) + 128 * unit for each in colour]
    return [np.clip(np.rint(plane), 0, most) for plane in planes]


def test_frames_keep_their_times_to_the_tick(tmp_path: Path) -> None:
    ticks = [0, 1001, 1500, 4004, 4005, 9000]
    path = write_clip(tmp_path / "clip.mp4", discs(6), ticks=ticks, time_base=Fraction(1, 30_000))
    reader = Reader(path)
    frames = list(reader.read())
    times = [frame.ticks * reader.clip.time_base for frame in frames]
    assert times == [Fraction(tick, 30_000) for tick in ticks]
    assert [frame.duration * reader.clip.time_base * 30_000 for frame in frames[:-1]] == list(np.diff(ticks))


def test_a_part_of_a_clip_begins_and_ends_where_it_is_asked_to(tmp_path: Path) -> None:
    reader = Reader(write_clip(tmp_path / "clip.mp4", discs(20)))
    frames = list(reader.read(0.2, 0.48))
    assert len(frames) == 7 and [frame.number for frame in frames] == list(range(7)) and frames[0].ticks == 0
    assert off(frames[0].load().rgb, disc(5)[0]) < 6


@pytest.mark.parametrize("kind", ["mp4", "mkv", "avi", "webm"])
def test_a_part_far_inside_has_the_frames_that_reading_from_the_start_gives(kind: str, tmp_path: Path) -> None:
    codec, pix_fmt = {**KINDS, "mkv": ("libx264", "yuv420p")}[kind]
    options = {} if codec == "mjpeg" else {"g": "12"}
    reader = Reader(write_clip(tmp_path / f"clip.{kind}", discs(60, speed=0.7), codec, pix_fmt, options=options))
    whole = [frame.load().rgb for frame in reader.read()]
    part = [frame.load().rgb for frame in reader.read(1.24)]
    assert len(part) == 29 and all(np.array_equal(one, other) for one, other in zip(part, whole[31:], strict=True))
    assert reader.find_start(1.22) == pytest.approx(1.24)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_clip_of_a_turned_phone_is_read_upright(quarters: int, tmp_path: Path) -> None:
    upright = disc(3)[0]
    stored = np.ascontiguousarray(np.rot90(upright, quarters))
    path = turn_upright(write_clip(tmp_path / "clip.mp4", [stored] * 3), quarters)
    reader = Reader(path)
    assert reader.clip.size == (96, 64)
    assert off(next(iter(reader.read())).load().rgb, upright) < 6


@pytest.mark.parametrize("kind", ["webm", "mov"])
def test_alpha_of_a_clip_is_read(kind: str, tmp_path: Path) -> None:
    codec, pix_fmt = {"webm": ("libvpx-vp9", "yuva420p"), "mov": ("prores_ks", "yuva444p10le")}[kind]
    options = {"auto-alt-ref": "0"} if kind == "webm" else {"profile": "4"}
    pictures = [np.dstack(disc(number)) for number in range(3)]
    reader = Reader(write_clip(tmp_path / f"clip.{kind}", pictures, codec, pix_fmt, options=options))
    assert reader.clip.has_alpha
    alphas = [frame.load().alpha for frame in reader.read()]
    assert len(alphas) == 3
    for number, alpha in enumerate(alphas):
        assert alpha is not None and off(alpha, disc(number)[1]) < 4


def test_pixels_that_are_not_square_become_so(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "wide.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 64, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2)
        for rgb in discs(3):
            container.mux(stream.encode(as_frame(np.ascontiguousarray(rgb[:, ::2]))))
        container.mux(stream.encode())
    reader = Reader(tmp_path / "wide.mkv")
    assert reader.clip.size == (96, 64)
    assert off(next(iter(reader.read())).load().rgb, disc(0)[0]) < 6


@pytest.mark.parametrize("kind", ["mkv", "webm", "mp4"])
def test_sound_that_goes_on_is_no_missing_picture(kind: str, tmp_path: Path) -> None:
    codecs = {"webm": ("libvpx-vp9", "libopus")}.get(kind, ("libx264", "aac"))
    sound = silence_with_clicks(3, [])
    reader = Reader(write_clip(tmp_path / f"clip.{kind}", discs(25), codecs[0], sound=sound, sound_codec=codecs[1]))
    assert len(list(reader.read())) == 25
    assert reader.clip.seconds == pytest.approx(1, abs=0.05) and reader.warnings == []


def test_odd_sizes_are_read_whole(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "odd.webm", discs(2, width=97, height=63), "libvpx-vp9")
    assert read(path)[1][2].shape == (63, 97, 3)


def test_interlaced_clips_are_noticed_and_have_no_combs(tmp_path: Path) -> None:
    combed = []
    for number in range(8):
        rgb = disc(2 * number, speed=3)[0]
        rgb[1::2] = disc(2 * number + 1, speed=3)[0][1::2]
        frame = as_frame(rgb).reformat(format="yuv420p")
        combed.append(frame)
    path = write_clip(tmp_path / "tv.mkv", combed, options={"x264-params": "tff=1", "flags": "+ildct+ilme", "qp": "5"})
    reader = Reader(path)
    assert reader.clip.is_interlaced
    frames = [frame.load().rgb for frame in reader.read()]
    assert len(frames) == 8
    assert comb(frames[4]) < 0.5 * comb(combed[4].to_ndarray(format="rgb24"))


def comb(rgb: np.ndarray) -> float:
    """How much every second row differs from both of its neighbours."""
    grey = rgb[..., 1].astype(np.float32)
    return float(np.abs(grey[1:-1] - (grey[:-2] + grey[2:]) / 2).mean())


@pytest.mark.parametrize("transfer", [16, 18], ids=["pq", "hlg"])
def test_hdr_is_told_and_paper_white_comes_out_bright_and_neutral(transfer: int, tmp_path: Path) -> None:
    level = {16: 0.58, 18: 0.75}[transfer]  # of the signal for 203 nits
    grey = np.full((16, 16), round(64 + 876 * level))
    frame = planes_as_frame([grey, np.full((8, 8), 512), np.full((8, 8), 512)], "yuv420p10le")
    colours = {"colorspace": 9, "color_range": 1, "color_trc": transfer, "color_primaries": 9}
    path = write_clip(tmp_path / "hdr.mkv", [frame] * 2, "libx265", "yuv420p10le", colours=colours)
    reader = Reader(path)
    rgb = next(iter(reader.read())).load().rgb
    assert reader.clip.is_hdr and reader.warnings == ["video_hdr"]
    assert 200 < rgb.mean() < 250 and np.ptp(rgb[8, 8].astype(int)) <= 2


def test_of_a_damaged_end_what_is_whole_is_kept_and_it_is_told(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mkv", discs(50), options={"g": "5", "bf": "0"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    reader = Reader(path)
    frames = [frame.load().rgb for frame in reader.read()]
    assert 10 < len(frames) < 50 and reader.warnings
    for number in (0, 9):
        assert off(frames[number], disc(number)[0]) < 6


@pytest.mark.parametrize(
    "content, code", [(b"", "empty_file"), (b"no video at all" * 99, "broken_video"), (None, "file_missing")]
)
def test_what_is_no_clip_is_refused(content: bytes | None, code: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ClearcutError) as caught:
        Reader(path)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "limits, code",
    [
        (Limits(seconds=0.3), "video_too_long"),
        (Limits(frames=9), "too_many_frames"),
        (Limits(megapixels=0.001), "too_many_pixels"),
    ],
)
def test_limits_are_kept(limits: Limits, code: str, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", discs(10))
    with pytest.raises(ClearcutError) as caught:
        read(path, limits=limits)
    assert caught.value.code == code
