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
    from .base.fields import add_flags, given_values
    from .base.jobs import Job
    from .base.settings import Settings
    from .base.words import LANGUAGES, choose_language, detect_language, explain, load_words, say
    from .cutout import Cutout, Result, cut_out, cut_out_bytes, cut_out_file, warm_up
    from .draft import Draft
    from .edges.trimap import can_solve_matte
    from .inference.cache import forget
    from .inference.predict import measured_seconds
    from .manage.local_models import import_weights, remove_model
    from .options.canvas import Canvas, describe_fill, list_canvases
    from .options.options import GROUPS, Options
    from .options.presets import list_presets
    from .pixels.formats import encode_matte, encode_view, list_media_types
    from .pixels.image_io import Photo, decode, name_cutout
    from .registry.catalog import Card, find_card, list_models, to_megabytes
    from .registry.fetching import fetch, is_removable
    from .registry.weights import count_bytes, is_installed

_HOME = {
    name: room
    for room, names in {
        "base.errors": ["ClearcutError", "as_clearcut_error"],
        "base.fields": ["add_flags", "given_values"],
        "base.jobs": ["Job"],
        "base.settings": ["Settings"],
        "base.words": ["LANGUAGES", "explain", "choose_language", "detect_language", "say", "load_words"],
        "cutout": ["Cutout", "Result", "cut_out", "cut_out_bytes", "cut_out_file", "warm_up"],
        "draft": ["Draft"],
        "edges.trimap": ["can_solve_matte"],
        "inference.cache": ["forget"],
        "inference.predict": ["measured_seconds"],
        "manage.local_models": ["import_weights", "remove_model"],
        "options.canvas": ["Canvas", "list_canvases", "describe_fill"],
        "options.options": ["GROUPS", "Options"],
        "options.presets": ["list_presets"],
        "pixels.formats": ["encode_matte", "encode_view", "list_media_types"],
        "pixels.image_io": ["Photo", "name_cutout", "decode"],
        "registry.catalog": ["Card", "find_card", "to_megabytes", "list_models"],
        "registry.fetching": ["fetch", "is_removable"],
        "registry.weights": ["is_installed", "count_bytes"],
    }.items()
    for name in names
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
