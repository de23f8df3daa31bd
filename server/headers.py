"""The headers of a cut-out, which tell what is known of it beside its bytes."""

from typing import Any
from urllib.parse import quote

from pipeline import Result

HEADERS = {
    "X-Model": "The model that found the subject",
    "X-Engine": "What ran it",
    "X-Width": "Of the result, in pixels",
    "X-Height": "Of the result, in pixels",
    "X-Seconds": "How long the work took",
    "Server-Timing": "How long each step of it took, in milliseconds, and whether the prediction was kept from before",
    "X-Warnings": "Where there is something to say: codes with commas",
    "X-No-Effect": "With the warning no_effect: the options that were given and change nothing, with commas",
    "X-Enlarged": "Where a canvas is larger than the photo: how many times the photo was enlarged",
    "X-Subject-Fill": "With a crop or a canvas: percent of the frame that the subject fills",
}


def describe_headers() -> dict[str, Any]:
    """What OpenAPI is told of them."""
    return {name: {"description": words, "schema": {"type": "string"}} for name, words in HEADERS.items()}


def build_headers(result: Result) -> dict[str, str]:
    """The headers of a cut-out, by name."""
    width, height = result.size
    filled = result.cutout.picture.fill
    facts = {
        "X-Model": result.cutout.model,
        "X-Engine": result.cutout.engine,
        "X-Width": str(width),
        "X-Height": str(height),
        "X-Seconds": f"{sum(result.cutout.seconds.values()):.3f}",
        "Server-Timing": describe_timing(result),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(result.name)}",
        "Cache-Control": "no-store",
    }
    if filled is not None:
        facts["X-Subject-Fill"] = str(filled.percent)
    if (enlarged := result.cutout.picture.placement.enlarged) > 1:
        facts["X-Enlarged"] = f"{enlarged:g}"
    if head := result.cutout.picture.head:
        facts |= {"X-Head-Height": str(round(head.height)), "X-Eyes-Height": str(round(head.eyes))}
    if result.cutout.warnings:
        facts["X-Warnings"] = ", ".join(result.cutout.warnings)
    if result.cutout.without_effect:
        facts["X-No-Effect"] = ", ".join(result.cutout.without_effect)
    return facts


def describe_timing(result: Result) -> str:
    """The seconds of each step as ``Server-Timing`` has them, which browsers show to developers."""
    steps = [f"{step};dur={1000 * seconds:.1f}" for step, seconds in result.cutout.seconds.items()]
    return ", ".join([*steps, f"cache;desc={'miss' if result.cutout.fresh else 'hit'}"])
