"""``clearcut video CLIP… -o OUT``: cuts the subject out of clips; goes on where it was stopped."""

import argparse
import re
import sys
from argparse import SUPPRESS
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import ClearcutError
from ..options.options import Options
from ..options.presets import list_presets
from ..video.times import NOT_OF_CLIPS, parse_rate, parse_time
from .cut import ensure_model, read_photo
from .flags import add_flags, check_numbers, pick_given_values
from .places import STREAM, choose_targets, is_folder, is_there
from .progress import ClipProgress
from .terminal import Context, Terminal

if TYPE_CHECKING:
    from ..video.cut_video import VideoOrder, VideoResult
    from ..video.formats import VideoFormat

Maker = Callable[[Path, Path, "VideoOrder", Callable[[int, int | None], object]], "VideoResult"]
INTERRUPTED = 130
SECONDS = 600.0  # in which something has to happen with a clip


def add_arguments(video: argparse.ArgumentParser, terminal: Terminal) -> None:
    """Add the arguments of ``video``."""
    say = terminal.say
    video.add_argument("clips", nargs="+", metavar="CLIP", help=say("cli.video.clips"))
    video.add_argument("-o", "--output", metavar="OUT", required=True, help=say("cli.video.output"))
    video.add_argument("--format", dest="kind", metavar="FORMAT", help=say("cli.video.format"))
    video.add_argument("--from", dest="start", metavar="TIME", default="0", help=say("cli.video.from"))
    video.add_argument("--to", dest="end", metavar="TIME", help=say("cli.video.to"))
    video.add_argument("--fps", metavar="N", help=say("cli.video.fps"))
    video.add_argument(
        "--smooth", action=argparse.BooleanOptionalAction, default=SUPPRESS, help=say("cli.video.smooth")
    )
    video.add_argument("--workers", type=int, metavar="N", help=say("cli.video.workers"))
    video.add_argument("--cluster", metavar="ADDRESS", help=say("cli.video.cluster"))
    video.add_argument("--timeout", type=float, default=SECONDS, metavar="SECONDS", help=say("cli.video.timeout"))
    video.add_argument("--raw", metavar="WIDTHxHEIGHT", help=say("cli.video.raw"))
    video.add_argument("--force", action="store_true", help=say("cli.force"))
    presets = ", ".join(list_presets())
    video.add_argument("--preset", metavar="NAME", default=SUPPRESS, help=say("cli.preset", names=presets))
    add_flags(video, Options, "option", terminal.language, without=NOT_OF_CLIPS)
    video.add_argument("--background-image", metavar="FILE", help=say("cli.video.background_image"))
    video.add_argument("--marks", metavar="FILE", help=say("cli.video.marks"))
    video.set_defaults(run=run, smooth=True)


def run(given: argparse.Namespace, context: Context) -> int:
    """Cut out all clips, one after another; 0, or the largest exit code of their errors."""
    check_numbers(given)
    values: dict[str, Any] = pick_given_values(given, Options)
    if hasattr(given, "preset"):
        values["preset"] = given.preset
    options = Options.of(**values, background_image=bool(given.background_image)).with_defaults_of(context.settings)
    if options.background == "image" and not given.background_image:
        raise ClearcutError("no_background")
    if options.key == "off":
        _ensure_model(options, context)
    if given.raw:
        return _run_raw(given, options, context)
    if STREAM in given.clips or given.output == STREAM:
        raise ClearcutError("bad_option", name="raw", value="", accepted="1280x720")
    order, make = _make_order(given, options, context), _choose_maker(given, context)
    worst = 0
    for clip, target in _choose_targets(given, order.format):
        try:
            if is_there(target) and not given.force:
                raise ClearcutError("output_exists", name=target.name, photo=clip)
            with ClipProgress(context.terminal) as progress:
                result = make(Path(clip), target, order, progress.tell)
            _describe(Path(clip), target, result, context.terminal)
        except ClearcutError as error:
            worst = max(worst, context.terminal.complain(error))
        except KeyboardInterrupt:
            context.terminal.note(context.terminal.say("cli.video.stopped"))
            return INTERRUPTED
    return worst


