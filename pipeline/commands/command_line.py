"""The command line: its commands, of which each has a room of its own, and how they end."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from .. import __version__
from ..base.errors import UNEXPECTED, USER, ClearcutError, as_clearcut_error, write_error
from ..base.words import complain, say
from ..inference.helper import Helper

COMMANDS = {"cut": "cut_command", "models": "models_command", "doctor": "doctor", "cache": "cache_command"}
INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is one sentence."""

    def error(self, message: str) -> NoReturn:
        self.exit(USER, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None, helper: Helper | None = None) -> int:
    """Run one command; its exit code: 0, or the worst of `KINDS` in ``errors.py`` that came up.

    A `helper`, which serves sessions, may load the network meanwhile.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    given = _parser(arguments).parse_args(arguments)
    given.helper = helper
    logging.getLogger("clearcut").addHandler(logging.NullHandler())  # what concerns a person is told as a sentence
    try:
        try:
            code = int(given.run(given))
        except ClearcutError as error:
            code = complain(error)
        except KeyboardInterrupt:
            code = INTERRUPTED
        sys.stdout.flush()
    except OSError as error:  # standard output: a full disk, or whoever read it has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNEXPECTED if isinstance(error, BrokenPipeError) else complain(write_error(error, "stdout"))
    except Exception as error:
        sys.stdout.flush()
        return complain(as_clearcut_error(error))
    return code


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of every command, which knows what one takes where that is the one asked for."""
    parser = _Parser(prog="python -m pipeline", description=say("cli.description"))
    parser.add_argument("--version", action="version", version=f"Clearcut {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, room in COMMANDS.items():
        command = commands.add_parser(name, help=say(f"cli.{name}"), description=say(f"cli.{name}"))
        if name in arguments[:1]:
            import_module(f".{room}", __package__).arguments(command)
    return parser
