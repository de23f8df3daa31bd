"""A prediction is found again by the photo's file, without its pixels being fed; and by the network's input."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.base.jobs import Job
from pipeline.cutout import InputFiles, Result, cut_out_file
from pipeline.inference.networks import saliency
from pipeline.inference.predict import predict
from pipeline.inference.runtime import Runtime
from pipeline.options.options import Options
from pipeline.pixels.image_io import Photo, decode
from pipeline.registry.cards import Card
from tests import house
from tests.networks import network
from tests.pictures import composite, encoded

FINDS = {
    name: network(
        f"net (float[1, 3, 8, 8] x) => (float[1, 1, 8, 8] y) <float[1, 3, 1, 1] k = {colours}> {{ y = Conv(x, k) }}"
    )
    for name, colours in (("reds", "{1, 0, 0}"), ("greens", "{0, 1, 0}"))
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARCUT_CACHE_DIR", str(tmp_path / "kept"))


@pytest.fixture
def fed(enter: Callable[..., Card], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the networks that a photo was fed to, of two that there are."""
    for name, content in FINDS.items():
        enter(name, content, kind="anime", feed={"size": [8, 8]})
    names: list[str] = []
    feed = saliency.feed
    monkeypatch.setattr(saliency, "feed", lambda rgb, card: (names.append(card.name), feed(rgb, card))[1])
    return names


def png(level: int = 6) -> bytes:
    return encoded(composite(64, 48).rgb, compress_level=level)


def cut(data: bytes, **options: object) -> Result:
    """By a program that has just started."""
    return cut_out_file(InputFiles(data), Options.of(**{"model": "reds", **options}), Runtime(house.settings()))


def test_the_same_file_is_not_fed_again_whatever_the_options_are(fed: list[str]) -> None:
    first = cut(png())
    again = cut(png())
    assert fed == ["reds"] and not again.cutout.fresh and again.data == first.data
    assert not cut(png(), feather=2, background="color").cutout.fresh and fed == ["reds"]


def test_another_model_has_to_see_it(fed: list[str]) -> None:
    cut(png())
    assert cut(png(), model="greens").cutout.fresh
    assert fed == ["reds", "greens"]


def test_the_same_pixels_from_another_file_are_fed_once_and_no_network_runs(fed: list[str]) -> None:
    cut(png())
    other = cut(png(level=1))
    assert fed == ["reds", "reds"] and not other.cutout.fresh
    cut(png(level=1))
    assert fed == ["reds", "reds"]


def test_pixels_without_a_file_are_known_by_themselves(fed: list[str]) -> None:
    pixels, runtime = composite(64, 48).rgb.copy(), Runtime(house.settings())
    for _ in range(2):
        predict(Photo(pixels), "reds", runtime, Job())
    assert fed == ["reds"]
    pixels[:20] = 255
    predict(Photo(pixels), "reds", runtime, Job())
    assert fed == ["reds", "reds"]


def test_a_photo_that_was_changed_is_not_taken_for_its_file() -> None:
    photo = decode(encoded(composite(64, 48).rgb, "JPEG"))
    assert photo.file and not photo.shrink_to(32).file
    with pytest.raises(ValueError, match="read-only"):
        photo.rgb[0] = 0


def test_what_was_forgotten_is_not_found(fed: list[str]) -> None:
    cut(png())
    Runtime(house.settings()).forget()
    assert cut(png()).cutout.fresh and fed == ["reds", "reds"]
