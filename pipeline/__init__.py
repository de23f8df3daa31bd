"""From the bytes of a photo to the bytes of its cut-out: the public API, for pages, servers and scripts.

Names load at first use, so that ``python -m pipeline --help`` need not wait for OpenCV. The modules stand in layers,
listed in ``storeys.toml``; each imports only modules that stand before it.

>>> from pipeline import Options, cut_out_bytes
>>> png = cut_out_bytes(open("cat.jpg", "rb").read(), model="u2netp", feather=2)  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .base.errors import ClearcutError, as_clearcut_error
    from .base.jobs import Job
    from .base.machine import count_cores, is_running, measure_free_mb, measure_load
    from .base.process import prepare_libraries, prepare_process
    from .base.settings import Settings
    from .base.streams import prepare_streams
    from .base.words import LANGUAGES, explain, load_words, match_language, say
    from .base.workers import WorkerPool
    from .batch.archives import is_archive
    from .batch.batch import Batch
    from .batch.items import BESIDE, Found, Source, find_items, locate_unpacked
    from .batch.journal import BatchItem
    from .batch.many import ManyResult, cut_out_many
    from .batch.report import describe_item
    from .batch.task import Order
    from .commands.flags import Parser, add_flags, pick_given_values, speak_argparse
    from .cutout import InputFiles, Result, cut_out, cut_out_bytes, cut_out_file, make_picture, make_trimap, warm_up
    from .draft import Draft
    from .edges.marks import Marks, Pick
    from .inference.predict import estimate_seconds
    from .inference.runtime import Runtime, default_runtime
    from .inference.worker_count import choose_workers
    from .inputs import Cutout, Inputs
    from .manage.local_models import import_weights, remove_model
    from .manage.timing import list_untimed, time_engines
    from .options.canvas import Canvas, describe_fill, describe_head, list_canvases
    from .options.options import GROUPS, Options
    from .options.presets import list_presets
    from .pixels.encoders import (
        encode_area,
        encode_matte,
        encode_picture,
        encode_stencil,
        encode_trimap,
        encode_view,
    )
    from .pixels.formats import FORMATS, list_media_types
    from .pixels.image_io import Photo, decode, measure_megapixels
    from .pixels.names import clean_name, name_cutout
    from .registry.cards import Card, Ensemble, Picker, to_megabytes
    from .registry.catalog import group_models, list_preferred
    from .registry.choosing import AUTOMATIC, find_better
    from .registry.fetching import fetch, is_removable
    from .registry.weights import check_weights, count_bytes, is_installed
    from .video.clip import Clip, Limits
    from .video.cut_video import VideoOrder, VideoResult, cut_out_video
    from .video.finishing import open_backdrop, peek_backdrop
    from .video.formats import VideoFormat, find_video_format, list_video_formats
    from .video.journal import read_glimpse
    from .video.live import LivePredictor, list_live_models
    from .video.peek import find_marks
    from .video.reader import Reader, is_video
    from .video.timed_marks import TimedMarks, parse_timed_marks
    from .video.times import NOT_OF_CLIPS, parse_rate, parse_time

_HOME = {
    name: room
    for room, names in {
        "base.errors": ["ClearcutError", "as_clearcut_error"],
        "base.jobs": ["Job"],
        "base.machine": ["count_cores", "is_running", "measure_free_mb", "measure_load"],
        "base.process": ["prepare_libraries", "prepare_process"],
        "base.settings": ["Settings"],
        "base.streams": ["prepare_streams"],
        "base.words": ["LANGUAGES", "explain", "load_words", "match_language", "say"],
        "base.workers": ["WorkerPool"],
        "batch.archives": ["is_archive"],
        "batch.batch": ["Batch"],
        "batch.items": ["BESIDE", "Found", "Source", "find_items", "locate_unpacked"],
        "batch.journal": ["BatchItem"],
        "batch.many": ["ManyResult", "cut_out_many"],
        "batch.report": ["describe_item"],
        "batch.task": ["Order"],
        "commands.flags": ["Parser", "add_flags", "pick_given_values", "speak_argparse"],
        "cutout": [
            *("InputFiles", "Result", "cut_out", "cut_out_bytes", "cut_out_file"),
            *("make_picture", "make_trimap", "warm_up"),
        ],
        "draft": ["Draft"],
        "edges.marks": ["Marks", "Pick"],
        "inference.predict": ["estimate_seconds"],
        "inference.worker_count": ["choose_workers"],
        "inference.runtime": ["Runtime", "default_runtime"],
        "manage.local_models": ["import_weights", "remove_model"],
        "manage.timing": ["list_untimed", "time_engines"],
        "options.canvas": ["Canvas", "describe_fill", "describe_head", "list_canvases"],
        "options.options": ["GROUPS", "Options"],
        "options.presets": ["list_presets"],
        "pixels.encoders": [
            *("encode_area", "encode_matte", "encode_picture", "encode_stencil", "encode_trimap", "encode_view"),
        ],
        "pixels.formats": ["FORMATS", "list_media_types"],
        "pixels.image_io": ["Photo", "decode", "measure_megapixels"],
        "pixels.names": ["clean_name", "name_cutout"],
        "registry.cards": ["Card", "Ensemble", "Picker", "to_megabytes"],
        "registry.catalog": ["group_models", "list_preferred"],
        "registry.choosing": ["AUTOMATIC", "find_better"],
        "registry.fetching": ["fetch", "is_removable"],
        "registry.weights": ["check_weights", "count_bytes", "is_installed"],
        "inputs": ["Cutout", "Inputs"],
        "video.clip": ["Clip", "Limits"],
        "video.cut_video": ["VideoOrder", "VideoResult", "cut_out_video"],
        "video.finishing": ["open_backdrop", "peek_backdrop"],
        "video.formats": ["VideoFormat", "find_video_format", "list_video_formats"],
        "video.journal": ["read_glimpse"],
        "video.live": ["LivePredictor", "list_live_models"],
        "video.peek": ["find_marks"],
        "video.reader": ["Reader", "is_video"],
        "video.timed_marks": ["TimedMarks", "parse_timed_marks"],
        "video.times": ["NOT_OF_CLIPS", "parse_rate", "parse_time"],
    }.items()
    for name in names
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
