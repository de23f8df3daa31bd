"""Wide photos are seen in parts, small subjects a second time; everything else once."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from pipeline import ClearcutError, Draft, InputFiles, Job, Options, Photo, cut_out_file
from pipeline.cutout import cut_out
from pipeline.inference.looks import find_surroundings, list_parts, look_again
from pipeline.inference.networks.feeding import WHOLE, Region
from pipeline.inference.predict import predict
from pipeline.inference.sessions import Session
from pipeline.inputs import Inputs
from pipeline.registry.cards import Card
from tests import house
from tests.networks import REMEMBERS_RED, network
from tests.pictures import Composite, composite, encoded, iou, off, opened


def beside(*composites: Composite) -> Composite:
    """Composites of one height side by side, in one picture."""
    planes = zip(*((each.rgb, each.alpha, each.subject, each.background) for each in composites), strict=True)
    return Composite(*(np.hstack(plane) for plane in planes))


def wall(width: int, height: int) -> Composite:
    """The wall of `composite` without its ball."""
    empty = composite(width, height)
    return Composite(empty.background, np.zeros_like(empty.alpha), empty.subject, empty.background)


def far_away() -> Composite:
    """A ball in the lower left of a wall, a fortieth of it."""
    around, ball = wall(1200, 800), composite(260, 260, 2)
    rgb, alpha, there = around.rgb.copy(), around.alpha, (slice(480, 740), slice(100, 360))
    share = ball.alpha[..., None] / 255
    rgb[there], alpha[there] = share * ball.subject + (1 - share) * rgb[there], ball.alpha
    return replace(around, rgb=rgb)


SAYS_RED = network(
    "net (float[1, 3, h, w] x) => (float[1, 1, h, w] y) <float[1, 3, 1, 1] red = {1, 0, 0}> { y = Conv(x, red) }"
)
PANORAMA = beside(composite(400, 400, 2), wall(800, 400), composite(400, 400, 2, seed=1))
FAR_AWAY = far_away()


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by the name of each network that runs."""
    ran: list[str] = []
    run = Session.run
    monkeypatch.setattr(Session, "run", lambda self, *given: ran.append(self.card.name) or run(self, *given))
    return ran


