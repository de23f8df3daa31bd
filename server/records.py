"""What is known of a request when it is over: for a line of the log, and for the figures of Prometheus.

No name, address or pixel of a picture is ever part of it, nor a password: routes stand for paths, codes for sentences.
"""

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Scope

from pipeline import Result

ID = re.compile(r"[\w.-]{1,64}", re.ASCII)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
KEY = "clearcut.record"  # of the record in the scope of its request
TIMING = re.compile(r"(\w+);dur=([\d.]+)")
OTHER, PAGE, HOME = "other", "page", "/"  # a page's cut-out, and the page itself


@dataclass(eq=False)
class Record:
    """One request, or one cut-out of the page.

    Attributes
    ----------
    id
        Its own, or the one that a proxy sent.
    method, route, status
        What was asked, by the route's pattern, and how it was answered; 0 before it is.
    outcome
        ``ok``, or the code of the error.
    seconds
        How long it took.
    model, megapixels, steps, cached
        Of a cut-out: which model, how large, the seconds of each step, and whether no network had to run for it.
    """

    id: str
    method: str
    route: str = OTHER
    status: int = 0
    outcome: str = ""
    seconds: float = 0.0
    model: str = ""
    megapixels: float = 0.0
    steps: dict[str, float] = field(default_factory=dict)
    cached: bool = False
    began: float = field(default_factory=time.perf_counter)

    @property
    def is_request(self) -> bool:
        """Whether it is one of a request."""
        return self.route != PAGE

    @classmethod
    def begin(cls, scope: Scope) -> "Record":
        """A record of a request that has just come, kept in its `scope`."""
        given = Headers(scope=scope).get("x-request-id", "")
        method = scope["method"] if scope["method"] in METHODS else OTHER
        record = scope[KEY] = cls(given if ID.fullmatch(given) else secrets.token_hex(8), method)
        return record

    @classmethod
    def of_page(cls, result: Result) -> "Record":
        """A record of a cut-out at screen size, which is no request of its own: it is waited for in a stream."""
        width, height = result.size
        steps = dict(result.cutout.seconds)
        return cls(
            secrets.token_hex(8), "", PAGE, outcome="ok", seconds=sum(steps.values()), model=result.cutout.model,
            megapixels=round(width * height / 1e6, 3), steps=steps, cached=not result.cutout.fresh,
        )  # fmt: skip

    def note_answer(self, status: int, headers: Headers) -> None:
        """Take from an answer what it says of itself."""
        self.status = status
        self.outcome = self.outcome or ("ok" if status < 400 else str(status))
        if "x-model" in headers:
            self.model = headers["x-model"]
            self.megapixels = round(int(headers["x-width"]) * int(headers["x-height"]) / 1e6, 3)
            timing = headers.get("server-timing", "")
            self.steps = {step: float(milliseconds) / 1000 for step, milliseconds in TIMING.findall(timing)}
            self.cached = "cache;desc=hit" in timing

    def end(self, scope: Scope) -> None:
        """Note which route was taken, and how long it took."""
        self.route = find_route(scope)
        self.seconds = time.perf_counter() - self.began
        self.outcome = self.outcome or "cut_off"  # nobody was there any more to be answered

    def describe(self) -> dict[str, Any]:
        """What a line of the log says of it."""
        asked = {"method": self.method, "status": self.status} if self.is_request else {}
        facts: dict[str, Any] = {"id": self.id, "route": self.route, **asked}
        facts |= {"outcome": self.outcome, "seconds": round(self.seconds, 4)}
        if self.model:
            steps = {step: round(seconds, 4) for step, seconds in self.steps.items()}
            facts |= {"model": self.model, "megapixels": self.megapixels, "steps": steps, "cached": self.cached}
        return facts


def find_route(scope: Mapping[str, Any]) -> str:
    """The pattern of the route that answered, such as ``/results/{key}/{name}``; ``other`` where none did."""
    route = scope.get("route")
    if route is not None:
        return str(route.path)
    if "app_root_path" in scope:  # it was mounted
        return str(scope["root_path"]).removeprefix(str(scope["app_root_path"])) + "/"
    return OTHER


def note_outcome(scope: Scope, code: str) -> None:
    """Let the record of a request, if there is one, say how it ended."""
    if KEY in scope:
        scope[KEY].outcome = code
