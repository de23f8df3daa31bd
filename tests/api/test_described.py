"""What OpenAPI says of every operation is what the app answers, whatever it is sent; tried by schemathesis."""

import base64
import os
import re
import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi import checks as of_openapi

from pipeline import Clip
from server.app import ServedApp, create_app
from server.settings import ServerSettings
from server.visitors_video import VisitorsVideo
from tests.fuzz import EXAMPLES
from tests.pictures import composite, encoded

CHECKS = [
    checks.not_a_server_error,
    of_openapi.status_code_conformance,
    of_openapi.content_type_conformance,
    of_openapi.response_headers_conformance,
    of_openapi.response_schema_conformance,
]
MOST = 3  # fields beside pictures and model, so that a request may be one that is obeyed
SMALL = composite(32, 24).rgb
PICTURES = [encoded(SMALL), encoded(SMALL, "JPEG"), encoded(np.zeros((1, 1, 3), np.uint8)), encoded(SMALL)[:90]]
CLIP = encoded(Image.fromarray(SMALL), "GIF", save_all=True, append_images=[Image.fromarray(SMALL[::-1])])
schemathesis.openapi.format("binary", st.sampled_from(PICTURES) | st.binary(max_size=60))


@pytest.fixture(scope="module")
def whole(u2netp: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApp]:
    """An app whose models and batches may all be deleted."""
    folder = tmp_path_factory.mktemp("described")
    (folder / "models").mkdir()
    shutil.copyfile(u2netp, folder / "models" / u2netp.name)
    folders = {"models_dir": folder / "models", "batches_dir": folder / "batches"}
    facts = {"allowed_host": "testserver", "offline": True, "workers": 1}
    app = create_app(ServerSettings.read(os.environ, **folders, **facts))
    yield app
    app.batches.stop()
    app.videos.stop()


@pytest.fixture(scope="module")
def operations(whole: ServedApp) -> list[schemathesis.APIOperation]:
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", whole.app)
    return [each.ok() for each in schema.get_all_operations()]


PARTS = [
    "/api/remove-bg$",
    "/api/remove$",
    "/v1.0/",
    "/api/models",
    "/api/batches$",
    "/api/batches/",
    "/api/videos",
    "/api/cache|/healthz",
]


@pytest.mark.parametrize("part", PARTS)
def test_every_answer_is_one_that_is_described(
    part: str, operations: list[schemathesis.APIOperation], whole: ServedApp
) -> None:
    chosen = [each for each in operations if re.match(part, each.path)]
    assert chosen
    for operation in chosen:

        @settings(max_examples=EXAMPLES, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(operation.as_strategy() | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE), st.booleans())
        def ask(case: schemathesis.Case, known: bool) -> None:
            if known:
                name_what_is_there(case, whole)
            case.call_and_validate(checks=CHECKS)

        ask()


def name_what_is_there(case: schemathesis.Case, app: ServedApp) -> None:
    """Let a request ask for a batch, a model and pictures that exist, whatever else it says."""
    if "id" in case.path_parameters and not case.path.endswith("/events"):  # which never ends
        number = {"number": 1} if "number" in case.path_parameters else {}
        case.path_parameters |= {"id": begin_video(app) if "/videos/" in case.path else begin_batch(app)} | number
    elif "name" in case.path_parameters:
        case.path_parameters |= {"name": "isnet-general-use"}
    if isinstance(case.body, dict) and not re.search("/(batches|videos)/", case.path):
        texts = {"image_file_b64": base64.b64encode(PICTURES[0]).decode()}
        pictures = {"image": PICTURES[0], "file": PICTURES[0], "image_file": PICTURES[0]}
        pictures |= {"video": CLIP, "begin": "false"}
        described = case.operation.definition.raw["requestBody"]["content"]
        fields = described[case.media_type]["schema"]["properties"]
        found = {name: value for name, value in pictures.items() if name in fields} or texts
        left_out = {"image_url", "bg_image_url", *texts, *(name for name in case.body if "color" in name)}
        case.body = dict([each for each in case.body.items() if each[0] not in left_out][:MOST]) | found
        case.query = dict(list(case.query.items())[:1])
        case.body |= {"model": "u2netp"} if "model" in fields else {}


def begin_video(app: ServedApp) -> str:
    """The id of a video that is not begun."""
    folder = app.videos.make_folder()
    (folder / "clip" / "clip.gif").write_bytes(CLIP)
    clip = Clip("clip.gif", (32, 24), Fraction(10), Fraction(1, 1000), 0.2, "gif")
    VisitorsVideo.begin(folder, clip.name, clip, {}, wanted=False)
    return folder.name


def begin_batch(app: ServedApp) -> str:
    """The id of a paused batch with one photo."""
    one = app.batches.create({}, None)
    one.paused = True
    file = one.add_file("photo.png")
    file.write_bytes(PICTURES[0])
    one.note_files([(file, "photo.png")])
    return one.id
