"""The door of the page: read the settings, prepare the process, serve the page and the API."""

import os
import sys
from argparse import ArgumentParser

from pipeline import prepare_libraries

prepare_libraries()  # before anything large is imported

from pipeline import (  # noqa: E402
    ClearcutError,
    __version__,
    add_flags,
    detect_language,
    explain,
    pick_given_values,
    prepare_process,
    say,
    speak_argparse,
)
from server.settings import ServerSettings  # noqa: E402


def main() -> int:
    """Serve until stopped. A flag is the same as its variable ``CLEARCUT_<FLAG>``, for this run."""
    language = detect_language(os.environ)
    speak_argparse(language)
    parser = ArgumentParser(prog="webui.py", description=say("web.description", language))
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
