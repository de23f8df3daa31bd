"""The HTTP API, as another program meets it."""

import base64
import io
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from pipeline import Options, cut_out_bytes
from pipeline.inference import engines
from server.app import ServedApp
from tests import house
from tests.pictures import composite, encoded, iou, opened, photo, png_header_only


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
    ],
)
def test_bad_options_are_named(client: TestClient, jpeg: bytes, fields: dict[str, str], code: str) -> None:
    answer = post(client, jpeg, **fields)
    assert answer.status_code == 422 and answer.json()["code"] == code
    assert all(value in answer.json()["sentence"] for value in fields.values())


@pytest.mark.parametrize("place", ["data", "params", "files"])
@pytest.mark.parametrize("name", ["fether", "Feather", "Preset", "images"])
def test_an_option_that_there_is_not_is_told_with_those_that_there_are(
    client: TestClient, jpeg: bytes, place: str, name: str
) -> None:
    sent = {"files": {"image": ("a.jpg", jpeg)}, "data": {"feather": "1"}, "params": {}}
    sent[place] = {**sent[place], name: ("b.jpg", jpeg) if place == "files" else ""}
    answer = client.post("/api/remove-bg", **sent)
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_option")
    known = answer.json()["facts"]["known"].split(", ")
    assert {*Options.model_fields, "preset"} <= set(known)
    assert ("image" in known) == (place != "params")
    assert f"“{name}”" in answer.json()["sentence"] and "feather" in answer.json()["sentence"]


def test_options_may_stand_in_the_address_and_the_form_counts_more(client: TestClient, jpeg: bytes) -> None:
    files = {"image": ("a.jpg", jpeg)}
    asked = {"feather": "3", "format": "webp", "crop": "1", "preset": "", "margin": ""}
    answer = client.post("/api/remove-bg", params=asked, files=files)
    assert answer.content == cut_out_bytes(jpeg, feather=3, format="webp", crop=True)
    answer = client.post("/api/remove-bg", params=asked, files=files, data={"feather": "1", "crop": "no"})
    assert answer.content == cut_out_bytes(jpeg, feather=1, format="webp")
    preset = client.post("/api/remove-bg?preset=sticker", files=files)
    assert preset.content == cut_out_bytes(jpeg, preset="sticker")
    assert client.post("/api/remove-bg?feather=51", files=files).json()["facts"]["name"] == "feather"


@pytest.mark.parametrize("field", ["image", "background_image"])
def test_one_picture_at_a_time(client: TestClient, jpeg: bytes, field: str) -> None:
    files = [("image", ("a.jpg", jpeg)), ("background_image", ("w.png", jpeg)), (field, ("c.jpg", jpeg))]
    answer = client.post("/api/remove-bg", files=files)
    assert (answer.status_code, answer.json()["code"]) == (422, "one_at_a_time")
    assert answer.json()["facts"] == {"name": field, "number": 2}
    assert "/api/batches" in answer.json()["sentence"]


def test_a_form_with_too_many_parts_is_told_what_it_may_have(client: TestClient, jpeg: bytes) -> None:
    many = [("image", ("a.jpg", jpeg)) for _ in range(11)]
    for sent in ({"files": many}, {"files": many[:1], "data": {"feather": ["1"] * 101}}):
        answer = client.post("/api/remove-bg", **sent)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_many_parts")
        assert answer.json()["facts"] == {"files": 10, "fields": 100}


def as_text(data: bytes, form: str) -> str:
    plain = base64.b64encode(data).decode()
    return {
        "plain": plain,
        "lines": "\n".join(textwrap.wrap(plain, 76)),
        "windows": "\r\n".join(textwrap.wrap(plain, 76)) + "\r\n",
        "uri": f"data:image/jpeg;base64,{plain}",
        "uri with more": f"DATA:image/jpeg;name=a.jpg;BASE64,{plain}",
        "other alphabet": base64.urlsafe_b64encode(data).decode().rstrip("="),
        "plus as space": plain.replace("+", " "),
    }[form]


@pytest.mark.parametrize(
    "form", ["plain", "lines", "windows", "uri", "uri with more", "other alphabet", "plus as space"]
)
@pytest.mark.parametrize("kind", ["multipart", "urlencoded"])
def test_a_picture_may_come_as_text(client: TestClient, jpeg: bytes, form: str, kind: str) -> None:
    fields = {"image": as_text(jpeg, form), "background_image": as_text(jpeg, form), "feather": "3"}
    how = {"data": fields} if kind == "urlencoded" else {"files": {name: (None, text) for name, text in fields.items()}}
    answer = client.post("/api/remove-bg", **how)
    assert answer.status_code == 200, answer.text
    assert answer.content == cut_out_bytes(jpeg, jpeg, feather=3)
    assert "image_cutout.png" in answer.headers["content-disposition"]


