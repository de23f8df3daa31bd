"""Tokens: long random keys with names, which let programs and people in. A file holds their hashes, one a line."""

import hashlib
import os
import re
import secrets
from pathlib import Path

from pipeline import ClearcutError, as_clearcut_error, say

PREFIX = "clearcut_"  # by which programs that look for lost keys know one
NAME = re.compile(r"[\w.-]{1,64}")


def make_token(name: str, file: Path) -> str:
    """A new token, the hash of which is added to `file` under `name`. Nobody can tell the token from the file.

    Raises
    ------
    ClearcutError
        ``bad_setting`` for a name that is none, or stands in the file already; ``disk_full``, ``unexpected``.
    """
    if not NAME.fullmatch(name) or (file.exists() and name in read_hashes(file)):
        facts = {"value": name, "accepted": say("web.token_name"), "unit": "web.token_name"}
        raise ClearcutError("bad_setting", name="--new-token", **facts)
    token = PREFIX + secrets.token_urlsafe(32)
    try:
        with os.fdopen(os.open(file, os.O_CREAT | os.O_APPEND | os.O_RDWR, 0o600), "a+b") as lines:
            lines.seek(0)
            whole = lines.read()
            start = b"\n" if whole and not whole.endswith(b"\n") else b""  # somebody's editor left the last line open
            lines.write(start + f"{name} {hash_token(token)}\n".encode())
    except OSError as error:
        raise as_clearcut_error(error, name=file.name) from None
    return token


def read_hashes(file: Path) -> dict[str, str]:
    """The hash of each token by its name. Raises ``bad_setting`` where the file cannot be read."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        facts = {"value": str(file), "accepted": say("web.tokens_file"), "unit": "web.tokens_file"}
        raise ClearcutError("bad_setting", name="CLEARCUT_TOKENS", **facts) from None
    pairs = (line.split() for line in lines if not line.lstrip().startswith("#"))
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def is_known_token(token: str, file: Path) -> bool:
    """Whether the hash of `token` is in `file`, which is read each time: a line that is taken out counts at once.

    It takes as long whichever line is meant, and whether one is. Where the file cannot be read, none is known.
    """
    try:
        known = read_hashes(file).values()
    except ClearcutError:
        return False
    given = hash_token(token).encode()
    return sum(secrets.compare_digest(given, each.encode()) for each in known) > 0  # `any` would stop at the first


def hash_token(token: str) -> str:
    """The hash that stands in the file: a plain one, since a token is too long to be guessed.

    >>> hash_token("clearcut_")[:8]
    '52f1b6a7'
    """
    return hashlib.sha256(token.encode()).hexdigest()
