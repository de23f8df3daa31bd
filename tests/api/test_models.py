"""Models over HTTP: what there is, fetching, removing and importing, and who may."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pipeline import LANGUAGES, group_models, is_installed, load_words, say
from pipeline.base.files import hash_file
from pipeline.registry.catalog import list_models
from tests import house
from tests.api.mirror import Mirror, mirroring
from tests.api.test_remove_bg import post
from tests.pictures import opened
from tests.process import serving

PATIENCE = 30  # seconds until a test says that something will never happen
FAST = "u2netp"
ClientFor = Callable[..., TestClient]


@pytest.fixture
def here(client_for: ClientFor, empty_models: Path) -> TestClient:
    """A client on this machine, with a models folder of its own that holds nothing yet."""
    return client_for(models_dir=empty_models)


@pytest.fixture
def mirror(u2netp: Path) -> Iterator[Mirror]:
    """A mirror that holds the default model."""
    with mirroring(u2netp.parent) as web:
        yield web


@pytest.fixture
def mirrored(client_for: ClientFor, empty_models: Path, mirror: Mirror) -> TestClient:
    """Like `here`, and the mirror is asked for weights."""
    return client_for(models_dir=empty_models, models_mirror=mirror.address)


@pytest.fixture
def offline(client_for: ClientFor, empty_models: Path) -> TestClient:
    """Like `here`, and nobody may be asked for weights."""
    return client_for(models_dir=empty_models, offline=True)


def facts(client: TestClient, name: str, language: str = "en") -> dict[str, Any]:
    """What the server tells of the model called `name`."""
    listed = client.get("/api/models", headers={"Accept-Language": language}).json()
    return next(model for model in listed if model["name"] == name)


def until(client: TestClient, name: str, happened: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Ask for the model called `name` until `happened`; what the server said then."""
    end = time.monotonic() + PATIENCE
    while not happened(said := facts(client, name)):
        assert time.monotonic() < end, f"it never happened: {said}"
        time.sleep(0.02)
    return said


def left_in(folder: Path) -> set[str]:
    """The files in the models folder, but for locks."""
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"}


def put(client: TestClient, name: str, data: Any, **headers: str) -> Any:
    headers = {"Content-Type": "application/octet-stream", **headers}
    return client.put(f"/api/models/{name}/file", content=data, headers=headers)


# ---- what there is ---------------------------------------------------------------------------------------------------


def test_every_model_is_listed_with_all_that_a_person_should_know(here: TestClient) -> None:
    listed = here.get("/api/models").json()
    assert [model["name"] for model in listed] == list(list_models(house.settings()))
    for model in listed:
        wanted = house.card(model["name"])
        assert model["title"] and model["about"] and model["license"]
        assert model["bytes"] > 0 and 0 < model["memory_mb"] < 100_000 and model["good_for"]
        assert abs(model["megabytes"] - model["bytes"] / 1e6) <= 0.5
        assert model["commercial_use"] in ("yes", "no", "unclear")
        assert model["commercial_use"] == "yes" or model["commercial_use_why"], "what is no plain yes has a reason"
        assert model["license_url"].startswith("https://") and model["homepage"].startswith("https://")
        assert model["installed"] is False and model["seconds"] is None and model["own"] is False
        assert model["members"] == ([each.name for each in wanted.networks] if model["name"] == "best" else [])
        assert model["classes"] == list(wanted.classes)
        assert model["group"] in ("general", model["good_for"][0])
        assert "fetching" not in model and "error" not in model
    assert [model["name"] for model in listed if model["default"]] == [FAST]
    assert list(dict.fromkeys(model["group"] for model in listed)) == list(group_models(house.runtime().list_models()))


@pytest.mark.parametrize("language", LANGUAGES)
def test_titles_and_reasons_come_in_the_callers_language(here: TestClient, language: str) -> None:
    words = load_words(language)
    said = facts(here, "bria-rmbg-1.4", language)
    assert said["title"] == words["model.bria-rmbg-1.4.title"] and said["about"] == words["model.bria-rmbg-1.4.about"]
    assert said["commercial_use_why"] == words["why.noncommercial"]


