"""A video of a visitor, in a folder of its own: the clip, what is asked for, the new file."""

import json
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline import (
    NOT_OF_CLIPS,
    ClearcutError,
    Clip,
    Limits,
    Options,
    TimedMarks,
    VideoOrder,
    VideoResult,
    as_clearcut_error,
    clean_name,
    find_video_format,
    name_cutout,
    parse_rate,
    parse_time,
    parse_timed_marks,
)

from .forms import BEHIND, MARKS, OPTIONS, Sent
from .settings import ServerSettings
from .video_tasks import Peek, VideoTask
from .visitors_batch import DAY, tell_file

ORDER, MARKS_FILE = "order.json", "marks.json"
OF_VIDEOS = ("format", "from", "to", "fps", "smooth")  # what is asked for beside the options of pictures
OF_FRAMES = tuple(name for name in OPTIONS if name not in NOT_OF_CLIPS)
SWITCHES = {"true": True, "1": True, "false": False, "0": False}


def name_file(name: str, default: str) -> str:
    """What of a file's name is safe, without folders.

    >>> name_file("../../clip?.mp4", "video"), name_file("..", "video")
    ('clip_.mp4', 'video')
    """
    return clean_name(name.replace("\\", "/").rpartition("/")[2]) or default


def locate_clip(folder: Path, name: str) -> Path:
    """Where a clip called `name` lies in the folder of its video."""
    return folder / "clip" / name_file(name, "video")


def find_limits(settings: ServerSettings) -> Limits:
    """How long and how large a clip may be."""
    return Limits(settings.most_video_seconds, settings.max_megapixels, settings.most_video_frames)


def make_options(values: dict[str, Any], has_background: bool, settings: ServerSettings) -> Options:
    """The options of each frame. Raises ``bad_option``, ``unknown_option``, ``no_background``."""
    given = {name: value for name, value in values.items() if name not in OF_VIDEOS}
    options = Options.of(**given, background_image=has_background).with_defaults_of(settings)
    if options.background == "image" and not has_background:
        raise ClearcutError("no_background")
    return options


def make_order(values: dict[str, Any], background: Path | None, settings: ServerSettings) -> VideoOrder:
    """What is to be made of a clip. Raises as `make_options`."""
    texts = {name: str(values[name]) for name in OF_VIDEOS if values.get(name) not in (None, "")}
    options = make_options(values, background is not None, settings)
    start = parse_time("from", texts.get("from", "0"))
    end = parse_time("to", texts["to"]) if "to" in texts else None
    if end is not None and end <= start:
        raise ClearcutError("bad_option", name="to", value=texts["to"][:100], accepted=f"> {start:g}")
    smooth = texts.get("smooth", "true").lower()
    if smooth not in SWITCHES:
        raise ClearcutError("bad_option", name="smooth", value=smooth[:100], accepted="true, false")
    fps = parse_rate(texts["fps"]) if "fps" in texts else None
    form = find_video_format(texts.get("format"), "", options)
    return VideoOrder(options, form, start, end, fps, SWITCHES[smooth], background, find_limits(settings))


