"""Serving: opens the port and a temporary folder, runs the app, warms up the model, opens a shared link."""

import errno
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipeline import (
    AUTOMATIC,
    ClearcutError,
    Runtime,
    check_weights,
    count_bytes,
    explain,
    fetch,
    is_installed,
    is_running,
    say,
    to_megabytes,
    warm_up,
)

from .activity import Activity
from .settings import ServerSettings
from .timing import time_when_idle
from .tokens import read_hashes

if TYPE_CHECKING:
    from .app import ServedApp

TEMP_PREFIX = "clearcut-run-"
MEMORY = Path("/dev/shm")  # what lies there is on no disk
ROOM = 1e9  # bytes that it must have, which those of containers seldom do
SWEEP_SECONDS = 300
LOOK_SECONDS = 5  # between looks whether a model that was missing has come
TAKEN = (
    errno.EADDRINUSE,
    errno.EACCES,
    getattr(errno, "WSAEADDRINUSE", errno.EADDRINUSE),
)  # by others, or kept for root


def serve(settings: ServerSettings, language: str) -> None:
    """Serve page and API until stopped; messages to the terminal are in `language`.

    Raises
    ------
    ClearcutError
        ``needs_protection``, ``bad_setting``, ``port_in_use``, ``bad_address`` or ``unknown_model``, before anything
        slow happens.
    """
    settings.require_protection()
    if settings.tokens:
        read_hashes(settings.tokens)
    default = Runtime(settings).find_cutter(settings.model)
    with _open_listener(settings) as listener, _make_temporary_folder(settings.no_store) as folder:
        if not is_installed(default, settings):
            size = to_megabytes(count_bytes(default, settings))
            print(say("web.fetching", language, model=default.name, megabytes=size), flush=True)
            try:
                fetch(default, settings)
            except ClearcutError as error:  # the page works without it and offers to fetch it
                print(explain(error, language), file=sys.stderr, flush=True)
        if settings.no_store:
            print(say(f"web.stored_in_{'memory' if folder.parent == MEMORY else 'folder'}", language), flush=True)
        _serve_on(listener, settings.store_in(folder), folder / "uploads", language)


def _serve_on(listener: socket.socket, settings: ServerSettings, uploads: Path, language: str) -> None:
    import uvicorn

    from .app import create_app
    from .connections import HastyProtocol
    from .stopping import GracefulServer

    served = create_app(settings, uploads)
    port = listener.getsockname()[1]
    config = uvicorn.Config(  # which would log what nobody foresaw once more, with its message, on many lines
        served.app, log_level="critical", access_log=False, timeout_graceful_shutdown=2, server_header=False,
        proxy_headers=False,  # whose address is believed is a setting
        root_path=settings.root_path, http=HastyProtocol,
    )  # fmt: skip
    server = GracefulServer(
        config, served.activity, settings.stop_seconds, lambda: print(say("web.stopping", language), flush=True)
    )
    stop = threading.Event()

    def attend() -> None:
        while not server.started:
            if stop.wait(0.02):
                return
        if settings.may_fetch_ahead and settings.model == AUTOMATIC:
            served.downloads.start_ahead()  # before the first page, which shows it
        _announce(settings, port, language)
        served.batches.recover()
        served.videos.recover()
        _get_ready(settings, served)
        if settings.share:
            _share(port, served.hosts, language)
        while not stop.wait(SWEEP_SECONDS if served.activity.is_warm else LOOK_SECONDS):
            _get_ready(settings, served)
            served.results.sweep()
            served.batches.sweep()
            served.videos.sweep()

    # uvicorn raises SIGTERM again after its shutdown; the default handler would end the process before the clean-up
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    attendant = threading.Thread(target=attend, name="clearcut-attendant", daemon=True)
    attendant.start()
    given = served.runtime, served.activity, stop
    loading = threading.Thread(target=_load_for_page, args=(settings, *given), name="clearcut-loading", daemon=True)
    loading.start()
    timing = threading.Thread(target=time_when_idle, args=given, name="clearcut-timing", daemon=True)
    if settings.may_measure:
        timing.start()
    try:
        server.run(sockets=[listener])
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # one more must not cut the clean-up short
        stop.set()
        served.activity.page_opened.set()
        served.results.stop()
        served.batches.stop()
        served.videos.stop()
        served.live.stop()
        served.workers.close()
        for thread in (attendant, loading, timing):
            if thread.ident:  # else the process could end while a network is loading
                thread.join(10)


