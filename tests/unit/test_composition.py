"""Edges, colour and composition as options ask for them, through the one path with the real weights."""

import io
import zipfile

import cv2
import numpy as np
import pytest

from pipeline import (
    ClearcutError,
    Draft,
    Inputs,
    Options,
    Photo,
    cut_out,
    cut_out_bytes,
    decode,
    explain,
    list_canvases,
)
from pipeline.base.jobs import Job
from pipeline.compose import composition
from pipeline.compose.own_shadow import NOT_PLAIN
from pipeline.pixels.resample import resize_matte
from tests import house
from tests.pictures import composite, encoded, iou, off, opened, photo

pytestmark = pytest.mark.usefixtures("u2netp")
ONE = composite(800, 600)
PHOTO = Photo(ONE.rgb)
BACKGROUNDS = [(0, 0, 0), (255, 255, 255), (0, 177, 64)]


def cut(**options):
    return cut_out(Inputs(PHOTO), Options.of(**options))


def test_without_refining_and_feather_the_matte_is_the_networks_own():
    from pipeline.inference.predict import predict

    own = resize_matte(predict(PHOTO, "u2netp", house.runtime(), Job()).prediction.matte, PHOTO.size)
    assert np.array_equal(cut(interior="as-found", refine="off", feather=0).alpha, own)
    assert not np.array_equal(cut().alpha, own)


def test_refining_brings_real_soft_edges_nearer_to_the_truth(truth):
    errors = {"off": [], "guided": []}
    for path in sorted((truth / "soft" / "images").iterdir()):
        wanted = opened((truth / "soft" / "masks" / f"{path.stem}.png").read_bytes())
        picture = decode(path.read_bytes())
        for how, found in errors.items():
            alpha = cut_out(Inputs(picture), Options(refine=how)).alpha
            found.append(np.abs(alpha.astype(int) - wanted.reshape(alpha.shape[0], alpha.shape[1], -1)[..., 0]).mean())
    assert np.mean(errors["guided"]) < 0.97 * np.mean(errors["off"])


@pytest.mark.parametrize("background", BACKGROUNDS, ids=str)
def test_a_subject_in_its_own_colour_looks_right_on_any_background(background):
    """On the true matte, so that only colour counts."""
    from pipeline.compose.layers import composite_over
    from pipeline.edges.foreground import estimate_foreground

    true = composite_over(ONE.subject, ONE.alpha, background).astype(int)
    soft = (ONE.alpha > 0) & (ONE.alpha < 255)
    plain = np.abs(composite_over(ONE.rgb, ONE.alpha, background) - true)[soft].mean()
    ours = np.abs(composite_over(estimate_foreground(ONE.rgb, ONE.alpha), ONE.alpha, background) - true)[soft].mean()
    assert ours * 3 <= plain


def test_the_subjects_own_colour_is_optional():
    with_it, without = cut(), cut(decontaminate=False)
    seen = without.alpha > 0
    assert np.array_equal(without.rgb[seen], ONE.rgb[seen])
    assert np.array_equal(with_it.alpha, without.alpha) and not np.array_equal(with_it.rgb, without.rgb)


def test_the_network_that_gives_a_foreground_gives_the_colour(enter, at_hand):
    enter("rvm", at_hand("rvm_mobilenetv3_dequantised.onnx"), kind="rvm")
    person = Photo(photo("astronaut"))
    ours, plain = (cut_out(Inputs(person), Options(model="rvm", decontaminate=on)) for on in (True, False))
    soft = (ours.alpha > 20) & (ours.alpha < 235)
    assert soft.any() and (ours.rgb[soft] != plain.rgb[soft]).any()


def test_a_colour_lies_wherever_the_subject_does_not():
    made = cut(background="color", background_color="#336699")
    matte = made.picture.matte
    assert (made.rgb[matte == 0] == (0x33, 0x66, 0x99)).all() and (made.alpha == 255).all()
    assert iou(matte, ONE.alpha) > 0.97


def test_the_original_background_is_the_photo_again():
    assert off(cut(background="original").rgb, ONE.rgb) <= 0.5


def test_a_blurred_background_is_smooth_where_the_photo_was_not():
    made = cut(background="blur", background_blur=8)
    away = cv2.dilate(made.picture.matte, np.ones((31, 31))) == 0
    rough = [np.abs(cv2.Laplacian(rgb, cv2.CV_32F))[away].mean() for rgb in (ONE.rgb, made.rgb)]
    assert rough[1] < rough[0] / 3


