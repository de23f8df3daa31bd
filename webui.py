"""The door of the page: read the settings, prepare the process, serve the page and the API."""

import os
import sys

from pipeline import prepare_libraries

prepare_libraries()  # before anything large is imported

from pipeline import (  # noqa: E402
    ClearcutError,
    Parser,
    __version__,
    add_flags,
    explain,
    pick_given_values,
    prepare_process,
    prepare_streams,
    say,
    speak_argparse,
)
from server.settings import ServerSettings  # noqa: E402


def make_parser(language: str) -> Parser:
    """The parser of all flags: those of the settings, and what is done instead of serving."""
    parser = Parser(prog="webui.py", description=say("web.description", language))
    parser.add_argument(
        "--version", action="version", version=f"Clearcut {__version__}", help=say("cli.parser.version", language)
    )
    parser.add_argument("--new-token", metavar=say("web.new_token.unit", language), help=say("web.new_token", language))
    add_flags(parser, ServerSettings, "setting", language)
    return parser


def show_new_token(name: str, settings: ServerSettings, language: str) -> int:
    """Make a token and print it, this once. Raises ``bad_setting``."""
    from server.tokens import make_token

    if settings.tokens is None:
        facts = {"value": "", "accepted": say("web.tokens_file"), "unit": "web.tokens_file"}
        raise ClearcutError("bad_setting", name="--tokens", **facts)
    print(make_token(name, settings.tokens))
    print(say("web.token_made", language, name=name, file=settings.tokens), file=sys.stderr)
    return 0


def main() -> int:
    """Serve until stopped. A flag is the same as its variable ``CLEARCUT_<FLAG>``, for this run."""
    language = prepare_streams(os.environ)
    speak_argparse(language)
    arguments = make_parser(language).parse_args()
    try:
        settings = ServerSettings.read(os.environ, **pick_given_values(arguments, ServerSettings))
        if arguments.new_token is not None:
            return show_new_token(arguments.new_token, settings, language)
        prepare_process()
        from server.logs import prepare_log
        from server.serve import serve

        prepare_log(settings.log)
        serve(settings, language)
    except ClearcutError as error:
        print(explain(error, language), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
