"""The guard: ASGI middleware before API and page that checks host, origin, password and the size of a request.

On a loopback address it keeps other web sites out: they cannot make the browser post here (origin), nor reach this
server by a name that they point to 127.0.0.1 (host; DNS rebinding).
"""

import base64
import binascii
import secrets
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline import ClearcutError

from .browser_headers import build_browser_headers
from .rate import Rate, find_client
from .routes import BodyLimit, Rule, explain_to, find_rule, strip_root_path
from .settings import ServerSettings, is_loopback, parse_address, split_list
from .tokens import is_known_token

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
OPEN_PATHS = {"/healthz", "/readyz"}  # for load balancers, which have no password
WRONG = 10  # requests that a wrong password counts for


class Guard:
    """Middleware that every request passes first.

    Parameters
    ----------
    app
        The app that it guards.
    settings
        Limits, password, tokens and addresses.
    hosts
        Further host names that are answered to.
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings, hosts: set[str]) -> None:
        self.app = app
        self.settings = settings
        self.hosts = hosts
        self.headers = build_browser_headers(settings)
        self.rate = Rate(settings.most_requests) if settings.most_requests else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with an error, or pass the request on with a limited body; add security headers to either."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], *self.headers]
            await send(message)

        try:
            limit = self._check(scope, Headers(scope=scope))
            await self.app(scope, limit_body(receive, limit), watched_send)
        except ClearcutError as error:
            if started:
                raise
            await explain_to(scope, error)(scope, receive, watched_send)

    def _check(self, scope: Scope, headers: Headers) -> BodyLimit:
        """How much the body may be. Raises where the request is refused."""
        host = headers.get("host", "")
        for name in (host, *split_list(headers.get("x-forwarded-host", ""))):  # by either Gradio calls itself
            if not self._is_known_host(name):
                raise ClearcutError("unknown_host", host=parse_hostname(name)[:100])
        rule, changes = find_rule(scope), scope["method"] not in SAFE_METHODS
        if strip_root_path(scope) not in OPEN_PATHS:
            works = bool(rule and rule.works) or (changes and (rule is None or rule.counts))
            self._check_client(scope, headers, works)
        if changes and not self._is_own_origin(headers.get("origin"), host):
            raise ClearcutError("foreign_origin")
        if rule is None:
            raise ClearcutError("not_found")
        if rule.works and headers.get("sec-fetch-site") == "cross-site":  # a picture in a page of another site
            raise ClearcutError("foreign_origin")
        return self._limit(rule, headers)

    def _check_client(self, scope: Scope, headers: Headers, works: bool) -> None:
        """Raise ``too_many_requests`` or ``unauthorized``; a right password is none to whoever has tried too often."""
        given = read_credentials(headers)
        signed_in = not self.settings.is_locked or self._is_signed_in(given)
        if self.rate:
            cost = WRONG if given and not signed_in else int(works)
            self.rate.take(find_client(scope, headers, self.settings.client_header), cost)
        if not signed_in:
            raise ClearcutError("unauthorized")

    def _limit(self, rule: Rule, headers: Headers) -> BodyLimit:
        limit, length = rule.limit(self.settings, headers), headers.get("content-length", "")
        if length.isdigit() and int(length) > limit.size:
            raise limit.refuse(int(length))
        return limit

    def _is_known_host(self, host: str) -> bool:
        name = parse_hostname(host)
        if is_loopback(name) or name == self.settings.host.lower() or name in self.hosts:
            return True
        # an address cannot be rebound to another machine as a name can
        return parse_address(name) is not None and self.settings.exposed

    def _is_own_origin(self, origin: str | None, host: str) -> bool:
        """Whether a request comes from our page, from one that may, or from no page at all."""
        if origin is None or origin.lower() in self.settings.cors_origins:
            return True
        netloc = origin.partition("://")[2].lower()
        return bool(netloc) and (netloc == host.lower() or parse_hostname(netloc) in self.hosts)

    def _is_signed_in(self, given: str) -> bool:
        """By name and password, or by a token, which may be the password to any name."""
        auth, tokens = self.settings.auth, self.settings.tokens
        by_password = auth is not None and secrets.compare_digest(given.encode(), auth.encode())
        return by_password or (tokens is not None and is_known_token(given.rpartition(":")[2], tokens))


def read_credentials(headers: Headers) -> str:
    """What a request brings to be let in: ``name:password`` of Basic, the token of Bearer, or ``X-Api-Key``.

    >>> read_credentials(Headers({"authorization": "Bearer abc"}))
    'abc'
    """
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(credentials, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return credentials
    return headers.get("x-api-key", "")


def limit_body(receive: Receive, limit: BodyLimit) -> Receive:
    """`receive`, which refuses more bytes than `limit`, whatever Content-Length says."""
    received = 0

    async def receive_counted() -> Message:
        nonlocal received
        message = await receive()
        if message["type"] == "http.request":
            received += len(message.get("body", b""))
            if received > limit.size:
                raise limit.refuse(received)
        return message

    return receive_counted


def parse_hostname(host: str) -> str:
    """The name in a Host header or netloc: lower case, without the port.

    >>> parse_hostname("Example.com:80"), parse_hostname("[::1]:7860")
    ('example.com', '[::1]')
    """
    name = host.strip().lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0]


def add_guard(middleware: Callable[..., None], settings: ServerSettings) -> set[str]:
    """Add the guard as `middleware`; to the set that is returned, host names may be added while it serves."""
    names = settings.extra_hosts
    middleware(Guard, settings=settings, hosts=names)
    return names
