"""Who may come in, and with how much. Each hole that a mounted Gradio app has by default, seen closed."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient

from pipeline import ClearcutError, Marks, Options
from server import routes
from server.settings import ServerSettings
from tests.api.test_remove_bg import post
from tests.process import serving
from ui import scripts_address

ClientFor = Callable[..., TestClient]
GRADIO_JOIN = "/gradio_api/queue/join"


def page_controls(config: dict) -> list[str]:
    """The options in the order in which the page sends them."""
    event = next(each for each in config["dependencies"] if any(target[1] == "upload" for target in each["targets"]))
    ids = {each["id"]: each["props"].get("elem_id") or "" for each in config["components"]}
    return [ids[each].replace("-", "_") for each in event["inputs"][4:]]


def run_page_event(
    client: httpx.Client,
    upload: object,
    session: str = "s1",
    behind: object = None,
    marks: object = None,
    trimap: object = None,
    **options: object,
) -> list[dict]:
    """Send the page's own upload event as a hostile client would; the messages of the event stream."""
    config = client.get("/config").json()
    event = next(d for d in config["dependencies"] if any(t[1] == "upload" for t in d["targets"]))
    given = Options(model="u2netp").model_dump(mode="json") | options
    data = [
        {"id": 1, "name": "x.jpg", "marks": marks},
        upload,
        behind,
        trimap,
        *(given[name] for name in page_controls(config)),
    ]
    body = {"data": data, "fn_index": event["id"], "session_hash": session}
    assert client.post(GRADIO_JOIN, json=body).status_code == 200
    messages = []
    with client.stream("GET", f"/gradio_api/queue/data?session_hash={session}") as stream:
        for line in stream.iter_lines():
            if line.startswith("data:"):
                messages.append(json.loads(line[5:]))
                if messages[-1]["msg"] in ("process_completed", "close_stream"):
                    break
    return messages


def uploaded(client: httpx.Client, data: bytes, name: str) -> dict:
    path = client.post("/gradio_api/upload", files={"files": (name, data)}).json()[0]
    return {"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}


# ---- files of the server ---------------------------------------------------------------------------------------------


def test_a_file_that_nobody_uploaded_cannot_be_read_through_the_page(live: httpx.Client, tmp_path: Path) -> None:
    private = tmp_path / "private.txt"
    private.write_text("secret")
    for path in (private, Path("/etc/passwd")):
        file = {"path": str(path), "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}
        last = run_page_event(live, file, f"read-{path.name}")[-1]
        assert last["msg"] == "process_completed" and last["success"] is False
        assert "secret" not in json.dumps(last)


def test_an_uploaded_photo_runs_through_the_page(live: httpx.Client, jpeg: bytes) -> None:
    last = run_page_event(live, uploaded(live, jpeg, "photo.jpg"), "good")[-1]
    message = last["output"]["data"][0]
    assert message["state"] == "done" and message["width"] == 640
    for name in (message["before"], message["after"], message["download"] + message["file"]):
        assert live.get(f"/{name}").status_code == 200


@pytest.mark.parametrize("data, code", [(b"text", "not_a_picture"), (b"\x89PNG\r\n\x1a\n", "broken_picture")])
def test_no_message_of_the_page_names_a_path_of_the_server(live: httpx.Client, data: bytes, code: str) -> None:
    messages = run_page_event(live, uploaded(live, data, "x.jpg"), f"path-{len(data)}")
    assert messages[-1]["output"]["data"][0]["code"] == code
    said = json.dumps([message.get("output") for message in messages])
    assert "/tmp" not in said and "uploads" not in said


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=http://example.com/",
        "/gradio_api/file/etc/passwd",
        "/gradio_api/proxy=http://example.com/",
        "/file=/etc/passwd",
        "/results/../../etc/passwd/x",
        "/results/%2e%2e/%2e%2e",
        "/app/..%2f..%2fwebui.py",
        "/examples/..%2f..%2fwebui.py",
        "/examples/nothing",
        "//gradio_api/file=/etc/passwd",
        "/openapi.json",
        "/login",
    ],
)
@pytest.mark.parametrize("root", ["", "/clear/cut"])
def test_no_route_hands_out_files_of_the_server_or_of_other_hosts(client_for: ClientFor, path: str, root: str) -> None:
    client = client_for(**({"root_path": root} if root else {}))
    answer = client.get(root + path)
    assert answer.status_code in (404, 410)
    assert "root:" not in answer.text and "argparse" not in answer.text


def test_a_result_is_known_only_by_its_random_name(client: TestClient) -> None:
    answer = client.get("/results/AAAAAAAAAAAAAAAAAAAAAA/after.png")
    assert answer.status_code == 410 and answer.json()["code"] == "expired"


