"""What happens to the pixels: from the bytes of a photo to the bytes of its cut-out.

This is the whole public surface; pages, servers and scripts import nothing deeper. Names load at first use, so that
``python -m pipeline --help`` need not wait for OpenCV. The rooms, ground floor first (each imports only rooms to its
left)::

    beside errors words arguments settings canvas preset options catalog machine storage jobs png resample tiles
    profiles image_io metadata formats sources weights supply engines sessions runtime networks cache mattes guided
    matting edges foreground compose cutout draft trial optimise stock models_command cache_command doctor cut_command
    command_line __main__
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .base.errors import ClearcutError, as_clearcut_error
    from .base.fields import add_arguments, chosen
    from .base.jobs import Job
    from .base.settings import Settings
    from .base.words import LANGUAGES, explain, language_from, machine_language, say, vocabulary
    from .cutout import Cutout, Result, cut_out, cut_out_bytes, cut_out_file, warm_up
    from .draft import Draft
    from .edges.trimap import trimap_is_possible
    from .inference.cache import forget
    from .inference.predict import speed
    from .manage.local_models import bring, remove
    from .options.canvas import Canvas, canvases, said_of_fill
    from .options.options import GROUPS, Options
    from .options.presets import presets
    from .pixels.formats import encode_matte, encode_view, media_types
    from .pixels.image_io import Photo, cutout_name, decode
    from .registry.catalog import Card, card, megabytes, models
    from .registry.fetching import fetch, is_removable
    from .registry.weights import is_installed, model_size

_HOME = {
    name: room
    for room, names in {
        "base.errors": ["ClearcutError", "as_clearcut_error"],
        "base.fields": ["add_arguments", "chosen"],
        "base.jobs": ["Job"],
        "base.settings": ["Settings"],
        "base.words": ["LANGUAGES", "explain", "language_from", "machine_language", "say", "vocabulary"],
        "cutout": ["Cutout", "Result", "cut_out", "cut_out_bytes", "cut_out_file", "warm_up"],
        "draft": ["Draft"],
        "edges.trimap": ["trimap_is_possible"],
        "inference.cache": ["forget"],
        "inference.predict": ["speed"],
        "manage.local_models": ["bring", "remove"],
        "options.canvas": ["Canvas", "canvases", "said_of_fill"],
        "options.options": ["GROUPS", "Options"],
        "options.presets": ["presets"],
        "pixels.formats": ["encode_matte", "encode_view", "media_types"],
        "pixels.image_io": ["Photo", "cutout_name", "decode"],
        "registry.catalog": ["Card", "card", "megabytes", "models"],
        "registry.fetching": ["fetch", "is_removable"],
        "registry.weights": ["is_installed", "model_size"],
    }.items()
    for name in names
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
