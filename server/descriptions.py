"""What OpenAPI is told of requests and answers: options, pictures, forms, and errors with their codes and shapes."""

import json
import re
from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from pipeline import ClearcutError, Options, list_media_types, list_presets, say

from .forms import BEHIND, MARKS, PHOTO, PRESET, TRIMAP
from .replies import make_error_response
from .settings import ServerSettings

Schema = dict[str, Any]
Responses = dict[int | str, dict[str, Any]]
FILE: Schema = {"type": "string", "format": "binary"}
TEXT: Schema = {"type": "string", "contentEncoding": "base64"}  # or a data URI
FORM, URLENCODED, JSON = "multipart/form-data", "application/x-www-form-urlencoded", "application/json"

ANYWHERE = (
    "bad_request",
    "unauthorized",
    "foreign_origin",
    "not_found",
    "too_large",
    "unknown_host",
    "unexpected",
    "too_many_requests",
    "stopping",
)
PICTURES = (
    *("no_picture", "empty_file", "not_a_picture", "camera_raw", "unsupported_format", "broken_picture"),
    *("too_many_pixels", "too_many_frames", "too_many_parts", "one_at_a_time", "no_background"),
    *("bad_marks", "bad_trimap"),
)
OPTIONS = ("bad_option", "unknown_option", "unknown_model", "frame_too_large")
RUNNING = (
    "model_missing",
    "import_only",
    "offline",
    "wrong_checksum",
    "busy",
    "took_too_long",
    "out_of_memory",
    "low_memory",
    "worker_died",
    "needs_package",
)
FACTS: dict[str, Any] = {  # for the examples
    **{"name": "feather", "value": "much", "accepted": "0 – 50", "known": "model, feather", "number": 2},
    **{"model": "u2netp", "megabytes": 42.5, "limit": 30, "width": 20000, "height": 10000, "megapixels": 200},
    **{"waiting": 8, "retry_after": 4, "seconds": 60, "files": 10, "fields": 100, "host": "example.com", "room": 3},
    **{"at": "strokes.0.size", "format": "CR2", "file": "u2netp.onnx", "kind": "OSError", "package": "openvino"},
    **{"homepage": "https://example.com", "length": "90.0 s", "members": "u2netp", "wanted": "309c…", "found": "77aa…"},
}
ERROR_SCHEMA: Schema = {
    "type": "object",
    "required": ["code", "facts", "sentence"],
    "properties": {"code": {"type": "string"}, "facts": {"type": "object"}, "sentence": {"type": "string"}},
}
REMBG_ERROR: Schema = {
    "type": "object",
    "required": ["detail"],
    "properties": {
        "detail": {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "object", "required": ["type", "loc", "msg"]}},
            ]
        }
    },
}
REMOVEBG_ERROR: Schema = {
    "type": "object",
    "required": ["errors"],
    "properties": {
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["title", "code"],
                "properties": {"title": {"type": "string"}, "code": {"type": "string"}},
            },
        }
    },
}


def describe_errors(
    *codes: str,
    explain: Callable[[ClearcutError, str | None], Response] = make_error_response,
    schema: Schema = ERROR_SCHEMA,
) -> Responses:
    """The answers of errors by status, each with the codes that have it; an example is what `explain` makes of one."""
    found: Responses = {}
    for code in codes:
        names = re.findall(r"\{(\w+)\}", say(f"error.{code}"))
        answer = explain(ClearcutError(code, **{name: FACTS[name] for name in names}), None)  # type: ignore[arg-type]
        about = found.setdefault(
            answer.status_code, {"description": "", "content": {JSON: {"schema": schema, "examples": {}}}}
        )
        about["content"][JSON]["examples"][code] = {"value": json.loads(bytes(answer.body))}
        about["description"] = "Codes: " + ", ".join(about["content"][JSON]["examples"])
        if code == "busy":
            about["headers"] = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}}
    return found


def describe_file(*media_types: str, words: str, headers: dict[str, Any] | None = None) -> dict[str, Any]:
    """An answer that is a file of one of some media types."""
    content: dict[str, Schema] = {media_type: {"schema": FILE} for media_type in media_types}
    return {"description": words, "content": content, "headers": headers or {}}


def describe_cutout(headers: dict[str, Any]) -> dict[str, Any]:
    """A cut-out in any format, or a sheet of them."""
    return describe_file(*list_media_types(), words="The cut-out", headers=headers)


def describe_body(**schemas: Schema) -> dict[str, Any]:
    """A request with a body that has to be there; ``form``, ``urlencoded`` and ``json`` say what it may be."""
    kinds = {"form": FORM, "urlencoded": URLENCODED, "json": JSON}
    content = {kinds[name]: {"schema": schema} for name, schema in schemas.items()}
    return {"requestBody": {"required": True, "content": content}}


def describe_query(fields: dict[str, Schema], words: str = "") -> list[dict[str, Any]]:
    """Fields as parameters of the address."""
    return [
        {
            "name": name,
            "in": "query",
            "description": words or field.get("description", ""),
            "schema": {key: value for key, value in field.items() if key != "description"},
        }
        for name, field in fields.items()
    ]


def make_object(fields: dict[str, Schema], *required: str, strict: bool = False) -> Schema:
    """The schema of an object or a form; a strict one has no other fields."""
    strictness = {"additionalProperties": False} if strict else {}
    return {"type": "object", "properties": fields, **({"required": list(required)} if required else {}), **strictness}


def describe_options(settings: ServerSettings) -> dict[str, Schema]:
    """The JSON schemas of preset and options, by name."""
    fields: dict[str, Schema] = Options.model_json_schema()["properties"]
    for name, field in fields.items():
        field["description"] = say(f"option.{name}.help")
        del field["read_by"]  # of no use to callers
    fields["model"]["default"] = settings.model
    words = say("cli.preset", names=", ".join(list_presets()))
    return {PRESET: {"type": "string", "enum": list(list_presets()), "description": words}, **fields}


def describe_request(settings: ServerSettings) -> dict[str, Any]:
    """What OpenAPI is told of ``/api/remove-bg``: a form of pictures and options, which may stand in the URL too."""
    options = describe_options(settings)
    limit = f"at most {settings.max_mb:g} MB"
    photo = {"description": f"The photo as a file, {limit}; as a text: a data URI or base64"}
    behind = {"description": f"{say('cli.background_image')}, {limit}; a file or a text like the photo"}
    drawn = {"type": "string", "description": f"{say('cli.marks')}; a text or a file"}
    trimap = {"description": f"{say('cli.trimap')}, {limit}; a file or a text like the photo"}

    def make_schema(picture: Schema) -> Schema:
        pictures = {PHOTO: picture | photo, BEHIND: picture | behind, TRIMAP: picture | trimap}
        return make_object({**pictures, MARKS: drawn, **options}, PHOTO, strict=True)

    parameters = describe_query(options, "As in the form, which counts more")
    return {"parameters": parameters, **describe_body(form=make_schema(FILE), urlencoded=make_schema(TEXT))}
