"""``clearcut serve``: a resident process that runs ``cut`` for the command line, with libraries and networks loaded."""

import argparse
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ..base import resident
from ..base.errors import USER, ClearcutError
from .command_line import INTERRUPTED, main
from .terminal import Context, Terminal

if TYPE_CHECKING:
    import socket

    from ..base.settings import Settings
    from ..inference.engines import Plan
    from ..inference.pool import Pool
    from ..inference.sessions import Session
    from ..registry.cards import ModelCard

SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}
LONGEST = 7 * 24 * 3600
FOLDERS, ENDINGS = ("pipeline", "assets", "models"), (".py", ".json", ".toml")  # of what Clearcut consists of


def add_arguments(serve: argparse.ArgumentParser, terminal: Terminal) -> None:
    """Add the arguments of ``serve``."""
    serve.add_argument("--idle", metavar="TIME", default="10m", help=terminal.say("cli.serve.idle"))
    serve.set_defaults(run=run)


def run(given: argparse.Namespace, context: Context) -> int:
    """Serve until nobody asks any more, Clearcut is changed, or Ctrl+C."""
    say, note = context.terminal.say, context.terminal.note
    idle, path = parse_idle(given.idle), resident.locate_socket()
    if path is None:
        note(say("cli.serve.no_sockets"))
        return USER
    while (spare := os.open(os.devnull, os.O_RDWR)) < resident.STREAMS:  # a closed one would be taken for a socket
        pass
    os.close(spare)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # it may write to the terminal that it was put in the background of
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not resident.is_private(path.parent):
            raise PermissionError
        _claim(path.with_suffix(".lock"))
        why = _Server(path, idle, context).serve(lambda: note(say("cli.serve.ready")))
        note(say(why, idle=given.idle))
    except BlockingIOError:
        note(say("cli.serve.running"))
        return USER
    except OSError:  # also of too long a name for a socket, or a folder that was removed
        note(say("cli.serve.no_folder", folder=path.parent))
        return USER
    except KeyboardInterrupt:
        pass
    return 0


def parse_idle(text: str) -> float:
    """Seconds, of ``90s``, ``10m``, ``2h`` or ``90``. Raises ``bad_option``.

    >>> parse_idle("1.5h")
    5400.0
    """
    found = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)([smh]?)", text, re.ASCII)
    seconds = float(found[1]) * SECONDS[found[2]] if found else 0.0
    if not 0 < seconds <= LONGEST:
        raise ClearcutError("bad_option", name="idle", value=text[:100], accepted="90s, 10m, 2h … 168h")
    return seconds


class _Server:
    """Runs one request at a time, each as if in a process of its own: in its folder, its environment, its streams.

    Whatever else can be told of a request's process has to be that of this one, or it is refused.
    """

    def __init__(self, path: Path, idle: float, context: Context) -> None:
        self._path, self._idle = path, idle
        self._own = Path.cwd(), dict(os.environ)
        self._code, self._facts = stamp_code(), resident.describe_process()  # before libraries bind threads to cores
        self._networks = _Networks()
        with suppress(ClearcutError):  # the model is not here: whoever asks is told, or fetches it
            from ..cutout import warm_up

            warm_up(context.settings.model, replace(context, load=self._networks).runtime)

    def serve(self, tell_ready: Callable[[], None]) -> str:
        """Serve; the key of the words for why it has ended."""
        is_told = False
        while True:
            with self._listen() as listener:  # not while it works: others, then, work by themselves at once
                if not is_told:
                    tell_ready()
                    is_told = True
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    return "cli.serve.unused"
            with connection:
                if stamp_code() != self._code:
                    return "cli.serve.changed"
                if self._answer(connection) == INTERRUPTED:  # Ctrl+C here: whoever presses it there is gone
                    raise KeyboardInterrupt

    @contextmanager
    def _listen(self) -> "Iterator[socket.socket]":
        import socket

        self._path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            umask = os.umask(0o177)
            try:
                listener.bind(str(self._path))
            finally:
                os.umask(umask)
            try:
                listener.listen(1)
                listener.settimeout(self._idle)
                yield listener
            finally:
                self._path.unlink(missing_ok=True)

    def _answer(self, connection: "socket.socket") -> int | None:
        """Do what is asked for on a connection; the exit code, None where nothing was done."""
        import socket

        handles: list[int] = []
        connection.settimeout(resident.PATIENCE)
        try:
            request = resident.receive(connection, handles)
            if request.facts != self._facts:
                return None
            connection.sendall(resident.YES)
            if connection.recv(1) != resident.YES:  # it has lost patience and works by itself
                return None
            connection.settimeout(None)
            done = threading.Event()
            threading.Thread(target=self._watch, args=(connection, done), daemon=True).start()
            with _in_place_of(request, handles):
                code = self._run(request.arguments)
            done.set()
            connection.sendall(bytes([code]))
            return code
        except (OSError, ValueError, TypeError):  # no request, or who asked is gone
            return None
        finally:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # which the watcher notices
            for handle in handles:
                os.close(handle)

    def _run(self, arguments: list[str]) -> int:
        try:
            return main(arguments, load=self._networks)
        except SystemExit as end:  # of the parser: help, or a word that it does not know
            return int(end.code or 0)

    def _watch(self, connection: "socket.socket", done: threading.Event) -> None:
        """Begin anew if the other end is closed before the work is `done`: only that stops it at once, even in C."""
        with suppress(OSError):
            connection.recv(1)
        if not done.is_set():
            self._restart()

    def _restart(self) -> NoReturn:
        try:
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in range(resident.STREAMS):  # whose they are now must not wait for this process
                os.dup2(nowhere, stream)
            folder, environ = self._own
            os.chdir(folder)
            os.execve(sys.executable, sys.orig_argv, environ)
        finally:
            os._exit(1)


