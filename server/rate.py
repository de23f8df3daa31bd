"""How often a client may ask for work."""

import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import Headers
from starlette.types import Scope

from pipeline import ClearcutError

from .settings import parse_address

NETWORK = 64  # bits of an IPv6 address that tell clients apart: whoever has one has all of its network


class Rate:
    """Counts the requests of each client in the last minute.

    Parameters
    ----------
    most
        How many a client may make.
    """

    def __init__(self, most: int) -> None:
        self._limit = RateLimitItemPerMinute(most)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def take(self, client: str, cost: int) -> None:
        """Count a request as `cost`. Raises ``too_many_requests`` where a client has none left, even for no cost."""
        cost = min(cost, self._limit.amount)
        take = self._limiter.hit if cost else self._limiter.test
        if not take(self._limit, client, cost=cost or 1):
            again = self._limiter.get_window_stats(self._limit, client).reset_time - time.time()
            raise ClearcutError("too_many_requests", limit=self._limit.amount, retry_after=max(1, round(again)))


def find_client(scope: Scope, headers: Headers, header: str) -> str:
    """Who asks: the address of the other end, or the last one in `header`, which the proxy before us has written.

    What stands before it in the header a client may have written itself.

    >>> find_client({"client": ("9.9.9.9", 1)}, Headers({"x-forwarded-for": "1.1.1.1, 2001:db8::1"}), "X-Forwarded-For")
    '2001:db8::'
    """
    told = headers.getlist(header)[-1:] if header else []
    address = parse_address(told[0].rpartition(",")[2].strip()) if told else None
    if address is None:
        peer = scope.get("client") or ("",)
        address = parse_address(str(peer[0]))
    if address is None:
        return ""
    if address.version == 6 and not address.ipv4_mapped:
        return str(type(address)(int(address) >> NETWORK << NETWORK))
    return str(address)
