"""What those who run a server can see of it, and what not; how it stops."""

import json
import logging
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from server import logs
from server.app import ServedApp
from tests.api.test_guard import basic, run_page_event, uploaded
from tests.api.test_remove_bg import post
from tests.gate import Gate
from tests.process import Process, serving

ClientFor = Callable[..., TestClient]
SECRET = "holiday-in-my-garden"
ENGINE = re.compile("openvino|onnxruntime|MNN")


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What a server that logs JSON writes meanwhile."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(logs.FORMS["json"]().format(record))

    ours, listener = logging.getLogger("clearcut"), Listener()
    ours.addHandler(listener)
    logs.log.setLevel(logging.INFO)
    yield said
    ours.removeHandler(listener)
    logs.log.setLevel(logging.NOTSET)


# ---- the log ---------------------------------------------------------------------------------------------------------


def test_a_cut_out_is_one_line_with_its_model_size_steps_and_whether_a_network_ran(
    client: TestClient, jpeg: bytes, lines: list[str]
) -> None:
    answers = [post(client, jpeg, headers={"X-Request-Id": f"mine-{number}"}) for number in range(2)]
    first, second = map(json.loads, lines)
    assert (first["id"], first["method"], first["route"]) == ("mine-0", "POST", "/api/remove-bg")
    assert (first["status"], first["outcome"], first["model"], first["megapixels"]) == (200, "ok", "u2netp", 0.307)
    assert {"decode", "edges", "compose", "encode"} <= set(first["steps"])
    assert all(0 <= seconds <= first["seconds"] for seconds in first["steps"].values())
    assert (first["cached"], second["cached"]) == (False, True)
    assert [answer.headers["x-request-id"] for answer in answers] == ["mine-0", "mine-1"]


def test_no_line_names_a_picture_a_key_a_password_or_an_address(
    client_for: ClientFor, jpeg: bytes, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_for(auth=f"ann:{SECRET}", url_input=True)
    headers = basic("ann", SECRET)
    files = {"image": (f"{SECRET}.jpg", jpeg)}
    client.post("/api/remove-bg", files=files, headers=headers)
    client.get(f"/results/{SECRET}/{SECRET}.png", headers=headers)
    client.get(f"/api/remove?url=http://127.0.0.1/{SECRET}.jpg", headers=headers)
    client.get(f"/{SECRET}", headers=headers)
    client.get("/api/models", headers={"X-Api-Key": SECRET})
    monkeypatch.setattr("server.api.Task", lambda *_: Path(f"/nowhere/{SECRET}").read_bytes())
    assert client.post("/api/remove-bg", files=files, headers=headers).status_code == 500
    said = [json.loads(line) for line in lines]
    assert [each.get("outcome") for each in said][:5] == ["ok", "expired", "url_refused", "not_found", "unauthorized"]
    fault = next(each for each in said if each["level"] == "error")
    assert fault["kind"] == "FileNotFoundError" and fault["at"]
    assert SECRET not in "".join(lines) and "127.0.0.1" not in "".join(lines)


@pytest.mark.parametrize("form", ["json", "text"])
def test_nobody_can_write_a_line_of_the_log(client: TestClient, form: str, lines: list[str]) -> None:
    forged = 'x" status=200\\r\\nforged %0d%0a'
    answer = client.get("/api/%0d%0aforged", headers={"X-Request-Id": forged, "User-Agent": forged})
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])
    written = logs.FORMS[form]().format(_as_record(json.loads(lines[0])))
    assert "forged" not in written and "\n" not in written


def _as_record(facts: dict[str, object]) -> logging.LogRecord:
    record = logging.LogRecord("clearcut.requests", logging.INFO, "", 0, "request", (), None)
    record.facts = {name: value for name, value in facts.items() if name not in ("time", "level")}
    return record


# ---- figures ---------------------------------------------------------------------------------------------------------


def test_the_figures_count_requests_cut_outs_and_their_steps(client_for: ClientFor, jpeg: bytes) -> None:
    client = client_for(metrics=True)
    for _ in range(2):
        assert post(client, jpeg).status_code == 200
    client.get(f"/results/{SECRET}/x.png")
    figures = client.get("/metrics").text
    assert 'clearcut_requests_total{method="POST",route="/api/remove-bg",status="200"} 2.0' in figures
    assert 'clearcut_cutouts_total{cached="false",model="u2netp",route="/api/remove-bg"} 1.0' in figures
    assert 'clearcut_cutouts_total{cached="true",model="u2netp",route="/api/remove-bg"} 1.0' in figures
    assert 'clearcut_step_seconds_count{step="compose"} 2.0' in figures
    assert 'clearcut_errors_total{code="expired"} 1.0' in figures and "clearcut_running 1.0" in figures
    assert SECRET not in figures


def test_strangers_see_no_figures(client_for: ClientFor) -> None:
    assert client_for().get("/metrics").status_code == 404
    assert client_for(host="0.0.0.0", public=True, metrics=True).get("/metrics").status_code == 404
    locked = client_for(host="0.0.0.0", auth="ann:secret", metrics=True)
    assert locked.get("/metrics").status_code == 401
    assert locked.get("/metrics", headers=basic("ann", "secret")).status_code == 200


