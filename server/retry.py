"""Middleware for the proxies of Ray Serve: what is lost with a replica of the API goes to another one.

``RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH=server.retry:list_middlewares`` has the proxies take it. No request of the
API leaves anything behind, so that each can be sent again as long as nothing of an answer has come.
"""

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TRIES = 2


class Retry:
    """Keeps a request until its answer begins, and sends it once more where the replica has died before that."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; the answer is 503, ``worker_died``, where none has come from two replicas."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = _Kept(receive, send)
        for _ in range(TRIES):
            await self.app(dict(scope), request.begin(), request.send)
            if request.is_over:
                return
        from pipeline import ClearcutError  # where all is well, a proxy needs none of it

        from .routes import explain_to

        await explain_to(scope, ClearcutError("worker_died"))(scope, receive, send)


class _Kept:
    """The messages of a request, and whether it needs no answer any more."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._messages: list[Message] = []
        self.is_over = False

    def begin(self) -> Receive:
        """What receives the request from its beginning."""
        again = iter(self._messages[:])

        async def receive() -> Message:
            message = next(again, None)
            if message is None:
                message = await self._receive()
                self._messages.append(message)
                self.is_over |= message["type"] == "http.disconnect"
            return message

        return receive

    async def send(self, message: Message) -> None:
        """Send a part of the answer, after which there is no other try."""
        self.is_over = True
        self._messages.clear()
        await self._send(message)


def list_middlewares() -> list[Middleware]:
    """For Ray Serve."""
    return [Middleware(Retry)]
