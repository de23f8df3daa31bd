"""Settings of the whole process, made once where a program starts; importing the library changes nothing."""

import ctypes
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType

KEPT_BYTES = 64 << 20
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of <malloc.h>
PR_SET_PDEATHSIG = 1  # of <sys/prctl.h>: what a process is sent when its parent ends
# Libraries read these when they are imported; without them they would report their use, or search for plugins.
QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
}
NOT_WANTED = ("openvino.tools.ovc",)  # OpenVINO's converter: slow to load, and it brings a client that reports its use
RUN_MODULE = (  # the first two arguments: where modules are, and which one to run
    "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module(sys.argv.pop(1), None, '__main__', True)"
)
_importing = threading.Lock()
_silencing = threading.RLock()


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


def make_command(module: str, *arguments: str) -> list[str]:
    """The command line that runs a module of the pipeline in a process of its own, from any folder.

    Neither the folder that it runs in nor ``PYTHONSAFEPATH`` and its like have a say in which modules it finds.
    """
    return [sys.executable, "-P", "-c", RUN_MODULE, str(Path(__file__).parents[2]), module, *arguments]


def end_with_parent(parent: int) -> None:
    """Have this process killed when `parent`, which started it, ends, even inside a C library. Only on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before prctl took effect
            os._exit(0)


def import_quietly(name: str) -> ModuleType:
    """Import a library that would report its use, or load what nobody needs, and leave the process as it was.

    For engines, which are imported when a network is first loaded, also in programs of others that have not called
    `prepare_process`.
    """
    with _importing:  # first, since a module stands in sys.modules before it is whole
        if name in sys.modules:
            return sys.modules[name]
        variables = {each: os.environ.get(each) for each in QUIET}
        hidden = [each for each in NOT_WANTED if each not in sys.modules]
        os.environ.update(QUIET)
        sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
        try:
            return import_module(name)
        finally:
            for each in hidden:
                sys.modules.pop(each, None)
            for variable, value in variables.items():
                if value is None:
                    del os.environ[variable]
                else:
                    os.environ[variable] = value


def prepare_pictures() -> None:
    """Let Pillow open pictures of any size without warnings, and glibc keep freed memory (`keep_freed_memory`)."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # `decode` checks the size itself
    warnings.filterwarnings("ignore", module="PIL")  # of broken EXIF and the like, which a user cannot mend
    keep_freed_memory()


@contextmanager
def silence_streams() -> Iterator[None]:
    """Discard what is written to standard output and standard error inside, by C code too, of all threads.

    For libraries that print while they load: standard output may be a picture.
    """
    with _silencing:  # two at once would put back one another's silence
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, ValueError, OSError):  # none, or closed
                stream.flush()
        saved, nowhere = [os.dup(1), os.dup(2)], os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
            with open(os.devnull, "w") as silent, redirect_stdout(silent), redirect_stderr(silent):  # noqa: PTH123
                yield
            with suppress(AttributeError, OSError, TypeError):  # not on Windows
                ctypes.CDLL(None).fflush(None)
        finally:
            for number, original in enumerate(saved, start=1):
                os.dup2(original, number)
                os.close(original)
            os.close(nowhere)


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