class VisitorsVideo:
    """A video in `folder`; what is known of it stands in ``order.json``.

    Attributes
    ----------
    values
        What is asked for: options of pictures, and those of `OF_VIDEOS`.
    wanted
        Whether it is to be made.
    outcome, error
        What came of it: frames, model and warnings, or what went wrong.
    """

    def __init__(self, folder: Path, settings: ServerSettings) -> None:
        self.id, self.folder, self.settings = folder.name, folder, settings
        try:
            known = json.loads((folder / ORDER).read_text("utf-8"))
            self.name: str = known["name"]
            self.clip: dict[str, Any] = known["clip"]
            self.values: dict[str, Any] = known["values"]
            self.behind: str | None = known["behind"]
            self.wanted: bool = known["wanted"]
            self.outcome: dict[str, Any] | None = known["outcome"]
            self.error: dict[str, Any] | None = known["error"]
        except (OSError, ValueError, LookupError):
            raise ClearcutError("expired") from None

    @staticmethod
    def begin(folder: Path, name: str, clip: Clip, values: dict[str, Any], wanted: bool) -> None:
        """Note what has come."""
        width, height = clip.size
        facts = {"width": width, "height": height, "rate": round(float(clip.rate), 3), "codec": clip.codec}
        seconds = clip.seconds and round(clip.seconds, 3)
        facts |= {"seconds": seconds}
        known = {"name": name, "clip": facts, "values": values, "behind": None, "wanted": wanted}
        _write(folder, known | {"outcome": None, "error": None})

    def save(self) -> None:
        """Note what is known, so that a server that is started anew goes on with it."""
        names = ("name", "clip", "values", "behind", "wanted", "outcome", "error")
        _write(self.folder, {name: getattr(self, name) for name in names})

    @property
    def source(self) -> Path:
        """The file of the clip."""
        return locate_clip(self.folder, self.name)

    @property
    def background(self) -> Path | None:
        """The file of the picture or clip behind the subject."""
        return self.folder / "behind" / self.behind if self.behind else None

    def set_background(self, sent: Sent | None) -> None:
        """Put another picture or clip behind the subject, or none. Raises ``disk_full``, ``write_failed``."""
        place = self.folder / "behind"
        shutil.rmtree(place, ignore_errors=True)
        self.behind = sent and name_file(sent.name, "picture")
        if sent and self.behind:
            try:
                place.mkdir()
                (place / self.behind).write_bytes(sent.data)
            except OSError as error:
                raise as_clearcut_error(error, name=self.behind) from None

    @property
    def marks_file(self) -> Path | None:
        """The file of the strokes on frames."""
        file = self.folder / MARKS_FILE
        return file if file.exists() else None

    @property
    def marks(self) -> tuple[TimedMarks, ...]:
        """The strokes on frames."""
        file = self.marks_file
        return parse_timed_marks(file.read_bytes()) if file else ()

    def set_marks(self, data: bytes | None) -> None:
        """Put other strokes on frames, or none. Raises ``disk_full``, ``write_failed``."""
        file = self.folder / MARKS_FILE
        if not data:
            return file.unlink(missing_ok=True)
        part = file.with_suffix(".part")
        try:
            part.write_bytes(data)
            part.replace(file)
        except OSError as error:
            raise as_clearcut_error(error, name=file.name) from None

    @property
    def order(self) -> VideoOrder:
        """What is to be made. Raises as `make_order`."""
        return replace(make_order(self.values, self.background, self.settings), marks=self.marks)

    @property
    def alive(self) -> Path:
        """The file that the worker touches."""
        return self.folder / "alive"

    @property
    def last_sign(self) -> int:
        """When the worker has last touched it, by the clock of the disk; 0 where it has not."""
        try:
            return self.alive.stat().st_mtime_ns
        except OSError:
            return 0

    @property
    def target(self) -> Path:
        """The new file."""
        ending = self.order.format.ending
        return self.folder / "result" / name_cutout(self.name, ending if Path(ending).suffix else f"{ending}.zip")

    def make_task(self) -> VideoTask:
        """What the worker is asked to do."""
        self.target.parent.mkdir(exist_ok=True)
        return VideoTask(self.source, self.target, self.order, self.folder / "progress.json", self.alive)

    def make_peek(self, second: float, values: dict[str, Any]) -> Peek:
        """A frame with options of its own, or with those of the video. Raises as `make_options`."""
        options = make_options(values or self.values, self.behind is not None, self.settings)
        start = parse_time("from", str(self.values.get("from") or 0))
        return Peek(self.source, second, options, self.background, self.marks, start)

    def forget_work(self) -> None:
        """Delete what has been made."""
        shutil.rmtree(self.folder / "result", ignore_errors=True)
        for file in (self.folder / "progress.json", self.alive):
            file.unlink(missing_ok=True)
        self.outcome = self.error = None

    def finish(self, result: VideoResult) -> None:
        """Note what came of it."""
        self.outcome = {"frames": result.frames, "model": result.model, "warnings": list(result.warnings)}
        self.save()

    def fail(self, error: ClearcutError) -> None:
        """Note what went wrong."""
        self.forget_work()
        self.error = {"code": error.code, "facts": error.facts}
        self.save()

    def find_state(self, is_running: bool) -> str:
        """``ready``, ``waiting``, ``running``, ``done`` or ``failed``."""
        if self.error or self.outcome:
            return "failed" if self.error else "done"
        return "running" if is_running else "waiting" if self.wanted else "ready"

    def describe(self, is_running: bool) -> dict[str, Any]:
        """What is told of it, as JSON values."""
        here, outcome = f"api/videos/{self.id}", self.outcome or {}
        progress = self._read_progress()
        rate, total = progress["rate"], progress["total"]
        frames = outcome.get("frames", progress["frames"])
        left = round(max(0, total - frames) / rate) if is_running and rate and total else None
        return {
            "id": self.id,
            "state": self.find_state(is_running),
            "name": self.name,
            "clip": self.clip,
            "options": self.values,
            "background_image": tell_file(self.background, f"{here}/{BEHIND}") if self.background else None,
            "marks": tell_file(self.marks_file, f"{here}/{MARKS}") if self.marks_file else None,
            "frames": frames,
            "total": frames if outcome else total,
            "rate": rate and round(rate, 2),
            "seconds_left": left,
            "model": outcome.get("model"),
            "warnings": outcome.get("warnings", []),
            "error": self.error,
            "result": tell_file(self.target, f"{here}/result") if outcome else None,
            "expires": round((self.folder / ORDER).stat().st_mtime + self.settings.batch_days * DAY),
        }

    def _read_progress(self) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            known: dict[str, Any] = json.loads((self.folder / "progress.json").read_text("utf-8"))
            return known
        return {"frames": 0, "total": None, "rate": None}


def _write(folder: Path, known: dict[str, Any]) -> None:
    part = folder / f"{ORDER}.part"
    part.write_text(json.dumps(known), "utf-8")
    part.replace(folder / ORDER)
