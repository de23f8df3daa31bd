"""Terminals that cannot show every letter: what they show instead, and the language that is spoken to them."""

import codecs
import sys
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from io import TextIOWrapper

from .words import FALLBACK, LANGUAGES, detect_language

READABLE = {
    "×": "x",
    "·": "-",
    "–": "-",
    "—": "-",
    "−": "-",
    "…": "...",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "≥": ">=",
    "≤": "<=",
    "→": "->",
    "∗": "*",
    "ß": "ss",
    "ø": "o",
    "Ø": "O",
    "æ": "ae",
    "Æ": "AE",
    "ł": "l",
    "Ł": "L",
    "：": ":",
    "，": ", ",
    "。": ". ",
    "；": "; ",
    "、": ", ",
    "（": " (",
    "）": ") ",
    "「": '"',
    "」": '"',
}
UNKNOWN = "?"
UNDECODED = range(0xDC80, 0xDD00)  # what Python makes of bytes of a file name that are no text


def prepare_streams(environ: Mapping[str, str]) -> str:
    """Let standard output and error take every letter; the language of the user. For the door of a program.

    A letter that the terminal does not have is replaced by one that people can read (`replace_letter`). Where it lacks
    the letters of the user's language altogether, English is spoken.

    Parameters
    ----------
    environ
        Environment variables, for the language.
    """
    language = detect_language(environ)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            if not can_show(LANGUAGES[language], stream.encoding):
                language = FALLBACK
            keeps_bytes = stream.errors == "surrogateescape"
            codecs.register_error("clearcut", _replace)
            codecs.register_error("clearcut-bytes", _replace_all_but_bytes)
            with suppress(OSError):  # once it is done: of what was a file when Python opened it and is a pipe by now
                stream.reconfigure(errors="clearcut-bytes" if keeps_bytes else "clearcut")
    return language


def can_show(text: str, encoding: str) -> bool:
    """Whether a terminal of that encoding has every letter of `text`.

    >>> can_show("简体中文", "gbk"), can_show("简体中文", "cp1252")
    (True, False)
    """
    try:
        text.encode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True


def replace_letter(letter: str) -> str:
    """What is shown for a letter that a terminal does not have, in ASCII.

    >>> "".join(map(replace_letter, "“été” ×…猫"))
    '"ete" x...?'
    """
    if letter in READABLE:
        return READABLE[letter]
    if ord(letter) in UNDECODED:
        return f"\\x{ord(letter) - 0xDC00:02x}"
    plain = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    return plain or ("" if unicodedata.combining(letter) else UNKNOWN)


def _replace(error: UnicodeError) -> tuple[str, int]:
    """An error handler for encoders; see `codecs.register_error`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(replace_letter, error.object[error.start : error.end])), error.end


def _replace_all_but_bytes(error: UnicodeError) -> tuple[str | bytes, int]:
    """As `_replace`, but bytes of a file name that are no text leave as they came."""
    if isinstance(error, UnicodeEncodeError) and ord(error.object[error.start]) in UNDECODED:
        return bytes([ord(error.object[error.start]) - 0xDC00]), error.start + 1
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return replace_letter(error.object[error.start]), error.start + 1
