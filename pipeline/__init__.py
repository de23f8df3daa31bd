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
    from .arguments import add_arguments, chosen
    from .cache import forget
    from .canvas import Canvas, canvases, said_of_fill
    from .catalog import Card, card, group_models, megabytes, models
    from .compose import BARE, OPAQUE
    from .cutout import Cutout, Result, cut_out, cut_out_bytes, cut_out_file, warm_up
    from .draft import Draft
    from .errors import ClearcutError, as_clearcut_error
    from .formats import encode_matte, encode_view, media_types
    from .image_io import Photo, cutout_name, decode
    from .jobs import Job
    from .mattes import speed
    from .matting import trimap_is_possible
    from .options import GROUPS, Options
    from .preset import presets
    from .settings import Settings
    from .stock import bring, remove
    from .supply import fetch, is_removable
    from .weights import is_installed, model_size
    from .words import LANGUAGES, explain, language_from, machine_language, say, vocabulary

_HOME = {
    "add_arguments": "arguments",
    "chosen": "arguments",
    "Canvas": "canvas",
    "canvases": "canvas",
    "said_of_fill": "canvas",
    "Card": "catalog",
    "card": "catalog",
    "group_models": "catalog",
    "megabytes": "catalog",
    "models": "catalog",
    "BARE": "compose",
    "OPAQUE": "compose",
    "Cutout": "cutout",
    "Result": "cutout",
    "cut_out": "cutout",
    "cut_out_bytes": "cutout",
    "cut_out_file": "cutout",
    "warm_up": "cutout",
    "Draft": "draft",
    "ClearcutError": "errors",
    "as_clearcut_error": "errors",
    "media_types": "formats",
    "Photo": "image_io",
    "decode": "image_io",
    "cutout_name": "image_io",
    "encode_matte": "formats",
    "encode_view": "formats",
    "trimap_is_possible": "matting",
    "GROUPS": "options",
    "Options": "options",
    "presets": "preset",
    "Job": "jobs",
    "speed": "mattes",
    "forget": "cache",
    "Settings": "settings",
    "bring": "stock",
    "remove": "stock",
    "fetch": "supply",
    "is_installed": "weights",
    "is_removable": "supply",
    "model_size": "weights",
    "LANGUAGES": "words",
    "explain": "words",
    "language_from": "words",
    "machine_language": "words",
    "say": "words",
    "vocabulary": "words",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
