"""Errors as HTTP answers: code, facts, and the sentence in the caller's language."""

from starlette.responses import JSONResponse
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from pipeline import ClearcutError, explain, match_language


def choose_language(accept_language: str | None) -> str:
    """The language of `LANGUAGES` that the header ``Accept-Language`` prefers, by its weights; else English.

    >>> choose_language("zh;q=0.1, en;q=0.9")
    'en'
    """
    wanted = parse_accept_header(accept_language, LanguageAccept)  # the most wanted first
    known = (match_language(tag) for tag, quality in wanted if quality > 0)
    return next(filter(None, known), "en")


def make_error_response(error: ClearcutError, accept_language: str | None) -> JSONResponse:
    """`error` as JSON of code, facts and sentence, with the headers of its status."""
    language = choose_language(accept_language)
    headers = {"Content-Language": language}
    if "retry_after" in error.facts:
        headers["Retry-After"] = str(error.facts["retry_after"])
    if error.code == "unauthorized":
        headers["WWW-Authenticate"] = 'Basic realm="Clearcut", charset="UTF-8"'
    body = {"code": error.code, "facts": error.facts, "sentence": explain(error, language)}
    return JSONResponse(body, error.status, headers)
