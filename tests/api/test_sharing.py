"""Shared with others: tokens, how often a client may ask, and which other pages may use or embed this one."""

import base64
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pipeline import ClearcutError
from server.settings import ServerSettings
from server.tokens import is_known_token, make_token, read_hashes
from tests.api.test_guard import GRADIO_JOIN
from tests.api.test_remove_bg import post
from tests.process import ROOT
from ui import scripts_address

ClientFor = Callable[..., TestClient]
OURS = "http://localhost:7860"
SHOP = "https://shop.example"
COVERED = (
    *("/", "/config", "/gradio_api/info", "/api/models", "/api/docs", "/api/openapi.json", "/api/batches/x"),
    *("/api/batches/x/result", "/results/a/b", "/v1.0/account", "/app/app.css", f"/{scripts_address()}/main.js"),
)


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """A file without tokens yet."""
    return tmp_path / "tokens"


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


# ---- tokens ----------------------------------------------------------------------------------------------------------


def test_a_token_is_asked_for_on_every_route(client_for: ClientFor, tokens: Path) -> None:
    token = make_token("shop", tokens)
    client = client_for(tokens=tokens)
    admitted = ({"Authorization": f"Bearer {token}"}, {"X-Api-Key": token}, basic("anyone", token))
    for path in COVERED:
        refused = client.get(path)
        assert refused.status_code in (401, 403) and refused.headers["www-authenticate"].startswith("Basic"), path
        assert client.get(path, headers={"Authorization": f"Bearer {token}x"}).status_code == refused.status_code
        assert {client.get(path, headers=headers).status_code for headers in admitted} <= {200, 404, 410}, path


def test_a_token_lets_photos_in_and_who_has_none_cannot_send_any(
    client_for: ClientFor, tokens: Path, jpeg: bytes
) -> None:
    token = make_token("shop", tokens)
    client = client_for(tokens=tokens)
    assert post(client, jpeg).status_code == 401
    assert client.post("/gradio_api/upload", files={"files": ("a.jpg", jpeg)}).status_code == 401
    assert client.post("/api/batches", files={"images": ("a.jpg", jpeg)}).status_code == 401
    assert post(client, jpeg, headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_a_line_that_is_taken_out_counts_at_once(client_for: ClientFor, tokens: Path) -> None:
    stays, goes = make_token("stays", tokens), make_token("goes", tokens)
    client = client_for(tokens=tokens)

    def ask(token: str) -> int:
        return client.get("/api/models", headers={"X-Api-Key": token}).status_code

    assert (ask(stays), ask(goes)) == (200, 200)
    tokens.write_text("".join(line for line in tokens.read_text().splitlines(True) if not line.startswith("goes")))
    assert (ask(stays), ask(goes)) == (200, 401)
    tokens.unlink()
    assert ask(stays) == 401


def test_the_file_holds_no_token_and_is_its_owners(tokens: Path) -> None:
    token = make_token("shop", tokens)
    assert token not in tokens.read_text() and token.removeprefix("clearcut_") not in tokens.read_text()
    assert os.name != "posix" or tokens.stat().st_mode & 0o077 == 0
    (hashed,) = read_hashes(tokens).values()
    assert is_known_token(token, tokens) and not is_known_token(hashed, tokens) and not is_known_token("", tokens)


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "x" * 65, "shop"])
def test_a_token_has_a_name_of_its_own_in_one_word(tokens: Path, name: str) -> None:
    make_token("shop", tokens)
    before = tokens.read_text()
    with pytest.raises(ClearcutError) as caught:
        make_token(name, tokens)
    assert caught.value.code == "bad_setting" and tokens.read_text() == before


def test_a_file_of_ones_own_making_may_have_comments_and_an_open_last_line(tokens: Path) -> None:
    tokens.write_text("# who has one\n\nanna żaden\nhalf", "utf-8")
    token = make_token("shop", tokens)
    assert set(read_hashes(tokens)) == {"anna", "shop"} and is_known_token(token, tokens)


def test_a_command_makes_a_token_and_shows_it_once(tokens: Path) -> None:
    def run(*flags: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "webui.py", *flags]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "LANG": "C.UTF-8"})

    made = run("--new-token", "shop", "--tokens", str(tokens))
    assert made.returncode == 0 and is_known_token(made.stdout.strip(), tokens)
    assert made.stdout.strip() not in made.stderr and "shop" in made.stderr
    without = run("--new-token", "shop")
    assert without.returncode == 2 and "--tokens" in without.stderr


