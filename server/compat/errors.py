"""Errors in the shapes that clients of other services read."""

from starlette.responses import JSONResponse

from pipeline import ClearcutError, explain

from ..replies import choose_language, make_error_response

REMOVEBG_CODES = {
    "no_picture": "missing_source",
    "empty_file": "failed_to_read_image",
    "broken_picture": "failed_to_read_image",
    "not_a_picture": "invalid_file_type",
    "camera_raw": "invalid_file_type",
    "unsupported_format": "invalid_file_type",
    "too_large": "file_too_large",
    "too_many_pixels": "resolution_too_high",
    "too_many_frames": "invalid_file_type",
    "one_at_a_time": "multiple_sources",
    "unauthorized": "auth_failed",
    "busy": "rate_limit_exceeded",
    "too_many_requests": "rate_limit_exceeded",
    "nothing_found": "unknown_foreground",
}
REMOVEBG_STATUSES = {"unauthorized": 403}  # where it differs from what a wrong request is answered with
WRONG = (404, 405, 409, 413, 415, 422)  # of ours, each of which is a 400 there


def explain_as_rembg(error: ClearcutError, accept_language: str | None) -> JSONResponse:
    """`error` as rembg's server tells it: the sentence as ``detail``, or what is wrong with which field."""
    ours = make_error_response(error, accept_language)
    sentence = explain(error, choose_language(accept_language))
    if error.code == "no_picture":
        detail: object = [{"type": "missing", "loc": ["body", "file"], "msg": sentence, "input": None}]
    elif error.code in ("unknown_model", "bad_option"):
        name = "model" if error.code == "unknown_model" else str(error.facts.get("name", ""))
        detail = [{"type": "value_error", "loc": ["body", name], "msg": sentence, "input": error.facts.get("value")}]
    else:
        detail = sentence
    return JSONResponse({"detail": detail}, error.status, _keep_headers(ours))


def explain_as_removebg(error: ClearcutError, accept_language: str | None) -> JSONResponse:
    """`error` as remove.bg tells it: a list of title and code; a wrong parameter is ``invalid_`` and its name."""
    ours = make_error_response(error, accept_language)
    code = REMOVEBG_CODES.get(error.code, error.code)
    if error.code in ("bad_option", "no_background", "url_refused", "url_failed"):
        name = error.facts.get("name", "parameter")
        code = f"failed_{name}_download" if error.code == "url_failed" else f"invalid_{name}"
    status = REMOVEBG_STATUSES.get(error.code, 400 if error.status in WRONG else error.status)
    sentence = explain(error, choose_language(accept_language))
    return JSONResponse({"errors": [{"title": sentence, "code": code}]}, status, _keep_headers(ours))


def _keep_headers(response: JSONResponse) -> dict[str, str]:
    """The headers of `response` that do not tell of its body."""
    return {name: value for name, value in response.headers.items() if name not in ("content-length", "content-type")}