def seen_once(photo: Photo) -> np.ndarray:
    """The alpha of a cut-out from one look at the whole photo."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.inference.predict.look_again", lambda matte, *given: matte)
        return cut_out(Inputs(photo), Options(model="u2netp")).alpha


@pytest.mark.parametrize(
    "size, count",
    [((1000, 455), 0), ((1000, 454), 2), ((1000, 250), 3), ((250, 1000), 3), ((9000, 90), 6), ((1000, 60), 0)],
)
def test_parts_begin_where_a_photo_is_wide_or_tall_and_reach_from_end_to_end(size, count):
    parts = list_parts(size)
    axis = int(size[1] > size[0])
    assert len(parts) == count
    for part, after in pairwise(parts):
        assert part[axis + 2] - after[axis] >= 0.25 * (part[axis + 2] - part[axis]) - 2 / max(size)
    if parts:
        assert (parts[0][axis], parts[-1][axis + 2]) == (0, 1)
        longest = 1.6 * min(size) if count < 6 else max(size) / 4.75
        assert all((part[axis + 2] - part[axis]) * max(size) <= longest + 1 for part in parts)


def test_two_subjects_at_the_ends_of_a_panorama_both_stay_whole(u2netp):
    alpha = cut_out(Inputs(Photo(PANORAMA.rgb)), Options(model="u2netp")).alpha
    for end in (slice(0, 400), slice(1200, 1600)):
        assert iou(alpha[:, end], PANORAMA.alpha[:, end]) > 0.98
    assert alpha[:, 450:1150].max() == 0
    assert off(alpha, PANORAMA.alpha) < 0.75 * off(seen_once(Photo(PANORAMA.rgb)), PANORAMA.alpha)


def test_a_tall_photo_is_seen_like_a_wide_one(u2netp, runs):
    tall = Photo(np.ascontiguousarray(PANORAMA.rgb.swapaxes(0, 1)))
    assert iou(cut_out(Inputs(tall), Options(model="u2netp")).alpha, PANORAMA.alpha.T) > 0.97
    assert len(runs) == 4


def test_a_small_subject_comes_out_nearer_to_the_truth_than_from_one_look(u2netp, runs):
    photo = Photo(FAR_AWAY.rgb)
    alpha = cut_out(Inputs(photo), Options(model="u2netp")).alpha
    assert len(runs) == 2
    assert off(alpha, FAR_AWAY.alpha) < 0.6 * off(seen_once(photo), FAR_AWAY.alpha)
    assert iou(alpha, FAR_AWAY.alpha) > 0.97


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (700, 400)])
def test_an_ordinary_photo_is_looked_at_once_and_its_matte_is_left_as_it_is(size, u2netp, runs):
    photo = Photo(composite(*size).rgb)
    alpha = cut_out(Inputs(photo), Options(model="u2netp")).alpha
    assert len(runs) == 1 and np.array_equal(alpha, seen_once(photo))


def test_in_a_wide_photo_of_a_plain_wall_nothing_is_found(u2netp):
    cutout = cut_out(Inputs(Photo(wall(1600, 400).rgb)), Options(model="u2netp"))
    assert "nothing_found" in cutout.warnings and cutout.alpha.max() == 0


@pytest.mark.parametrize("picture, count", [(PANORAMA, 4), (FAR_AWAY, 2)])
def test_each_look_is_kept_and_the_draft_and_the_file_share_them(picture, count, u2netp, runs):
    data, options = encoded(picture.rgb), Options(model="u2netp", format="matte", refine="off")
    view = Draft("photo.png", 4000, house.runtime()).cut_out(data, options)
    full = cut_out_file(InputFiles(data, name="photo.png"), options)
    assert len(runs) == count
    assert np.array_equal(opened(view.data)[..., 3], opened(full.data))


def test_a_member_of_an_ensemble_looks_again_only_where_it_saw_too_little(u2netp, isnet, runs):
    photo = Photo(FAR_AWAY.rgb)
    cut_out(Inputs(photo), Options(model="u2netp"))
    best = cut_out(Inputs(photo), Options(model="best"))
    assert runs == ["u2netp", "u2netp", "isnet-general-use"]
    assert iou(best.alpha, FAR_AWAY.alpha) > 0.97


def test_a_network_that_tells_more_than_a_matte_looks_once(enter: Callable[..., Card], runs):
    enter("remembers-red", REMEMBERS_RED, kind="rvm")
    for picture in (PANORAMA, FAR_AWAY):
        assert predict(Photo(picture.rgb), "remembers-red", house.runtime(), Job()).prediction.foreground is not None
    assert len(runs) == 2


def test_a_network_that_is_fed_in_the_photos_own_shape_needs_no_parts(enter: Callable[..., Card], runs):
    enter("red", SAYS_RED, kind="modnet")
    assert not predict(Photo(PANORAMA.rgb), "red", house.runtime(), Job()).prediction.is_empty
    assert len(runs) == 1


def test_a_job_that_is_stopped_between_two_looks_ends_there(u2netp, monkeypatch):
    job, run = Job(), Session.run

    def run_and_stop(self: Session, *given):
        try:
            return run(self, *given)
        finally:
            job.cancel()

    monkeypatch.setattr(Session, "run", run_and_stop)
    with pytest.raises(ClearcutError) as caught:
        predict(Photo(FAR_AWAY.rgb), "u2netp", house.runtime(), job)
    assert caught.value.code == "cancelled"


# ---- by what rule looks are joined -----------------------------------------------------------------------------------


def square(at: Region, value: float = 1.0) -> np.ndarray:
    """A matte of 100 × 100 with a square in it."""
    matte = np.zeros((100, 100), np.float32)
    left, top, right, bottom = (round(100 * each) for each in at)
    matte[top:bottom, left:right] = value
    return matte


def test_a_doubtful_part_that_sees_what_the_whole_does_not_leaves_the_matte_empty():
    doubtful = square((0.2, 0.2, 0.8, 0.8), 0.7)
    assert look_again(np.zeros((100, 100), np.float32), (1000, 250), lambda part: doubtful, True).max() < 0.05


def test_a_sure_part_adds_a_subject_that_the_whole_lost_at_its_own_place():
    last = list_parts((1000, 250))[-1]
    sure, nothing = square((0.25, 0.2, 0.75, 0.8)), np.zeros((100, 100), np.float32)
    matte = look_again(nothing, (1000, 250), lambda part: sure if part == last else nothing, True)
    found = cv2.resize(matte, (1000, 250)) > 0.5
    wanted = np.zeros_like(found)
    wanted[50:200, 700:900] = True
    assert (found ^ wanted).mean() < 0.01


def test_the_surroundings_are_those_of_the_box_of_all_that_is_no_speck():
    two = np.maximum(square((0.3, 0.3, 0.4, 0.4)), square((0.5, 0.3, 0.6, 0.4)))
    two[90, 90] = 1
    assert find_surroundings(two, (1000, 1000)) == pytest.approx((0.18, 0.18, 0.72, 0.52), abs=0.011)
    at_both_ends = np.maximum(square((0, 0, 0.1, 0.1)), square((0.9, 0.9, 1, 1)))
    assert find_surroundings(at_both_ends, (1000, 1000)) is None
    assert find_surroundings(two, (100, 100)) is None  # a few pixels show no more when they are enlarged
    assert find_surroundings(np.zeros_like(two), (1000, 1000)) is None


def test_outside_the_surroundings_the_first_look_stays():
    first, around = square((0.4, 0.4, 0.5, 0.5)), {}

    def look(region: Region) -> np.ndarray:
        around[""] = region
        return np.ones((100, 100), np.float32)

    matte = look_again(first, (1000, 1000), look, False)
    left, top, right, bottom = (round(each * len(matte)) for each in around[""])
    outside = np.ones_like(matte, bool)
    outside[top:bottom, left:right] = False
    assert (
        around[""] != WHOLE and matte[outside].max() == 0 and matte[len(matte) * 45 // 100, len(matte) * 45 // 100] == 1
    )
