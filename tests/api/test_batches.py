"""``/api/batches``: many photos in, followed, changed, one ZIP out; through a killed server, too."""

import io
import json
import os
import signal
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from pipeline import cut_out_bytes
from server.app import ServedApp, create_app
from server.settings import ServerSettings
from tests.api.visitors import PHOTOS, Visitor, form
from tests.pictures import composite, encoded
from tests.process import Process, serving


def test_the_cut_outs_of_a_batch_are_those_of_single_photos(visitor: Visitor) -> None:
    id = visitor.begin({"a.png": PHOTOS["0.png"]}, feather="2")
    assert visitor.add(id, {"sub/b.png": PHOTOS["1.png"], "c.txt": b"no picture"}).status_code == 200
    counts = visitor.until_done(id)["counts"]
    assert counts == {"total": 3, "waiting": 0, "done": 2, "failed": 1, "looks": counts["looks"]}
    wanted = {
        "a.png": cut_out_bytes(PHOTOS["0.png"], feather=2),
        "sub/b.png": cut_out_bytes(PHOTOS["1.png"], feather=2),
    }
    assert visitor.archive(id) == wanted
    items = visitor.items(id)
    failed = items["c.txt"]
    assert failed["state"] == "failed" and failed["cutout"] is None
    assert failed["error"]["code"] == "not_a_picture" and "c.txt" in failed["told"]["en"][0]
    done = visitor.client.get("/" + items["a.png"]["cutout"])
    assert done.content == wanted["a.png"] and done.headers["content-type"] == "image/png"
    assert visitor.client.get("/" + items["a.png"]["photo"]).content == PHOTOS["0.png"]
    assert visitor.client.get("/" + items["a.png"]["thumbnail"]).content[8:12] == b"WEBP"
    assert visitor.client.get("/" + failed["photo"]).content == b"no picture"


def test_one_photo_may_have_options_of_its_own(visitor: Visitor) -> None:
    id = visitor.begin(PHOTOS)
    visitor.until_done(id)
    number = visitor.items(id)["1.png"]["number"]
    answer = visitor.client.patch(
        f"/api/batches/{id}/items/{number}", json={"options": {"format": "webp", "crop": True}}
    )
    assert answer.json()["state"] in ("waiting", "working")
    visitor.until_done(id)
    archive = visitor.archive(id)
    assert sorted(archive) == ["0.png", "1.webp", "2.png", "3.png"]
    assert archive["1.webp"] == cut_out_bytes(PHOTOS["1.png"], format="webp", crop=True)
    wrong = visitor.client.patch(f"/api/batches/{id}/items/{number}", json={"options": {"feather": "soft"}})
    assert wrong.status_code == 422 and wrong.json()["code"] == "bad_option"
    assert sorted(visitor.archive(id)) == sorted(archive)


def test_other_options_for_all_do_everything_anew(visitor: Visitor) -> None:
    id = visitor.begin(PHOTOS)
    visitor.until_done(id)
    answer = visitor.client.patch(f"/api/batches/{id}", json={"options": {"preset": "product-white", "format": "jpeg"}})
    assert answer.json()["counts"]["waiting"] == 4
    visitor.until_done(id)
    assert visitor.archive(id) == {
        name.replace("png", "jpg"): cut_out_bytes(data, preset="product-white", format="jpeg")
        for name, data in PHOTOS.items()
    }


def test_a_photo_can_be_tried_again_and_removed(visitor: Visitor) -> None:
    id = visitor.begin({"a.png": PHOTOS["0.png"], "b.png": PHOTOS["1.png"], "bad.png": b"x"})
    visitor.until_done(id)
    items = visitor.items(id)
    assert visitor.client.post(f"/api/batches/{id}/items/{items['bad.png']['number']}/retry").status_code == 200
    assert visitor.client.delete(f"/api/batches/{id}/items/{items['a.png']['number']}").status_code == 204
    visitor.until_done(id)
    assert set(visitor.items(id)) == {"b.png", "bad.png"}
    assert list(visitor.archive(id)) == ["b.png"]
    assert visitor.client.delete(f"/api/batches/{id}/items/{items['a.png']['number']}").status_code == 404


