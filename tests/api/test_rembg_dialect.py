"""Programs that are written for ``rembg s``: the same calls, the same kinds of answers."""

import io
from collections.abc import Callable

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from starlette.testclient import TestClient

from pipeline import cut_out_bytes
from tests.pictures import opened


def remove(client: TestClient, data: bytes | None, **fields: str) -> httpx.Response:
    return client.post("/api/remove", files={"file": ("a.jpg", data)} if data is not None else {}, data=fields)


def test_a_file_comes_back_as_a_transparent_png(client: TestClient, jpeg: bytes) -> None:
    answer = remove(client, jpeg)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.content == cut_out_bytes(jpeg, model="u2netp")


def test_a_small_program_as_people_write_it_works_by_changing_the_port(live: httpx.Client, jpeg: bytes) -> None:
    def remove_background(picture: io.BytesIO) -> Image.Image:
        answer = httpx.post(
            f"{live.base_url}/api/remove",
            files={"file": picture},
            data={"model": "u2netp", "a": "true", "af": "240", "ab": "10", "ae": "10", "ppm": "false"},
            timeout=60,
        )
        answer.raise_for_status()
        return Image.open(io.BytesIO(answer.content))

    found = remove_background(io.BytesIO(jpeg))
    assert found.mode == "RGBA" and found.size == (640, 480)


def test_each_field_has_its_effect(client: TestClient, jpeg: bytes) -> None:
    plain = opened(remove(client, jpeg).content)
    matte = opened(remove(client, jpeg, om="true").content)
    assert matte.ndim == 2 and np.array_equal(matte, plain[..., 3])
    white = opened(client.post("/api/remove?bgc=255,255,255,255", files={"file": jpeg}).content)
    assert white.shape[2] == 3 and white[0, 0].tolist() == [255, 255, 255]
    assert remove(client, jpeg, bgc="0,0,0,0").content == remove(client, jpeg).content
    assert remove(client, jpeg, a="true", ae="15").content == cut_out_bytes(
        jpeg, model="u2netp", refine="trimap", trimap_band=15
    )
    hard = opened(remove(client, jpeg, ppm="true").content)[..., 3]
    assert np.mean((hard > 20) & (hard < 235)) < np.mean((plain[..., 3] > 20) & (plain[..., 3] < 235))


def test_extras_that_are_options_count_and_files_and_keys_never_do(client: TestClient, jpeg: bytes) -> None:
    given = (
        '{"feather": 3, "model_path": "/etc/passwd", "api_key": "x", "format": "jpeg", "model": "isnet-general-use"}'
    )
    answer = remove(client, jpeg, extras=given)
    assert answer.content == cut_out_bytes(jpeg, model="u2netp", feather=3)
    assert remove(client, jpeg, extras="no json").content == remove(client, jpeg).content


def test_rembgs_names_of_models_are_known(client: TestClient, jpeg: bytes) -> None:
    names = ("u2net", "silueta", "isnet-anime", "birefnet-general-fp16", "birefnet-portrait", "bria-rmbg", "withoutbg")
    for name in names:
        answer = remove(client, jpeg, model=name)
        assert answer.status_code in (200, 409, 502), (name, answer.text)  # here, or not on this machine
    assert remove(client, jpeg, model="u2netp").headers["x-model"] == "u2netp"


@pytest.mark.parametrize(
    ("fields", "status", "place"),
    [
        ({"model": "nonsense"}, 422, ["body", "model"]),
        ({"af": "256"}, 422, ["body", "af"]),
        ({"a": "perhaps"}, 422, ["body", "a"]),
        ({"bgc": "red"}, 422, ["body", "bgc"]),
    ],
)
def test_a_wrong_field_is_told_with_its_place(
    client: TestClient, jpeg: bytes, fields: dict, status: int, place: list[str]
) -> None:
    answer = remove(client, jpeg, **fields)
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (status, place)


def test_no_file_and_a_wrong_file_are_told(client: TestClient) -> None:
    missing = remove(client, None)
    assert missing.status_code == 422
    assert missing.json()["detail"][0]["type"] == "missing" and missing.json()["detail"][0]["loc"] == ["body", "file"]
    assert client.get("/api/remove").status_code == 422
    wrong = remove(client, b"no picture")
    assert wrong.status_code == 415 and isinstance(wrong.json()["detail"], str)
    assert remove(client, b"").status_code == 422


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(["model", "a", "af", "ae", "om", "bgc", "extras", "x"]), st.text(max_size=20)))
def test_no_value_of_a_field_is_an_error_of_the_server(
    client_for: Callable[..., TestClient], jpeg: bytes, fields: dict[str, str]
) -> None:
    assert remove(client_for(), jpeg, **fields).status_code < 500
