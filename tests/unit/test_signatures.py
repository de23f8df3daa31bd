"""Camera RAW and formats that cannot be read are told apart by their content, and refused by name."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.errors import ClearcutError
from pipeline.base.words import LANGUAGES, explain
from pipeline.pixels.image_io import decode
from pipeline.pixels.signatures import name_raw, name_unsupported, read_directories
from tests import pictures
from tests.pictures import encoded

PHOTO = np.ascontiguousarray(pictures.photo()[:60, :80])


def tiff(*directories: dict[int, int], order: str = "<", below: dict[int, int] | None = None) -> bytes:
    """A TIFF of directories that hold numbers only; `below` hangs below the first as SubIFD."""
    data = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8)
    chain = [dict(each) for each in directories]
    sizes = [2 + 12 * (len(each) + (below is not None and not index)) + 4 for index, each in enumerate(chain)]
    if below is not None:
        chain[0][330] = 8 + sum(sizes)
    for index, each in enumerate(chain):
        data += struct.pack(order + "H", len(each))
        for tag, value in sorted(each.items()):
            data += struct.pack(order + "HHII", tag, 4, 1, value)
        data += struct.pack(order + "I", len(data) + 4 if index < len(chain) - 1 else 0)
    if below is not None:
        data += struct.pack(order + "H", len(below))
        data += b"".join(struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in sorted(below.items())) + bytes(
            4
        )
    return data


THUMBNAIL = {254: 1, 256: 160, 257: 120, 259: 1, 262: 2}
RAW = {
    "DNG": [tiff({**THUMBNAIL, 50706: 0x0401}), tiff({256: 9}, {50706: 1}, order=">")],
    "CR2": [b"II*\0\x10\0\0\0CR\x02\0" + bytes(99)],
    "CR3": [b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(99)],
    "RAF": [b"FUJIFILMCCD-RAW 0201FF383501" + bytes(99)],
    "ORF": [b"IIRO\x08\0\0\0" + bytes(99), b"IIRS\x08\0\0\0", b"MMOR\0\0\0\x08"],
    "RW2": [b"IIU\0\x18\0\0\0" + bytes(99)],
    "X3F": [b"FOVb" + bytes(99)],
    "MRW": [b"\0MRM" + bytes(99)],
    "CRW": [b"II\x1a\0\0\0HEAPCCDR" + bytes(99)],
    "RAW": [
        tiff(THUMBNAIL, below={254: 0, 259: 34713, 262: 32803}, order=">"),  # NEF
        tiff(THUMBNAIL, below={254: 0, 259: 32767, 262: 32803}),  # ARW
        tiff({254: 0, 259: 65535, 262: 32803}, THUMBNAIL, order=">"),  # PEF
        tiff(THUMBNAIL, {254: 0, 259: 1, 262: 34892}),
        tiff(THUMBNAIL, below={254: 0, 259: 32769, 262: 32803}),  # SRW
    ],
}
UNSUPPORTED = {
    "JPEG XL": [b"\xff\x0a\xfa\x1f" + bytes(99), b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(99)],
    "JPEG 2000": [b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(99), b"\xff\x4f\xff\x51\0\x29" + bytes(99)],
    "PSD": [b"8BPS\0\1" + bytes(99)],
    "ICO": [encoded(PHOTO, "ICO")],
    "SVG": [
        b"<svg/>",
        b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a -->\n<svg xmlns="x">',
        b"\n <!DOCTYPE svg><svg>",
        b"\xff\xfe" + "<svg/>".encode("utf-16-le"),
        b"<!--" + b"x" * 9000 + b"--><svg>",
    ],
    "PDF": [b"%PDF-1.7\n", encoded(PHOTO, "PDF")],
    "PostScript": [encoded(PHOTO, "EPS")],
    "MP4": [b"\0\0\0\x18ftypmp42" + bytes(99), b"\0\0\0\x1cftypisom\0\0\2\0isomiso2"],
    "MOV": [b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", b"\0\0\0\x08wide\0\0\0\x10mdat"],
    "AVI": [b"RIFF\0\0\0\0AVI LIST"],
    "TIFF, uint32": [tiff({256: 9, 257: 9, 258: 32, 262: 2, 277: 3, 339: 1})],
    "TIFF, float32": [tiff({256: 9, 257: 9, 258: 32, 262: 1, 277: 2, 339: 3})],
}
ALL = [
    (code, name, data)
    for code, files in (("camera_raw", RAW), ("unsupported_format", UNSUPPORTED))
    for name, each in files.items()
    for data in each
]


@pytest.mark.parametrize(("code", "name", "data"), ALL, ids=[f"{name}-{len(data)}" for _, name, data in ALL])
def test_a_known_format_that_cannot_be_read_is_refused_by_its_name(code, name, data):
    with pytest.raises(ClearcutError) as caught:
        decode(data, "cat.jpg")
    assert (caught.value.code, caught.value.facts) == (code, {"name": "cat.jpg", "format": name})
    assert caught.value.status == 415
    for language in LANGUAGES:
        told = explain(caught.value, language)
        assert name in told and "cat.jpg" in told and "{" not in told


@pytest.mark.parametrize(
    "data", [tiff(THUMBNAIL), encoded(PHOTO, "TIFF"), b"II*\0" + bytes(20), b"nothing that is known"], ids=len
)
def test_a_file_that_is_named_as_camera_raw_is_never_taken_for_its_thumbnail(data):
    with pytest.raises(ClearcutError) as caught:
        decode(data, "DSC_1.NEF")
    assert (caught.value.code, caught.value.facts["format"]) == ("camera_raw", "NEF")
    assert decode(encoded(PHOTO, "JPEG"), "DSC_1.NEF").size == (80, 60)


@pytest.mark.parametrize("format", ["TIFF", "JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF", "HEIC"])
def test_a_picture_that_can_be_read_is_never_taken_for_one_of_them(format):
    data = encoded(PHOTO, format)
    assert name_raw(data) is None and name_unsupported(data) is None


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
@pytest.mark.parametrize("make", ["NIKON CORPORATION", "Canon", "EPSON", "Hasselblad"])
def test_a_tiff_of_a_camera_or_scanner_is_read(make, compression):
    data = encoded(PHOTO, "TIFF", compression=compression, tiffinfo={271: make, 272: "a model", 305: "a program"})
    assert decode(data).size == (80, 60)


def test_16_bit_tiffs_are_read():
    assert decode(pictures.encoded_by_opencv(PHOTO * np.uint16(257), ".tiff")).size == (80, 60)


@given(st.binary(max_size=400), st.sampled_from([b"II*\0", b"MM\0*", b"", b"\0\0\0\x20ftyp", b"<"]))
def test_no_bytes_make_the_looking_fail(noise, start):
    name_raw(start + noise)
    name_unsupported(start + noise)


def test_directories_that_point_at_each_other_come_to_an_end():
    assert len(list(read_directories(tiff({256: 5, 330: 8}, {330: 8})))) == 2


def test_a_raw_photo_is_refused_and_not_its_thumbnail_cut(case):
    with pytest.raises(ClearcutError, match="camera_raw"):
        decode(case("raw_dng_160x120_thumbnail_900x600_raw.dng"))
