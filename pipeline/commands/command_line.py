"""The command line: parses arguments, runs one command, and turns errors into sentences and exit codes."""

import argparse
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from .. import __version__
from ..base.errors import UNEXPECTED, USER, ClearcutError, as_clearcut_error, as_write_error
from ..base.streams import prepare_streams
from .flags import Parser, speak_argparse
from .terminal import Context, Terminal

if TYPE_CHECKING:
    from ..inference.helper import Helper
    from ..inference.pool import Loader

COMMANDS = ("cut", "batch", "video", "serve", "models", "doctor", "cache")  # each a module of this package
INTERRUPTED = 130
log = logging.getLogger("clearcut")


class _Parser(Parser):
    """An argument parser that reports an error in one line, in the language of `terminal`."""

    terminal = Terminal()

    def error(self, message: str) -> NoReturn:
        sentence = self.terminal.say("cli.parser.see", message=message, program=self.prog)
        self.exit(USER, f"{self.prog}: {sentence}\n")


def main(
    arguments: Sequence[str] | None = None,
    helper: "Helper | None" = None,
    environ: Mapping[str, str] = os.environ,
    load: "Loader | None" = None,
) -> int:
    """Run one command; its exit code: 0, or the largest of those of its errors.

    Parameters
    ----------
    arguments
        Those of this process without.
    helper
        A helper process that serves ``inference.running.ahead``, to load the network while this process starts.
    environ
        Environment variables, for settings and language.
    load
        Loads networks, in a process that keeps them.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    terminal = Terminal(prepare_streams(environ))
    speak_argparse(terminal.language)
    given = _make_parser(arguments, terminal).parse_args(arguments)
    if not log.handlers:  # warnings for people are printed as sentences instead
        log.addHandler(logging.NullHandler())
    try:
        try:
            from ..base.settings import Settings  # pydantic, which --version and a wrong word need not wait for

            context = Context(terminal, Settings.read(environ), helper, load)
            code = int(given.run(given, context))
        except ClearcutError as error:
            code = terminal.complain(error)
        except KeyboardInterrupt:
            code = INTERRUPTED
        sys.stdout.flush()
    except OSError as error:  # standard output: a full disk, or whoever read it has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNEXPECTED if isinstance(error, BrokenPipeError) else terminal.complain(as_write_error(error, "stdout"))
    except Exception as error:
        sys.stdout.flush()
        return terminal.complain(as_clearcut_error(error))
    return code


def _make_parser(arguments: Sequence[str], terminal: Terminal) -> argparse.ArgumentParser:
    """The parser of all commands; only the module of the command in `arguments` is imported for its arguments."""
    parser_class = type("Parser", (_Parser,), {"terminal": terminal})  # that of the commands' parsers too
    parser = parser_class(prog="clearcut", description=terminal.say("cli.description"))
    words = terminal.say("cli.parser.version")
    parser.add_argument("--version", action="version", version=f"Clearcut {__version__}", help=words)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name in COMMANDS:
        command = commands.add_parser(name, help=terminal.say(f"cli.{name}"), description=terminal.say(f"cli.{name}"))
        if name in arguments[:1]:
            import_module(f".{name}", __package__).add_arguments(command, terminal)
    return parser