def test_a_paused_batch_takes_photos_and_begins_none_until_it_goes_on(visitor: Visitor) -> None:
    id = visitor.begin()
    assert visitor.client.patch(f"/api/batches/{id}", json={"state": "paused"}).status_code == 200
    visitor.add(id, PHOTOS)
    other = visitor.begin(PHOTOS)
    visitor.until_done(other)  # whose turn came after it
    assert visitor.status(id)["state"] == "paused"
    assert visitor.status(id)["counts"]["done"] == 0
    visitor.client.patch(f"/api/batches/{id}", json={"state": "running"})
    assert visitor.until_done(id)["counts"]["done"] == 4


def test_an_archive_brings_its_photos(visitor: Visitor) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in PHOTOS.items():
            archive.writestr(f"sub/{name}", data)
        archive.writestr("more.zip", b"")
    id = visitor.begin({"photos.zip": packed.getvalue()})
    assert visitor.until_done(id)["left_out"] == {".zip": 1}
    assert sorted(visitor.archive(id)) == [f"sub/{name}" for name in PHOTOS]


def test_names_cannot_lead_out_of_the_batch(visitor: Visitor, served: ServedApp) -> None:
    id = visitor.begin({"../../../evil.png": PHOTOS["0.png"], "/etc/evil.png": PHOTOS["1.png"], "..": PHOTOS["2.png"]})
    visitor.until_done(id)
    folder = served.batches.settings.batches_dir
    files = [path for path in folder.parent.rglob("*") if "evil" in path.name]
    assert files and all(folder / id in path.parents for path in files)
    assert all(".." not in name and not name.startswith("/") for name in visitor.archive(id))


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"feather": "soft"}, "bad_option"),
        ({"nonsense": "1"}, "unknown_option"),
        ({"background": "image"}, "no_background"),
    ],
)
def test_options_that_do_not_fit_leave_no_batch_behind(
    visitor: Visitor, served: ServedApp, options: dict[str, str], code: str
) -> None:
    before = sorted(served.batches.settings.batches_dir.iterdir())
    answer = visitor.client.post("/api/batches", files=form(PHOTOS), data=options)
    assert answer.json()["code"] == code
    assert sorted(served.batches.settings.batches_dir.iterdir()) == before


def test_a_photo_that_is_too_large_is_told_by_name(visitor: Visitor) -> None:
    answer = visitor.client.post("/api/batches", files=form({"big.png": bytes(1_200_000)}))
    assert (answer.status_code, answer.json()["code"], answer.json()["facts"]["name"]) == (413, "too_large", "big.png")


@pytest.mark.parametrize("path", ["x", "..", "%2e%2e", "x/items", "x/items/1", "x/events", "x/archive"])
def test_who_does_not_know_the_id_reads_nothing(visitor: Visitor, path: str) -> None:
    assert visitor.client.get(f"/api/batches/{path}").status_code in (404, 405, 410)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"state": 3}', b'{"options": []}', b'{"other": 1}', b"[" * 9999])
def test_what_is_no_such_json_is_refused(visitor: Visitor, body: bytes) -> None:
    id = visitor.begin()
    assert visitor.client.patch(f"/api/batches/{id}", content=body).status_code == 400


def test_a_batch_that_is_deleted_leaves_nothing(visitor: Visitor, served: ServedApp) -> None:
    id = visitor.begin(PHOTOS)
    assert visitor.client.delete(f"/api/batches/{id}").status_code == 204
    assert visitor.client.get(f"/api/batches/{id}").status_code == 410
    assert not (served.batches.settings.batches_dir / id).exists()


def test_a_batch_expires(served: ServedApp, visitor: Visitor) -> None:
    id = visitor.begin(PHOTOS)
    visitor.until_done(id)
    order = served.batches.settings.batches_dir / id / "order.json"
    os.utime(order, (time.time() - 8 * 86_400,) * 2)
    served.batches.sweep()
    assert visitor.client.get(f"/api/batches/{id}").status_code == 410


def test_where_others_come_in_a_batch_has_a_limit(u2netp: Path, tmp_path: Path) -> None:
    app = create_app(ServerSettings.read(os.environ, batches_dir=tmp_path, host="0.0.0.0", public=True))
    visitor = Visitor(TestClient(app.app, base_url="http://localhost:7860", raise_server_exceptions=False))
    try:
        id = visitor.begin()
        assert visitor.status(id)["limit"] == 100
        answer = visitor.add(id, {f"{at}.png": b"x" for at in range(101)})
        assert (answer.status_code, answer.json()["code"]) == (413, "too_many_photos")
    finally:
        app.batches.stop()


# ---- followed, and through a killed server --------------------------------------------------------------------------


