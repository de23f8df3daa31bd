"""The way to the resident process, ``clearcut serve``, for a command line that has imported nothing large yet."""

import json
import os
import re
import sys
from binascii import crc32
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import socket

ROOT = Path(__file__).resolve().parents[2]
YES = b"+"
PATIENCE = 1.0  # seconds that one end waits for the other before they have agreed
SIZE = 8  # bytes of the length before a request
STREAMS = 3
# Variables that libraries read once, when they are loaded: they have to be the same in both processes.
READ_ONCE = re.compile(
    "(CUDA|[DM]NNL?|GLIBC|GOMP|HIP|KMP|LD|MALLOC|MKL|NVIDIA|OMP|ONEDNN|OPENBLAS|OPENCV|OPENVINO|ORT|OV|ROCR?|TBB)_"
    "|PYTHON|TE?MP|TZ"
)


class Request(NamedTuple):
    """What the command line asks for.

    Attributes
    ----------
    arguments
        Those of the command line.
    environ, umask
        Of the process that asks; its standard streams and its folder come as file descriptors.
    streams
        Encoding and error handler of each standard stream.
    facts
        `describe_process`.
    """

    arguments: list[str]
    environ: dict[str, str]
    umask: int
    streams: list[tuple[str, str | None]]
    facts: str


def locate_socket() -> Path | None:
    """Where the resident process of this user and this installation listens; None where there are no Unix sockets."""
    if os.name != "posix":
        return None
    known = (os.environ.get(name) for name in ("XDG_RUNTIME_DIR", "XDG_CACHE_HOME"))
    home = next(filter(None, known), f"{os.environ.get('HOME', '')}/.cache")
    return Path(home, "clearcut", f"{crc32(os.fsencode(ROOT)):08x}.socket")


def is_private(folder: Path) -> bool:
    """Whether `folder` is a folder of this user's which nobody else can enter."""
    try:
        known = folder.lstat()
    except OSError:
        return False
    return known.st_uid == os.geteuid() and known.st_mode & 0o170077 == 0o040000


def describe_process() -> str:
    """What a running process cannot take over from another: only where this is equal does one work for the other."""
    import resource

    limits = [resource.getrlimit(getattr(resource, f"RLIMIT_{name}")) for name in ("AS", "CPU", "DATA", "FSIZE")]
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    ids = os.geteuid(), os.getegid(), sorted(os.getgroups()), os.getpriority(os.PRIO_PROCESS, 0)
    python = str(ROOT), sys.version, sys.prefix, sys.getfilesystemencoding()
    variables = sorted((name, value) for name, value in os.environ.items() if READ_ONCE.match(name))
    namespaces = []
    for name in ("mnt", "net", "pid", "user"):
        with suppress(OSError):  # not on Linux
            namespaces.append(str(Path("/proc/self/ns", name).readlink()))
    return repr((limits, cores, ids, python, variables, namespaces))


def hand_over(arguments: list[str]) -> int | None:
    """Have the resident process run the command line; its exit code. None where there is none that can: do it here.

    It works in this process's folder and environment, and reads and writes this process's own streams. When this
    process ends before it is done, it stops.
    """
    path = locate_socket()
    if path is None or not is_private(path.parent) or not path.exists():
        return None
    if "-" in arguments and os.isatty(0):
        return None  # a terminal is read by those who are in its foreground
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(PATIENCE)
        try:
            connection.connect(str(path))
            _send(connection, arguments)
            if connection.recv(1) != YES:  # it is of another version, or other in what cannot be changed
                return None
            connection.sendall(YES)
        except (OSError, AttributeError):  # AttributeError: a standard stream is closed
            return None
        connection.settimeout(None)
        try:
            code = connection.recv(1)
        except OSError:
            code = b""
    return code[0] if code else _tell_of_its_end()


def _send(connection: "socket.socket", arguments: list[str]) -> None:
    import socket

    umask = os.umask(0o077)
    os.umask(umask)
    streams = [(stream.encoding, stream.errors) for stream in (sys.stdin, sys.stdout, sys.stderr)]
    request = Request(arguments, dict(os.environ), umask, streams, describe_process())
    content = json.dumps(request).encode()
    folder = os.open(".", os.O_RDONLY)
    try:
        socket.send_fds(connection, [len(content).to_bytes(SIZE, "big")], [*range(STREAMS), folder])
    finally:
        os.close(folder)
    connection.sendall(content)


def receive(connection: "socket.socket", handles: list[int]) -> Request:
    """What a command line has sent; its streams and its folder are added to `handles`, whatever goes wrong later.

    Raises
    ------
    OSError, ValueError, TypeError
        It is no request, or is not whole.
    """
    import socket

    length, received, _, _ = socket.recv_fds(connection, SIZE, STREAMS + 1)
    handles += received
    with connection.makefile("rb") as file:
        request = Request(*json.loads(file.read(int.from_bytes(length, "big"))))
    if len(handles) != STREAMS + 1:
        raise ValueError
    return request


def _tell_of_its_end() -> int:
    from .errors import UNEXPECTED
    from .streams import prepare_streams
    from .words import say

    print(say("cli.serve.died", prepare_streams(os.environ)), file=sys.stderr)
    return UNEXPECTED