def test_licences_say_what_is_not_free_for_commercial_use(here: TestClient) -> None:
    assert {model["name"] for model in here.get("/api/models").json() if model["commercial_use"] == "no"} == {
        "bria-rmbg-1.4",
        "bria-rmbg-2.0",
    }
    assert facts(here, "rvm-mobilenetv3")["license"] == "GPL-3.0"
    assert "source code" in facts(here, "rvm-mobilenetv3")["commercial_use_why"]
    assert facts(here, "bria-rmbg-2.0")["fetchable"] is False and facts(here, "bria-rmbg-1.4")["fetchable"] is True


def test_the_speed_of_a_model_is_told_once_it_has_run(client_for: ClientFor, own_models: Path, jpeg: bytes) -> None:
    client = client_for(models_dir=own_models)
    assert facts(client, FAST)["seconds"] is None
    assert post(client, jpeg).status_code == 200
    assert 0 < facts(client, FAST)["seconds"] < 60
    assert facts(client, "best")["seconds"] is None


def test_a_model_of_the_users_own_is_listed_as_such(here: TestClient, enter: Callable[..., Any], u2netp: Path) -> None:
    enter("mine", u2netp, kind="u2net", commercial_use="unclear", why="own")
    said = facts(here, "mine")
    assert said["own"] is True and said["installed"] is True and said["title"] == "mine"
    assert here.delete("/api/models/mine").status_code == 204
    assert "mine" not in [model["name"] for model in here.get("/api/models").json()]


# ---- fetching --------------------------------------------------------------------------------------------------------


def test_a_fetched_model_comes_with_progress_and_is_the_published_file(
    mirrored: TestClient, mirror: Mirror, empty_models: Path, u2netp: Path, jpeg: bytes
) -> None:
    begun = mirrored.post(f"/api/models/{FAST}/fetch")
    assert begun.status_code == 202 and begun.json() == {"model": FAST}
    first = until(mirrored, FAST, lambda said: (said.get("fetching") or {}).get("done"))["fetching"]
    more = until(mirrored, FAST, lambda said: said["fetching"]["done"] > first["done"])
    assert more["fetching"]["total"] == u2netp.stat().st_size and more["installed"] is False
    mirror.free.set()
    said = until(mirrored, FAST, lambda said: "fetching" not in said)
    assert said["installed"] is True and "error" not in said
    assert left_in(empty_models) == {u2netp.name}
    assert hash_file(empty_models / u2netp.name) == hash_file(u2netp)
    assert post(mirrored, jpeg).status_code == 200


def test_who_asks_for_a_fetch_that_is_under_way_joins_it(mirrored: TestClient, mirror: Mirror) -> None:
    for _ in range(3):
        assert mirrored.post(f"/api/models/{FAST}/fetch").status_code == 202
    until(mirrored, FAST, lambda said: (said.get("fetching") or {}).get("done"))
    mirror.free.set()
    until(mirrored, FAST, lambda said: said["installed"])
    assert mirror.asked == ["u2netp.onnx"]


@pytest.mark.parametrize("mute", [False, True], ids=["half-way", "before-the-first-byte"])
def test_a_cancelled_fetch_ends_at_once_and_leaves_no_file(
    mirrored: TestClient, mirror: Mirror, empty_models: Path, mute: bool
) -> None:
    mirror.mute = mute
    mirrored.post(f"/api/models/{FAST}/fetch")
    if mute:
        until(mirrored, FAST, lambda said: mirror.asked)
    else:
        until(mirrored, FAST, lambda said: (said.get("fetching") or {}).get("done"))
    assert mirrored.delete(f"/api/models/{FAST}/fetch").status_code == 204
    until(mirrored, FAST, lambda said: not left_in(empty_models))  # while the mirror still holds the file back
    said = facts(mirrored, FAST)
    assert "fetching" not in said and "error" not in said and said["installed"] is False


def test_after_cancelling_a_fetch_can_be_begun_again(mirrored: TestClient, mirror: Mirror, empty_models: Path) -> None:
    mirrored.post(f"/api/models/{FAST}/fetch")
    until(mirrored, FAST, lambda said: (said.get("fetching") or {}).get("done"))
    mirrored.delete(f"/api/models/{FAST}/fetch")
    mirror.free.set()
    mirrored.post(f"/api/models/{FAST}/fetch")
    until(mirrored, FAST, lambda said: said["installed"] and "fetching" not in said)
    assert left_in(empty_models) == {"u2netp.onnx"}


