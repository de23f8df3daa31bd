"""The HTTP API, as another program meets it."""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from pipeline import Job, Options, cut_out_bytes
from pipeline.inference import engines
from server.app import ServedApp
from tests import house
from tests.pictures import composite, encoded, iou, opened, png_header_only


def post(
    client: TestClient, data: bytes, name: str = "photo.jpg", headers: dict[str, str] | None = None, **fields: str
):
    return client.post("/api/remove-bg", files={"image": (name, data)}, data=fields, headers=headers)


def test_a_photo_comes_back_as_a_transparent_png_of_the_same_size(client: TestClient, jpeg: bytes) -> None:
    answer = post(client, jpeg)
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png"
    pixels = opened(answer.content)
    assert pixels.shape == (480, 640, 4)
    assert iou(pixels[..., 3], composite().alpha) > 0.95


def test_the_headers_tell_model_engine_size_and_seconds(client: TestClient, jpeg: bytes) -> None:
    headers = post(client, jpeg).headers
    assert headers["x-model"] == "u2netp"
    assert headers["x-engine"] == engines.describe_plan(
        engines.choose_plan(house.card("u2netp"), "exact", house.settings())
    )
    assert (headers["x-width"], headers["x-height"]) == ("640", "480")
    assert float(headers["x-seconds"]) > 0
    assert "x-warnings" not in headers


def test_the_api_gives_the_same_bytes_as_the_library(client: TestClient, jpeg: bytes) -> None:
    assert post(client, jpeg, feather="3").content == cut_out_bytes(jpeg, feather=3)


def test_the_suggested_name_keeps_the_photos_own(client: TestClient, jpeg: bytes) -> None:
    disposition = post(client, jpeg, "Ünïcödé “bag”.jpg").headers["content-disposition"]
    assert disposition.endswith("%C3%9Cn%C3%AFc%C3%B6d%C3%A9%20%E2%80%9Cbag%E2%80%9D_cutout.png")


def test_what_reading_a_file_met_is_told(client: TestClient, jpeg: bytes) -> None:
    frames = [Image.fromarray(composite(seed=seed).rgb) for seed in (0, 1)]
    animated = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    for data, code in ((jpeg[:-2], "truncated"), (animated, "animated")):
        answer = post(client, data)
        assert (answer.status_code, answer.headers["x-warnings"]) == (200, code)


def test_a_camera_raw_file_is_refused_in_a_sentence(client: TestClient) -> None:
    answer = post(client, b"FUJIFILMCCD-RAW 0201" + bytes(99), "cat.raf")
    assert (answer.status_code, answer.json()["code"]) == (415, "camera_raw")
    assert "RAF" in answer.json()["sentence"] and "cat.raf" in answer.json()["sentence"]


def test_a_picture_without_a_subject_comes_with_a_warning(client: TestClient) -> None:
    answer = post(client, encoded(np.full((90, 120, 3), 128, np.uint8)), "wall.png")
    assert answer.headers["x-warnings"] == "nothing_found"
    assert not opened(answer.content).any()


@pytest.mark.parametrize(
    "name, data, status, code",
    [
        ("text.jpg", b"just some text", 415, "not_a_picture"),
        ("nothing.jpg", b"", 422, "empty_file"),
        ("cut.png", encoded(composite().rgb)[:5000], 422, "broken_picture"),
        ("bomb.png", png_header_only(30000, 30000), 413, "too_many_pixels"),
    ],
)
def test_bad_pictures_get_code_facts_and_a_sentence(
    client: TestClient, name: str, data: bytes, status: int, code: str
) -> None:
    answer = post(client, data, name)
    body = answer.json()
    assert (answer.status_code, body["code"], body["facts"]["name"]) == (status, code, name)
    assert name in body["sentence"] and "Traceback" not in answer.text


@pytest.mark.parametrize(
    "fields, code",
    [
        ({"feather": "51"}, "bad_option"),
        ({"feather": "soft"}, "bad_option"),
        ({"feather": "nan"}, "bad_option"),
        ({"model": "nope"}, "unknown_model"),
        ({"fether": "1"}, "bad_option"),
    ],
)
def test_bad_options_are_named(client: TestClient, jpeg: bytes, fields: dict[str, str], code: str) -> None:
    answer = post(client, jpeg, **fields)
    assert answer.status_code == 422 and answer.json()["code"] == code
    assert all(value in answer.json()["sentence"] for value in fields.values())


def test_a_sentence_comes_in_the_callers_language(client: TestClient) -> None:
    answer = post(client, b"", headers={"Accept-Language": "fr, zh-TW;q=0.8, en;q=0.5"})
    assert answer.headers["content-language"] == "zh-CN" and "空文件" in answer.json()["sentence"]


def test_requests_without_a_photo_are_answered_in_kind(client: TestClient) -> None:
    assert client.post("/api/remove-bg").json()["code"] == "no_picture"
    assert client.post("/api/remove-bg", data={"image": "a.jpg"}).json()["code"] == "no_picture"
    assert client.post("/api/remove-bg", json={"image": "a.jpg"}).json()["code"] == "no_picture"
    broken = client.post("/api/remove-bg", content=b"xx", headers={"content-type": "multipart/form-data"})
    assert broken.json()["code"] == "bad_request" and broken.status_code == 400
    assert client.get("/api/remove-bg").status_code in (404, 405)
    assert client.get("/api/elsewhere").json()["code"] == "not_found"


