"""A photo at screen size: what it shows is what the full size shows, and a slider neither reads nor runs anything."""

from collections import Counter

import cv2
import numpy as np
import pytest

from pipeline import ClearcutError, Draft, InputFiles, Job, Options, cut_out_file
from pipeline.pixels import image_io
from pipeline.pixels.formats import FORMATS
from tests import house
from tests.pictures import composite, encoded, opened, photo
from tests.spies import note_stages

pytestmark = pytest.mark.usefixtures("u2netp")
LONG_SIDE = 800
BIG = composite(2000, 1500)
DATA = encoded(BIG.rgb, "JPEG", quality=95)
WALL = encoded(photo("coffee"), "JPEG")
LOOKS = {
    "as it comes": {},
    "the network's own matte": {"refine": "off", "decontaminate": False},
    "feathered": {"feather": 20},
    "grown": {"shift": 12.5},
    "shrunk and hard": {"shift": -7, "harden": 100},
    "clean": {"clean": 40, "largest": True, "levels": 40},
    "on a colour": {"background": "color", "background_color": "#336699"},
    "on a gradient": {"background": "gradient", "background_angle": 45},
    "blurred": {"background": "blur"},
    "on a picture": {"background": "image", "background_fit": "fit", "background_x": 20},
    "with a drop shadow": {"shadow": "drop", "background": "color"},
    "standing": {"shadow": "contact", "background": "color"},
    "with its own shadow": {"shadow": "keep"},
    "cropped": {"crop": True, "margin": 20},
    "turned": {"rotate": 90, "flip": "horizontal"},
    "in a ratio": {"canvas": "4:5", "background": "color"},
    "sticker": {"preset": "sticker"},
    "product": {"preset": "product-white"},
    "small": {"canvas": "300x400", "background": "color"},
    "larger than the photo": {"canvas": "5000x5000", "background": "color"},
    "ID photo": {"preset": "id-photo", "format": "png"},
    "print sheet": {"preset": "id-photo", "format": "png", "sheet": "6-inch"},
    "large print sheet": {"canvas": "id-ca", "sheet": "a4"},
    "sheet without millimetres": {"canvas": "300x400", "background": "color", "sheet": "a4"},
    "file of some size": {"max_kb": 20},
    "cropped by hand": {"crop_box": "12.5,5,83.3,71", "rotate": 90, "background": "blur"},
    "cropped by hand for a canvas": {"crop_box": "12.5,5,83.3,71", "canvas": "500x700", "background": "color"},
    "moved and enlarged": {"offset_x": 15, "offset_y": -10, "scale": 140, "shadow": "drop"},
    "moved on a canvas": {"canvas": "1:1", "offset_x": -30, "scale": 60, "background": "color"},
    "on a placed picture": {"background": "image", "background_zoom": 180, "background_x": 20, "background_y": 90},
    "filled by the photo": {"canvas": "x-post", "background": "original"},
}


@pytest.fixture(scope="module")
def one() -> Draft:
    return Draft("ball.jpg", LONG_SIDE, house.runtime())


@pytest.mark.parametrize("look", LOOKS)
def test_a_view_looks_like_the_full_size_made_smaller(look, one, u2netp):
    options = Options.of(**LOOKS[look])
    view = one.cut_out(DATA, options, WALL)
    full = cut_out_file(InputFiles(DATA, WALL, name="ball.jpg"), options)
    assert view.name == full.name and max(view.size) <= max(LONG_SIDE, max(full.size))
    assert (view.cutout.warnings, view.original_size) == (full.cutout.warnings, full.original_size)
    shown, wanted = (premultiplied(opened(each.data)) for each in (view, full))
    smaller = cv2.resize(wanted, view.size, interpolation=cv2.INTER_AREA)
    assert np.abs(shown.astype(int) - smaller).mean() <= 2
    if full.cutout.picture.fill is not None:
        assert view.cutout.picture.fill.percent == pytest.approx(full.cutout.picture.fill.percent, abs=1)


@pytest.mark.parametrize("turn", [0, 90])
def test_a_view_that_is_cropped_by_hand_tells_the_size_of_the_file_to_the_pixel(turn, one, u2netp):
    options = Options(crop_box="12.5,5,83.3,71", rotate=turn)
    full = cut_out_file(InputFiles(DATA, name="ball.jpg"), options)
    assert one.cut_out(DATA, options).full_size == full.size == full.full_size


@pytest.mark.parametrize("canvas", ["id-35x45", "id-us", "id-ca"])
def test_a_view_of_an_id_photo_has_the_head_of_the_full_size(canvas, u2netp):
    large = cv2.resize(photo("astronaut"), (2000, 2000), interpolation=cv2.INTER_CUBIC)
    data, options = encoded(large, "JPEG", quality=95), Options.of(preset="id-photo", canvas=canvas, format="png")
    view, full = (
        Draft("me.jpg", LONG_SIDE, house.runtime()).cut_out(data, options),
        cut_out_file(InputFiles(data), options),
    )
    assert view.cutout.picture.head == pytest.approx(full.cutout.picture.head, abs=1)
    assert view.cutout.warnings == full.cutout.warnings
    shown, wanted = opened(view.data), cv2.resize(opened(full.data), view.size, interpolation=cv2.INTER_AREA)
    assert np.abs(shown.astype(int) - wanted).mean() <= 4


