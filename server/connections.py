"""Connections: HTTP/1.1 as uvicorn speaks it, for clients that come to the point."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 20.0  # that the head of a request may take, from when the connection is ready for it


class HastyProtocol(H11Protocol):
    """Leaves a client that opens a connection and sends no head of a request, or ever so slowly (slowloris).

    Uvicorn waits for it without an end, before any password is looked at, until there are no connections left.
    """

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As uvicorn's own."""
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """As uvicorn's own."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """As uvicorn's own."""
        super().on_response_complete()
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """As uvicorn's own."""
        super().connection_lost(exc)
        self._stop_waiting()

    def _wait_for_head(self) -> None:
        self._stop_waiting()
        self._waiting = self.loop.call_later(HEAD_SECONDS, self._leave)

    def _stop_waiting(self) -> None:
        if self._waiting:
            self._waiting.cancel()

    def _leave(self) -> None:
        if self.conn.their_state is h11.IDLE:  # else the next request has come along with the last
            self.transport.close()
