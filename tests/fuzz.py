"""Pictures for fuzzing: a small corpus from the project's own factory, and ways to damage it.

``python -m tests.fuzz [RUNS]`` fuzzes `decode` with atheris, which follows the branches that a file takes. It is not
among the requirements of the tests: ``pip install atheris``.
"""

import os
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pillow_heif
from hypothesis import strategies as st
from PIL import Image

from pipeline import ClearcutError, decode, prepare_process
from tests.pictures import composite, encoded, icc_profile

MEGAPIXELS = 1.0  # that are decoded at most, so that one input takes no minute
LONGEST = 20_000  # bytes of an input
RUNS = 10_000
EXAMPLES = int(os.environ.get("CLEARCUT_TEST_EXAMPLES", "6"))  # of each operation; more by hand


@cache
def make_corpus() -> dict[str, bytes]:
    """A small file of each kind that is read, by name."""
    pillow_heif.register_heif_opener()
    rgb = Image.fromarray(composite(24, 18).rgb)
    rgba, palette = rgb.copy(), rgb.quantize(16)
    rgba.putalpha(rgb.convert("L"))
    exif = Image.Exif()
    exif[274] = 6  # lies on its side
    profile = icc_profile(None, 2.2)
    return {
        **{f"rgb.{format.lower()}": encoded(rgb, format) for format in ("PNG", "JPEG", "WEBP", "AVIF", "HEIF", "BMP")},
        **{f"alpha.{format.lower()}": encoded(rgba, format) for format in ("PNG", "WEBP", "AVIF", "HEIF", "TIFF")},
        "grey16.png": encoded(rgb.convert("I;16")),
        "palette.png": encoded(palette, transparency=3),
        "bits.png": encoded(rgb.convert("1")),
        "profile.png": encoded(rgb, icc_profile=profile),
        "turned.jpg": encoded(rgb, "JPEG", exif=exif),
        "cmyk.jpg": encoded(rgb.convert("CMYK"), "JPEG"),
        "progressive.jpg": encoded(rgb, "JPEG", progressive=True, icc_profile=profile),
        "lzw.tiff": encoded(rgb, "TIFF", compression="tiff_lzw"),
        "pages.tiff": encoded(rgb, "TIFF", save_all=True, append_images=[rgba]),
        "moving.gif": encoded(palette, "GIF", save_all=True, append_images=[rgb.transpose(0).quantize(8)]),
        "moving.webp": encoded(rgba, "WEBP", save_all=True, append_images=[rgb]),
        "icon.ico": encoded(rgba, "ICO"),
    }


@st.composite
def damaged_pictures(draw: st.DrawFn) -> bytes:
    """A file of the corpus with some bytes changed, left out, put in or taken from another file."""
    data = bytearray(draw(st.sampled_from(sorted(make_corpus().values()))))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, min(64, len(data) - at)))
        data[at : at + length] = draw(st.binary(max_size=32) | st.just(data[:length]))
    return bytes(data)


def decode_anything(data: bytes) -> None:
    """Whatever the bytes are, there is a picture or an error that a person understands."""
    try:
        decode(data, "a", MEGAPIXELS)
    except ClearcutError as error:
        assert error.code != "unexpected", error


def main() -> None:
    """Fuzz `decode`; a crash leaves its input in a file ``crash-…``."""
    import atheris

    prepare_process()
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    with TemporaryDirectory() as folder:
        for name, data in make_corpus().items():
            Path(folder, name).write_bytes(data)
        flags = [sys.argv[0], f"-runs={runs}", f"-max_len={LONGEST}", "-rss_limit_mb=4096", folder]
        atheris.instrument_all()
        atheris.Setup(flags, decode_anything)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
