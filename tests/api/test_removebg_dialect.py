"""Clients of remove.bg: the same requests, answers and errors; two of them from their registries, unmodified."""

import base64
import io
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from starlette.testclient import TestClient

from pipeline import cut_out_bytes
from server.compat.removebg import read_region
from tests.pictures import encoded, opened
from tests.process import serving

NAME = "remove.bg@1.3.0"
CODED = (
    "type",
    "format",
    "channels",
    "size",
    "roi",
    "crop_margin",
    "bg_color",
    "scale",
    "position",
    "shadow_opacity",
    "semitransparency",
)


def remove(client: TestClient, data: bytes | None, accept: str = "*/*", **fields: str) -> httpx.Response:
    files = {"image_file": ("a.jpg", data)} if data is not None else {}
    return client.post("/v1.0/removebg", files=files, data=fields, headers={"Accept": accept, "X-Api-Key": "any"})


def code(answer: httpx.Response) -> str:
    assert answer.status_code in (400, 403, 429), answer.text
    return answer.json()["errors"][0]["code"]


def test_a_file_a_text_and_json_give_the_same(client: TestClient, jpeg: bytes) -> None:
    ours = cut_out_bytes(jpeg, model="u2netp")
    text = base64.b64encode(jpeg).decode()
    assert remove(client, jpeg, size="auto").content == ours
    assert client.post("/v1.0/removebg", data={"image_file_b64": text}).content == ours
    assert client.post("/v1.0/removebg", json={"image_file_b64": text, "crop": False}).content == ours
    answer = remove(client, jpeg, accept="application/json")
    assert base64.b64decode(answer.json()["data"]["result_b64"]) == ours


def test_the_headers_tell_size_type_and_that_nothing_is_charged(client: TestClient, jpeg: bytes) -> None:
    answer = remove(client, jpeg, size="preview")
    width, height = int(answer.headers["x-width"]), int(answer.headers["x-height"])
    assert opened(answer.content).shape[:2] == (height, width) and 0.2e6 < width * height <= 0.25e6
    assert (answer.headers["x-type"], answer.headers["x-credits-charged"]) == ("other", "0")
    assert remove(client, jpeg, type="person").headers["x-type"] == "person"
    assert "x-type" not in remove(client, jpeg, type_level="none").headers


def test_each_parameter_has_its_effect(client: TestClient, jpeg: bytes) -> None:
    plain = opened(remove(client, jpeg).content)
    assert np.array_equal(opened(remove(client, jpeg, channels="alpha").content), plain[..., 3])
    blue = remove(client, jpeg, bg_color="81d4fa")
    assert blue.headers["content-type"] == "image/jpeg"
    assert np.abs(opened(blue.content)[0, 0].astype(int) - (0x81, 0xD4, 0xFA)).max() <= 3
    assert opened(remove(client, jpeg, bg_color="green", format="png").content)[0, 0].tolist() == [0, 128, 0]
    assert remove(client, jpeg, bg_color="81d4fa00").content == remove(client, jpeg).content
    cropped = remove(client, jpeg, crop="true", crop_margin="10%").content
    assert cropped == cut_out_bytes(jpeg, model="u2netp", crop=True, margin=10)
    shaded = opened(remove(client, jpeg, add_shadow="true", shadow_type="drop", shadow_opacity="80").content)
    assert shaded[..., 3].sum() > plain[..., 3].sum()
    assert remove(client, jpeg, semitransparency="false").content == cut_out_bytes(
        jpeg, model="u2netp", interior="solid"
    )


def test_a_picture_stands_behind_the_subject(client: TestClient, jpeg: bytes) -> None:
    wall = encoded(np.full((48, 64, 3), (200, 30, 90), np.uint8))
    files = {"image_file": jpeg, "bg_image_file": wall}
    found = opened(client.post("/v1.0/removebg", files=files, data={"format": "png"}).content)
    assert found[0, 0].tolist() == [200, 30, 90]
    both = client.post("/v1.0/removebg", files=files, data={"bg_color": "fff"})
    assert code(both) == "multiple_sources"