def only_in_fetches(look: Callable[..., Any]) -> Callable[..., Any]:
    """A look at the disk that is allowed to the threads that fetch, and to those of the mirror."""

    def guarded(*args: Any, **named: Any) -> Any:
        thread = threading.current_thread().name
        assert "clearcut-fetch" in thread or "process_request_thread" in thread, "looked at the disk"
        return look(*args, **named)

    return guarded


@pytest.mark.parametrize("language", LANGUAGES)
def test_how_far_fetches_are_is_told_without_a_look_at_the_disk(
    mirrored: TestClient,
    mirror: Mirror,
    enter: Callable[..., Any],
    u2netp: Path,
    monkeypatch: pytest.MonkeyPatch,
    language: str,
) -> None:
    enter("lost", kind="u2net", variants=NOWHERE)
    assert mirrored.get("/api/models/fetches").json() == {}
    mirrored.post("/api/models/lost/fetch")
    mirrored.post(f"/api/models/{FAST}/fetch")
    until(mirrored, FAST, lambda said: (said.get("fetching") or {}).get("done"))
    until(mirrored, "lost", lambda said: "error" in said)
    with monkeypatch.context() as patch:
        for look in ("stat", "open", "exists", "is_file", "iterdir"):
            patch.setattr(Path, look, only_in_fetches(getattr(Path, look)))
        told = mirrored.get("/api/models/fetches", headers={"Accept-Language": language}).json()
    assert told.keys() == {FAST, "lost"} and told[FAST].keys() == {"fetching"}
    assert 0 < told[FAST]["fetching"]["done"] < told[FAST]["fetching"]["total"] == u2netp.stat().st_size
    assert told["lost"] == {"error": facts(mirrored, "lost", language)["error"]}
    mirror.free.set()
    until(mirrored, FAST, lambda said: said["installed"] and "fetching" not in said)
    assert mirrored.get("/api/models/fetches").json().keys() == {"lost"}, "what has come is told by the list alone"


def test_the_routes_about_models_stand_in_the_schema(here: TestClient) -> None:
    paths = here.get("/api/openapi.json").json()["paths"]
    assert paths["/api/models/fetches"]["get"]["summary"] == "Tell how far the fetches are"


def test_cancelling_what_is_not_under_way_does_nothing(here: TestClient) -> None:
    assert here.delete(f"/api/models/{FAST}/fetch").status_code == 204


def test_what_is_in_a_mirror_folder_is_installed_as_it_is(
    client_for: ClientFor, u2netp: Path, tmp_path: Path, empty_models: Path, jpeg: bytes
) -> None:
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / u2netp.name).symlink_to(u2netp)
    here = client_for(models_dir=empty_models, models_mirror=str(folder))
    assert facts(here, FAST)["installed"] is True
    assert here.post(f"/api/models/{FAST}/fetch").status_code == 202
    assert "error" not in until(here, FAST, lambda said: "fetching" not in said)
    assert post(here, jpeg).status_code == 200 and left_in(empty_models) == set()


def test_a_mirror_folder_with_a_wrong_file_is_refused_with_a_sentence(
    client_for: ClientFor, tmp_path: Path, empty_models: Path
) -> None:
    (tmp_path / "u2netp.onnx").write_bytes(b"something else")
    here = client_for(models_dir=empty_models, models_mirror=str(tmp_path))
    here.post(f"/api/models/{FAST}/fetch")
    error = until(here, FAST, lambda said: "error" in said)["error"]
    assert error["code"] == "wrong_checksum" and "u2netp.onnx" in error["sentence"]


