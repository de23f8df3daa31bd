"""``clearcut cut PHOTO…``: cuts photos out, one after another."""

import argparse
import os
import stat
import sys
from argparse import SUPPRESS
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import ClearcutError, as_write_error
from ..base.files import write_part
from ..options.canvas import describe_fill, describe_head
from ..options.options import Options
from ..options.presets import list_presets
from ..pixels.formats import FORMATS
from .flags import add_flags, pick_given_values
from .places import STREAM, Targets, choose_format, choose_targets, find_photos, is_there, name_photo
from .terminal import Context, Terminal

if TYPE_CHECKING:
    from ..base.jobs import Job, Step
    from ..base.settings import Settings
    from ..inference.helper import Helper
    from ..inference.runtime import Runtime

OF_ALL_PHOTOS = {"engine_fallback", "no_effect"}  # warnings that are the same for every photo, printed once


def add_arguments(cut: argparse.ArgumentParser, terminal: Terminal) -> None:
    """Add the arguments of ``cut``."""
    say = terminal.say
    cut.add_argument("photos", nargs="+", metavar="PHOTO", help=say("cli.photos"))
    cut.add_argument("-o", "--output", metavar="OUT", help=say("cli.output"))
    there = cut.add_mutually_exclusive_group()
    there.add_argument("--force", action="store_true", help=say("cli.force"))
    there.add_argument("--skip-existing", action="store_true", help=say("cli.skip_existing"))
    cut.add_argument("--no-cache", dest="cache", action="store_false", help=say("cli.no_cache"))
    presets = ", ".join(list_presets())
    cut.add_argument("--preset", metavar="NAME", default=SUPPRESS, help=say("cli.preset", names=presets))
    add_flags(cut, Options, "option", terminal.language)
    cut.add_argument("--background-image", metavar="FILE", help=say("cli.background_image"))
    cut.add_argument("--marks", metavar="FILE", help=say("cli.marks"))
    cut.add_argument("--trimap", metavar="FILE", help=say("cli.trimap"))
    cut.set_defaults(run=run)


def run(given: argparse.Namespace, context: Context) -> int:
    """Cut out all photos; the largest exit code."""
    values = pick_given_values(given, Options)
    if hasattr(given, "preset"):
        values["preset"] = given.preset
    if format := choose_format(given.output, values.get("format")):
        values["format"] = format
    options = Options.of(**values, background_image=bool(given.background_image)).with_defaults_of(context.settings)
    options = options.model_copy(update={"model": _resolve_model(options.model, context)})
    helper = context.helper
    keying = options.key != "off"
    if helper and (keying or given.trimap or options.own_alpha == "keep"):  # no network may be needed
        helper.stop()
        helper = None
    elif helper:
        _order_network(helper, options, context.settings)
    try:
        return _run(given, options, context, helper)
    finally:
        if helper:
            helper.stop()  # its session was never taken where all predictions came from the cache


def _run(given: argparse.Namespace, options: Options, context: Context, helper: "Helper | None") -> int:
    background, marks, trimap = (
        read_photo(name, None) if name else None for name in (given.background_image, given.marks, given.trimap)
    )
    if options.background == "image" and background is None:
        raise ClearcutError("no_background")
    photos, errors = find_photos(given.photos)
    targets = choose_targets(photos, given.output, FORMATS[options.format].ending) if photos else []
    worst = max((context.terminal.complain(error) for error in errors), default=0)
    wanted: Targets = []
    for photo, target in targets:
        if given.force or not target or not is_there(target) or _is_device(target):
            wanted.append((photo, target))
        elif given.skip_existing:
            context.terminal.note(context.terminal.say("cli.skipped", name=target))
        else:
            error = ClearcutError("output_exists", name=target.name, photo=photo)
            worst = max(worst, context.terminal.complain(error))
    if not wanted:
        return worst
    # where colours are keyed, a photo has to show first that it needs a model; with a trimap none does
    may_need = options.key == "off" and not given.trimap
    if may_need and any(photo == STREAM or is_there(photo) for photo, _ in wanted):
        ensure_model(options.model, context)
    runtime = _make_runtime(helper, context, options.model) if helper else context.runtime
    behind = Path(given.background_image or "").name
    beside = {"background": background, "background_name": behind, "marks": marks, "trimap": trimap}
    return max(worst, _Batch(context, options, beside, given.cache).run(wanted, runtime))


def _resolve_model(model: str, context: Context) -> str:
    from ..registry.choosing import resolve_model

    return resolve_model(model, context.settings)


def _order_network(helper: "Helper", options: Options, settings: "Settings") -> None:
    """Have the helper load the network, before this process imports what it needs itself."""
    from ..inference import engines
    from ..registry.cards import ModelCard
    from ..registry.catalog import find_card

    card = find_card(options.model, settings)
    if isinstance(card, ModelCard):
        helper.send(engines.order_network(card, engines.choose_plan(card, options.precision, settings), settings))


