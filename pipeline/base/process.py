"""What a program does to its own process once, at its door. Importing the pipeline does none of this."""

import ctypes
import os
import sys
import warnings

KEPT_BYTES = 64 << 20
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of <malloc.h>
# Libraries that read these when they are imported, and would report to their makers or look around otherwise.
QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
}
NOT_WANTED = ("openvino.tools.ovc",)  # OpenVINO's converter: slow to load, and it brings a client that reports its use


def prepare_process() -> None:
    """Make this process one that serves pictures: quiet libraries, memory that stays at hand, pictures of any size.

    For programs. A library that is imported into somebody else's program must not do this behind their back.
    """
    prepare_libraries()
    prepare_pictures()


def prepare_libraries() -> None:
    """Keep what will be imported from reporting its use, and from loading what nobody needs."""
    os.environ.update(QUIET)
    for name in NOT_WANTED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]


def prepare_pictures() -> None:
    """Let Pillow open pictures of any size without warnings, and let glibc keep memory that was freed."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # `decode` has the limit, from the header, with a sentence of its own
    warnings.filterwarnings("ignore", module="PIL")  # broken EXIF and its kin: nothing that the user could mend
    keep_freed_memory()


def keep_freed_memory() -> None:
    """Have glibc keep up to `KEPT_BYTES` that were freed: what works tile by tile asks for them again at once.

    Without this every array of a few megabytes costs its pages anew, a tenth of the time of a photo. Nothing elsewhere.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, another system
        return
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
    mallopt(M_MMAP_THRESHOLD, KEPT_BYTES // 8)
