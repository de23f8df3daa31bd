"""The log on the terminal: a line a request, as JSON or as text, and what nobody foresaw."""

import json
import logging
import time
import traceback
from types import TracebackType
from typing import Literal

from .records import Record

log = logging.getLogger("clearcut.requests")
Error = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class _Formatter(logging.Formatter):
    """Text on one line. Of an exception its kind and place alone: its message may name a file."""

    def format(self, record: logging.LogRecord) -> str:
        facts = self.describe(record)
        return " ".join(f"{name}={value}" if name != "time" else str(value) for name, value in facts.items())

    def describe(self, record: logging.LogRecord) -> dict[str, object]:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        facts: dict[str, object] = {"time": f"{moment}.{int(record.msecs):03}Z", "level": record.levelname.lower()}
        facts |= getattr(record, "facts", None) or {"message": json.dumps(record.getMessage())}
        if record.exc_info and record.exc_info[0]:
            facts |= {"kind": record.exc_info[0].__name__, "at": _find_places(record.exc_info)}
        return facts


class _JsonFormatter(_Formatter):
    """As one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(self.describe(record))


FORMS: dict[str, type[_Formatter]] = {"json": _JsonFormatter, "text": _Formatter}


def _find_places(error: Error) -> list[str]:
    """Where an exception came from: modules, lines and functions, the last one first."""
    frames = traceback.extract_tb(error[2])
    return [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in reversed(frames)]


def prepare_log(form: Literal["json", "text", "off"]) -> None:
    """Let the log of this process have that form; for the door."""
    if form == "off":
        return
    handler = logging.StreamHandler()
    handler.setFormatter(FORMS[form]())
    ours = logging.getLogger("clearcut")
    ours.addHandler(handler)
    ours.propagate = False
    log.setLevel(logging.INFO)


def log_record(record: Record) -> None:
    """Write the line of a request that is over, or of a cut-out of the page."""
    log.info("record", extra={"facts": record.describe()})
