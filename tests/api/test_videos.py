"""``/api/videos``: a clip in, its frames tried, followed as it is made, the new file out; and stopped."""

import io
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from pipeline import ClearcutError
from server.app import ServedApp, create_app
from server.settings import ServerSettings
from server.videos import Videos
from tests.chores import wait_until
from tests.clips import disc, discs, read_clip, silence_with_clicks, write_clip
from tests.pictures import composite, encoded, opened

KEYED = {"key": "on"}  # the wall is keyed: no network is needed
FRAMES = 10
PICTURE = encoded(composite(64, 48).rgb)


@pytest.fixture(scope="module")
def served(u2netp: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApp]:
    """A server with a folder of its own."""
    app = create_app(ServerSettings.read(os.environ, batches_dir=tmp_path_factory.mktemp("videos"), workers=1))
    yield app
    app.videos.stop()
    app.workers.close()


@pytest.fixture
def client(served: ServedApp) -> TestClient:
    return client_of(served)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Ten frames of a disc before a green wall, with sound."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    frames = discs(FRAMES, width=64, height=48, flat=True)
    return write_clip(path, frames, sound=silence_with_clicks(0.4, [0.1])).read_bytes()


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """More than can be made before somebody stops it."""
    path = tmp_path_factory.mktemp("clip") / "long.mp4"
    return write_clip(path, discs(20, width=64, height=48, speed=1, flat=True) * 100).read_bytes()


def client_of(served: ServedApp) -> TestClient:
    return TestClient(served.app, base_url="http://localhost:7860", raise_server_exceptions=False)


def send(client: TestClient, clip: bytes, name: str = "clip.mp4", **values: str) -> Any:
    return client.post("/api/videos", files={"video": (name, clip)}, data=KEYED | values)