def test_all_members_of_best_are_fetched_as_one(
    mirrored: TestClient, enter: Callable[..., Any], mirror: Mirror, u2netp: Path, empty_models: Path
) -> None:
    size, sha256 = u2netp.stat().st_size, hash_file(u2netp)
    address = f"{mirror.address}/{u2netp.name}"
    for name in ("one", "two"):
        variant = {"file": f"the-{name}.onnx", "bytes": size, "sha256": sha256, "sources": [address]}
        enter(name, kind="u2net", variants=[variant])
        (empty_models / f"{name}.onnx").unlink()
    enter("both", members=["one", "two"], weights=[1, 1])
    mirrored.post("/api/models/both/fetch")
    assert until(mirrored, "both", lambda said: said.get("fetching"))["fetching"]["total"] == 2 * size
    mirror.free.set()
    until(mirrored, "both", lambda said: said["installed"] and "fetching" not in said)
    assert {"the-one.onnx", "the-two.onnx"} <= left_in(empty_models)


NOWHERE = [{"file": "gone.onnx", "bytes": 5000, "sha256": "0" * 64, "sources": ["http://127.0.0.1:9/gone.onnx"]}]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_fetch_that_fails_leaves_a_sentence_in_the_callers_language(
    here: TestClient, enter: Callable[..., Any], empty_models: Path, language: str
) -> None:
    enter("lost", kind="u2net", variants=NOWHERE)
    before = left_in(empty_models)
    here.post("/api/models/lost/fetch")
    until(here, "lost", lambda said: "error" in said)
    said = facts(here, "lost", language)
    assert said["error"]["code"] == "fetch_failed" and "fetching" not in said and said["installed"] is False
    sentence = say("error.fetch_failed", language, model="lost", file="gone.onnx", megabytes=0.0)
    assert said["error"]["sentence"] == sentence
    assert str(empty_models) not in str(said) and left_in(empty_models) == before


def test_offline_a_fetch_says_which_file_to_bring(offline: TestClient, empty_models: Path) -> None:
    offline.post(f"/api/models/{FAST}/fetch")
    error = until(offline, FAST, lambda said: "error" in said)["error"]
    assert error["code"] == "offline" and "u2netp.onnx" in error["sentence"] and not left_in(empty_models)


def test_a_model_that_only_its_publisher_hands_out_says_where(here: TestClient) -> None:
    here.post("/api/models/bria-rmbg-2.0/fetch")
    error = until(here, "bria-rmbg-2.0", lambda said: "error" in said)["error"]
    assert error["code"] == "import_only" and "https://huggingface.co/briaai/RMBG-2.0" in error["sentence"]


def test_once_the_file_was_brought_the_failed_fetch_is_forgotten(offline: TestClient, u2netp: Path) -> None:
    offline.post(f"/api/models/{FAST}/fetch")
    until(offline, FAST, lambda said: "error" in said)
    assert put(offline, FAST, u2netp.read_bytes()).status_code == 204
    said = facts(offline, FAST)
    assert said["installed"] is True and "error" not in said


# ---- removing --------------------------------------------------------------------------------------------------------


def test_a_removed_model_is_gone_and_its_session_with_it(client_for: ClientFor, own_models: Path, jpeg: bytes) -> None:
    client = client_for(models_dir=own_models)
    (own_models / "other.onnx").write_bytes(b"of another model")
    assert post(client, jpeg).status_code == 200
    assert client.delete(f"/api/models/{FAST}").status_code == 204
    assert left_in(own_models) == {"other.onnx"} and facts(client, FAST)["installed"] is False
    answer = post(client, jpeg)
    assert answer.status_code == 409 and answer.json()["code"] == "model_missing"


def test_removing_what_is_not_here_is_no_error(here: TestClient) -> None:
    assert here.delete(f"/api/models/{FAST}").status_code == 204


def test_removing_stops_a_fetch_of_the_same_model(mirrored: TestClient, mirror: Mirror, empty_models: Path) -> None:
    mirrored.post(f"/api/models/{FAST}/fetch")
    until(mirrored, FAST, lambda said: (said.get("fetching") or {}).get("done"))
    assert mirrored.delete(f"/api/models/{FAST}").status_code == 204
    until(mirrored, FAST, lambda said: not left_in(empty_models) and "fetching" not in said)


def test_a_model_made_of_others_is_not_removed(client_for: ClientFor, own_models: Path) -> None:
    client = client_for(models_dir=own_models)
    answer = client.delete("/api/models/best")
    assert answer.status_code == 409 and answer.json()["code"] == "not_removable"
    assert "u2netp" in answer.json()["sentence"] and "isnet-general-use" in answer.json()["sentence"]
    assert is_installed(house.card(FAST), house.settings())