def ensure_model(model: str, context: Context) -> None:
    """Fetch the model unless it is installed."""
    from ..registry import catalog, weights

    card = catalog.find_cutter(model, context.settings)
    if not weights.is_installed(card, context.settings):
        from .models import fetch_and_tell

        fetch_and_tell(card, context)


def _make_runtime(helper: "Helper", context: Context, model: str) -> "Runtime":
    """A runtime that takes the network of `model` from the helper process."""
    from ..base.process import prepare_pictures
    from ..inference.runtime import Runtime
    from ..inference.sessions import HelperLoader

    prepare_pictures()
    return Runtime(context.settings, HelperLoader(helper, model))


class _Batch:
    """Photos that are cut out one after another with the same options."""

    def __init__(self, context: Context, options: Options, beside: dict[str, Any], cache: bool) -> None:
        """`beside`: what `InputFiles` holds beside the photo, by name."""
        self._context, self._options, self._beside, self._cache = context, options, beside, cache
        self._told: set[str] = set()

    def run(self, targets: Targets, runtime: "Runtime") -> int:
        """Cut out all photos; the largest exit code. An error of one photo does not stop the others."""
        from ..base.jobs import Job

        worst = 0
        for number, (photo, target) in enumerate(targets, start=1):
            job = Job(on_step=_Releaser(runtime) if number == len(targets) else None)
            try:
                self._cut(photo, target, runtime, job)
            except ClearcutError as error:
                worst = max(worst, self._context.terminal.complain(error))
        return worst

    def _cut(self, photo: str, target: Path | None, runtime: "Runtime", job: "Job") -> None:
        from ..cutout import InputFiles, cut_out_file

        name, terminal = name_photo(photo), self._context.terminal
        data = read_photo(photo, self._context.settings.max_mb)
        files = InputFiles(data, name=name, **self._beside)
        try:
            result = cut_out_file(files, self._options, runtime, job=job, cache=self._cache)
        except ClearcutError as error:
            if error.code != "model_missing" or self._options.key == "off":
                raise
            ensure_model(self._options.model, self._context)  # not before a photo has shown that it needs one
            result = cut_out_file(files, self._options, runtime, job=job, cache=self._cache)
        if target is None:
            sys.stdout.buffer.write(result.data)
            sys.stdout.buffer.flush()
        else:
            _write(target, result.data)
            seconds = sum(result.cutout.seconds.values())
            width, height = result.size
            terminal.note(f"{target}  {width} × {height}  {result.cutout.model}  {seconds:.2f} s")
        if filled := describe_fill(result.cutout.picture.fill, self._options.canvas, terminal.language):
            terminal.note(f"{name}: {filled}")
        if measured := describe_head(result.cutout.picture.head, self._options.canvas, terminal.language):
            terminal.note(f"{name}: {measured}")
        enlarged = f"{result.cutout.picture.placement.enlarged:g}"
        facts = {"options": ", ".join(result.cutout.without_effect), "enlarged": enlarged}
        for warning in result.cutout.warnings:
            if warning not in self._told:
                terminal.note(f"{name}: {terminal.say(f'warning.{warning}', **facts)}")
            if warning in OF_ALL_PHOTOS:
                self._told.add(warning)


class _Releaser:
    """Drops the networks after the last prediction, since finishing a large picture needs the memory."""

    def __init__(self, runtime: "Runtime") -> None:
        self._runtime = runtime

    def __call__(self, step: "Step") -> None:
        if step == "finishing":
            self._runtime.pool.clear()


def read_photo(photo: str, max_mb: float | None) -> bytes:
    """The bytes of a file or of standard input. Raises ``file_missing``, ``file_unreadable``, ``too_large``."""
    if photo == STREAM:
        data = sys.stdin.buffer.read()
    else:
        try:
            data = Path(photo).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise ClearcutError("file_missing", name=photo) from None
        except OSError:
            raise ClearcutError("file_unreadable", name=photo) from None
    if max_mb is not None and len(data) > max_mb * 1e6:
        raise ClearcutError("too_large", name=photo, megabytes=round(len(data) / 1e6, 1), limit=max_mb)
    return data


def _write(target: Path, data: bytes) -> None:
    """Write `data` whole or not at all: to a file beside the target, which then replaces it."""
    try:
        if _is_device(target):
            target.write_bytes(data)
        else:
            part = target.with_name(f".clearcut-{os.getpid()}.part")
            write_part(part, data)
            part.replace(target)
    except OSError as error:
        raise as_write_error(error, target.name) from None


def _is_device(target: Path) -> bool:
    """Whether `target` exists and is neither a regular file nor a folder, such as ``/dev/full`` or a pipe."""
    try:
        return not stat.S_ISREG(target.stat().st_mode) and not target.is_dir()
    except OSError:
        return False