def test_a_face_is_looked_for_once_while_options_move(monkeypatch):
    from pipeline import stages

    seen, find = [], stages.find_faces
    monkeypatch.setattr(stages, "find_faces", lambda rgb: seen.append(rgb) or find(rgb))
    one = Draft("me.jpg", LONG_SIDE, house.runtime())
    for feather in range(3):
        one.cut_out(DATA, Options(feather=feather, canvas="id-us"))
    assert len(seen) == 1
    one.cut_out(DATA, Options(canvas="id-us", rotate=90))
    assert len(seen) == 2


@pytest.mark.parametrize("look", [{}, {"rotate": 90, "crop": True}])
def test_what_reading_the_file_met_is_told_with_every_view(look, u2netp):
    one = Draft("ball.jpg", LONG_SIDE, house.runtime())
    for _ in range(2):
        assert one.cut_out(DATA[:-2], Options(**look)).cutout.warnings == ("truncated",)


def premultiplied(pixels: np.ndarray) -> np.ndarray:
    """RGBA as it looks on black, beside its alpha; what is opaque as it is."""
    if pixels.shape[2] == 3:
        return pixels
    colour = pixels[..., :3] * (pixels[..., 3:] / np.float32(255))
    return np.dstack((colour, pixels[..., 3])).astype(np.uint8)


@pytest.fixture
def ran(monkeypatch):
    """Grows by each stage that is run, and by ``decode`` with each file."""
    seen, decode = note_stages(monkeypatch), image_io.decode

    def noting(*given):
        seen.append("decode")
        return decode(*given)

    monkeypatch.setattr(image_io, "decode", noting)
    return seen


def test_options_that_move_read_nothing_and_run_nothing_again(ran):
    one = Draft("ball.jpg", LONG_SIDE, house.runtime())
    for feather in range(5):
        one.cut_out(DATA, Options(feather=feather))
    once = {"decode": 1, "find": 1, "matte": 1}
    assert Counter(ran) == {**once, "edges": 5, "colour": 5, "compose": 5}
    for strength in range(5):
        one.cut_out(DATA, Options(feather=4, shadow="drop", shadow_strength=strength, crop=True))
    assert Counter(ran) == {**once, "edges": 5, "colour": 5, "compose": 10}


def test_another_model_is_asked_once(ran, enter, at_hand):
    enter("selfie", at_hand("mediapipe_selfie.onnx"), kind="selfie")
    one = Draft("person.jpg", LONG_SIDE, house.runtime())
    data = encoded(photo("astronaut"), "JPEG")
    for _ in range(2):
        assert one.cut_out(data, Options(model="selfie")).cutout.model == "selfie"
    assert ran.count("find") == 1


def test_a_background_picture_is_decoded_once(ran):
    one = Draft("ball.jpg", LONG_SIDE, house.runtime())
    for x in (0, 50, 100):
        one.cut_out(DATA, Options(background="image", background_x=x), WALL)
    assert ran.count("decode") == 2


@pytest.mark.parametrize("format", FORMATS)
def test_a_view_is_a_png_named_like_the_download(format, one, u2netp):
    view = one.cut_out(DATA, Options(format=format))
    assert view.data.startswith(b"\x89PNG") and view.name == f"ball{FORMATS[format].ending}"


def test_a_view_is_never_larger_than_the_photo():
    assert Draft("cat.png", 5000, house.runtime()).cut_out(encoded(photo()), Options()).size == photo().shape[1::-1]


def test_a_model_that_was_removed_is_missing_even_if_the_photo_was_seen(own_models):
    one = Draft("ball.jpg", LONG_SIDE, house.runtime())
    one.cut_out(DATA, Options())
    (own_models / "u2netp.onnx").unlink()
    with pytest.raises(ClearcutError, match="model_missing"):
        one.cut_out(DATA, Options())


def test_a_cancelled_draft_is_as_good_as_new():
    one, job = Draft("ball.jpg", LONG_SIDE, house.runtime()), Job()
    job.cancel()
    with pytest.raises(ClearcutError, match="cancelled"):
        one.cut_out(DATA, Options(), job=job)
    assert one.cut_out(DATA, Options()).size == (800, 600)


def test_without_its_picture_a_background_picture_is_asked_for():
    with pytest.raises(ClearcutError, match="no_background"):
        Draft("ball.jpg", LONG_SIDE, house.runtime()).cut_out(DATA, Options(background="image"))


@pytest.mark.parametrize("look", LOOKS)
def test_a_view_tells_the_size_of_the_download(look, one, u2netp):
    options = Options.of(**LOOKS[look])
    told, full = one.cut_out(DATA, options, WALL).full_size, cut_out_file(InputFiles(DATA, WALL), options)
    assert full.full_size == full.size
    assert np.abs(np.subtract(told, full.size)).max() <= 8  # a crop is found to the pixel of the view


def test_a_view_of_the_subject_alone_is_seen_through_whatever_background_was_asked_for(one, u2netp):
    view = one.cut_out(DATA, Options(format="zip", background="color"))
    assert opened(view.data).shape[2] == 4


def test_a_draft_sees_a_card_that_has_changed(enter, u2netp):
    """Feed and reading, an ensemble's weights, what runs it: whatever a prediction depends on."""
    enter("own", u2netp, kind="u2net")
    options = Options(model="own")
    draft = Draft("ball.jpg", LONG_SIDE, house.runtime())
    before = draft.cut_out(DATA, options)
    enter("own", u2netp, kind="u2net", feed={"resize": "fit-pad"})
    fresh = Draft("ball.jpg", LONG_SIDE, house.runtime()).cut_out(DATA, options)
    assert draft.cut_out(DATA, options).data == fresh.data != before.data
