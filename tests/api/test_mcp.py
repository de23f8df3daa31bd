"""Assistants that speak MCP: the official client, over streamable HTTP, against a started server."""

import asyncio
import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client
from starlette.testclient import TestClient

from pipeline import Options, cut_out_bytes
from server.mcp_tool import describe_input
from server.settings import ServerSettings

NAME = "remove_background"
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.fixture
def call(live: httpx.Client) -> Callable[..., Any]:
    """The result of the tool with some arguments."""

    async def ask(given: dict[str, Any]) -> Any:
        async with Client(f"{str(live.base_url).rstrip('/')}/mcp") as client:
            return await client.call_tool(NAME, given)

    return lambda **given: asyncio.run(ask(given))


@pytest.fixture
def photo(tmp_path: Path, jpeg: bytes) -> Iterator[Path]:
    (tmp_path / "bag.jpg").write_bytes(jpeg)
    yield tmp_path / "bag.jpg"


def test_the_tool_is_listed_with_every_option_of_the_one_model(live: httpx.Client) -> None:
    async def ask() -> Any:
        async with Client(f"{str(live.base_url).rstrip('/')}/mcp") as client:
            return (await client.list_tools()).tools

    (tool,) = asyncio.run(ask())
    fields, known = tool.input_schema["properties"], Options.model_json_schema()["properties"]
    assert tool.name == NAME and set(known) | {"preset", "path", "data", "save"} <= set(fields)
    for name, field in known.items():
        assert {key: fields[name].get(key) for key in ("type", "enum", "minimum", "maximum")} == {
            key: field.get(key) for key in ("type", "enum", "minimum", "maximum")
        }
        assert fields[name]["description"]


def test_a_picture_in_base64_comes_back_as_one(call: Callable[..., Any], jpeg: bytes) -> None:
    found = call(data=base64.b64encode(jpeg).decode(), feather=2, format="webp")
    (content,) = found.content
    assert content.mime_type == "image/webp" and found.structured_content["model"] == "u2netp"
    assert base64.b64decode(content.data) == cut_out_bytes(jpeg, model="u2netp", feather=2, format="webp")


def test_a_path_is_read_and_the_result_written_beside_it_only_where_asked(
    call: Callable[..., Any], photo: Path, jpeg: bytes
) -> None:
    assert base64.b64decode(call(path=str(photo)).content[0].data) == cut_out_bytes(jpeg, model="u2netp")
    assert [each.name for each in photo.parent.iterdir()] == ["bag.jpg"]
    saved = Path(call(path=str(photo), save=True).structured_content["path"])
    assert saved == photo.with_name("bag_cutout.png") and saved.read_bytes() == cut_out_bytes(jpeg, model="u2netp")
    again = call(path=str(photo), save=True, feather=5)
    assert again.is_error and "bag_cutout.png" in again.content[0].text
    assert saved.read_bytes() == cut_out_bytes(jpeg, model="u2netp")


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({}, "photo"),
        ({"data": "bm8gcGljdHVyZQ=="}, "picture"),
        ({"path": "/nowhere/a.jpg"}, "a.jpg"),
        ({"path": "/etc/passwd"}, "passwd"),
        ({"path": "a\0.jpg"}, "a"),
        ({"path": "/a.jpg", "data": "AAAA"}, "path, data"),
        ({"data": "AAAA", "feather": 200}, "feather"),
        ({"data": "AAAA", "colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(call: Callable[..., Any], given: dict[str, Any], word: str) -> None:
    found = call(**given)
    assert found.is_error and word in found.content[0].text and "root:" not in found.content[0].text


def test_other_sites_and_unknown_hosts_are_refused_as_everywhere(live: httpx.Client) -> None:
    for headers, status in (({}, 200), ({"Origin": "https://evil.example"}, 403), ({"Host": "evil.example"}, 421)):
        assert live.post("/mcp", json=PING, headers=ACCEPT | headers).status_code == status
    assert live.get("/mcp").status_code == 405


def test_it_is_off_and_reads_no_paths_where_others_can_come_in(client_for: Callable[..., TestClient]) -> None:
    shared = {"host": "0.0.0.0", "public": True}
    assert client_for(**shared).post("/mcp", json=PING, headers=ACCEPT).status_code == 404
    assert client_for(mcp=False).post("/mcp", json=PING, headers=ACCEPT).status_code == 404
    assert client_for(allowed_host="cut.example").post("/mcp", json=PING, headers=ACCEPT).status_code == 404
    assert client_for(**shared, mcp=True).post("/mcp", json=PING, headers=ACCEPT).status_code == 200
    fields = describe_input(ServerSettings(mcp=True, **shared))["properties"]
    assert "data" in fields and not {"path", "background_path", "save"} & set(fields)
