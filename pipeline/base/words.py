"""The words for people, from ``assets/locale``, in every language that Clearcut speaks."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from .errors import ClearcutError

LOCALES = Path(__file__).parents[2] / "assets" / "locale"
LANGUAGES = {"en": "English", "zh-CN": "简体中文"}
FALLBACK = "en"


@cache
def load_words(language: str) -> dict[str, str]:
    """Every word of one language, by key, such as ``option.feather.label``."""
    words: dict[str, str] = json.loads((LOCALES / f"{language}.json").read_text(encoding="utf-8"))
    return words


def say(key: str, language: str = FALLBACK, /, default: str | None = None, **facts: Any) -> str:
    """The sentence under `key`, with `facts` in place of ``{name}``; `default`, else the key, where there is none.

    >>> say("page.language", "zh-CN") != say("page.language", "en")
    True
    """
    template = load_words(language).get(key)
    if template is None:
        return key if default is None else default
    for name, value in facts.items():
        template = template.replace("{" + name + "}", str(value))
    return template


def explain(error: ClearcutError, language: str = FALLBACK) -> str:
    """The sentence for `error`: what went wrong and what to do.

    >>> explain(ClearcutError("empty_file", name="cat.jpg"))
    '“cat.jpg” is empty (0 bytes). Export or copy the photo again.'
    """
    facts = dict(error.facts)
    if "unit" in facts:  # what would be accepted is words, of which the facts hold the English ones
        facts["accepted"] = say(str(facts["unit"]), language)
    return say(f"error.{error.code}", language, **facts)


def detect_language(environ: Mapping[str, str]) -> str:
    """The language that the variables ``LC_ALL``, ``LC_MESSAGES`` or ``LANG`` ask for; English where it is no other."""
    wanted = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    return match_language(wanted) or FALLBACK


def match_language(tag: str) -> str | None:
    """The language of `LANGUAGES` that a tag such as ``zh_CN.UTF-8`` or ``en-GB`` means; None if none.

    >>> match_language("zh_TW.UTF-8"), match_language("fr")
    ('zh-CN', None)
    """
    spoken = tag.strip().lower().replace("_", "-").partition("-")[0].partition(".")[0]
    return next((language for language in LANGUAGES if spoken == language.lower().partition("-")[0]), None)