class _Networks:
    """A loader for the pools of runtimes, which come and go with requests: what it has loaded stays."""

    def __init__(self) -> None:
        self._settings: Settings | None = None
        self._pool: Pool | None = None

    def __call__(self, card: "ModelCard", planned: "Plan", settings: "Settings") -> "Session":
        """The session of `card` as `planned`; those of other settings are dropped."""
        from ..inference.pool import Pool

        if self._pool is None or self._settings != settings:
            self._settings, self._pool = settings, Pool(settings)
        session = self._pool.get(card, planned)
        if session.card != card:  # the user's own entry was changed
            self._pool.drop(card.name)
            session = self._pool.get(card, planned)
        return session


@contextmanager
def _in_place_of(request: resident.Request, handles: list[int]) -> Iterator[None]:
    """Work as the process that asks: in its folder and environment, with its streams, whose `handles` are closed."""
    *streams, folder = handles
    own, home = [os.dup(stream) for stream in range(resident.STREAMS)], os.open(".", os.O_RDONLY)
    environ, umask = dict(os.environ), os.umask(request.umask)
    objects = sys.stdin, sys.stdout, sys.stderr
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.fchdir(folder)
        while handles:
            os.close(handles.pop())
        _set_environment(request.environ)
        sys.stdin, sys.stdout, sys.stderr = map(_open_stream, range(resident.STREAMS), request.streams)
        yield
    finally:
        _flush(sys.stdout, sys.stderr)
        sys.stdin, sys.stdout, sys.stderr = objects
        for number, stream in enumerate(own):
            os.dup2(stream, number)
        os.fchdir(home)
        for handle in (*own, home):
            os.close(handle)
        _set_environment(environ)
        os.umask(umask)


def _open_stream(number: int, how: tuple[str, str | None]) -> Any:
    """A standard stream as Python opens it at its start."""
    encoding, errors = how
    buffering = 1 if number == 2 or (number == 1 and os.isatty(1)) else -1
    opened = partial(open, number, encoding=encoding, errors=errors, closefd=False)
    return opened("r") if number == 0 else opened("w", buffering=buffering)


def _flush(*streams: Any) -> None:
    """Write what is left in `streams`; what cannot be written is dropped, as it is at the end of a process."""
    for stream in streams:
        with suppress(OSError):
            stream.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        os.dup2(nowhere, stream.fileno())
        with suppress(OSError):
            stream.flush()
    os.close(nowhere)


def _set_environment(environ: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environ)


def _claim(path: Path) -> None:
    """Lock the file at `path` until this process ends. Raises `BlockingIOError` where another has done so."""
    import fcntl

    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def stamp_code() -> list[tuple[str, int, int]]:
    """The files that Clearcut consists of, with age and length, and the age of the packages' folder."""
    import sysconfig

    folders = [each for top in FOLDERS for each in os.walk(resident.ROOT / top)]
    places = [Path(folder, name) for folder, _, names in folders for name in names if name.endswith(ENDINGS)]
    places.append(Path(sysconfig.get_path("purelib")))
    stamps = []
    for place in places:
        with suppress(OSError):  # removed in this moment
            known = place.stat()
            stamps.append((str(place), known.st_mtime_ns, known.st_size))
    return sorted(stamps)
