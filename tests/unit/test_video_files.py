"""Files that clips become: alpha, size, frames, times, sound, as PyAV and ffprobe read them; backgrounds and frames."""

import json
import shutil
import subprocess
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from pipeline import Options
from pipeline.base.errors import ClearcutError
from pipeline.video.cut_video import VideoOrder, VideoResult, cut_out_video
from pipeline.video.formats import FORMATS, find_video_format
from pipeline.video.reader import Reader
from tests import house
from tests.clips import GREEN, SAMPLES, disc, silence_with_clicks, write_clip
from tests.pictures import encoded, off

SLOW: dict[str, Any] = {"speed": 0.5, "flat": True}
PRECISE = {"crf": "4", "preset": "veryfast"}
SHOWS_ALPHA = ["webm", "mov", "gif", "webp", "apng"]
CONTAINERS = {"webm": "matroska,webm", "mov": "mov,mp4,m4a,3gp,3g2,mj2", "mp4": "mov,mp4,m4a,3gp,3g2,mj2"}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty frames of a disc before a green wall, of an odd size, with two seconds of sound: two segments."""
    frames = [disc(number, width=97, height=63, **SLOW)[0] for number in range(50)]
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    return write_clip(path, frames, "ffv1", "bgra", sound=silence_with_clicks(2, [0.5]))


def cut(
    source: Path, target: Path, name: str | None = None, *, how: dict[str, Any] | None = None, **options: Any
) -> VideoResult:
    wanted = Options.of(**{"key": "on", "model": "u2netp"} | options, background_image="background" in (how or {}))
    form = find_video_format(name, target.suffix, wanted)
    return cut_out_video(source, target, VideoOrder(wanted, form, **how or {}), house.runtime())


def probe(path: Path, *what: str) -> dict[str, Any]:
    """What ffprobe says of a file; skips where there is none."""
    if not shutil.which("ffprobe"):
        pytest.skip("ffprobe is not installed")
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", *what, str(path)]
    return dict(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "png"])
def test_every_format_has_each_frame_at_its_time_in_its_colour_and_alpha(name: str, clip: Path, tmp_path: Path) -> None:
    target = tmp_path / f"out{FORMATS[name].extension}"
    result = cut(clip, target, name)
    assert result.frames == 50 and result.size == (97, 63)
    assert list(tmp_path.iterdir()) == [target]  # nothing is left beside it
    reader = Reader(target)
    frames = list(reader.read())
    assert [round(float(frame.ticks * reader.clip.time_base), 3) for frame in frames] == [n / 25 for n in range(50)]
    assert float((frames[-1].ticks + frames[-1].duration) * reader.clip.time_base) == pytest.approx(2, abs=0.001)
    rgb, alpha = disc(40, width=97, height=63, **SLOW)
    photo = frames[40].load()
    shown = photo.rgb[:63, :97]  # H.264 has even sides
    if name in SHOWS_ALPHA:
        assert photo.alpha is not None and photo.size == (97, 63)
        assert off(photo.alpha, alpha) < (4 if name == "gif" else 2)
        assert off(shown[alpha == 255], rgb[alpha == 255]) < 8
    elif name == "matte":
        assert off(shown, np.repeat(alpha[..., None], 3, axis=2)) < 3
    else:
        assert off(shown[alpha == 0], np.full_like(shown[alpha == 0], 255)) < 3
        assert off(shown[alpha == 255], rgb[alpha == 255]) < 8


@pytest.mark.parametrize("name", ["webm", "mov", "mp4"])
def test_ffprobe_sees_the_same(name: str, clip: Path, tmp_path: Path) -> None:
    target = tmp_path / f"out.{name}"
    cut(clip, target)
    seen = probe(target, "-count_packets")
    picture, sound = seen["streams"]
    assert seen["format"]["format_name"] == CONTAINERS[name] and float(seen["format"]["duration"]) == pytest.approx(
        2, abs=0.05
    )
    assert (picture["codec_name"], sound["codec_name"]) == {
        "webm": ("vp9", "opus"), "mov": ("prores", "aac"), "mp4": ("h264", "aac")
    }[name]  # fmt: skip
    assert int(picture["nb_read_packets"]) == 50 and picture["color_space"] == "bt709"
    assert (picture["width"], picture["height"]) == ((98, 64) if name == "mp4" else (97, 63))
    if name == "webm":
        assert picture["tags"]["ALPHA_MODE"] == "1"
    if name == "mov":
        assert picture["pix_fmt"].startswith("yuva444p")
    if name == "mp4":  # the index stands before the pictures
        data = target.read_bytes()
        assert data.index(b"moov") < data.index(b"mdat")


def test_alpha_of_large_frames_which_is_encoded_after_their_colours_is_in_the_same_place(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.video.encoder.LARGE", 0)
    cut(clip, tmp_path / "out.webm")
    frames = [frame.load() for frame in Reader(tmp_path / "out.webm").read()]
    assert len(frames) == 50
    for number in (0, 47, 48, 49):  # on both sides of where segments meet
        rgb, alpha = disc(number, width=97, height=63, **SLOW)
        found = frames[number]
        assert found.alpha is not None and off(found.alpha, alpha) < 2
        assert off(found.rgb[alpha == 255], rgb[alpha == 255]) < 8


@pytest.mark.parametrize("target", ["pictures", "pictures.zip"])
def test_a_picture_a_frame_goes_into_a_folder_or_a_zip(target: str, clip: Path, tmp_path: Path) -> None:
    cut(clip, tmp_path / target, "png")
    if target.endswith(".zip"):
        with zipfile.ZipFile(tmp_path / target) as archive:
            archive.extractall(tmp_path / "pictures")
    paths = sorted((tmp_path / "pictures").iterdir())
    assert [path.name for path in paths] == [f"{number:06}.png" for number in range(1, 51)]
    rgba = np.asarray(Image.open(paths[40]))
    assert off(rgba[..., 3], disc(40, width=97, height=63, **SLOW)[1]) < 2
    assert not rgba[rgba[..., 3] == 0].any()


def test_frames_keep_their_own_times_or_get_steady_ones(tmp_path: Path) -> None:
    ticks = [0, 1001, 1500, 4004, 9009, 9010]
    frames = [disc(number, **SLOW)[0] for number in range(6)]
    source = write_clip(tmp_path / "in.mp4", frames, ticks=ticks, time_base=Fraction(1, 30_000), options=PRECISE)
    cut(source, tmp_path / "own.mp4")
    cut(source, tmp_path / "steady.mp4", how={"fps": Fraction(10)})
    own, steady = Reader(tmp_path / "own.mp4"), Reader(tmp_path / "steady.mp4")
    assert [frame.ticks * own.clip.time_base for frame in own.read()] == [Fraction(tick, 30_000) for tick in ticks]
    times = [frame.ticks * steady.clip.time_base for frame in steady.read()]
    assert times == [Fraction(number, 10) for number in range(len(times))] and len(times) == 4


def test_a_click_and_a_flash_stay_together_over_a_minute_of_uneven_frames(tmp_path: Path) -> None:
    """The wall flashes white, and the sound clicks, at the same moments; frames are of many lengths."""
    flashes, lengths = [0.5, 20.3, 41.7, 59.2], np.random.default_rng(1).integers(200, 1300, 90)
    ticks = [int(tick) for tick in np.cumsum(lengths) - lengths[0]]
    ticks = sorted({*(tick for tick in ticks if tick < 60_000), *(round(1000 * each) for each in flashes)})
    rgb = disc(0, width=32, height=32, flat=True)[0]
    bright = np.where((rgb == GREEN.astype(np.uint8)).all(axis=2)[..., None], np.uint8(255), rgb)
    frames = [bright if any(abs(tick / 1000 - at) < 0.001 for at in flashes) else rgb for tick in ticks]
    sound = silence_with_clicks(60, flashes)
    how: dict[str, Any] = {"ticks": ticks, "time_base": Fraction(1, 1000), "options": PRECISE}
    source = write_clip(tmp_path / "in.mkv", frames, sound=sound, **how)
    for name in ("out.mp4", "out.webm"):  # copied sound, and sound that is encoded anew
        cut(source, tmp_path / name, background="original")
        seen = [float(time) for time, light in list_light(tmp_path / name) if light > 200]
        heard = list_clicks(tmp_path / name)
        assert len(seen) == len(heard) == len(flashes)
        assert np.abs(np.array(seen) - heard).max() < 0.04
        assert seen == pytest.approx(flashes, abs=0.002)


def list_light(path: Path) -> list[tuple[float, float]]:
    reader = Reader(path)
    return [
        (float(frame.ticks * reader.clip.time_base), float(frame.load().rgb[0, 0].mean())) for frame in reader.read()
    ]


def list_clicks(path: Path) -> list[float]:
    """The seconds at which the sound gets loud."""
    with av.open(str(path)) as container:
        parts = [(frame.time, frame.to_ndarray().reshape(-1)) for frame in container.decode(audio=0)]
        rate = container.streams.audio[0].rate
    loud = [time + int(np.argmax(np.abs(part) > 0.3)) / rate for time, part in parts if (np.abs(part) > 0.3).any()]
    assert rate == SAMPLES
    return [each for before, each in zip([-9.0, *loud], loud, strict=False) if each - before > 1]


def test_a_part_begins_with_its_own_sound(tmp_path: Path) -> None:
    frames = [disc(number, **SLOW)[0] for number in range(50)]
    source = write_clip(tmp_path / "in.mkv", frames, options=PRECISE, sound=silence_with_clicks(2, [0.4, 1.4]))
    for name in ("part.mp4", "part.webm"):
        assert cut(source, tmp_path / name, how={"start": 1.0, "end": 1.8}).frames == 20
        assert list_clicks(tmp_path / name) == pytest.approx([0.4], abs=0.04)


def test_pictures_that_begin_later_than_the_sound_stay_with_it(tmp_path: Path) -> None:
    frames = [disc(number, **SLOW)[0] for number in range(25)]
    ticks = [300 + 40 * number for number in range(25)]
    how: dict[str, Any] = {"ticks": ticks, "time_base": Fraction(1, 1000), "options": PRECISE}
    source = write_clip(tmp_path / "in.mkv", frames, sound=silence_with_clicks(1.3, [0.9]), **how)
    cut(source, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        begin = next(container.decode(video=0)).time
    assert list_clicks(tmp_path / "out.mp4")[0] - (begin or 0) == pytest.approx(0.6, abs=0.03)


@pytest.mark.parametrize("part", [{"start": 9.0}, {"start": 1.0, "end": 0.5}])
def test_a_part_without_a_frame_is_told_and_leaves_nothing(part: dict[str, Any], clip: Path, tmp_path: Path) -> None:
    with pytest.raises(ClearcutError) as caught:
        cut(clip, tmp_path / "out.webm", how=part)
    assert caught.value.code == "bad_option" and caught.value.facts["accepted"] == "0–2"
    assert not list(tmp_path.iterdir())


def test_the_frame_is_the_same_for_every_frame_and_holds_the_subject_wherever_it_goes(tmp_path: Path) -> None:
    frames = [disc(number, **SLOW)[0] for number in range(40)]
    source = write_clip(tmp_path / "in.mkv", frames, "ffv1", "bgra")
    cropped = cut(source, tmp_path / "crop.mov", crop=True, margin=5)
    assert cropped.size[1] < 64 and cropped.size[0] < 96
    for number, frame in ((0, 0), (39, 39)):
        photo = list(Reader(tmp_path / "crop.mov").read())[frame].load()
        assert photo.alpha is not None
        whole = float(disc(number, **SLOW)[1].sum())
        assert float(photo.alpha.sum()) == pytest.approx(whole, rel=0.03)  # nothing of it is cut off
    assert cut(source, tmp_path / "wide.mp4", canvas="120x80").size == (120, 80)


def test_another_clip_stands_behind_and_begins_again_where_it_is_shorter(tmp_path: Path) -> None:
    frames = [disc(number, **SLOW)[0] for number in range(12)]
    source = write_clip(tmp_path / "in.mkv", frames, "ffv1", "bgra")
    colours = [(250, 0, 0), (0, 0, 250), (250, 250, 0), (0, 250, 250), (120, 120, 120)]
    behind = [np.full((32, 48, 3), colour, np.uint8) for colour in colours]
    background = write_clip(tmp_path / "behind.mkv", behind, "ffv1", "bgra")
    cut(source, tmp_path / "out.mp4", how={"background": background})
    shown = [frame.load().rgb[2, 2] for frame in Reader(tmp_path / "out.mp4").read()]
    for number, colour in enumerate(shown):
        assert off(colour, np.array(colours[number % 5])) < 12


def test_a_picture_stands_behind_also_of_a_kind_that_may_move(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "sky.webp").write_bytes(encoded(np.full((9, 9, 3), (20, 120, 220), np.uint8), "WEBP"))
    cut(clip, tmp_path / "out.mp4", how={"background": tmp_path / "sky.webp", "end": 0.2})
    assert off(next(iter(Reader(tmp_path / "out.mp4").read())).load().rgb[2, 2], np.array([20, 120, 220])) < 6


@pytest.mark.parametrize(
    "name, ending, code",
    [(None, ".txt", "unknown_extension"), ("mp4", ".webm", "format_clash"), ("x", "", "bad_option")],
)
def test_a_format_that_does_not_fit_is_refused(name: str | None, ending: str, code: str) -> None:
    with pytest.raises(ClearcutError) as caught:
        find_video_format(name, ending, Options())
    assert caught.value.code == code