def test_a_zip_holds_colour_and_alpha(client: TestClient, jpeg: bytes) -> None:
    answer = remove(client, jpeg, format="zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["color.jpg", "alpha.png"]
        assert Image.open(archive.open("alpha.png")).size == (640, 480)
    with zipfile.ZipFile(io.BytesIO(remove(client, jpeg, format="zip", size="preview").content)) as archive:
        sizes = {Image.open(archive.open(name)).size for name in archive.namelist()}
        assert len(sizes) == 1 and sizes != {(640, 480)}


def test_nothing_outside_of_the_region_of_interest_is_left(client: TestClient, jpeg: bytes) -> None:
    whole = opened(remove(client, jpeg).content)[..., 3]
    for roi in ("0% 0% 60% 100%", "0px 0px 384px 480px"):
        found = opened(remove(client, jpeg, roi=roi).content)[..., 3]
        assert found.shape == whole.shape and not found[:, 384:].any()
        assert found[:, :384].sum() > 0.5 * whole[:, :384].sum()
    assert remove(client, jpeg, roi="0% 0% 100% 100%").content == remove(client, jpeg).content


def test_the_subject_is_scaled_and_placed(client: TestClient, jpeg: bytes) -> None:
    def box(**fields: str) -> tuple[float, ...]:
        alpha = opened(remove(client, jpeg, **fields).content)[..., 3] > 60
        rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
        return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1

    plain, scaled = box(), box(scale="50%")
    assert max((scaled[2] - scaled[0]) / 640, (scaled[3] - scaled[1]) / 480) == pytest.approx(0.5, abs=0.02)
    assert (scaled[0] + scaled[2]) / 2 == pytest.approx(320, abs=3)
    cornered = box(position="0% 100%")
    assert cornered[0] <= 3 and cornered[3] >= 477
    assert cornered[2] - cornered[0] == pytest.approx(plain[2] - plain[0], abs=3)
    assert box(scale="original", position="original") == plain
    kept = box(scale="50%", position="original")
    assert (kept[1] + kept[3]) / 2 == pytest.approx((plain[1] + plain[3]) / 2, abs=4)


@pytest.mark.parametrize(
    ("margin", "expected"),
    [("20px", (20, 20, 20, 20)), ("10px 30px", (10, 30, 10, 30)), ("0 40px 50% 7px", (0, 40, 0.5, 7))],
)
def test_a_crop_leaves_the_margin_that_was_asked_for_on_each_side(
    client: TestClient, jpeg: bytes, margin: str, expected: tuple[float, ...]
) -> None:
    bare = opened(remove(client, jpeg, crop="true").content)
    alpha = opened(remove(client, jpeg, crop="true", crop_margin=margin).content)[..., 3] > 12
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    found = rows[0], alpha.shape[1] - 1 - columns[-1], alpha.shape[0] - 1 - rows[-1], columns[0]
    wanted = [part if part >= 1 or not part else part * bare.shape[0] for part in expected]
    assert found == pytest.approx(wanted, abs=1.5)
    for wrong in ("1px 1px 1px", "1px 1px 1px 1px 1px", "501px", "51%", "-1px"):
        assert code(remove(client, jpeg, crop="true", crop_margin=wrong)) == "invalid_crop_margin"


def test_a_text_may_hold_as_large_a_picture_as_a_file(client_for: Callable[..., TestClient], jpeg: bytes) -> None:
    largest = jpeg + b"\0" * (300_000 - len(jpeg))
    client, text = client_for(max_mb=0.3), base64.encodebytes(largest).decode()
    assert client.post("/v1.0/removebg", json={"image_file_b64": text}).status_code == 200
    assert client.post("/v1.0/removebg", data={"image_file_b64": text}).status_code == 200
    assert client.post("/api/remove-bg", data={"image": text}).status_code == 200
    over = base64.b64encode(largest + b"\0").decode()
    assert code(client.post("/v1.0/removebg", json={"image_file_b64": over})) == "file_too_large"


def test_errors_have_remove_bgs_codes(client: TestClient, client_for: Callable[..., TestClient], jpeg: bytes) -> None:
    assert code(remove(client, None)) == "missing_source"
    assert code(remove(client, b"no picture")) == "invalid_file_type"
    assert code(remove(client, jpeg[: len(jpeg) // 4])) == "failed_to_read_image"
    text = base64.b64encode(jpeg).decode()
    assert code(remove(client, jpeg, image_file_b64=text)) == "multiple_sources"
    for name in CODED:
        assert code(remove(client, jpeg, **{name: "nonsense", "crop": "true"})) == f"invalid_{name}"
    assert code(remove(client, jpeg, roi="0px 0px 641px 480px")) == "invalid_roi"
    assert code(remove(client, encoded(np.full((64, 64, 3), 255, np.uint8)))) == "unknown_foreground"
    assert code(client.post("/v1.0/removebg", content=b"{", headers={"Content-Type": "application/json"}))
    assert code(remove(client_for(max_mb=0.01), jpeg)) == "file_too_large"
    assert code(remove(client_for(max_megapixels=0.1), jpeg)) == "resolution_too_high"


def test_a_password_is_asked_for_and_may_come_as_the_key(client_for: Callable[..., TestClient], jpeg: bytes) -> None:
    client = client_for(auth="shop:secret")
    account = "/v1.0/account"
    assert client.get(account).status_code == 403 and code(client.get(account)) == "auth_failed"
    assert client.get(account, headers={"X-Api-Key": "shop:wrong"}).status_code == 403
    answer = client.get(account, headers={"X-Api-Key": "shop:secret"})
    assert answer.json()["data"]["attributes"]["credits"]["total"] == 0


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from([*CODED, "crop", "add_shadow", "image_file_b64", "x"]), st.text(max_size=20)))
def test_no_value_of_a_parameter_is_an_error_of_the_server(
    client_for: Callable[..., TestClient], jpeg: bytes, fields: dict[str, str]
) -> None:
    assert remove(client_for(), jpeg, **fields).status_code < 500
    assert client_for().post("/v1.0/removebg", json=fields).status_code < 500


def test_a_region_is_read_in_pixels_and_percent() -> None:
    class Given:
        def text(self, name: str) -> str:
            return "10% 20px 300px 100%"

    locate = read_region(Given())  # type: ignore[arg-type]
    assert locate is not None and locate((400, 200)) == (0.1, 0.1, 0.75, 1.0)


def test_the_client_from_pypi_works(live: httpx.Client, jpeg: bytes, tmp_path: Path) -> None:
    removebg = pytest.importorskip("removebg.removebg", reason="the package removebg is not installed")
    before, removebg.API_ENDPOINT = removebg.API_ENDPOINT, f"{live.base_url}/v1.0/removebg"
    try:
        client = removebg.RemoveBg("any key", str(tmp_path / "errors.log"))
        (tmp_path / "a.jpg").write_bytes(jpeg)
        client.remove_background_from_img_file(str(tmp_path / "a.jpg"), size="4k", bg_color=None)
        assert (tmp_path / "a.jpg_no_bg.png").read_bytes() == cut_out_bytes(jpeg, model="u2netp")
        text = base64.b64encode(jpeg).decode()
        client.remove_background_from_base64_img(text, "regular", str(tmp_path / "b.png"), "81d4fa")
        assert opened((tmp_path / "b.png").read_bytes()).shape[2] == 3
    finally:
        removebg.API_ENDPOINT = before


@pytest.fixture(scope="session")
def from_npm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the client from npm."""
    if not shutil.which("npm"):
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("npm")
    command = ["npm", "install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error", NAME]
    if subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False).returncode:
        pytest.skip(f"{NAME} cannot be fetched")
    return folder


# Stands in for the name service and the certificate of api.remove.bg: its requests come here. The client is as it was.
REDIRECT = """
const http = require("http"), https = require("https");
const [host, port] = process.env.HERE.split(":");
const here = { agent: undefined, protocol: "http:", host, hostname: host, port };
https.request = (options, heard) => http.request({ ...options, ...here }, heard);
"""
PROGRAM = """
const client = require("remove.bg");
const base64img = require("fs").readFileSync("a.jpg", "base64");
const given = { apiKey: "any key", size: "auto", outputFile: "file.png", path: "a.jpg" };
client.removeBackgroundFromImageFile(given)
  .then((result) => console.log(result.detectedType, result.resultWidth, result.creditsCharged))
  .then(() => client.removeBackgroundFromImageBase64({ ...given, outputFile: "text.png", base64img }))
  .then(() => client.removeBackgroundFromImageBase64({ ...given, base64img: "AAAA" }))
  .catch((errors) => console.log(errors[0].code));
"""


def test_the_client_from_npm_works(from_npm: Path, jpeg: bytes, u2netp: Path) -> None:
    (from_npm / "a.jpg").write_bytes(jpeg)
    (from_npm / "redirect.cjs").write_text(REDIRECT)
    (from_npm / "program.cjs").write_text(PROGRAM)
    command = ["node", "--no-deprecation", "--require", "./redirect.cjs", "program.cjs"]
    with serving("--allowed-host", "api.remove.bg") as process:
        environment = os.environ | {"HERE": process.address.partition("://")[2]}
        done = subprocess.run(command, cwd=from_npm, env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["other", "640", "0", "invalid_file_type"], done.stderr
    ours = cut_out_bytes(jpeg, model="u2netp")
    assert (from_npm / "file.png").read_bytes() == (from_npm / "text.png").read_bytes() == ours