def test_a_model_that_is_not_here_is_a_409_that_says_how_to_fetch_it(
    client_for: Callable[..., TestClient], jpeg: bytes, empty_models: object
) -> None:
    answer = post(client_for(), jpeg, model="u2netp")
    assert answer.status_code == 409 and "models fetch u2netp" in answer.json()["sentence"]


def test_a_full_queue_answers_429_with_retry_after(
    client_for: Callable[..., TestClient], apps: Callable[..., ServedApp], jpeg: bytes
) -> None:
    client = client_for(queue=0)
    with apps(queue=0).runtime.slots.hold(Job()):
        answer = post(client, jpeg)
    assert answer.status_code == 429 and answer.json()["code"] == "busy"
    assert int(answer.headers["retry-after"]) >= 1
    assert post(client, jpeg).status_code == 200


def test_callers_wait_their_turn_while_the_queue_has_room(client: TestClient, jpeg: bytes) -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: post(client, jpeg), range(4)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1


def test_a_crash_in_one_request_leaves_the_next_one_working(
    client: TestClient, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("pipeline.stages.compose", lambda *_, **__: 1 / 0)
        answer = post(client, jpeg)
    assert answer.status_code == 500 and answer.json()["code"] == "unexpected"
    assert "Traceback" not in answer.text and "/" not in answer.json()["sentence"]
    assert post(client, jpeg).status_code == 200


def test_models_are_listed_with_licence_size_and_whether_they_are_here(client: TestClient) -> None:
    listed = {model["name"]: model for model in client.get("/api/models").json()}
    fast = listed["u2netp"]
    assert fast["title"] == "Fast" and fast["installed"] is True and fast["default"] is True
    assert fast["license"] == "Apache-2.0" and fast["bytes"] == 4_574_861
    assert listed["isnet-general-use"]["commercial_use"] == "unclear"


def test_health_is_one_word(client: TestClient) -> None:
    assert client.get("/healthz").json()["status"] == "ok"


def test_the_api_page_needs_no_other_host_and_names_every_option(client: TestClient) -> None:
    page = client.get("/api/docs").text
    assert "http://" not in page and "https://" not in page
    assert client.get("/api/docs-assets/swagger-ui-bundle.js").status_code == 200
    schema = client.get("/api/openapi.json").json()
    form = schema["paths"]["/api/remove-bg"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(form["properties"]) == {"image", "background_image", "preset", *Options.model_fields}
    assert form["properties"]["feather"]["maximum"] == 50


def test_a_preset_is_a_field_of_the_form(client: TestClient, jpeg: bytes) -> None:
    answer = post(client, jpeg, preset="sticker")
    assert answer.content == cut_out_bytes(jpeg, preset="sticker")
    assert post(client, jpeg, preset="nothing").json()["facts"]["name"] == "preset"


def test_the_answer_says_its_format_its_name_and_how_much_of_the_frame_is_filled(
    client: TestClient, jpeg: bytes
) -> None:
    answer = post(client, jpeg, format="jpeg", canvas="300x300")
    assert answer.headers["content-type"] == "image/jpeg" and "_cutout.jpg" in answer.headers["content-disposition"]
    assert 80 < int(answer.headers["x-subject-fill"]) <= 100
    assert (answer.headers["x-width"], answer.headers["x-height"]) == ("300", "300")


def test_a_background_picture_that_did_not_come_is_asked_for(client: TestClient, jpeg: bytes) -> None:
    answer = post(client, jpeg, background="image")
    assert answer.status_code == 422 and answer.json()["code"] == "no_background"


def test_a_broken_background_picture_is_refused(client: TestClient, jpeg: bytes) -> None:
    files = {"image": ("photo.jpg", jpeg), "background_image": ("wall.png", b"dear diary")}
    answer = client.post("/api/remove-bg", files=files, data={"background": "image"})
    assert answer.status_code == 415


def test_a_large_photo_with_orientation_and_profile_is_upright(client: TestClient) -> None:
    picture = Image.fromarray(composite(320, 200).rgb)
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", exif=exif)
    assert opened(post(client, buffer.getvalue()).content).shape == (320, 200, 4)


def test_every_picture_is_forgotten_on_request(client: TestClient, apps: Callable[..., ServedApp], jpeg: bytes) -> None:
    post(client, jpeg)
    kept = apps().runtime.predictions
    assert kept.measure().entries == 1
    assert client.delete("/api/cache").status_code == 204
    assert kept.measure().entries == 0


def test_visitors_who_may_not_manage_models_cannot_empty_the_cache(client_for: Callable[..., TestClient]) -> None:
    answer = client_for(manage_models=False).delete("/api/cache")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


def test_another_web_site_cannot_empty_the_cache(client: TestClient) -> None:
    answer = client.delete("/api/cache", headers={"Origin": "https://elsewhere.example"})
    assert answer.json()["code"] == "foreign_origin"


def test_a_precision_that_there_is_not_is_refused(client: TestClient, jpeg: bytes) -> None:
    assert post(client, jpeg, precision="fast").status_code == 200
    assert post(client, jpeg, precision="sloppy").json()["facts"]["accepted"] == "exact, fast"


def test_a_cutout_that_is_kept_as_it_is_comes_back(client: TestClient) -> None:
    one = composite(320, 240)
    answer = post(client, encoded(np.dstack((one.rgb, one.alpha))), name="cut.png", own_alpha="keep")
    assert answer.status_code == 200 and answer.headers["x-engine"] == "own alpha"
    assert np.array_equal(opened(answer.content)[..., 3], one.alpha)
