"""``clearcut cut PHOTO…``: cuts photos out, one after another."""

import argparse
import os
import stat
import sys
from argparse import SUPPRESS
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import ClearcutError, as_write_error
from ..options.canvas import describe_fill
from ..options.options import Options
from ..options.presets import list_presets
from ..pixels.formats import FORMATS
from .flags import add_flags, pick_given_values
from .terminal import Context, Terminal

if TYPE_CHECKING:
    from ..base.jobs import Job, Step
    from ..inference.helper import Helper
    from ..inference.runtime import Runtime

STREAM = "-"
STDIN, STDOUT = "stdin", "stdout"  # their names in messages
OF_THE_MACHINE = {"engine_fallback"}  # warnings that are the same for every photo, printed once
Targets = list[tuple[str, Path | None]]  # each photo with the file that its cut-out goes to; None is standard output


def add_arguments(cut: argparse.ArgumentParser, terminal: Terminal) -> None:
    """Add the arguments of ``cut``."""
    say = terminal.say
    cut.add_argument("photos", nargs="+", metavar="PHOTO", help=say("cli.photos"))
    cut.add_argument("-o", "--output", metavar="OUT", help=say("cli.output"))
    cut.add_argument("--force", action="store_true", help=say("cli.force"))
    cut.add_argument("--no-cache", dest="cache", action="store_false", help=say("cli.no_cache"))
    presets = ", ".join(list_presets())
    cut.add_argument("--preset", metavar="NAME", default=SUPPRESS, help=say("cli.preset", names=presets))
    add_flags(cut, Options, "option", terminal.language)
    cut.add_argument("--background-image", metavar="FILE", help=say("cli.background_image"))
    cut.set_defaults(run=run)


def run(given: argparse.Namespace, context: Context) -> int:
    """Cut out all photos; the largest exit code."""
    values = pick_given_values(given, Options)
    if hasattr(given, "preset"):
        values["preset"] = given.preset
    options = Options.of(**values, background_image=bool(given.background_image)).with_defaults_of(context.settings)
    helper = context.helper
    if helper and options.own_alpha == "keep":  # no network may be needed
        helper.stop()
        helper = None
    elif helper:
        helper.send((context.settings, options.model, options.precision))
    targets = choose_targets(given.photos, given.output, FORMATS[options.format].ending)
    if not given.force:
        for photo, target in targets:
            if target and target.exists() and not _is_device(target):
                raise ClearcutError("output_exists", name=target.name, photo=photo)
    background = _read(given.background_image, None) if given.background_image else None
    if options.background == "image" and background is None:
        raise ClearcutError("no_background")
    if any(photo == STREAM or Path(photo).exists() for photo in given.photos):  # else nothing is to be fetched for it
        _ensure_model(options.model, context)
    batch = _Batch(context, options, background, given.cache)
    if helper is None:
        return batch.run(targets, context.runtime)
    try:
        return batch.run(targets, _make_runtime(helper, context, options.model))
    finally:
        helper.stop()  # its session was never taken where all predictions came from the cache


def choose_targets(photos: list[str], output: str | None, ending: str) -> Targets:
    """Choose the file that each photo's cut-out is written to.

    Parameters
    ----------
    output
        A folder, a file for a single photo, `STREAM` for standard output, or None: beside each photo.
    ending
        Of the files, such as ``_cutout.png``.

    Raises
    ------
    ClearcutError
        ``output_clash`` where two would be written to the same file, ``disk_full`` or ``write_failed`` of a new folder.
    """
    from ..pixels.image_io import name_cutout

    folder = Path(output) if output and (output.endswith(("/", os.sep)) or Path(output).is_dir()) else None
    if len(photos) > 1 and output and not folder:
        raise ClearcutError("output_clash", name=output)
    targets: Targets = []
    for photo in photos:
        name = name_cutout(_name_photo(photo), ending)
        if folder:
            target: Path | None = folder / name
        elif output:
            target = None if output == STREAM else Path(output)
        else:
            target = None if photo == STREAM else Path(photo).parent / name
        targets.append((photo, target))
    places = Counter(target and target.resolve() for _, target in targets)
    for place, number in places.items():
        if number > 1:
            raise ClearcutError("output_clash", name=place.name if place else STDOUT)
    if folder:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise as_write_error(error, folder.name) from None
    return targets


def _ensure_model(model: str, context: Context) -> None:
    """Fetch the model unless it is installed."""
    from ..registry import catalog, weights

    card = catalog.find_card(model, context.settings)
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

    def __init__(self, context: Context, options: Options, background: bytes | None, cache: bool) -> None:
        self._context, self._options, self._background, self._cache = context, options, background, cache
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

        name, terminal = _name_photo(photo), self._context.terminal
        data = _read(photo, self._context.settings.max_mb)
        files = InputFiles(data, self._background, name)
        result = cut_out_file(files, self._options, runtime, job=job, cache=self._cache)
        if target is None:
            sys.stdout.buffer.write(result.data)
            sys.stdout.buffer.flush()
        else:
            _write(target, result.data)
            seconds = sum(result.cutout.seconds.values())
            terminal.note(f"{target}  {result.size[0]} × {result.size[1]}  {seconds:.2f} s")
        if filled := describe_fill(result.cutout.picture.fill, self._options.canvas, terminal.language):
            terminal.note(f"{name}: {filled}")
        for warning in result.cutout.warnings:
            if warning not in self._told:
                terminal.note(f"{name}: {terminal.say(f'warning.{warning}')}")
            if warning in OF_THE_MACHINE:
                self._told.add(warning)


class _Releaser:
    """Drops the networks after the last prediction, since finishing a large picture needs the memory."""

    def __init__(self, runtime: "Runtime") -> None:
        self._runtime = runtime

    def __call__(self, step: "Step") -> None:
        if step == "finishing":
            self._runtime.pool.clear()


def _name_photo(photo: str) -> str:
    """The photo's file name, for messages."""
    return STDIN if photo == STREAM else Path(photo).name


def _read(photo: str, max_mb: float | None) -> bytes:
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
    part = target if _is_device(target) else target.with_name(f".clearcut-{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
        if part is not target:
            part.replace(target)
    except OSError as error:
        if part is not target:
            part.unlink(missing_ok=True)
        raise as_write_error(error, target.name) from None


def _is_device(target: Path) -> bool:
    """Whether `target` exists and is neither a regular file nor a folder, such as ``/dev/full`` or a pipe."""
    try:
        return not stat.S_ISREG(target.stat().st_mode) and not target.is_dir()
    except OSError:
        return False
