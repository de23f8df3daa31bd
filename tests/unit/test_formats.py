"""The formats that a picture leaves in: pixels, alpha, profile, density, EXIF; every reader reads them."""

import io
import shutil
import subprocess
import zipfile
from typing import get_args

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageCms
from PIL.ExifTags import IFD, Base

from pipeline import InputFiles, Options, cut_out_file
from pipeline.base.errors import ClearcutError
from pipeline.pixels.encoders import ENCODERS, Picture, encode_picture
from pipeline.pixels.formats import FORMATS, list_media_types
from pipeline.pixels.image_io import Photo, decode
from pipeline.pixels.metadata import filter_exif
from pipeline.pixels.names import name_cutout
from pipeline.pixels.profiles import SRGB_PROFILE
from tests import house
from tests.pictures import composite, encoded, off, opened
from tests.spies import answer_without_weights
from tests.unit.test_metadata import PLACE, telling

SCENE = composite(120, 90, softness=8)
CUTOUT = Picture(cv2.copyTo(SCENE.rgb, SCENE.alpha), SCENE.alpha)
OPAQUE = Picture(SCENE.rgb)
PICTURES = [name for name in FORMATS if name not in ("matte", "zip")]
TRANSPARENT = [name for name in PICTURES if not FORMATS[name].is_opaque]
EXACT = ["png", "png-small", "webp-lossless", "tiff"]
sides = st.integers(1, 33)
cutouts = st.tuples(sides, sides).flatmap(
    lambda shape: st.tuples(arrays(np.uint8, (*shape, 3)), arrays(np.uint8, shape, fill=st.sampled_from([0, 255])))
)


def picture_for(name: str, **more) -> Picture:
    source = OPAQUE if FORMATS[name].is_opaque else CUTOUT
    return Picture(source.rgb, source.alpha, **more)