def test_a_picture_behind_the_subject_keeps_to_its_place_and_its_transparency():
    wall = np.zeros((100, 100, 4), np.uint8)
    wall[:, :50] = (255, 0, 0, 255)
    pixels = opened(cut_out_bytes(encoded(ONE.rgb), encoded(wall), background="image", background_color="#00ff00"))
    assert tuple(pixels[5, 5]) == (255, 0, 0) and tuple(pixels[5, -5]) == (0, 255, 0)


def test_a_product_on_white_has_white_corners_its_size_and_a_shadow():
    made = cut(preset="product-white", canvas="600x600")
    assert made.rgb.shape == (600, 600, 3)
    assert (made.rgb[[0, 0, -1, -1], [0, -1, 0, -1]] == 255).all()
    shade = (made.rgb.max(axis=2) < 250) & (made.picture.matte == 0)
    lower = np.flatnonzero(shade.any(axis=1))
    assert shade.any() and lower.mean() > 360
    assert made.picture.fill.percent == pytest.approx(86, abs=2)


def test_a_crop_fits_the_subject_and_its_margin():
    made = cut(crop=True, margin=10)
    y, x, width, height = *(0, 0), *made.picture.placement.size
    left, top, wide, high = cv2.boundingRect((made.alpha > 12).astype(np.uint8))
    spare = 0.1 * max(wide, high)
    for room in (left - x, top - y, width - left - wide, height - top - high):
        assert room == pytest.approx(spare, abs=2)


def test_an_outline_and_a_shadow_have_room_in_a_crop():
    made = cut(preset="sticker", margin=0)
    border = np.concatenate([made.alpha[0], made.alpha[-1], made.alpha[:, 0], made.alpha[:, -1]])
    assert border.max() <= 4
    ring = (made.picture.matte == 0) & (made.alpha == 255)
    assert ring.any() and (made.rgb[ring] == 255).all()


def test_turning_turns_the_whole_picture():
    plain, turned = cut(), cut(rotate=90)
    assert np.array_equal(np.rot90(plain.alpha, -1), turned.alpha)
    assert np.array_equal(np.rot90(plain.rgb, -1), turned.rgb)
    mirrored = cut(flip="horizontal")
    assert np.array_equal(plain.rgb[:, ::-1], mirrored.rgb)


def test_before_lies_as_after_does():
    for options in (
        {},
        {"rotate": 90},
        {"crop": True},
        {"canvas": "4:5"},
        {"canvas": "instagram-square", "flip": "vertical"},
    ):
        made = cut(**options, decontaminate=False, refine="off")
        before = made.picture.frame_photo()
        assert before.rgb.shape == made.rgb.shape
        solid = made.alpha == 255
        assert np.abs(before.rgb[solid].astype(int) - made.rgb[solid]).mean() < 1


def test_a_shadow_is_kept_on_a_plain_wall_and_not_on_a_busy_one():
    wall = np.full((600, 800, 3), 230, np.uint8)
    y, x = np.mgrid[:600, :800]
    shade = np.exp(-(((x - 400) / 160) ** 2 + ((y - 470) / 40) ** 2))[..., None]
    lit = (wall * (1 - 0.5 * shade)).astype(np.uint8)
    ball = np.hypot(x - 400, y - 300) < 150
    lit[ball] = ONE.subject[ball]
    made = cut_out(Inputs(Photo(lit)), Options(shadow="keep", shadow_strength=100))
    assert NOT_PLAIN not in made.warnings
    assert 60 < made.alpha[490, 400] < 200 and made.alpha[20, 20] < 8
    busy = np.random.default_rng(0).integers(0, 255, (600, 800, 3), np.uint8)
    busy[ball] = ONE.subject[ball]
    assert NOT_PLAIN in cut_out(Inputs(Photo(busy)), Options(shadow="keep")).warnings


@pytest.mark.parametrize("use", ["keep", "intersect", "ignore"])
def test_transparency_that_a_photo_came_with_is_kept_joined_or_ignored(use):
    own = np.full(ONE.alpha.shape, 255, np.uint8)
    own[:, :400] = 100
    made = cut_out(Inputs(Photo(ONE.rgb, own)), Options(own_alpha=use))
    plain = cut_out(Inputs(Photo(ONE.rgb, own)), Options(own_alpha="ignore")).alpha
    wanted = {"keep": own, "ignore": plain, "intersect": cv2.multiply(plain, own, scale=1 / 255)}[use]
    assert np.array_equal(made.alpha, wanted)


