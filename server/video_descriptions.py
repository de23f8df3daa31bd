"""What OpenAPI is told of videos, beside what `told` says."""

from typing import Any

from pipeline import list_video_formats, say

from .batch_descriptions import describe_changes
from .descriptions import FILE, Responses, Schema, describe_body, describe_options, describe_query, make_object
from .forms import BEHIND, MARKS
from .settings import ServerSettings
from .visitors_video import OF_FRAMES

CLIP, BEGIN = "video", "begin"
SECOND: dict[str, Schema] = {
    "at": {"type": "string", "description": "Seconds of the clip, or 1:02:03.5", "default": "0"}
}
PART = "A part of it, for a header such as ``Range: bytes=0-1023``"
RESULT: Responses = {
    200: {"description": "The file", "content": {"*/*": {"schema": FILE}}},
    206: {
        "description": PART,
        "content": {"*/*": {"schema": FILE}},
    },
    400: {"description": "A ``Range`` that is none", "content": {"text/plain": {"schema": {"type": "string"}}}},
    416: {"description": "A ``Range`` beyond the file", "content": {"text/plain": {"schema": {"type": "string"}}}},
}


def describe_clip(settings: ServerSettings) -> dict[str, Any]:
    """A form of a clip, and what is to be made of it."""
    switch = {"type": "boolean", "default": True}
    own: dict[str, Schema] = {
        "format": {"type": "string", "enum": list(list_video_formats()), "description": say("cli.video.format")},
        "from": {"type": "string", "description": say("cli.video.from")},
        "to": {"type": "string", "description": say("cli.video.to")},
        "fps": {"type": "string", "description": say("cli.video.fps")},
        "smooth": {**switch, "description": "false: " + say("cli.video.no_smooth")},
        MARKS: {"type": "string", "description": f"{say('cli.video.marks')}; a text or a file"},
        BEGIN: {**switch, "description": "false: wait until ``state`` is set to ``running``"},
    }
    fields = {CLIP: FILE, BEHIND: FILE, **_describe_frames(settings), **own}
    return describe_body(form=make_object(fields, CLIP, strict=True))


def describe_change() -> dict[str, Any]:
    """JSON or a form of options and state."""
    marks: Schema = {"type": ["array", "object", "string", "null"], "description": say("cli.video.marks")}
    return describe_changes(state={"enum": ["running", "ready"]}, **{MARKS: marks, BEHIND: FILE})


def describe_peek(settings: ServerSettings) -> dict[str, Any]:
    """The second of the frame, and options."""
    return {"parameters": [*describe_query(SECOND), *describe_query(_describe_frames(settings))]}


def describe_still() -> dict[str, Any]:
    """The second of the frame."""
    return {"parameters": describe_query(SECOND)}


def _describe_frames(settings: ServerSettings) -> dict[str, Schema]:
    options = describe_options(settings)
    return {name: options[name] for name in options if name in OF_FRAMES}
