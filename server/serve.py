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
from urllib.parse import urlsplit

from pipeline import (
    AUTOMATIC,
    ClearcutError,
    Runtime,
    count_bytes,
    explain,
    fetch,
    is_installed,
    is_running,
    say,
    to_megabytes,
    warm_up,
)

from .settings import ServerSettings

TEMP_PREFIX = "clearcut-run-"
SWEEP_SECONDS = 300
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
        ``needs_protection``, ``port_in_use``, ``bad_address`` or ``unknown_model``, before anything slow happens.
    """
    settings.require_protection()
    default = Runtime(settings).find_cutter(settings.model)
    with _open_listener(settings) as listener, _make_temporary_folder() as folder:
        if not is_installed(default, settings):
            size = to_megabytes(count_bytes(default, settings))
            print(say("web.fetching", language, model=default.name, megabytes=size), flush=True)
            try:
                fetch(default, settings)
            except ClearcutError as error:  # the page works without it and offers to fetch it
                print(explain(error, language), file=sys.stderr, flush=True)
        _serve_on(listener, settings, folder / "uploads", language)


def _serve_on(listener: socket.socket, settings: ServerSettings, uploads: Path, language: str) -> None:
    import uvicorn

    from .app import create_app

    served = create_app(settings, uploads)
    port = listener.getsockname()[1]
    config = uvicorn.Config(
        served.app, log_level="warning", access_log=False, timeout_graceful_shutdown=2, server_header=False,
        root_path=settings.root_path,
    )  # fmt: skip
    server = uvicorn.Server(config)
    stop = threading.Event()

    def attend() -> None:
        while not server.started:
            if stop.wait(0.02):
                return
        if settings.may_fetch_ahead and settings.model == AUTOMATIC:
            served.downloads.start_ahead()  # before the first page, which shows it
        _announce(settings, port, language)
        served.batches.recover()
        with suppress(ClearcutError):
            warm_up(settings.model, served.runtime)
        if settings.exposed:  # programs ask from the start; on one's own computer that is rare
            served.workers.open()
        if settings.share:
            _share(port, served.hosts, language)
        while not stop.wait(SWEEP_SECONDS):
            served.results.sweep()
            served.batches.sweep()

    # uvicorn raises SIGTERM again after its shutdown; the default handler would end the process before the clean-up
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    attendant = threading.Thread(target=attend, name="clearcut-attendant", daemon=True)
    attendant.start()
    try:
        server.run(sockets=[listener])
    finally:
        stop.set()
        served.results.stop()
        served.batches.stop()
        served.workers.close()
        attendant.join(10)  # else the process could end while a network is loading


def _announce(settings: ServerSettings, port: int, language: str) -> None:
    host = "localhost" if settings.host in ("127.0.0.1", "0.0.0.0", "::", "::1") else settings.host
    host = f"[{host}]" if ":" in host else host
    address = f"http://{host}:{port}{settings.root_path}"
    print(say("web.ready", language, address=address), flush=True)
    if settings.exposed and not settings.auth:
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
def _make_temporary_folder() -> Iterator[Path]:
    """A folder for all temporary files of this run, deleted afterwards; those of killed runs are deleted first."""
    for stale in Path(tempfile.gettempdir()).glob(f"{TEMP_PREFIX}*-*"):
        owner = stale.name.removeprefix(TEMP_PREFIX).partition("-")[0]
        if owner.isdigit() and not is_running(int(owner)):
            shutil.rmtree(stale, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{TEMP_PREFIX}{os.getpid()}-"))
    before = tempfile.tempdir
    tempfile.tempdir = str(folder)
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "uploads")
    try:
        yield folder
    finally:
        tempfile.tempdir = before
        shutil.rmtree(folder, ignore_errors=True)