def test_a_cut_out_of_the_page_is_a_line_and_counted_as_one_of_the_page(u2netp: Path, jpeg: bytes) -> None:
    with (
        serving("--log", "json", "--metrics") as process,
        httpx.Client(base_url=process.address, timeout=60) as client,
    ):
        assert run_page_event(client, uploaded(client, jpeg, f"{SECRET}.jpg"))[-1]["success"]
        figures = client.get("/metrics").text
        nowhere = {"fn_index": 99, "data": [], "session_hash": SECRET}
        assert client.post("/gradio_api/queue/join", json=nowhere, headers={"Connection": "close"}).status_code == 500
        wrong = [{"path": f"/{SECRET}\nforged", "meta": {"_type": "gradio.FileData"}}]
        event = client.post("/gradio_api/call/remove_background", json={"data": wrong}).json()["event_id"]
        assert "error" in client.get(f"/gradio_api/call/remove_background/{event}").text
    assert 'clearcut_cutouts_total{cached="false",model="u2netp",route="page"} 1.0' in figures
    assert [json.loads(line)["kind"] for line in process.said if '"error"' in line] == ["KeyError", "ValueError"]
    assert not [line for line in process.said if line.startswith(("Traceback", "forged"))], process.said
    said = [json.loads(line) for line in process.said if line.startswith("{")]
    (line,) = [each for each in said if each.get("route") == "page"]
    assert line["model"] == "u2netp" and line["steps"] and "status" not in line
    assert SECRET not in "".join(process.said)


# ---- readiness and the end -------------------------------------------------------------------------------------------


def test_a_server_is_ready_once_its_model_is_warm_and_no_more_when_it_stops(
    client_for: ClientFor, apps: Callable[..., ServedApp]
) -> None:
    how = {"auth": "ready:secret"}
    client, activity = client_for(**how), apps(**how).activity
    cold = client.get("/readyz")
    assert (cold.status_code, cold.json()["code"]) == (503, "not_ready") and int(cold.headers["retry-after"]) > 0
    activity.is_warm = True
    assert client.get("/readyz").json() == {"status": "ready"}
    activity.is_stopping = True
    assert client.get("/readyz").json()["code"] == "stopping"
    refused = client.get("/api/models", headers=basic("ready", "secret"))
    assert (refused.status_code, refused.json()["code"]) == (503, "stopping") and refused.headers["retry-after"]
    assert client.get("/healthz").status_code == 200
    assert [client.head(path).status_code for path in ("/healthz", "/readyz")] == [200, 503], "as monitors ask"
    assert activity.wait_until_idle(0)


def test_a_server_without_its_model_is_ready_once_that_is_brought(empty_models: Path, u2netp: Path) -> None:
    with serving("--offline", CLEARCUT_MODELS_DIR=str(empty_models)) as process:
        assert (ask(process, "readyz"), ask(process, "healthz")) == (503, 200)
        brought = httpx.put(f"{process.address}/api/models/u2netp/file", content=u2netp.read_bytes(), timeout=60)
        assert brought.status_code < 300
        wait_for(lambda: ask(process, "readyz") == 200)
        loaded = Path(f"/proc/{process.pid}/maps")
        if loaded.exists():
            assert not ENGINE.search(loaded.read_text()), "before anybody opens the page, which this process works for"
            assert ask(process, "") == 200
            wait_for(lambda: ENGINE.search(loaded.read_text()) is not None)


@pytest.fixture
def at_work(u2netp: Path, jpeg: bytes, tmp_path: Path) -> Callable[..., Any]:
    """A server that is at a photo until its gate is opened; the answer is in the list once it is there, or None."""

    @contextmanager
    def start(*flags: str) -> Iterator[tuple[Process, AbstractContextManager[None], list[httpx.Response | None]]]:
        gate, answers = Gate(tmp_path), []
        with serving("--log", "json", *flags, gate=gate) as process:
            wait_for(lambda: ask(process, "readyz") == 200)

            def send() -> None:
                try:
                    files = {"image": ("a.jpg", jpeg)}
                    answers.append(httpx.post(f"{process.address}/api/remove-bg", files=files, timeout=60))
                except httpx.TransportError:
                    answers.append(None)

            shut = ExitStack()
            shut.enter_context(gate.shut("u2netp"))
            sender = threading.Thread(target=send)
            sender.start()
            gate.until_reached("u2netp")
            yield process, shut, answers
            shut.close()
            sender.join(60)

    return start


def ask(process: Process, path: str) -> int | None:
    """The status of an answer; None where nobody answers any more."""
    try:
        return httpx.get(f"{process.address}/{path}").status_code
    except httpx.TransportError:
        return None


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_server_that_is_told_to_stop_finishes_what_runs_and_refuses_what_is_new(at_work: Callable) -> None:
    with at_work() as (process, shut, answers):
        with httpx.stream("GET", f"{process.address}/gradio_api/heartbeat/open-page") as page:
            assert page.status_code == 200, "a page that is open is nothing to wait for"
            os.kill(process.pid, signal.SIGTERM)
            wait_for(lambda: ask(process, "readyz") == 503)
            assert (ask(process, "api/models"), ask(process, "healthz"), answers) == (503, 200, [])
            shut.close()
            wait_for(lambda: ask(process, "healthz") is None)
        wait_for(lambda: bool(answers))
        assert answers[0].status_code == 200 and answers[0].content.startswith(b"\x89PNG")
    lines = [json.loads(line) for line in process.said if line.startswith("{")]
    assert [each["outcome"] for each in lines if each["route"] == "/api/remove-bg"] == ["ok"]
    assert process.code == 0 and not [line for line in process.said if "Traceback" in line], process.said


def test_what_takes_longer_than_the_setting_allows_is_given_up(at_work: Callable) -> None:
    with at_work("--stop-seconds", "0") as (process, _, answers):
        os.kill(process.pid, signal.SIGTERM)
        wait_for(lambda: bool(answers))
    assert answers[0] is None or answers[0].status_code >= 500
    assert process.code == 0, process.said