def test_a_photo_whose_own_transparency_is_kept_needs_no_network(empty_models):
    own = ONE.alpha.copy()
    made = cut_out(Inputs(Photo(ONE.rgb, own)), Options(own_alpha="keep", feather=3))
    assert iou(made.alpha, own) > 0.95


def test_a_jpeg_lies_on_the_background_colour():
    made = opened(cut_out_bytes(encoded(ONE.rgb), format="jpeg", background_color="#ff0000"))
    assert made.shape == (600, 800, 3) and np.abs(made[3, 3].astype(int) - (255, 0, 0)).max() <= 6


def test_a_matte_alone_is_the_subject_without_shadow_outline_and_background():
    made = opened(cut_out_bytes(encoded(ONE.rgb), format="matte", shadow="drop", outline=3, background="color"))
    assert np.array_equal(made.reshape(600, 800, -1)[..., 0], cut_out(Inputs(decode(encoded(ONE.rgb)))).alpha)


def test_an_archive_holds_the_photo_untouched_and_its_matte():
    data = encoded(ONE.rgb, "JPEG", quality=95)
    archive = zipfile.ZipFile(io.BytesIO(cut_out_bytes(data, format="zip")))
    assert archive.read("color.jpg") == data
    assert np.array_equal(
        opened(archive.read("alpha.png")).reshape(600, 800, -1)[..., 0], cut_out(Inputs(decode(data))).alpha
    )


def test_a_canvas_in_millimetres_says_how_large_it_prints():
    made = decode(cut_out_bytes(encoded(ONE.rgb, dpi=(72, 72)), preset="id-photo"))
    assert made.size == (413, 531) and made.dpi == pytest.approx((300, 300), abs=0.5)


def test_camera_facts_stay_where_asked_for_and_the_place_never():
    from PIL import Image

    exif = Image.Exif()
    exif[0x010F], exif[0x8825] = "Maker", {1: "N", 2: (52.0, 30.0, 0.0)}
    data = encoded(ONE.rgb, "JPEG", exif=exif)
    for keep in (False, True):
        found = Image.open(io.BytesIO(cut_out_bytes(data, keep_exif=keep))).getexif()
        assert (found.get(0x010F) == "Maker") is keep and not found.get_ifd(0x8825)


def test_hidden_colour_is_nowhere_whatever_the_options():
    for options in (
        {},
        {"crop": True},
        {"preset": "sticker"},
        {"rotate": 270},
        {"canvas": "900x300"},
        {"crop_box": "10,10,60,60", "offset_x": 20, "scale": 70},
        {"shadow": "contact"},
    ):
        made = cut(**options)
        assert not made.rgb[made.alpha == 0].any()


@pytest.mark.parametrize(
    "options",
    [
        {"flip": "horizontal"},
        {"rotate": 180},
        {"crop": True},
        {"canvas": "900x300"},
        {"crop_box": "10,10,60,60"},
        {"offset_y": -20, "scale": 120},
    ],
)
def test_colour_and_matte_of_an_archive_lie_alike_however_the_photo_was_moved(options):
    archive = zipfile.ZipFile(io.BytesIO(cut_out_bytes(encoded(ONE.rgb), format="zip", **options)))
    (name,) = (each for each in archive.namelist() if each.startswith("color"))
    made = cut(format="zip", **options)
    assert np.array_equal(opened(archive.read(name))[..., :3], made.picture.frame_photo().rgb)
    assert np.array_equal(opened(archive.read("alpha.png")).reshape(made.picture.matte.shape), made.picture.matte)


def test_more_pixels_than_a_machine_holds_are_refused():
    wide = composite(1200, 900)
    big = Photo(cv2.resize(wide.rgb, (8000, 6000)))
    with pytest.raises(ClearcutError, match="frame_too_large"):
        cut_out(Inputs(big), Options(canvas="1:20", margin=100))


def test_colour_that_a_photo_hides_is_not_seen_behind_the_subject():
    own = ONE.alpha.copy()
    hidden = np.where(own[..., None] > 0, ONE.rgb, np.uint8((255, 0, 0)))
    made = cut_out(Inputs(Photo(hidden, own)), Options(background="original", background_color="#00ff00"))
    assert (made.rgb[own == 0] == (0, 255, 0)).all()


