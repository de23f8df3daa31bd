"""The fields of a request to another service's API: a form or JSON, with a picture as a file, base64 or an address."""

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request

from pipeline import ClearcutError

from ..forms import MOST_FIELDS, MOST_FILES, open_form, read_picture
from ..routes import limit_form
from ..settings import ServerSettings
from ..urls import fetch_picture


class Fields:
    """The fields of a request by name; pictures are read when they are asked for.

    Parameters
    ----------
    given
        By name: text, numbers and truth values of JSON, or files.
    settings
        How large a picture may be, and whether addresses are fetched.
    """

    def __init__(self, given: Mapping[str, Any], settings: ServerSettings) -> None:
        self._given, self._settings = given, settings

    def has(self, name: str) -> bool:
        """Whether a field came that is not empty."""
        return self._given.get(name) not in (None, "")

    def text(self, name: str, default: str = "") -> str:
        """A field as text; a truth value of JSON is ``true`` or ``false``."""
        value = self._given.get(name)
        if value is None or isinstance(value, UploadFile):
            return default
        return (str(value).lower() if isinstance(value, bool) else str(value)).strip() or default

    def choose(self, name: str, *choices: str) -> str:
        """A field that has one of `choices`, the first of which is the default. Raises ``bad_option``."""
        value = self.text(name, choices[0])
        if value not in choices:
            raise ClearcutError("bad_option", name=name, value=value[:100], accepted=", ".join(filter(None, choices)))
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """A field that says yes or no. Raises ``bad_option``."""
        value = self.text(name, str(default)).lower()
        if value in ("true", "1", "yes", "on", "y", "t"):
            return True
        if value in ("false", "0", "no", "off", "n", "f"):
            return False
        raise ClearcutError("bad_option", name=name, value=value[:100], accepted="true, false")

    def number(self, name: str, default: float, least: float, most: float) -> float:
        """A field that is a number from `least` to `most`. Raises ``bad_option``."""
        value = self.text(name, str(default))
        try:
            number = float(value)
        except ValueError:
            number = most + 1
        if not least <= number <= most:
            raise ClearcutError("bad_option", name=name, value=value[:100], accepted=f"{least:g} – {most:g}")
        return number

    async def picture(self, name: str) -> tuple[bytes | None, str]:
        """The bytes and name of a picture that came as a file or as base64; None where none came, or no base64.

        Raises ``too_large``.
        """
        return await read_picture(self._given.get(name), self._settings)

    async def fetch(self, name: str) -> bytes:
        """The picture at the address in a field. Raises ``url_off``, ``url_refused``, ``url_failed``, ``too_large``."""
        if not self._settings.url_input or self._settings.offline:
            raise ClearcutError("url_off")
        return await fetch_picture(self.text(name), name, int(self._settings.max_mb * 1e6))


async def read_json(request: Request) -> Mapping[str, Any]:
    """The object of JSON that a request brings. Raises ``bad_request``."""
    try:
        given = await request.json()
    except (ValueError, RecursionError):
        raise ClearcutError("bad_request") from None
    if not isinstance(given, dict) or not all(isinstance(value, str | int | float | None) for value in given.values()):
        raise ClearcutError("bad_request")
    return given


def is_json(request: Request) -> bool:
    """Whether the body of a request says that it is JSON."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def open_fields(request: Request, settings: ServerSettings) -> Any:
    """The form of a request, as `open_form`, with as large a part as a picture in base64 may be."""
    largest = limit_form(settings, request.headers).size
    return open_form(request, MOST_FILES, MOST_FIELDS, max_part_size=largest)
