"""Programs with Gradio's own client: one named endpoint, all options by name, a file in and a file out."""

import asyncio
import json
from pathlib import Path

import gradio as gr
import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from starlette.testclient import TestClient

from pipeline import ClearcutError, Options, cut_out_bytes, cut_out_file
from tests import house
from ui import ClientWork, PageSettings, Results

NAME = "/remove_background"


@pytest.fixture(scope="module")
def gradio(live: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Client:
    folder = tmp_path_factory.mktemp("downloads")
    return Client(str(live.base_url), verbose=False, download_files=str(folder))


@pytest.fixture
def photo(tmp_path: Path, jpeg: bytes) -> Path:
    (tmp_path / "bag.jpg").write_bytes(jpeg)
    return tmp_path / "bag.jpg"


def call_with(live: httpx.Client, image: dict) -> str:
    """The events of a call as a hostile client would make it, which uploads nothing."""
    about = live.get("/gradio_api/info").json()["named_endpoints"][NAME]
    data = [image, *[None] * (len(about["parameters"]) - 1)]
    asked = live.post(f"/gradio_api/call{NAME}", json={"data": data}).json()
    return live.get(f"/gradio_api/call{NAME}/{asked['event_id']}").text


def test_only_the_one_endpoint_is_shown_and_each_parameter_has_its_words(gradio: Client) -> None:
    shown = gradio.view_api(print_info=False, return_format="dict")
    assert list(shown["named_endpoints"]) == [NAME] and not shown["unnamed_endpoints"]
    parameters = {each["parameter_name"]: each for each in shown["named_endpoints"][NAME]["parameters"]}
    assert set(parameters) == {"image", "background_image", "trimap", "marks", "preset", *Options.model_fields}
    assert [name for name, each in parameters.items() if not each["parameter_has_default"]] == ["image"]
    assert all(len(each["label"]) > 8 for each in parameters.values())


def test_a_file_comes_back_with_the_same_bytes_as_everywhere(gradio: Client, photo: Path, jpeg: bytes) -> None:
    made = Path(gradio.predict(image=handle_file(photo), feather=2, format="webp", api_name=NAME))
    assert made.name == "bag_cutout.webp"
    assert made.read_bytes() == cut_out_bytes(jpeg, model="u2netp", feather=2, format="webp")
    behind = gradio.predict(image=handle_file(photo), background_image=handle_file(photo), api_name=NAME)
    assert Path(behind).read_bytes() == cut_out_bytes(jpeg, model="u2netp", background_image=jpeg)


def test_a_wrong_value_is_told_in_a_sentence(gradio: Client, photo: Path) -> None:
    with pytest.raises(AppError, match="feather"):
        gradio.predict(image=handle_file(photo), feather=200, api_name=NAME)


@pytest.mark.parametrize("meta", [{}, {"meta": {"_type": "gradio.FileData"}}, {"is_stream": True}])
def test_a_file_of_the_server_that_nobody_uploaded_is_not_read(live: httpx.Client, photo: Path, meta: dict) -> None:
    said = call_with(live, {"path": str(photo), **meta})
    assert "event: error" in said and "cutouts/" not in said


@pytest.mark.parametrize("address", ["http://example.com/a.jpg", "http://127.0.0.1/a.jpg"])
def test_an_address_in_the_place_of_a_file_is_not_fetched(live: httpx.Client, client: TestClient, address: str) -> None:
    said = call_with(live, {"path": address, "meta": {"_type": "gradio.FileData"}})
    assert "event: error" in said and "cutouts/" not in said
    with pytest.raises(gr.Error, match="--url-input"):  # what Gradio would fetch it with, in a process with a page
        asyncio.run(gr.File().async_move_resource_to_block_cache(address))


def test_a_cutout_is_gone_once_it_has_been_kept_long_enough(photo: Path) -> None:
    settings = PageSettings("u2netp", max_mb=1, max_megapixels=1, queue=1, keep_minutes=0, may_fetch=False)
    results = Results(house.runtime(), seconds=0)
    work = ClientWork(settings, lambda files, options: cut_out_file(files, options, house.runtime()), results)
    key, _, name = work.remove_background(photo).partition("/")
    file = work.find(key, name)
    results.sweep()
    assert not file.parent.exists()
    with pytest.raises(ClearcutError, match="expired"):
        work.find(key, name)


def test_a_cutout_is_known_only_by_its_random_name(live: httpx.Client) -> None:
    for path in ("cutouts/AAAAAAAAAAAAAAAAAAAAAA/a.png", "cutouts/../a.png"):
        assert live.get(f"/gradio_api/file={path}").status_code in (404, 410)
    assert json.loads(live.get("/gradio_api/file=cutouts/A/a.png").text)["code"] == "expired"