# ---- other web sites -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://localhost.evil.example", "null", "http://localhost:1"]
)
def test_foreign_origins_may_not_post(client: TestClient, jpeg: bytes, origin: str) -> None:
    answer = post(client, jpeg, headers={"Origin": origin})
    assert answer.status_code == 403 and answer.json()["code"] == "foreign_origin"
    assert client.post(GRADIO_JOIN, json={}, headers={"Origin": origin}).status_code == 403


def test_the_pages_own_origin_may_post(client: TestClient, jpeg: bytes) -> None:
    assert post(client, jpeg, headers={"Origin": "http://localhost:7860"}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/config", "/api/models", "/gradio_api/info"])
def test_no_foreign_origin_is_reflected(client: TestClient, path: str) -> None:
    headers = client.get(path, headers={"Origin": "https://evil.example"}).headers
    assert "access-control-allow-origin" not in headers
    assert "access-control-allow-credentials" not in headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "localhost.evil.example", "192.168.1.7", ""])
def test_unknown_hosts_are_refused_on_a_loopback_server(client: TestClient, host: str) -> None:
    answer = client.get("/api/models", headers={"Host": host})
    assert answer.status_code == 421 and answer.json()["code"] == "unknown_host"


def test_a_name_that_a_proxy_tells_has_to_be_known_too(client_for: ClientFor) -> None:
    client = client_for(allowed_host="cut.example")
    told = {"Host": "127.0.0.1:7860", "X-Forwarded-Proto": "https"}
    page = client.get("/", headers=told | {"X-Forwarded-Host": "cut.example"})
    assert '"root":"https://cut.example"' in page.text
    for names in ("evil.example", "cut.example, evil.example"):
        assert client.get("/", headers=told | {"X-Forwarded-Host": names}).json()["code"] == "unknown_host"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:7860", "127.0.0.1:99", "127.1.2.3", "[::1]:7860"])
def test_this_machine_is_known_by_its_own_names(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


def test_allowed_hosts_and_a_tunnels_own_name_are_admitted(client_for: ClientFor, apps: Callable) -> None:
    client = client_for(allowed_host="cut.example, other.example")
    assert client.get("/healthz", headers={"Host": "cut.example"}).status_code == 200
    headers = {"Host": "cut.example", "Origin": "https://cut.example"}
    assert client.post("/api/remove-bg", headers=headers).json()["code"] == "no_picture"
    assert client.get("/healthz", headers={"Host": "tunnel.example"}).status_code == 421
    apps(allowed_host="cut.example, other.example").hosts.add("tunnel.example")
    assert client.get("/healthz", headers={"Host": "tunnel.example"}).status_code == 200


def test_a_server_that_is_open_to_others_answers_to_its_addresses_but_not_to_any_name(client_for: ClientFor) -> None:
    client = client_for(host="0.0.0.0", public=True)
    assert client.get("/healthz", headers={"Host": "192.168.1.7:7860"}).status_code == 200
    assert client.get("/healthz", headers={"Host": "evil.example"}).status_code == 421


def test_pages_may_not_be_framed_and_load_nothing_from_elsewhere(client: TestClient) -> None:
    policy = client.get("/").headers["content-security-policy"]
    assert "frame-ancestors 'self'" in policy and "default-src 'self'" in policy


# ---- passwords -------------------------------------------------------------------------------------------------------


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/config",
        "/gradio_api/info",
        "/api/models",
        "/api/docs",
        "/api/openapi.json",
        f"/{scripts_address()}/main.js",
        "/app/app.css",
        "/results/a/b",
    ],
)
def test_a_password_covers_page_and_api(client_for: ClientFor, path: str) -> None:
    client = client_for(auth="ann:pässword")
    refused = client.get(path)
    assert refused.status_code == 401 and refused.headers["www-authenticate"].startswith("Basic")
    assert client.get(path, headers=basic("ann", "wrong")).status_code == 401
    assert client.get(path, headers={"Authorization": "Basic !!"}).status_code == 401
    assert client.get(path, headers=basic("ann", "pässword")).status_code in (200, 410)


def test_a_password_covers_posting_and_uploading(client_for: ClientFor, jpeg: bytes) -> None:
    client = client_for(auth="ann:pässword")
    assert post(client, jpeg).status_code == 401
    assert client.post("/gradio_api/upload", files={"files": ("a.jpg", jpeg)}).status_code == 401
    assert post(client, jpeg, headers=basic("ann", "pässword")).status_code == 200
    assert client.get("/healthz").status_code == 200