def test_a_cutout_that_comes_back_keeps_its_colours():
    hidden = cv2.copyTo(ONE.subject, ONE.alpha)
    made = cut_out(Inputs(Photo(hidden, ONE.alpha)), Options(own_alpha="keep"))
    assert np.array_equal(made.rgb, hidden) and np.array_equal(made.alpha, ONE.alpha)


def test_a_canvas_that_asks_for_a_colour_has_it_unless_something_is_said_of_the_background():
    def asked(**options):
        made = Options.of(**options)
        return made.background, made.background_color

    assert asked(canvas="walmart") == ("color", "#ffffff")
    blue = next(canvas for canvas in list_canvases().values() if canvas.background not in (None, "#ffffff"))
    assert asked(canvas=blue.id) == ("color", blue.background)
    assert (opened(cut_out_bytes(encoded(ONE.rgb), canvas=blue.id))[0, 0] == colour(blue.background)).all()
    assert asked(canvas=blue.id, background="transparent")[0] == "transparent"
    assert asked(canvas=blue.id, background_color="#123456") == ("color", "#123456")
    assert asked(canvas=blue.id, preset="id-photo") == asked(canvas=blue.id, preset="portrait") == asked(canvas=blue.id)
    assert asked(canvas=blue.id, preset="id-photo", background_color="red") == ("color", "#ff0000")
    assert asked(canvas=blue.id, preset="id-photo", background="blur")[0] == "blur"
    assert asked(canvas=blue.id, preset="id-photo", background_image=True)[0] == "image"
    assert asked(canvas="4:5")[0] == asked(canvas="instagram-square")[0] == "transparent"


def colour(text):
    return tuple(bytes.fromhex(text[1:]))


@pytest.mark.parametrize("background", ["original", "blur"])
def test_where_the_photos_own_shadow_is_to_be_seen_it_is_not_painted_again(background):
    assert np.array_equal(cut(background=background, shadow="keep").rgb, cut(background=background).rgb)


def test_dots_per_inch_turn_with_the_photo():
    data = encoded(ONE.rgb, dpi=(300, 150))
    assert decode(cut_out_bytes(data)).dpi == pytest.approx((300, 150), abs=0.5)
    for degrees in (90, 270):
        assert decode(cut_out_bytes(data, rotate=degrees)).dpi == pytest.approx((150, 300), abs=0.5)


def test_a_picture_for_behind_stands_before_a_presets_background_and_behind_what_is_asked_for():
    assert Options.of(preset="product-white", background_image=True).background == "image"
    assert Options.of(preset="product-white").background == "color"
    assert Options.of(background="blur", background_image=True).background == "blur"


LIMITED = {"a ratio": {"canvas": "1:20"}, "a margin": {"crop": True, "margin": 100, "canvas": "1:9"}}


@pytest.mark.parametrize("look", LIMITED)
@pytest.mark.parametrize("door", ["file", "draft"])
def test_a_frame_far_larger_than_the_photo_is_refused_with_its_size(look, door, monkeypatch):
    monkeypatch.setattr(composition, "MOST_PIXELS", 600 * 800)
    options, data = Options.of(**LIMITED[look]), encoded(ONE.rgb)
    with pytest.raises(ClearcutError) as caught:
        if door == "file":
            cut_out_bytes(data, **LIMITED[look])
        else:
            Draft("a.png", 300, house.runtime()).cut_out(data, options)
    assert caught.value.code == "frame_too_large"
    facts = caught.value.facts
    assert facts["width"] * facts["height"] > 600 * 800 and facts["height"] > 8 * facts["width"]
    assert str(facts["width"]) in explain(caught.value) and "{" not in explain(caught.value)


@pytest.mark.parametrize("look", [{}, {"rotate": 90}, {"background": "color"}, {"crop": True}, {"canvas": "300x400"}])
def test_a_photo_of_any_size_has_room_in_its_own_frame(look, monkeypatch):
    monkeypatch.setattr(composition, "MOST_PIXELS", 1000)
    if "canvas" in look:
        monkeypatch.setattr(composition, "MOST_PIXELS", 300 * 400)
    assert cut(**look).alpha.any()


def test_a_margin_around_a_large_photo_has_room(monkeypatch):
    monkeypatch.setattr(composition, "MOST_PIXELS", 1000)
    whole = np.full_like(ONE.alpha, 255)
    made = composition.compose(ONE.rgb, whole, Photo(ONE.rgb), Options(canvas="1:1", crop=True))
    assert made.rgb.shape[0] * made.rgb.shape[1] > whole.size