@pytest.mark.parametrize("kind", ["multipart", "urlencoded"])
def test_a_picture_as_text_may_be_as_large_as_a_file(client_for: Callable[..., TestClient], kind: str) -> None:
    noise = encoded(np.random.default_rng(1).integers(0, 256, (800, 900, 3), np.uint8))  # 2 MB: more than a small body
    text = as_text(noise, "lines")

    def send(client: TestClient) -> httpx.Response:
        how = {"data": {"image": text}} if kind == "urlencoded" else {"files": {"image": (None, text)}}
        return client.post("/api/remove-bg", **how)

    limit = round(len(noise) / 1e6 + 0.001, 3)
    assert send(client_for(max_mb=limit)).status_code == 200
    refused = send(client_for(max_mb=round(limit - 0.01, 3)))
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    "text", ["a.jpg", "https://elsewhere.example/a.jpg", "data:image/png,abc", "data:;base64,???", ""]
)
def test_a_text_that_is_no_picture_is_none(client: TestClient, jpeg: bytes, text: str) -> None:
    assert client.post("/api/remove-bg", data={"image": text}).json()["code"] == "no_picture"
    behind = client.post("/api/remove-bg", files={"image": ("a.jpg", jpeg)}, data={"background_image": text})
    assert behind.status_code == 200 if text == "" else behind.json()["code"] == "no_background"
    if text:
        assert client.post("/api/remove-bg", data={"image": "R0lG"}).json()["code"] == "not_a_picture"


@pytest.mark.parametrize(
    ("fields", "idle"),
    [
        ({"background_color": "red", "feather": "1"}, "background_color"),
        ({"shadow_blur": "3", "shadow": "contact", "quality": "80"}, "shadow_blur, quality"),
        ({"preset": "sticker", "shadow": "none"}, None),
        ({"format": "jpeg", "background_color": "red", "quality": "80"}, None),
    ],
)
def test_an_option_that_changes_nothing_is_told(
    client: TestClient, jpeg: bytes, fields: dict[str, str], idle: str | None
) -> None:
    headers = post(client, jpeg, **fields).headers
    assert headers.get("x-no-effect") == idle
    assert headers.get("x-warnings") == (idle and "no_effect")


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


def test_callers_wait_their_turn_while_the_queue_has_room(client: TestClient, jpeg: bytes) -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: post(client, jpeg), range(4)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1


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
    assert set(form["properties"]) == {"image", "background_image", "marks", "trimap", "preset", *Options.model_fields}
    assert form["properties"]["feather"]["maximum"] == 50
    about = schema["paths"]["/api/remove-bg"]["post"]
    assert {each["name"] for each in about["parameters"]} == {"preset", *Options.model_fields}
    assert all(each["in"] == "query" for each in about["parameters"])
    assert set(about["responses"]["200"]["headers"]) >= {"X-Warnings", "X-No-Effect", "X-Enlarged", "X-Subject-Fill"}
    text = about["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"]["image"]
    assert "base64" in text["description"] and "30 MB" in text["description"]


def test_how_far_a_small_photo_was_enlarged_is_told(client: TestClient, jpeg: bytes) -> None:
    headers = post(client, jpeg, canvas="900x900").headers
    assert headers["x-warnings"] == "subject_enlarged" and 1 < float(headers["x-enlarged"]) < 3
    headers = post(client, jpeg, canvas="5000x5000").headers
    assert (headers["x-warnings"], headers["x-enlarged"]) == ("subject_too_small", "3")
    assert "x-enlarged" not in post(client, jpeg, canvas="300x300").headers


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


def test_a_broken_background_picture_is_refused_by_its_name(client: TestClient, jpeg: bytes) -> None:
    files = {"image": ("photo.jpg", jpeg), "background_image": ("wall.png", b"dear diary")}
    answer = client.post("/api/remove-bg", files=files, data={"background": "image"})
    assert answer.status_code == 415 and "“wall.png” is not a picture" in answer.json()["sentence"]


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


def test_of_an_id_photo_the_answer_tells_how_high_the_head_and_the_eyes_are(client: TestClient) -> None:
    me = {"image": ("me.png", encoded(photo("astronaut")))}
    told = client.post("/api/remove-bg", files=me, data={"canvas": "id-us"}).headers
    assert 50 <= int(told["X-Head-Height"]) <= 69 and 56 <= int(told["X-Eyes-Height"]) <= 69
    assert "X-Head-Height" not in client.post("/api/remove-bg", files=me, data={"canvas": "amazon"}).headers