# ---- importing -------------------------------------------------------------------------------------------------------


def test_a_published_file_that_is_brought_is_kept_and_works(
    here: TestClient, empty_models: Path, u2netp: Path, jpeg: bytes
) -> None:
    assert put(here, FAST, u2netp.read_bytes()).status_code == 204
    assert left_in(empty_models) == {u2netp.name} and facts(here, FAST)["installed"] is True
    assert opened(post(here, jpeg).content).shape == (480, 640, 4)


@pytest.mark.parametrize("same_length", [True, False])
def test_a_file_with_a_wrong_checksum_leaves_nothing(
    here: TestClient, empty_models: Path, u2netp: Path, same_length: bool
) -> None:
    data = bytes(u2netp.stat().st_size if same_length else 999)
    answer = put(here, FAST, data)
    assert answer.status_code == 409 and answer.json()["code"] == "wrong_checksum"
    assert "u2netp.onnx" in answer.json()["sentence"] and str(empty_models) not in answer.text
    assert left_in(empty_models) == set() and facts(here, FAST)["installed"] is False


def test_a_wrong_file_leaves_the_right_one_that_is_there(client_for: ClientFor, own_models: Path, jpeg: bytes) -> None:
    client = client_for(models_dir=own_models)
    assert put(client, FAST, b"wrong").status_code == 409
    assert left_in(own_models) == {"u2netp.onnx"} and post(client, jpeg).status_code == 200


def test_a_file_far_larger_than_any_picture_may_be_is_taken(here: TestClient, empty_models: Path, isnet: Path) -> None:
    def blocks() -> Iterator[bytes]:
        with isnet.open("rb") as file:
            while block := file.read(1 << 20):
                yield block

    assert isnet.stat().st_size > 30_000_000
    assert put(here, "isnet-general-use", blocks()).status_code == 204
    assert left_in(empty_models) == {isnet.name} and facts(here, "isnet-general-use")["installed"] is True


def test_a_file_over_the_limit_is_refused_by_its_announced_length(here: TestClient, empty_models: Path) -> None:
    answer = put(here, FAST, b"x", **{"Content-Length": "4000000001"})
    assert answer.status_code == 413 and answer.json()["code"] == "too_large"
    assert answer.json()["facts"] == {"megabytes": 4000, "limit": 4000}
    assert left_in(empty_models) == set()


