"""The server on a real Ray cluster of this machine, whose replicas are killed under load."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest
import yaml
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from pipeline import ClearcutError, cut_out_bytes
from pipeline.base.settings import ROOT
from server.cluster import read_settings
from server.retry import Retry
from tests.chores import wait_until
from tests.pictures import composite, encoded

SERVE = (sys.executable, "-c", "from ray.serve.scripts import cli; cli()", "run", "--address", "local")
PROXY = {"RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "server.retry:list_middlewares"}
needs_ray = pytest.mark.skipif(
    sys.platform != "linux" or not (find_spec("ray") and find_spec("grpc")),
    reason="ray[serve] is not installed: requirements-cluster.txt",
)


def find_replicas(kind: str, parent: int) -> list[int]:
    """The processes of replicas of a kind, of the cluster that `parent` has started."""
    listed = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True).stdout.splitlines()[1:]
    rows = {int(pid): (int(of), args) for pid, of, args in (line.split(maxsplit=2) for line in listed)}

    def descends(pid: int) -> bool:
        return pid == parent or (pid in rows and descends(rows[pid][0]))

    replicas = [pid for pid, (_, args) in rows.items() if args.startswith(f"ray::ServeReplica:clearcut:{kind}")]
    return [pid for pid in replicas if descends(pid)]


@pytest.fixture
def served(u2netp: Path, tmp_path: Path) -> Iterator[tuple[int, httpx.Client]]:
    """The process that has started it, and a client."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = yaml.safe_load((ROOT / "deploy" / "serve.yaml").read_text("utf-8"))
    config["http_options"] |= {"host": "127.0.0.1", "port": port}
    [app] = config["applications"]
    app["args"] = {"public": True, "queue": 64, "models_dir": str(u2netp.parent), "cache_dir": str(tmp_path)}
    _, cutter = app["deployments"]
    del cutter["autoscaling_config"]
    cutter |= {"num_replicas": 2, "ray_actor_options": {"num_cpus": 0.5}}
    file, said = tmp_path / "serve.yaml", tmp_path / "said"
    file.write_text(yaml.safe_dump(config), "utf-8")
    with said.open("w") as out:
        process = subprocess.Popen([*SERVE, str(file)], cwd=ROOT, env=os.environ | PROXY, stdout=out, stderr=out)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            assert wait_until(lambda: process.poll() is not None or is_ready(client), 240)
            assert process.poll() is None, said.read_text("utf-8")
            yield process.pid, client
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


@needs_ray
def test_with_replicas_killed_under_load_every_answer_is_right_or_a_503(served: tuple[int, httpx.Client]) -> None:
    parent, client = served
    pictures = [encoded(composite(96, 64, seed=seed).rgb) for seed in range(24)]
    before = find_replicas("Cutter", parent)
    with ThreadPoolExecutor(8) as threads:
        answers = [threads.submit(client.post, "/api/remove-bg", files={"image": each}) for each in pictures]
        for number, pid in ((4, before[0]), (12, find_replicas("Api", parent)[0])):
            assert wait_until(lambda number=number: sum(each.done() for each in answers) >= number)  # type: ignore[misc]
            os.kill(pid, signal.SIGKILL)
        got = [each.result(120) for each in answers]
    assert {answer.status_code for answer in got} <= {200, 503}
    right = [index for index, answer in enumerate(got) if answer.status_code == 200]
    assert len(right) >= 20
    assert all(got[index].content == cut_out_bytes(pictures[index]) for index in right)
    assert wait_until(lambda: len(set(find_replicas("Cutter", parent)) - {before[0]}) == len(before) == 2, 120)
    refused = client.post("/v1.0/removebg", files={"image_file": b"no picture"})
    assert refused.status_code == 400 and refused.json()["errors"][0]["code"] == "invalid_file_type"
    assert client.post("/api/batches").status_code == 404


def test_a_cluster_is_taken_to_be_open_to_others_and_asks_for_a_password_or_for_saying_public() -> None:
    with pytest.raises(ClearcutError, match="needs_protection"):
        read_settings({}, {"host": "127.0.0.1"})
    settings = read_settings({"CLEARCUT_QUEUE": "3"}, {"public": "1", "manage_models": True})
    assert settings.exposed and settings.queue == 3 and not settings.may_manage


@pytest.mark.parametrize(("deaths", "status"), [(0, 200), (1, 200), (2, 503)])
def test_a_request_whose_replica_dies_before_it_answers_is_sent_once_more_whole(deaths: int, status: int) -> None:
    bodies: list[bytes] = []

    async def replica(scope: Scope, receive: Receive, send: Send) -> None:
        bodies.append(await Request(scope, receive).body())
        if len(bodies) > deaths:
            await PlainTextResponse("done")(scope, receive, send)

    answer = TestClient(Retry(replica)).post("/api/remove-bg", content=iter([b"a" * 70_000, b"b"]))
    assert answer.status_code == status and bodies == [b"a" * 70_000 + b"b"] * min(deaths + 1, 2)
    assert answer.text == "done" if status == 200 else answer.json()["code"] == "worker_died"
