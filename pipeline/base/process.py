"""Settings of the whole process, made once where a program starts; importing the library changes nothing."""

import ctypes
import os
import sys
import warnings

KEPT_BYTES = 64 << 20
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of <malloc.h>
# Libraries read these when they are imported; without them they would report their use, or search for plugins.
QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
}
NOT_WANTED = ("openvino.tools.ovc",)  # OpenVINO's converter: slow to load, and it brings a client that reports its use


def prepare_process() -> None:
    """Prepare this process for pictures: no telemetry, no size limit of Pillow's, faster reuse of freed memory.

    To be called once by a program, before it imports large libraries. It changes environment variables, Pillow, the
    filters of `warnings` and the allocator, which a library must not do to the program that imports it.
    """
    prepare_libraries()
    prepare_pictures()


def prepare_libraries() -> None:
    """Keep libraries that are imported later from reporting their use and from loading what is not needed."""
    os.environ.update(QUIET)
    for name in NOT_WANTED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]


def prepare_pictures() -> None:
    """Let Pillow open pictures of any size without warnings, and glibc keep freed memory (`keep_freed_memory`)."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # `decode` checks the size itself
    warnings.filterwarnings("ignore", module="PIL")  # of broken EXIF and the like, which a user cannot mend
    keep_freed_memory()


def keep_freed_memory() -> None:
    """Have glibc keep up to `KEPT_BYTES` of freed memory, since work on tiles allocates the same sizes again at once.

    Without it the kernel clears new pages for each array of some megabytes, a tenth of the time of a photo. Does
    nothing with other C libraries.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, another system
        return
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
    mallopt(M_MMAP_THRESHOLD, KEPT_BYTES // 8)