def read(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_is_what_its_format_says(name):
    format, data = FORMATS[name], encode_picture(name, picture_for(name))
    assert format.name == name
    mark = "mask" if name == "matte" else "cutout"
    assert name_cutout("cat.heic", format.ending) == f"cat_{mark}{format.extension}"
    if name == "zip":
        assert zipfile.is_zipfile(io.BytesIO(data)) and format.media_type == "application/zip"
        return
    with read(data) as image:
        assert image.get_format_mimetype() == format.media_type
        assert format.extension in [
            key for key, value in Image.registered_extensions().items() if value == image.format
        ]
        assert image.size == (120, 90)


@pytest.mark.parametrize("name", EXACT)
@settings(max_examples=40)
@given(cutouts)
def test_lossless_formats_keep_every_pixel_and_hide_nothing(name, planes):
    rgb, alpha = planes
    found = np.asarray(read(encode_picture(name, Picture(rgb, alpha))).convert("RGBA"))
    assert np.array_equal(found[..., 3], alpha)
    assert np.array_equal(found[..., :3], np.where(alpha[..., None] > 0, rgb, 0))


@pytest.mark.parametrize("name", ["webp", "avif"])
@settings(max_examples=25)
@given(cutouts, st.integers(1, 100))
def test_lossy_formats_keep_alpha_exactly_at_every_quality(name, planes, quality):
    rgb, alpha = planes
    found = np.asarray(read(encode_picture(name, Picture(rgb, alpha), quality)).convert("RGBA"))
    assert np.array_equal(found[..., 3], alpha)


@pytest.mark.parametrize("name", ["webp", "avif"])
def test_lossy_formats_hide_nothing_of_the_background(name):
    found = opened(encode_picture(name, Picture(SCENE.rgb, SCENE.alpha)))
    assert off(found[..., :3], CUTOUT.rgb) < 3
    hidden = found[..., :3][SCENE.alpha == 0].astype(int)
    assert hidden.mean() < 0.5  # the wall has about 160
    far = cv2.dilate(SCENE.alpha, np.ones((41, 41))) == 0
    assert found[..., :3][far].max(initial=0) <= 2


@pytest.mark.parametrize("name", PICTURES)
@settings(max_examples=15)
@given(cutouts)
def test_any_picture_with_a_background_is_written_without_alpha(name, planes):
    with read(encode_picture(name, Picture(planes[0]))) as image:
        assert image.mode == "RGB" and image.size == planes[1].shape[::-1]
        if name in EXACT:
            assert np.array_equal(np.asarray(image), planes[0])


@pytest.mark.parametrize("name", ["webp", "avif", "jpeg"])
def test_more_quality_is_closer_and_larger(name):
    files = [encode_picture(name, OPAQUE, quality) for quality in (20, 60, 95)]
    errors = [off(opened(data), SCENE.rgb) for data in files]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 2.5
    assert [len(data) for data in files] == sorted(len(data) for data in files)


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_calls_itself_srgb(name):
    with read(encode_picture(name, picture_for(name))) as image:
        if FORMATS[name].extension == ".png":
            assert image.info["srgb"] == 0
        else:
            assert image.info["icc_profile"] == SRGB_PROFILE


def test_the_profile_is_srgb_small_and_of_no_day():
    assert len(SRGB_PROFILE) < 700
    profile = ImageCms.ImageCmsProfile(io.BytesIO(SRGB_PROFILE))
    assert "sRGB" in ImageCms.getProfileName(profile)
    assert SRGB_PROFILE[24:30] == bytes((0x07, 0xE9, 0, 2, 0, 1))
    again = decode(encoded(SCENE.rgb, icc_profile=SRGB_PROFILE))
    assert np.array_equal(again.rgb, SCENE.rgb)


def density(image: Image.Image) -> tuple[float, float]:
    if image.format in ("WEBP", "AVIF"):  # which have no other place for it
        exif = image.getexif()
        assert exif[Base.ResolutionUnit] == 2
        return float(exif[Base.XResolution]), float(exif[Base.YResolution])
    return image.info["dpi"]


@pytest.mark.parametrize("name", [*PICTURES, "matte"])
@pytest.mark.parametrize("dpi", [(300.0, 300.0), (72.0, 144.0)])
@pytest.mark.parametrize("exif", [b"", filter_exif(encoded(SCENE.rgb, "JPEG", exif=telling()))], ids=["bare", "exif"])
def test_dots_per_inch_are_kept_in_every_format(name, dpi, exif):
    with read(encode_picture(name, picture_for(name, dpi=dpi, exif=exif))) as image:
        assert density(image) == pytest.approx(dpi, abs=0.02)


@pytest.mark.parametrize("name", PICTURES)
def test_what_knows_no_dots_per_inch_says_none(name):
    assert decode(encode_picture(name, picture_for(name))).dpi is None


@pytest.mark.parametrize("name", PICTURES)
def test_exif_is_there_only_where_asked_for_and_turns_nothing(name):
    source = encoded(SCENE.rgb, "JPEG", exif=telling(6))
    bare = encode_picture(name, picture_for(name))
    assert Base.Model not in read(bare).getexif()
    kept = encode_picture(name, picture_for(name, exif=filter_exif(source)))
    exif = read(kept).getexif()
    assert exif[Base.Model] == "Phone 9" and exif.get_ifd(IFD.Exif)[Base.LensModel] == "Lens 1"
    assert exif.get(Base.Orientation, 1) == 1 and not exif.get_ifd(IFD.GPSInfo) and PLACE not in kept
    assert decode(kept).size == (120, 90)
    assert np.array_equal(decode(kept).rgb, decode(bare).rgb)


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_picture_gives_the_same_bytes(name):
    assert encode_picture(name, picture_for(name, dpi=(300, 300))) == encode_picture(
        name, picture_for(name, dpi=(300, 300))
    )


@pytest.mark.parametrize("name", [*TRANSPARENT, "matte"])
def test_opencv_reads_it(name):
    read_by_opencv = cv2.imdecode(np.frombuffer(encode_picture(name, CUTOUT), np.uint8), cv2.IMREAD_UNCHANGED)
    if read_by_opencv is None and name == "avif":
        pytest.skip("this OpenCV reads no AVIF")
    alpha = read_by_opencv if name == "matte" else read_by_opencv[..., 3]
    assert np.array_equal(alpha, SCENE.alpha)
    if name == "tiff":  # which OpenCV multiplies by alpha on reading, though the file says that it is straight
        assert read(encode_picture(name, CUTOUT)).tag_v2[338] == (2,)
    elif name in EXACT:
        assert np.array_equal(read_by_opencv[..., 2::-1], CUTOUT.rgb)


@pytest.mark.skipif(not shutil.which("pngcheck"), reason="pngcheck is not installed")
@pytest.mark.parametrize("name", ["png", "png-small", "matte"])
def test_pngcheck_finds_no_fault(name, tmp_path):
    exif = filter_exif(encoded(SCENE.rgb, "JPEG", exif=telling()))
    (tmp_path / "a.png").write_bytes(encode_picture(name, picture_for(name, dpi=(300, 300), exif=exif)))
    checked = subprocess.run(["pngcheck", "-q", tmp_path / "a.png"], capture_output=True, text=True)
    assert (checked.returncode, checked.stdout) == (0, "")


def test_a_small_png_is_smaller():
    rgb = composite(900, 700).subject
    picture = Picture(rgb, composite(900, 700).alpha)
    assert len(encode_picture("png-small", picture)) < len(encode_picture("png", picture))


@settings(max_examples=30)
@given(cutouts)
def test_a_matte_is_alpha_as_grey(planes):
    data = encode_picture("matte", Picture(*planes))
    assert read(data).mode == "L" and np.array_equal(opened(data), planes[1])


def test_jpeg_refuses_transparency_and_names_what_would_do():
    with pytest.raises(ClearcutError) as caught:
        encode_picture("jpeg", CUTOUT)
    assert caught.value.code == "bad_option"
    accepted = caught.value.facts["accepted"].split(", ")
    assert accepted == [name for name in FORMATS if name != "jpeg"]
    assert encode_picture("jpeg", Picture(SCENE.rgb, np.full_like(SCENE.alpha, 255)))


@pytest.mark.parametrize(
    ("name", "side"), [("webp", 16_384), ("webp-lossless", 16_384), ("jpeg", 65_501), ("avif", 32_769), ("gif", 3)]
)
def test_what_a_format_cannot_hold_is_refused(name, side):
    with pytest.raises(ClearcutError) as caught:
        encode_picture(name, Picture(np.zeros((1, side, 3), np.uint8)))
    assert caught.value.code == "bad_option"
    assert name not in caught.value.facts["accepted"].split(", ") and "png" in caught.value.facts["accepted"]


@pytest.mark.parametrize("name", FORMATS)
def test_pixels_that_may_not_be_written_to_or_lie_apart_are_no_hindrance(name):
    rgb, alpha = SCENE.rgb[::-1, ::-1], SCENE.alpha[::-1, ::-1]
    rgb.setflags(write=False)
    flipped = Picture(rgb, None if FORMATS[name].is_opaque else alpha)
    whole = Picture(*(None if plane is None else np.ascontiguousarray(plane) for plane in (flipped.rgb, flipped.alpha)))
    assert encode_picture(name, flipped) == encode_picture(name, whole)


# ---- facts -----------------------------------------------------------------------------------------------------------


def differs(name: str, **more) -> bool:
    """Whether something about a picture shows in its file."""
    return encode_picture(name, picture_for(name, **more)) != encode_picture(name, picture_for(name))


def test_options_facts_and_encoders_know_the_same_formats():
    choices = get_args(Options.model_fields["format"].annotation)
    assert choices == tuple(FORMATS) == tuple(ENCODERS)
    assert [format.name for format in FORMATS.values()] == list(FORMATS)


@pytest.mark.parametrize(("option", "trait"), [("quality", "has_quality"), ("keep_exif", "has_exif")])
def test_an_option_counts_where_the_facts_say_so(option, trait):
    when = Options.model_json_schema()["properties"][option]["when"]
    assert when == {"format": [name for name in FORMATS if getattr(FORMATS[name], trait)]}


@pytest.mark.parametrize("name", FORMATS)
def test_every_encoder_does_what_the_facts_say(name):
    format, source = FORMATS[name], picture_for(name)
    assert (encode_picture(name, source, 20) != encode_picture(name, source, 95)) is format.has_quality
    exif = filter_exif(encoded(SCENE.rgb, "JPEG", exif=telling()))
    assert differs(name, exif=exif) is format.has_exif
    if format.is_opaque:
        with pytest.raises(ClearcutError, match="bad_option"):
            encode_picture(name, CUTOUT)
    elif name != "zip":
        with read(encode_picture(name, CUTOUT)) as image:
            assert image.mode in ("RGBA", "L")


@pytest.mark.parametrize("name", [name for name in FORMATS if FORMATS[name].longest < 1 << 31])
def test_a_format_holds_as_many_pixels_along_a_side_as_its_facts_say_and_no_more(name):
    longest = FORMATS[name].longest
    with read(encode_picture(name, Picture(np.full((1, longest, 3), 90, np.uint8)))) as image:
        assert image.size == (longest, 1)
    for shape in ((1, longest + 1, 3), (longest + 1, 1, 3)):
        with pytest.raises(ClearcutError, match="bad_option"):
            encode_picture(name, Picture(np.zeros(shape, np.uint8)))


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_bare_format_holds_is_the_subject_alone(name, monkeypatch):
    answer_without_weights(monkeypatch)
    wanted = Options(format=name, background="color", background_color="#00ff00", shadow="drop", outline=3)
    picture = cut_out_file(InputFiles(encoded(SCENE.rgb)), wanted, house.runtime()).cutout.picture
    assert (picture.alpha.min() == 255) is not FORMATS[name].is_bare
    assert np.array_equal(picture.alpha, picture.matte) is FORMATS[name].is_bare


def test_every_media_type_is_told_once():
    assert sorted(list_media_types()) == sorted({format.media_type for format in FORMATS.values()})


# ---- the archive -----------------------------------------------------------------------------------------------------


def unpacked(picture: Picture) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(encode_picture("zip", picture))) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize(("format", "name"), [("JPEG", "color.jpg"), ("PNG", "color.png")])
def test_an_archive_holds_the_uploaded_file_itself_and_alpha(format, name):
    upload = encoded(SCENE.rgb, format)
    files = unpacked(Picture(CUTOUT.rgb, SCENE.alpha, photo=decode(upload), file=upload))
    assert list(files) == [name, "alpha.png"]
    assert files[name] == upload
    assert np.array_equal(opened(files["alpha.png"]), SCENE.alpha)


@pytest.mark.parametrize("turn", [1, 6, 3])
@pytest.mark.parametrize("format", ["JPEG", "HEIC", "WEBP", "PNG"])
def test_an_archives_colour_is_upright_whole_and_tells_no_place(format, turn):
    upload = encoded(SCENE.rgb, format, exif=telling(turn))
    photo = decode(upload)
    alpha = np.full(photo.rgb.shape[:2], 100, np.uint8)
    files = unpacked(Picture(np.zeros_like(photo.rgb), alpha, photo=photo, file=upload))
    colour = next(data for name, data in files.items() if name.startswith("color"))
    assert np.array_equal(opened(colour), photo.rgb)
    assert all(PLACE not in data and b"Exif" not in data for data in files.values())


def test_an_archive_of_another_size_or_without_its_photo_holds_the_pictures_own_colour():
    upload = encoded(SCENE.rgb)
    larger = Photo(np.zeros((91, 120, 3), np.uint8))
    for picture in (Picture(CUTOUT.rgb, SCENE.alpha, photo=larger, file=upload), CUTOUT):
        files = unpacked(picture)
        assert np.array_equal(opened(files["color.png"]), CUTOUT.rgb)
