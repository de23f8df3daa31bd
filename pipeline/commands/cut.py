"""``python -m pipeline cut PHOTO…``."""

import argparse
import os
import stat
import sys
from argparse import SUPPRESS
from pathlib import Path

from ..base.errors import ClearcutError, write_error
from ..base.fields import add_flags, given_values
from ..base.settings import Settings
from ..base.words import complain, detect_language, say
from ..options.canvas import describe_fill
from ..options.options import Options
from ..options.presets import list_presets

STREAM = "-"
STDIN, STDOUT = "stdin", "stdout"  # their names in messages
OF_THE_MACHINE = {"engine_fallback"}  # warnings that are the same for every photo


def arguments(cut: argparse.ArgumentParser) -> None:
    """What ``cut`` takes."""
    cut.add_argument("photos", nargs="+", metavar="PHOTO", help=say("cli.photos"))
    cut.add_argument("-o", "--output", metavar="OUT", help=say("cli.output"))
    cut.add_argument("--force", action="store_true", help=say("cli.force"))
    cut.add_argument("--no-cache", dest="cache", action="store_false", help=say("cli.no_cache"))
    cut.add_argument(
        "--preset", metavar="NAME", default=SUPPRESS, help=say("cli.preset", names=", ".join(list_presets()))
    )
    add_flags(cut, Options, "option")
    cut.add_argument("--background-image", metavar="FILE", help=say("cli.background_image"))
    cut.set_defaults(run=_cut)


def _cut(given: argparse.Namespace) -> int:
    values = given_values(given, Options)
    if hasattr(given, "preset"):
        values["preset"] = given.preset
    options = Options.of(**values, background_image=bool(given.background_image))
    if given.helper and options.own_alpha == "keep":  # a network may not be wanted
        given.helper.end()
        given.helper = None
    elif given.helper:
        given.helper.tell((options.model, options.precision))
    from ..pixels.formats import FORMATS

    jobs = _plan(given.photos, given.output, FORMATS[options.format].extension)
    if not given.force:
        for photo, target in jobs:
            if target and target.exists() and not _is_device(target):
                raise ClearcutError("output_exists", name=target.name, photo=photo)
    background = _read(given.background_image, None) if given.background_image else None
    if options.background == "image" and background is None:
        raise ClearcutError("no_background")
    _ensure(options.model)
    if given.helper:
        from ..inference.pool import POOL

        POOL.expect(options.model, given.helper)
    worst, told = 0, set[str]()
    for photo, target in jobs:
        try:
            _cut_one(photo, target, options, background, told, given.cache, last=photo is jobs[-1][0])
        except ClearcutError as error:
            worst = max(worst, complain(error))
    return worst


def _ensure(model: str) -> None:
    """Fetch the model unless it is here."""
    from ..registry import catalog, weights

    card = catalog.find_card(model)
    if not weights.is_installed(card):
        from .models import fetch

        fetch(card)


def _plan(photos: list[str], output: str | None, extension: str) -> list[tuple[str, Path | None]]:
    """Each photo with the file that its cut-out goes to; None is standard output."""
    from ..pixels.image_io import name_cutout

    folder = Path(output) if output and (output.endswith(("/", os.sep)) or Path(output).is_dir()) else None
    if len(photos) > 1 and output and not folder:
        raise ClearcutError("output_clash", name=output)
    plan: list[tuple[str, Path | None]] = []
    for photo in photos:
        name = name_cutout(_name(photo), extension)
        if folder:
            target: Path | None = folder / name
        elif output:
            target = None if output == STREAM else Path(output)
        else:
            target = None if photo == STREAM else Path(photo).parent / name
        plan.append((photo, target))
    places = [target and target.resolve() for _, target in plan]
    for place in places:
        if places.count(place) > 1:
            raise ClearcutError("output_clash", name=place.name if place else STDOUT)
    if folder:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(error, folder.name) from None
    return plan


def _name(photo: str) -> str:
    return STDIN if photo == STREAM else Path(photo).name


def _cut_one(
    photo: str, target: Path | None, options: Options, background: bytes | None, told: set[str], cache: bool, last: bool
) -> None:
    """Cut one photo out; what concerns the machine rather than the photo is said once, noted in `told`."""
    from ..cutout import cut_out_file

    settings = Settings.current()
    data = _read(photo, settings.max_mb)
    name = _name(photo)
    limit = settings.max_megapixels
    result = cut_out_file(data, options, background, name=name, max_megapixels=limit, cache=cache, last=last)
    if target is None:
        sys.stdout.buffer.write(result.data)
        sys.stdout.buffer.flush()
    else:
        _write(target, result.data)
        seconds = sum(result.cutout.seconds.values())
        print(
            f"{target}  {result.size[0]} × {result.size[1]}  {seconds:.2f} s",
            file=sys.stderr,
        )
    if filled := describe_fill(result.cutout.picture.fill, options.canvas, detect_language()):
        print(f"{name}: {filled}", file=sys.stderr)
    for warning in result.cutout.warnings:
        if warning not in told:
            print(f"{name}: {say(f'warning.{warning}', detect_language())}", file=sys.stderr)
        if warning in OF_THE_MACHINE:
            told.add(warning)


def _read(photo: str, max_mb: float | None) -> bytes:
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
    """Write all of `data` or nothing: first beside the target, then in its place."""
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
        raise write_error(error, target.name) from None


def _is_device(target: Path) -> bool:
    """Whether `target` is something that exists but is no regular file, such as ``/dev/full`` or a pipe."""
    try:
        return not stat.S_ISREG(target.stat().st_mode) and not target.is_dir()
    except OSError:
        return False