def test_a_password_under_a_proxys_path_leaves_only_health_open(client_for: ClientFor) -> None:
    client = client_for(auth="a:b", root_path="/clear/cut")
    assert client.get("/clear/cut/healthz").status_code == 200
    assert client.get("/clear/cut/api/models").status_code == 401


@pytest.mark.parametrize(
    "open_to_others", [{"host": "0.0.0.0"}, {"host": "192.168.1.7"}, {"host": "::"}, {"share": True}]
)
def test_being_open_to_others_needs_a_password_or_saying_public(open_to_others: dict) -> None:
    with pytest.raises(ClearcutError) as caught:
        ServerSettings(**open_to_others).require_protection()
    assert caught.value.code == "needs_protection"
    ServerSettings(**open_to_others, auth="ann:secret").require_protection()
    ServerSettings(**open_to_others, public=True).require_protection()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.53"])
def test_this_machine_alone_needs_no_password(host: str) -> None:
    assert not ServerSettings(host=host).require_protection().exposed


# ---- size ------------------------------------------------------------------------------------------------------------


def test_a_picture_over_the_limit_is_refused_by_its_announced_length(client_for: ClientFor) -> None:
    client = client_for(max_mb=0.2)
    answer = post(client, b"x" * 400_000)
    assert answer.status_code == 413 and answer.json()["facts"] == {"megabytes": 0.4, "limit": 0.2}
    upload = client.post("/gradio_api/upload", files={"files": ("a.jpg", b"x" * 400_000)})
    assert upload.status_code == 413


def test_a_body_without_a_length_is_counted(client_for: ClientFor) -> None:
    client = client_for(max_mb=0.2)

    def endless() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
        for _ in range(1000):
            yield b"x" * 10_000

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = client.post("/api/remove-bg", content=endless(), headers=headers)
    assert answer.status_code == 413 and answer.json()["code"] == "too_large"


@pytest.mark.parametrize("megabytes", [0.2, 5])
def test_of_every_body_that_is_too_large_its_own_limit_is_told(client_for: ClientFor, megabytes: float) -> None:
    client = client_for(max_mb=megabytes)
    picture = post(client, b"x" * 6_000_000).json()
    assert (picture["code"], picture["facts"]) == ("too_large", {"megabytes": 6.0, "limit": megabytes})
    small = client.post("/api/remove-bg", content=b"x" * 3_000_000).json()  # which is no form, and so no picture
    assert (small["code"], small["facts"]) == ("too_large", {"megabytes": 3.0, "limit": 1.0})


