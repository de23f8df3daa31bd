"""What the page keeps: views at once, the full size when asked for, nothing for longer than it should."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from pipeline import ClearcutError, Draft, Job, Options, cut_out_bytes
from tests import house
from tests.pictures import composite, encoded, opened
from ui.photo import list_classes
from ui.photo_work import PhotoWork
from ui.results import MOST_A_VISITOR, Beside, Kept, Results
from ui.settings import PageSettings


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "uploads" / "Bag.jpg"
    file.parent.mkdir()
    file.write_bytes(encoded(composite(2000, 1500).rgb, "JPEG"))
    return file


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Results:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return Results(house.runtime(), 60, tmp_path / "uploads")


def keep(results: Results, source: Path, name: str = "Bag.jpg") -> Kept:
    view = Draft(name, 800, house.runtime()).cut_out(source.read_bytes(), Options(feather=4))
    return results.keep("visitor", source, name, Options(feather=4), view)


def test_the_view_is_small_and_the_download_is_the_full_size(results: Results, source: Path, u2netp: Path) -> None:
    kept = keep(results, source)
    assert opened(kept.path("after.png").read_bytes()).shape == (600, 800, 4)
    results.render(kept, kept.download).result()
    assert kept.path("Bag_cutout.png").read_bytes() == cut_out_bytes(source.read_bytes(), feather=4)


def test_the_full_size_is_made_once(results: Results, source: Path, u2netp: Path) -> None:
    kept = keep(results, source)
    assert results.render(kept, kept.download) is results.render(kept, kept.download)
    results.render(kept, kept.download).result()
    first = kept.path(kept.download).stat().st_mtime_ns
    results.render(kept, kept.download).result()
    assert kept.path(kept.download).stat().st_mtime_ns == first


def test_a_full_queue_turns_a_download_away_and_the_next_try_works(
    results: Results, source: Path, u2netp: Path
) -> None:
    kept = keep(results, source)
    with house.runtime().slots.hold(Job()), pytest.raises(ClearcutError, match="busy"):
        results.render(kept, kept.download, most_ahead=0).result()
    results.render(kept, kept.download, most_ahead=0).result()
    assert kept.path(kept.download).exists()


def test_the_full_size_survives_the_upload(results: Results, source: Path, u2netp: Path) -> None:
    kept = keep(results, source)
    source.unlink()
    results.render(kept, kept.download).result()
    assert kept.path(kept.download).exists()


@pytest.mark.parametrize("name", ["source", "full-png", "behind", "../after.png", "", "other.png"])
def test_nothing_else_of_a_results_folder_is_handed_out(
    results: Results, source: Path, u2netp: Path, name: str
) -> None:
    with pytest.raises(ClearcutError, match="expired"):
        results.get(keep(results, source).key, name)


def test_a_close_up_is_the_full_size_as_a_png_whatever_the_download_is(
    results: Results, source: Path, u2netp: Path
) -> None:
    options = Options(format="webp")
    view = Draft("Bag.jpg", 800, house.runtime()).cut_out(source.read_bytes(), options)
    kept = results.keep("visitor", source, "Bag.jpg", options, view)
    for name in (kept.download, Results.CLOSE):
        results.render(kept, name).result()
    assert kept.download == "Bag_cutout.webp" and kept.path(kept.download).read_bytes()[8:12] == b"WEBP"
    assert kept.path(Results.CLOSE).read_bytes() == cut_out_bytes(source.read_bytes())


@pytest.mark.parametrize(
    ("given", "looks"),
    [
        ({"format": "matte", "background": "color", "outline": 2.0}, {"format": "matte"}),
        ({"format": "zip", "shadow": "drop"}, {}),
        ({"format": "jpeg", "background_color": "#3fa7ff"}, {"background": "color", "background_color": "#3fa7ff"}),
    ],
    ids=["the mask alone", "an archive of the subject alone", "never transparent"],
)
def test_a_close_up_shows_what_the_format_can_carry(
    results: Results, source: Path, u2netp: Path, given: dict, looks: dict
) -> None:
    options = Options(**given)
    view = Draft("Bag.jpg", 800, house.runtime()).cut_out(source.read_bytes(), options)
    kept = results.keep("visitor", source, "Bag.jpg", options, view)
    results.render(kept, Results.CLOSE).result()
    assert kept.path(Results.CLOSE).read_bytes() == cut_out_bytes(source.read_bytes(), **looks)


def test_a_background_picture_survives_its_upload(results: Results, source: Path, u2netp: Path) -> None:
    behind = source.with_name("wall.png")
    behind.write_bytes(encoded(np.full((30, 40, 3), 90, np.uint8)))
    options = Options(background="image")
    view = Draft("Bag.jpg", 800, house.runtime()).cut_out(source.read_bytes(), options, behind.read_bytes())
    kept = results.keep("visitor", source, "Bag.jpg", options, view, Beside(behind))
    behind.unlink()
    results.render(kept, kept.download).result()
    assert (opened(kept.path(kept.download).read_bytes())[0, 0] == 90).all()


def test_a_trimap_survives_its_upload_and_is_seen_as_large_as_the_view(results: Results, source: Path) -> None:
    given = source.with_name("trimap.png")
    levels = np.full((300, 400, 3), 128, np.uint8)
    levels[:40], levels[100:200, 100:300] = 0, 255
    given.write_bytes(encoded(levels))
    data, options = source.read_bytes(), Options()
    view = Draft("Bag.jpg", 800, house.runtime()).cut_out(data, options, trimap=given.read_bytes())
    kept = results.keep("visitor", source, "Bag.jpg", options, view, Beside(trimap=given))
    assert kept.path(Results.TINT).stat().st_size and Results.TINT in kept.views
    assert set(np.unique(opened(kept.path(Results.TINT).read_bytes()))) == {0, 128, 255}
    ours = cut_out_bytes(data, trimap=given.read_bytes())
    given.unlink()
    for name in (kept.download, Results.TRIMAP):
        results.render(kept, name).result()
    assert kept.path(kept.download).read_bytes() == ours
    assert np.array_equal(opened(kept.path(Results.TRIMAP).read_bytes()), levels[..., 0])


def test_without_a_trimap_one_is_made_when_somebody_asks(results: Results, source: Path, u2netp: Path) -> None:
    kept = keep(results, source)
    assert Results.TINT not in kept.views and not kept.path(Results.TRIMAP).exists()
    results.render(kept, Results.TRIMAP).result()
    made = opened(kept.path(Results.TRIMAP).read_bytes())
    assert made.shape == (1500, 2000) and set(np.unique(made)) == {0, 128, 255}


def test_only_the_newest_results_of_a_visitor_are_kept(results: Results, source: Path, u2netp: Path) -> None:
    first, other = keep(results, source), None
    view = Draft("Bag.jpg", 100, house.runtime()).cut_out(source.read_bytes(), Options())
    other = results.keep("another visitor", source, "Bag.jpg", Options(), view)
    for _ in range(MOST_A_VISITOR):
        last = results.keep("visitor", source, "Bag.jpg", Options(), view)
    assert not first.folder.exists() and other.folder.exists() and last.folder.exists()
    with pytest.raises(ClearcutError, match="expired"):
        results.source(first.key)


def test_what_is_old_is_swept_and_what_is_young_stays(results: Results, source: Path, u2netp: Path) -> None:
    young = keep(results, source)
    results.seconds = 0
    old = keep(results, source)
    results.seconds = 60
    forgotten = source.with_name("forgotten.jpg")
    forgotten.write_bytes(b"x")
    os.utime(forgotten, (time.time() - 120,) * 2)
    object.__setattr__(old, "made", old.made - 120)
    results.sweep()
    assert young.folder.exists() and source.exists()
    assert not old.folder.exists() and not forgotten.exists()
    with pytest.raises(ClearcutError, match="expired"):
        results.get(old.key, "after.png")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), FileNotFoundError(2, "gone")])
def test_what_cannot_be_kept_leaves_nothing_behind(
    error: OSError, results: Results, source: Path, u2netp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("ui.results._link", fail)
    with pytest.raises((ClearcutError, OSError)) as caught:
        keep(results, source)
    assert not list(tmp_path.glob("result-*"))
    assert isinstance(caught.value, ClearcutError) is isinstance(error, FileNotFoundError)


def test_photos_that_nobody_looks_at_are_let_go_with_the_results(results: Results, source: Path) -> None:
    work = PhotoWork(PageSettings("u2netp", 10, 10, 4, 1, may_fetch=False), house.runtime(), results)
    draft = work._draft(b"a photo", "a.jpg")
    results.sweep()
    assert work._draft(b"a photo", "a.jpg") is draft
    results.seconds = 0
    results.sweep()
    assert work._draft(b"a photo", "a.jpg") is not draft


def test_a_forgotten_upload_goes_at_once_or_when_no_result_rests_on_it_any_more(
    results: Results, source: Path, u2netp: Path
) -> None:
    work = PhotoWork(PageSettings("u2netp", 10, 10, 4, 1, may_fetch=False), house.runtime(), results)
    alone = source.with_name("alone.jpg")
    alone.write_bytes(source.read_bytes())
    view = Draft("Bag.jpg", 100, house.runtime()).cut_out(source.read_bytes(), Options())
    of_another = results.keep("another visitor", source, "Bag.jpg", Options(), view)
    work.forget("visitor", [source, alone])
    assert source.exists() and not alone.exists()
    results.drop(of_another.key)
    results.sweep()
    assert not source.exists()


def test_of_another_model_the_classes_that_both_know_stay_chosen() -> None:
    told = list_classes(house.runtime(), "deeplabv3", "en", ["person", "unheard-of"])
    assert told["value"] == ["person"] and ("Person", "person") in told["choices"]
    assert list_classes(house.runtime(), "u2netp", "en", ["person"])["value"] == []