def begin(client: TestClient, clip: bytes, **values: str) -> str:
    answer = send(client, clip, **values)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def until(client: TestClient, id: str, reached: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    end = time.monotonic() + 120
    while not reached(status := client.get(f"/api/videos/{id}").json()):
        assert time.monotonic() < end and not status["error"], status
        time.sleep(0.1)
    return dict(status)


def until_done(client: TestClient, id: str) -> dict[str, Any]:
    return until(client, id, lambda status: status["state"] == "done")


def test_a_clip_becomes_a_transparent_video_with_its_sound(client: TestClient, clip: bytes, tmp_path: Path) -> None:
    id = begin(client, clip)
    status = until_done(client, id)
    assert status["frames"] == status["total"] == FRAMES and status["clip"]["width"] == 64
    answer = client.get("/" + status["result"]["url"])
    assert (
        answer.headers["content-type"] == "video/webm" and "clip_cutout.webm" in answer.headers["content-disposition"]
    )
    file = tmp_path / "clip.webm"
    file.write_bytes(answer.content)
    frames = [rgba for _, rgba in read_clip(file, alpha=True)]
    assert len(frames) == FRAMES
    alphas = [disc(number, width=64, height=48, flat=True)[1] for number in range(FRAMES)]
    assert np.mean([np.abs(rgba[..., 3] - alpha.astype(float)) for rgba, alpha in zip(frames, alphas, strict=True)]) < 6
    assert b"A_OPUS" in answer.content
    part = client.get("/" + status["result"]["url"], headers={"Range": "bytes=4-9"})
    assert part.status_code == 206 and part.content == answer.content[4:10]
    assert client.get(f"/api/videos/{id}/clip").content == clip


def test_a_part_of_a_clip_becomes_another_format(client: TestClient, clip: bytes) -> None:
    id = begin(client, clip, format="gif", fps="10", **{"from": "0.08", "to": "0.28"})
    status = until_done(client, id)
    assert status["frames"] == 2 and status["result"]["name"] == "clip_cutout.gif"
    assert Image.open(io.BytesIO(client.get("/" + status["result"]["url"]).content)).n_frames == 2


def test_a_frame_can_be_tried_before_the_video_is_begun(client: TestClient, clip: bytes) -> None:
    id = begin(client, clip, begin="false")
    assert client.get(f"/api/videos/{id}").json()["state"] == "ready"
    answer = client.get(f"/api/videos/{id}/preview", params=KEYED | {"at": "0.3"})
    assert answer.headers["content-type"] == "image/png", answer.text
    alpha = np.asarray(Image.open(io.BytesIO(answer.content)))[..., 3]
    wanted = disc(7, width=64, height=48, flat=True)[1]  # shown from 0.28 to 0.32
    assert np.abs(alpha - wanted.astype(float)).mean() < 6
    blue = client.get(f"/api/videos/{id}/preview", params=KEYED | {"background": "color", "background_color": "blue"})
    assert Image.open(io.BytesIO(blue.content)).convert("RGB").getpixel((63, 47)) == (0, 0, 255)
    assert client.get(f"/api/videos/{id}/result").status_code == 404
    changed = client.patch(f"/api/videos/{id}", json={"options": KEYED | {"format": "mp4"}, "state": "running"})
    assert changed.status_code == 200, changed.text
    assert until_done(client, id)["result"]["name"] == "clip_cutout.mp4"


def test_another_clip_stands_behind_as_the_frame_that_is_tried_says(
    client: TestClient, clip: bytes, tmp_path: Path
) -> None:
    colours = [np.full((48, 64, 3), colour, np.uint8) for colour in ((0, 0, 250), (250, 250, 0))]
    waves = write_clip(tmp_path / "waves.mp4", [colours[number // 3] for number in range(6)])  # 0.12 s each
    id = begin(client, clip, begin="false")
    told = client.patch(f"/api/videos/{id}", files={"background_image": ("waves.mp4", waves.read_bytes())})
    assert told.json()["background_image"]["name"] == "waves.mp4", told.text
    behind = KEYED | {"background": "image", "format": "mp4"}

    def corner(at: str) -> bool:
        shown = client.get(f"/api/videos/{id}/preview", params=KEYED | {"background": "image", "at": at})
        return bool(np.asarray(Image.open(io.BytesIO(shown.content)))[2, 2, 2] > 127)

    assert [corner(at) for at in ("0.02", "0.2", "0.3")] == [True, False, True]  # it begins again
    client.patch(f"/api/videos/{id}", json={"options": behind, "state": "running"})
    file = tmp_path / "made.mp4"
    file.write_bytes(client.get("/" + until_done(client, id)["result"]["url"]).content)
    assert [rgb[2, 2, 2] > 127 for _, rgb in read_clip(file)] == [True] * 3 + [False] * 3 + [True] * 3 + [False]
    broken = client.patch(f"/api/videos/{id}", files={"background_image": ("waves.mp4", b"no clip")})
    assert broken.json()["code"] == "broken_video" and broken.json()["facts"]["name"] == "waves.mp4"


def test_strokes_on_a_frame_hold_from_there(client: TestClient, clip: bytes, tmp_path: Path) -> None:
    marks = {"version": 1, "size": [64, 48], "strokes": [{"kind": "keep", "radius": 3, "points": [[60, 4]]}]}
    other = [{"at": 0, "marks": marks | {"size": [9, 9]}}]
    assert send(client, clip, marks=json.dumps(other)).json()["code"] == "bad_marks"
    id = begin(client, clip, marks=json.dumps([{"at": 0.2, "marks": marks}]))
    file = tmp_path / "clip.webm"
    file.write_bytes(client.get("/" + until_done(client, id)["result"]["url"]).content)
    assert [rgba[4, 60, 3] > 127 for _, rgba in read_clip(file, alpha=True)] == [False] * 5 + [True] * 5


def test_strokes_on_frames_can_be_changed_and_a_preview_has_those_that_hold_there(
    client: TestClient, served: ServedApp, clip: bytes
) -> None:
    id = begin(client, clip, begin="false")
    marks = {"version": 1, "size": [64, 48], "strokes": [{"kind": "keep", "radius": 3, "points": [[60, 4]]}]}
    sets = [{"at": 0.2, "marks": marks}]

    def kept(at: str) -> bool:
        png = client.get(f"/api/videos/{id}/preview", params=KEYED | {"at": at}).content
        return bool(np.asarray(Image.open(io.BytesIO(png)))[4, 60, 3] > 127)

    told = client.patch(f"/api/videos/{id}", json={"marks": sets}).json()["marks"]
    assert client.get("/" + told["url"]).json() == sets and served.videos.get(id).order.marks
    assert [kept(at) for at in ("0.16", "0.2", "0.36")] == [False, True, True]
    for wrong in ([{"at": 0, "marks": marks | {"size": [9, 9]}}], [{"at": "soon", "marks": marks}], "no JSON"):
        assert client.patch(f"/api/videos/{id}", json={"marks": wrong}).json()["code"] == "bad_marks"
    assert kept("0.2")  # what is refused loses nothing
    assert client.patch(f"/api/videos/{id}", json={"marks": None}).json()["marks"] is None
    assert not kept("0.2") and client.get(f"/api/videos/{id}/marks").status_code == 404
    frame = client.get(f"/api/videos/{id}/frame", params={"at": "0.3"})
    assert frame.headers["content-type"] == "image/jpeg"
    seen = np.asarray(Image.open(io.BytesIO(frame.content))).astype(float)
    assert np.abs(seen - disc(7, width=64, height=48, flat=True)[0]).mean() < 12


def test_no_name_leads_out_of_the_folder_of_a_video(client: TestClient, served: ServedApp, clip: bytes) -> None:
    for name in ("../../clip.mp4", "..", "a" * 400 + ".mp4"):
        files = {"video": (name, clip), "background_image": (name.replace("mp4", "png"), PICTURE)}
        answer = client.post("/api/videos", files=files, data=KEYED | {"begin": "false"})
        assert answer.status_code == 201, answer.text
        folder = served.videos.folder / answer.json()["id"]
        assert all(len(list((folder / part).iterdir())) == 1 for part in ("clip", "behind"))
        assert served.videos.get(folder.name).target.parent == folder / "result"


def test_news_come_by_themselves_and_none_twice(client: TestClient, served: ServedApp, clip: bytes) -> None:
    from server.video_routes import _News

    id = begin(client, clip)
    until_done(client, id)
    look = _News(id, served.videos, "")
    kind, mark, data = look().strip().split("\n")
    assert kind == "event: status" and json.loads(data.removeprefix("data: "))["state"] == "done"
    assert look() == "" and _News(id, served.videos, mark.removeprefix("id: "))() == ""


def test_a_video_that_is_deleted_leaves_nothing(client: TestClient, served: ServedApp, long_clip: bytes) -> None:
    id = begin(client, long_clip)
    until(client, id, lambda status: status["frames"])
    assert client.delete(f"/api/videos/{id}").status_code == 204
    assert client.get(f"/api/videos/{id}").status_code == 410
    assert not list(served.videos.folder.glob(f"*{id}*"))


def test_a_video_that_is_stopped_can_be_begun_anew(client: TestClient, served: ServedApp, long_clip: bytes) -> None:
    id = begin(client, long_clip)
    until(client, id, lambda status: status["frames"])
    newest = client.get(f"/api/videos/{id}/newest")
    assert newest.headers["content-type"] == "image/png" and opened(newest.content).shape == (48, 64, 4)
    stopped = client.patch(f"/api/videos/{id}", json={"state": "ready"}).json()
    assert stopped["state"] == "ready" and stopped["frames"] == 0
    assert not (served.videos.folder / id / "result").exists()
    assert client.get(f"/api/videos/{id}/newest").status_code == 404
    again = client.patch(f"/api/videos/{id}", json={"options": KEYED | {"to": "0.2"}, "state": "running"})
    assert again.status_code == 200 and until_done(client, id)["frames"] == 5


def test_a_worker_that_is_killed_costs_no_video(client: TestClient, served: ServedApp, long_clip: bytes) -> None:
    id = begin(client, long_clip, to="4")
    until(client, id, lambda status: status["frames"] > 50)
    pool = served.videos._pool
    assert pool
    os.kill(pool.pids[0], signal.SIGKILL)
    assert until_done(client, id)["frames"] == 100


def test_the_next_server_goes_on_with_a_video(long_clip: bytes, tmp_path: Path, u2netp: Path) -> None:
    settings = ServerSettings.read(os.environ, batches_dir=tmp_path, workers=1)
    first = create_app(settings)
    id = begin(client_of(first), long_clip, to="4")
    until(client_of(first), id, lambda status: status["frames"] > 50)
    first.videos.stop()
    first.workers.close()
    assert list((tmp_path / "videos" / id / "result").glob(".clearcut-*/000000"))  # the first segment
    second = create_app(settings)
    second.videos.recover()
    assert until_done(client_of(second), id)["frames"] == 100
    second.videos.stop()


def test_what_is_no_clip_is_refused_and_leaves_nothing(client: TestClient, served: ServedApp, clip: bytes) -> None:
    before = sorted(served.videos.folder.glob("*"))
    assert send(client, b"no clip", "notes.txt").json()["code"] == "not_a_video"
    names_another = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n"
    assert send(client, names_another, "list.m3u8").json()["code"] == "not_a_video"
    assert send(client, b"ffconcat version 1.0\nfile clip.mp4\n", "list.mp4").json()["code"] == "broken_video"
    assert send(client, clip[:200]).json()["code"] == "broken_video"
    assert client.post("/api/videos", data=KEYED).status_code in (400, 422)
    assert send(client, clip, max_kb="20").json()["code"] == "unknown_option"
    assert send(client, clip, to="soon").json()["facts"]["name"] == "to"
    assert sorted(served.videos.folder.glob("*")) == before


def test_a_shared_server_has_limits(apps: Callable[..., ServedApp], clip: bytes, tmp_path: Path) -> None:
    shared = {"host": "0.0.0.0", "public": True, "workers": 1, "batches_dir": tmp_path}
    served = apps(**shared, video_seconds=0.1)
    assert send(client_of(served), clip).json()["code"] == "video_too_long"
    assert ServerSettings(host="0.0.0.0", public=True).most_video_seconds == 60
    assert ServerSettings().most_video_frames is None
    served = apps(**shared, video_mb=0.0001)
    assert send(client_of(served), clip).status_code == 413
    served = apps(**shared, video_frames=FRAMES - 1)
    assert send(client_of(served), clip).json()["code"] == "too_many_frames"
    assert send(client_of(served), clip, to="0.1", fps="1000").json()["code"] == "too_many_frames"
    first, *others = (Image.fromarray(disc(number)[0]) for number in range(FRAMES))
    animation = encoded(first, "GIF", save_all=True, append_images=others)
    assert send(client_of(served), animation, "clip.gif").json()["code"] == "too_many_frames"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_decoder_that_hangs_is_ended_and_the_next_video_is_made(
    client: TestClient, served: ServedApp, clip: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    until_done(client, begin(client, clip))  # the worker is there
    id = begin(client, clip, begin="false")
    file = served.videos.get(id).source
    file.unlink()
    os.mkfifo(file)  # whoever opens it waits for ever, in the system
    settings = served.videos.settings
    monkeypatch.setattr(served.videos, "settings", settings.model_copy(update={"request_seconds": 1.0}))
    assert client.patch(f"/api/videos/{id}", json={"state": "running"}).status_code == 200
    assert wait_until(lambda: client.get(f"/api/videos/{id}").json()["state"] == "failed")
    error = client.get(f"/api/videos/{id}").json()["error"]
    assert error["code"] == "video_stuck" and error["facts"]["name"] == "clip.mp4"
    monkeypatch.undo()
    until_done(client, begin(client, clip))


def test_servers_that_share_a_folder_keep_off_each_others_videos(
    client: TestClient, served: ServedApp, long_clip: bytes
) -> None:
    id = begin(client, long_clip)
    until(client, id, lambda status: status["frames"])
    other = Videos(served.videos.settings, served.runtime)
    other.recover()
    for act in (other.delete, lambda id: other.change(id, lambda one: None)):
        with pytest.raises(ClearcutError, match="batch_running"):
            act(id)
    assert wait_until(lambda: not other.load.waiting) and other.load == (0, 0, 0)
    other.stop()
    assert client.delete(f"/api/videos/{id}").status_code == 204
