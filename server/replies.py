"""Errors as HTTP answers: code, facts, and the sentence in the caller's language."""

from starlette.responses import JSONResponse

from pipeline import ClearcutError, choose_language, explain


def error_response(error: ClearcutError, accept_language: str | None) -> JSONResponse:
    """The JSON body of `error`, with the headers that its status calls for."""
    language = choose_language(accept_language or "")
    headers = {"Content-Language": language}
    if error.code == "busy":
        headers["Retry-After"] = str(error.facts["retry_after"])
    if error.code == "unauthorized":
        headers["WWW-Authenticate"] = 'Basic realm="Clearcut", charset="UTF-8"'
    body = {"code": error.code, "facts": error.facts, "sentence": explain(error, language)}
    return JSONResponse(body, error.status, headers)