def _get_ready(settings: ServerSettings, served: "ServedApp") -> None:
    """Look whether requests may come now; a model that was not here may have been fetched meanwhile.

    Where others can send them, a worker starts and loads it; on one's own computer programs seldom ask.
    """
    if not served.activity.is_warm:
        with suppress(ClearcutError):
            check_weights(served.runtime.find_cutter(settings.model), settings)
            if settings.exposed:
                served.workers.warm_up()
            served.activity.is_warm = True


def _load_for_page(settings: ServerSettings, runtime: Runtime, activity: Activity, stop: threading.Event) -> None:
    """Load the model in this process, which cuts out for the page, as soon as that is opened: programs never do."""
    activity.page_opened.wait()
    while not stop.is_set():
        with suppress(ClearcutError):
            warm_up(settings.model, runtime)
            return
        stop.wait(LOOK_SECONDS)


def _announce(settings: ServerSettings, port: int, language: str) -> None:
    host = "localhost" if settings.host in ("127.0.0.1", "0.0.0.0", "::", "::1") else settings.host
    host = f"[{host}]" if ":" in host else host
    address = f"http://{host}:{port}{settings.root_path}"
    print(say("web.ready", language, address=address), flush=True)
    if settings.exposed and not settings.is_locked:
        print(say("web.public", language), flush=True)
    print(say("web.stop", language), flush=True)
    if settings.open:
        with suppress(webbrowser.Error):
            webbrowser.open(address)


def _share(port: int, hosts: set[str], language: str) -> None:
    """Open Gradio's tunnel to this port; its requests pass the same guard."""
    from gradio.networking import setup_tunnel

    try:
        address = setup_tunnel("127.0.0.1", port, secrets.token_urlsafe(32), None, None)
    except Exception:
        print(say("web.not_shared", language), file=sys.stderr, flush=True)
        return
    hosts.add((urlsplit(address).hostname or "").lower())
    print(say("web.shared", language, address=address), flush=True)


@contextmanager
def _open_listener(settings: ServerSettings) -> Iterator[socket.socket]:
    """A socket that listens at the address of `settings`, opened before anything slow is loaded."""
    host = "127.0.0.1" if settings.host.lower() == "localhost" else settings.host
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, settings.port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError:
        raise ClearcutError("bad_address", host=settings.host) from None
    with listener:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(128)
        except OSError as error:
            if error.errno in TAKEN:
                raise ClearcutError("port_in_use", port=settings.port, other=settings.port % 65535 + 1) from None
            raise ClearcutError("bad_address", host=settings.host) from None
        yield listener


@contextmanager
def _make_temporary_folder(in_memory: bool = False) -> Iterator[Path]:
    """A folder for all temporary files of this run, deleted afterwards; those of killed runs are deleted first."""
    for stale in (each for place in (Path(tempfile.gettempdir()), MEMORY) for each in place.glob(f"{TEMP_PREFIX}*-*")):
        owner = stale.name.removeprefix(TEMP_PREFIX).partition("-")[0]
        if owner.isdigit() and not is_running(int(owner)):
            shutil.rmtree(stale, ignore_errors=True)
    place = MEMORY if in_memory and _has_room(MEMORY) else None
    folder = Path(tempfile.mkdtemp(prefix=f"{TEMP_PREFIX}{os.getpid()}-", dir=place))
    before = tempfile.tempdir
    tempfile.tempdir = str(folder)
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "uploads")
    try:
        yield folder
    finally:
        tempfile.tempdir = before
        shutil.rmtree(folder, ignore_errors=True)


def _has_room(folder: Path) -> bool:
    """Whether files can lie in `folder`, and enough of them."""
    try:
        return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > ROOM
    except OSError:
        return False