def follow(client: httpx.Client, id: str, **how: Any) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Events: kind, revision, data."""
    with client.stream("GET", f"/api/batches/{id}/events", **how) as stream:
        kind, at = "", 0
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "id":
                at = int(value)
            elif name == "data":
                yield kind, at, json.loads(value)


def test_events_tell_of_each_photo_and_go_on_where_a_reader_was_cut_off(u2netp: Path, tmp_path: Path) -> None:
    with serving(CLEARCUT_BATCHES_DIR=str(tmp_path)) as process:
        client = httpx.Client(base_url=process.address, timeout=60)
        visitor = Visitor(client)
        id = visitor.begin(PHOTOS)
        seen, last = {}, 0
        for kind, at, data in follow(client, id):
            last = at
            if kind == "item":
                seen[data["name"]] = data["state"]
            elif kind == "status" and data["state"] == "done":
                break
        assert seen == dict.fromkeys(PHOTOS, "done")
        visitor.client.delete(f"/api/batches/{id}/items/2")
        coming = follow(client, id, headers={"Last-Event-ID": str(last)})
        assert next(coming)[::2] == ("removed", {"number": 2})


def test_a_server_that_is_killed_and_started_anew_goes_on_with_the_batch(u2netp: Path, tmp_path: Path) -> None:
    photos = {f"{at}.png": encoded(composite(96, 72, seed=at).rgb) for at in range(24)}

    def begin(process: Process) -> str:
        visitor = Visitor(httpx.Client(base_url=process.address, timeout=60))
        id = visitor.begin(photos)
        until(lambda: visitor.status(id)["counts"]["done"] >= 4)
        os.kill(process.pid, signal.SIGKILL)
        return id

    with serving(CLEARCUT_BATCHES_DIR=str(tmp_path)) as process:
        id = begin(process)
    with serving(CLEARCUT_BATCHES_DIR=str(tmp_path)) as process:
        visitor = Visitor(httpx.Client(base_url=process.address, timeout=60))
        assert visitor.until_done(id)["counts"]["done"] == 24
        assert visitor.archive(id) == {name: cut_out_bytes(data) for name, data in photos.items()}


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_more_events_than_are_told_at_a_time_lose_no_photo_behind_a_removal(
    served: ServedApp, visitor: Visitor
) -> None:
    from pipeline import Found, Source
    from server.batch_routes import _News

    id = visitor.begin()
    visitor.client.patch(f"/api/batches/{id}", json={"state": "paused"})
    one = served.batches.get(id)
    one.batch.add(Found(Source(f"/in/{at}.png"), f"{at}.png") for at in range(1200))
    one.remove(7)
    seen, removed, look = set(), set(), _News(one, 0)
    for _ in range(4):
        for kind, data in (event.split("\n")[::2] for event in look().split("\n\n") if event):
            number = json.loads(data.removeprefix("data: ")).get("number")
            (removed if kind == "event: removed" else seen).add(number)
    assert seen - {None} == set(range(1, 1201)) - {7}
    assert removed == {7}


def test_a_bomb_is_not_unpacked_to_be_looked_at(visitor: Visitor) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.png", bytes(50_000_000))
    id = visitor.begin({"p.zip": packed.getvalue()})
    assert visitor.client.get(f"/api/batches/{id}/items/1/photo").json()["code"] == "archive_bomb"
    assert visitor.client.get(f"/api/batches/{id}/items/{1 << 70}").status_code == 404


def test_uploads_that_are_refused_leave_nothing_on_the_disk(visitor: Visitor, served: ServedApp) -> None:
    id = visitor.begin()
    answer = visitor.add(id, {"a.png": PHOTOS["0.png"], "big.png": bytes(1_200_000)})
    assert answer.status_code == 413
    answer = visitor.add(id, {"a.png": PHOTOS["0.png"], "no.zip": b"no archive"})
    assert answer.json()["code"] == "broken_archive"
    assert not list((served.batches.settings.batches_dir / id / "photos").rglob("*.png"))
    assert served.batches.get(id).describe()["counts"]["total"] == 0


def test_a_batch_whose_order_was_lost_does_not_hold_up_the_others(served: ServedApp, visitor: Visitor) -> None:
    lost = served.batches.settings.batches_dir / "lost"
    lost.mkdir()
    (lost / "order.json").write_bytes(b"")
    served.batches.recover()
    served.batches.sweep()
    assert visitor.client.get("/api/batches/lost").status_code == 410
    id = visitor.begin(PHOTOS)
    assert visitor.until_done(id)["counts"]["done"] == 4
