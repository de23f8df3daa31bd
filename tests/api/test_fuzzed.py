"""Damaged pictures in whole requests of every dialect: answers that clients understand, no error of the server."""

import base64
from collections.abc import Callable

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.fuzz import EXAMPLES, damaged_pictures, decode_anything, make_corpus

Send = Callable[[TestClient, bytes], httpx.Response]


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


DIALECTS: dict[str, Send] = {
    "own": lambda client, data: client.post("/api/remove-bg", files={"image": data, "trimap": data}),
    "own, as a text": lambda client, data: client.post("/api/remove-bg", data={"image": encode(data)}),
    "rembg": lambda client, data: client.post("/api/remove", files={"file": data}),
    "remove.bg": lambda client, data: client.post(
        "/v1.0/removebg", files={"image_file": data, "bg_image_file": data}, data={"crop": "true", "crop_margin": "3px"}
    ),
    "remove.bg, as JSON": lambda client, data: client.post("/v1.0/removebg", json={"image_file_b64": encode(data)}),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_damaged_picture_is_an_error_of_the_server(client: TestClient, dialect: str) -> None:
    @settings(max_examples=2 * EXAMPLES, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(damaged_pictures())
    def ask(data: bytes) -> None:
        answer = DIALECTS[dialect](client, data)
        assert answer.status_code < 500, answer.text

    ask()


@settings(max_examples=150, derandomize=True)
@given(damaged_pictures() | st.binary(max_size=300))
def test_a_damaged_picture_is_read_or_refused_in_words(data: bytes) -> None:
    decode_anything(data)


def test_every_file_of_the_corpus_is_whole(client: TestClient) -> None:
    for name, data in make_corpus().items():
        status = DIALECTS["rembg"](client, data).status_code
        assert status == (415 if name == "icon.ico" else 200), name