def test_a_limit_is_told_as_its_rule_says_whatever_its_number_is_like(
    client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_for(max_mb=0.2)
    same = routes.BodyLimit(200_000 + routes.FORM_OVERHEAD)  # as many bytes as a form with one picture
    rule = routes.Rule(re.compile("/api/cache$"), lambda settings, headers: same)
    monkeypatch.setattr(routes, "RULES", (rule, *routes.RULES))
    refused = client.post("/api/cache", content=b"x" * 400_000)
    assert refused.json()["facts"] == {"megabytes": 0.4, "limit": 0.3}
    form = client.post("/gradio_api/upload", files={"files": ("a.jpg", b"x" * 400_000)})
    assert form.json()["facts"]["limit"] == 0.2


def test_photo_and_background_are_each_held_to_the_limit_by_themselves(client_for: ClientFor, jpeg: bytes) -> None:
    megabytes = len(jpeg) / 1e6 + 0.001
    client = client_for(max_mb=megabytes)

    def send(photo: bytes, behind: bytes) -> httpx.Response:
        files = {"image": ("a.jpg", photo), "background_image": ("b.jpg", behind)}
        return client.post("/api/remove-bg", files=files)

    assert send(jpeg, jpeg).status_code == 200
    for pair in ((jpeg + b"x" * 2000, jpeg), (jpeg, jpeg + b"x" * 2000)):
        answer = send(*pair)
        assert (answer.status_code, answer.json()["facts"]["limit"]) == (413, megabytes)
    more = send(jpeg * 20, jpeg * 20)  # more than all together may be
    assert (more.status_code, more.json()["facts"]["limit"]) == (413, megabytes)


def test_json_bodies_are_small_whatever_the_picture_limit(client: TestClient) -> None:
    """What the page asks for has room for marks, and for no picture."""
    json_type = {"Content-Type": "application/json"}
    for path, most in ((GRADIO_JOIN, Marks.MOST_BYTES + routes.SMALL), ("/api/cache", routes.SMALL)):
        body = json.dumps({"data": ["data:image/png;base64," + "A" * most]})
        assert client.post(path, content=body, headers=json_type).status_code == 413
        assert client.post(path, content=body[: most - 100], headers=json_type).status_code != 413


# ---- rules -----------------------------------------------------------------------------------------------------------


def as_text(error: ClearcutError, accept_language: str | None) -> Response:
    """Errors as another program might tell them."""
    return PlainTextResponse(f"{accept_language}: {error.code} {error.facts}", error.status)


@pytest.fixture
def dialect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules of another program's API: larger bodies than ours, errors as text."""
    more = [
        routes.Rule(re.compile(path), lambda settings, headers: routes.BodyLimit(3 << 20), as_text)
        for path in ("/api/remove-bg$", "/api/models$", "/app/")
    ]
    monkeypatch.setattr(routes, "RULES", (*more, *routes.RULES))


@pytest.mark.parametrize("root", ["", "/clear/cut"])
def test_without_its_rule_a_path_is_not_there_and_with_it_its_errors_have_its_shape(
    client_for: ClientFor, request: pytest.FixtureRequest, root: str
) -> None:
    client = client_for(root_path=root)
    before = client.post(f"{root}/compatible/v1", json={})
    assert (before.status_code, before.json()["code"]) == (404, "not_found")
    request.getfixturevalue("dialect")
    answer = client.post(f"{root}/api/remove-bg", json={}, headers={"Accept-Language": "de"})
    assert (answer.status_code, answer.text) == (422, "de: no_picture {}")
    missing = client.get(f"{root}/app/nothing.js")  # what the framework raises, from within a mount
    assert (missing.status_code, missing.text.rpartition(": ")[2]) == (404, "not_found {}")


@pytest.mark.usefixtures("dialect")
def test_a_rule_lets_larger_bodies_in_on_its_own_paths_alone(client: TestClient) -> None:
    json_body = {"content": b"x" * (2 << 20), "headers": {"Content-Type": "application/json"}}
    assert client.post("/api/remove-bg", **json_body).text.endswith(": no_picture {}")
    elsewhere = client.post("/api/cache", **json_body)
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (413, "too_large")


@pytest.mark.usefixtures("dialect")
def test_a_body_beyond_a_rules_own_limit_is_refused_in_its_shape_announced_or_not(client_for: ClientFor) -> None:
    client = client_for(max_mb=0.2)
    limit = 3 << 20

    def endless() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
        for _ in range(100):
            yield b"x" * 100_000

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    for content in (b"x" * (limit + 1), endless()):
        answer = client.post("/api/remove-bg", content=content, headers=headers)
        assert answer.status_code == 413 and "too_large" in answer.text
        assert "'limit': 3.1" in answer.text, "the rule's own limit is told, not that of pictures"


@pytest.mark.usefixtures("dialect")
def test_whoever_tells_an_error_tells_it_in_the_shape_of_the_path(
    client_for: ClientFor, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, locked = client_for(), client_for(auth="ann:secret")
    assert "foreign_origin" in post(client, jpeg, headers={"Origin": "https://evil.example"}).text  # the guard
    assert locked.get("/api/models").text.endswith(": unauthorized {}")
    assert "unknown_host" in client.get("/api/models", headers={"Host": "evil.example"}).text
    refused = post(client, jpeg, feather="51")  # what a route raises
    assert refused.status_code == 422 and ": bad_option {" in refused.text
    monkeypatch.setattr("server.api.Task", lambda *_: 1 / 0)
    crashed = post(client, jpeg)  # what nobody foresaw
    assert crashed.status_code == 500 and ": unexpected {" in crashed.text
    others = client.get("/api/elsewhere")
    assert others.json()["code"] == "not_found"


def test_the_first_rule_that_holds_counts_and_a_rule_may_hold_for_some_methods_alone(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = routes.Rule(re.compile("/api/elsewhere$"), explain=as_text, methods=frozenset({"PUT"}))
    monkeypatch.setattr(routes, "RULES", (rule, *routes.RULES))
    assert client.put("/api/elsewhere").text.endswith(": not_found {}")
    assert client.post("/api/elsewhere").json()["code"] == "not_found"


def test_the_megapixel_limit_holds_for_page_and_api(client_for: ClientFor, jpeg: bytes) -> None:
    client = client_for(max_megapixels=0.1)
    assert post(client, jpeg).json()["code"] == "too_many_pixels"
    with serving("--max-megapixels", "0.1") as process, httpx.Client(base_url=process.address) as live:
        message = run_page_event(live, uploaded(live, jpeg, "a.jpg"))[-1]["output"]["data"][0]
    assert message["code"] == "too_many_pixels"
