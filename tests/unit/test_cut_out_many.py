"""``cut_out_many``: photos through worker processes, from Python."""

from pathlib import Path

import pytest

from pipeline import cut_out_bytes, cut_out_many
from pipeline.base.errors import ClearcutError
from tests import house
from tests.pictures import composite, encoded


def test_many_photos_come_back_with_the_bytes_of_single_ones_and_errors_of_their_own(
    tmp_path: Path, u2netp: Path
) -> None:
    photos = {tmp_path / f"{at}.png": encoded(composite(96, 72, seed=at).rgb) for at in range(3)}
    for path, data in photos.items():
        path.write_bytes(data)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    given = [*photos, tmp_path / "bad.png", tmp_path / "missing.png"]
    results = {each.path: each for each in cut_out_many(given, settings=house.settings(), workers=1, feather=2)}
    assert {path: results[path].data for path in photos} == {
        path: cut_out_bytes(data, feather=2) for path, data in photos.items()
    }
    assert all(results[path].facts["coverage"] > 0.1 for path in photos)
    errors = {path.name: error.code for path in given if (error := results[path].error)}
    assert errors == {"bad.png": "not_a_picture", "missing.png": "file_missing"}


def test_what_is_asked_for_wrongly_is_told_before_a_worker_starts() -> None:
    with pytest.raises(ClearcutError, match="bad_option"):
        next(cut_out_many([], settings=house.settings(), feather="soft"))