def test_a_server_does_not_start_with_tokens_that_cannot_be_read(tokens: Path) -> None:
    command = [sys.executable, "webui.py", "--tokens", str(tokens), "--host", "0.0.0.0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "CLEARCUT_TOKENS" in done.stderr


@pytest.mark.parametrize("opened", [{"host": "0.0.0.0"}, {"share": True}, {"client_header": "X-Forwarded-For"}])
def test_tokens_protect_a_server_that_is_open_to_others_and_a_proxy_makes_one(opened: dict, tokens: Path) -> None:
    with pytest.raises(ClearcutError):
        ServerSettings(**opened).require_protection()
    assert not ServerSettings(**opened, tokens=tokens).require_protection().may_manage


# ---- how often -------------------------------------------------------------------------------------------------------


def test_who_asks_too_often_is_told_when_to_come_again(client_for: ClientFor) -> None:
    client = client_for(rate=3, cors="https://one.example")  # an app of this test's own
    assert [client.post("/api/remove-bg").status_code for _ in range(3)] == [422] * 3
    refused = client.post("/api/remove-bg")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert 1 <= int(refused.headers["retry-after"]) <= 120 and refused.headers["x-content-type-options"] == "nosniff"
    assert client.get("/healthz").status_code == 200


def test_reading_the_page_counts_for_nothing(client_for: ClientFor) -> None:
    client = client_for(rate=2, cors="https://two.example")
    assert {client.get(path).status_code for path in ("/", "/config", "/app/app.css", "/api/models") * 3} == {200}


def test_a_wrong_password_counts_tenfold_so_that_none_can_be_guessed(client_for: ClientFor) -> None:
    client = client_for(rate=30, auth="ann:secret")
    guesses = [client.get("/api/models", headers=basic("ann", f"{number}")).status_code for number in range(4)]
    assert guesses == [401, 401, 401, 429]
    assert client.get("/api/models", headers=basic("ann", "secret")).status_code == 429, "nor can it be told when right"
    assert client.get("/api/models").status_code == 429


def test_each_client_has_a_rate_of_its_own_and_only_the_header_that_was_named_tells_clients(
    client_for: ClientFor,
) -> None:
    told = client_for(rate=1, client_header="X-Forwarded-For", public=True)
    plain = client_for(rate=1, cors="https://three.example")

    def ask(client: TestClient, forwarded: str) -> int:
        headers = {"X-Forwarded-For": forwarded, "X-Real-IP": forwarded, "Host": "localhost"}
        return client.post("/api/remove-bg", headers=headers).status_code

    assert [ask(told, each) for each in ("1.1.1.1", "1.1.1.2", "9.9.9.9, 1.1.1.1")] == [422, 422, 429]
    assert [ask(told, each) for each in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")] == [422, 429, 422]
    assert [ask(plain, each) for each in ("1.1.1.1", "1.1.1.2")] == [422, 429]


def test_there_is_a_rate_where_others_can_reach_the_server_and_none_at_home() -> None:
    assert ServerSettings().most_requests is None
    assert ServerSettings(host="0.0.0.0").most_requests == 600
    assert ServerSettings(rate=5).most_requests == 5


# ---- other pages -----------------------------------------------------------------------------------------------------


def test_only_pages_that_were_named_may_use_the_api_and_never_with_a_remembered_password(
    client_for: ClientFor, jpeg: bytes
) -> None:
    client = client_for(cors=SHOP, auth="ann:secret")
    asked = {"Origin": SHOP, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    preflight = client.options("/api/remove-bg", headers=asked)
    assert preflight.status_code == 200 and preflight.headers["access-control-allow-origin"] == SHOP
    done = post(client, jpeg, headers={"Origin": SHOP, **basic("ann", "secret")})
    assert done.status_code == 200 and done.headers["access-control-allow-origin"] == SHOP
    assert "X-Model" in done.headers["access-control-expose-headers"]
    refused = post(client, jpeg, headers={"Origin": SHOP})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, SHOP), "the page can read why"
    foreign = client.options("/api/remove-bg", headers=asked | {"Origin": "https://evil.example"})
    assert foreign.status_code == 400 and "access-control-allow-origin" not in foreign.headers
    for answer in (preflight, done, refused, foreign):
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "origins", ["*", "https://*", "shop.example", "https://shop.example/path", "null", f"{SHOP},*"]
)
@pytest.mark.parametrize("setting", ["cors", "embed"])
def test_other_pages_are_named_one_by_one(setting: str, origins: str) -> None:
    with pytest.raises(ClearcutError) as caught:
        ServerSettings.read({}, **{setting: origins})
    assert caught.value.code == "bad_setting"


def test_nobody_may_frame_the_page_but_those_that_were_named(client_for: ClientFor) -> None:
    ours, theirs = client_for().get("/").headers, client_for(embed=f"{SHOP}, https://two.example").get("/").headers
    assert "frame-ancestors 'self';" in ours["content-security-policy"] and ours["x-frame-options"] == "SAMEORIGIN"
    assert f"frame-ancestors 'self' {SHOP} https://two.example;" in theirs["content-security-policy"]
    assert "x-frame-options" not in theirs


def test_a_picture_in_a_foreign_page_makes_nobody_work(client_for: ClientFor) -> None:
    client = client_for(url_input=True)
    answer = client.get("/api/remove?url=http://127.0.0.1/a.jpg", headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, "refused" in answer.json()["detail"]) == (403, True)
    assert client.get("/api/models", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/nothing", "/api/models", "/results/a/b"])
def test_every_answer_is_told_to_browsers_and_names_no_software(client: TestClient, path: str) -> None:
    headers = client.get(path, headers={"Origin": OURS}).headers
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert not {"server", "x-powered-by"} & set(headers)


def test_strangers_are_not_told_the_version(client_for: ClientFor) -> None:
    shared = client_for(host="0.0.0.0", auth="ann:secret")
    assert set(shared.get("/healthz").json()) == {"status", "run"} < set(client_for().get("/healthz").json())


def test_the_pages_own_events_are_still_its_own(client: TestClient) -> None:
    assert client.post(GRADIO_JOIN, json={}, headers={"Origin": SHOP}).status_code == 403