def _ensure_model(options: Options, context: Context) -> None:
    from ..registry.choosing import resolve_model

    ensure_model(resolve_model(options.model, context.settings), context)


def _make_order(given: argparse.Namespace, options: Options, context: Context) -> "VideoOrder":
    from ..video.clip import Limits
    from ..video.formats import find_video_format
    from ..video.order import VideoOrder
    from ..video.timed_marks import parse_timed_marks

    extension = "" if is_folder(given.output) else Path(given.output).suffix
    start, end = parse_time("from", given.start), parse_time("to", given.end) if given.end else None
    return VideoOrder(
        options,
        find_video_format(given.kind, extension, options),
        start,
        end,
        parse_rate(given.fps) if given.fps else None,
        given.smooth,
        Path(given.background_image) if given.background_image else None,
        Limits(megapixels=context.settings.max_megapixels),
        parse_timed_marks(read_photo(given.marks, None)) if given.marks else (),
    )


def _choose_targets(given: argparse.Namespace, format: "VideoFormat") -> list[tuple[str, Path]]:
    """Each clip with what it becomes: a file, or a folder of pictures. Raises ``output_clash``."""
    chosen = choose_targets(given.clips, given.output, format.ending)
    return [(clip, target) for clip, target in chosen if target is not None]


def _count_workers(given: argparse.Namespace) -> int:
    """How many workers are asked for; 0: as many as fit."""
    if given.workers is None:
        return 0 if given.cluster else 1
    return int(given.workers)


def _choose_maker(given: argparse.Namespace, context: Context) -> Maker:
    """What makes a clip: a process of its own, in which a damaged one may crash or hang; or a cluster."""
    workers = _count_workers(given)
    if given.cluster:
        from ..video.cut_video import cut_out_video

        def make(clip: Path, target: Path, order: "VideoOrder", tell: Any) -> "VideoResult":
            return cut_out_video(
                clip, target, order, context.runtime, tell=tell, workers=workers, cluster=given.cluster
            )

        return make
    from ..video.apart import cut_out_apart

    return partial(cut_out_apart, settings=context.settings, workers=workers, patience=given.timeout)


def _describe(clip: Path, target: Path, result: "VideoResult", terminal: Terminal) -> None:
    width, height = result.size
    frames = terminal.say("cli.video.frames", frames=result.frames)
    terminal.note(f"{target}  {width} × {height}  {frames}  {result.model}")
    if result.resumed:
        terminal.note(terminal.say("cli.video.resumed", frames=result.resumed))
    for warning in result.warnings:
        terminal.note(f"{clip.name}: {terminal.say(f'warning.{warning}', default=warning)}")


def _run_raw(given: argparse.Namespace, options: Options, context: Context) -> int:
    """Frames from standard input to standard output, or to a file."""
    from ..video.finishing import open_backdrop
    from ..video.raw import cut_out_raw

    if given.clips != [STREAM]:
        raise ClearcutError("bad_option", name="raw", value=given.raw, accepted=STREAM)
    size = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", given.raw)
    if not size:
        raise ClearcutError("bad_option", name="raw", value=given.raw[:100], accepted="1280x720")
    behind = open_backdrop(Path(given.background_image) if given.background_image else None, context.runtime)
    how: dict[str, Any] = {"backdrop": behind, "smooth": given.smooth}
    if given.fps:
        how["rate"] = parse_rate(given.fps)
    whole = int(size[1]), int(size[2])
    with nullcontext(sys.stdout.buffer) if given.output == STREAM else Path(given.output).open("wb") as target:
        width, height = cut_out_raw(sys.stdin.buffer, target, whole, options, context.runtime, **how)
        context.terminal.note(f"rgba  {width} × {height}")
    return 0
