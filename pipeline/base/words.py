"""The words for people, from ``assets/locale``: errors, options and models in every language of the house."""

import json
import os
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from .errors import ClearcutError

LOCALES = Path(__file__).parents[2] / "assets" / "locale"
LANGUAGES = {"en": "English", "zh-CN": "简体中文"}
FALLBACK = "en"


@cache
def load_words(language: str) -> dict[str, str]:
    """Every word of one language, by key."""
    words: dict[str, str] = json.loads((LOCALES / f"{language}.json").read_text(encoding="utf-8"))
    return words


def say(key: str, language: str = FALLBACK, /, default: str | None = None, **facts: Any) -> str:
    """The sentence under `key`, with ``{facts}`` filled in; `default` (else the key) where there is none."""
    template = load_words(language).get(key)
    if template is None:
        return key if default is None else default
    for name, value in facts.items():
        template = template.replace("{" + name + "}", str(value))
    return template


def explain(error: ClearcutError, language: str = FALLBACK) -> str:
    """The sentence that tells a person what went wrong and what to do."""
    return say(f"error.{error.code}", language, **error.facts)


def complain(error: ClearcutError) -> int:
    """Tell a person at a terminal what went wrong, in the machine's language; the exit code for it."""
    print(explain(error, detect_language()), file=sys.stderr)
    return error.exit_code


def detect_language() -> str:
    """The language that this machine's locale asks for."""
    return choose_language(os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or "")


def choose_language(preferences: str | Iterable[str]) -> str:
    """The first language of the house among `preferences`: tags in order, or an Accept-Language or LANG value."""
    tags = preferences.split(",") if isinstance(preferences, str) else preferences
    for tag in tags:
        spoken = tag.split(";")[0].strip().lower().partition("-")[0].partition("_")[0]
        for language in LANGUAGES:
            if spoken == language.lower().partition("-")[0]:
                return language
    return FALLBACK
