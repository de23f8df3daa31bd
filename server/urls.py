"""Pictures from addresses in the internet, never from this machine or its network.

A name is looked up once for each connection and the connection made to the address that was looked at, so that a name
cannot mean one thing when it is checked and another when it is used (DNS rebinding); the same at each redirect.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import httpcore
import httpx

from pipeline import ClearcutError

MOST_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
HEADERS: dict[bytes | str, bytes | str] = {"User-Agent": "Clearcut", "Accept": "image/*", "Accept-Encoding": "identity"}
FAILURES = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, httpcore.UnsupportedProtocol)
SECONDS = 20.0  # for all of it
Resolve = Callable[[str, int], Awaitable[list[str]]]  # the addresses of a name
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
UNICAST = ipaddress.IPv6Network("2000::/3")  # all of IPv6 that is the internet at large
OF_CLOUDS = (  # where machines of Azure and Oracle ask who they are: public by the lists of some versions of Python
    ipaddress.IPv4Network("168.63.129.16/32"),
    ipaddress.IPv4Network("192.0.0.0/24"),
)


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of `host`. Raises `OSError` where it has none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


def is_public(text: str) -> bool:
    """Whether an IP address belongs to the internet at large: no private, loopback, link-local or multicast one.

    An IPv6 address that carries one of IPv4 in it is as public as the latter.

    >>> is_public("93.184.216.34"), is_public("10.0.0.1"), is_public("::ffff:127.0.0.1"), is_public("64:ff9b::7f00:1")
    (True, False, False, False)
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        carried = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in NAT64 else address.ipv4_mapped
        if carried is None:  # tunnels of the past carry others, and nobody serves pictures from there
            return address in UNICAST and address.is_global and not (address.sixtofour or address.teredo)
        address = carried
    is_inner = address.is_multicast or address.is_reserved or any(address in each for each in OF_CLOUDS)
    return address.is_global and not is_inner


class _PinnedBackend(httpcore.AsyncNetworkBackend):
    """Connects to public addresses only, and to just the one that was looked at."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve, self._backend = resolve, httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """As the base class; raises `ConnectError` where any address of `host` is none of the internet's."""
        try:
            addresses = await self._resolve(host, port)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        if not addresses or not all(is_public(each) for each in addresses):
            raise _Refused(host)
        return await self._backend.connect_tcp(addresses[0], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        """As the base class."""
        await self._backend.sleep(seconds)


class _Refused(Exception):
    """An address of this machine or its network."""


async def fetch_picture(url: str, name: str, most_bytes: int, resolve: Resolve = resolve) -> bytes:
    """The bytes at an address, after at most `MOST_REDIRECTS` redirects.

    Parameters
    ----------
    url
        Of ``http`` or ``https``.
    name
        Of the field that it came in, for the error.
    most_bytes
        More are not read.
    resolve
        Looks up a name.

    Raises
    ------
    ClearcutError
        ``url_refused`` where it is no address that may be asked, ``url_failed`` where nothing comes, ``too_large``.
    """
    pool = httpcore.AsyncConnectionPool(network_backend=_PinnedBackend(resolve))
    try:
        async with asyncio.timeout(SECONDS), pool:
            for _ in range(MOST_REDIRECTS + 1):
                address = _parse(url, name)
                asked = httpcore.URL(
                    scheme=address.raw_scheme, host=address.raw_host, port=address.port, target=address.raw_path
                )
                async with pool.stream("GET", asked, headers=HEADERS) as answer:
                    if answer.status in REDIRECTS:
                        url = _join(address, _find_location(answer), name)
                    elif answer.status == 200:
                        return await _read(answer, most_bytes)
                    else:
                        break
    except _Refused:
        raise ClearcutError("url_refused", name=name) from None
    except (*FAILURES, httpx.InvalidURL, TimeoutError, OSError, ValueError):
        pass
    raise ClearcutError("url_failed", name=name)


def _parse(url: str, name: str) -> httpx.URL:
    try:
        address = httpx.URL(url.strip())
        fine = address.scheme in ("http", "https") and bool(address.host) and not address.userinfo
    except (httpx.InvalidURL, ValueError):
        fine = False
    if not fine:
        raise ClearcutError("url_refused", name=name)
    return address


def _join(address: httpx.URL, location: str, name: str) -> str:
    try:
        return str(address.join(location))
    except (httpx.InvalidURL, ValueError):
        raise ClearcutError("url_refused", name=name) from None


def _find_location(answer: httpcore.Response) -> str:
    return next((value.decode("latin-1") for name, value in answer.headers if name.lower() == b"location"), "")


async def _read(answer: httpcore.Response, most_bytes: int) -> bytes:
    data = bytearray()
    async for block in answer.aiter_stream():
        data += block
        if len(data) > most_bytes:
            raise ClearcutError("too_large", megabytes=round(len(data) / 1e6, 1), limit=round(most_bytes / 1e6, 1))
    return bytes(data)
