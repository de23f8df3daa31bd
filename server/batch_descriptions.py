"""What OpenAPI is told of batches and their photos, beside what `told` says."""

from typing import Any

from .descriptions import (
    ANYWHERE,
    FILE,
    OPTIONS,
    PICTURES,
    RUNNING,
    Responses,
    describe_body,
    describe_options,
    make_object,
)
from .forms import BEHIND, OWN
from .settings import ServerSettings
from .told import BatchTold, PhotoTold

PHOTOS = "images"
TOLD: dict[str, Any] = {"response_model": BatchTold, "response_model_exclude_unset": True}
PHOTO_TOLD: dict[str, Any] = {"response_model": PhotoTold, "response_model_exclude_unset": True}
EVENT = 'event: removed\nid: 7\ndata: {"number": 2}\n\n'
EVENTS = {
    "description": "Events as long as the server lives",
    "content": {"text/event-stream": {"schema": {"type": "string"}, "example": EVENT}},
}
ANY_FILE: Responses = {200: {"description": "The file", "content": {"*/*": {"schema": FILE}}}}
TAKING = (
    *(*ANYWHERE, *PICTURES, *OPTIONS, *RUNNING, "expired", "too_many_photos", "batch_too_large"),
    *("archive_too_large", "broken_archive", "archive_locked", "archive_bomb", "unsafe_name", "disk_full"),
)  # what may be wrong with photos and options of a batch


def describe_photos(settings: ServerSettings, *, options: bool) -> dict[str, Any]:
    """A form of photos; with options and a picture for behind where it begins a batch."""
    fields = {PHOTOS: {"type": "array", "items": FILE}}
    more = {BEHIND: FILE, **describe_options(settings)} if options else {}
    return describe_body(form=make_object(fields | more, strict=options))


def describe_changes(**more: dict[str, Any]) -> dict[str, Any]:
    """JSON or a form of options, and of what goes with photos."""
    options = {"type": ["object", "null"], "description": "Options by name"}
    text = {"type": ["string", "null"], "contentEncoding": "base64"}
    pictures = {name: text for name, field in more.items() if field is FILE}
    form = make_object({OWN: {"type": "string", "contentMediaType": "application/json"}, **more}, strict=True)
    return describe_body(json=make_object({OWN: options, **more, **pictures}, strict=True), form=form)
