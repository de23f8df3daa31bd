"""Pictures from addresses: off by default, and never from this machine or its network, by whatever name."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from pipeline import ClearcutError, cut_out_bytes
from server import urls
from server.urls import MOST_REDIRECTS, fetch_picture, is_public

INNER = (
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1"),
    *("240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1", "ff0e::1"),
    *("::ffff:10.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:a00:1::1"),
    *("2001:0:a00:1::", "2001:db8::1", "fe80::1%eth0", "no address", ""),
    *("64:ff9b:1:7f00:1:0:808:808", "::ffff:0:7f00:1", "fec0::1", "5f00::1", "192.0.0.192", "168.63.129.16"),
)


def fetch(url: str, most: int = 10**6, **how: object) -> bytes:
    return asyncio.run(fetch_picture(url, "url", most, **how))  # type: ignore[arg-type]


def refused(url: str, most: int = 10**6, **how: object) -> str:
    with pytest.raises(ClearcutError) as caught:
        fetch(url, most, **how)
    return caught.value.code


@pytest.mark.parametrize("address", INNER)
def test_an_address_of_this_machine_or_its_network_is_none_of_the_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1/a.jpg", "http://localhost/", "http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/"),
        *("http://127.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "file:///etc/passwd", "ftp://example.com/a"),
        *("//example.com/a", "http://", "http://user@example.com/", "gopher://x", "", "javascript:1"),
    ],
)
def test_an_address_that_leads_inwards_is_refused_in_whatever_form(url: str) -> None:
    assert refused(url) == "url_refused"


@given(st.text(max_size=60))
def test_any_text_is_no_address_or_leads_nowhere(text: str) -> None:
    async def nowhere(host: str, port: int) -> list[str]:
        raise OSError

    assert refused(text, resolve=nowhere) in ("url_refused", "url_failed")
    assert refused(f"http://{text}", resolve=nowhere) in ("url_refused", "url_failed")


class Answers(BaseHTTPRequestHandler):
    """Redirects as often as the path says, then to the address in its query, or sends a picture."""

    picture = b""
    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        path, _, then = self.path.strip("/").partition("?")
        left = int(path)
        self.send_response(302 if left or then else 200)
        if left:
            then = f"/{left - 1}?{then}" if left < 100 else "http://inner.test/0"
        if then:
            self.send_header("Location", then)
        self.end_headers()
        if not then:
            self.send_picture()

    def send_picture(self) -> None:
        self.wfile.write(self.picture)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def web(jpeg: bytes) -> Iterator[Callable[[int], str]]:
    """A web server on this machine; the address that redirects so often."""
    handler = type("Own", (Answers,), {"picture": jpeg, "asked": 0})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield lambda times: f"http://outer.test:{server.server_port}/{times}"
        server.shutdown()


async def find_here(host: str, port: int) -> list[str]:
    """A resolver to which one name is outside and all others are inside."""
    return ["127.0.0.1"] if host == "outer.test" else ["10.0.0.1"]


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if 127.0.0.1 were an address of the internet, since tests have none."""
    monkeypatch.setattr(urls, "is_public", lambda address: address == "127.0.0.1")


def test_a_picture_comes_after_at_most_five_redirects(web: Callable, outside: None, jpeg: bytes) -> None:
    assert fetch(web(MOST_REDIRECTS), resolve=find_here) == jpeg
    assert refused(web(MOST_REDIRECTS + 1), resolve=find_here) == "url_failed"


def test_a_redirect_inwards_is_refused(web: Callable, outside: None) -> None:
    assert refused(web(100), resolve=find_here) == "url_refused"


INWARDS = (
    *("127.0.0.2", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "240.0.0.1"),
    *("2130706434", "0177.0.0.2", "0x7f.0.0.2", "127.2", "017700000002", "0.0.0.0"),
    *("[::1]", "[::ffff:127.0.0.2]", "[64:ff9b::7f00:2]", "[fe80::1]", "[fc00::1]", "[ff02::1]", "[2002:7f00:2::1]"),
)


@pytest.mark.parametrize("hop", range(MOST_REDIRECTS))
def test_at_no_redirect_an_address_leads_inwards_in_whatever_form(
    web: Callable, monkeypatch: pytest.MonkeyPatch, hop: int
) -> None:
    public, look = urls.is_public, urls.resolve
    monkeypatch.setattr(urls, "is_public", lambda address: address == "127.0.0.1" or public(address))

    async def find(host: str, port: int) -> list[str]:
        return ["127.0.0.1"] if host == "outer.test" else await look(host, port)

    for host in INWARDS:
        assert refused(f"{web(hop)}?http://{host}/0", resolve=find) == "url_refused", host


def test_a_name_that_means_another_address_the_second_time_is_refused(web: Callable, outside: None) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])

    async def rebind(host: str, port: int) -> list[str]:
        return next(answers)

    url = web(0)
    assert fetch(url, resolve=rebind)
    assert refused(url, resolve=rebind) == "url_refused"


def test_a_name_with_an_inner_address_among_others_is_refused(web: Callable, outside: None) -> None:
    async def both(host: str, port: int) -> list[str]:
        return ["127.0.0.1", "10.0.0.1"]

    assert refused(web(0), resolve=both) == "url_refused"


def test_no_more_bytes_are_read_than_a_picture_may_have(web: Callable, outside: None, jpeg: bytes) -> None:
    assert refused(web(0), len(jpeg) - 1, resolve=find_here) == "too_large"


def test_a_server_that_never_answers_is_left(web: Callable, outside: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urls, "SECONDS", 0.1)

    async def never(host: str, port: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    assert refused(web(0), resolve=never) == "url_failed"


def test_a_server_that_sends_ever_so_slowly_is_left(
    web: Callable, outside: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urls, "SECONDS", 0.5)
    left = threading.Event()

    def drip(answers: Answers) -> None:
        try:
            while not left.wait(0.05):
                answers.wfile.write(b"x")
        except OSError:
            left.set()

    monkeypatch.setattr(Answers, "send_picture", drip)
    assert refused(web(0), resolve=find_here) == "url_failed"
    assert left.wait(60), "the connection was closed"


def test_addresses_are_not_fetched_unless_the_server_is_told_to(client: TestClient) -> None:
    answer = client.get("/api/remove", params={"url": "http://example.com/a.jpg"})
    assert answer.status_code == 403 and "--url-input" in answer.json()["detail"]
    answer = client.post("/v1.0/removebg", data={"image_url": "http://example.com/a.jpg"})
    assert answer.json()["errors"][0]["code"] == "url_off"


def test_a_picture_from_an_address_is_cut_out_as_one_that_is_sent(
    client_for: Callable[..., TestClient], web: Callable, outside: None, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urls, "resolve", find_here)
    monkeypatch.setattr(fetch_picture, "__defaults__", (find_here,))
    client = client_for(url_input=True)
    ours = cut_out_bytes(jpeg, model="u2netp")
    assert client.get("/api/remove", params={"url": web(1)}).content == ours
    assert client.post("/v1.0/removebg", json={"image_url": web(0)}).content == ours
    inner = client.get("/api/remove", params={"url": "http://inner.test/0"})
    assert inner.status_code == 422 and "url" in inner.json()["detail"]
