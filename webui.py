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


def main() -> int:
    """Serve until stopped. A flag is the same as its variable ``CLEARCUT_<FLAG>``, for this run."""
    language = prepare_streams(os.environ)
    speak_argparse(language)
    parser = Parser(prog="webui.py", description=say("web.description", language))
    parser.add_argument(
        "--version", action="version", version=f"Clearcut {__version__}", help=say("cli.parser.version", language)
    )
    add_flags(parser, ServerSettings, "setting", language)
    given = pick_given_values(parser.parse_args(), ServerSettings)
    try:
        settings = ServerSettings.read(os.environ, **given)
        prepare_process()
        from server.serve import serve

        serve(settings, language)
    except ClearcutError as error:
        print(explain(error, language), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