def test_a_file_without_a_length_is_counted(
    here: TestClient, empty_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.routes.LARGEST_FILE", 500_000)
    answer = put(here, FAST, (bytes(10_000) for _ in range(100)))
    assert answer.status_code == 413 and answer.json()["code"] == "too_large"
    assert left_in(empty_models) == set()


def test_a_file_whose_sender_hangs_up_half_way_leaves_nothing(empty_models: Path, u2netp: Path) -> None:
    with serving("--offline", CLEARCUT_MODELS_DIR=str(empty_models)) as process:
        port = int(process.address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as sender:
            length = u2netp.stat().st_size
            head = f"PUT /api/models/{FAST}/file HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: {length}\r\n\r\n"
            sender.sendall(head.encode() + u2netp.read_bytes()[: length // 2])
            wait_for(lambda: left_in(empty_models))
        wait_for(lambda: not left_in(empty_models))
    assert not [line for line in process.said if "Traceback" in line]


def wait_for(happened: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def test_a_file_without_a_published_checksum_is_tried_and_noted(
    here: TestClient, empty_models: Path, at_hand: Callable[[str], Path], jpeg: bytes
) -> None:
    file = at_hand("deeplabv3_257_mv.onnx")
    assert put(here, "deeplabv3", file.read_bytes()).status_code == 204
    assert left_in(empty_models) == {file.name, file.name + ".sha256"}
    assert post(here, jpeg, model="deeplabv3", keep="person").status_code == 200


def test_a_file_that_is_no_network_is_refused_in_words_that_name_no_file_of_the_server(
    here: TestClient, empty_models: Path
) -> None:
    answer = put(here, "deeplabv3", b"just some text")
    assert answer.status_code == 422 and answer.json()["code"] == "trial_unreadable"
    assert ".part" not in answer.json()["sentence"], "a name that nobody gave"
    assert left_in(empty_models) == set()


# ---- who may ---------------------------------------------------------------------------------------------------------

CHANGES = [
    ("POST", "/api/models/{name}/fetch"),
    ("DELETE", "/api/models/{name}/fetch"),
    ("DELETE", "/api/models/{name}"),
    ("PUT", "/api/models/{name}/file"),
]


@pytest.mark.parametrize("method, path", CHANGES)
def test_on_an_exposed_server_models_can_only_be_looked_at(
    client_for: ClientFor, own_models: Path, method: str, path: str
) -> None:
    client = client_for(models_dir=own_models, host="0.0.0.0", public=True)
    answer = client.request(method, path.format(name=FAST), headers={"Accept-Language": "zh"})
    assert answer.status_code == 403 and answer.json()["code"] == "read_only"
    assert "--manage-models" in answer.json()["sentence"] and answer.headers["content-language"] == "zh-CN"
    assert left_in(own_models) == {"u2netp.onnx"} and facts(client, FAST)["installed"] is True


def test_an_exposed_server_takes_no_file_larger_than_a_picture(client_for: ClientFor, own_models: Path) -> None:
    client = client_for(models_dir=own_models, host="0.0.0.0", public=True)
    assert put(client, FAST, bytes(2_000_000)).json()["code"] == "read_only"
    assert put(client, FAST, (bytes(100_000) for _ in range(50))).status_code in (403, 413)
    assert left_in(own_models) == {"u2netp.onnx"}


def test_the_owner_can_let_visitors_manage_models(
    client_for: ClientFor, own_models: Path, u2netp: Path, mirror: Mirror
) -> None:
    client = client_for(models_dir=own_models, host="0.0.0.0", public=True, manage_models=True)
    assert client.delete(f"/api/models/{FAST}").status_code == 204
    assert client.post(f"/api/models/{FAST}/fetch").status_code == 202
    assert client.delete(f"/api/models/{FAST}/fetch").status_code == 204
    assert put(client, FAST, u2netp.read_bytes()).status_code == 204
    assert facts(client, FAST)["installed"] is True


def test_the_owner_can_forbid_it_on_this_machine_too(client_for: ClientFor, own_models: Path) -> None:
    client = client_for(models_dir=own_models, manage_models=False)
    assert client.delete(f"/api/models/{FAST}").json()["code"] == "read_only"


@pytest.mark.parametrize("flags, status", [(["--public"], 403), (["--public", "--manage-models"], 204)])
def test_the_flag_decides_on_a_real_exposed_server(own_models: Path, flags: list[str], status: int) -> None:
    import httpx

    with serving("--host", "0.0.0.0", *flags, CLEARCUT_MODELS_DIR=str(own_models)) as process:
        assert httpx.delete(f"{process.address}/api/models/mediapipe-selfie").status_code == status
        assert httpx.get(f"{process.address}/api/models").status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1"])
@pytest.mark.parametrize("method, path", CHANGES)
def test_another_web_site_may_not_change_models(
    client_for: ClientFor, own_models: Path, method: str, path: str, origin: str
) -> None:
    client = client_for(models_dir=own_models)
    answer = client.request(method, path.format(name=FAST), headers={"Origin": origin})
    assert answer.status_code == 403 and answer.json()["code"] == "foreign_origin"
    assert left_in(own_models) == {"u2netp.onnx"}


@pytest.mark.parametrize("method, path", CHANGES)
def test_a_model_that_nobody_knows_is_refused(here: TestClient, method: str, path: str) -> None:
    answer = here.request(method, path.format(name="nope"))
    assert answer.status_code == 422 and answer.json()["code"] == "unknown_model"


@pytest.mark.parametrize("name", ["..%2F..%2Fetc", "%2e%2e", "local.toml"])
@pytest.mark.parametrize("method, path", CHANGES)
def test_no_name_leads_out_of_the_models(here: TestClient, method: str, path: str, name: str) -> None:
    assert here.request(method, path.format(name=name)).json()["code"] in ("unknown_model", "not_found")
