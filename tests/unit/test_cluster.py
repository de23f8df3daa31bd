"""``clearcut batch --cluster`` on a real Ray cluster of two workers: the files of a local run, whoever is killed."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.base.errors import ClearcutError
from pipeline.batch import cluster
from pipeline.batch.cluster import Cluster
from pipeline.batch.journal import Journal
from tests import house
from tests.batches import COMMAND, cutouts, put, run, table, wait_for

ON_CLUSTER = ("--cluster", "local", "--workers", "2")
needs_ray = pytest.mark.skipif(
    os.name != "posix" or find_spec("ray") is None, reason="ray is not installed: requirements-cluster.txt"
)
pytestmark = pytest.mark.usefixtures("desk")


def tell_fates(folder: str = "out") -> dict[str, int]:
    """When each cut-out that is done came into its place."""
    journal = Journal(Path(folder))
    done = [item.target for item in journal.list_items("done")]
    journal.close()
    return {name: Path(folder, name).stat().st_mtime_ns for name in done}


def find_workers(driver: int) -> list[int]:
    """The processes of actors that a driver's own cluster runs."""
    listed = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True).stdout.splitlines()[1:]
    rows = {int(pid): (int(parent), args) for pid, parent, args in (line.split(maxsplit=2) for line in listed)}

    def descends(pid: int) -> bool:
        return pid == driver or (pid in rows and descends(rows[pid][0]))

    return [pid for pid, (_, args) in rows.items() if args.startswith("ray::Host") and descends(pid)]


@needs_ray
def test_a_worker_that_is_killed_is_replaced_and_every_file_is_there_once_as_of_a_local_run(own_models: Path) -> None:
    put(40)
    run("in", "-o", "whole")
    with Path("said").open("w") as said:
        process = subprocess.Popen([*COMMAND, "in", "-o", "out", *ON_CLUSTER], stderr=said)
    wait_for(lambda: len(cutouts()) >= 6)
    before, first = tell_fates(), find_workers(process.pid)
    os.kill(first[0], signal.SIGKILL)
    wait_for(lambda: set(find_workers(process.pid)) - set(first) or process.poll() is not None)
    assert process.wait(120) == 0, Path("said").read_text("utf-8")
    assert cutouts() == cutouts("whole")
    assert before and before.items() <= tell_fates().items()
    facts = ("photo", "cutout", "state", "width", "height", "bytes", "model", "coverage", "warnings")
    assert {name: [row[each] for each in facts] for name, row in table().items()} == {
        name: [row[each] for each in facts] for name, row in table("whole").items()
    }


@needs_ray
def test_a_killed_run_on_a_cluster_is_gone_on_with_on_one_machine(own_models: Path) -> None:
    put(30)
    run("in", "-o", "whole")
    process = subprocess.Popen([*COMMAND, "in", "-o", "out", *ON_CLUSTER], stderr=subprocess.DEVNULL)
    wait_for(lambda: len(cutouts()) >= 4)
    process.kill()
    process.wait()
    before = tell_fates()
    run("-o", "out", "--resume")
    assert cutouts() == cutouts("whole")
    assert before.items() <= tell_fates().items()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a bucket on a server of this test's own."""
    pytest.importorskip("moto", reason="moto is not installed")
    fsspec, _ = pytest.importorskip("fsspec"), pytest.importorskip("s3fs", reason="s3fs is not installed")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    facts = {"ENDPOINT_URL": "http://{}:{}".format(*server.get_host_and_port()), "DEFAULT_REGION": "us-east-1"}
    facts |= {"ACCESS_KEY_ID": "tests", "SECRET_ACCESS_KEY": "tests"}
    for name, value in facts.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    store = fsspec.filesystem("s3", skip_instance_cache=True)
    store.mkdir("shop")
    yield "s3://shop"
    store.rm("shop", recursive=True)  # all servers of a process share what they hold
    server.stop()


@pytest.mark.parametrize("words", [(), pytest.param(ON_CLUSTER, marks=needs_ray)], ids=["one machine", "cluster"])
def test_photos_and_cut_outs_may_lie_in_object_stores(s3: str, words: tuple[str, ...]) -> None:
    import fsspec

    put(6)
    run("in", "-o", "whole")
    store = fsspec.filesystem("s3", skip_instance_cache=True)
    store.put("in/", "shop/in/", recursive=True)
    run(f"{s3}/in", "-o", f"{s3}/out", "--journal", "kept", *words)
    made = {path.removeprefix("shop/out/"): store.cat(path) for path in store.find("shop/out")}
    assert made == cutouts("whole")
    assert {row["state"] for row in table("kept").values()} == {"done"}
    written = {path: store.info(path)["LastModified"] for path in store.find("shop/out")}
    assert "6 of 6" in run("-o", f"{s3}/out", "--journal", "kept", "--resume", *words)
    assert {path: store.info(path)["LastModified"] for path in store.find("shop/out")} == written


@needs_ray
def test_an_address_where_nobody_listens_is_told_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = "127.0.0.1:{1}".format(*free.getsockname())
        with pytest.raises(ClearcutError, match="no_cluster"):
            Cluster(address, house.settings(), ["u2netp"])


def test_without_ray_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ClearcutError) as caught:
        Cluster("local", house.settings(), [])
    assert (caught.value.code, caught.value.facts) == ("needs_package", {"package": "ray"})


def test_a_cluster_that_does_not_start_in_time_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise Exception("The node timed out.\nMore of it.")  # as Ray does on a busy machine

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=fail))
    with pytest.raises(ClearcutError) as caught:
        Cluster("local", house.settings(), [])
    assert (caught.value.code, caught.value.facts) == ("no_cluster", {"address": "local", "why": "The node timed out."})


def test_workers_are_sent_the_weights_with_what_was_noted_of_them_and_the_users_own_catalogue(own_models: Path) -> None:
    (own_models / "u2netp.onnx.sha256").write_text("noted")
    (own_models / "local.toml").write_text("")
    cards = cluster._find_cards(["u2netp", "no such model"], house.settings())
    sent = cluster._find_files(cards, house.settings())
    assert sorted(path.name for path in sent) == ["local.toml", "u2netp.onnx", "u2netp.onnx.sha256"]


def test_the_code_that_workers_are_sent_runs_without_anything_else_of_this_project(tmp_path: Path) -> None:
    cluster._copy_code(tmp_path / "sent")
    code = "import pipeline.batch.task, pipeline; pipeline.Options.of(preset='product-white', canvas='amazon'); "
    code += "from pipeline.registry import catalog; print(catalog.__file__, pipeline.say('cli.batch', 'en'))"
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "sent", env=bare, capture_output=True, text=True)
    assert re.match(re.escape(str(tmp_path / "sent" / "pipeline")), done.stdout), done.stderr
