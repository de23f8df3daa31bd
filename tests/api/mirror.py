"""A real web server with weight files, which hands them out as slowly as a test needs."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

BLOCKS, SMALL, PAUSE = 20, 4000, 0.05  # parts of a file: of its first half, of the rest; seconds between two of them


class Mirror:
    """A mirror of weight files.

    Until `free` is set it gives the first half of a file block by block, then ever a little more for minutes, so that
    it still goes on whenever a test looks, and keeps the last bytes back; where it is `mute` it does not even begin to
    answer.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.free = threading.Event()
        self.mute = False
        self.asked: list[str] = []
        self.address = ""

    def begin_anew(self) -> None:
        """Be slow again, as if nobody had asked for anything."""
        self.free, self.mute, self.asked = threading.Event(), False, []

    def give(self, request: http.server.BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        file = self.folder / request.path.lstrip("/")
        self.asked.append(file.name)
        free = self.free
        if self.mute:
            free.wait()
        if not file.is_file():
            return request.send_error(404)
        data = file.read_bytes()
        request.send_response(200)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        half, small = len(data) // 2, max(1, len(data) // SMALL)
        last = len(data) - small
        ends = [half * (1 + block) // BLOCKS for block in range(BLOCKS)] + [*range(half + small, last, small), last]
        for start, end in pairwise([0, *ends]):
            request.wfile.write(data[start:end])
            free.wait(PAUSE)
        free.wait()
        request.wfile.write(data[last:])


@contextmanager
def mirroring(folder: Path) -> Iterator[Mirror]:
    """Serve `folder` on a free port."""
    mirror = Mirror(folder)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                mirror.give(self)
            except OSError:  # whoever asked has hung up
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        mirror.address = f"http://127.0.0.1:{web.server_port}"
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield mirror
        mirror.free.set()
        web.shutdown()
