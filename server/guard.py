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

from .routes import BodyLimit, explain_to, find_rule, strip_root_path
from .settings import ServerSettings, is_loopback, parse_address

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
OPEN_PATHS = {"/healthz"}  # for load balancers, which have no password
HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"content-security-policy": b"; ".join(
        (
            b"default-src 'self' data: blob:",
            b"script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",  # Gradio compiles templates in the browser
            b"style-src 'self' 'unsafe-inline'",
            b"frame-ancestors 'self'",
            b"form-action 'self'",
            b"base-uri 'self'",
        )
    ),
}


class Guard:
    """Middleware that every request passes first.

    Parameters
    ----------
    app
        The app that it guards.
    settings
        Limits, password and addresses.
    hosts
        Further host names that are answered to.
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings, hosts: set[str]) -> None:
        self.app = app
        self.settings = settings
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with an error, or pass the request on with a limited body and add security headers."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            limit = self._check(scope, headers)
        except ClearcutError as error:
            await explain_to(scope, error)(scope, receive, send)
            return
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], *HEADERS.items()]
            await send(message)

        try:
            await self.app(scope, limit_body(receive, limit), watched_send)
        except ClearcutError as error:
            if started:
                raise
            await explain_to(scope, error)(scope, receive, send)

    def _check(self, scope: Scope, headers: Headers) -> BodyLimit:
        """How much the body may be. Raises where the request is refused."""
        host = headers.get("host", "")
        if not self._is_known_host(host):
            raise ClearcutError("unknown_host", host=parse_hostname(host)[:100])
        path = strip_root_path(scope)
        if self.settings.auth and path not in OPEN_PATHS and not self._is_signed_in(headers):
            raise ClearcutError("unauthorized")
        origin = headers.get("origin")
        if origin is not None and scope["method"] not in SAFE_METHODS and not self._is_own_origin(origin, host):
            raise ClearcutError("foreign_origin")
        rule = find_rule(scope)
        if rule is None:
            raise ClearcutError("not_found")
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

    def _is_own_origin(self, origin: str, host: str) -> bool:
        netloc = origin.partition("://")[2].lower()
        return bool(netloc) and (netloc == host.lower() or parse_hostname(netloc) in self.hosts)

    def _is_signed_in(self, headers: Headers) -> bool:
        """By name and password, or by both as the key that clients of remove.bg send."""
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        try:
            given = base64.b64decode(credentials, validate=True) if scheme.lower() == "basic" else b""
        except binascii.Error:
            given = b""
        given = given or headers.get("x-api-key", "").encode()
        return secrets.compare_digest(given, (self.settings.auth or "").encode())


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
